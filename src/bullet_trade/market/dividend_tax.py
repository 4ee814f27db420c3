"""Dividend tax of individuals: nothing at payment, debited at the sale by how long the shares were held.

Shares leave first in, first out. Source: 财税〔2012〕85号, 财税〔2015〕101号. Funds and bonds pay none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from bullet_trade.domain.money import FEN, SCALE, Money
from bullet_trade.market.timeline import Since, Timeline, in_force


class Rates(NamedTuple):
    """Tax in percent when held up to a month, up to a year, and longer."""

    month: int
    year: int
    longer: int


# By the record day of the dividend.
RATES: Timeline[Rates] = (
    Since(date(2015, 9, 8), Rates(20, 10, 0), "财税〔2015〕101号"),
    Since(date(2013, 1, 1), Rates(20, 10, 5), "财税〔2012〕85号"),
    Since(date(2005, 6, 13), Rates(10, 10, 10), "财税〔2005〕102号"),
    Since(date.min, Rates(20, 20, 20), "个人所得税法"),
)


class HeldLot(NamedTuple):
    """Shares bought on one day."""

    bought: date
    amount: int


class Dividend(NamedTuple):
    """`taxable_per_share` in yuan: gross cash, plus the par value of bonus shares paid from profit."""

    record_day: date
    taxable_per_share: Fraction


class Sold(NamedTuple):
    """The tax that a sale causes, in whole fen, and the lots that are left."""

    tax: Money
    left: tuple[HeldLot, ...]


def tax_percent(bought: date, sold: date, record_day: date) -> int:
    """The rate for shares bought and sold on these days.

    The holding runs from the day of purchase to the day before the sale; a month or year ends on the
    day before the same date, and where that date does not exist, at the end of the month.
    """
    row = in_force(RATES, record_day)
    rates = row.value if row else RATES[-1].value
    if sold <= _later(bought, 1):
        return rates.month
    return rates.year if sold <= _later(bought, 12) else rates.longer


def sell_taxed(lots: Sequence[HeldLot], amount: int, sold: date, dividends: Sequence[Dividend]) -> Sold:
    """The tax on selling `amount` shares out of `lots` on `sold`, oldest first.

    A lot owes tax for every dividend whose record day it was held over. Raises `ValueError` where the
    lots hold less.
    """
    due = Fraction(0)
    left: list[HeldLot] = []
    for lot in sorted(lots):
        taken = min(lot.amount, amount)
        amount -= taken
        if taken < lot.amount:
            left.append(HeldLot(lot.bought, lot.amount - taken))
        for dividend in dividends:
            if lot.bought <= dividend.record_day < sold:
                percent = tax_percent(lot.bought, sold, dividend.record_day)
                due += taken * dividend.taxable_per_share * percent / 100
    if amount:
        raise ValueError(f"{amount} shares more were sold than the lots hold")
    exact = due * SCALE / FEN
    return Sold(Money((2 * exact.numerator + exact.denominator) // (2 * exact.denominator) * FEN), tuple(left))


def _later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + years, month + 1, 1)
    same = first + timedelta(days=day.day - 1)
    # A 31st in a month without one runs into the next: the first of that month is the day that matters.
    return same if same.month == first.month else same.replace(day=1)
