"""Functions whose data come from the provider of research data: fundamentals, factors, macro figures, money flow.

Nothing published later than yesterday is shown, because what is published today appears in the evening: an `end_date`
or `date` of today means yesterday; a later one is refused as everywhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bullet_trade.domain.errors import StrategyError
from bullet_trade.ports.research import ColumnRef
from bullet_trade.strategy.current import session
from bullet_trade.strategy.data.arguments import Codes, at_least_one
from bullet_trade.strategy.data.moments import day_of, known_day
from bullet_trade.strategy.data.panel import Panel
from bullet_trade.strategy.data.query import DataTable, Expression, query_of
from bullet_trade.strategy.data.security_functions import st_flags

Day = str | datetime.date | None

valuation = DataTable("valuation")
indicator = DataTable("indicator")
income = DataTable("income")
balance = DataTable("balance")
cash_flow = cashflow = DataTable("cash_flow")
bank_indicator = DataTable("bank_indicator")
security_indicator = DataTable("security_indicator")
insurance_indicator = DataTable("insurance_indicator")


class TableGroup:
    """`finance`, `macro` or `opt`: its attributes are tables, `run_query` reads one."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> DataTable:
        if name.startswith("_"):
            raise AttributeError(name)
        return DataTable(f"{self._name}.{name}")

    def run_query(self, query_object: object) -> pd.DataFrame:
        """Rows of one table, those published later than yesterday left out."""
        return session().research.table(query_of(query_object), _yesterday())


finance, macro, opt = TableGroup("finance"), TableGroup("macro"), TableGroup("opt")


def get_fundamentals(query_object: object, date: Day = None, statDate: object = None) -> pd.DataFrame:  # noqa: N803
    """Rows of valuation and report tables, joined by code: as known on `date` (default: yesterday), or of one period.

    `statDate` is ``2024q3`` or ``2024``; even then only reports published by yesterday are shown.
    """
    if date is not None and statDate is not None:
        raise StrategyError("get_fundamentals 的 date 和 statDate 不能同时使用", "二者保留一个")
    wanted = query_of(query_object)
    return session().research.fundamentals(
        wanted, published("get_fundamentals", "date", date), str(statDate) if statDate is not None else None
    )


def get_fundamentals_continuously(
    query_object: object, end_date: Day = None, count: int = 1, panel: bool = True
) -> pd.DataFrame | Panel:
    """`get_fundamentals` on each of `count` trading days up to `end_date`: a panel of fields by days by codes.

    Without `panel` a long frame with the columns day, code and the fields.
    """
    wanted, axis = query_of(query_object), session().history.axis
    stop = axis.through(published("get_fundamentals_continuously", "end_date", end_date))
    frames = []
    for day in axis.days[max(0, stop - at_least_one(count)) : stop]:
        frame = session().research.fundamentals(wanted, day, None)
        frame["day"] = np.full(len(frame), np.datetime64(day, "ns"))
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    if not panel:
        return table
    days, codes = pd.DatetimeIndex(table["day"].unique()), pd.Index(table["code"].unique(), dtype=object)
    names = [name for name in table.columns if name not in ("day", "code")]
    values = [
        table.pivot_table(index="day", columns="code", values=name).reindex(days, columns=codes) for name in names
    ]
    return Panel(np.array([one.to_numpy() for one in values]), pd.Index(names, dtype=object), days, codes)


def get_history_fundamentals(
    security: Codes,
    fields: Sequence[object] | object,
    watch_date: Day = None,
    stat_date: str | None = None,
    count: int = 1,
    interval: str = "1q",
    stat_by_year: bool = False,
) -> object:
    """The last `count` report periods of securities as published by `watch_date`: code, statDate and the fields."""
    wanted = fields if isinstance(fields, list | tuple) else [fields]
    names = [_field_name(field) for field in wanted]
    return ask(
        "get_history_fundamentals",
        security=_list(security),
        fields=names,
        watch_date=published("get_history_fundamentals", "watch_date", watch_date) if stat_date is None else None,
        stat_date=stat_date,
        count=at_least_one(count),
        interval=interval,
        stat_by_year=bool(stat_by_year),
    )


def _field_name(field: object) -> str:
    if isinstance(field, Expression) and isinstance(field.node, ColumnRef):
        return f"{field.node.table}.{field.node.name}"
    return str(field)


def get_valuation(
    security: Codes,
    start_date: Day = None,
    end_date: Day = None,
    fields: Sequence[str] | str | None = None,
    count: int | None = None,
) -> object:
    """Daily valuation figures: a long frame with code, day and the fields."""
    return ask(
        "get_valuation", **_range("get_valuation", start_date, end_date, count),
        security=_list(security), fields=_fields(fields),
    )  # fmt: skip


def get_factor_values(
    securities: Codes,
    factors: Sequence[str] | str,
    start_date: Day = None,
    end_date: Day = None,
    count: int | None = None,
) -> object:
    """Values of the platform's factors: a dict of frames (days by codes) by factor."""
    return ask(
        "get_factor_values", **_range("get_factor_values", start_date, end_date, count),
        securities=_list(securities), factors=_list(factors),
    )  # fmt: skip


