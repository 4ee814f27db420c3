"""Market and reference data for strategies. Nothing that a function returns ends after the current instant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.strategy.current import session
from bullet_trade.strategy.current_data import CurrentData
from bullet_trade.strategy.history import Window
from bullet_trade.strategy.tick_view import TickView

ATTRIBUTE_FIELDS = ("open", "close", "high", "low", "volume", "money")
DAILY_UNITS = frozenset({"1d", "daily", "d"})
MINUTE_UNITS = frozenset({"1m", "minute", "m"})

TYPES = {
    "stock": frozenset({Kind.STOCK, Kind.CDR}),
    "etf": frozenset({Kind.ETF}),
    "lof": frozenset({Kind.LOF}),
    "fund": frozenset({Kind.ETF, Kind.LOF, Kind.REIT}),
    "index": frozenset({Kind.INDEX}),
    "conbond": frozenset({Kind.CONVERTIBLE}),
}


def get_current_data(security_list: Sequence[str] | None = None) -> CurrentData:
    """Quotes of this moment by code, filled as codes are asked for."""
    return session().current_data


def get_current_tick(security: str) -> TickView | None:
    """The latest snapshot of a security, None when there is none today."""
    run = session()
    tick = run.parts.quotes.tick(run.code(security))
    return TickView(tick) if tick is not None else None


def attribute_history(
    security: str,
    count: int,
    unit: str = "1d",
    fields: Sequence[str] | str = ATTRIBUTE_FIELDS,
    skip_paused: bool = True,
    df: bool = True,
    fq: str | None = "pre",
) -> pd.DataFrame | dict[str, np.ndarray]:
    """The last `count` bars of one security: a frame with the fields as columns, or arrays by field."""
    names = (fields,) if isinstance(fields, str) else tuple(fields)
    window = _window(session().code(security), count, unit, names, fq, skip_paused)
    return _frame(window) if df else window.columns


def history(
    count: int,
    unit: str = "1d",
    field: str = "avg",
    security_list: str | Sequence[str] | None = None,
    df: bool = True,
    skip_paused: bool = False,
    fq: str | None = "pre",
) -> pd.DataFrame | dict[str, np.ndarray]:
    """One field of the last `count` bars of several securities: a frame with codes as columns, or arrays by code."""
    run = session()
    wanted = run.context.universe if security_list is None else security_list
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    windows = {name: _window(run.code(name), count, unit, (field,), fq, skip_paused) for name in names}
    if not df:
        return {name: window.columns[field] for name, window in windows.items()}
    columns = {name: pd.Series(w.columns[field], index=pd.DatetimeIndex(w.times)) for name, w in windows.items()}
    return pd.DataFrame(columns, columns=names).tail(count)


def get_price(
    security: str | Sequence[str],
    start_date: str | date | None = None,
    end_date: str | date | None = None,
    frequency: str = "daily",
    fields: Sequence[str] | str | None = None,
    skip_paused: bool = False,
    fq: str | None = "pre",
    count: int | None = None,
    panel: bool = True,
    fill_paused: bool = True,
) -> pd.DataFrame:
    """Bars between two days, or `count` bars up to `end_date`; several codes give a long frame with time and code."""
    if count is not None and start_date is not None:
        raise StrategyError("get_price 的 start_date 和 count 不能同时使用", "二者保留一个")
    names = (fields,) if isinstance(fields, str) else tuple(fields or ATTRIBUTE_FIELDS)
    codes = [security] if isinstance(security, str) else list(security)
    frames = [_price(code, start_date, end_date, frequency, names, fq, skip_paused, count) for code in codes]
    if isinstance(security, str):
        return frames[0]
    for code, frame in zip(codes, frames, strict=True):
        frame.insert(0, "code", code)
        frame.insert(0, "time", frame.index)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def get_bars(
    security: str,
    count: int,
    unit: str = "1d",
    fields: Sequence[str] = ("date", "open", "high", "low", "close"),
    include_now: bool = False,
    end_dt: str | datetime | None = None,
    fq_ref_date: date | None = None,
    df: bool = False,
) -> np.ndarray | pd.DataFrame:
    """The last `count` bars that are not suspended: a structured array, or a frame with an integer index."""
    names = tuple(name for name in fields if name != "date")
    window = _window(session().code(security), count, unit, names, "pre", skip_paused=True)
    columns: dict[str, np.ndarray] = {}
    for name in fields:
        columns[name] = window.times.astype(object) if name == "date" else window.columns[name]
    frame = pd.DataFrame(columns)
    return frame if df else frame.to_records(index=False)


def get_trade_days(
    start_date: str | date | None = None, end_date: str | date | None = None, count: int | None = None
) -> np.ndarray:
    """Trading days between two days, both included, or the last `count` up to `end_date`; dates."""
    run = session()
    end = _date(end_date) if end_date is not None else run.logical_now().date()
    if count is not None:
        reach = end - timedelta(days=count * 2 + 30)
        return np.array(run.parts.calendar.sessions(reach, end)[-count:], dtype=object)
    start = _date(start_date) if start_date is not None else date(2005, 1, 1)
    return np.array(run.parts.calendar.sessions(start, end), dtype=object)


def get_all_trade_days() -> np.ndarray:
    """All trading days that the calendar knows; dates."""
    calendar = session().parts.calendar
    return np.array(calendar.sessions(date(2005, 1, 1), calendar.last), dtype=object)


def get_security_info(code: str, date: object = None) -> SecurityInfo | None:
    """Name, listing days and type of a security, None for an unknown one."""
    run = session()
    security = run.parts.securities(run.code(code))
    return SecurityInfo(security) if security is not None else None


def get_all_securities(types: Sequence[str] | str = (), date: str | date | None = None) -> pd.DataFrame:
    """Securities by code with display_name, name, start_date, end_date, type; those listed on `date` if it is given."""
    wanted = [types] if isinstance(types, str) else list(types or ("stock",))
    unknown = [name for name in wanted if name not in TYPES]
    if unknown:
        session().log.warning(f"get_all_securities 不支持的类型：{'、'.join(unknown)}")
    kinds = frozenset().union(*(TYPES.get(name, frozenset()) for name in wanted))
    day = _date(date) if date is not None else None
    rows = [s for s in session().data.securities() if s.kind in kinds and (day is None or s.listed_on(day))]
    infos = [SecurityInfo(security) for security in rows]
    return pd.DataFrame(
        {
            "display_name": [i.display_name for i in infos],
            "name": [i.name for i in infos],
            "start_date": pd.to_datetime([i.start_date for i in infos]),
            "end_date": pd.to_datetime([i.end_date for i in infos]),
            "type": [i.type for i in infos],
        },
        index=[i.code for i in infos],
    )


def get_index_stocks(index_symbol: str, date: str | date | None = None) -> list[str]:
    """Members of an index on `date` (default: today)."""
    run = session()
    day = _date(date) if date is not None else run.logical_now().date()
    return [str(code) for code in run.data.index_members(run.code(index_symbol), day)]


def normalize_code(code: str | int | Iterable[str | int]) -> str | list[str]:
    """The code, or codes, in JoinQuant form."""
    run = session()
    if isinstance(code, str | int):
        return run.code(code)
    return [run.code(one) for one in code]


class SecurityInfo:
    """What `get_security_info` returns."""

    def __init__(self, security: Security) -> None:
        self.code = str(security.code)
        self.display_name = security.name
        self.name = security.name
        self.start_date = security.list_date
        self.end_date = security.end_date
        self.type = _type_of(security)
        self.parent = None

    def __repr__(self) -> str:
        return f"SecurityInfo({self.code}, {self.display_name})"


def _type_of(security: Security) -> str:
    order = ("stock", "etf", "lof", "index", "conbond", "fund")
    return next((name for name in order if security.kind in TYPES[name]), str(security.kind))


def _window(code: Code, count: int, unit: str, fields: tuple[str, ...], fq: str | None, skip_paused: bool) -> Window:
    run = session()
    if count <= 0:
        raise StrategyError(f"count={count} 无效", "数量必须大于 0")
    if unit in DAILY_UNITS:
        return run.history.days(code, count, run.logical_now().date(), fields, fq, skip_paused)
    if unit in MINUTE_UNITS:
        return run.history.minutes(code, count, fields)
    raise StrategyError(f"不支持的周期 {unit!r}", "可用：'1d'、'1m'")


def _price(
    name: str,
    start: str | date | None,
    end: str | date | None,
    frequency: str,
    fields: tuple[str, ...],
    fq: str | None,
    skip_paused: bool,
    count: int | None,
) -> pd.DataFrame:
    run = session()
    code = run.code(name)
    last = _date(end) if end is not None else run.logical_now().date()
    if frequency in MINUTE_UNITS:
        return _frame(run.history.minutes(code, count or 240, fields))
    first = _date(start) if start is not None else date(2015, 1, 1)
    rows = count if count is not None else max(1, len(run.parts.calendar.sessions(first, last)))
    window = run.history.days(code, rows, last, fields, fq, skip_paused)
    frame = _frame(window)
    return frame if count is not None else frame[frame.index >= pd.Timestamp(first)]


def _frame(window: Window) -> pd.DataFrame:
    return pd.DataFrame(window.columns, index=pd.DatetimeIndex(window.times))


def _date(value: str | date | datetime) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        day: date = pd.Timestamp(value).date()
    except ValueError as error:
        raise StrategyError(f"日期 {value!r} 无法识别", "写成 '2025-01-02'") from error
    return day
