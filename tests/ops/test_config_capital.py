"""The account that trading begins with is the one that the strategy was made for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.ops.compose import Run, composed
from bullet_trade.ops.config_capital import capital_words, check_account
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.testing.recorder import Recorder


@contextmanager
def run_with(folder: Path, cash: float, positions: str = "", **declared: object) -> Iterator[tuple[Run, Settings]]:
    (folder / "quiet.py").write_text("def initialize(context): pass\n", encoding="utf-8")
    request = RunRequest(folder / "quiet.py", "simulator", None, None, "synthetic", folder / "runtime")
    settings = Settings.model_validate(
        {
            "bullet_trade_home": folder,
            "simulator_initial_cash": cash,
            "simulator_initial_positions": positions,
            **declared,
        }
    )
    with composed(request, settings, Recorder(), VirtualClock(datetime(2025, 12, 3, 9))) as made:
        yield made, settings
        made.session.parts.journal.close()


@pytest.mark.parametrize(
    ("total", "warned"),
    [
        (100_000, False),
        (50_000, False),
        (49_999, True),
        (200_000, False),
        (200_001, True),
        (1_000_000, True),
        (0, True),
    ],
)
def test_a_total_that_differs_by_more_than_the_factor_is_told(total: float, warned: bool) -> None:
    """K05: the copied portfolio is ten times larger than the account."""
    words = capital_words(total, Settings.model_validate({"declared_capital": 100_000}))
    assert bool(words) == warned


def test_nothing_declared_is_nothing_compared() -> None:
    assert capital_words(5.0, Settings()) == ""


def test_the_words_name_both_amounts_and_the_factor() -> None:
    words = capital_words(100_000, Settings.model_validate({"declared_capital": 1_000_000}))
    for part in ("100,000.00 元", "DECLARED_CAPITAL=1,000,000 元", "少", "10.0 倍", "允许 2 倍"):
        assert part in words


def test_by_default_it_is_a_warning(tmp_path: Path) -> None:
    """K05."""
    told: list[str] = []
    with run_with(tmp_path, 100_000, declared_capital=1_000_000) as (run, settings):
        check_account(run.session, settings, told.append)
    assert [words.partition("，")[0] for words in told] == ["账户总资产 100,000.00 元"]


def test_by_setting_it_is_a_refusal(tmp_path: Path) -> None:
    """K05."""
    with (
        run_with(tmp_path, 100_000, declared_capital=1_000_000, declared_capital_action="refuse") as (run, settings),
        pytest.raises(UsageError, match="DECLARED_CAPITAL_ACTION=warn"),
    ):
        check_account(run.session, settings, lambda _: None)


def test_positions_count(tmp_path: Path) -> None:
    told: list[str] = []
    with run_with(tmp_path, 1_000, "600000.XSHG:10000@10", declared_capital=1_000_000) as (run, settings):
        check_account(run.session, settings, told.append)
        price = run.session.engine.quotes.last_price(run.session.code("600000.XSHG"))
    assert f"账户总资产 {1_000 + 10_000 * price:,.2f} 元" in told[0]


def test_an_account_of_nothing_but_zeros_does_not_start(tmp_path: Path) -> None:
    """K01: what a wrong account type looks like."""
    with run_with(tmp_path, 1) as (run, settings):
        run.session.connect()
        run.session.engine.ledger.cash = run.session.engine.ledger.cash * 0  # type: ignore[assignment]
        with pytest.raises(UsageError, match="资产全部是零"):
            check_account(run.session, settings, lambda _: None)
