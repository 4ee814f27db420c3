"""The dividend tax by holding period, first in, first out."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import money
from bullet_trade.market.dividend_tax import Dividend, HeldLot, sell_taxed, tax_percent

RECORD = date(2026, 6, 10)


@pytest.mark.parametrize(
    ("bought", "sold", "percent"),
    [
        (date(2026, 6, 1), date(2026, 7, 1), 20),
        (date(2026, 6, 1), date(2026, 7, 2), 10),
        (date(2025, 7, 1), date(2026, 7, 1), 10),
        (date(2025, 7, 1), date(2026, 7, 2), 0),
        (date(2026, 1, 31), date(2026, 3, 1), 20),  # all of February is the month
        (date(2026, 1, 31), date(2026, 3, 2), 10),
        (date(2024, 2, 29), date(2025, 3, 1), 10),
        (date(2024, 2, 29), date(2025, 3, 2), 0),
        (date(2025, 12, 15), date(2026, 1, 15), 20),
    ],
)
def test_the_holding_ends_the_day_before_the_sale(bought: date, sold: date, percent: int) -> None:
    assert tax_percent(bought, sold, RECORD) == percent


@pytest.mark.parametrize(
    ("record_day", "percent"),
    [(date(2015, 9, 8), 0), (date(2015, 9, 7), 5), (date(2012, 12, 31), 10), (date(2005, 6, 10), 20)],
)
def test_long_holdings_were_taxed_before_2015(record_day: date, percent: int) -> None:
    assert tax_percent(date(2000, 1, 4), date(2016, 1, 4), record_day) == percent


DIVIDEND = Dividend(RECORD, Fraction("0.40"))


def test_only_lots_held_on_the_record_day_owe_tax() -> None:
    lots = [HeldLot(date(2026, 6, 11), 100), HeldLot(date(2026, 6, 10), 100)]
    sold = sell_taxed(lots, 200, date(2026, 6, 12), [DIVIDEND])
    assert sold.tax == money("8")  # 100 x 0.40 x 20%, for the lot bought on the record day
    assert sold.left == ()


def test_shares_sold_on_the_record_day_get_no_dividend() -> None:
    assert sell_taxed([HeldLot(date(2026, 6, 1), 100)], 100, RECORD, [DIVIDEND]).tax == 0


@given(st.lists(st.tuples(st.dates(date(2024, 1, 1), RECORD), st.integers(1, 1000)), min_size=1), st.data())
def test_selling_in_two_steps_on_one_day_taxes_like_selling_at_once(rows, data) -> None:
    lots = [HeldLot(*row) for row in rows]
    held = sum(lot.amount for lot in lots)
    first = data.draw(st.integers(0, held))
    day, dividend = date(2026, 6, 12), Dividend(RECORD, Fraction(1))
    once = sell_taxed(lots, held, day, [dividend])
    one = sell_taxed(lots, first, day, [dividend])
    two = sell_taxed(one.left, held - first, day, [dividend])
    assert one.tax + two.tax == once.tax
    assert two.left == ()


def test_more_than_the_lots_hold_cannot_be_sold() -> None:
    with pytest.raises(ValueError, match="50 shares"):
        sell_taxed([HeldLot(date(2026, 1, 5), 100)], 150, date(2026, 6, 12), [])
