"""Daily price limits (涨跌幅限制): the ratio of the day, and the limit prices from the previous close."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import Price
from bullet_trade.domain.securities import Board, Kind, Security
from bullet_trade.market.boards import rule_group
from bullet_trade.market.refusal import Refusal, show_price
from bullet_trade.market.sources import (
    BOTH_RULES,
    BOTH_RULES_2023,
    BSE_RULES,
    BSE_RULES_2021,
    CHINEXT_RULES_2020,
    CONVERTIBLE_RULES,
    NOT_TRADED,
    OLD_RULES,
    REIT_RULES,
    SSE_RULES,
    STAR_RULES_2019,
)
from bullet_trade.market.tick_size import tick_size
from bullet_trade.market.timeline import (
    ALWAYS,
    BSE_OPENED,
    CHINEXT_REFORMED,
    REITS_OPENED,
    STAR_OPENED,
    Since,
    Timeline,
    always,
    in_force,
)


class Ratio(NamedTuple):
    """How far above and below the previous close a price may go, in thousandths of it."""

    up: int
    down: int


class Listing(NamedTuple):
    """A new listing's first `days` trading days; `ratio` None: no limit on them."""

    days: int
    ratio: Ratio | None


class PriceLimits(NamedTuple):
    """The lowest and the highest price of the day, both allowed."""

    low: Price
    high: Price


_5, _10, _20, _30 = Ratio(50, 50), Ratio(100, 100), Ratio(200, 200), Ratio(300, 300)
_NONE: Timeline[Ratio | None] = always(None, NOT_TRADED)
_MAIN: Timeline[Ratio | None] = (Since(date(1996, 12, 16), _10, BOTH_RULES),)
_CONVERTIBLE: Timeline[Ratio | None] = (Since(date(2022, 8, 1), _20, CONVERTIBLE_RULES),)

RATIOS: dict[Board | Kind, Timeline[Ratio | None]] = {
    Board.SSE_MAIN: _MAIN,
    Board.SZSE_MAIN: _MAIN,
    Board.SSE_B: _MAIN,
    Board.SZSE_B: _MAIN,
    Board.STAR: always(_20, SSE_RULES, STAR_OPENED),
    Board.CHINEXT: (
        Since(CHINEXT_REFORMED, _20, CHINEXT_RULES_2020),
        Since(date(2009, 10, 30), _10, OLD_RULES),
    ),
    Board.BSE: always(_30, BSE_RULES, BSE_OPENED),
    Kind.ETF: _MAIN,
    Kind.LOF: _MAIN,
    Kind.REIT: always(_10, REIT_RULES, REITS_OPENED),
    Kind.CONVERTIBLE: _CONVERTIBLE,
    Kind.EXCHANGEABLE: _CONVERTIBLE,
    Kind.BOND: _NONE,
    Board.REPO: _NONE,
    Board.INDEX: _NONE,
    Board.OTHER: _NONE,
}

_ST_MAIN: Timeline[Ratio | None] = (
    Since(date(2026, 7, 6), _10, BOTH_RULES),
    Since(date(1998, 4, 22), _5, OLD_RULES),
    Since(date(1996, 12, 16), _10, OLD_RULES),
)
# STAR, ChiNext and Beijing treat risk-warning stocks like all others.
RISK_WARNING_RATIOS: dict[Board | Kind, Timeline[Ratio | None]] = {
    Board.SSE_MAIN: _ST_MAIN,
    Board.SZSE_MAIN: _ST_MAIN,
    Board.SSE_B: _ST_MAIN,
    Board.SZSE_B: _ST_MAIN,
}

_FREE_DAY, _FREE_WEEK, _44_36 = Listing(1, None), Listing(5, None), Listing(1, Ratio(440, 360))
_MAIN_LISTING: Timeline[Listing] = (
    Since(date(2023, 4, 10), _FREE_WEEK, BOTH_RULES_2023),
    Since(date(2014, 1, 1), _44_36, OLD_RULES),
    Since(ALWAYS, _FREE_DAY, OLD_RULES),
)
_BOND_LISTING: Timeline[Listing] = (Since(date(2022, 8, 1), Listing(1, Ratio(573, 433)), CONVERTIBLE_RULES),)

