"""Splitting never makes an invalid child, and makes no more children than needed."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.lots import Lot, buy_amount, check_lot
from bullet_trade.market.order_size import check_order_size, max_order_amount, split, split_by

DAY = date(2026, 11, 20)
SECURITIES = [
    describe(Code(code))
    for code in ("600000.XSHG", "300750.XSHE", "688981.XSHG", "920002.XBSE", "510300.XSHG", "113050.XSHG")
]
ORDER_TYPES = st.sampled_from(OrderType)


@given(st.sampled_from(SECURITIES), ORDER_TYPES, st.integers(1, 5_000_000))
def test_children_of_a_purchase_are_valid_and_add_up(security, order_type, wanted) -> None:
    amount = buy_amount(security, wanted, DAY)
    if amount == 0:
        return
    most = max_order_amount(security, order_type, DAY)
    children = split(security, Side.BUY, amount, order_type, DAY)
    assert sum(children) == amount
    assert len(children) == -(-amount // most)
    assert all(child <= most and check_lot(security, Side.BUY, child, 0, DAY) is None for child in children)


@given(st.sampled_from(SECURITIES), ORDER_TYPES, st.integers(1, 5_000_000))
def test_children_of_selling_everything_are_valid_one_after_the_other(security, order_type, held) -> None:
    most = max_order_amount(security, order_type, DAY)
    left = held
    for child in split(security, Side.SELL, held, order_type, DAY):
        assert child <= most
        assert check_lot(security, Side.SELL, child, left, DAY) is None
        left -= child
    assert left == 0


@pytest.mark.parametrize(
    ("amount", "children"),
    [
        (200_100, [100_000, 99_900, 200]),
        (100_199, [99_999, 200]),
        (100_200, [100_000, 200]),
        (100_001, [99_801, 200]),
    ],
)
def test_a_star_tail_below_the_minimum_borrows_from_the_order_before(amount: int, children: list[int]) -> None:
    assert split(describe(Code("688981.XSHG")), Side.BUY, amount, OrderType.LIMIT, DAY) == children


def test_an_invalid_quantity_is_not_split() -> None:
    with pytest.raises(UsageError, match="150"):
        split(SECURITIES[0], Side.BUY, 150, OrderType.LIMIT, DAY)


def test_a_maximum_that_is_no_whole_lot_is_used_up_to_the_last_lot() -> None:
    assert split_by(SECURITIES[0], Side.BUY, 500, 250, Lot(100, 100)) == [200, 200, 100]


def test_chinext_orders_were_as_large_as_elsewhere_before_the_reform() -> None:
    chinext = describe(Code("300750.XSHE"))
    assert max_order_amount(chinext, OrderType.LIMIT, date(2020, 8, 21)) == 1_000_000
    assert max_order_amount(chinext, OrderType.LIMIT, date(2020, 8, 24)) == 300_000


def test_an_order_above_the_maximum_is_refused() -> None:
    assert check_order_size(SECURITIES[0], 1_000_000, 1_000_000) is None
    refusal = check_order_size(SECURITIES[0], 1_000_100, 1_000_000)
    assert refusal is not None
    assert "1000000" in refusal.bound
