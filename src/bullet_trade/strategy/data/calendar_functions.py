"""Trading days for strategies. The calendar is public: days to come are no future data."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.current import session
from bullet_trade.strategy.data.arguments import Codes, at_least_one
from bullet_trade.strategy.data.moments import day_of, moment

FIRST_KNOWN = date(2005, 1, 4)
"""The platform's first trading day."""


def get_trade_days(
    start_date: str | date | None = None, end_date: str | date | None = None, count: int | None = None
) -> np.ndarray:
    """Trading days between two days, both included, or the last `count` up to `end_date` (default: today); `date`s."""
    if start_date is not None and count is not None:
        raise StrategyError("get_trade_days 的 start_date 和 count 不能同时使用", "二者保留一个")
    run = session()
    axis = run.history.axis
    stop = axis.through(day_of(end_date) if end_date is not None else run.logical_now().date())
    if count is not None:
        return np.array(axis.days[max(0, stop - at_least_one(count)) : stop], dtype=object)
    first = axis.before(day_of(start_date) if start_date is not None else FIRST_KNOWN)
    return np.array(axis.days[first : max(first, stop)], dtype=object)


def get_all_trade_days() -> np.ndarray:
    """All trading days since 2005 that the calendar knows, those to come included; `date`s."""
    axis = session().history.axis
    return np.array(axis.days[axis.before(FIRST_KNOWN) :], dtype=object)


def get_trade_day(security: Codes, query_dt: str | datetime) -> dict[str, date]:
    """By code, the trading day that an instant belongs to: its own day, or the next one where that is no session.

    Shares have no night session, so an evening belongs to its own day.
    """
    run = session()
    day = run.parts.calendar.session_on_or_after(moment(query_dt).date())
    return dict.fromkeys([security] if isinstance(security, str) else security, day)
