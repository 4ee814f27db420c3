"""What the server knows of an order that came through it: the request, the order's state, its fills."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bullet_trade.domain.errors import OrderTransitionError
from bullet_trade.domain.money import ZERO, yuan
from bullet_trade.domain.orders import FINAL, Order, OrderState, Side
from bullet_trade.domain.report_events import apply_report
from bullet_trade.domain.reports import CancelRefused, Filled, OrderReport
from bullet_trade.domain.reports import OrderRow as BrokerRow
from bullet_trade.remote import status
from bullet_trade.remote.market import moment_text
from bullet_trade.remote.trading import OrderRow

Waiter = Callable[["Record"], bool]
"""Told of every change of a record; True when it has what it waited for and wants to hear no more."""

_STATUS = {
    OrderState.CREATED: 48,
    OrderState.IN_FLIGHT: 49,
    OrderState.WORKING: 50,
    OrderState.CANCELLING: 51,
    OrderState.UNKNOWN: 255,
    OrderState.REFUSED: 57,
    OrderState.NOT_SENT: 57,
    OrderState.FILLED: 56,
    OrderState.CANCELLED: 54,
    OrderState.REJECTED: 57,
}
_PARTLY = {50: 55, 51: 52, 54: 53}


class Record(msgspec.Struct, kw_only=True):
    """One order. `remark` is the client's, `order.tag` the one that travels; they differ where the client's is not
    unique. `wanted` is the amount asked for, `asked_price` the price in yuan that the client named."""

    order: Order
    remark: str
    key: str
    sub: str
    wanted: int
    asked_price: float | None
    waiters: list[Waiter] = []

    @property
    def number(self) -> int:
        """The terminal's number of the state."""
        number = _STATUS[self.order.state]
        return _PARTLY.get(number, number) if self.order.filled else number

    @property
    def word(self) -> str:
        """The state in the words of the wire."""
        return status.SUBMIT_UNKNOWN if self.order.state is OrderState.UNKNOWN else status.word(self.number)

    @property
    def answered(self) -> bool:
        """Whether the broker has said anything about it that settles whether it exists."""
        return self.order.state not in (OrderState.CREATED, OrderState.IN_FLIGHT, OrderState.UNKNOWN)

    @property
    def over(self) -> bool:
        """Whether nothing more is expected."""
        return self.order.state in FINAL

    def apply(self, report: OrderReport) -> None:
        """Take in a report; a late or repeated one changes nothing."""
        order = self.order
        try:
            if not isinstance(report, Filled):
                apply_report(order, report)
                if isinstance(report, CancelRefused):  # for the client who waits for the cancel
                    order.reason = report.reason
            elif report.amount > 0:
                order.apply_fill(report.trade_id, report.amount, report.price, report.fee or ZERO)
        except OrderTransitionError as error:
            order.reason = order.reason or str(error)

    def row(self) -> OrderRow:
        """For `broker.orders` and `broker.order_status`."""
        order = self.order
        buying = order.side is Side.BUY
        return OrderRow(
            order_id=order.broker_id,
            status=self.word,
            raw_status=self.number,
            security=order.code,
            side=order.side.name,
            amount=order.amount,
            filled=order.filled,
            price=yuan(order.average_price),
            order_price=yuan(order.limit_price) if order.limit_price else None,
            is_buy=buying,
            order_type=23 if buying else 24,
            price_type=50 if order.order_type.value == "limit" else 88,
            order_remark=self.remark,
            strategy_name="bullet-trade",
            status_msg=order.reason or None,
            order_time=moment_text(order.created_at.replace(microsecond=0)),
            idempotency_key=self.key or None,
            sub_account_id=self.sub or None,
        )


def foreign_row(row: BrokerRow) -> OrderRow:
    """An order that did not come through this server, as far as the broker's list tells."""
    buying = row.side is Side.BUY
    return OrderRow(
        order_id=row.broker_id,
        status=status.word(row.status),
        raw_status=row.status,
        security=row.code,
        side=row.side.name,
        amount=row.amount,
        filled=row.filled,
        price=0.0,
        is_buy=buying,
        order_type=23 if buying else 24,
        order_remark=row.tag,
        status_msg=row.state or None,
    )
