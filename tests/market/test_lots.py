"""Lots, steps and odd remainders: worked examples of a broker, and that advice is always valid."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.lots import buy_amount, check_lot, sell_amount

DAY = date(2026, 11, 20)
_CODES = "600000.XSHG 300750.XSHE 688981.XSHG 920002.XBSE 510300.XSHG 113050.XSHG 204001.XSHG 900905.XSHG"
TRADED = [describe(Code(code)) for code in _CODES.split()]


@pytest.mark.parametrize(
    ("code", "accepted"),
    [
        ("600000.XSHG", {32, 100, 132, 200, 232}),
        ("510300.XSHG", {32, 100, 132, 200, 232}),
        ("688981.XSHG", set(range(200, 233))),
        ("920002.XBSE", set(range(100, 233))),
    ],
)
def test_sales_out_of_232_that_the_exchange_takes(code: str, accepted: set[int]) -> None:
    security = describe(Code(code))
    found = {q for q in range(1, 233) if check_lot(security, Side.SELL, q, 232, DAY) is None}
    assert found == accepted


@given(st.sampled_from(TRADED), st.integers(0, 5_000), st.integers(0, 5_000))
def test_the_advised_quantity_is_the_largest_valid_one(security, wanted, held) -> None:
    def largest(side: Side, most: int) -> int:
        valid = (q for q in range(most, 0, -1) if check_lot(security, side, q, held, DAY) is None)
        return next(valid, 0)

    assert buy_amount(security, wanted, DAY) == largest(Side.BUY, wanted)
    assert sell_amount(security, wanted, held, DAY) == largest(Side.SELL, min(wanted, held))


@given(st.sampled_from(TRADED), st.integers(1, 100_000))
def test_the_whole_balance_can_always_be_sold(security, held) -> None:
    assert sell_amount(security, held, held, DAY) == held


def test_a_refusal_names_value_bound_and_remedy() -> None:
    refusal = check_lot(describe(Code("600519.XSHG")), Side.BUY, 150, 0, DAY)
    assert refusal is not None
    assert refusal.text() == "600519.XSHG 买入 150 股：须为 100 股的整数倍。请改为 100 股（规则 lot_size）"


@pytest.mark.parametrize(
    ("code", "amount", "sellable", "advice"),
    [
        ("688981.XSHG", 150, 232, "200 股"),
        ("688981.XSHG", 100, 150, "150 股"),
        ("600000.XSHG", 20, 232, "32 股"),
    ],
)
def test_a_refused_sale_is_told_what_would_do(code: str, amount: int, sellable: int, advice: str) -> None:
    refusal = check_lot(describe(Code(code)), Side.SELL, amount, sellable, DAY)
    assert refusal is not None
    assert advice in refusal.remedy


@pytest.mark.parametrize("code", ["000001.XSHG", "730519.XSHG"])
def test_indices_and_unknown_codes_cannot_be_traded(code: str) -> None:
    security = describe(Code(code))
    refusal = check_lot(security, Side.BUY, 100, 0, DAY)
    assert refusal is not None
    assert refusal.rule == "tradable"
    assert buy_amount(security, 100, DAY) == 0
    assert sell_amount(security, 100, 100, DAY) == 0


def test_shanghai_repo_took_100_000_yuan_steps_before_the_bond_rules_of_2022() -> None:
    repo = describe(Code("204001.XSHG"))
    assert buy_amount(repo, 1010, date(2022, 5, 13)) == 1000
    assert buy_amount(repo, 1010, date(2022, 5, 16)) == 1010
