"""JoinQuant's schedule: time expressions, and the days on which a weekly or monthly task is due. Pure.

Source: the platform's documentation of run_daily, run_weekly and run_monthly, and the forms that strategies use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum

import msgspec

from bullet_trade.domain.errors import StrategyError


class Anchor(Enum):
    """What a time expression counts from."""

    MIDNIGHT = "midnight"
    OPEN = "open"
    CLOSE = "close"
    EVERY_MINUTE = "every_minute"


class TimeExpression(msgspec.Struct, frozen=True):
    """A parsed time of day: seconds after (or before) its anchor."""

    anchor: Anchor
    offset_s: int = 0


OPEN_TIME = time(9, 30)
CLOSE_TIME = time(15, 0)

WORDS = {
    "every_bar": TimeExpression(Anchor.EVERY_MINUTE),
    "every_minute": TimeExpression(Anchor.EVERY_MINUTE),
    "open": TimeExpression(Anchor.OPEN),
    "close": TimeExpression(Anchor.CLOSE),
    "before_open": TimeExpression(Anchor.OPEN, -30 * 60),
    "after_close": TimeExpression(Anchor.CLOSE, 30 * 60),
    "morning": TimeExpression(Anchor.MIDNIGHT, 8 * 3600),
    "night": TimeExpression(Anchor.MIDNIGHT, 20 * 3600),
}

_CLOCK = re.compile(r"(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?")
_OFFSET = re.compile(r"(open|close)([+-])((?:\d+[hms])+)")
_PART = re.compile(r"(\d+)([hms])")
_UNIT_S = {"h": 3600, "m": 60, "s": 1}

MINUTES: tuple[timedelta, ...] = tuple(
    timedelta(minutes=minute) for minute in (*range(9 * 60 + 30, 11 * 60 + 30), *range(13 * 60, 15 * 60))
)
"""The starts of a day's 240 minutes, counted from midnight."""


def parse_time(expression: object) -> TimeExpression:
    """Parse ``9:30``, ``14:50:30``, ``open``, ``close-5m``, ``before_open``, ``every_bar`` and their like.

    Raises `StrategyError` naming what was given and what is understood.
    """
    if isinstance(expression, time):
        return TimeExpression(Anchor.MIDNIGHT, expression.hour * 3600 + expression.minute * 60 + expression.second)
    if isinstance(expression, str):
        wanted = expression.strip().lower().replace(" ", "")
        if wanted in WORDS:
            return WORDS[wanted]
        if match := _CLOCK.fullmatch(wanted):
            hour, minute, second = (int(part or 0) for part in match.groups())
            if hour < 24 and minute < 60 and second < 60:
                return TimeExpression(Anchor.MIDNIGHT, hour * 3600 + minute * 60 + second)
        if match := _OFFSET.fullmatch(wanted):
            sign = 1 if match[2] == "+" else -1
            seconds = sum(int(number) * _UNIT_S[unit] for number, unit in _PART.findall(match[3]))
            return TimeExpression(Anchor.OPEN if match[1] == "open" else Anchor.CLOSE, sign * seconds)
    raise StrategyError(
        f"无法识别的运行时间 {expression!r}",
        "可用写法：'9:30'、'14:50:30'、'open'、'close-5m'、'before_open'、'after_close'、'every_bar'",
    )


def moment(expression: TimeExpression, day: date) -> datetime:
    """The instant of `day` that a single-moment expression means; not for `EVERY_MINUTE`."""
    base = {Anchor.OPEN: OPEN_TIME, Anchor.CLOSE: CLOSE_TIME}.get(expression.anchor, time())
    return datetime.combine(day, base) + timedelta(seconds=expression.offset_s)


_MORNING_S, _NOON_S, _AFTERNOON_S, _HALF_S = 34_200.0, 41_400.0, 46_800.0, 7_200.0
"""09:30, 11:30 and 13:00 in seconds of the day; the length of each half."""


def traded_s(at: datetime) -> float:
    """Seconds of continuous trading of its day up to `at`: 0 before 09:30, 14,400 from 15:00."""
    second = at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6
    if second <= _NOON_S:
        return max(0.0, second - _MORNING_S)
    return _HALF_S + min(_HALF_S, max(0.0, second - _AFTERNOON_S))


class Period(Enum):
    """How often a task recurs."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


def due_in_period(sessions: Sequence[date], day: date, index: int, start: date, force: bool) -> bool:
    """Whether a weekly or monthly task is due on `day`.

    `sessions` are all sessions of the week or month, future ones included; `index` counts trading days from 1, or from
    the end with -1. With `force`, the period in which the strategy started (on `start`) counts from that day, and an
    index larger than the period means its last day (its first, when negative).
    """
    days = [session for session in sessions if session >= start] if force else list(sessions)
    if day not in days:
        return False
    if force:
        index = max(-len(days), min(len(days), index))
    position = index - 1 if index > 0 else len(days) + index
    return 0 <= position < len(days) and days[position] == day
