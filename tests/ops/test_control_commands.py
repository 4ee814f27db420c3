"""What the control thread does by itself, and what it says when the engine does not come to it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bullet_trade.engine.brake import BrakeMode
from bullet_trade.engine.commands import OperatorCommand, Who
from bullet_trade.engine.host import Running
from bullet_trade.ops.control.commands import Commands
from bullet_trade.ops.control.messages import VERSION, Reply, Request
from bullet_trade.ops.status import About, StatusDesk, StatusView
from bullet_trade.ops.status_text import status_page
from bullet_trade.ops.strategy_file import FileWatch, unsupported
from bullet_trade.ops.watchdog import Watchdog
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

DAY = date(2025, 6, 3)
CODE = "600000.XSHG"
LI = Who("li", 4711, "")
NOW = datetime(2025, 6, 3, 10)
SOURCE = (
    "from jqdata import *\ndef initialize(context):\n    run_daily(buy, '10:00')\n    run_daily(late, '14:50')\n"
    "def buy(context): order('600000.XSHG', 100, LimitOrderStyle(9.5), wait_timeout=0)\n"
    "def late(context): pass\n"
)
ABOUT = About(1, "s.py", "脚本券商", "实时", "/rt")


class Standing:
    """The control thread's side of an engine that stands in a callback, with one order at the broker."""

    def __init__(self) -> None:
        self.broker = ScriptedBroker(holdings={CODE: 300}, cost=9.0)
        self.broker.usual = (accepted(),)
        self.status = StatusDesk(lambda: 5.0)
        sessions: list[Session] = []
        market = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)

        class Told(Recorder):
            tell = self.status.tell

        def prepare(session: Session) -> None:
            sessions.append(session)
            self.status.attach(session.engine, ABOUT, 60.0)

        def freeze(session: Session) -> None:
            prepare(session)
            at = datetime(2025, 6, 3, 10, 1)
            session.parts.timers.add(at, Rank.HOUSEKEEPING, lambda: session.engine.stop("到此为止"))

        run_days(SOURCE, market, DAY, DAY, broker=self.broker.on, prepare=freeze, recorder=Told())
        self.parts = sessions[0].parts
        host = sessions[0].engine.host
        host.running = Running(99, "nap@10:01")
        watchdog = Watchdog(host, self.parts.inbox, Recorder(), 60.0, lambda: NOW, lambda: 17.0)
        watchdog.look()
        self.commands = Commands(self.parts, self.status, watchdog, lambda: NOW, lambda: 17.0, answer_s=0.01)

    def ask(self, name: str, **more: object) -> Reply:
        request = Request(VERSION, "", name, LI, **more)  # type: ignore[arg-type]
        return asyncio.run(self.commands.handle(request))

    def waiting(self) -> list[OperatorCommand]:
        found = []
        while (message := self.parts.inbox.get()) is not None:
            assert isinstance(message, OperatorCommand)
            found.append(message)
        return found


@pytest.fixture
def standing() -> Standing:
    return Standing()


def test_status_answers_with_the_last_view_and_says_how_old_it_is(standing: Standing) -> None:
    reply = standing.ask("status")
    view = reply.status
    assert isinstance(view, StatusView)
    assert (reply.age_s, view.session, view.link, view.value) == (12.0, DAY, "up", 1_003_000.0)
    assert [(line.code, line.amount, line.value) for line in view.positions] == [(CODE, 300, 3000.0)]
    assert [(line.number, line.open, line.limit) for line in view.orders] == [(1, True, 9.5)]
    assert [task.label for task in view.tasks] == ["late@14:50"]
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(status_page(reply))
    shown = console.export_text()
    assert "策略函数 nap@10:01 已运行 0 秒" in shown
    assert "12 秒前的状态" in shown


def test_a_halt_is_set_at_once_and_reaches_the_engine_for_the_journal(standing: Standing) -> None:
    reply = standing.ask("halt", why="异常")
    assert (reply.ok, reply.orders) == (True, (1,))
    assert standing.parts.brake.state.mode is BrakeMode.HALTED
    assert [(one.name, one.why) for one in standing.waiting()] == [("halt", "异常")]


def test_cancels_go_to_the_broker_at_once_from_this_thread(standing: Standing) -> None:
    reply = standing.ask("cancel-all", everything=True)
    tags = [ticket.tag for ticket in standing.broker.submitted]
    assert standing.broker.cancels == tags
    assert [one.tags for one in standing.waiting()] == [tuple(tags)]
    assert (reply.ok, reply.orders) == (True, (1,))
    assert "nap@10:01" in reply.text
    assert "券商接口没有撤销途径" in reply.text


def test_a_broker_that_fails_leaves_the_cancel_to_the_engine(standing: Standing) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("no line")

    standing.broker.cancel = broken  # type: ignore[method-assign]
    reply = standing.ask("cancel-all")
    assert "#1 RuntimeError: no line" in reply.text
    assert [one.tags for one in standing.waiting()] == [()]


@pytest.mark.parametrize(
    ("name", "code", "carried_out_later"),
    [
        ("pause", "queued", True),
        ("resume", "queued", True),
        ("reload", "queued", True),
        ("stop", "queued", True),
        ("flatten", "withdrawn", False),
        ("flatten-plan", "withdrawn", False),
    ],
)
def test_what_becomes_of_a_command_that_the_engine_does_not_come_to(
    name: str, code: str, carried_out_later: bool, standing: Standing
) -> None:
    reply = standing.ask(name)
    assert reply.code == code
    assert "nap@10:01" in reply.text
    (command,) = standing.waiting()
    assert command.claim() is carried_out_later


class ByHand:
    """Calls later what it is given, when told to."""

    def __init__(self) -> None:
        self._action: Callable[[], None] = lambda: None

    def later(self, action: Callable[[], None]) -> None:
        self._action = action

    def fire(self) -> None:
        self._action()


class TestStrategyFile:
    def test_a_change_is_reported_once_and_only_when_it_has_settled(self, tmp_path: Path) -> None:
        file, timers, changes = tmp_path / "s.py", ByHand(), []
        file.write_text("x = 1\n", encoding="utf-8")
        FileWatch(file, timers.later, lambda: changes.append(1))
        timers.fire()
        file.write_text("x = 12\n", encoding="utf-8")
        timers.fire()
        file.write_text("x = 123\n", encoding="utf-8")
        timers.fire()
        assert changes == []
        for _ in range(3):
            timers.fire()
        assert changes == [1]

    def test_a_file_that_is_gone_for_a_moment_is_no_change(self, tmp_path: Path) -> None:
        file, timers, changes = tmp_path / "s.py", ByHand(), []
        file.write_text("x = 1\n", encoding="utf-8")
        FileWatch(file, timers.later, lambda: changes.append(1))
        away = file.rename(tmp_path / "t.py")
        timers.fire()
        timers.fire()
        away.rename(file)
        timers.fire()
        timers.fire()
        assert changes == []

    def test_the_check_names_what_cannot_work(self, tmp_path: Path) -> None:
        file = tmp_path / "s.py"
        file.write_text("import os\nimport no_such_module_anywhere\ndef initialize(context): pass\n", encoding="utf-8")
        assert unsupported(file) == ["第 2 行的模块 no_such_module_anywhere 没有安装"]
