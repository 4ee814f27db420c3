"""The quote side of a stand-in terminal: what the vendor's servers have, what is on the disk, and what goes wrong.

Figures are in the terminal's units: volumes in lots, `pvolume` in shares, times in milliseconds. Pushes come on a
thread of the terminal's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Protocol

from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import to_qmt
from bullet_trade.market.price_limit import price_limits
from bullet_trade.ports.market_data import MarketData
from bullet_trade.quotes.qmt.moments import day_text, moment, stamp
from bullet_trade.strategy.data.axis import minute_stamps

Row = dict[str, object]
LOT = 100
_KEPT = ("1m", "1d", "tick")


@dataclass
class Trouble:
    """What goes wrong. Names are those of the native calls."""

    hang: set[str] = field(default_factory=set)
    """Calls that do not return until `Desk.release`."""
    down: bool = False
    """No connection is taken."""
    download: str = ""
    """``refused``, ``silent`` (no progress, ever), ``slow`` (each step waits for `Desk.release`) or ``late`` (says that
    it is done before rows are there)."""
    refuse: set[str] = field(default_factory=set)
    """Securities that no subscription may contain."""
    volume_unit: int = LOT
    """Shares in one unit of volume; 1 on a terminal that does not count in lots."""


class QuoteClient(Protocol):
    """A connection's side that is pushed to."""

    def receive(self, name: str, row: Row) -> None: ...
    def forget(self) -> None: ...


