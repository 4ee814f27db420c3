"""Arithmetic of dividends, bonus shares, rights issues and fund splits (除权除息)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from bullet_trade.domain.money import FEN, SCALE, Money, Price

Exact = Fraction | Decimal | str | int
"""A number that is not a float: per-share terms must stay exact."""


class Terms(NamedTuple):
    """What one share held on the record day receives, and may buy.

    `cash` is yuan before tax; `bonus` new shares, of whatever source (送股、转增), minus 1/2 for a 2:1 fund
    merger; `rights` shares that may be bought at `rights_price` yuan.
    """

    cash: Fraction = Fraction(0)
    bonus: Fraction = Fraction(0)
    rights: Fraction = Fraction(0)
    rights_price: Fraction = Fraction(0)


class Adjusted(NamedTuple):
    """A holding after its ex-day: whole shares, and the cash paid before tax."""

    amount: int
    cash: Money


def terms(cash: Exact = 0, bonus: Exact = 0, rights: Exact = 0, rights_price: Exact = 0, *, per: int = 1) -> Terms:
    """Terms from figures as announced; `per` 10 for the usual notation (10送2转3派4: bonus 5, cash 4)."""
    return Terms(Fraction(cash) / per, Fraction(bonus) / per, Fraction(rights) / per, Fraction(rights_price))


def ex_reference_price(prev_close: Price, what: Terms, tick: Price) -> Price:
    """The reference price of the ex-day, half up to the tick; it takes the place of the previous close.

    (prev_close - cash + rights_price x rights) / (1 + bonus + rights), the formula of both exchanges' rules.
    """
    value = Fraction(prev_close) + (what.rights_price * what.rights - what.cash) * SCALE
    return Price(_half_up(value / (1 + what.bonus + what.rights) / tick) * tick)


def adjusted_holding(amount: int, what: Terms) -> Adjusted:
    """What `amount` shares become on the ex-day, rights not taken up.

    Fractions of new shares are dropped; the clearing house hands them out by rank, so a real account
    may get one share more.
    """
    return Adjusted(int(amount * (1 + what.bonus)), Money(_half_up(amount * what.cash * SCALE / FEN) * FEN))


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
