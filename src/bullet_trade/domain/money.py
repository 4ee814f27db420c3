"""Exact money and prices: whole numbers of 1/10,000 yuan.

One unit is a tenth of the finest price step of the exchanges (0.001 yuan), so every price, every product of a price
and a share count, and every fee rounded to the fen is exact. `float` is converted here, at the border, nowhere else.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import NewType

Price = NewType("Price", int)
"""Price of one share or fund unit, in 1/10,000 yuan."""

Money = NewType("Money", int)
"""Amount of money, in 1/10,000 yuan."""

SCALE = 10_000
FEN = 100
"""One fen (0.01 yuan) in units of `Money`."""

ZERO = Money(0)


def price(value: float | str | Decimal) -> Price:
    """The price nearest to `value` yuan, half away from zero."""
    return Price(_scaled(value))


def money(value: float | str | Decimal) -> Money:
    """The amount nearest to `value` yuan, half away from zero."""
    return Money(_scaled(value))


def yuan(amount: int) -> float:
    """`amount` (a `Price` or a `Money`) as a float number of yuan, for the strategy's side and for display."""
    return amount / SCALE


def to_fen(amount: int) -> Money:
    """`amount` rounded half up (away from zero) to the fen."""
    return Money(divide_half_up(amount, FEN) * FEN)


def divide_half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` rounded to the nearest whole number, halves away from zero; `denominator` > 0."""
    quotient, rest = divmod(abs(numerator), denominator)
    if 2 * rest >= denominator:
        quotient += 1
    return quotient if numerator >= 0 else -quotient


def text(amount: int, places: int = 2) -> str:
    """`amount` as yuan with thousands separators, e.g. ``1,234.50``."""
    return f"{Decimal(amount) / SCALE:,.{places}f}"


def _scaled(value: float | str | Decimal) -> int:
    if isinstance(value, float):
        # `round` is enough for floats: prices on the tick grid are a tenth of a unit or more away from any half.
        return round(value * SCALE)
    return int((Decimal(value) * SCALE).to_integral_value(rounding=ROUND_HALF_UP))
