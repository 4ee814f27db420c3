"""Ways of writing that real strategies use, run for a month of the synthetic market; the files assert what the platform
gives. See `idioms/`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bullet_trade.engine.events import CallbackFailed, DayClosed, OrderFinished
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.strategy_check import check_strategy
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.testing.days import run_days

IDIOMS = Path(__file__).with_name("idioms")
STRATEGIES = sorted(path.stem for path in IDIOMS.glob("*.py"))
FIRST, LAST, SESSIONS = date(2025, 12, 1), date(2025, 12, 31), 23


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    calendar = exchange_calendar()
    return SyntheticMarket(1, sessions=calendar.sessions(date(2005, 1, 1), calendar.last))


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_callback_fails_in_a_month(name: str, market: SyntheticMarket, tmp_path: Path) -> None:
    source = (IDIOMS / f"{name}.py").read_text(encoding="utf-8")
    ran = run_days(source, market, FIRST, LAST, directory=tmp_path)
    assert [(failed.callback, failed.where, failed.error) for failed in ran.recorder.of(CallbackFailed)] == []
    assert len(ran.recorder.of(DayClosed)) == SESSIONS
    assert any(finished.order.filled for finished in ran.recorder.of(OrderFinished))


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_check_says_that_they_run(name: str) -> None:
    assert check_strategy(IDIOMS / f"{name}.py").runs
