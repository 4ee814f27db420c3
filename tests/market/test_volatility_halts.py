"""Volatility halts: levels, lunch, and the last resumption."""

from __future__ import annotations

from datetime import date, time

import pytest

from bullet_trade.domain.money import price
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.halts import CONVERTIBLE_LEVELS, STOCK_LEVELS, halt_after, halt_levels

DAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("traded", "at", "reached", "resume"),
    [
        ("13.00", "09:30", 0, "09:40"),
        ("7.00", "09:30", 0, "09:40"),
        ("12.99", "09:30", 0, None),
        ("16.00", "09:30", 0, "09:40"),  # a jump past both levels halts once
        ("15.99", "09:45", 300, None),
        ("16.00", "09:45", 300, "09:55"),
        ("20.00", "10:00", 600, None),
        ("13.00", "11:25", 0, "13:05"),
        ("13.00", "14:50", 0, "14:57"),
        ("13.00", "14:58", 0, None),
    ],
)
def test_shares_without_a_limit_halt_ten_minutes_at_30_and_60_percent(traded, at, reached, resume) -> None:
    halt = halt_after(STOCK_LEVELS, price("10"), price(traded), time.fromisoformat(at), reached)
    assert (halt.resume if halt else None) == (time.fromisoformat(resume) if resume else None)


def test_a_convertible_bond_that_jumps_30_percent_halts_until_1457() -> None:
    halt = halt_after(CONVERTIBLE_LEVELS, price("100"), price("130"), time(10, 0))
    assert halt is not None
    assert (halt.minutes, halt.resume) == (None, time(14, 57))


@pytest.mark.parametrize(
    ("code", "listed_days", "levels"),
    [
        ("603999.XSHG", 5, STOCK_LEVELS),
        ("603999.XSHG", 6, ()),
        ("920999.XBSE", 1, STOCK_LEVELS),
        ("920999.XBSE", 2, ()),
        ("118999.XSHG", 1, CONVERTIBLE_LEVELS),
        ("118999.XSHG", 2, ()),
        ("510300.XSHG", 1, ()),
    ],
)
def test_only_securities_without_a_limit_and_new_bonds_halt(code, listed_days, levels) -> None:
    assert halt_levels(describe(Code(code)), DAY, listed_days) == levels
