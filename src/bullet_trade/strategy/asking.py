"""Finds the line of the strategy that is asking for an order."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

from bullet_trade.engine.asked import Asked

_PACKAGE = str(Path(__file__).parents[1])

SHOWN = 2
"""Arguments of the call that are told: the security, and the amount, value or percentage."""


def asked() -> Asked:
    """The outermost function of ours that the strategy called, its first arguments, and the strategy's own line."""
    frame: FrameType | None = sys._getframe(1)
    ours = frame
    while frame is not None and _ours(frame.f_code):
        ours, frame = frame, frame.f_back
    assert ours is not None
    values = ours.f_locals
    call = f"{ours.f_code.co_name}({', '.join(_shown(values.get(name)) for name in _told(ours.f_code))})"
    return Asked(call, f"{_place(frame.f_code)}:{frame.f_lineno}" if frame is not None else "")


@cache
def _ours(code: CodeType) -> bool:
    return code.co_filename.startswith(_PACKAGE)


@cache
def _told(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: min(SHOWN, code.co_argcount)]


@cache
def _place(code: CodeType) -> str:
    return f"{code.co_name} {Path(code.co_filename).name}"


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and not value.is_integer() else f"{value}"
