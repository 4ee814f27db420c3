"""What `g` holds, told without the strategy: names, types and sizes.

The loader admits the same data types as a restart does; whatever else the pickle names becomes an empty stand-in, so
that nothing of the strategy's or of anybody's code runs.
"""

from __future__ import annotations

import io
import pickle

import msgspec

from bullet_trade.store.safe_pickle import Admission, RefusedError


class Attribute(msgspec.Struct, frozen=True):
    """One attribute of `g`: its type, and its size in words ('' where it has none)."""

    name: str
    type: str
    size: str


class _StandIn:
    """Takes whatever a pickle builds it from, and keeps none of it."""

    def __init__(self, *_: object, **__: object) -> None:
        """Nothing is kept."""

    def __new__(cls, *_: object, **__: object) -> _StandIn:
        return object.__new__(cls)

    def __call__(self, *_: object) -> _StandIn:
        return self

    def __setstate__(self, _: object) -> None:
        """Nothing is kept."""

    def __setitem__(self, _: object, __: object) -> None:
        """Nothing is kept."""

    def append(self, _: object) -> None:
        """Nothing is kept."""

    def extend(self, _: object) -> None:
        """Nothing is kept."""

    def add(self, _: object) -> None:
        """Nothing is kept."""


class _Loader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        try:
            return Admission(None).resolve(module, name)
        except RefusedError:
            return type(name.rsplit(".", 1)[-1], (_StandIn,), {"__module__": module})


def summarize(content: bytes) -> list[Attribute] | None:
    """The attributes in the pickle of `g`, by name; None where it cannot be read."""
    try:
        loaded = _Loader(io.BytesIO(content)).load()
    except Exception:  # noqa: BLE001 - a damaged pickle can raise anything, and the answer is that it cannot be read
        return None
    if not isinstance(loaded, dict):
        return None
    return [Attribute(str(name), _type(value), _size(value)) for name, value in sorted(loaded.items(), key=_by_name)]


def _by_name(item: tuple[object, object]) -> str:
    return str(item[0])


def _type(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ in ("builtins", "datetime") else f"{kind.__module__}.{kind.__name__}"


def _size(value: object) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return "×".join(str(length) for length in shape)
    if isinstance(value, str):
        return f"{len(value)} 字"
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} 字节"
    if isinstance(value, dict | list | tuple | set | frozenset):
        return f"{len(value)} 项"
    return ""
