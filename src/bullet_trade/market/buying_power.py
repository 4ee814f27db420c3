"""What a purchase costs, what cash can buy, and which cash may leave the account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.securities import Security
from bullet_trade.market.lots import Lot, lot_rule

FeeOf = Callable[[Money], Money]
"""All fees of a purchase with the given turnover; must not fall when the turnover grows."""


def purchase_cost(amount: int, price: Price, fee_of: FeeOf) -> Money:
    """Turnover and fees of buying `amount` at `price`: what a buy order freezes."""
    turnover = Money(amount * price)
    return Money(turnover + fee_of(turnover))


def max_affordable(
    security: Security, cash: Money, price: Price, fee_of: FeeOf, day: date, *, lot: Lot | None = None
) -> int:
    """The largest valid quantity whose cost at `price`, fees included, does not exceed `cash`; 0 if none.

    `lot` replaces the rule of the board.
    """
    lot = lot or lot_rule(security, day)
    if price <= 0 or cash <= 0:
        return 0
    amount = lot.buy(cash // price)
    while amount:
        excess = purchase_cost(amount, price, fee_of) - cash
        if excess <= 0:
            break
        amount = lot.buy(amount - -(-excess // price))
    # Fewer pieces also cost less in fees, which may leave room for a step more.
    following = lot.buy(amount + lot.step) if amount else lot.minimum
    while following and purchase_cost(following, price, fee_of) <= cash:
        amount, following = following, following + lot.step
    return amount


def buying_power(opening: Money, net_proceeds_today: Money, frozen: Money) -> Money:
    """Cash for purchases: proceeds of today's sales may be used at once."""
    return Money(max(0, opening + net_proceeds_today - frozen))


def withdrawable(opening: Money, frozen: Money) -> Money:
    """Cash that may leave the account today: proceeds of today's sales only from the next trading day on."""
    return Money(max(0, opening - frozen))
