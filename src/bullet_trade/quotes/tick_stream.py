"""Recorded or generated snapshots, handed out one by one as the clock reaches them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time

import numpy as np

from bullet_trade.domain.securities import Code
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.exchange_feed import Auction
from bullet_trade.ports.market_data import Ticks
from bullet_trade.ports.quotes import Tick


class TickStream:
    """Delivers the snapshots later than now, each at its own time. One timer is pending at a time."""

    def __init__(self, code: Code, ticks: Ticks, timers: Timers, sink: Callable[[Tick], None]) -> None:
        self._code = code
        self._ticks = ticks
        self._timers = timers
        self._sink = sink
        self._next = int(np.searchsorted(ticks.times, np.datetime64(timers.now(), "ms"), side="right"))
        self._pending: object = None
        self._arm()

    def stop(self) -> None:
        """Deliver no more."""
        self._next = len(self._ticks)
        if self._pending is not None:
            self._timers.cancel(self._pending)

    def _arm(self) -> None:
        if self._next < len(self._ticks):
            when: datetime = self._ticks.times[self._next].item()
            self._pending = self._timers.at(when, Rank.MARKET, self._fire)

    def _fire(self) -> None:
        index = self._next
        self._next += 1
        self._arm()
        self._sink(tick_of(self._code, self._ticks, index))


def tick_at(code: Code, ticks: Ticks, now: datetime) -> Tick | None:
    """The newest snapshot not later than `now`."""
    index = int(np.searchsorted(ticks.times, np.datetime64(now, "ms"), side="right")) - 1
    return tick_of(code, ticks, index) if index >= 0 else None


def opening_of(ticks: Ticks, day: date) -> Auction | None:
    """The opening call auction: the first snapshot between 09:25 and 09:30 that shows trades; None without one."""
    first = int(np.searchsorted(ticks.times, np.datetime64(datetime.combine(day, time(9, 25)), "ms")))
    end = int(np.searchsorted(ticks.times, np.datetime64(datetime.combine(day, time(9, 30)), "ms")))
    for index in range(first, end):
        if ticks.volume[index] > 0:
            return Auction(float(ticks.last[index]), int(ticks.volume[index]))
    return None


def tick_of(code: Code, ticks: Ticks, index: int) -> Tick:
    """Row `index` as a `Tick`."""
    return Tick(
        code=code,
        datetime=ticks.times[index].item(),
        current=float(ticks.last[index]),
        open=float(ticks.open[index]),
        high=float(ticks.high[index]),
        low=float(ticks.low[index]),
        volume=int(ticks.volume[index]),
        money=float(ticks.money[index]),
        ask_prices=tuple(ticks.ask_price[index].tolist()),
        ask_volumes=tuple(ticks.ask_volume[index].tolist()),
        bid_prices=tuple(ticks.bid_price[index].tolist()),
        bid_volumes=tuple(ticks.bid_volume[index].tolist()),
    )
