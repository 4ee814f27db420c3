"""After-hours fixed-price trading (盘后固定价格交易): orders trade at the day's close or not at all."""

from __future__ import annotations

from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import Side


def after_hours_price(side: Side, limit_price: Price, close: Price) -> Price | None:
    """The price at which the order trades, or None where its limit makes it void.

    A buy below the close and a sale above it are void.
    """
    reaches = limit_price >= close if side is Side.BUY else limit_price <= close
    return close if reaches else None
