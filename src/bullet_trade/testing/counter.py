"""A broker's counter with a book and an agenda of its own: it goes on while the engine is dead, and it is the truth.

What becomes of an order is settled when it arrives, by a `Course`; the steps happen at their times whether or not
somebody listens. It keeps everything that it ever took, so that a judge can look at it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import IntEnum
from heapq import heappop, heappush
from typing import NamedTuple

import msgspec

from bullet_trade.domain.money import Money, Price, money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    HoldingRow,
    OrderReport,
    OrderRow,
    Rejected,
    TradeRow,
)
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket

CLOSE = time(15)
FIRST_FILL_FEE = money(5)
"""Charged with the first fill of each order."""
CANCEL_TAKES = timedelta(seconds=0.5)


class Status(IntEnum):
    """A terminal's numbers of an order's state."""

    UNREPORTED = 48
    WAITING = 49
    WORKING = 50
    CANCEL_ASKED = 51
    PART_CANCEL_ASKED = 52
    PART_CANCELLED = 53
    CANCELLED = 54
    PART_FILLED = 55
    FILLED = 56
    JUNK = 57


ENDED = frozenset({Status.PART_CANCELLED, Status.CANCELLED, Status.FILLED, Status.JUNK})


class Accept(NamedTuple):
    """The exchange takes the order."""

    after_s: float


class Fill(NamedTuple):
    """`share` of the order trades (never more than is left); 1.0 trades the rest."""

    after_s: float
    share: float


class Refuse(NamedTuple):
    """The exchange refuses the order."""

    after_s: float


class End(NamedTuple):
    """The exchange cancels what is left."""

    after_s: float


Step = Accept | Fill | Refuse | End
Course = Callable[[OrderTicket], Sequence[Step]]


class Booked(msgspec.Struct):
    """One order that arrived, or was entered `by_hand`. `number` is the counter's, new each day."""

    number: int
    tag: str
    code: Code
    side: Side
    amount: int
    limit_price: Price
    at: datetime
    status: Status = Status.WAITING
    filled: int = 0
    by_hand: bool = False

    @property
    def alive(self) -> bool:
        """Whether it may still trade."""
        return self.status not in ENDED

    @property
    def cancelled(self) -> bool:
        """Whether its rest was cancelled."""
        return self.status in (Status.CANCELLED, Status.PART_CANCELLED)

    @property
    def rest(self) -> int:
        """Shares that did not trade."""
        return self.amount - self.filled


