"""The price cage: who has one since when, what it is measured from, and how it rounds."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.price_cage import Book, check_price_cage, price_cage
from bullet_trade.market.price_limit import PriceLimits

DAY = date(2026, 11, 20)
MAIN, STAR, BSE = (describe(Code(code)) for code in ("600000.XSHG", "688981.XSHG", "920002.XBSE"))
PRICES = st.integers(1, 200_000).map(lambda ticks: Price(ticks * 100))


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("600000.XSHG", date(2023, 4, 10)),
        ("000001.XSHE", date(2023, 4, 10)),
        ("300750.XSHE", date(2020, 8, 24)),
        ("688981.XSHG", date(2019, 7, 22)),
        ("920002.XBSE", date(2021, 11, 15)),
    ],
)
def test_the_cage_starts_on_its_day(code: str, first: date) -> None:
    book = Book(best_ask=price("10"))
    before = date.fromordinal(first.toordinal() - 1)
    assert price_cage(describe(Code(code)), Side.BUY, before, book, None) is None
    assert price_cage(describe(Code(code)), Side.BUY, first, book, None) is not None


@pytest.mark.parametrize("code", ["510300.XSHG", "501018.XSHG", "113050.XSHG", "900905.XSHG", "204001.XSHG"])
def test_funds_bonds_and_b_shares_have_no_cage(code: str) -> None:
    assert price_cage(describe(Code(code)), Side.BUY, DAY, Book(best_ask=price("10")), None) is None


@given(st.sampled_from([(MAIN, 2, 10), (STAR, 2, 0), (BSE, 5, 10)]), PRICES)
def test_bounds_equal_the_exact_fraction_rounded_half_up_and_the_cautious_one_lies_inside(kind, base) -> None:
    security, percent, ticks = kind
    book = Book(best_bid=base, best_ask=base)
    buy, sell = (price_cage(security, side, DAY, book, None) for side in (Side.BUY, Side.SELL))
    assert buy is not None
    assert sell is not None

    def half_up(share: Fraction) -> int:
        return int(share / 100 + Fraction(1, 2)) * 100

    up, down = (Fraction(base * (100 + sign * percent), 100) for sign in (1, -1))
    assert buy.bound == max(half_up(up), base + ticks * 100)
    assert sell.bound == max(min(half_up(down), base - ticks * 100), 100)
    assert base <= buy.cautious <= buy.bound <= buy.cautious + 100
    assert sell.bound <= sell.cautious <= base


def test_the_daily_limit_clips_the_cage() -> None:
    limits = PriceLimits(price("9.9"), price("10.1"))
    book = Book(best_bid=price("10"), best_ask=price("10"))
    buy, sell = (price_cage(MAIN, side, DAY, book, limits) for side in (Side.BUY, Side.SELL))
    assert buy is not None
    assert sell is not None
    assert (buy.bound, sell.bound) == (price("10.1"), price("9.9"))


def test_without_any_price_there_is_nothing_to_measure_from() -> None:
    assert price_cage(MAIN, Side.BUY, DAY, Book(), None) is None


def test_a_refusal_offers_the_cautious_price() -> None:
    cage = price_cage(MAIN, Side.BUY, DAY, Book(best_ask=price("10.30")), None)
    refusal = check_price_cage(MAIN, Side.BUY, price("10.52"), cage)
    assert refusal is not None
    assert "10.51" in refusal.bound
    assert "10.50" in refusal.remedy
    assert check_price_cage(MAIN, Side.SELL, price("1"), None) is None
