"""What a trade costs: commission, stamp duty and transfer fee, exact to the fen.

Rates are whole numbers of 1/100,000,000 (`RATE_SCALE`), so that every fee is exact. Taxes by date come from
tables; commissions are an agreement between account and broker and come from a `CommissionPlan`.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import msgspec

from bullet_trade.domain.money import Money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import BONDS, FUNDS, Exchange, Kind, Security
from bullet_trade.market.exchange_fees import exchange_items
from bullet_trade.market.rates import share_of
from bullet_trade.market.timeline import ALWAYS, Since, Timeline, in_force


class Fee(NamedTuple):
    """The cost of an order or a fill, each item in whole fen."""

    commission: Money
    stamp_duty: Money
    transfer: Money

    @property
    def total(self) -> Money:
        """All items together."""
        return Money(self.commission + self.stamp_duty + self.transfer)


NO_FEE = Fee(Money(0), Money(0), Money(0))


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """Commission of a group of securities: rates in 1/100,000,000, and a minimum per order."""

    buy: int
    sell: int
    minimum: Money


_STOCKS = Commission(buy=30_000, sell=30_000, minimum=Money(5_0000))
_BONDS = Commission(buy=20_000, sell=20_000, minimum=Money(1_0000))


class CommissionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker charges. The defaults are cautious retail terms: 0.03% with at least 5.00 yuan.

    `net`: the rates are net (净佣金), so the exchange's handling fee and the regulatory levy come on top;
    usual retail terms (全包) include them. Repo is charged by tenor, see `REPO_RATES`.
    """

    stock: Commission = _STOCKS
    fund: Commission = _STOCKS
    bond: Commission = _BONDS
    net: bool = False


class Tax(NamedTuple):
    """A rate for buyers and one for sellers, in 1/100,000,000 of the turnover."""

    buy: int
    sell: int


def _both(rate: int) -> Tax:
    return Tax(rate, rate)


# Shares only; funds, bonds and repo have never paid it.
STAMP_DUTY: Timeline[Tax] = (
    Since(date(2023, 8, 28), Tax(0, 50_000), "财政部 税务总局公告2023年第39号"),
    Since(date(2008, 9, 19), Tax(0, 100_000), "财政部 国家税务总局（2008-09-19 起单边征收）"),
    Since(date(2008, 4, 24), _both(100_000), "财政部 国家税务总局（2008-04-24）"),
    Since(date(2007, 5, 30), _both(300_000), "财税〔2007〕84号"),
    Since(date(2005, 1, 24), _both(100_000), "财税〔2005〕11号"),
    Since(date(2001, 11, 16), _both(200_000), "财政部 国家税务总局（2001-11-16）"),
    Since(date(1998, 6, 12), _both(400_000), "财政部 国家税务总局（1998-06-12）"),
    Since(date(1997, 5, 12), _both(500_000), "财政部 国家税务总局（1997-05-12）"),
    Since(ALWAYS, _both(300_000), "早期税率（未逐条核对）"),
)

_TRANSFER_2022 = Since(date(2022, 4, 29), 1_000, "中国结算（2022-04-29 下调）")
_SHENZHEN_SHANGHAI: Timeline[int] = (
    _TRANSFER_2022,
    Since(date(2015, 8, 1), 2_000, "中国结算（2015-08-01 按成交金额）"),
)
# Before 2015-08-01 Shanghai charged by face value and Shenzhen nothing of its own; neither is charged here.
TRANSFER_FEE: dict[Exchange, Timeline[int]] = {
    Exchange.SSE: _SHENZHEN_SHANGHAI,
    Exchange.SZSE: _SHENZHEN_SHANGHAI,
    Exchange.BSE: (_TRANSFER_2022, Since(date(2021, 11, 15), 2_500, "中国结算（北京市场 A 股）")),
}

# Commission of repo by tenor, in 1/100,000,000 of the lent sum; charged once, without a minimum.
REPO_RATES: dict[str, int] = {
    **dict.fromkeys(("204001", "131810"), 1_000),
    **dict.fromkeys(("204002", "131811"), 2_000),
    **dict.fromkeys(("204003", "131800"), 3_000),
    **dict.fromkeys(("204004", "131809"), 4_000),
    **dict.fromkeys(("204007", "131801"), 5_000),
    **dict.fromkeys(("204014", "131802"), 10_000),
    **dict.fromkeys(("204028", "131803"), 20_000),
    **dict.fromkeys(("204091", "131805", "204182", "131806"), 30_000),
}
_LONGEST_REPO = 30_000

TAXED = frozenset({Kind.STOCK, Kind.CDR, Kind.B_SHARE})
TRANSFER_PAID = frozenset({Kind.STOCK, Kind.CDR})
"""B shares pay a settlement fee of their own kind, which is not charged here."""


class FeeSchedule:
    """The fees of one account: taxes of the day, and its commission plan."""

    def __init__(self, plan: CommissionPlan | None = None) -> None:
        """`plan` None: the cautious default terms."""
        self.plan = plan or CommissionPlan()
        groups = {Kind.STOCK: self.plan.stock, **dict.fromkeys(FUNDS, self.plan.fund)}
        self._commissions: dict[Kind, Commission] = {**groups, **dict.fromkeys(BONDS, self.plan.bond)}

    def order_fee(self, security: Security, side: Side, turnover: Money, day: date) -> Fee:
        """The fee of one order whose fills so far sum up to `turnover`.

        The minimum commission counts once per order and taxes are rounded on the order, so a fill is
        booked with the difference between two calls. Zero for zero turnover. For repo `turnover` is the
        sum lent.
        """
        if turnover <= 0:
            return NO_FEE
        kind = security.kind
        commission = self._commission(security, side, turnover, day)
        if kind not in TAXED:
            return Fee(commission, Money(0), Money(0))
        buying = side is Side.BUY
        duty = in_force(STAMP_DUTY, day)
        rate = (duty.value.buy if buying else duty.value.sell) if duty else 0
        transfer = in_force(TRANSFER_FEE[security.exchange], day) if kind in TRANSFER_PAID else None
        return Fee(
            commission,
            share_of(turnover, rate) if rate else Money(0),
            share_of(turnover, transfer.value) if transfer else Money(0),
        )

    def commission_of(self, security: Security) -> Commission:
        """The commission agreed for a security of its kind; repo is charged by tenor instead."""
        return self._commissions.get(security.kind, self.plan.stock)

    def _commission(self, security: Security, side: Side, turnover: Money, day: date) -> Money:
        if security.kind is Kind.REPO:
            return share_of(turnover, REPO_RATES.get(security.code[:6], _LONGEST_REPO))
        terms = self.commission_of(security)
        agreed = share_of(turnover, terms.buy if side is Side.BUY else terms.sell)
        commission = max(agreed, terms.minimum)
        if self.plan.net:
            items = exchange_items(security, turnover, day)
            commission = Money(commission + items.handling + items.regulatory)
        return commission
