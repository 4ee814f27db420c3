"""An engine that is killed at its own writes and calls again and again, over a terminal that goes on: at the end of the
day nothing is doubled, lost or unknown, and money and shares are the terminal's."""

from __future__ import annotations

from collections import Counter as Count
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import pytest
from station import needs_wheel

from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.errors import StateError
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.reports import NoAnswer
from bullet_trade.domain.securities import Code
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.testing.counter import Booked, Counter, Status
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.install import install, serve, withdraw
from bullet_trade.testing.fake_qmt.stepping import SteppedQmt
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal
from bullet_trade.testing.fake_qmt.world import ACCOUNT_ID, terms_for
from bullet_trade.testing.faults import Fuse
from bullet_trade.testing.lives import Life, World
from bullet_trade.testing.oracle import Oracle
from bullet_trade.testing.simulation import view

pytestmark = needs_wheel
DAY = date(2025, 6, 3)
CODES = (Code("600000.XSHG"), Code("600028.XSHG"))
SECOND = timedelta(seconds=1)
KILLS = 32
WHERE = ("before submit", "", "after submit", "before report", "", "before cancel", "after barrier", "after cancel")
"""At which points lives end, in turn; '' is any."""

STRATEGY = """
from jqdata import *

def initialize(context):
    minutes = [*range(571, 690, 3), *range(781, 885, 3)]
    for place, minute in enumerate(minutes):
        run_daily(WHAT[place % len(WHAT)], f'{minute // 60:02d}:{minute % 60:02d}')
    run_daily(cancel, '14:48')

def buy(context):
    order('600000.XSHG', 500)

def rest_to_buy(context):
    order('600028.XSHG', 300, LimitOrderStyle(9.9), wait_timeout=0)

def sell(context):
    order('600000.XSHG', -200)

def rest_to_sell(context):
    order('600028.XSHG', -400, LimitOrderStyle(10.1), wait_timeout=0)

def cancel(context):
    for one in get_open_orders().values():
        cancel_order(one)

WHAT = [buy, rest_to_buy, sell, rest_to_sell, buy, cancel]
"""


class Trap(Fuse):
    """Kills at the first point of this name, '' for any, once `after` points are passed."""

    def __init__(self, name: str, after: int) -> None:
        super().__init__()
        self.name, self.after = name, after

    def point(self, name: str) -> None:
        super().point(name)
        if len(self.points) > self.after and self.name in ("", name):
            self.blow(name)


class Watched(SteppedQmt):
    """The adapter, at whose door the judge stands."""

    def __init__(self, oracle: Oracle, *arguments) -> None:
        super().__init__(*arguments)
        self.oracle = oracle

    def submit(self, ticket) -> None:
        self.oracle.sent(ticket)
        super().submit(ticket)


class Hasty(Watched):
    """A planted defect: what is not answered in time is sent again."""

    def submit(self, ticket) -> None:
        self.last = ticket
        super().submit(ticket)

    def _tell(self, report) -> None:
        if isinstance(report, NoAnswer) and report.tag == self.last.tag:
            SteppedQmt.submit(self, self.last)
        super()._tell(report)


