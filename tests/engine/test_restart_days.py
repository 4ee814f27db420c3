"""The engine dies at every point of a trading day, one after the other, and is started again: nothing is lost, nothing
is doubled."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

import pytest

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.orders import OrderState, OrderType
from bullet_trade.engine.events import AccountDiffers, Reconciled, TaskMissed
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Accept, Counter, Fill, Step
from bullet_trade.testing.counter_link import CounterLink, Weather
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.faults import Fuse
from bullet_trade.testing.lives import Life, World
from bullet_trade.testing.oracle import Oracle

DAY = date(2025, 6, 3)
A, B, C = "600000.XSHG", "000001.XSHE", "510300.XSHG"
DOWN = timedelta(seconds=40)

COMMON = (
    "from jqdata import *\n"
    "def before_trading_start(context): g.mornings = g.mornings + 1\n"
    "def after_trading_end(context): g.evenings = g.evenings + 1\n"
)
ROTATION = COMMON + (
    "def initialize(context):\n"
    "    g.mornings = g.evenings = 0; g.done = []\n"
    "    run_daily(sell, '10:00'); run_daily(buy, '10:05'); run_daily(late, '14:00')\n"
    "def sell(context):\n    order_target('600000.XSHG', 0); g.done.append('sell')\n"
    "def buy(context):\n    order_value('000001.XSHE', 30000); g.done.append('buy')\n"
    "def late(context):\n    order('510300.XSHG', 1000); g.done.append('late')\n"
)
GRID = COMMON + (
    "def initialize(context):\n"
    "    g.mornings = g.evenings = 0\n    run_daily(place, '9:35'); run_daily(again, '11:00')\n"
    "def place(context):\n"
    "    for step in (1, 2):\n"
    "        order('510300.XSHG', 1000, LimitOrderStyle(4.0 - 0.01 * step), wait_timeout=0)\n"
    "        order('510300.XSHG', -1000, LimitOrderStyle(4.0 + 0.01 * step), wait_timeout=0)\n"
    "def again(context):\n"
    "    for one in get_open_orders().values():\n        cancel_order(one)\n"
    "    order('510300.XSHG', 1000, LimitOrderStyle(3.95), wait_timeout=0)\n"
)
CROSS = COMMON + (
    "def initialize(context): g.mornings = g.evenings = 0; g.minutes = 0\n"
    "def handle_data(context, data):\n"
    "    g.minutes += 1\n"
    "    now = context.current_dt.strftime('%H:%M')\n"
    "    if now == '10:30': order('600000.XSHG', 500)\n"
    "    if now == '13:30': order('600000.XSHG', -500)\n"
)
STRATEGIES = {"rotation": ROTATION, "grid": GRID, "minute cross": CROSS}


def course(ticket: OrderTicket) -> Sequence[Step]:
    """A market order trades in two pieces; a limit order trades half in half an hour and the rest much later."""
    if ticket.order_type is OrderType.MARKET:
        return (Accept(0.2), Fill(0.8, 0.4), Fill(1.6, 1.0))
    return (Accept(0.2), Fill(1800.0, 0.5), Fill(9000.0, 1.0))


class Staged:
    """One world on one directory, with its judge, and what was saved of `g`."""

    def __init__(self, directory: Path, source: str) -> None:
        start = datetime.combine(DAY, time(9, 10))
        self.counter = Counter(start, course, 200_000.0, {A: 1000, C: 20_000})
        link = CounterLink(self.counter, Random(1))
        market = FakeMarket()
        for code, price in ((A, 10.0), (B, 12.0), (C, 4.0)):
            market.add(code, {DAY: price}, prev_close=price)
        self.world = World(directory, source, market, link, DAY, DAY, autosave_s=3600.0)
        self.oracle = Oracle(self.counter, self.world.journal)
        link.sent = self.oracle.sent
        self.start = start
        self.saved: list[str] = ["{}"]
        self.loaded: list[str] = []

    def live(self, start: datetime, fuse: Fuse | None = None, kill_at: datetime | None = None) -> Life:
        return self.world.live(start, fuse, kill_at, self._watch)

    def _watch(self, session: Session) -> None:
        save = session.engine.saver

        def saver() -> tuple[str, ...]:
            self.saved.append(shown(session))
            return save()

        session.engine.saver = saver
        recover = session.engine.link.connect

        def connect() -> None:
            if not self.loaded:
                self.loaded.append(shown(session))
            recover()

        session.engine.link.connect = connect  # type: ignore[method-assign]

    def give_up_state(self, now: datetime) -> None:
        """The operator's answer to a start that was refused because nothing had been saved yet: --fresh."""
        journal = SqliteJournal(self.world.journal)
        journal.append(now, "fresh", {"archived": ""})
        journal.close()

    def callbacks(self, name: str) -> int:
        reader = sqlite3.connect(self.world.journal)
        rows = [json.loads(body) for (body,) in reader.execute("SELECT body FROM record WHERE kind = 'callback'")]
        reader.close()
        return sum(body["name"] == name for body in rows)


