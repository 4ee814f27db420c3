"""What a broker's word does to an order's state, fills apart: those are money as well, and each keeper books them."""

from __future__ import annotations

from bullet_trade.domain.orders import Order, OrderEvent
from bullet_trade.domain.reports import Accepted, Cancelled, CancelRefused, NeverSent, NoAnswer, Rejected

StateReport = Accepted | Rejected | Cancelled | CancelRefused | NoAnswer | NeverSent

_EVENTS: dict[type[StateReport], OrderEvent] = {
    Accepted: OrderEvent.ACCEPT,
    Rejected: OrderEvent.REJECT,
    Cancelled: OrderEvent.CANCEL,
    CancelRefused: OrderEvent.CANCEL_REFUSED,
    NoAnswer: OrderEvent.NO_ANSWER,
    NeverSent: OrderEvent.PROVED_ABSENT,
}


def apply_report(order: Order, report: StateReport) -> None:
    """Move the order on, and note its number or the reason. A refused cancel says nothing about the order itself.

    Raises `OrderTransitionError`, with nothing changed, where the state does not admit the report.
    """
    order.apply(_EVENTS[type(report)])
    if isinstance(report, Accepted):
        order.broker_id = report.broker_id
    elif not isinstance(report, CancelRefused):
        order.reason = report.reason
