"""Finds the line of the strategy that is asking for an order."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

from bullet_trade.engine.asked import Asked

_PACKAGE = str(Path(__file__).parents[1])

SHOWN = 2
"""Arguments of the call that are told: the security, and the amount, value or percentage."""


def asked() -> Asked:
    """The outermost function of ours that the strategy called, its first arguments, and the strategy's own line."""
    frame: FrameType | None = sys._getframe(1)
    ours = frame
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        ours, frame = frame, frame.f_back
    assert ours is not None
    code = ours.f_code
    values = [ours.f_locals.get(name) for name in code.co_varnames[: min(SHOWN, code.co_argcount)]]
    call = f"{code.co_name}({', '.join(_shown(value) for value in values)})"
    if frame is None:
        return Asked(call)
    at = frame.f_code
    return Asked(call, f"{at.co_name} {Path(at.co_filename).name}:{frame.f_lineno}")


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and not value.is_integer() else f"{value}"
