"""Ex prices and holdings after dividends, bonus shares, rights and fund splits."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import Price, money, price
from bullet_trade.market.corporate_actions import adjusted_holding, ex_reference_price, terms

CENT, MILL = Price(100), Price(10)


def test_the_usual_notation_per_ten_shares() -> None:
    # 10送2转3派4: five new shares and 4.00 yuan for ten
    what = terms(cash="4.00", bonus=5, per=10)
    assert ex_reference_price(price("12.00"), what, CENT) == price("7.73")  # 11.60 / 1.5
    assert adjusted_holding(1000, what) == (1500, money("400"))


def test_a_fund_split_and_a_merger() -> None:
    split, merger = terms(bonus=1), terms(bonus=Fraction(-1, 2))
    assert ex_reference_price(price("2.155"), split, MILL) == price("1.078")
    assert adjusted_holding(300, split).amount == 600
    assert ex_reference_price(price("0.512"), merger, MILL) == price("1.024")
    assert adjusted_holding(300, merger).amount == 150


def test_fractions_of_new_shares_are_dropped_and_cash_is_rounded_to_the_fen() -> None:
    assert adjusted_holding(105, terms(cash="0.1234", bonus="0.15")) == (120, money("12.96"))


@given(st.integers(1, 10**7), st.integers(0, 10**6), st.integers(0, 300))
def test_value_before_and_after_differs_by_less_than_a_tick_a_share(amount, base, bonus) -> None:
    what = terms(cash=0, bonus=bonus, per=100)
    before = Price(base * 100 + 1_000)
    after = ex_reference_price(before, what, CENT)
    assert abs(after * (1 + what.bonus) - before) <= CENT * (1 + what.bonus) / 2


@pytest.mark.parametrize("cash", ["0.593614", "0.0001"])
def test_terms_finer_than_a_tick_stay_exact(cash: str) -> None:
    assert terms(cash=cash).cash == Fraction(cash)