class CrashDay:
    """One day: the terminal and its book, the engine's directory, and the engine's lives."""

    def __init__(self, directory: Path, seed: int, adapter: type[Watched] = Watched) -> None:
        install()
        self.draw, self.adapter = Random(seed), adapter
        self.data_path, runtime = directory / "userdata_mini", directory / "runtime"
        self.data_path.mkdir()
        runtime.mkdir()
        market = FakeMarket()
        for code in CODES:
            market.add(code, {DAY: 10.0}, prev_close=10.0)
        self.moment = lambda: datetime.combine(DAY, time(9))
        self.book = Book(
            self.now, dict.fromkeys(CODES, price("10")), dict.fromkeys(CODES, 20_000), commission=money("1.5")
        )
        self.terminal = FakeTerminal(self.data_path, ACCOUNT_ID, self.book, self.now, seed)
        self.terminal.behaviour = Behaviour(push_day_again=True, push_delay_s=0.3, pushes_first=bool(seed % 2))
        serve(self.terminal)
        self.world = World(runtime, STRATEGY, market, self, DAY, DAY)
        self.mirror = Counter(self.now(), lambda _: ())
        self.oracle = Oracle(self.mirror, self.world.journal)
        self.killed: list[str] = []
        self.filled_while_dead = 0

    def now(self) -> datetime:
        return self.moment()

    def on(self, timers) -> Watched:
        """A new adapter for a new life."""
        self.moment = timers.now
        terms = replace(terms_for(self.data_path, "bt:strategy_und:"), beat_s=900.0, poll_s=300.0)  # fewer idle steps
        self.qmt = self.adapter(self.oracle, terms, load_wheel(), self.terminal, timers)
        return self.qmt

    def play(self, kills: int, until: time = time(15, 31)) -> Life:
        """The day with so many kills."""
        start = self.now()
        for place in range(kills):
            try:
                fuse = Trap(WHERE[place % len(WHERE)], self.draw.randrange(55))
                self.killed.append(self.world.live(start, fuse, prepare=self.stage).killed)
            except StateError:  # cut off before anything was saved, which only the operator can judge: --fresh
                journal = SqliteJournal(self.world.journal)
                journal.append(start, "fresh", {"archived": ""})
                journal.close()
            self.qmt.die()
            start = self.world.ended + self.draw.randrange(1, 8) * SECOND
            self.moment = partial(_same, start - SECOND / 2)
            if self.draw.random() < 0.6:
                self.filled_while_dead += self.terminal.do(self.fill_some)
        return self.world.live(start, prepare=partial(self.stage, until=until))

    def stage(self, session, until: time = time.max) -> None:
        """What the exchange does meanwhile: some shares of what rests trade, and before the close all is cancelled."""
        timers, inbox = session.parts.timers, session.parts.inbox
        stop = datetime.combine(DAY, until)
        timers.add(stop, Rank.HOUSEKEEPING, partial(inbox.put, StopRequested("测试到此为止")))
        first = datetime.combine(DAY, time(9, 40))
        for place in count():
            at = first + place * timedelta(minutes=5)
            if at.time() > time(14, 45):
                break
            if at > self.now():
                timers.add(at, Rank.MARKET, partial(self.act, self.fill_some))
        timers.add(datetime.combine(DAY, time(14, 56)), Rank.MARKET, partial(self.act, self.end_all))

    def act(self, action) -> None:
        self.terminal.do(action)
        self.qmt.settle()

    def fill_some(self) -> int:
        """On the terminal's thread; the number of fills."""
        resting = [order for order in self.book.orders if order.alive][:1]
        for order in resting:
            self.book.fill(order, min(100, order.rest), order.ticket.limit_price)
        return len(resting)

    def end_all(self) -> None:
        """On the terminal's thread."""
        for order in self.book.orders:
            if order.alive:
                self.book.cancelled(order)

    def findings(self, life: Life) -> list[str]:
        """What the judge says, who knows the terminal's book and the engine's journal and face."""
        theirs, mirror, seen = self.book.snapshot(), self.mirror, view(life.session)
        mirror.now = datetime.combine(DAY, time(15, 30))
        mirror.orders = [
            Booked(
                int(o.broker_id),
                o.ticket.tag,
                o.ticket.code,
                o.ticket.side,
                o.ticket.amount,
                o.ticket.limit_price,
                o.since,
                Status(int(o.status)),
                o.filled,
            )
            for o in self.book.orders
        ]
        self.oracle.look(seen)
        found = self.oracle.quiet()
        cash = theirs.available + theirs.frozen
        if seen.cash != cash:
            found.append(f"cash is {seen.cash} here and {cash} at the terminal")
        shares = {str(row.code): row.amount for row in theirs.holdings}
        if {code: held for code, (held, _) in seen.holdings.items()} != shares:
            found.append(f"shares are {seen.holdings} here and {shares} at the terminal")
        states = {o.ticket.tag: (not o.alive, o.filled) for o in self.book.orders}
        never_left = (True, 0)
        found += [
            f"{tag} is {ours} here and {states.get(tag)} at the terminal"
            for tag, ours in seen.orders.items()
            if ours != states.get(tag, never_left)
        ]
        found += [
            f"{one.tag} is of unknown fate"
            for one in life.session.engine.book.orders.values()
            if one.state is OrderState.UNKNOWN
        ]
        ours = Count(t.trade_id for t in life.session.engine.book.trades)
        if ours != Count(t.trade_id for t in self.book.account.trades):
            found.append("the trades here are not those at the terminal")
        return [*found, *self.terminal.errors]

    def close(self) -> None:
        self.oracle.close()
        withdraw(self.terminal)
        self.terminal.close()


def _same(moment: datetime) -> datetime:
    return moment


@pytest.fixture
def crash_day(tmp_path):
    made: list[CrashDay] = []

    def make(seed: int, adapter: type[Watched] = Watched) -> CrashDay:
        made.append(CrashDay(tmp_path, seed, adapter))
        return made[-1]

    yield make
    for day in made:
        day.close()


def test_a_day_of_kills_ends_with_the_terminals_own_orders_fills_and_money(crash_day):
    day = crash_day(1)
    life = day.play(KILLS)
    assert day.findings(life) == []
    assert len(day.killed) == KILLS
    assert set(WHERE) - {""} <= set(day.killed)
    assert min(len(day.book.orders), len(day.book.account.trades), day.filled_while_dead) > 5


def test_the_judge_reports_orders_that_are_sent_again_for_want_of_an_answer(crash_day):
    day = crash_day(1, Hasty)
    day.terminal.behaviour.mute_requests = {"orderStock"}
    day.terminal.behaviour.push_delay_s = 20.0
    found = day.findings(day.play(kills=1, until=time(9, 45)))
    assert any(text.startswith("I1 2 orders at the broker") for text in found)
