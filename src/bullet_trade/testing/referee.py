"""Judges a broker by what it reports: keeps an order table of its own, and names each breach of the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from bullet_trade.domain.errors import InvariantError, OrderTransitionError
from bullet_trade.domain.money import ZERO, Money, text
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    NoAnswer,
    OrderReport,
    OrderRow,
    Rejected,
    Report,
)
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.broker_world import Disturbance, Fate, World

R = TypeVar("R", bound=Report)

PATIENCE_S = 90.0
"""Seconds of exchange time within which an answer has to come."""
STEP_S = 3.0


class BreachError(AssertionError):
    """The broker does not keep the contract; the text says where."""


@dataclass(slots=True)
class Referee:
    """Stands between a card and the broker of its world: sends, listens, checks every report as it comes."""

    world: World
    disturbance: Disturbance
    orders: dict[str, Order] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    closed: bool = False
    fees: Money = ZERO
    _numbers: count[int] = field(default_factory=lambda: count(1))

    # -- towards the broker ----------------------------------------------------------------------------------------

    def connect(self) -> AccountSnapshot:
        """Connect and wait for the account."""
        self.world.broker.connect(self._take)
        self.until(lambda: bool(self.of(AccountSnapshot)), "连接后没有收到账户快照")
        return self.of(AccountSnapshot)[-1]

    def send(self, side: Side, amount: int, fate: Fate, order_type: OrderType = OrderType.LIMIT) -> Order:
        """Send an order that shall meet with `fate`."""
        return self.submit(self.world.ticket(self.tag(), side, amount, fate, order_type))

    def tag(self) -> str:
        """A client tag that was not used before."""
        return f"bt:check:{next(self._numbers):08x}"

    def submit(self, ticket: OrderTicket) -> Order:
        """Send this very order."""
        number = OrderId(len(self.orders) + 1)
        order = Order(
            order_id=number,
            parent_id=number,
            tag=ticket.tag,
            code=ticket.code,
            side=ticket.side,
            amount=ticket.amount,
            order_type=ticket.order_type,
            limit_price=ticket.limit_price,
            created_at=self.of(AccountSnapshot)[-1].at,
        )
        self.orders[ticket.tag] = order
        order.apply(OrderEvent.SEND)
        self.world.broker.submit(ticket)
        return order

    def cancel(self, order: Order) -> None:
        """Ask to cancel."""
        if not order.is_final:
            order.apply(OrderEvent.REQUEST_CANCEL)
        self.world.broker.cancel(order.tag)

    def snapshot(self) -> AccountSnapshot:
        """Ask for the account and wait for it."""
        before = len(self.of(AccountSnapshot))
        self.world.broker.request_snapshot()
        self.until(lambda: len(self.of(AccountSnapshot)) > before, "请求账户快照后没有应答")
        return self.of(AccountSnapshot)[-1]

    # -- waiting and asking ----------------------------------------------------------------------------------------

    def until(self, done: Callable[[], bool], otherwise: str) -> None:
        """Let time pass until `done()`; raises `BreachError` when that does not happen."""
        self.world.run(0.0)
        waited = 0.0
        while not done():
            if waited >= PATIENCE_S:
                raise BreachError(f"{otherwise}（等了 {PATIENCE_S:.0f} 秒）")
            self.world.run(STEP_S)
            waited += STEP_S

    def reaches(self, order: Order, *wanted: OrderState) -> None:
        """Wait until the order is in one of these states."""
        names = "或 ".join(state.value for state in wanted)
        self.until(
            lambda: order.state in wanted,
            f"{order.side.name} {order.amount} 股的委托没有到 {names}，停在 {order.state.value}",
        )

    def settled(self) -> None:
        """Give late and repeated reports the time to arrive."""
        for _ in range(10):
            self.world.run(STEP_S)

    def of(self, kind: type[R]) -> list[R]:
        """Reports of one kind, in order of arrival."""
        return [report for report in self.reports if isinstance(report, kind)]

    def row(self, order: Order, snapshot: AccountSnapshot) -> OrderRow:
        """The order's line in the day's list. Raises `BreachError` unless there is exactly one."""
        rows = [row for row in snapshot.orders if row.tag == order.tag]
        require(len(rows) == 1, f"当日委托列表中标记为 {order.tag} 的委托有 {len(rows)} 条，应为 1 条")
        return rows[0]

    def moved(self, opening: AccountSnapshot) -> AccountSnapshot:
        """The account now, which must be `opening` plus the fills reported since, to the fen."""
        now = self.snapshot()
        code = self.world.code
        filled = [order for order in self.orders.values() if order.filled]
        shares = sum(order.side * order.filled for order in filled)
        held = _held(now, code) - _held(opening, code)
        require(held == shares, f"持仓变动 {held} 股，成交回报合计 {shares} 股")
        cash = now.available + now.frozen - opening.available - opening.frozen
        booked = -sum(order.side * order.turnover for order in filled) - self.fees
        require(cash == booked, f"资金变动 {text(cash)} 元，按成交回报和费用应为 {text(booked)} 元")
        return now

    # -- reports ---------------------------------------------------------------------------------------------------

    def _take(self, report: Report) -> None:
        if self.closed:
            self.breaches.append(f"关闭之后还收到回报 {type(report).__name__}")
        self.reports.append(report)
        if getattr(report, "at", None) is not None and report.at.tzinfo is not None:
            self.breaches.append(f"{type(report).__name__} 的时间带有时区，应为北京时间的无时区时间")
        if isinstance(report, Accepted | Rejected | Filled | Cancelled | CancelRefused | NoAnswer):
            self._about_order(report)

    def _about_order(self, report: OrderReport) -> None:
        order = self.orders.get(report.tag)
        if order is None:
            if not isinstance(report, CancelRefused):
                self.breaches.append(f"收到标记 {report.tag!r} 的 {type(report).__name__}，没有发过这样的委托")
            return
        try:
            self._apply(order, report)
        except (OrderTransitionError, InvariantError) as error:
            if self.disturbance is Disturbance.NONE:
                self.breaches.append(str(error))

    def _apply(self, order: Order, report: OrderReport) -> None:
        match report:
            case Filled():
                self._fill(order, report)
            case Accepted(broker_id=number):
                self._want(bool(number), "Accepted 没有委托编号")
                order.apply(OrderEvent.ACCEPT)
            case Rejected(reason=reason):
                self._want(bool(reason), "Rejected 没有写明原因")
                order.apply(OrderEvent.REJECT)
            case Cancelled():
                order.apply(OrderEvent.CANCEL)
            case CancelRefused(reason=reason):
                self._want(bool(reason), "CancelRefused 没有写明原因")
                order.apply(OrderEvent.CANCEL_REFUSED)
            case NoAnswer():
                order.apply(OrderEvent.NO_ANSWER)

    def _fill(self, order: Order, report: Filled) -> None:
        self._want(bool(report.trade_id), "Filled 没有成交编号")
        self._want(report.amount > 0 and report.price > 0, f"成交 {report.amount} 股 @ {report.price} 无效")
        worse = order.limit_price and order.side * (report.price - order.limit_price) > 0
        self._want(not worse, f"成交价 {text(report.price, 3)} 劣于限价或保护价 {text(order.limit_price, 3)}")
        fee = report.fee or ZERO
        if order.apply_fill(report.trade_id, report.amount, report.price, fee):
            self.fees = Money(self.fees + fee)

    def _want(self, truth: bool, otherwise: str) -> None:
        if not truth:
            self.breaches.append(otherwise)


def require(truth: bool, otherwise: str) -> None:
    """Raise `BreachError` where something does not hold."""
    if not truth:
        raise BreachError(otherwise)


def _held(snapshot: AccountSnapshot, code: str) -> int:
    return sum(row.amount for row in snapshot.holdings if row.code == code)
