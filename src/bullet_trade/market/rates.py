"""Exact shares of an amount: rates as whole numbers of 1/100,000,000, results in whole fen."""

from __future__ import annotations

from decimal import Decimal

from bullet_trade.domain.money import FEN, Money

RATE_SCALE = 100_000_000
"""Rates are whole numbers of 1/RATE_SCALE: 0.03% is 30,000."""

_UNIT = RATE_SCALE * FEN
_HALF = _UNIT // 2


def share_of(amount: Money, rate: int) -> Money:
    """`rate` of a non-negative `amount`, rounded half up to the fen."""
    return Money((amount * rate + _HALF) // _UNIT * FEN)


def rate(value: str | Decimal) -> int:
    """A rate written as a decimal fraction (``0.0003``), in 1/RATE_SCALE.

    Raises `ValueError` where it is not a number, not finite, or finer than 1/RATE_SCALE.
    """
    exact = Decimal(value) * RATE_SCALE if Decimal(value).is_finite() else None
    if exact is None or exact != int(exact):
        raise ValueError(value)
    return int(exact)
