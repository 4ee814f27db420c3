"""The built-in exchange alone on a virtual clock: orders in, reports out."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import count
from typing import TypeVar

from bullet_trade.brokers.simulator.account import Account
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.brokers.simulator.orders import CounterOrder
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, Cancelled, CancelRefused, Filled, Rejected, Report
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.terms import Slippage, TradingTerms
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.testing.fake_market import Minute

R = TypeVar("R", bound=Report)
DAY = date(2025, 6, 3)
CODE = Code("600000.XSHG")


def minutes(base: float = 10.0, **changes: Minute) -> list[Minute]:
    """A day at `base`, with other minutes where named by their start: ``m1000=(o, h, l, c, v)``."""
    day: list[Minute] = [base] * 240
    for name, row in changes.items():
        start = int(name[1:3]) * 60 + int(name[3:])
        day[start - 570 if start < 720 else start - 780 + 120] = row
    return day


def clock(text: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(text))


class Bench:
    """A broker that is connected at 00:00 of `day`, without slippage unless `terms` say otherwise."""

    def __init__(
        self,
        market: MarketData,
        day: date = DAY,
        *,
        account: Account | None = None,
        at: str = "00:00",
        delay_s: float = 0.0,
        attend_s: float = 0.0,
        ticks_everywhere: bool = False,
        terms: TradingTerms | None = None,
    ) -> None:
        self.clock, self._queue = VirtualClock(clock(at, day)), TimerQueue()
        timers = ClockTimers(self.clock, self._queue)
        calendar = exchange_calendar()
        self.feed = HistoryFeed(market, calendar, timers, ticks_everywhere)
        self.terms = terms or TradingTerms(FeeSchedule(), slippage={"": Slippage()})
        self.account = account or Account(cash=money(1_000_000))
        seen = Market(self.feed, self.feed, market, calendar, self.feed.security)
        self.saves = 0
        self.broker = SimulatedBroker(seen, timers, self.terms, self.account, delay_s, self._save, attend_s)
        self.reports: list[Report] = []
        self.tickets: dict[str, OrderTicket] = {}
        self._numbers = count(1)
        self._day = date.min
        self._open(self.clock.now())
        self.broker.connect(self.reports.append)

    def _save(self, account: Account) -> None:
        assert account is self.account
        self.saves += 1

    def _open(self, now: datetime) -> None:
        if now.date() != self._day:
            self._day = now.date()
            self.feed.open_day(self._day)
        self.feed.advance(now)

    def go_on_from(self, earlier: Bench) -> None:
        """Number orders on, and remember those of the process before."""
        self._numbers = earlier._numbers
        self.tickets = earlier.tickets

    def go(self, text: str, day: date | None = None) -> Bench:
        """Move on to a time of this or another day; what is due on the way happens."""
        until = clock(text, day or self.clock.now().date())
        while (due := self._queue.next_due()) is not None and due <= until:
            self.clock.wait(Inbox(), due)
            self._open(self.clock.now())
            timer = self._queue.pop_due(self.clock.now())
            if timer is not None and timer.action is not None:
                timer.action()
        self.clock.wait(Inbox(), until)
        self._open(self.clock.now())
        return self

    def jump(self, text: str, day: date | None = None) -> Bench:
        """The clock jumps, and nothing that was due has happened yet."""
        self.clock.wait(Inbox(), clock(text, day or self.clock.now().date()))
        self._open(self.clock.now())
        return self

    def sleep(self, text: str, day: date | None = None) -> Bench:
        """The clock jumps, as after a sleep of the machine; only then what was due happens, late."""
        self.jump(text, day)
        return self.go(f"{self.clock.now():%H:%M:%S}")

    def order(self, amount: int, limit: float | None = None, code: str = CODE, protection: float = 0.0) -> str:
        """Buy (`amount` > 0) or sell; at market without `limit`. Returns the tag."""
        tag = f"t{next(self._numbers)}"
        side = Side.BUY if amount > 0 else Side.SELL
        kind = OrderType.MARKET if limit is None else OrderType.LIMIT
        worst = price(protection if limit is None else limit)
        ticket = self.tickets[tag] = OrderTicket(tag, Code(code), side, abs(amount), kind, worst)
        self.broker.submit(ticket)
        return tag

    def of(self, kind: type[R], tag: str | None = None) -> list[R]:
        return [r for r in self.reports if isinstance(r, kind) and (tag is None or getattr(r, "tag", "") == tag)]

    def fills(self, tag: str) -> list[tuple[str, int, float]]:
        """When, shares, price of each fill."""
        return [(f"{r.at:%H:%M:%S}", r.amount, r.price / 10_000) for r in self.of(Filled, tag)]

    def rule(self, tag: str) -> str:
        """The rule by which an order was refused, '' when it was not."""
        return next((r.rule for r in self.of(Rejected, tag)), "")

    def ended(self, tag: str) -> str:
        """How the order ended, in the report's words."""
        return next((r.reason for r in self.of(Cancelled, tag)), "")

    def cancel_refusal(self, tag: str) -> str:
        return next((r.reason for r in self.of(CancelRefused, tag)), "")

    def kept(self, tag: str) -> CounterOrder:
        """The order in the broker's own list."""
        return self.account.orders[tag]

    def snapshot(self) -> AccountSnapshot:
        self.broker.request_snapshot()
        return self.of(AccountSnapshot)[-1]
