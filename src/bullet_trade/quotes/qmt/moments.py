"""The terminal's times as naive Beijing time and back, whatever the machine's time zone is. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bullet_trade.domain.errors import DataError

EPOCH = datetime(1970, 1, 1, 8)
"""The beginning of the count, in Beijing."""


def moment(milliseconds: float) -> datetime:
    """When that is. Raises `DataError` for a number that cannot be a time."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError) as error:
        raise DataError(f"QMT 给出的时间 {milliseconds!r} 无法理解", "升级 QMT 和 xtquant") from error


def stamp(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def day_text(day: date) -> str:
    """``YYYYMMDD``."""
    return f"{day:%Y%m%d}"


def read_day(value: object) -> date | None:
    """A day written ``YYYYMMDD`` as text or number; None for what is not one (``0``, ``99999999``)."""
    text = str(value)
    if len(text) != len("YYYYMMDD"):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
