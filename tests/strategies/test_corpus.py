"""Strategies in the style of the kinds that real ones are of, a month of the synthetic market each."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullet_trade.ops.strategy_check import check_strategy
from bullet_trade.strategy.session import Session
from synthetic_month import trades_through_the_month

CORPUS = Path(__file__).with_name("corpus")
STRATEGIES = sorted(path.stem for path in CORPUS.glob("*.py"))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_of_each_kind_trades_through_a_month_without_an_error(name: str, tmp_path: Path) -> None:
    def prepare(session: Session) -> None:
        session.research_dir = tmp_path / "research"

    trades_through_the_month(CORPUS / f"{name}.py", tmp_path, prepare)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_check_finds_nothing_that_must_be_changed_in_them(name: str) -> None:
    assert check_strategy(CORPUS / f"{name}.py").runs