def shown(session: Session) -> str:
    return repr(sorted((name, repr(value)) for name, value in vars(session.g).items()))


def die_and_return(directory: Path, source: str, fuse: Fuse | None, kill_at: datetime | None = None) -> list[str]:
    """One day with one death; what is wrong with it."""
    staged = Staged(directory, source)
    first = staged.live(staged.start, fuse, kill_at)
    if not first.killed:
        return [*staged.oracle.quiet(), "the engine did not die"]
    committed = list(staged.saved)
    staged.loaded.clear()
    restart = first.ended + DOWN
    try:
        second = staged.live(restart)
    except StateError:
        if len(committed) > 2:  # something had been saved
            raise
        staged.give_up_state(restart)
        committed.append("[]")
        second = staged.live(restart)
    wrong = staged.oracle.quiet()
    staged.oracle.close()
    if staged.loaded and staged.loaded[0] not in committed and "mornings" in staged.loaded[0] and len(committed) > 2:
        wrong.append(f"g is of no committed generation: {staged.loaded[0]}")
    if staged.callbacks("before_trading_start") != 1:
        wrong.append(f"before_trading_start ran {staged.callbacks('before_trading_start')} times")
    ledger, counter = second.session.engine.ledger, staged.counter
    if ledger.cash != counter.cash:
        wrong.append(f"cash {ledger.cash} here, {counter.cash} there")
    theirs = {code: amount for code, amount in counter.holdings.items() if amount}
    if {p.code: p.amount for p in ledger if p.amount} != theirs:
        wrong.append(f"shares {[(p.code, p.amount) for p in ledger]} here, {theirs} there")
    return wrong


def points(directory: Path, source: str) -> list[str]:
    """The points of a whole day at which the process could die."""
    fuse = Fuse()
    Staged(directory, source).live(datetime.combine(DAY, time(9, 10)), fuse)
    return fuse.points


