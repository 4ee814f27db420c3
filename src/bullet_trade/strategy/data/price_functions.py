"""`get_price`, `history`, `attribute_history` and `get_bars`. The last visible bar of each is in its docstring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.current import session
from bullet_trade.strategy.data import adjust
from bullet_trade.strategy.data.arguments import Codes, at_least_one, field_names, securities_of, swapped_fields
from bullet_trade.strategy.data.fields import DEFAULT_FIELDS, numbers_of
from bullet_trade.strategy.data.frames import by_code, by_field, common_times, long_form, python_times, structured
from bullet_trade.strategy.data.interval import MINUTE, Interval, interval
from bullet_trade.strategy.data.moments import END_OF_DAY, day_of, known_day, known_moment, moment
from bullet_trade.strategy.data.panel import Panel
from bullet_trade.strategy.data.price_windows import past_window, price_window
from bullet_trade.strategy.data.standard_bars import standard_bars
from bullet_trade.strategy.data.window import Window, Wish

FIRST_DAY = "2015-01-01"
"""Where `get_price` begins when neither `start_date` nor `count` is given."""

CURRENT = 1
"""`fq_ref_date` of `get_bars` when none is given: the current day."""


def attribute_history(
    security: str,
    count: int,
    unit: str = "1d",
    fields: Sequence[str] | str | None = DEFAULT_FIELDS,
    skip_paused: bool = True,
    df: bool = True,
    fq: str | None = "pre",
) -> pd.DataFrame | dict[str, np.ndarray]:
    """The last `count` bars of one security: a frame (index time, columns fields, float64), or arrays by field.

    Last visible bar: yesterday's for days, weeks and months, also after the close; the last ended one for minutes.
    `skip_paused` reaches further back for days with trade; fewer than `count` rows come only from a new listing.
    """
    run = session()
    unit_given, fields_given = swapped_fields(unit, fields)
    names = field_names(fields_given, DEFAULT_FIELDS)
    wish = Wish(numbers_of(names), adjust.mode(fq), bool(skip_paused))
    history = run.history
    found = history.security(run.code(security))
    window = past_window(history, found, at_least_one(count), interval(unit_given), wish)
    return by_field(history.axis, window, names) if df else dict(zip(names, window.values, strict=True))


def history(
    count: int,
    unit: str = "1d",
    field: str = "avg",
    security_list: Codes | None = None,
    df: bool = True,
    skip_paused: bool = False,
    fq: str | None = "pre",
) -> pd.DataFrame | dict[str, np.ndarray]:
    """One field of the last `count` bars: a frame (index time, columns codes, float64), or arrays by code.

    Last visible bar as for `attribute_history`. With `skip_paused` the frame has the last `count` days on which any of
    the securities traded, NaN where one did not; the arrays have each security's own last `count` days.
    """
    run = session()
    securities = securities_of(run, run.context.universe if security_list is None else security_list)
    wish = Wish(numbers_of((field,)), adjust.mode(fq), bool(skip_paused))
    rows, length = at_least_one(count), interval(unit)
    windows = {name: past_window(run.history, one, rows, length, wish) for name, one in securities.items()}
    if df:
        return by_code(run.history.axis, windows).tail(rows)
    return {name: window.values[0] for name, window in windows.items()}


def get_price(
    security: Codes,
    start_date: str | date | None = None,
    end_date: str | date | None = None,
    frequency: str = "daily",
    fields: Sequence[str] | str | None = None,
    skip_paused: bool = False,
    fq: str | None = "pre",
    count: int | None = None,
    panel: bool = True,
    fill_paused: bool = True,
) -> pd.DataFrame | Panel:
    """Bars between two times, both included, or the last `count` up to `end_date` (default: now).

    One code: a frame (index time, columns fields, float64). Several: with `panel` a `Panel` (fields, times, codes),
    else a frame with the columns time, code and fields, code by code.

    Last visible bar: minutes, the last ended one; a bare `end_date` day is its midnight. Days, the day of `end_date`;
    the current one as far as it has gone: all fields from 09:30:00 on (at 09:30 all prices are the opening price),
    before that only where nothing but pre_close, high_limit, low_limit, paused and factor is asked for. A later
    `end_date` is cut to now with a warning, or raises `FutureDataError` under ``avoid_future_data``.

    `fill_paused` False leaves NaN on suspended days. Days before the listing are NaN.
    """
    if count is not None and start_date is not None:
        raise StrategyError("get_price 的 start_date 和 count 不能同时使用", "二者保留一个")
    run = session()
    names = field_names(fields, DEFAULT_FIELDS)
    wish = Wish(numbers_of(names), adjust.mode(fq), bool(skip_paused), bool(fill_paused))
    length = interval(frequency)
    if length.unit == MINUTE:
        end = known_moment(run, "get_price", "end_date", end_date)
    else:
        end = datetime.combine(known_day(run, "get_price", "end_date", end_date), END_OF_DAY)
    start = None if count is not None else moment(start_date if start_date is not None else FIRST_DAY)
    rows = None if count is None else at_least_one(count)
    securities = securities_of(run, security)
    windows = {name: price_window(run.history, one, start, end, rows, length, wish) for name, one in securities.items()}
    axis = run.history.axis
    if isinstance(security, str):
        return by_field(axis, windows[security], names)
    return _panel(windows, names) if panel else long_form(windows, names)


def _panel(windows: dict[str, Window], names: tuple[str, ...]) -> Panel:
    stamps, index, same = common_times(session().history.axis, list(windows.values()))
    values = np.full((len(names), len(stamps), len(windows)), np.nan)
    for place, window in enumerate(windows.values()):
        rows = slice(None) if same else np.searchsorted(stamps, window.stamps)
        values[:, rows, place] = window.values
    return Panel(values, pd.Index(names, dtype=object), index, pd.Index(list(windows), dtype=object))


def get_bars(
    security: Codes,
    count: int,
    unit: str = "1d",
    fields: Iterable[str] | str = ("date", "open", "high", "low", "close"),
    include_now: bool = False,
    end_dt: str | date | None = None,
    fq_ref_date: object = CURRENT,
    df: bool = False,
) -> np.ndarray | pd.DataFrame | dict[str, np.ndarray]:
    """The last `count` standard bars without suspended days: a structured array, or a frame with an integer index.

    Several codes give a dict of arrays, or a frame with the index (code, number). `date` holds `date` objects for days
    and longer, `datetime` for minutes; the rest is float64. Bars are labelled by their last minute or session.

    Last visible bar: the last one that had ended at `end_dt` (default now; a bare day means its end): a day ends at
    15:00:00, a week or month with its last session. `include_now` adds the unfinished one, made of ended minutes.
    `fq_ref_date` is the day in whose units prices are given (default: the current one); None: unadjusted.
    """
    run = session()
    names = field_names(fields, ())
    length = interval(unit)
    at = known_moment(run, "get_bars", "end_dt", end_dt, END_OF_DAY)
    columns = tuple(name for name in names if name not in _LABELS)
    wish = Wish(numbers_of(columns), None if fq_ref_date is None else "pre", True, reference=_reference(fq_ref_date))
    rows = at_least_one(count)
    tables: dict[str, dict[str, np.ndarray]] = {}
    for name, one in securities_of(run, security).items():
        window = standard_bars(run.history, one, rows, length, at, bool(include_now), wish)
        tables[name] = _bar_table(window, name, names, columns, length)
    if isinstance(security, str):
        return pd.DataFrame(tables[security]) if df else structured(tables[security])
    if df:
        return pd.concat({name: pd.DataFrame(table) for name, table in tables.items()})
    return {name: structured(table) for name, table in tables.items()}


_LABELS = frozenset({"date", "code"})


def _bar_table(
    window: Window, code: str, names: tuple[str, ...], columns: tuple[str, ...], length: Interval
) -> dict[str, np.ndarray]:
    table: dict[str, np.ndarray] = {}
    for name in names:
        if name == "date":
            table[name] = python_times(window.stamps, daily=length.unit != MINUTE)
        elif name == "code":
            table[name] = np.full(len(window), code, dtype=object)
        else:
            table[name] = window.values[columns.index(name)]
    return table


def _reference(value: object) -> date | None:
    if value is None or value == CURRENT:
        return None
    today: date = session().logical_now().date()
    return min(day_of(value), today)
