"""Dates and times as strategies write them, and the rule that none of them may lie in the future."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING

import pandas as pd

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.clock import BEIJING

if TYPE_CHECKING:
    from bullet_trade.strategy.session import Session

When = str | date | datetime | int | None
END_OF_DAY = time(23, 59, 59)


class FutureDataError(StrategyError):
    """Data were asked for that are not known yet (with ``set_option('avoid_future_data', True)``)."""

    code = "BT_FUTURE_DATA"


def moment(value: object, of_day: time = time()) -> datetime:
    """A point in time, naive Beijing time whatever its zone; one that names a day only is at `of_day`.

    Raises `StrategyError` for what is no time.
    """
    if isinstance(value, datetime):  # a pandas Timestamp is one, too
        return _naive(value.to_pydatetime() if isinstance(value, pd.Timestamp) else value)
    if isinstance(value, date):
        return datetime.combine(value, of_day)
    text = str(value)
    try:
        found: datetime = pd.Timestamp(text).to_pydatetime()
    except ValueError as error:
        raise StrategyError(f"日期 {value!r} 无法识别", "写成 '2025-01-02' 或 '2025-01-02 10:00:00'") from error
    if pd.isna(found):
        raise StrategyError(f"日期 {value!r} 无法识别", "写成 '2025-01-02' 或 '2025-01-02 10:00:00'")
    return datetime.combine(found.date(), of_day) if len(text) <= len("2025-01-02") else _naive(found)


def _naive(value: datetime) -> datetime:
    return value if value.tzinfo is None else value.astimezone(BEIJING).replace(tzinfo=None)


def day_of(value: object) -> date:
    """The day of a date, a time or a text."""
    return moment(value).date()


def known_day(run: Session, function: str, name: str, value: object) -> date:
    """The day that an argument names (default: today), never later than today."""
    today = run.logical_now().date()
    if value is None:
        return today
    day = day_of(value)
    if day > today:
        refuse_future(run, function, name, day.isoformat())
        return today
    return day


def known_moment(run: Session, function: str, name: str, value: object, of_day: time = time()) -> datetime:
    """The instant that an argument names (default: now), never later than now; a bare day is at `of_day`."""
    now = run.logical_now()
    if value is None:
        return now
    wanted = moment(value, of_day)
    if wanted > now:
        if wanted != datetime.combine(now.date(), END_OF_DAY):  # the end of today stands for today as a whole
            refuse_future(run, function, name, str(wanted))
        return now
    return wanted


def refuse_future(run: Session, function: str, name: str, value: str) -> None:
    """An explicit future time: `FutureDataError` under ``avoid_future_data``, else a warning, once a function."""
    now = run.logical_now()
    text = f"{function} 的 {name}={value} 晚于当前时间 {now:%Y-%m-%d %H:%M:%S}"
    if run.settings.options.get("avoid_future_data"):
        raise FutureDataError(text, "引擎不提供未来数据；请改为当前时间或更早")
    if function not in run.history.warned:
        run.history.warned.add(function)
        run.log.warning(f"{text}，只返回到当前时间为止的数据")
