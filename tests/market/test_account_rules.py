"""Rules about one account: what may be sold, what cash can buy, caps, and the rate of messages."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import Money, Price, money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code, Exchange
from bullet_trade.market.boards import describe
from bullet_trade.market.buying_power import buying_power, max_affordable, purchase_cost, withdrawable
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.lots import lot_rule
from bullet_trade.market.market_orders import MarketStyle, check_market_order, protection_when_zero, qmt_type
from bullet_trade.market.programmatic import Activity, Ceiling, check_activity
from bullet_trade.market.settlement import check_sellable, is_t0, sellable
from bullet_trade.market.st_cap import check_st_cap, st_buy_cap

DAY = date(2026, 11, 20)
STOCK, STAR = describe(Code("600000.XSHG")), describe(Code("688981.XSHG"))
BOND, FUND = describe(Code("113050.XSHG")), describe(Code("513100.XSHG"))
FEES = FeeSchedule()


def test_funds_trade_the_same_day_since_2015_and_bonds_before() -> None:
    assert not is_t0(FUND, date(2015, 1, 16))
    assert is_t0(FUND, date(2015, 1, 19))
    assert is_t0(BOND, date(2010, 1, 4))


def test_what_is_locked_or_offered_is_not_sellable() -> None:
    assert sellable(1000, 500, 100, 200, t0=False, locked=300) == 400
    assert sellable(100, 0, 0, 0, t0=False, locked=300) == 0


def test_selling_more_than_sellable_is_refused_and_t1_explained() -> None:
    assert check_sellable(STOCK, 100, 100) is None
    refusal = check_sellable(STOCK, 200, 100)
    none_left = check_sellable(FUND, 200, 0)
    assert refusal is not None
    assert none_left is not None
    assert "下一交易日" in refusal.bound
    assert "不超过 100 股" in refusal.remedy
    assert "下一交易日" not in none_left.bound


@given(st.sampled_from([STOCK, STAR, BOND, FUND]), st.integers(0, 10**10).map(Money), st.integers(1, 10**7).map(Price))
def test_the_affordable_quantity_fits_and_a_step_more_does_not(security, cash, paid) -> None:
    def fee_of(turnover: Money) -> Money:
        return FEES.order_fee(security, Side.BUY, turnover, DAY).total

    lot = lot_rule(security, DAY)
    amount = max_affordable(security, cash, paid, fee_of, DAY)
    assert lot.buy(amount) == amount
    assert amount == 0 or purchase_cost(amount, paid, fee_of) <= cash
    assert purchase_cost(amount + lot.step if amount else lot.minimum, paid, fee_of) > cash


def test_nothing_is_affordable_without_cash_price_or_product() -> None:
    index = describe(Code("000001.XSHG"))

    def free(_: Money) -> Money:
        return Money(0)

    assert max_affordable(STOCK, Money(0), Price(100), free, DAY) == 0
    assert max_affordable(STOCK, Money(100), Price(0), free, DAY) == 0
    assert max_affordable(index, money("1000000"), Price(100), free, DAY) == 0


def test_frozen_cash_neither_buys_nor_leaves() -> None:
    assert buying_power(money("100"), money("50"), money("30")) == money("120")
    assert withdrawable(money("100"), money("30")) == money("70")
    assert withdrawable(money("100"), money("130")) == 0


def test_the_cap_on_risk_warning_shares_says_what_is_left() -> None:
    warned = describe(Code("600001.XSHG"), "ST某")
    assert st_buy_cap(STOCK, DAY) is None
    refusal = check_st_cap(warned, 20_000, DAY, 400_000, 90_000)
    full = check_st_cap(warned, 100, DAY, 500_000, 0)
    assert refusal is not None
    assert full is not None
    assert "不超过 10000 股" in refusal.remedy
    assert "下一交易日" in full.remedy


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        (Activity(99, 0), False),
        (Activity(100, 0), True),
        (Activity(0, 14_999), False),
        (Activity(0, 15_000), True),
    ],
)
def test_the_brake_comes_before_the_high_frequency_line(before: Activity, refused: bool) -> None:
    assert (check_activity(before, Ceiling()) is not None) is refused


def test_the_reported_maximum_is_the_ceiling() -> None:
    refusal = check_activity(Activity(10, 0), Ceiling(per_second=10, per_day=200))
    assert refusal is not None
    assert "10 笔每秒" in refusal.bound


@pytest.mark.parametrize(
    ("code", "style", "day", "value"),
    [
        ("600000.XSHG", MarketStyle.OWN_BEST, date(2023, 4, 7), None),
        ("600000.XSHG", MarketStyle.OWN_BEST, date(2023, 4, 10), 45),
        ("688981.XSHG", MarketStyle.OWN_BEST, date(2023, 4, 7), 45),
        ("600000.XSHG", MarketStyle.BEST5_CANCEL, date(2020, 1, 2), 42),
        ("000001.XSHE", MarketStyle.BEST5_CANCEL, DAY, 47),
        ("000001.XSHE", MarketStyle.FILL_AND_CANCEL, DAY, 46),
        ("920002.XBSE", MarketStyle.BEST5_TO_LIMIT, DAY, 43),
        ("920002.XBSE", MarketStyle.FILL_OR_KILL, DAY, None),
    ],
)
def test_which_market_orders_an_exchange_knows(code, style, day, value) -> None:
    found = qmt_type(describe(Code(code)), style, day)
    assert (found.value if found else None) == value


def test_shanghai_market_orders_get_the_daily_limit_as_protection_where_none_is_given() -> None:
    assert protection_when_zero(Exchange.SSE) == "daily_limit"
    assert protection_when_zero(Exchange.SZSE) is None


def test_bonds_and_repo_take_no_market_orders() -> None:
    for code in ("113050.XSHG", "204001.XSHG", "019547.XSHG"):
        assert check_market_order(describe(Code(code)), has_limits=True) is not None
    assert check_market_order(STOCK, has_limits=True) is None
