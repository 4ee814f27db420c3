"""What a broker's report does to a working order."""

from __future__ import annotations

from datetime import datetime

import pytest

from bullet_trade.domain.errors import OrderTransitionError
from bullet_trade.domain.money import price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.report_events import StateReport, apply_report
from bullet_trade.domain.reports import Accepted, Cancelled, CancelRefused, NeverSent, NoAnswer, Rejected
from bullet_trade.domain.securities import Code

AT = datetime(2026, 1, 5, 10, 0)


def sent() -> Order:
    order = Order(
        order_id=OrderId(1),
        parent_id=OrderId(1),
        tag="t",
        code=Code("000001.XSHE"),
        side=Side.BUY,
        amount=100,
        order_type=OrderType.LIMIT,
        limit_price=price(10),
        created_at=AT,
        broker_id="B0",
        reason="此前",
    )
    order.apply(OrderEvent.SEND)
    return order


@pytest.mark.parametrize(
    ("report", "state", "broker_id", "reason"),
    [
        (Accepted("t", "B1", AT), OrderState.WORKING, "B1", "此前"),
        (Rejected("t", "资金不足", AT), OrderState.REJECTED, "B0", "资金不足"),
        (Cancelled("t", "已撤", AT), OrderState.CANCELLED, "B0", "已撤"),
        (NoAnswer("t", "没有回音", AT), OrderState.UNKNOWN, "B0", "没有回音"),
        (NeverSent("t", "清单中没有", AT), OrderState.NOT_SENT, "B0", "清单中没有"),
    ],
)
def test_a_report_moves_an_order_on(report: StateReport, state: OrderState, broker_id: str, reason: str) -> None:
    order = sent()
    apply_report(order, report)
    assert (order.state, order.broker_id, order.reason) == (state, broker_id, reason)


def test_a_refused_cancel_leaves_the_reason_of_the_order_alone() -> None:
    order = sent()
    order.apply(OrderEvent.REQUEST_CANCEL)
    apply_report(order, CancelRefused("t", "不可撤", AT))
    assert (order.state, order.reason) == (OrderState.WORKING, "此前")


def test_a_report_that_the_state_does_not_admit_changes_nothing() -> None:
    order = sent()
    apply_report(order, Rejected("t", "资金不足", AT))
    with pytest.raises(OrderTransitionError):
        apply_report(order, Cancelled("t", "已撤", AT))
    assert (order.state, order.reason) == (OrderState.REJECTED, "资金不足")