def get_money_flow(
    security_list: Codes,
    start_date: Day = None,
    end_date: Day = None,
    fields: Sequence[str] | str | None = None,
    count: int | None = None,
) -> object:
    """Money flow by day: a long frame with date, sec_code and the fields."""
    return ask(
        "get_money_flow", **_range("get_money_flow", start_date, end_date, count),
        security_list=_list(security_list), fields=_fields(fields),
    )  # fmt: skip


def get_mtss(
    security_list: Codes,
    start_date: Day = None,
    end_date: Day = None,
    fields: Sequence[str] | str | None = None,
    count: int | None = None,
) -> object:
    """Margin trading by day: a long frame with date, sec_code and the fields."""
    return ask(
        "get_mtss", **_range("get_mtss", start_date, end_date, count),
        security_list=_list(security_list), fields=_fields(fields),
    )  # fmt: skip


def get_billboard_list(
    stock_list: Codes | None = None, start_date: Day = None, end_date: Day = None, count: int | None = None
) -> object:
    """The exchanges' list of conspicuous trades (龙虎榜): a frame with a row per seat."""
    return ask(
        "get_billboard_list", **_range("get_billboard_list", start_date, end_date, count),
        stock_list=None if stock_list is None else _list(stock_list),
    )  # fmt: skip


def get_locked_shares(
    stock_list: Codes, start_date: Day = None, end_date: Day = None, forward_count: int | None = None
) -> object:
    """Shares whose lock-up ends from `start_date` on. The schedule is published beforehand: days to come are shown."""
    first = day_of(start_date) if start_date is not None else session().logical_now().date()
    last = day_of(end_date) if end_date is not None else None
    return ask(
        "get_locked_shares", stock_list=_list(stock_list), start_date=first, end_date=last, forward_count=forward_count
    )


def get_fund_info(security: str, date: Day = None) -> object:
    """What is known of a fund: name, manager, dates, as jqdatasdk gives it."""
    return ask("get_fund_info", security=security, date=known_day(session(), "get_fund_info", "date", date))


def get_dominant_future(underlying_symbol: str, date: Day = None) -> object:
    """The code of the dominant contract of a future. An A-share account does not trade it; signals may read it."""
    day = known_day(session(), "get_dominant_future", "date", date)
    return ask("get_dominant_future", underlying_symbol=underlying_symbol, date=day)


def get_future_contracts(underlying_symbol: str, date: Day = None) -> object:
    """Contracts of a future that may be traded on `date`: a list of codes."""
    day = known_day(session(), "get_future_contracts", "date", date)
    return ask("get_future_contracts", underlying_symbol=underlying_symbol, date=day)


def get_margincash_stocks(date: Day = None) -> object:
    """Securities that may be bought on margin on `date`: a list."""
    return ask("get_margincash_stocks", date=known_day(session(), "get_margincash_stocks", "date", date))


def get_marginsec_stocks(date: Day = None) -> object:
    """Securities that may be sold short on `date`: a list."""
    return ask("get_marginsec_stocks", date=known_day(session(), "get_marginsec_stocks", "date", date))


def get_extras(
    info: str,
    security_list: Codes,
    start_date: Day = None,
    end_date: Day = None,
    df: bool = True,
    count: int | None = None,
) -> object:
    """One figure per day: a frame of days by codes, or arrays by code.

    ``is_st`` (bool) through `end_date`, at most today, comes from the description of the securities, which knows the
    present state only; net values and figures of futures come from the provider of research data.
    """
    if start_date is not None and count is not None:
        raise StrategyError("get_extras 的 start_date 和 count 不能同时使用", "二者保留一个")
    if info != "is_st":
        given = _range("get_extras", start_date, end_date, count)
        return ask("get_extras", info=info, security_list=_list(security_list), df=df, **given)
    index, flags = st_flags(security_list, start_date, end_date, count)
    return pd.DataFrame(flags, index=index) if df else flags


def ask(function: str, **arguments: object) -> object:
    """Have the provider answer a function of the platform by its name."""
    return session().research.call(function, arguments, _yesterday())


def published(function: str, name: str, value: Day) -> datetime.date:
    """The last day whose publications a strategy may see that asks for `value`: yesterday, or earlier."""
    run = session()
    return min(known_day(run, function, name, value), _yesterday())


def _range(function: str, start: Day, end: Day, count: int | None) -> dict[str, object]:
    if start is not None and count is not None:
        raise StrategyError(f"{function} 的 start_date 和 count 不能同时使用", "二者保留一个")
    return {
        "start_date": day_of(start) if start is not None else None,
        "end_date": published(function, "end_date", end),
        "count": None if count is None else at_least_one(count),
    }


def _yesterday() -> datetime.date:
    today: datetime.date = session().logical_now().date()
    return today - datetime.timedelta(days=1)


def _list(value: Codes) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _fields(fields: Sequence[str] | str | None) -> list[str] | None:
    return None if fields is None else _list(fields)
