"""Lengths of bars as strategies write them: ``'1d'``, ``'daily'``, ``'5m'``, ``'60m'``, ``'1w'``, ``'1M'``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from bullet_trade.domain.errors import StrategyError

MINUTE, DAY, WEEK, MONTH = "m", "d", "w", "M"

_WORDS = {
    "daily": (1, DAY),
    "day": (1, DAY),
    "minute": (1, MINUTE),
    "weekly": (1, WEEK),
    "week": (1, WEEK),
    "monthly": (1, MONTH),
    "month": (1, MONTH),
}
_FORM = re.compile(r"([1-9][0-9]{0,3})?([mdwMDWh])")
_LETTERS = {"D": (1, DAY), "W": (1, WEEK), "h": (60, MINUTE)}


class Interval(NamedTuple):
    """`size` units of `unit`: minutes, sessions, weeks or months."""

    size: int
    unit: str


@lru_cache(maxsize=256)
def interval(text: object) -> Interval:
    """Read a unit or frequency. Raises `StrategyError` for what is none, or for several weeks or months in one bar."""
    if isinstance(text, str):
        if text in _WORDS:
            return Interval(*_WORDS[text])
        match = _FORM.fullmatch(text)
        if match is not None:
            scale, unit = _LETTERS.get(match[2], (1, match[2]))
            count = int(match[1] or 1) * scale
            if unit in (MINUTE, DAY) or count == 1:
                return Interval(count, unit)
    raise StrategyError(f"不支持的周期 {text!r}", "可用：'1m'、'5m' 等任意分钟数，'1d'、'5d' 等任意天数，'1w'，'1M'")
