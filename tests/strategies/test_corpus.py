"""Strategies in the style of the kinds that real ones are of, a month of the synthetic market each."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bullet_trade.engine.events import CallbackFailed, DayClosed, OrderFinished
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.strategy_check import check_strategy
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days

CORPUS = Path(__file__).with_name("corpus")
STRATEGIES = sorted(path.stem for path in CORPUS.glob("*.py"))
FIRST, LAST, SESSIONS = date(2025, 12, 1), date(2025, 12, 31), 23


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    calendar = exchange_calendar()
    return SyntheticMarket(1, sessions=calendar.sessions(date(2005, 1, 1), calendar.last))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_of_each_kind_trades_through_a_month_without_an_error(
    name: str, market: SyntheticMarket, tmp_path: Path
) -> None:
    def prepare(session: Session) -> None:
        session.research_dir = tmp_path / "research"

    source = (CORPUS / f"{name}.py").read_text(encoding="utf-8")
    ran = run_days(source, market, FIRST, LAST, directory=tmp_path, prepare=prepare)
    assert [(e.callback, e.where, e.error) for e in ran.recorder.of(CallbackFailed)] == []
    assert len(ran.recorder.of(DayClosed)) == SESSIONS
    assert any(event.order.filled for event in ran.recorder.of(OrderFinished))


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_check_finds_nothing_that_must_be_changed_in_them(name: str) -> None:
    assert check_strategy(CORPUS / f"{name}.py").runs
