"""One order as the events of the engine tell it: bought at the market, on its way."""

from __future__ import annotations

from bullet_trade.domain.money import Money, Price, price
from bullet_trade.domain.orders import OrderId, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import OrderFacts

CODE = Code("600000.XSHG")
BUY = OrderFacts(
    order_id=OrderId(7),
    code=CODE,
    name="浦发银行",
    side=Side.BUY,
    amount=1000,
    order_type=OrderType.MARKET,
    limit_price=price("10.15"),
    reference_price=price("10"),
    state=OrderState.IN_FLIGHT,
    filled=0,
    average_price=Price(0),
    fees=Money(0),
    reason="",
)
