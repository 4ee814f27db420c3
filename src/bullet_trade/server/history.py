"""`data.history`: bars as tables. Runs on the thread that owns the history's data."""

from __future__ import annotations

import re
from datetime import datetime, time

import numpy as np

from bullet_trade.domain.errors import UsageError
from bullet_trade.market.codes import normalize
from bullet_trade.ports.market_data import FloatArray
from bullet_trade.remote.market import HistoryQuery, moment_of
from bullet_trade.remote.tables import Column, Label, Table
from bullet_trade.strategy.data import adjust
from bullet_trade.strategy.data.fields import FIELDS, numbers_of
from bullet_trade.strategy.data.interval import DAY, MINUTE, Interval, interval
from bullet_trade.strategy.data.price_windows import price_window
from bullet_trade.strategy.data.window import Window, Wish
from bullet_trade.strategy.history import History

TERMINAL_NAMES = {"preClose": "pre_close", "suspendFlag": "paused"}
"""Names of the terminal for fields that have one of ours."""

ALL_FIELDS = (
    "time", "open", "high", "low", "volume", "money", "settelementPrice", "openInterest", "preClose", "suspendFlag",
    "close",
)  # fmt: skip
"""What is sent when no field is named. The close stands last: the stand-alone client takes the last cell for the price
where it has no snapshot."""

MOST_ROWS = 2_000_000
"""Cells of the largest answer; some 30 MB of text."""

FIRST_DAY = datetime(2005, 1, 1)
_WORDS = {
    "": (1, DAY), "daily": (1, DAY), "day": (1, DAY), "d": (1, DAY), "1d": (1, DAY), "1day": (1, DAY),
    "minute": (1, MINUTE), "min": (1, MINUTE), "m": (1, MINUTE), "1m": (1, MINUTE), "1minute": (1, MINUTE),
}  # fmt: skip
_MINUTES = re.compile(r"([1-9][0-9]{0,3})(?:m|min|mins|minute|minutes)")
_LAST_SECOND = time(23, 59, 59)


def table(history: History, query: HistoryQuery) -> Table:
    """The bars that the query asks for, nothing that has not ended yet. Raises `UsageError`, `StrategyError` or
    `DataError`."""
    names = _names(query.fields)
    length = _length(query.frequency or query.period or "")
    windows = _windows(history, query, names, length)
    if isinstance(query.security, str):
        (window,) = windows.values()
        return Table(list(names), [_column(window, names, name) for name in names], window.stamps)
    if query.panel is False:
        return _long(windows, names)
    return _panel(windows, names)


def _windows(history: History, query: HistoryQuery, names: tuple[str, ...], length: Interval) -> dict[str, Window]:
    now = history.now()
    start, end = query.start or query.start_date, query.end or query.end_date
    until = min(_moment(end, length), now) if end else now
    since = moment_of(start) if start else None
    if query.count is not None and query.count <= 0:
        raise UsageError(f"count={query.count} 无效", "数量必须大于 0")
    if length.unit == MINUTE and query.count is None and since is None:
        raise UsageError("分钟线查询没有给出 start 和 count", "至少给出其中一个")
    wish = Wish(
        numbers_of(_known(names)),
        adjust.mode(query.fq if query.fq in ("pre", "post") else None),
        query.skip_paused is True,
        query.fill_paused is not False,
        moment_of(query.pre_factor_ref_date).date() if query.pre_factor_ref_date else None,
    )
    found: dict[str, Window] = {}
    cells = 0
    for name in [query.security] if isinstance(query.security, str) else query.security:
        security = history.security(normalize(name))
        begin = None if query.count is not None and since is None else since or FIRST_DAY
        window = price_window(history, security, begin, until, None if begin else query.count, length, wish)
        found[security.code] = window.last(query.count) if query.count is not None else window
        cells += found[security.code].values.size
        if cells > MOST_ROWS:
            raise UsageError(f"查询结果超过 {MOST_ROWS} 个数值", "缩短日期范围、减少证券或字段，分几次查询")
    return found


def _moment(text: str, length: Interval) -> datetime:
    moment = moment_of(text)
    bare = len(text.strip()) <= len("2026-03-12")
    # A bare day includes its bars: for days as everywhere, for minutes as the deployed servers do.
    return datetime.combine(moment.date(), _LAST_SECOND) if bare or length.unit != MINUTE else moment


def _length(text: str) -> Interval:
    word = text.strip()
    found = _WORDS.get(word.lower())
    if found is not None:
        return Interval(*found)
    minutes = _MINUTES.fullmatch(word)
    return Interval(int(minutes[1]), MINUTE) if minutes is not None else interval(word)


def _names(fields: str | list[str] | None) -> tuple[str, ...]:
    if fields is None or fields == []:
        return ALL_FIELDS
    return (fields,) if isinstance(fields, str) else tuple(dict.fromkeys(fields))


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that a bar has, in our words."""
    ours = (TERMINAL_NAMES.get(name, name) for name in names)
    return tuple(name for name in ours if name in FIELDS)


def _column(window: Window, names: tuple[str, ...], name: str) -> Column:
    """One field of a window; zeros for one that the source lacks, as deployed servers send."""
    if name == "time":  # the terminals' own column: milliseconds since 1970, UTC
        beijing = np.timedelta64(8, "h")
        return (window.stamps - beijing).astype("datetime64[ms]").astype(np.int64)
    ours = TERMINAL_NAMES.get(name, name)
    if ours not in FIELDS:
        return np.zeros(len(window))
    values: FloatArray = window.values[_known(names).index(ours)]
    return values


def _panel(windows: dict[str, Window], names: tuple[str, ...]) -> Table:
    stamps = _times(windows)
    labels: list[Label] = []
    columns: list[Column] = []
    for name in names:
        for code, window in windows.items():
            whole = np.full(len(stamps), np.nan)
            whole[np.searchsorted(stamps, window.stamps)] = _column(window, names, name)
            labels.append((name, code))
            columns.append(whole)
    return Table(labels, columns, stamps)


def _times(windows: dict[str, Window]) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    parts = [window.stamps for window in windows.values()]
    return np.unique(np.concatenate(parts)) if parts else np.array([], dtype="datetime64[ns]")


def _long(windows: dict[str, Window], names: tuple[str, ...]) -> Table:
    codes: list[str | None] = [code for code, window in windows.items() for _ in range(len(window))]
    stamps = np.concatenate([window.stamps for window in windows.values()]) if windows else _times({})
    shown = [name for name in names if name != "time"]
    columns: list[Column] = [stamps, codes]
    columns += [
        np.concatenate([np.asarray(_column(window, names, name)) for window in windows.values()]) for name in shown
    ]
    return Table(["time", "code", *shown], columns)
