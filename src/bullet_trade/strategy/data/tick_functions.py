"""Quotes and snapshots for strategies. The last visible one is the newest not later than now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

import numpy as np
import pandas as pd

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import Ticks
from bullet_trade.ports.quotes import Tick
from bullet_trade.strategy.current import session
from bullet_trade.strategy.current_data import CurrentData
from bullet_trade.strategy.data.arguments import Codes, at_least_one, field_names, securities_of
from bullet_trade.strategy.data.frames import structured
from bullet_trade.strategy.data.minute_windows import LONGEST_SILENCE
from bullet_trade.strategy.data.moments import END_OF_DAY, day_of, known_moment, moment
from bullet_trade.strategy.tick_view import TickView

TICK_FIELDS = ("time", "current", "high", "low", "volume", "money")
BOOK_FIELDS = tuple(f"{side}{level}_{what}" for side in "ab" for level in range(1, 6) for what in "pv")
AUCTION_FIELDS = ("time", "current", "volume", "money", *BOOK_FIELDS)
AUCTION_BEGINS, AUCTION_ENDS = time(9, 25), time(9, 30)

_PLAIN = {"current": "last", "open": "open", "high": "high", "low": "low", "volume": "volume", "money": "money"}
_BOOKS = {"ap": "ask_price", "av": "ask_volume", "bp": "bid_price", "bv": "bid_volume"}

LARGEST_AUCTION_TABLE = 5000
"""Rows that `get_call_auction` gives at most."""


def get_current_data(security_list: Sequence[str] | None = None) -> CurrentData:
    """Quotes of this moment by code, filled as codes are asked for; the argument changes nothing."""
    return session().current_data


def get_current_tick(
    security: Codes, dt: str | datetime | None = None, df: bool = False
) -> TickView | dict[str, TickView | None] | pd.DataFrame | None:
    """The newest snapshot of today, None when there is none; several codes give a dict. `dt` looks back to an instant.

    `df` gives a frame with a row per code instead.
    """
    run = session()
    at = known_moment(run, "get_current_tick", "dt", dt) if dt is not None else None
    found = {name: _newest(one.code, at) for name, one in securities_of(run, security).items()}
    if df:
        rows = [_row(name, tick) for name, tick in found.items() if tick is not None]
        return pd.DataFrame(rows)
    views = {name: TickView(tick) if tick is not None else None for name, tick in found.items()}
    return views[security] if isinstance(security, str) else views


def _newest(code: Code, at: datetime | None) -> Tick | None:
    run = session()
    if at is None:
        return run.parts.quotes.tick(code)
    ticks = run.data.ticks(code, at.date())
    place = _visible(ticks, at) - 1 if ticks is not None else -1
    if ticks is None or place < 0:
        return None
    return Tick(
        code=code,
        datetime=ticks.times[place].item(),
        current=float(ticks.last[place]),
        open=float(ticks.open[place]),
        high=float(ticks.high[place]),
        low=float(ticks.low[place]),
        volume=int(ticks.volume[place]),
        money=float(ticks.money[place]),
        ask_prices=tuple(ticks.ask_price[place].tolist()),
        ask_volumes=tuple(ticks.ask_volume[place].tolist()),
        bid_prices=tuple(ticks.bid_price[place].tolist()),
        bid_volumes=tuple(ticks.bid_volume[place].tolist()),
    )


def _row(name: str, tick: Tick) -> dict[str, object]:
    view = TickView(tick)
    plain = ("datetime", "current", "open", "high", "low", "volume", "money")
    return {"code": name, **{field: view[field] for field in (*plain, *BOOK_FIELDS)}}


def get_ticks(
    security: str,
    end_dt: str | date | None = None,
    start_dt: str | date | None = None,
    count: int | None = None,
    fields: Sequence[str] | str | None = TICK_FIELDS,
    skip: bool = True,
    df: bool = False,
) -> np.ndarray | pd.DataFrame:
    """Snapshots between two instants, both included, or the last `count` up to `end_dt` (default: now).

    A structured array (`time` holds `datetime`s, the rest is float64; volume and money are cumulative over the day),
    or a frame. `skip` leaves out snapshots in which nothing traded since the one before. A bare day as `end_dt` is its
    end, as `start_dt` its beginning.
    """
    run = session()
    names = field_names(fields, TICK_FIELDS)
    if (start_dt is None) == (count is None):
        raise StrategyError("get_ticks 需要 start_dt 或 count，且只能给一个", "例如 get_ticks(code, end_dt, count=10)")
    code = run.history.security(run.code(security)).code
    end = known_moment(run, "get_ticks", "end_dt", end_dt, END_OF_DAY)
    start = moment(start_dt) if start_dt is not None else None
    tables = _tables(code, start, end, None if count is None else at_least_one(count), names, skip)
    table = {name: np.concatenate([part[name] for part in tables]) for name in names} if tables else _no_ticks(names)
    if count is not None:
        table = {name: values[-at_least_one(count) :] for name, values in table.items()}
    return pd.DataFrame(table) if df else structured(table)


def _no_ticks(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {name: np.array([], dtype=object if name == "time" else np.float64) for name in names}


def _tables(
    code: Code, start: datetime | None, end: datetime, count: int | None, names: tuple[str, ...], skip: bool
) -> list[dict[str, np.ndarray]]:
    run = session()
    axis = run.history.axis
    first = axis.before(start.date()) if start is not None else 0
    position, found, silent = axis.through(end.date()) - 1, 0, 0
    tables: list[dict[str, np.ndarray]] = []
    while position >= first and silent < LONGEST_SILENCE and (count is None or found < count):
        ticks = run.data.ticks(code, axis.days[position])
        rows = _chosen(ticks, start, end, skip) if ticks is not None else np.empty(0, dtype=np.int64)
        silent = 0 if len(rows) else silent + 1
        if ticks is not None and len(rows):
            tables.append({name: _column(ticks, name, rows) for name in names})
            found += len(rows)
        position -= 1
    return tables[::-1]


def _chosen(ticks: Ticks, start: datetime | None, end: datetime, skip: bool) -> np.ndarray:
    rows = np.arange(_visible(ticks, end))
    if skip:
        volume = ticks.volume[rows]
        rows = rows[np.diff(volume, prepend=0) != 0]
    return rows if start is None else rows[ticks.times[rows] >= np.datetime64(start, "ms")]


def _visible(ticks: Ticks, at: datetime) -> int:
    return int(np.searchsorted(ticks.times, np.datetime64(at, "ms"), side="right"))


def _column(ticks: Ticks, name: str, rows: np.ndarray) -> np.ndarray:
    if name in ("time", "datetime"):
        return np.asarray(ticks.times[rows].astype(object), dtype=object)
    if name in _PLAIN:
        values: np.ndarray = getattr(ticks, _PLAIN[name])[rows]
    elif name in BOOK_FIELDS:
        values = getattr(ticks, _BOOKS[name[0] + name[3]])[rows, int(name[1]) - 1]
    else:
        raise StrategyError(f"快照没有字段 {name!r}", f"可用：time、{'、'.join(_PLAIN)}、a1_p、a1_v … b5_p、b5_v")
    return values.astype(np.float64)


def get_call_auction(
    security: Codes, start_date: str | date, end_date: str | date, fields: Sequence[str] | str | None = None
) -> pd.DataFrame:
    """Results of the opening auction: one row per code and day with code, time, current, volume, money and the book.

    Today's is visible once its snapshot (09:25:00 or a little later) is not later than now. Days without snapshots
    have no row. At most 5,000 rows.
    """
    run = session()
    names = field_names(fields, AUCTION_FIELDS)
    names = names if "time" in names else ("time", *names)
    axis, end = run.history.axis, known_moment(run, "get_call_auction", "end_date", end_date, END_OF_DAY)
    days = axis.days[axis.before(day_of(start_date)) : axis.through(end.date())]
    parts: list[dict[str, np.ndarray]] = []
    owners: list[str] = []
    for name, one in securities_of(run, security).items():
        for day in days:
            ticks = run.data.ticks(one.code, day)
            place = _auction(ticks, day, end) if ticks is not None else None
            if ticks is not None and place is not None:
                owners.append(name)
                parts.append({field: _column(ticks, field, np.array([place])) for field in names if field != "code"})
    table = (
        {field: np.concatenate([part[field] for part in parts]) for field in parts[0]} if parts else _no_ticks(names)
    )
    table.pop("code", None)
    frame = pd.DataFrame({"code": pd.Series(owners, dtype=object), **table})
    return frame.head(LARGEST_AUCTION_TABLE)


def _auction(ticks: Ticks, day: date, at: datetime) -> int | None:
    first = int(np.searchsorted(ticks.times, np.datetime64(datetime.combine(day, AUCTION_BEGINS), "ms")))
    last = int(np.searchsorted(ticks.times, np.datetime64(datetime.combine(day, AUCTION_ENDS), "ms")))
    for place in range(first, min(last, _visible(ticks, at))):
        if ticks.last[place] > 0:
            return place
    return None
