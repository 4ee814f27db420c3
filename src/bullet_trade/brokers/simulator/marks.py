"""The instants of a day at which the simulated exchange moves."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from bullet_trade.brokers.simulator.day_rules import CLOSE

CALL, UNCROSS, OPEN, NOON, AFTERNOON = time(9, 15), time(9, 25), time(9, 30), time(11, 30), time(13, 0)
_MINUTE = timedelta(minutes=1)


def next_mark(now: datetime) -> datetime | None:
    """The next instant at which orders may trade or move on: an end of a trading minute, or the start or end of a
    phase. None after the close."""
    at = now.time()
    if OPEN <= at < NOON or AFTERNOON <= at < CLOSE:
        return now.replace(second=0, microsecond=0) + _MINUTE
    following = next((mark for mark in (CALL, UNCROSS, OPEN, AFTERNOON) if at < mark), None)
    return datetime.combine(now.date(), following) if following is not None else None
