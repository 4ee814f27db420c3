"""The pass-through items of an exchange trade: handling fee (经手费) and regulatory levy (证管费).

Usual retail commissions include them; only accounts on net commission see them as extra cost.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.money import Money
from bullet_trade.domain.securities import FUNDS, Exchange, Kind, Security
from bullet_trade.market.rates import share_of
from bullet_trade.market.timeline import Since, Timeline, always, in_force


class ExchangeItems(NamedTuple):
    """Both items in whole fen."""

    handling: Money
    regulatory: Money


# All rates in 1/100,000,000 of the turnover, for buyers and sellers alike.
_SHENZHEN_SHANGHAI: Timeline[int] = (
    Since(date(2023, 8, 28), 3_410, "上证发〔2023〕137号、深证上〔2023〕768号"),
    Since(date(2015, 8, 1), 4_870, "沪深交易所收费通知（2015-08-01）"),
    Since(date(2012, 9, 1), 6_960, "沪深交易所收费通知（2012-09-01）"),
)
STOCK_HANDLING: dict[Exchange, Timeline[int]] = {
    Exchange.SSE: _SHENZHEN_SHANGHAI,
    Exchange.SZSE: _SHENZHEN_SHANGHAI,
    Exchange.BSE: (
        Since(date(2023, 8, 28), 12_500, "北证公告〔2023〕54号"),
        Since(date(2022, 12, 1), 25_000, "北交所收费通知（2022-12-01）"),
        Since(date(2021, 11, 15), 50_000, "北交所收费通知（2021）"),
    ),
}
FUND_HANDLING: Timeline[int] = always(4_000, "沪深交易所基金收费标准")
CONVERTIBLE_HANDLING: Timeline[int] = always(4_000, "沪深交易所可转债收费标准")
STOCK_LEVY: Timeline[int] = always(2_000, "证监会证券交易监管费")

_SHARES = frozenset({Kind.STOCK, Kind.CDR, Kind.B_SHARE})
_CONVERTIBLES = frozenset({Kind.CONVERTIBLE, Kind.EXCHANGEABLE})


def exchange_items(security: Security, turnover: Money, day: date) -> ExchangeItems:
    """Handling fee and levy on `turnover`; 0 for kinds and days without a known tariff."""
    if security.kind in _SHARES:
        return ExchangeItems(_item(STOCK_HANDLING[security.exchange], turnover, day), _item(STOCK_LEVY, turnover, day))
    if security.kind in FUNDS:
        return ExchangeItems(_item(FUND_HANDLING, turnover, day), Money(0))
    if security.kind in _CONVERTIBLES:
        return ExchangeItems(_item(CONVERTIBLE_HANDLING, turnover, day), Money(0))
    return ExchangeItems(Money(0), Money(0))


def _item(rows: Timeline[int], turnover: Money, day: date) -> Money:
    row = in_force(rows, day)
    return share_of(turnover, row.value) if row else Money(0)
