"""A whole trading day of the program's own engine over the stand-in terminal, with everything that went wrong on real
ones: at the end the ledger is the terminal's account, and nothing is doubled or lost."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time
from pathlib import Path

import pytest
from station import needs_wheel

from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import OrderState, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import AccountDiffers, LinkChanged, OrderPlaced
from bullet_trade.ports.clock import Rank
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.install import install, serve, withdraw
from bullet_trade.testing.fake_qmt.stepping import SteppedQmt
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal
from bullet_trade.testing.fake_qmt.world import ACCOUNT_ID, terms_for

pytestmark = needs_wheel
DAY = date(2025, 6, 3)
BANK, OIL, GHOST = Code("600000.XSHG"), Code("600028.XSHG"), Code("600030.XSHG")

STRATEGY = """
from jqdata import *

def initialize(context):
    g.seen = []
    for when, what in PLAN:
        run_daily(what, when)

def fill_at_once(context):
    order('600000.XSHG', 1000)

def rejected(context):
    order('600030.XSHG', 100)

def part_filled(context):
    order('600028.XSHG', 1000, LimitOrderStyle(10.0), wait_timeout=0)

def cancel_rest(context):
    for one in get_open_orders().values():
        cancel_order(one)

def resting(context):
    order('600028.XSHG', 500, LimitOrderStyle(9.9), wait_timeout=0)

def into_silence(context):
    order('600000.XSHG', 200, wait_timeout=60)

def sell_old_shares(context):
    order('600000.XSHG', -1500)

def look(context):
    g.seen = [(t.order_id, t.trade_id, t.amount) for t in get_trades().values()]

PLAN = [('09:31', fill_at_once), ('10:00', rejected), ('10:30', part_filled), ('10:45', cancel_rest),
        ('11:10', resting), ('13:30', into_silence), ('14:30', sell_old_shares), ('14:50', look)]
"""


class Day:
    """The day, and the terminal beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        install()

    def broker(self, timers):
        holdings = {BANK: 2000, OIL: 3000}
        prices = {BANK: price("10"), OIL: price("10")}
        self.book = Book(timers.now, prices, holdings, commission=money("1.5"))
        self.terminal = FakeTerminal(self.directory, ACCOUNT_ID, self.book, timers.now)
        self.terminal.behaviour = Behaviour(push_day_again=True)
        serve(self.terminal)
        terms = terms_for(self.directory, "bt:strategy_und:")
        self.qmt = SteppedQmt(terms, load_wheel(), self.terminal, timers)
        return self.qmt

    def stage(self, session) -> None:
        """What happens at the terminal meanwhile."""

        def at(hour: int, minute: int, action, second: int = 0) -> None:
            def act() -> None:
                action()
                self.qmt.settle()

            session.parts.timers.add(datetime.combine(DAY, time(hour, minute, second)), Rank.MARKET, act)

        terminal, behaviour = self.terminal, self.terminal.behaviour
        at(10, 29, lambda: setattr(self.book.market[OIL], "depth", 400))
        at(11, 0, lambda: terminal.enter_by_hand(OIL, Side.SELL, 700, 10.0))
        at(13, 5, terminal.shut_down)
        at(13, 7, terminal.fill_everything)
        at(13, 10, terminal.start_again)
        at(13, 29, lambda: setattr(behaviour, "mute", True), 59)
        at(13, 40, lambda: setattr(behaviour, "mute", False))
        at(14, 0, lambda: terminal.do(terminal.push_day_again))

    def close(self) -> None:
        withdraw(self.terminal)
        self.terminal.close()


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    day = Day(tmp_path_factory.mktemp("userdata_mini"))
    market = FakeMarket()
    for code in (BANK, OIL, GHOST):
        market.add(code, {DAY: 10.0}, prev_close=10.0)
    run = run_days(STRATEGY, market, DAY, DAY, broker=day.broker, prepare=day.stage)
    day.close()
    return day, run


def test_the_ledger_ends_as_the_terminals_account(played):
    day, run = played
    theirs, ledger = day.book.snapshot(), run.session.engine.ledger
    assert ledger.cash == theirs.available + theirs.frozen
    assert {p.code: p.amount for p in ledger if p.amount} == {row.code: row.amount for row in theirs.holdings}


def test_each_fill_of_ours_is_booked_once(played):
    day, run = played
    theirs = {(t.trade_id, t.amount, t.price) for t in day.book.account.trades if t.tag}
    ours = [(t.trade_id, t.amount, t.price) for t in run.session.engine.book.trades]
    assert Counter(ours) == Counter(theirs)
    assert len(ours) == 5


def test_each_order_left_once_and_none_is_of_unknown_fate(played):
    day, run = played
    orders = run.session.engine.book.orders.values()
    placed = [event.order.order_id for event in run.recorder.of(OrderPlaced)]
    assert len(placed) == len(set(placed)) == len(orders)
    tags = Counter(order.ticket.tag for order in day.book.orders if order.ticket.tag)
    assert set(tags.values()) == {1}
    assert [order.state for order in orders] == [
        OrderState.FILLED,
        OrderState.REJECTED,
        OrderState.CANCELLED,
        OrderState.FILLED,
        OrderState.FILLED,
        OrderState.FILLED,
    ]


def test_the_only_difference_ever_told_is_the_sale_by_hand(played):
    _, run = played
    differences = [one.what for event in run.recorder.of(AccountDiffers) for one in event.differences]
    assert differences
    assert all(OIL in what or "资金" in what or "现金" in what for what in differences)
    assert len(run.recorder.of(AccountDiffers)) == 1


def test_both_losses_of_the_connection_are_told_with_their_ends(played):
    _, run = played
    assert [event.up for event in run.recorder.of(LinkChanged)] == [False, True, False, True]


def test_nothing_the_adapter_did_broke_the_native_side(played):
    day, _ = played
    assert day.terminal.errors == []
