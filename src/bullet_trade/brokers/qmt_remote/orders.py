"""The orders that went to the server, and the reports that follow from answers, pushes and lists. Pure.

Facts are only added and each is told once: a fill by its trade number, an acceptance, an end. An order whose answer is
missing has an open fate until an answer, a push, a list or the server's own record of the request closes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

import msgspec

from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import (
    Accepted,
    Cancelled,
    CancelRefused,
    Filled,
    NeverSent,
    NoAnswer,
    OrderReport,
    OrderRow,
    Rejected,
    TradeRow,
)
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.remote.trading import PlaceOrder

ALIVE = frozenset({48, 49, 50, 51, 52, 55})
CANCELLED = frozenset({53, 54})
FILLED, JUNK = 56, 57


class Tracked(msgspec.Struct):
    """One order of ours. `request` is None for one of an earlier run. Times are monotonic seconds.

    `open_fate`: nothing proves yet that the server has or has not carried it out; `doubt` is why, '' while the answer
    is only awaited. `settled_s` is when absence from a complete list would prove that it does not exist.
    """

    tag: str
    code: Code
    side: Side
    amount: int
    submitted_s: float
    request: PlaceOrder | None = None
    broker_id: str = ""
    accepted: bool = False
    over: bool = False
    open_fate: bool = True
    doubt: str = ""
    settled_s: float = 0.0
    refusal: str = ""
    """What the server said about an order that it could not place, if anything."""
    cancelling: bool = False
    filled: int = 0
    trades: set[str] = msgspec.field(default_factory=set)


class OrderTable:
    """Orders of ours by tag. `prefix` is how tags of this strategy begin; reports about others are not told."""

    def __init__(self, prefix: str, tell: Callable[[OrderReport], None], now: Callable[[], datetime]) -> None:
        self._prefix = prefix
        self._tell = tell
        self._now = now
        self._by_tag: dict[str, Tracked] = {}
        self._day = date.min
        self.stated_at = datetime(1, 1, 1)
        """When the account was last stated to the engine: fills that are told later were not in it."""

    def get(self, tag: str) -> Tracked | None:
        """The order under `tag`."""
        return self._by_tag.get(tag)

    def alive(self) -> list[Tracked]:
        """Orders whose end is not told."""
        return [order for order in self._by_tag.values() if not order.over]

    def open_fates(self) -> list[Tracked]:
        """Orders that may or may not exist."""
        return [order for order in self.alive() if order.open_fate]

    def open_day(self, day: date) -> None:
        """Forget what ended on an earlier date."""
        if day != self._day:
            self._day = day
            self._by_tag = {order.tag: order for order in self.alive()}

    # -- our own requests ------------------------------------------------------------------------------------------

    def submit(self, ticket: OrderTicket, request: PlaceOrder, now_s: float) -> Tracked:
        """An order is about to leave."""
        order = Tracked(ticket.tag, ticket.code, ticket.side, ticket.amount, now_s, request)
        self._by_tag[ticket.tag] = order
        return order

    def accept(self, order: Tracked, broker_id: str) -> None:
        """The server has it under this number."""
        order.broker_id = order.broker_id or broker_id
        order.open_fate, order.doubt = False, ""
        if not order.accepted and not order.over:
            order.accepted = True
            self._tell(Accepted(order.tag, order.broker_id, self._now()))

    def reject(self, order: Tracked, reason: str, rule: str) -> None:
        """It was refused, provably."""
        if not order.over:
            order.over, order.open_fate = True, False
            self._tell(Rejected(order.tag, reason, self._now(), rule))

    def absent(self, order: Tracked, reason: str) -> None:
        """The broker never had it, provably."""
        if not order.over:
            order.over, order.open_fate = True, False
            self._tell(NeverSent(order.tag, reason, self._now()))

    def doubt(self, order: Tracked, reason: str, settled_s: float) -> None:
        """What became of it is not known; told once."""
        if order.over or not order.open_fate:
            return
        order.settled_s = max(order.settled_s, settled_s)
        if not order.doubt:
            order.doubt = reason
            self._tell(NoAnswer(order.tag, reason, self._now()))

    def refuse_cancel(self, tag: str, reason: str) -> None:
        """A request to cancel came to nothing."""
        order = self._by_tag.get(tag)
        if order is not None:
            order.cancelling = False
        self._tell(CancelRefused(tag, reason, self._now()))

    # -- pushes ----------------------------------------------------------------------------------------------------

    def take(self, report: OrderReport) -> None:
        """A report that the server pushed."""
        order = self._by_tag.get(report.tag)
        if order is None:
            if report.tag.startswith(self._prefix):  # of an earlier run; the engine knows it from its journal
                self._tell(report)
            return
        match report:
            case Accepted():
                self.accept(order, report.broker_id)
            case Filled():
                self._fill(order, report)
            case Cancelled() | Rejected() | NeverSent():
                self._end(order, report)
            case CancelRefused():
                self.refuse_cancel(order.tag, report.reason)
            case NoAnswer():
                self._tell(report)

    def _fill(self, order: Tracked, report: Filled) -> None:
        if report.trade_id in order.trades:
            return
        order.trades.add(report.trade_id)
        order.filled += report.amount
        order.open_fate, order.doubt = False, ""
        # Never before the account that was stated last, which did not hold this fill, and never in the future.
        at = min(max(report.at, self.stated_at), max(self._now(), self.stated_at))
        order.over = order.over or order.filled >= order.amount
        self._tell(msgspec.structs.replace(report, at=at))

    def _end(self, order: Tracked, report: Cancelled | Rejected | NeverSent) -> None:
        if not order.over:
            order.over, order.open_fate, order.cancelling = True, False, False
            self._tell(report)

    # -- lists -----------------------------------------------------------------------------------------------------

    def learn(self, orders: Sequence[OrderRow], trades: Sequence[TradeRow], now_s: float) -> None:
        """Numbers of our orders, and orders of ours from earlier runs: what they went through is told by the account's
        statement."""
        for row in orders:
            order = self._by_tag.get(row.tag)
            if order is None and row.tag.startswith(self._prefix):
                self._adopt(row, [trade for trade in trades if trade.broker_id == row.broker_id], now_s)
            elif order is not None and _same(order, row):
                order.broker_id = order.broker_id or row.broker_id

    def _adopt(self, row: OrderRow, trades: Sequence[TradeRow], now_s: float) -> None:
        order = Tracked(row.tag, row.code, row.side, row.amount, now_s, broker_id=row.broker_id)
        order.accepted, order.open_fate = True, False
        order.over = row.status not in ALIVE
        order.trades = {trade.trade_id for trade in trades}
        order.filled = sum(trade.amount for trade in trades)
        self._by_tag[row.tag] = order

    def take_lists(self, orders: Sequence[OrderRow], trades: Sequence[TradeRow]) -> None:
        """The lists of a server that pushes nothing: what is new in them becomes reports."""
        rows = {row.tag: row for row in orders if row.tag in self._by_tag}
        numbers = {row.broker_id: row.tag for row in rows.values()}
        for trade in trades:
            order = self._by_tag.get(trade.tag or numbers.get(trade.broker_id, ""))
            if order is not None and (trade.code, trade.side) == (order.code, order.side) and trade.amount > 0:
                self._fill(order, Filled(order.tag, trade.trade_id, trade.amount, trade.price, trade.at, trade.fee))
        for row in rows.values():
            order = self._by_tag[row.tag]
            if _same(order, row):
                self._take_row(order, row)

    def _take_row(self, order: Tracked, row: OrderRow) -> None:
        if row.status in ALIVE:
            self.accept(order, row.broker_id)
        elif order.over or order.filled < row.filled:
            return  # the fills that belong to its end come first
        elif row.status == JUNK:
            self.reject(order, row.state, "broker")
        elif row.status in CANCELLED or (row.status == FILLED and row.filled > 0):
            # Filled with less than was ordered: the server had cut the order to whole lots.
            self._end(order, Cancelled(order.tag, row.state, self._now()))

    def prove_absent(self, orders: Sequence[OrderRow], asked_s: float) -> None:
        """A complete list, asked for at `asked_s`, does not hold these orders: what is settled by then is over."""
        listed = {row.tag for row in orders}
        for order in self.open_fates():
            if order.tag not in listed and order.doubt and order.settled_s <= asked_s:
                if order.refusal:
                    self.reject(order, order.refusal, "broker")
                else:
                    self.absent(order, "服务端当日委托里没有这笔委托")


def _same(order: Tracked, row: OrderRow) -> bool:
    return (order.code, order.side) == (row.code, row.side)
