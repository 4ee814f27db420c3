"""Which price type of the terminal an order gets.

A market order travels as "best five levels, rest cancelled" of its exchange with the protection price in the price
field: Shanghai demands one, the other exchanges' terminals take it or pass over it. Simulation accounts refuse market
types; there, and wherever the terminal has refused one, the order is a limit order at the protection price.
"""

from __future__ import annotations

from typing import NamedTuple

from bullet_trade.domain.money import Price, yuan
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Exchange
from bullet_trade.market.codes import exchange_of
from bullet_trade.market.market_orders import FIX_PRICE, STYLES, MarketStyle
from bullet_trade.market.tick_size import ceil_to_tick, floor_to_tick
from bullet_trade.ports.broker import OrderTicket

FINEST_TICK = Price(10)
"""0.001 yuan: no exchange takes more decimals. The board's own tick is the desk's work."""

MARKET_TYPES: dict[Exchange, int] = {
    exchange: styles[MarketStyle.BEST5_CANCEL].value for exchange, styles in STYLES.items()
}

REFUSAL_WORDS = ("市价", "报价类型", "价格类型", "委托类型不支持")
"""With words like these a counter refuses a market type."""


class Priced(NamedTuple):
    """Price type and price (yuan) as the terminal takes them."""

    price_type: int
    price: float


def priced(ticket: OrderTicket, market_types: bool) -> Priced:
    """Price type and price for `ticket`; `market_types` False makes limit orders of market orders that are protected.

    The price is moved to 0.001 yuan in the direction that is safe: a purchase down, a sale up.
    """
    to_grid = floor_to_tick if ticket.side is Side.BUY else ceil_to_tick
    limit = yuan(to_grid(ticket.limit_price, FINEST_TICK))
    if ticket.order_type is OrderType.MARKET and (market_types or ticket.limit_price <= 0):
        return Priced(MARKET_TYPES[exchange_of(ticket.code)], limit)
    return Priced(FIX_PRICE.value, limit)


def refuses_market_types(reason: str) -> bool:
    """Whether a rejection says that the account takes no market orders."""
    return any(word in reason for word in REFUSAL_WORDS)
