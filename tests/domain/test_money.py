"""Money and prices are exact; every figure is compared with decimal or rational arithmetic."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import divide_half_up, money, price, text, to_fen, yuan

AMOUNTS = st.integers(-(10**14), 10**14)


def decimal_of(amount: int) -> Decimal:
    return Decimal(amount) / 10_000


@given(st.decimals("-1e9", "1e9", places=4, allow_nan=False))
def test_four_decimals_of_a_yuan_are_kept_exactly(value: Decimal) -> None:
    assert decimal_of(money(value)) == value
    assert decimal_of(money(str(value))) == value


@given(st.decimals("-1e9", "1e9", places=8, allow_nan=False))
def test_finer_amounts_round_half_away_from_zero(value: Decimal) -> None:
    assert decimal_of(price(value)) == value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


@given(st.integers(1, 99_999_999), st.sampled_from((Decimal("0.01"), Decimal("0.001"))))
def test_a_float_price_on_the_tick_grid_is_that_price(steps: int, tick: Decimal) -> None:
    on_grid = steps * tick
    assert decimal_of(price(float(on_grid))) == on_grid


@given(st.integers(1, 99_999_999))
def test_a_price_survives_the_way_to_the_strategy_and_back(units: int) -> None:
    assert price(yuan(units)) == units


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_price_times_shares_is_the_exact_turnover(units: int, shares: int) -> None:
    assert Fraction(units * shares, 10_000) == Fraction(units, 10_000) * shares


@given(AMOUNTS)
def test_fees_round_to_the_fen_half_away_from_zero(amount: int) -> None:
    expected = decimal_of(amount).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert decimal_of(to_fen(amount)) == expected


@given(AMOUNTS, st.integers(1, 10**9))
def test_division_gives_the_nearest_whole_number_halves_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    nearest = divide_half_up(numerator, denominator)
    distance = abs(exact - nearest)
    assert distance <= Fraction(1, 2)
    if distance == Fraction(1, 2):
        assert abs(nearest) > abs(exact)


@pytest.mark.parametrize(
    ("amount", "places", "shown"),
    [
        (12_345_000, 2, "1,234.50"),
        (0, 2, "0.00"),
        (-50_000, 2, "-5.00"),
        (101_234, 4, "10.1234"),
        (41_250, 3, "4.125"),
    ],
)
def test_amounts_are_shown_with_separators(amount: int, places: int, shown: str) -> None:
    assert text(amount, places) == shown
