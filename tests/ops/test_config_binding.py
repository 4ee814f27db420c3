"""A runtime directory is one account's, for good."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from bullet_trade.brokers.simulator.broker import SimulatedBroker
from bullet_trade.domain.errors import StateError
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.ops.compose import composed
from bullet_trade.ops.config_binding import BINDING_FILE, SIMULATOR_LABEL, bind
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.store.inspection import JOURNAL_FILE
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.testing.recorder import Recorder

ACCOUNT = "12345678"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("simulator", "a"), ("qmt", ACCOUNT)),
        (("simulator", "a"), ("qmt-remote", "host:1/main/")),
        (("qmt", ACCOUNT), ("qmt", "87654321")),
        (("qmt", ACCOUNT), ("simulator", "a")),
        (("qmt-remote", "host:1/main/"), ("qmt-remote", "host:1/other/")),
    ],
)
def test_the_state_of_another_mode_or_account_is_refused(
    first: tuple[str, str], then: tuple[str, str], tmp_path: Path
) -> None:
    """K03: a paper-trading database is used for live trading; the state directory of another account."""
    bind(tmp_path, *first)
    with pytest.raises(StateError, match=r"--runtime-dir runtime-"):
        bind(tmp_path, *then)
    bind(tmp_path, *first)


def test_the_simulator_may_move_its_directory(tmp_path: Path) -> None:
    bind(tmp_path, "simulator", "/old/simulator_account.json")
    bind(tmp_path, "simulator", "/new/simulator_account.json")


def test_the_account_number_is_not_written_down(tmp_path: Path) -> None:
    bind(tmp_path, "qmt", ACCOUNT)
    assert ACCOUNT not in (tmp_path / BINDING_FILE).read_text(encoding="utf-8")


def test_an_unreadable_file_is_no_permission(tmp_path: Path) -> None:
    (tmp_path / BINDING_FILE).write_text("{")
    with pytest.raises(StateError, match=r"account\.json 无法读取"):
        bind(tmp_path, "qmt", ACCOUNT)


def test_a_directory_in_which_an_older_version_ran_the_simulator_is_refused_too(tmp_path: Path) -> None:
    """K03: only the journal says what traded here."""
    journal = SqliteJournal(tmp_path / JOURNAL_FILE, "normal")
    journal.append(datetime(2025, 12, 3, 9), "start", {"broker": SIMULATOR_LABEL})
    journal.append(datetime(2025, 12, 3, 10), "restart", {"broker": SIMULATOR_LABEL})
    journal.close()
    with pytest.raises(StateError, match="里是 simulator 的委托和持仓"):
        bind(tmp_path, "qmt", ACCOUNT)
    bind(tmp_path, "simulator", "")


def test_the_journal_calls_the_simulator_as_the_simulator_calls_itself() -> None:
    assert SimulatedBroker.__dataclass_fields__["label"].default == SIMULATOR_LABEL


def test_a_start_binds_the_directory_of_live_trading_and_neither_replay_nor_dry_run(tmp_path: Path) -> None:
    """K03: switch the mode only."""
    (tmp_path / "quiet.py").write_text("def initialize(context): pass\n", encoding="utf-8")
    runtime, clock = tmp_path / "runtime", VirtualClock(datetime(2025, 12, 3, 9))
    for mode, replay in (("live", "2025-12-01"), ("dry_run", None), ("live", None)):
        request = RunRequest(tmp_path / "quiet.py", "simulator", replay, None, "synthetic", runtime)
        settings = Settings.model_validate({"bullet_trade_home": tmp_path, "live_mode": mode})
        with composed(request, settings, Recorder(), clock) as run:
            run.session.parts.journal.close()
    assert [path.parent for path in runtime.rglob(BINDING_FILE)] == [runtime]
    with pytest.raises(StateError, match="--runtime-dir runtime-qmt"):
        bind(runtime, "qmt", ACCOUNT)
