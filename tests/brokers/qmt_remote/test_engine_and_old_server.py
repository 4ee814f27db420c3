"""The engine, the remote broker and a deployed server together: a failure that is told of an order that exists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from random import Random

import pytest
from old_server import Counterparty, OldServer, raising
from remote_world import QUICK, ExchangeTime, Listening

from bullet_trade.brokers.qmt_remote.broker import RemoteBroker
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.reports import AccountSnapshot, Filled, NoAnswer, Report
from bullet_trade.engine.events import OrderRefused
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Timers
from bullet_trade.remote.line import Address
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2026, 1, 5)
CODE = "000001.XSHE"
STRATEGY = f"""
from jqdata import *

def initialize(context):
    run_daily(buy, "10:00")
    run_daily(look, "10:01")

def buy(context):
    order("{CODE}", 300, LimitOrderStyle(10.5), wait_timeout=0)

def look(context):
    g.held = context.portfolio.positions["{CODE}"].total_amount
    if g.held < 300:
        order("{CODE}", 300, LimitOrderStyle(10.5), wait_timeout=0)
"""


class Unhurried:
    """The remote broker for an engine on virtual time, which stands still until the server's answers are there."""

    def __init__(self, port: int, token: str, timers: Timers) -> None:
        terms = RemoteTerms(account_key="main", tag_prefix="bt:", settle_s=5.0, chase_s=0.02, poll_s=0.02, retry_s=0.05)
        clock = ExchangeTime(timers.now)
        self.told: list[Report] = []
        self.remote = RemoteBroker(Address("127.0.0.1", port), token, terms, clock, Random(5), QUICK)
        self.label = self.remote.label
        self.cancel = self.remote.cancel
        self.close = self.remote.close

    def connect(self, sink: ReportSink) -> None:
        def keep(report: Report) -> None:
            self.told.append(report)
            sink(report)

        self.listening = Listening(keep)
        self.remote.connect(self.listening)
        self._await(AccountSnapshot, 1)

    def submit(self, ticket: OrderTicket) -> None:
        self.remote.submit(ticket)
        self._await(Filled, 1)

    def request_snapshot(self) -> None:
        known = self._count(AccountSnapshot)
        self.remote.request_snapshot()
        self._await(AccountSnapshot, known + 1)

    def _count(self, kind: type[Report]) -> int:
        return sum(isinstance(report, kind) for report in self.told)

    def _await(self, kind: type[Report], count: int) -> None:
        assert self.listening.wait(lambda: self._count(kind) >= count), self.told


@pytest.mark.parametrize(
    ("code", "more"),
    [("QMT_TIMEOUT", {"broker_called": True}), ("HTTP_504", {}), ("BIG_QMT_GATEWAY_ERROR", {"broker_called": True})],
)
def test_the_engine_finds_the_order_of_a_terminal_that_timed_out(code: str, more: dict[str, object]) -> None:
    """A16, I5: one order at the broker, one in the engine, and its fill is booked."""
    counter = Counterparty()

    def place(payload: dict[str, object]) -> object:
        counter.place(payload)
        counter.fill(len(counter.orders) - 1, 300, 10.4)
        return raising(code, "终端没有应答", **more)(payload)

    server = OldServer({**counter.actions, **_account(counter), "broker.place_order": place})
    market = FakeMarket().add(CODE, {date(2025, 12, 31): 10.0, DAY: 10.4}, prev_close=10.0)
    made: list[Unhurried] = []

    def plug(timers: Timers) -> Unhurried:
        made.append(Unhurried(server.port, server.token, timers))
        return made[-1]

    try:
        run = run_days(
            STRATEGY, market, DAY, DAY, broker=plug, start=datetime.combine(DAY, time(9, 50)),
            stop_at=datetime.combine(DAY, time(10, 5)),
        )  # fmt: skip
    finally:
        made[0].close()
        server.close()
    orders = list(run.session.engine.book.orders.values())
    assert [(order.state, order.filled) for order in orders] == [(OrderState.FILLED, 300)]
    assert run.session.g.held == 300
    assert server.received["broker.place_order"] == 1
    kinds = [type(report) for report in made[0].told]
    assert kinds.index(NoAnswer) < kinds.index(Filled)
    assert not [event for event in run.recorder.events if isinstance(event, OrderRefused)]


def _account(counter: Counterparty) -> dict[str, Callable[[dict[str, object]], object]]:
    """100,000 yuan and nothing held, moved by what has traded."""

    def bought() -> int:
        return sum(int(str(trade["amount"])) for trade in counter.trades)

    def account(_: dict[str, object]) -> object:
        cash = 100_000.0 - bought() * 10.4
        return {"dtype": "dict", "value": {"available_cash": cash, "total_value": 100_000.0, "positions": []}}

    def positions(_: dict[str, object]) -> object:
        held = {"security": CODE, "amount": bought(), "closeable_amount": 0, "avg_cost": 10.4}
        return [held] if bought() else []

    return {"broker.account": account, "broker.positions": positions}
