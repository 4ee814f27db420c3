"""The connection between an engine and a `Counter`, good or bad. It lives as long as the counter; each engine that
connects gets the reports from then on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

import msgspec

from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    LinkDown,
    LinkUp,
    NoAnswer,
    OrderReport,
    Rejected,
    Report,
)
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.testing.counter import Counter


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the connection is: chances from 0.0 to 1.0 of each report or request; seconds of exchange time."""

    drop: float = 0.0
    """A report never arrives."""
    late: float = 0.0
    """A report comes up to `late_s` later, and others overtake it."""
    late_s: float = 20.0
    again: float = 0.0
    """A report comes a second time."""
    phantom: float = 0.0
    """An order is confirmed with a number, and the counter never had it."""
    lose_request: float = 0.0
    """An order or a request to cancel never reaches the counter."""
    short_list: float = 0.0
    """The lists of the day miss orders and trades, and say that they may."""
    missing: float = 0.5
    """The part of its rows that such a list misses."""
    answer_s: float = 10.0
    """Without any report about an order for so long, the adapter says that there was no answer."""


FAIR = Weather()


class CounterLink:
    """Implements `ports.broker.Broker` over `counter`."""

    label = "柜台"

    def __init__(self, counter: Counter, draw: Random, weather: Weather = FAIR) -> None:
        self.counter = counter
        self.weather = weather
        self.pushes_again = True
        """Whether the day's reports are pushed again after each connection; else only the lists say what was missed."""
        self.sent: Callable[[OrderTicket], None] = lambda _: None
        """Hears of each order at the instant at which it leaves the engine."""
        self.phantoms: set[str] = set()
        """Orders that were confirmed and never entered."""
        self.account = self.token = ""
        """What the connection is made with, and what nobody may ever be shown."""
        self._draw = draw
        self._timers: Timers | None = None
        self._sink: ReportSink | None = None
        self._down = self._dead_air = False
        self._said: list[OrderReport] = []
        self._heard: set[str] = set()
        self._waking: datetime | None = None
        counter.tell = self._take

    def on(self, timers: Timers) -> CounterLink:
        """Serve the engine that owns `timers` from now on; the one before is gone."""
        self._timers, self._sink, self._waking = timers, None, None
        return self

    # -- the broker port -------------------------------------------------------------------------------------------

    def connect(self, sink: ReportSink) -> None:
        self._catch_up()
        self._sink = sink
        self._down = self._dead_air = False
        sink(LinkUp(self._now()))
        self.request_snapshot()
        if self.weather is not FAIR:
            self._push_day_again()
        self._wake_later()

    def submit(self, ticket: OrderTicket) -> None:
        self._catch_up()
        self.sent(ticket)
        if self._down:
            self._give(Rejected(ticket.tag, "连接已断开，委托没有发出", self._now(), "link_down"))
            return
        self._at(self.weather.answer_s, partial(self._give_up, ticket.tag))
        if self.weather.phantom and self._draw.random() < self.weather.phantom:
            self.phantoms.add(ticket.tag)
            self._deliver(Accepted(ticket.tag, "0", self._now()))
        elif not self._lost():
            self.counter.enter(ticket)
        self._wake_later()

    def cancel(self, tag: str) -> None:
        self._catch_up()
        if not self._lost():
            self.counter.withdraw(tag)
        self._wake_later()

    def request_snapshot(self) -> None:
        self._catch_up()
        if not (self._down or self._dead_air):
            self._give(self._snapshot())

    def _snapshot(self) -> AccountSnapshot:
        whole = self.counter.snapshot()
        if self._draw.random() >= self.weather.short_list:
            return whole
        orders = tuple(row for row in whole.orders if self._draw.random() >= self.weather.missing)
        trades = tuple(row for row in whole.trades if self._draw.random() >= self.weather.missing)
        return msgspec.structs.replace(whole, orders=orders, trades=trades, complete=False)

    def close(self) -> None:
        self._sink = None

    # -- faults ----------------------------------------------------------------------------------------------------

    def cut(self, after_s: float, down_s: float) -> None:
        """The line goes dead now, unnoticed for `after_s` seconds, and comes back `down_s` seconds after that."""
        if self._down or self._dead_air or self._sink is None:
            return
        self._dead_air = True
        self._at(after_s, self._notice)
        self._at(after_s + down_s, self.restore)

    def _notice(self) -> None:
        self._down, self._dead_air = True, False
        self._give(LinkDown("连接断开", self._now()))

    def restore(self) -> None:
        """The line is back; what happened today is pushed again."""
        if not self._down:
            return
        self._catch_up()
        self._down = False
        self._give(LinkUp(self._now()))
        self._push_day_again()

    def _push_day_again(self) -> None:
        if not self.pushes_again:
            return
        today = self._now().date()
        for report in [said for said in self._said if said.at.date() == today]:
            self._send(report)

    def _lost(self) -> bool:
        return self._down or self._dead_air or self._draw.random() < self.weather.lose_request

    def _give_up(self, tag: str) -> None:
        if tag not in self._heard and not self._down:
            self._give(NoAnswer(tag, "没有应答", self._now()))

    # -- reports on their way --------------------------------------------------------------------------------------

    def _take(self, report: OrderReport) -> None:
        self._said.append(report)
        self._send(report)

    def _send(self, report: OrderReport) -> None:
        weather, draw = self.weather, self._draw
        if self._down or self._dead_air or self._sink is None or draw.random() < weather.drop:
            return
        late_s = draw.uniform(0.1, weather.late_s) if draw.random() < weather.late else 0.0
        self._deliver_in(late_s, report)
        if draw.random() < weather.again:
            self._deliver_in(late_s + draw.uniform(0.0, weather.late_s), report)

    def _deliver_in(self, seconds: float, report: OrderReport) -> None:
        if seconds <= 0.0:
            self._deliver(report)
        else:
            self._at(seconds, partial(self._deliver, report))

    def _deliver(self, report: OrderReport) -> None:
        if not (self._down or self._dead_air):
            self._heard.add(report.tag)
            self._give(report)

    def _give(self, report: Report) -> None:
        if self._sink is not None:
            self._sink(report)

    # -- time ------------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        assert self._timers is not None, "give the link its timers with on()"
        return self._timers.now()

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        assert self._timers is not None, "give the link its timers with on()"
        self._timers.at(self._now() + timedelta(seconds=seconds), Rank.MARKET, action)

    def _catch_up(self) -> None:
        self.counter.advance(self._now())

    def _wake_later(self) -> None:
        due = self.counter.next_due()
        if due is None or (self._waking is not None and self._waking <= due):
            return
        assert self._timers is not None, "give the link its timers with on()"
        self._waking = due
        self._timers.at(due, Rank.MARKET, self._wake)

    def _wake(self) -> None:
        self._waking = None
        self._catch_up()
        self._wake_later()
