"""Random numbers that can be asked for at any place: a counter hashed under a key (SplitMix64's finaliser).

There is no state, so one number costs the same whether or not its neighbours were ever drawn. Only 64-bit integer
arithmetic is used: the same bits on every machine and with every numpy.
"""

from __future__ import annotations

import hashlib
from typing import NewType

import numpy as np
from numpy.typing import NDArray

Key = NewType("Key", int)
"""Names one stream; 64 bits."""

UintArray = NDArray[np.uint64]
LaneArray = NDArray[np.uint16]

LANES = 4
"""16-bit lanes in one 64-bit word."""
LANE_RANGE = 65_536

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MULTIPLY_1 = 0xBF58476D1CE4E5B9
_MULTIPLY_2 = 0x94D049BB133111EB
_U_GOLDEN, _U_MULTIPLY_1, _U_MULTIPLY_2 = (np.uint64(x) for x in (_GOLDEN, _MULTIPLY_1, _MULTIPLY_2))
_U27, _U30, _U31 = (np.uint64(x) for x in (27, 30, 31))


def stream_key(seed: int, *parts: str) -> Key:
    """The key of the stream named by `seed` and `parts`."""
    text = "|".join((str(seed), *parts)).encode("ascii")
    return Key(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little"))


def words(key: Key, counters: UintArray) -> UintArray:
    """One 64-bit word for each counter, in the shape of `counters`."""
    state = (counters + np.uint64(1)) * _U_GOLDEN
    state += np.uint64(key)
    return mix(state)


def mix(state: UintArray) -> UintArray:
    """Scramble `state` in place and return it; distinct inputs give distinct outputs."""
    scratch = state >> _U30
    state ^= scratch
    state *= _U_MULTIPLY_1
    np.right_shift(state, _U27, out=scratch)
    state ^= scratch
    state *= _U_MULTIPLY_2
    np.right_shift(state, _U31, out=scratch)
    state ^= scratch
    return state


def lanes(source: UintArray) -> LaneArray:
    """The words cut into four independent 16-bit numbers each: shape (..., 4)."""
    return source.view("<u2").reshape(*source.shape, LANES)


def word(key: Key, counter: int) -> int:
    """The same number as `words` for a single counter, without an array."""
    x = ((counter + 1) * _GOLDEN + key) & _MASK
    x = ((x ^ (x >> 30)) * _MULTIPLY_1) & _MASK
    x = ((x ^ (x >> 27)) * _MULTIPLY_2) & _MASK
    return x ^ (x >> 31)


def unit(key: Key, counter: int) -> float:
    """A number in [0, 1), a multiple of 2**-32."""
    return (word(key, counter) >> 32) / 4_294_967_296.0


def below(key: Key, counter: int, bound: int) -> int:
    """A whole number in [0, bound)."""
    return (word(key, counter) >> 32) * bound >> 32


def bell(key: Key, counter: int) -> float:
    """A bell-shaped number: mean 0, variance 1, within +-3.5 (the sum of four uniform lanes)."""
    x = word(key, counter)
    total = (x & 0xFFFF) + (x >> 16 & 0xFFFF) + (x >> 32 & 0xFFFF) + (x >> 48)
    return (total - 131_070) / 37_837.2
