"""The terms of trade that a strategy may set: costs, slippage, share of the volume.

One object per run: the strategy's settings write it, the simulated exchange and the desk's fee estimates read it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from bullet_trade.domain.money import Money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import FUNDS, Security
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.rates import RATE_SCALE, share_of


@dataclass(frozen=True, slots=True)
class Slippage:
    """How much worse than the quoted price a market order fills: on each side half of `ratio` x price and of `yuan`."""

    ratio: float = 0.0
    yuan: float = 0.0

    def per_side(self, price: float) -> float:
        """Yuan per share on one side at `price` yuan."""
        return (self.ratio * price + self.yuan) / 2


JOINQUANT_DEFAULT = Slippage(ratio=0.00246)
"""The platform's default, PriceRelatedSlippage(0.00246)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs as a strategy states them: rates in 1/100,000,000 of the turnover, taxes included, minimum per order."""

    open_rate: int
    close_rate: int
    open_tax: int
    close_tax: int
    minimum: Money

    def of(self, side: Side, turnover: Money) -> Money:
        """Commission (at least the minimum, which excludes tax) and tax, each rounded to the fen."""
        buying = side is Side.BUY
        commission = max(share_of(turnover, self.open_rate if buying else self.close_rate), self.minimum)
        return Money(commission + share_of(turnover, self.open_tax if buying else self.close_tax))


def rate(fraction: float) -> int:
    """A rate given as a fraction of one, in 1/100,000,000."""
    return round(fraction * RATE_SCALE)


@dataclass(slots=True)
class TradingTerms:
    """`schedule` charges what the law and the account's plan say; a strategy's own `costs` (by code or by `stock`,
    `fund`) come before it. `volume_share` is the part of a minute's volume that one account's orders may take."""

    schedule: FeeSchedule
    costs: dict[str, Cost] = field(default_factory=dict)
    slippage: dict[str, Slippage] = field(default_factory=lambda: {"": JOINQUANT_DEFAULT})
    volume_share: Fraction = Fraction(1, 4)

    def order_fee(self, security: Security, side: Side, turnover: Money, day: date) -> Money:
        """All fees of an order with this turnover so far; a fill costs the difference between two calls."""
        if self.costs:
            cost = self.costs.get(security.code) or self.costs.get(group(security))
            if cost is not None:
                return cost.of(side, turnover)
        return self.schedule.order_fee(security, side, turnover, day).total

    def slippage_of(self, security: Security) -> Slippage:
        """The most specific setting: by code, by group, for all."""
        found = self.slippage.get(security.code) or self.slippage.get(group(security))
        return found or self.slippage[""]


def group(security: Security) -> str:
    """JoinQuant's type of a security in cost and slippage settings: `fund` or `stock`."""
    return "fund" if security.kind in FUNDS else "stock"