class Desk:
    """The market as the terminal knows it. `now` gives exchange time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.trouble = Trouble()
        self.lock = RLock()
        self.calls: list[str] = []
        self.ticks: dict[str, Row] = {}
        self.details: dict[str, Row] = {}
        self.days: list[date] = []
        self.holidays: list[int] = []
        self.sectors: dict[str, list[str]] = {}
        self.weights: dict[str, dict[str, float]] = {}
        self.factors: dict[str, dict[str, Row]] = {}
        self.clients: list[QuoteClient] = []
        self._served: dict[tuple[str, str], list[Row]] = {}
        self._disk: dict[tuple[str, str], dict[int, Row]] = {}
        self._late: list[tuple[str, str, list[Row]]] = []
        self._released = Event()
        self._pushes: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        Thread(target=self._push_all, name="stand-in-quotes", daemon=True).start()

    # -- what a test does ------------------------------------------------------------------------------------------

    def feed(self, market: MarketData, codes: Iterable[Code], days: Sequence[date]) -> None:
        """Have these days of another market on the vendor's servers: bars, dividends and descriptions."""
        self.days = sorted({*self.days, *days})
        for code in codes:
            self._describe(market, code, days[-1])
            self._served[to_qmt(code), "1d"] = [*_daily_rows(market, code, days, self.trouble.volume_unit)]
            minutes = (row for day in days for row in _minute_rows(market, code, day, self.trouble.volume_unit))
            self._served[to_qmt(code), "1m"] = list(minutes)
            self.factors[to_qmt(code)] = _factors(market, code)

    def serve(self, name: str, period: str, rows: Iterable[Row]) -> None:
        """Have rows on the vendor's servers."""
        self._served.setdefault((name, period), []).extend(rows)

    def push(self, code: Code, last: float, shares: int = 0, at: datetime | None = None, **more: object) -> None:
        """A new snapshot: stored, and pushed to whoever subscribed. `shares` is the day's volume."""
        row = snapshot_row(at or self.now(), last, shares, self.trouble.volume_unit)
        row.update(more)
        name = to_qmt(code)
        with self.lock:
            self.ticks[name] = row
            for client in list(self.clients):
                self.later(_delivery(client, name, row))

    def settle(self) -> None:
        """Wait until everything pushed so far was delivered."""
        done = Event()
        self._pushes.put(done.set)
        if not done.wait(10.0):
            raise TimeoutError("a callback does not return")

    def release(self) -> None:
        """Let hung calls return, and hang no more."""
        self.trouble.hang.clear()
        self._released.set()

    def land(self) -> None:
        """What a late download promised is on the disk now."""
        for name, period, rows in self._late:
            self._store(name, period, rows)
        self._late.clear()

    def drop_connections(self) -> None:
        """The link goes: each connection is dead, and the next call makes a new one."""
        with self.lock:
            self.clients.clear()

    def forget_subscriptions(self) -> None:
        """The native part has reconnected by itself: the connection stands, and nothing is subscribed any more."""
        for client in list(self.clients):
            client.forget()

    def close(self) -> None:
        """End the pushing thread."""
        self.release()
        self._pushes.put(None)

    # -- what the native module asks -------------------------------------------------------------------------------

    def enter(self, call: str) -> None:
        """Note a native call, and hang in it where that is wanted."""
        self.calls.append(call)
        if call in self.trouble.hang:
            self._released.wait()

    def pause(self) -> None:
        """Wait until somebody lets things go on."""
        self._released.wait()

    def later(self, push: Callable[[], None]) -> None:
        """Have something done on the pushing thread."""
        self._pushes.put(push)

    def full_ticks(self, names: Sequence[str]) -> str:
        """The newest snapshots of securities or markets, as text."""
        with self.lock:
            found = {name: row for name, row in self.ticks.items() if name in names or name[7:] in names}
        return json.dumps(found)

    def rows(self, name: str, period: str, first: int, last: int, running: bool) -> list[Row]:
        """Rows on the disk, and with `running` those of the running day that have ended."""
        found = dict(self._disk.get((name, period), {}))
        if running:
            midnight = stamp(datetime.combine(self.now().date(), time()))
            found.update((_time(row), row) for row in self._past(name, period) if _time(row) >= midnight)
        return [found[at] for at in sorted(found) if first <= at <= last]

    def fetch(self, names: Sequence[str], period: str, first: int, last: int) -> None:
        """Bring rows from the servers to the disk."""
        for name in names:
            rows = [row for row in self._past(name, period) if first <= _time(row) <= last]
            if self.trouble.download == "late":
                self._late.append((name, period, rows))
            else:
                self._store(name, period, rows)

    def _past(self, name: str, period: str) -> list[Row]:
        now = stamp(self.now())
        return [row for row in self._served.get((name, period), []) if _time(row) <= now]

    def _store(self, name: str, period: str, rows: Iterable[Row]) -> None:
        self._disk.setdefault((name, period), {}).update((_time(row), row) for row in rows)

    def _push_all(self) -> None:
        while (push := self._pushes.get()) is not None:
            push()

    def _describe(self, market: MarketData, code: Code, day: date) -> None:
        security = market.security(code)
        if security is None:
            raise KeyError(code)
        bars = market.daily(code, day, day)
        reference = float(bars.prev_close[0]) if len(bars) else 0.0
        limits = price_limits(security, day, price(reference), None) if reference > 0 else None
        self.details[to_qmt(code)] = {
            "ExchangeID": to_qmt(code)[7:],
            "InstrumentID": code[:6],
            "InstrumentName": security.name,
            "OpenDate": int(day_text(security.list_date)),
            "ExpireDate": 99999999,
            "TradingDay": int(day_text(day)),
            "PreClose": reference,
            "UpStopPrice": yuan(limits.high) if limits else 0.0,
            "DownStopPrice": yuan(limits.low) if limits else 0.0,
            "FloatVolumn": 1e9,
            "TotalVolumn": 1e9,
            "PriceTick": 0.01,
            "VolumeMultiple": 1,
            "InstrumentStatus": 1 if len(bars) and bars.paused[0] else 0,
            "IsTrading": True,
            "ExtendInfo": {"OptionType": -1},
        }


