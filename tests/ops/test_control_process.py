"""The operator's hand on a real process whose strategy does not come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from bullet_trade.engine.brake import BrakeMode
from bullet_trade.engine.events import OrderPlaced, OrderRefused
from bullet_trade.engine.inbox import Inbox, Message, StopRequested
from bullet_trade.ops.compose import compose
from bullet_trade.ops.control.brake_file import BRAKE_FILE
from bullet_trade.ops.control.client import ask
from bullet_trade.ops.control.messages import Reply
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings
from bullet_trade.store.journal import read_journal
from bullet_trade.testing.recorder import Recorder

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

STRATEGY = """from jqdata import *
import time
def initialize(context):
    run_daily(nap, '0:10')
def nap(context):
    order('600519.XSHG', 100, LimitOrderStyle(5.0))
    open('asleep', 'w').close()
    try:
        time.sleep(300)
    except KeyboardInterrupt:
        pass
    order('600519.XSHG', 200)
    order('600519.XSHG', 300)
    time.sleep(300)
"""
ARGUMENTS = ("live", "s.py", "--replay", "2025-12-01:2025-12-02", "--speed", "5000", "--quiet")
DIRECTORIES = ("--runtime-dir", "rt", "--log-dir", "lg")
START_S = 30.0


class Hanging:
    """An engine process whose strategy sleeps in a callback, with one order resting."""

    def __init__(self, folder: Path) -> None:
        (folder / "s.py").write_text(STRATEGY, encoding="utf-8")
        self.directory = folder / "rt" / "replays" / "s"
        self.logs = folder / "lg"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bullet_trade", *ARGUMENTS, *DIRECTORIES],
            cwd=folder,
            env={**os.environ, "EVENT_TIME_OUT": "0.3"},
            stdout=subprocess.DEVNULL,
        )
        self.until((folder / "asleep").exists)

    def until(self, true: Callable[[], bool], limit_s: float = START_S) -> None:
        """Wait for something to become true."""
        nap, deadline = Event(), time.monotonic() + limit_s
        while not true():
            assert self.process.poll() is None, "the engine has ended"
            assert time.monotonic() < deadline, "it did not happen"
            nap.wait(0.02)

    def logged(self) -> str:
        return "".join(file.read_text(encoding="utf-8") for file in self.logs.glob("*.log"))

    def records(self, kind: str) -> list[str]:
        return [row.body.decode() for row in read_journal(self.directory / "journal.db") if row.kind == kind]


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Hanging]:
    engine = Hanging(tmp_path)
    yield engine
    engine.process.kill()
    engine.process.wait()


@POSIX
def test_a_halt_acts_within_a_second_while_the_strategy_sleeps(hanging: Hanging) -> None:
    """V03, V02: and no order leaves after it; a second Ctrl+C breaks into the callback."""
    began = time.monotonic()
    reply = ask(hanging.directory, "halt", "test")
    assert time.monotonic() - began < 1.0
    assert (reply.ok, reply.code, reply.orders) == (True, "halted", (1,))
    status = ask(hanging.directory, "status")
    assert time.monotonic() - began < 1.0
    assert status.brake is not None
    assert status.running is not None
    assert (status.brake.mode, status.running.callback) == (BrakeMode.HALTED, "nap@0:10")
    assert status.status is not None
    assert [(line.number, line.open) for line in status.status.orders] == [(1, True)]

    hanging.until(lambda: "time.sleep(300)" in hanging.logged(), 5.0)  # the watchdog's alarm

    replies: list[Reply] = []
    cancelling = Thread(target=lambda: replies.append(ask(hanging.directory, "cancel-all")))
    cancelling.start()
    hanging.process.send_signal(signal.SIGINT)
    Event().wait(0.1)  # two signals that wait together are one
    hanging.process.send_signal(signal.SIGINT)
    hanging.until(lambda: hanging.logged().count("[halted]") == 2, 5.0)
    hanging.process.send_signal(signal.SIGINT)
    cancelling.join()
    assert hanging.process.wait(10) == 0
    assert len(hanging.records("intent")) == 1
    assert [body.count('"halted"') for body in hanging.records("refused")] == [1, 1]
    assert [body.split('"')[3] for body in hanging.records("operator")] == ["halt", "cancel-all"]
    assert len(hanging.records("callback_failed")) == 1
    assert len(hanging.records("callback_overdue")) >= 1
    assert [(one.ok, one.orders) for one in replies] == [(True, (1,))]


class ShortClock:
    """A wall clock in the session that asks to stop when the engine has nothing to do."""

    virtual = False

    def now(self) -> datetime:
        return datetime(2025, 12, 2, 10, 0)

    def monotonic(self) -> float:
        return 0.0

    def take_step(self) -> float:
        return 0.0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        message = inbox.get()
        return message or (None if until is not None and until <= self.now() else StopRequested("test"))


def test_a_halt_survives_a_kill_and_holds_after_the_restart(hanging: Hanging, tmp_path: Path) -> None:
    assert ask(hanging.directory, "halt").ok
    hanging.process.kill()  # not an instruction more
    hanging.process.wait()
    live = tmp_path / "live"
    live.mkdir()
    (live / BRAKE_FILE).write_bytes((hanging.directory / BRAKE_FILE).read_bytes())
    strategy = tmp_path / "again.py"
    strategy.write_text(
        "from jqdata import *\ndef initialize(context):\n    order('600519.XSHG', 100, wait_timeout=0)\n",
        encoding="utf-8",
    )
    request = RunRequest(strategy, "simulator", None, None, "synthetic", live)
    told = Recorder()
    settings = load_settings(None).model_copy(update={"simulator_report_delay": 0.0})
    run = compose(request, settings, told, ShortClock())
    try:
        run.session.run()
    finally:
        run.held.release()
    assert run.session.parts.brake.halted
    assert ([event.rule for event in told.of(OrderRefused)], told.of(OrderPlaced)) == (["halted"], [])
