"""Typed reading of the attributes of the terminal's objects: nothing is taken for zero that is missing."""

from __future__ import annotations

import math


class FieldError(ValueError):
    """An object of the terminal lacks a field, or has something there that cannot be meant."""

    def __init__(self, source: object, name: str, value: object) -> None:
        super().__init__(f"{type(source).__name__} 的字段 {name} 无效：{value!r}")


def whole(source: object, name: str) -> int:
    """A whole number. Raises `FieldError` for None, NaN, text and fractions."""
    value = getattr(source, name, None)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise FieldError(source, name, value)


def number(source: object, name: str) -> float:
    """A finite number. Raises `FieldError` for anything else."""
    value = getattr(source, name, None)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise FieldError(source, name, value)


def words(source: object, name: str) -> str:
    """A text without the blanks and zero bytes around it. Raises `FieldError` where there is none."""
    value = getattr(source, name, None)
    if isinstance(value, str):
        return value.strip("\0 \t\r\n")
    raise FieldError(source, name, value)


def words_or_none(source: object, name: str) -> str:
    """A text, '' where the object has no such field or no text in it."""
    value = getattr(source, name, None)
    return value.strip("\0 \t\r\n") if isinstance(value, str) else ""


def number_or_zero(source: object, name: str) -> float:
    """A finite number, 0.0 where older builds have no such field."""
    value = getattr(source, name, None)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable and value is not None else 0.0