def snapshot_row(at: datetime, last: float, shares: int, unit: int = LOT) -> Row:
    """A snapshot with five levels of ten lots, a cent apart, and a turnover at the last price."""
    steps = range(5)
    return {
        "time": stamp(at), "lastPrice": last, "open": last, "high": last, "low": last, "lastClose": last,
        "amount": last * shares, "volume": shares // unit, "pvolume": shares, "stockStatus": 3, "openInt": 13,
        "askPrice": [last + 0.01 * (step + 1) for step in steps], "askVol": [1000 // unit] * 5,
        "bidPrice": [last - 0.01 * step for step in steps], "bidVol": [1000 // unit] * 5,
    }  # fmt: skip


def _delivery(client: QuoteClient, name: str, row: Row) -> Callable[[], None]:
    return lambda: client.receive(name, row)


def _time(row: Mapping[str, object]) -> int:
    at = row["time"]
    if not isinstance(at, int):
        raise TypeError(f"{at!r} is no time")
    return at


def _bar(at: int, prices: Sequence[float], shares: int, money: float, unit: int, before: float, paused: int) -> Row:
    names = ("open", "high", "low", "close")
    return {
        "time": at, **dict(zip(names, prices, strict=True)), "volume": shares // unit, "amount": money,
        "settelementPrice": 0.0, "openInterest": 0, "preClose": before, "suspendFlag": paused,
    }  # fmt: skip


def _daily_rows(market: MarketData, code: Code, days: Sequence[date], unit: int) -> Iterable[Row]:
    """Days with trade; the terminal has no row of a suspended one. References as they are on servers that do not adjust
    them: the close before."""
    bars, before = market.daily(code, days[0], days[-1]), 0.0
    for place in range(len(bars)):
        prices = [float(column[place]) for column in (bars.open, bars.high, bars.low, bars.close)]
        if not bars.paused[place]:
            at = stamp(datetime.combine(bars.days[place].item(), time()))
            reference = before or float(bars.prev_close[place])
            yield _bar(at, prices, int(bars.volume[place]), float(bars.money[place]), unit, reference, 0)
        before = prices[3]


def _minute_rows(market: MarketData, code: Code, day: date, unit: int) -> Iterable[Row]:
    bars = market.minutes(code, day)
    if bars is None:
        return
    for place, at in enumerate(minute_stamps(day).astype("datetime64[s]").tolist()):
        prices = [float(column[place]) for column in (bars.open, bars.high, bars.low, bars.close)]
        if bars.volume[place] > 0:
            yield _bar(stamp(at), prices, int(bars.volume[place]), float(bars.money[place]), unit, 0.0, 0)


def _factors(market: MarketData, code: Code) -> dict[str, Row]:
    return {
        day_text(action.ex_date): {
            "time": stamp(datetime.combine(action.ex_date, time())), "interest": action.cash_per_share,
            "stockBonus": action.share_ratio, "stockGift": 0.0, "allotNum": 0.0, "allotPrice": 0.0, "gugai": 0.0,
            "dr": 1.0,
        }
        for action in market.corporate_actions(code)
    }  # fmt: skip


def span_of(start: str, end: str) -> tuple[int, int]:
    """The range of times that two texts of the terminal's mean, both ends included. Text means Beijing time here."""
    first = stamp(_read(start, time())) if start else 0
    last = stamp(_read(end, time(23, 59, 59))) if end else stamp(datetime(2100, 1, 1))
    return first, last


def _read(text: str, otherwise: time) -> datetime:
    day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    seconds = timedelta(hours=int(text[8:10]), minutes=int(text[10:12]), seconds=int(text[12:14])) if text[8:] else None
    return datetime.combine(day, time()) + seconds if seconds is not None else datetime.combine(day, otherwise)


def label_of(at: int, period: str) -> str:
    """How the terminal labels a row."""
    return f"{moment(at):%Y%m%d}" if period == "1d" else f"{moment(at):%Y%m%d%H%M%S}"
