"""Ways of writing that real strategies use, run for a month of the synthetic market; the files assert what the platform
gives. See `idioms/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullet_trade.ops.strategy_check import check_strategy
from synthetic_month import trades_through_the_month

IDIOMS = Path(__file__).with_name("idioms")
STRATEGIES = sorted(path.stem for path in IDIOMS.glob("*.py"))


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_callback_fails_in_a_month(name: str, tmp_path: Path) -> None:
    trades_through_the_month(IDIOMS / f"{name}.py", tmp_path)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_check_says_that_they_run(name: str) -> None:
    assert check_strategy(IDIOMS / f"{name}.py").runs
