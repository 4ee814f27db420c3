"""A month of the synthetic market, through which the strategies of a directory run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

from bullet_trade.engine.events import CallbackFailed, DayClosed, OrderFinished
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days

FIRST, LAST, SESSIONS = date(2025, 12, 1), date(2025, 12, 31), 23


@cache
def market() -> SyntheticMarket:
    calendar = exchange_calendar()
    return SyntheticMarket(1, sessions=calendar.sessions(date(2005, 1, 1), calendar.last))


def trades_through_the_month(
    strategy: Path, directory: Path, prepare: Callable[[Session], None] = lambda _: None
) -> None:
    """Fails where a callback fails, a day is missing, or nothing is traded."""
    source = strategy.read_text(encoding="utf-8")
    told = run_days(source, market(), FIRST, LAST, directory=directory, prepare=prepare).recorder
    assert [(failed.callback, failed.where, failed.error) for failed in told.of(CallbackFailed)] == []
    assert len(told.of(DayClosed)) == SESSIONS
    assert any(finished.order.filled for finished in told.of(OrderFinished))
