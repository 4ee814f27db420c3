"""Live trading on a real account begins only after somebody agreed to it, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.ops.compose import Run, composed
from bullet_trade.ops.confirm import CONFIRMED_FILE, confirm_live, refuse_invented_prices
from bullet_trade.ops.risk_settings import SHOWN
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings
from bullet_trade.testing.recorder import Recorder

OFF = {name: "" if name in ("max_daily_loss", "risk_whitelist", "risk_blacklist") else 0 for name in SHOWN}
"""No limit holds."""


@contextmanager
def started(tmp_path: Path, **changes: object) -> Iterator[Run]:
    """A run on the simulator, with those settings changed."""
    (tmp_path / "quiet.py").write_text("def initialize(context): pass\n", encoding="utf-8")
    request = RunRequest(tmp_path / "quiet.py", "simulator", None, None, "synthetic", tmp_path / "runtime")
    settings = load_settings(None).model_copy(update={"simulator_initial_positions": "600000.XSHG:300@10"} | changes)
    with composed(request, settings, Recorder(), VirtualClock(datetime(2025, 12, 3, 9))) as made:
        yield made
        made.session.parts.journal.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with started(tmp_path) as made:
        yield made


def asked(run: Run, answer: str | None, said_yes: bool = False) -> tuple[str, int]:
    """What was shown, and how often it was asked."""
    questions = []

    def ask(question: str) -> str:
        questions.append(question)
        return answer or ""

    shown = Console(file=StringIO(), width=120)
    confirm_live(run.session, run.directory, shown, ask if answer is not None else None, said_yes)
    return shown.file.getvalue(), len(questions)  # type: ignore[attr-defined]


def test_the_account_and_the_limits_are_shown_and_the_word_is_asked_for_once(run: Run) -> None:
    shown, questions = asked(run, "yes")
    assert questions == 1
    for part in ("模拟券商", "1,000,000.00", "600000.XSHG", "300", "单笔金额 ≤ 100,000 元", "每秒申报加撤单 ≤ 50 笔"):
        assert part in shown
    assert asked(run, "no")[1] == 0  # a service that restarts is not asked again


def test_that_no_limit_holds_is_said(tmp_path: Path) -> None:
    with started(tmp_path, **OFF) as run:
        assert "限额全部关闭" in asked(run, "yes")[0]


@pytest.mark.parametrize("answer", ["", "no", "y", "是"])
def test_any_other_word_starts_nothing(run: Run, answer: str) -> None:
    with pytest.raises(UsageError, match="没有确认"):
        asked(run, answer)
    assert not (run.directory / CONFIRMED_FILE).exists()


def test_without_a_terminal_it_takes_the_option(run: Run) -> None:
    with pytest.raises(UsageError, match="--yes"):
        asked(run, None)
    assert asked(run, None, said_yes=True)[1] == 0
    assert (run.directory / CONFIRMED_FILE).exists()


def test_agreement_for_one_account_is_none_for_another(run: Run) -> None:
    asked(run, "yes")
    content = (run.directory / CONFIRMED_FILE).read_text(encoding="utf-8")
    (run.directory / CONFIRMED_FILE).write_text(content.replace("模拟券商", "QMT ***78"), encoding="utf-8")
    assert asked(run, "yes")[1] == 1


def test_an_unreadable_agreement_counts_as_none(run: Run) -> None:
    (run.directory / CONFIRMED_FILE).write_bytes(b"\xff{")
    assert asked(run, "yes")[1] == 1


def test_invented_prices_never_guide_orders_that_cost_money(run: Run) -> None:
    with pytest.raises(UsageError, match=r"程序生成.*去掉 --data"):
        refuse_invented_prices(run.data)