class Counter:
    """One account. `cash` is yuan; `holdings` are shares by code, all sellable."""

    def __init__(
        self, now: datetime, course: Course, cash: float = 1_000_000.0, holdings: Mapping[str, int] | None = None
    ) -> None:
        self.now = now
        self.cash = money(cash)
        """All cash, what working purchases hold included."""
        self.holdings = {Code(code): amount for code, amount in (holdings or {}).items()}
        self.orders: list[Booked] = []
        """Every order that ever arrived."""
        self.trades: list[TradeRow] = []
        """Every trade there ever was."""
        self.tell: Callable[[OrderReport], None] = lambda _: None
        """Hears of everything that happens to orders, when it happens."""
        self.course = course
        self._agenda: list[tuple[datetime, int, Booked, Step | None]] = []
        self._fresh: dict[Code, int] = {}
        self._steps = 0
        self._order_number = 0
        self._trade_numbers: dict[str, int] = {}

    # -- time ------------------------------------------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """When something happens next."""
        first = self._agenda[0][0] if self._agenda else None
        close = datetime.combine(self.now.date(), CLOSE)
        if self.now < close and any(order.alive for order in self.orders):
            return min(first, close) if first is not None else close
        return first

    def advance(self, now: datetime) -> None:
        """Let everything happen that is due until `now`, in order."""
        while (due := self.next_due()) is not None and due <= now:
            self._turn(due)
            if self._agenda and self._agenda[0][0] <= due:
                _, _, order, step = heappop(self._agenda)
                self._take(order, step)
        self._turn(max(now, self.now))

    def _turn(self, now: datetime) -> None:
        before, self.now = self.now, now
        close = datetime.combine(before.date(), CLOSE)
        if before < close <= now:
            for order in self.orders:
                if order.alive:
                    self._end(order, "收盘", close)
        if before.date() != now.date():
            self._fresh.clear()
            self._order_number = 0
            self._trade_numbers.clear()

    # -- requests --------------------------------------------------------------------------------------------------

    def enter(self, ticket: OrderTicket) -> None:
        """An order arrives."""
        order = self._booked(ticket.tag, ticket.code, ticket.side, ticket.amount, ticket.limit_price)
        if not self._affords(order):
            order.status = Status.JUNK
            self._say(order, Rejected(order.tag, "柜台：资金或持仓不足", self.now, "counter"))
            return
        for step in self.course(ticket):
            self._plan(order, step)

    def withdraw(self, tag: str) -> None:
        """A request to cancel arrives."""
        order = next((order for order in self.orders if order.tag == tag), None)
        if order is None:
            self.tell(CancelRefused(tag, "没有这笔委托", self.now))
            return
        if order.alive:
            order.status = Status.PART_CANCEL_ASKED if order.filled else Status.CANCEL_ASKED
        self._add(self.now + CANCEL_TAKES, order, None)

    def by_hand(self, code: Code, side: Side, amount: int, at: Price, tag: str = "", fills: bool = True) -> Booked:
        """A person, or another program whose remark is `tag`, orders at another terminal. It trades at once if the
        account allows it; not `fills`: it stays until the close."""
        order = self._booked(tag, code, side, amount, at)
        order.by_hand = True
        if not self._affords(order):
            order.status = Status.JUNK
        elif fills:
            self._fill(order, amount)
        else:
            order.status = Status.WORKING
        return order

    def move(self, code: Code, shares: int, cash: float = 0.0) -> None:
        """Shares (and yuan) come or go without any trade: a bonus issue, a transfer, a forced sale by the broker."""
        self.holdings[code] = self.holdings.get(code, 0) + shares
        self.cash = Money(self.cash + money(cash))

    def snapshot(self) -> AccountSnapshot:
        """The account and the day's lists, complete."""
        frozen = Money(sum(self._frozen(order) for order in self.orders))
        rows = tuple(
            HoldingRow(code, amount, self.sellable(code), Price(0))
            for code, amount in sorted(self.holdings.items())
            if amount
        )
        today = self.now.date()
        orders = tuple(_row(order) for order in self.orders if order.at.date() == today)
        trades = tuple(trade for trade in self.trades if trade.at.date() == today)
        return AccountSnapshot(self.now, Money(self.cash - frozen), frozen, rows, orders, trades, complete=True)

    def sellable(self, code: Code) -> int:
        """Shares that a new sale may offer."""
        offered = sum(o.rest for o in self.orders if o.alive and o.side is Side.SELL and o.code == code)
        return self.holdings.get(code, 0) - self._fresh.get(code, 0) - offered

    # -- inside ----------------------------------------------------------------------------------------------------

    def _booked(self, tag: str, code: Code, side: Side, amount: int, limit: Price) -> Booked:
        self._order_number += 1
        order = Booked(self._order_number, tag, code, side, amount, limit, self.now)
        self.orders.append(order)
        return order

    def _affords(self, order: Booked) -> bool:
        if order.side is Side.SELL:
            return self.sellable(order.code) >= 0  # this order is among those that offer shares
        return sum(self._frozen(other) for other in self.orders) <= self.cash

    @staticmethod
    def _frozen(order: Booked) -> Money:
        if not order.alive or order.side is Side.SELL:
            return Money(0)
        return Money(order.limit_price * order.rest + (0 if order.filled else FIRST_FILL_FEE))

    def _plan(self, order: Booked, step: Step) -> None:
        self._add(self.now + timedelta(seconds=step.after_s), order, step)

    def _add(self, when: datetime, order: Booked, step: Step | None) -> None:
        self._steps += 1
        heappush(self._agenda, (when, self._steps, order, step))

    def _take(self, order: Booked, step: Step | None) -> None:
        if not order.alive:
            if step is None:
                self._say(order, CancelRefused(order.tag, "委托已经结束", self.now))
            return
        match step:
            case Accept():
                if order.status is Status.WAITING:
                    order.status = Status.WORKING
                self._say(order, Accepted(order.tag, str(order.number), self.now))
            case Fill(share=share):
                lots = int(order.amount * share) // 100 * 100
                self._fill(order, order.rest if share >= 1.0 else min(order.rest, lots))
            case Refuse():
                if not order.filled:
                    order.status = Status.JUNK
                    self._say(order, Rejected(order.tag, "交易所拒绝", self.now, "exchange"))
            case End():
                self._end(order, "交易所撤销", self.now)
            case None:
                self._end(order, "已撤单", self.now)

    def _fill(self, order: Booked, amount: int) -> None:
        if amount <= 0:
            return
        fee = Money(0) if order.filled else FIRST_FILL_FEE
        order.filled += amount
        if not order.rest:
            order.status = Status.FILLED
        elif order.status in (Status.CANCEL_ASKED, Status.PART_CANCEL_ASKED):
            order.status = Status.PART_CANCEL_ASKED
        else:
            order.status = Status.PART_FILLED
        sign = int(order.side)
        self.cash = Money(self.cash - sign * order.limit_price * amount - fee)
        self.holdings[order.code] = self.holdings.get(order.code, 0) + sign * amount
        if order.side is Side.BUY:
            self._fresh[order.code] = self._fresh.get(order.code, 0) + amount
        number, trade = str(order.number), self._trade_id(order.code)
        at = order.limit_price
        self.trades.append(TradeRow(order.tag, number, trade, order.code, order.side, amount, at, self.now, fee))
        self._say(order, Filled(order.tag, trade, amount, at, self.now, fee))

    def _trade_id(self, code: Code) -> str:
        """Each exchange counts its trades by itself, and anew each day."""
        exchange = code[-4:]
        self._trade_numbers[exchange] = self._trade_numbers.get(exchange, 0) + 1
        return f"T{self._trade_numbers[exchange]}"

    def _end(self, order: Booked, reason: str, at: datetime) -> None:
        order.status = Status.PART_CANCELLED if order.filled else Status.CANCELLED
        self._say(order, Cancelled(order.tag, reason, at))

    def _say(self, order: Booked, report: OrderReport) -> None:
        if order.tag:
            self.tell(report)


def _row(order: Booked) -> OrderRow:
    number, state = str(order.number), order.status.name
    return OrderRow(order.tag, number, order.code, order.side, order.amount, order.filled, state, int(order.status))


def at_once(ticket: OrderTicket) -> Sequence[Step]:
    """The usual course: taken, and traded in two pieces within two seconds."""
    return (Accept(0.2), Fill(0.8, 0.4), Fill(1.6, 1.0))
