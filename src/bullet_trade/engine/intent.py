"""The journal's record of an order that is about to leave: enough to know the order again after a crash."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Order, OrderId, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.asked import NOT_TOLD, Asked


class Intent(msgspec.Struct, frozen=True):
    """`wanted` is what the strategy asked for in all, `amount` this order's part; `cash` is what was set aside, `asked`
    the call that led to it."""

    order_id: OrderId
    parent_id: OrderId
    tag: str
    code: Code
    side: Side
    wanted: int
    amount: int
    type: OrderType
    limit: Price
    reference: Price
    cash: Money
    adjustments: tuple[str, ...]
    asked: Asked = NOT_TOLD

    @staticmethod
    def of(order: Order, wanted: int, cash: Money, adjustments: tuple[str, ...], asked: Asked = NOT_TOLD) -> Intent:
        """The record of a new order."""
        return Intent(
            order.order_id,
            order.parent_id,
            order.tag,
            order.code,
            order.side,
            wanted,
            order.amount,
            order.order_type,
            order.limit_price,
            order.reference_price,
            cash,
            adjustments,
            asked,
        )

    def order(self, at: datetime) -> Order:
        """The order again, as it was before it left."""
        return Order(
            order_id=self.order_id,
            parent_id=self.parent_id,
            tag=self.tag,
            code=self.code,
            side=self.side,
            amount=self.amount,
            order_type=self.type,
            limit_price=self.limit,
            created_at=at,
            reference_price=self.reference,
        )
