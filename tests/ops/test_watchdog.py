"""The watchdog: what it says of a callback that takes too long, and what it does to waiting ticks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from bullet_trade.domain.securities import Code
from bullet_trade.engine.commands import OverdueEnded, OverdueSeen
from bullet_trade.engine.events import CallbackOverdue, CallbackReturned
from bullet_trade.engine.host import StrategyHost
from bullet_trade.engine.inbox import Inbox, Message
from bullet_trade.ops.narration import narrate
from bullet_trade.ops.watchdog import Watchdog, stack_of
from bullet_trade.ports.quotes import Tick
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

DAY = date(2025, 6, 3)
NOW = datetime(2025, 6, 3, 10)


class NoJournal:
    def append(self, at: datetime, kind: str, body: object) -> int:
        return 0

    def barrier(self) -> None:
        pass


class Bench:
    """A watchdog whose time is set by hand. `look` is called from inside a callback, as from another thread."""

    def __init__(self, folder: Path) -> None:
        self.seconds = 0.0
        self.told = Recorder()
        self.inbox = Inbox()
        self.host = StrategyHost(folder / "s.py", {}, self.told, NoJournal())
        self.dog = Watchdog(self.host, self.inbox, self.told, 60.0, lambda: NOW, lambda: self.seconds)

    def during(self, *at_seconds: float, name: str = "rebalance", then: Callable[[], None] = lambda: None) -> None:
        """Run a callback and look at these seconds of it."""

        def callback() -> None:
            start = self.seconds
            for second in at_seconds:
                self.seconds = start + second
                self.dog.look()
            then()

        self.host.call(name, callback, (), NOW, NOW)
        self.dog.look()

    def messages(self) -> list[Message]:
        found = []
        while (message := self.inbox.get()) is not None:
            found.append(message)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def tick(code: str, last: float) -> Tick:
    return Tick(code=Code(code), datetime=NOW, current=last)


def test_the_alarm_is_raised_at_the_limit_and_at_doubling_intervals(bench: Bench) -> None:
    bench.during(0, 30, 59.9, 60, 90, 119, 120, 200, 240.5)
    assert [round(event.seconds) for event in bench.told.of(CallbackOverdue)] == [60, 120, 240]
    messages = bench.messages()
    assert [type(message) for message in messages] == [OverdueSeen] * 3 + [OverdueEnded]
    assert messages[-1] == OverdueEnded("rebalance", 240.5, 0)


def test_short_callbacks_in_a_row_are_no_long_one(bench: Bench) -> None:
    for _ in range(5):
        bench.during(0, 40)
    assert (bench.told.events, bench.messages()) == ([], [])


def test_what_runs_and_for_how_long_can_be_asked_from_any_thread(bench: Bench) -> None:
    asked: list[tuple[str, float] | None] = []
    bench.during(0, 12, name="nap@10:00", then=lambda: asked.append(bench.dog.running()))
    assert asked == [("nap@10:00", 12.0)]
    assert bench.dog.running() is None


def test_ticks_are_conflated_while_a_callback_is_overdue_and_the_lost_ones_counted(bench: Bench) -> None:
    def put() -> None:
        for last in (1.0, 2.0, 3.0):
            bench.inbox.put_tick(tick("600000.XSHG", last))
            bench.inbox.put_tick(tick("600001.XSHG", last))

    bench.during(0, 10, then=put)  # busy, not overdue: all of them wait
    assert [bench.inbox.take_tick() for _ in range(7)].count(None) == 1
    bench.messages()
    bench.during(0, 61, then=put)
    assert bench.messages()[-1] == OverdueEnded("rebalance", 61.0, 4)
    lasts = [found.current for _ in range(2) if (found := bench.inbox.take_tick()) is not None]
    assert lasts == [3.0, 3.0]
    assert bench.inbox.take_tick() is None


def test_the_stack_shows_the_lines_of_the_strategy_first(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def outer(act):\n    return inner(act)\ndef inner(act):\n    return act()\n", encoding="utf-8")
    names: dict[str, Callable[[Callable[[], object]], tuple[str, str]]] = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
    where, stack = names["outer"](lambda: stack_of(sys._getframe(), file))
    assert where == "mine.py:4"
    own, _, whole = stack.partition("完整堆栈")
    assert own.count("mine.py") == 2
    assert "test_watchdog.py" in whole


def test_the_engine_journals_an_alarm_and_tells_the_end_of_it() -> None:
    market = FakeMarket().add("600000.XSHG", {DAY: 10.0}, prev_close=10.0)

    def prepare(session: Session) -> None:
        session.parts.inbox.put(OverdueSeen("rebalance", 60.2, "s.py:7"))
        session.parts.inbox.put(OverdueEnded("rebalance", 75.0, 12))

    days = run_days("def initialize(context): pass\n", market, DAY, DAY, prepare=prepare)
    assert [row.kind for row in days.rows if row.kind in ("callback_overdue", "callback_returned")] == [
        "callback_overdue",
        "callback_returned",
    ]
    (returned,) = days.recorder.of(CallbackReturned)
    line = narrate(returned)
    assert line is not None
    assert line.text == "策略函数 rebalance 已返回，共 75 秒；期间有 12 条行情被更新的代替"
