"""How figures are written for people: percentages, yuan, ratios, dates. A missing figure is a dash."""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.money import divide_half_up, to_fen
from bullet_trade.domain.money import text as yuan_text

DASH = "—"
SYNTHETIC_NOTICE = "合成行情 — 价格为程序生成，不是真实市场"
"""Stands over every result that was made with generated prices."""

_TICK = 10  # 0.001 yuan in units of `Price`


def percent(value: float | None, *, signed: bool = False, places: int = 2) -> str:
    """A fraction as a percentage: 0.0512 -> ``5.12%``; `signed` puts a plus before gains."""
    if value is None:
        return DASH
    rounded = round(value * 100, places) + 0.0  # + 0.0 turns the minus zero of a tiny loss into zero
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:,.{places}f}%"


def ratio(value: float | None, unit: str = "") -> str:
    """A plain number with two places."""
    return DASH if value is None else f"{round(value, 2) + 0.0:,.2f}{unit}"


def yuan(amount: int | None, *, signed: bool = False) -> str:
    """Money in yuan to the fen, with thousands separators."""
    if amount is None:
        return DASH
    fen = to_fen(amount)
    return f"{'+' if signed and fen > 0 else ''}{yuan_text(fen)}"


def price(amount: int) -> str:
    """A price in yuan to the finest tick of the exchanges (0.001); a dash for 0, which stands for unknown."""
    return yuan_text(divide_half_up(amount, _TICK) * _TICK, 3) if amount else DASH


def day(value: date | None, missing: str = DASH) -> str:
    """An ISO date, or `missing`."""
    return missing if value is None else value.isoformat()