# By the day of listing, not by the trading day: a share listed under old rules keeps them.
LISTINGS: dict[Board | Kind, Timeline[Listing]] = {
    Board.SSE_MAIN: _MAIN_LISTING,
    Board.SZSE_MAIN: _MAIN_LISTING,
    Board.STAR: always(_FREE_WEEK, STAR_RULES_2019, STAR_OPENED),
    Board.CHINEXT: (
        Since(CHINEXT_REFORMED, _FREE_WEEK, CHINEXT_RULES_2020),
        Since(date(2014, 1, 1), _44_36, OLD_RULES),
        Since(ALWAYS, _FREE_DAY, OLD_RULES),
    ),
    Board.BSE: always(_FREE_DAY, BSE_RULES_2021, BSE_OPENED),
    Kind.REIT: always(Listing(1, _30), REIT_RULES, REITS_OPENED),
    Kind.CONVERTIBLE: _BOND_LISTING,
    Kind.EXCHANGEABLE: _BOND_LISTING,
}

LONGEST_LISTING_DAYS = 5
WIDE_FUND_SINCE = CHINEXT_REFORMED
"""Before this day no fund had 20%: the boards that its index needs had 10% or no index fund."""
FREE_DELISTING_DAY_SINCE = date(2020, 12, 31)
"""Since this day the first day of a delisting period has no limit."""


def ratio_in_force(
    security: Security, day: date, listed_days: int | None = None, delisting_days: int | None = None
) -> Ratio | None:
    """The ratio that applies on `day`; None: no limit. Arguments as for `price_limits`."""
    group = rule_group(security)
    if listed_days is not None and listed_days <= LONGEST_LISTING_DAYS and group in LISTINGS:
        # A default list date says nothing; then the share is taken as listed under the rules of the day.
        listing = in_force(LISTINGS[group], security.list_date if security.list_date > ALWAYS else day)
        if listing is not None and listed_days <= listing.value.days:
            return listing.value.ratio
    if delisting_days == 1 and day >= FREE_DELISTING_DAY_SINCE:
        return None
    percent = security.limit_ratio_percent
    if percent is not None and (security.board is not Board.FUND or day >= WIDE_FUND_SINCE):
        return Ratio(percent * 10, percent * 10)
    warned = security.st and delisting_days is None
    rows = RISK_WARNING_RATIOS.get(group) if warned else None
    row = in_force(rows or RATIOS[group], day)
    return row.value if row else None


def price_limits(
    security: Security,
    day: date,
    prev_close: Price,
    listed_days: int | None = None,
    delisting_days: int | None = None,
) -> PriceLimits | None:
    """The day's limit prices; None: no limit today.

    `prev_close` is the exchange's reference price: the previous close, the ex-right price on an ex-day,
    the issue price on the first day. `listed_days` counts trading days since listing, 1 on the first;
    None: listed long ago. `delisting_days` counts likewise within the delisting period (退市整理期). Raises
    `DataError` where a limit applies but `prev_close` is not positive.
    """
    ratio = ratio_in_force(security, day, listed_days, delisting_days)
    if ratio is None:
        return None
    if prev_close <= 0:
        raise DataError(
            f"{security.code} 在 {day} 没有昨收价，无法计算涨跌停价", "请补全该日行情的昨收价（除权参考价）"
        )
    tick = tick_size(security, day)
    unit = 1000 * tick
    half = unit // 2
    high = (prev_close * (1000 + ratio.up) + half) // unit * tick
    low = (prev_close * (1000 - ratio.down) + half) // unit * tick
    # Less than one step away from the base becomes one step; less than one step at all becomes one step.
    if high - prev_close < tick:
        high = prev_close + tick
    if prev_close - low < tick:
        low = prev_close - tick
    return PriceLimits(Price(max(low, tick)), Price(high))


def check_price_limit(security: Security, price: Price, limits: PriceLimits | None) -> Refusal | None:
    """No for a limit price outside the day's range; the exchange refuses such orders on both sides."""
    if limits is None or limits.low <= price <= limits.high:
        return None
    low, high = show_price(limits.low), show_price(limits.high)
    nearest = low if price < limits.low else high
    return Refusal(
        "price_limit",
        f"{security.code} 委托价 {show_price(price)}",
        f"超出当日涨跌停范围 {low} 至 {high}",
        f"请改为 {nearest}",
    )
