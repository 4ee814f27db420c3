"""A cache bounded by the bytes of what it holds; the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Something that knows how much memory its arrays take."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


class ByteCache(Generic[K, V]):
    """Values loaded once per key and kept while they fit into `limit_bytes`; the newest always is."""

    def __init__(self, load: Callable[[K], V], limit_bytes: int) -> None:
        self._load = load
        self._limit = limit_bytes
        self._held: OrderedDict[K, V] = OrderedDict()
        self._bytes = 0

    def get(self, key: K) -> V:
        """The value of `key`, loaded if it is not held."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
            return found
        value = self._load(key)
        self._held[key] = value
        self._bytes += value.nbytes
        while self._bytes > self._limit and len(self._held) > 1:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
        return value
