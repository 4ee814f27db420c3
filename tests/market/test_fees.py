"""Fees against an independent decimal computation, their dates, and how fills share one order's fee."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import Money, money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.exchange_fees import exchange_items
from bullet_trade.market.fees import NO_FEE, CommissionPlan, FeeSchedule
from bullet_trade.market.rates import rate

DAY = date(2026, 11, 20)
STOCK, FUND = describe(Code("600000.XSHG")), describe(Code("510300.XSHG"))
BOND, BSE = describe(Code("113050.XSHG")), describe(Code("920002.XBSE"))
SCHEDULE = FeeSchedule()
TURNOVERS = st.integers(1, 10**13).map(Money)

# (date, stamp buy, stamp sell, transfer) of Shanghai shares, from the published tariffs.
HISTORY = [
    (date(2006, 1, 4), "0.001", "0.001", "0"),
    (date(2007, 5, 30), "0.003", "0.003", "0"),
    (date(2008, 4, 24), "0.001", "0.001", "0"),
    (date(2008, 9, 18), "0.001", "0.001", "0"),
    (date(2008, 9, 19), "0", "0.001", "0"),
    (date(2015, 7, 31), "0", "0.001", "0"),
    (date(2015, 8, 3), "0", "0.001", "0.00002"),
    (date(2022, 4, 28), "0", "0.001", "0.00002"),
    (date(2022, 4, 29), "0", "0.001", "0.00001"),
    (date(2023, 8, 25), "0", "0.001", "0.00001"),
    (date(2023, 8, 28), "0", "0.0005", "0.00001"),
]


def to_fen(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def yuan(value: int) -> Decimal:
    return Decimal(value) / 10_000


@given(st.sampled_from(HISTORY), st.sampled_from(Side), TURNOVERS)
def test_every_item_is_exact_to_the_fen_on_every_date(row, side, turnover) -> None:
    day, stamp_buy, stamp_sell, transfer = row
    fee = SCHEDULE.order_fee(STOCK, side, turnover, day)
    stamp = Decimal(stamp_buy if side is Side.BUY else stamp_sell)
    exact = yuan(turnover)
    assert yuan(fee.commission) == max(to_fen(exact * Decimal("0.0003")), Decimal(5))
    assert yuan(fee.stamp_duty) == to_fen(exact * stamp)
    assert yuan(fee.transfer) == to_fen(exact * Decimal(transfer))
    assert fee.total == fee.commission + fee.stamp_duty + fee.transfer


@given(st.sampled_from([STOCK, FUND, BOND, BSE]), st.sampled_from(Side), TURNOVERS, TURNOVERS)
def test_a_larger_order_never_costs_less(security, side, one, other) -> None:
    small, large = sorted((one, other))
    fees = [SCHEDULE.order_fee(security, side, Money(turnover), DAY).total for turnover in (small, large)]
    assert fees[0] <= fees[1]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=6))
def test_fills_booked_by_difference_cost_what_the_order_costs(fills) -> None:
    booked, turnover = 0, 0
    for fill in fills:
        before = SCHEDULE.order_fee(STOCK, Side.SELL, Money(turnover), DAY).total
        turnover += fill
        booked += SCHEDULE.order_fee(STOCK, Side.SELL, Money(turnover), DAY).total - before
    assert booked == SCHEDULE.order_fee(STOCK, Side.SELL, Money(turnover), DAY).total


def test_an_order_without_a_fill_costs_nothing() -> None:
    assert SCHEDULE.order_fee(STOCK, Side.BUY, Money(0), DAY) == NO_FEE


@pytest.mark.parametrize("security", [FUND, BOND, describe(Code("508000.XSHG"))])
def test_funds_and_bonds_pay_neither_stamp_duty_nor_transfer_fee(security) -> None:
    fee = SCHEDULE.order_fee(security, Side.SELL, money("1000000"), DAY)
    assert (fee.stamp_duty, fee.transfer) == (0, 0)


@pytest.mark.parametrize(
    ("day", "transfer"), [(date(2022, 4, 28), "25.00"), (date(2022, 4, 29), "10.00"), (DAY, "10.00")]
)
def test_the_beijing_transfer_fee_was_higher_before_the_common_rate(day: date, transfer: str) -> None:
    assert SCHEDULE.order_fee(BSE, Side.BUY, money("1000000"), day).transfer == money(transfer)


def test_net_commission_adds_the_exchange_items() -> None:
    net = FeeSchedule(CommissionPlan(net=True))
    turnover = money("1000000")
    added = net.order_fee(STOCK, Side.BUY, turnover, DAY).commission
    # 300.00 commission, 34.10 handling fee, 20.00 levy
    assert added == money("354.10")


@pytest.mark.parametrize(
    ("code", "handling", "levy"),
    [
        ("510300.XSHG", "40", "0"),
        ("113050.XSHG", "40", "0"),
        ("920002.XBSE", "125", "20"),
        ("204001.XSHG", "0", "0"),
    ],
)
def test_exchange_items_of_a_million(code: str, handling: str, levy: str) -> None:
    items = exchange_items(describe(Code(code)), money("1000000"), DAY)
    assert items == (money(handling), money(levy))


@pytest.mark.parametrize(("code", "fee"), [("204001.XSHG", "1"), ("131810.XSHE", "1"), ("204182.XSHG", "30")])
def test_repo_is_charged_by_tenor_without_a_minimum(code: str, fee: str) -> None:
    assert SCHEDULE.order_fee(describe(Code(code)), Side.SELL, money("100000"), DAY).total == money(fee)


def test_a_rate_must_be_a_whole_number_of_units() -> None:
    assert rate("0.00025") == 25_000
    for wrong in ("0.000000001", "nan", "Infinity"):
        with pytest.raises(ValueError, match=wrong):
            rate(wrong)