PARTS = 4
"""Each day's points are dealt out to so many tests, which may run side by side."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", STRATEGIES)
def test_killed_at_every_point_of_a_day(name: str, part: int, tmp_path: Path) -> None:
    source = STRATEGIES[name]
    (tmp_path / "whole").mkdir()
    every = points(tmp_path / "whole", source)
    wrong: dict[str, list[str]] = {}
    for number, point in list(enumerate(every, 1))[part::PARTS]:
        directory = tmp_path / str(number)
        directory.mkdir()
        if found := die_and_return(directory, source, Fuse(number)):
            wrong[f"{number} {point}"] = found
    assert wrong == {}
    assert len(every) > 150


@pytest.mark.parametrize("name", STRATEGIES)
def test_killed_at_any_instant(name: str, tmp_path: Path) -> None:
    draw = Random(name)
    wrong: dict[str, list[str]] = {}
    for number in range(12):
        directory = tmp_path / str(number)
        directory.mkdir()
        instant = datetime.combine(DAY, time(9, 15, 1)) + timedelta(seconds=draw.uniform(0, 5.7 * 3600))
        if found := die_and_return(directory, STRATEGIES[name], None, instant):
            wrong[str(instant)] = found
    assert wrong == {}


def test_what_was_due_while_the_process_was_down_is_told_and_not_run(tmp_path: Path) -> None:
    staged = Staged(tmp_path, ROTATION)
    staged.live(staged.start, kill_at=datetime.combine(DAY, time(10, 2)))
    second = staged.live(datetime.combine(DAY, time(14, 30)))
    assert [(missed.task, f"{missed.due:%H:%M}") for missed in second.recorder.of(TaskMissed)] == [
        ("buy@10:05", "10:05"),
        ("late@14:00", "14:00"),
    ]
    assert len(staged.counter.orders) == 1


@pytest.mark.parametrize("when", ["15:02", "15:20"])
def test_a_restart_after_the_close_takes_none_of_the_days_orders_for_lost(when: str, tmp_path: Path) -> None:
    staged = Staged(tmp_path, ROTATION)
    staged.live(staged.start, kill_at=datetime.combine(DAY, time.fromisoformat(when)))
    second = staged.live(datetime.combine(DAY, time(15, 40)))
    assert second.recorder.of(Reconciled) == []
    assert second.recorder.of(AccountDiffers) == []
    assert len(second.session.engine.book.orders) == 3


def test_the_engine_restarts_many_times_a_day_and_no_tag_comes_twice(tmp_path: Path) -> None:
    staged = Staged(tmp_path, CROSS)
    now = staged.start
    for minute in range(6):
        now = staged.live(now, kill_at=now + timedelta(minutes=15 + minute)).ended
    staged.live(now)
    assert staged.oracle.quiet() == []
    staged.oracle.close()


# -- what the engine does not do yet -----------------------------------------------------------------------------------


def test_the_end_of_the_day_is_told_when_it_was_missed(tmp_path: Path) -> None:
    staged = Staged(tmp_path, ROTATION)
    staged.live(staged.start, kill_at=datetime.combine(DAY, time(14, 59)))
    second = staged.live(datetime.combine(DAY, time(15, 1)))
    assert "after_trading_end" in " ".join(missed.task for missed in second.recorder.of(TaskMissed))


def test_a_lost_report_is_made_good_at_the_next_statement_of_the_account(tmp_path: Path) -> None:
    staged = Staged(tmp_path, ROTATION)
    staged.world.link.weather = Weather(drop=1.0, answer_s=36_000.0)
    staged.world.link.pushes_again = False
    staged.live(staged.start)
    assert [word for word in staged.oracle.quiet() if word.startswith("I3")] == []
    staged.oracle.close()


def test_an_order_without_an_answer_is_asked_for(tmp_path: Path) -> None:
    staged = Staged(tmp_path, ROTATION)
    staged.world.link.weather = Weather(lose_request=1.0)
    seen: list[OrderState] = []

    def prepare(session: Session) -> None:
        def look() -> None:
            seen.extend(order.state for order in session.engine.book.orders.values())

        session.parts.timers.add(datetime.combine(DAY, time(10, 2)), Rank.MARKET, look)

    staged.world.live(staged.start, prepare=prepare)
    assert seen == [OrderState.NOT_SENT]


def test_an_order_that_a_power_failure_took_from_the_journal_is_adopted_once(tmp_path: Path) -> None:
    staged = Staged(tmp_path, GRID)
    died = staged.live(staged.start, kill_at=datetime.combine(DAY, time(9, 36)))
    journal = sqlite3.connect(staged.world.journal)
    with journal:
        (first,) = journal.execute("SELECT min(seq) FROM record WHERE kind = 'intent'").fetchone()
        journal.execute("DELETE FROM record WHERE seq >= ?", (first,))
    journal.close()
    second = staged.live(died.ended + DOWN, kill_at=datetime.combine(DAY, time(10, 30)))
    assert len([f for told in second.recorder.of(Reconciled) for f in told.findings if f.kind == "adopted"]) == 4
    third = staged.live(datetime.combine(DAY, time(10, 31)))
    assert [f for told in third.recorder.of(Reconciled) for f in told.findings if f.kind == "adopted"] == []
    assert third.recorder.of(AccountDiffers) == []
