"""The account's own orders and what their fills do to the ledger. Pure: no journal, no broker, no telling.

The desk drives it while the engine runs; recovery drives it with the records of the journal. Both therefore come to the
same orders, positions and cash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bullet_trade.domain.errors import OrderTransitionError
from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.money import ZERO, Money, Price
from bullet_trade.domain.orders import AT_BROKER, Order, OrderEvent, OrderId, OrderState, Side
from bullet_trade.domain.report_events import apply_report
from bullet_trade.domain.reports import Filled, OrderReport
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.settlement import is_t0
from bullet_trade.ports.terms import TradingTerms

A_SECOND = timedelta(seconds=1)


class Trade(NamedTuple):
    """One fill."""

    trade_id: str
    order_id: OrderId
    code: Code
    side: Side
    amount: int
    price: Price
    at: datetime


@dataclass(slots=True)
class DaySums:
    """What is counted over a trading date. `refusals` counts by rule what ours refused, orders and cancels; `peak` is
    the most orders and cancels within one second."""

    orders: int = 0
    refused: int = 0
    bought: Money = ZERO
    sold: Money = ZERO
    cancels: int = 0
    cancels_of: dict[OrderId, int] = field(default_factory=dict)
    last_cancel: datetime | None = None
    refusals: dict[str, int] = field(default_factory=dict)
    peak: int = 0
    _recent: deque[datetime] = field(default_factory=deque)

    @property
    def messages(self) -> int:
        """Orders and cancels, as the exchanges count the activity of an account."""
        return self.orders + self.cancels

    def order(self, at: datetime) -> None:
        """One more order left."""
        self.orders += 1
        self._note(at)

    def cancel(self, number: OrderId, at: datetime) -> None:
        """One more cancel was asked for."""
        self.cancels += 1
        self.cancels_of[number] = self.cancels_of.get(number, 0) + 1
        self.last_cancel = at
        self._note(at)

    def refuse(self, rule: str) -> None:
        """One more order or cancel that a rule of ours kept back."""
        self.refusals[rule] = self.refusals.get(rule, 0) + 1

    def _note(self, at: datetime) -> None:
        recent = self._recent
        recent.append(at)
        while at - recent[0] >= A_SECOND:
            recent.popleft()
        self.peak = max(self.peak, len(recent))


class Outcome(NamedTuple):
    """What a report did. `filled` shares were booked now; `finished`: the order is over since this report.

    `ignored` says why nothing was done, '' otherwise; `order` is None for a tag that is not ours.
    """

    order: Order | None
    filled: int
    finished: bool
    ignored: str


class OrderBook:
    """Orders of the current trading date, and older ones that are still alive. Engine thread only."""

    def __init__(self, ledger: Ledger, trading: TradingTerms, securities: Callable[[Code], Security | None]) -> None:
        self.ledger = ledger
        self._trading = trading
        self._securities = securities
        self._by_tag: dict[str, Order] = {}
        self.orders: dict[OrderId, Order] = {}
        self.trades: list[Trade] = []
        self.unknown: set[OrderId] = set()
        """Orders whose fate is not known; nothing that increases the same risk may leave meanwhile."""
        self.sums = DaySums()
        self.day = date.min

    def open_day(self, day: date) -> None:
        """A new trading date: finished orders and yesterday's trades leave, T+1 shares become free.

        The date that is open already stays as it is: a restart in the session must not release today's purchases.
        """
        if day == self.day:
            return
        self.day = day
        self.orders = {order_id: order for order_id, order in self.orders.items() if not order.is_final}
        self._by_tag = {order.tag: order for order in self.orders.values()}
        self.trades = []
        self.sums = DaySums()
        self.ledger.open_day()

    def adopt(self, order: Order) -> None:
        """Take in an order that the broker has and the journal has lost. Its shares are set aside, as far as they are
        known here; what a purchase holds is known to the broker alone."""
        self.orders[order.order_id] = self._by_tag[order.tag] = order
        self.unknown.add(order.order_id)
        self.sums.order(order.created_at)
        if order.side is Side.BUY or order.code in self.ledger.positions:
            self.ledger.freeze(order, ZERO)

    def by_tag(self, tag: str) -> Order | None:
        """The order that travels under `tag`."""
        return self._by_tag.get(tag)

    def open_orders(self, code: Code | None = None) -> list[Order]:
        """Orders that may be alive at the broker, of one security or of all."""
        return [o for o in self.orders.values() if o.state in AT_BROKER and (code is None or o.code == code)]

    def t0(self, code: Code) -> bool:
        """Whether shares of `code` bought today may be sold today."""
        security = self._securities(code)
        return security is not None and is_t0(security, self.day)

    def sellable(self, code: Code) -> int:
        """Shares of `code` that may be sold now."""
        position = self.ledger.positions.get(code)
        return position.closeable(self.t0(code)) if position is not None else 0

    def cost(self, security: Security, amount: int, limit: Price) -> Money:
        """What a purchase may cost at worst, fees included."""
        turnover = Money(amount * limit)
        return Money(turnover + self._trading.order_fee(security, Side.BUY, turnover, self.day))

    def admit(self, order: Order, cash: Money) -> None:
        """Take in a new order that is about to leave, and set aside `cash` or its shares."""
        self.orders[order.order_id] = self._by_tag[order.tag] = order
        self.ledger.freeze(order, cash)
        self.sums.order(order.created_at)
        order.apply(OrderEvent.SEND)

    def request_cancel(self, order: Order, at: datetime) -> None:
        """A cancel is about to leave."""
        self.sums.cancel(order.order_id, at)
        if not order.is_final:
            order.apply(OrderEvent.REQUEST_CANCEL)

    def apply(self, report: OrderReport, now: datetime) -> Outcome:
        """Apply a broker's report. Repeated and late reports change nothing twice.

        Raises `InvariantError` when fills exceed the order or the shares held.
        """
        order = self._by_tag.get(report.tag)
        if order is None:
            return Outcome(None, 0, False, f"收到不属于本策略的委托回报 {report.tag!r}")
        was_final, filled = order.is_final, order.filled
        try:
            self._apply(order, report)
        except OrderTransitionError as error:
            return Outcome(order, 0, False, str(error))
        if order.state is OrderState.UNKNOWN:
            self.unknown.add(order.order_id)
        elif self.unknown:
            self.unknown.discard(order.order_id)
        if order.state is OrderState.FILLED:
            order.reason = ""  # what was doubted on the way has turned out well
        finished = order.is_final and not was_final
        if finished:
            order.finished_at = now
            self.ledger.release(order)
        return Outcome(order, order.filled - filled, finished, "")

    def _apply(self, order: Order, report: OrderReport) -> None:
        if isinstance(report, Filled):
            self._fill(order, report)
        else:
            apply_report(order, report)

    def _fill(self, order: Order, report: Filled) -> None:
        if report.amount <= 0:  # cancels and settlements stand among the trades of some counters
            raise OrderTransitionError(f"订单 {order.order_id}（{order.code}）收到 {report.amount} 股的成交，不是成交")
        fee = report.fee if report.fee is not None else self._estimated_fee(order, report)
        position = self.ledger.positions.get(order.code)
        cost_before = position.cost if position is not None else ZERO
        if not order.apply_fill(report.trade_id, report.amount, report.price, fee):
            return
        if order.created_at < self.ledger.stated_at and report.at < self.ledger.stated_at:
            # Late news of a trade that was in the account when it was last taken over: booked again, it would double.
            self.ledger.settle(order, report.amount, report.price, fee)
        else:
            self.ledger.fill(order, report.amount, report.price, fee, report.at)
        turnover = report.price * report.amount
        if order.side is Side.BUY:
            self.sums.bought = Money(self.sums.bought + turnover)
        else:
            self.sums.sold = Money(self.sums.sold + turnover)
            position = self.ledger.positions.get(order.code)
            cost_after = position.cost if position is not None else ZERO
            order.profit = Money(order.profit + turnover - fee - (cost_before - cost_after))
        self.trades.append(
            Trade(report.trade_id, order.order_id, order.code, order.side, report.amount, report.price, report.at)
        )

    def _estimated_fee(self, order: Order, report: Filled) -> Money:
        # The minimum commission counts once per order: charge the whole turnover and take off what is charged already.
        security = self._securities(order.code)
        if security is None:
            return ZERO
        turnover = Money(order.turnover + report.price * report.amount)
        return Money(self._trading.order_fee(security, order.side, turnover, self.day) - order.fees)
