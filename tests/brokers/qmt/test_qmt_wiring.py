"""`--broker qmt` from settings to an account that was taken over."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from station import needs_wheel

from bullet_trade.brokers.qmt.terms import POOL, first_session
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import price
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import WallClock
from bullet_trade.ops.compose import composed
from bullet_trade.ops.qmt_broker import qmt_terms
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.install import install, serve, withdraw
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal
from bullet_trade.testing.fake_qmt.world import ACCOUNT_ID
from bullet_trade.testing.recorder import Recorder

TEN_O_CLOCK = 1748916000.0  # 2025-06-03 10:00 in China
BANK = Code("600000.XSHG")


def settings(tmp_path: Path, **changed) -> Settings:
    usual = {"qmt_data_path": tmp_path, "qmt_account_id": ACCOUNT_ID, "bullet_trade_home": tmp_path}
    return Settings.model_validate({**usual, **changed})


def request(tmp_path: Path, **changed) -> RunRequest:
    strategy = tmp_path / "my strategy.py"
    strategy.write_text("def initialize(context):\n    pass\n", encoding="utf-8")
    usual = {"strategy": strategy, "broker": "qmt", "replay": None, "speed": None, "data": "synthetic:1"}
    return RunRequest(**{**usual, "runtime_dir": tmp_path / "runtime", **changed})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"qmt_data_path": None}, "没有设置 QMT_DATA_PATH"),
        ({"qmt_data_path": "/no/such/directory"}, "不是存在的目录"),
        ({"qmt_account_id": ""}, "没有设置 QMT_ACCOUNT_ID"),
        ({"qmt_account_type": "future"}, "QMT_ACCOUNT_TYPE='future' 不受支持"),
        ({"qmt_account_type": "credit"}, "只交易股票普通账户"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(tmp_path, changed, words):
    with pytest.raises(UsageError, match=words):
        qmt_terms(settings(tmp_path, **changed), "demo")


def test_the_full_editions_directory_is_told_from_the_mini_one(tmp_path):
    for name in ("userdata", "userdata_mini"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="userdata_mini"):
        qmt_terms(settings(tmp_path, qmt_data_path=tmp_path / "userdata"), "demo")


def test_session_numbers_are_the_same_at_each_start_and_differ_between_strategies():
    """B06: numbers from the clock would leave a queue file of 70 MB each."""
    first, again = (first_session(None, ACCOUNT_ID, "bt:a:") for _ in range(2))
    other = first_session(None, ACCOUNT_ID, "bt:b:")
    assert first == again
    assert abs(first - other) >= POOL
    assert first_session(4711, ACCOUNT_ID, "bt:a:") == 4711


@pytest.mark.parametrize("changed", [{"replay": "auto"}, {"drill": "shuffled"}])
def test_a_terminal_takes_part_in_no_replay_and_no_drill(tmp_path, changed):
    with (
        pytest.raises(UsageError, match="不能用于回放和演练"),
        composed(request(tmp_path, **changed), settings(tmp_path), Recorder()),
    ):
        pass


@contextmanager
def terminal(directory: Path, clock: WallClock):
    install()
    made = FakeTerminal(directory, ACCOUNT_ID, Book(clock.now, {BANK: price("10")}, {BANK: 700}), clock.now)
    serve(made)
    yield made
    withdraw(made)
    made.close()


@needs_wheel
def test_the_account_at_the_terminal_is_taken_over(tmp_path):
    began = time.monotonic()
    clock = WallClock(civil=lambda: TEN_O_CLOCK + time.monotonic() - began)
    with (
        terminal(tmp_path, clock) as there,
        composed(request(tmp_path), settings(tmp_path), Recorder(), wall=clock) as run,
    ):
        run.session.connect()
        parts, engine = run.session.parts, run.session.engine
        assert parts.broker.label == "QMT（尾号 3456）"
        assert ACCOUNT_ID not in parts.broker.label
        assert engine.ledger.cash == there.book.account.cash
        assert {p.code: p.amount for p in engine.ledger} == {BANK: 700}
        parts.broker.close()
        parts.journal.close()
        assert there.clients == []
