"""Daily limits against an independent decimal computation, and the dates at which ratios changed."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.price_limit import (
    PriceLimits,
    Ratio,
    check_price_limit,
    price_limits,
    ratio_in_force,
)

DAY = date(2026, 11, 20)
MAIN, STAR = describe(Code("600000.XSHG")), describe(Code("688981.XSHG"))
ST_MAIN = describe(Code("600001.XSHG"), "*ST某某")
CHINEXT, BSE = describe(Code("300750.XSHE")), describe(Code("920002.XBSE"))
FUND, BOND = describe(Code("510300.XSHG")), describe(Code("113050.XSHG"))
GROWTH_FUND = describe(Code("159915.XSHE"))

TEN, FIVE, TWENTY, THIRTY = Ratio(100, 100), Ratio(50, 50), Ratio(200, 200), Ratio(300, 300)
WITH_TICKS = st.sampled_from([(MAIN, 100), (STAR, 100), (BSE, 100), (FUND, 10), (BOND, 10)])


def by_hand(base: int, percent: int, tick: int) -> int:
    """The exchanges' formula in decimals: half up to the tick, at least one tick away, at least one tick."""
    exact = Decimal(base) * (100 + percent) / 100
    rounded = int((exact / tick).to_integral_value(rounding=ROUND_HALF_UP)) * tick
    if abs(rounded - base) < tick:
        rounded = base + tick if percent > 0 else base - tick
    return max(rounded, tick)


@given(WITH_TICKS, st.integers(1, 400_000))
def test_limits_follow_the_formula_and_contain_the_previous_close(kind, ticks) -> None:
    security, tick = kind
    base = Price(ticks * tick)
    ratio = ratio_in_force(security, DAY)
    limits = price_limits(security, DAY, base)
    assert limits is not None
    assert ratio is not None
    assert limits.high == by_hand(base, ratio.up // 10, tick)
    assert limits.low == by_hand(base, -ratio.down // 10, tick)
    assert limits.low <= base < limits.high
    assert limits.low % tick == limits.high % tick == 0
    assert limits.low >= tick


@pytest.mark.parametrize(
    ("base", "low", "high"), [("0.04", "0.03", "0.05"), ("0.01", "0.01", "0.02"), ("0.05", "0.04", "0.06")]
)
def test_a_limit_is_at_least_one_tick_away_and_at_least_one_tick(base: str, low: str, high: str) -> None:
    assert price_limits(MAIN, DAY, price(base)) == PriceLimits(price(low), price(high))


@pytest.mark.parametrize(
    ("security", "day", "ratio"),
    [
        (MAIN, date(1996, 12, 13), None),
        (MAIN, date(1996, 12, 16), TEN),
        (ST_MAIN, date(1998, 4, 22), FIVE),
        (ST_MAIN, date(2026, 7, 3), FIVE),
        (ST_MAIN, date(2026, 7, 6), TEN),
        (CHINEXT, date(2020, 8, 21), TEN),
        (CHINEXT, date(2020, 8, 24), TWENTY),
        (STAR, DAY, TWENTY),
        (BSE, DAY, THIRTY),
        (BOND, date(2022, 7, 29), None),
        (BOND, date(2022, 8, 1), TWENTY),
        (GROWTH_FUND, date(2020, 8, 21), TEN),
        (GROWTH_FUND, date(2020, 8, 24), TWENTY),
        (describe(Code("204001.XSHG")), DAY, None),
        (describe(Code("000001.XSHG")), DAY, None),
    ],
)
def test_the_ratio_of_the_day(security, day, ratio) -> None:
    assert ratio_in_force(security, day) == ratio


@pytest.mark.parametrize(
    ("security", "day", "listed_days", "ratio"),
    [
        (MAIN, date(2023, 4, 10), 1, None),
        (MAIN, DAY, 5, None),
        (MAIN, DAY, 6, TEN),
        (MAIN, date(2023, 4, 7), 1, Ratio(440, 360)),
        (MAIN, date(2023, 4, 7), 2, TEN),
        (describe(Code("601061.XSHG"), list_date=date(2023, 4, 7)), date(2023, 4, 11), 3, TEN),
        (CHINEXT, date(2020, 8, 24), 5, None),
        (CHINEXT, date(2020, 8, 21), 1, Ratio(440, 360)),
        (STAR, DAY, 5, None),
        (STAR, DAY, 6, TWENTY),
        (BSE, DAY, 1, None),
        (BSE, DAY, 2, THIRTY),
        (BOND, date(2022, 8, 1), 1, Ratio(573, 433)),
        (BOND, date(2022, 8, 1), 2, TWENTY),
        (describe(Code("508000.XSHG")), DAY, 1, THIRTY),
        (describe(Code("508000.XSHG")), DAY, 2, TEN),
        (FUND, DAY, 1, TEN),
    ],
)
def test_the_first_days_of_a_listing(security, day, listed_days, ratio) -> None:
    assert ratio_in_force(security, day, listed_days) == ratio


def test_the_first_day_of_a_delisting_period_is_free_and_later_ones_are_not() -> None:
    assert ratio_in_force(ST_MAIN, date(2026, 3, 2), delisting_days=1) is None
    assert ratio_in_force(ST_MAIN, date(2026, 3, 3), delisting_days=2) == TEN
    assert ratio_in_force(BSE, DAY, delisting_days=2) == THIRTY


def test_the_listing_day_of_a_convertible_bond() -> None:
    assert price_limits(BOND, DAY, price("100"), listed_days=1) == PriceLimits(price("56.7"), price("157.3"))


def test_a_missing_previous_close_is_an_error_unless_there_is_no_limit() -> None:
    with pytest.raises(DataError, match="昨收价"):
        price_limits(MAIN, DAY, Price(0))
    assert price_limits(MAIN, DAY, Price(0), listed_days=1) is None


def test_both_limits_are_allowed_and_one_tick_beyond_is_not() -> None:
    limits = PriceLimits(price("9"), price("11"))
    assert check_price_limit(MAIN, price("9"), limits) is None
    assert check_price_limit(MAIN, price("11"), limits) is None
    assert check_price_limit(MAIN, price("99"), None) is None
    for wrong, nearest in (("8.99", "9.00"), ("11.01", "11.00")):
        refusal = check_price_limit(MAIN, price(wrong), limits)
        assert refusal is not None
        assert nearest in refusal.remedy
