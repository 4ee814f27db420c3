"""Asks the data functions of a strategy at an instant of a replay."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from bullet_trade.engine.events import CallbackFailed
from bullet_trade.ports.market_data import MarketData
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"recorded market not found at {RECORDED}")

_SOURCE = """
from jqdata import *

def initialize(context):
    {setup}
    run_daily(probe, "{time}")

def probe(context):
    g.seen = []
    for expression in {expressions!r}:
        try:
            g.seen.append(eval(expression))
        except Exception as error:
            g.seen.append(error)
"""


def run_probe(
    market: MarketData, when: str, expressions: tuple[str, ...], setup: str = "pass", research: object = None
) -> DaysRun:
    """Replay the day of `when` and evaluate the expressions in a callback at its time; `g.seen` has the results."""
    at = datetime.fromisoformat(when)
    source = _SOURCE.format(setup=setup, time=f"{at:%H:%M}", expressions=list(expressions))

    def prepare(session: Session) -> None:
        if research is not None:
            session.research = research

    day: date = at.date()
    run = run_days(source, market, day, day, prepare=prepare)
    failed = [event for event in run.recorder.events if isinstance(event, CallbackFailed)]
    assert failed == []
    return run


def ask(market: MarketData, when: str, *expressions: str, setup: str = "pass", research: object = None) -> object:
    """The results of expressions at that instant; errors are results, too. One expression gives its result alone."""
    results = run_probe(market, when, expressions, setup, research).session.g.seen
    return results[0] if len(expressions) == 1 else results
