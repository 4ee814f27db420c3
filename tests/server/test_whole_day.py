"""A trading day to its close: the engine trades through the remote broker at a server with the simulated exchange.

Sockets, threads and the durations of the connection are real. Exchange time is one for both sides: it runs evenly and
fast, and leaps over what is left of a pause once nothing is on its way.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import cast

import pytest
from served import PATIENCE_S, TOKEN, Peer

from bullet_trade.brokers.qmt_remote.broker import RemoteBroker
from bullet_trade.domain.money import Money, money
from bullet_trade.domain.orders import Order, OrderState
from bullet_trade.engine.events import OrderRefused
from bullet_trade.engine.inbox import Inbox, Message
from bullet_trade.ops.compose import RunRequest, composed
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import Broker, OrderTicket
from bullet_trade.server.compose import compose
from bullet_trade.server.desk import Desk
from bullet_trade.server.owner import Owner
from bullet_trade.server.quote_desk import QuoteDesk
from bullet_trade.server.server import Server
from bullet_trade.server.settings import ServerSettings
from bullet_trade.testing.fault_proxy import Act, FaultProxy, Passage, fair
from bullet_trade.testing.recorder import Recorder

PACE = 8.0
"""Seconds at the exchange in one of ours. An order has 5 s of exchange time to arrive, so 0.6 s of ours."""
ORDER_WAIT_S = 0.5
"""In seconds of ours, as the engine counts it: exchange time must not leap meanwhile, or the day passes in one wait."""
PAUSE = timedelta(seconds=0.5)
"""A wait for something farther away is a pause. A wait for an order never is: it ends within `ORDER_WAIT_S`."""
QUIET_S = 0.004
BEAT_S = 0.01
OPEN_FATE = frozenset({OrderState.IN_FLIGHT, OrderState.UNKNOWN, OrderState.CANCELLING})
OPENING = datetime(2026, 1, 5, 14, 46, 30)

STRATEGY = """
from jqdata import *

BOUGHT, SOLD = "000001.XSHE", "600000.XSHG"

def initialize(context):
    g.calls = 0
    for at in TIMES:
        run_daily(trade, time=at)

def trade(context):
    g.calls += 1
    for waiting in get_open_orders().values():
        cancel_order(waiting)
    if g.calls % 3 == 0:
        last = get_current_data()[BOUGHT].last_price
        order(BOUGHT, 200, LimitOrderStyle(round(last * 0.93, 2)))
    elif g.calls % 3 == 1:
        order(BOUGHT, 100)
    else:
        order(SOLD, -100)
"""
TIMES = [f"14:{minute}" for minute in range(47, 57)]
"""Each with one order."""


class DayClock:
    """Exchange time of both sides. `monotonic` is ours: it times the connection, and the wait for an order."""

    virtual = False

    def __init__(self, at: datetime) -> None:
        self._at, self._began = at, time.monotonic()
        self.monotonic = time.monotonic
        self.may_leap: Callable[[], bool] = lambda: False
        self.leapt: Callable[[], None] = lambda: None
        """Returns when everybody has seen the new time."""

    def now(self) -> datetime:
        return self._at + timedelta(seconds=(time.monotonic() - self._began) * PACE)

    def take_step(self) -> float:
        return 0.0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        while (rest := (until - self.now()) if until is not None else PAUSE) > timedelta(0):
            message = inbox.get(min(rest.total_seconds() / PACE, QUIET_S))
            if message is not None:
                return message
            if until is not None and rest > PAUSE and self.may_leap():
                self._at += until - self.now()
                self.leapt()
        return inbox.get() if not inbox.empty() else None


class Counted:
    """A broker whose orders are counted by tag on their way in."""

    def __init__(self, broker: Broker) -> None:
        self.label = broker.label
        self.sent: Counter[str] = Counter()
        self._submit = broker.submit
        self.cancel, self.request_snapshot = broker.cancel, broker.request_snapshot
        self.connect, self.close = broker.connect, broker.close

    def submit(self, ticket: OrderTicket) -> None:
        self.sent[ticket.tag] += 1
        self._submit(ticket)


@dataclass(frozen=True)
class Side:
    """What one side knows when the day is over: shares filled by tag, money, and shares held by code."""

    filled: dict[str, int]
    cash: Money
    held: dict[str, int]


class Exchange:
    """A server with the simulated exchange, in this process. `sent` counts what the exchange was handed, by tag."""

    def __init__(self, directory: Path, clock: DayClock) -> None:
        mine = ServerSettings.model_validate(
            {
                "qmt_server_type": "simulator",
                "qmt_server_listen": "127.0.0.1",
                "qmt_server_port": 0,
                "qmt_server_token": TOKEN,
                "qmt_server_accounts": "main=123456:stock",
            }
        )
        settings = Settings.model_validate({"simulator_initial_positions": "600000.XSHG:10000@10"})
        directory.mkdir()
        self._server: Server = compose(mine, settings, directory, clock)[0]
        self._loop = asyncio.new_event_loop()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._loop.run_forever, self._beat)]
        self._owners: list[Owner] = []
        self._threads[0].start()
        self.port = int(str(self._call(self._server.start())))
        parts = self._server._parts
        self._owners += [part.owner for part in parts if isinstance(part, Desk | QuoteDesk)]
        (desk,) = (part for part in parts if isinstance(part, Desk))
        counted = Counted(desk.world.broker)
        desk.world = replace(desk.world, broker=counted)
        self.sent = counted.sent
        clock.leapt = self._see_time
        self._threads[1].start()

    def _call(self, coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S * 2)  # type: ignore[arg-type]

    def _beat(self) -> None:
        """The owners nap in seconds of ours; the timers that are due run after any call."""
        while not self._ended.wait(BEAT_S):
            for owner in self._owners:
                owner.post(lambda: None)

    def _see_time(self) -> None:
        for owner in self._owners:
            seen = threading.Event()
            owner.post(lambda: None)
            owner.post(seen.set)
            assert seen.wait(PATIENCE_S)

    def side(self) -> Side:
        client = Peer(self.port)
        client.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": []})
        client.receive()
        orders, positions = (
            cast("list[dict[str, object]]", client.get(action)) for action in ("broker.orders", "broker.positions")
        )
        account = cast("dict[str, dict[str, float]]", client.get("broker.account"))
        client.close()
        return Side(
            {str(row["order_remark"]): int(str(row["filled"])) for row in orders},
            money(account["value"]["available_cash"]),
            {str(row["security"]): int(str(row["amount"])) for row in positions},
        )

    def close(self) -> None:
        self._ended.set()
        self._call(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._loop.close()


@dataclass
class Storm:
    """Breaks the line before or after drawn messages, and repeats others; `freeze` at message `frozen_at` towards the
    server. A new line is left alone until it stands."""

    draw: Random
    frozen_at: int | None = None
    freeze: Callable[[], None] = lambda: None
    done: Counter[Act] = field(default_factory=Counter)
    frozen: bool = False
    _passed: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def __call__(self, passage: Passage) -> Act:
        self._passed[passage.connection] += 1
        if self._passed[passage.connection] <= 4:
            return Act.PASS
        if self.frozen_at is not None and passage.up and passage.number >= self.frozen_at:
            self.frozen_at, self.frozen = None, True
            self.freeze()
        act = self.draw.choices((Act.PASS, Act.CUT, Act.LAST, Act.TWICE), (16, 1, 1, 2))[0]
        self.done[act] += 1
        return act


class Outages:
    """How long the line was away, in seconds of ours, as far as anybody looked."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._since: float | None = None

    def look(self, up: bool) -> None:
        if up:
            self._since = None
        else:
            self._since = self._since or time.monotonic()
            self.longest_s = max(self.longest_s, time.monotonic() - self._since)


@dataclass
class Day:
    """The day as the engine saw it."""

    orders: dict[str, Order]
    side: Side
    heard: Recorder


@contextmanager
def world(directory: Path, storm: Storm | None) -> Iterator[tuple[DayClock, Exchange, FaultProxy]]:
    clock = DayClock(OPENING)
    exchange = Exchange(directory / "server", clock)
    draw = storm.draw if storm is not None else Random(0)
    proxy = FaultProxy(exchange.port, draw, pieces=storm is not None, rule=storm or fair)
    try:
        yield clock, exchange, proxy
    finally:
        proxy.close()
        exchange.close()


def trade(directory: Path, clock: DayClock, proxy: FaultProxy, storm: Storm | None, outages: Outages) -> Day:
    """The strategy's day."""
    strategy = directory / "day.py"
    strategy.write_text(STRATEGY.replace("TIMES", repr(TIMES)), encoding="utf-8")
    settings = Settings.model_validate(
        {
            "qmt_server_host": "127.0.0.1", "qmt_server_port": proxy.port, "qmt_server_token": TOKEN,
            "qmt_server_account_key": "main", "bullet_trade_home": directory, "trade_max_wait_time": ORDER_WAIT_S,
        }
    )  # fmt: skip
    request = RunRequest(
        strategy, broker="qmt-remote", replay=None, speed=None, data="synthetic:1",
        runtime_dir=directory / "runtime", stop_after_close=True,
    )  # fmt: skip
    heard = Recorder()
    with composed(request, settings, heard, wall=clock) as run:
        engine = run.session.engine
        link = cast("RemoteBroker", run.session.parts.broker)._link

        def may_leap() -> bool:
            up = link.up
            outages.look(up)
            if storm is not None and storm.frozen and not up:
                storm.frozen = False
                proxy.thaw()
            frozen = storm is not None and storm.frozen
            return up and not frozen and all(one.state not in OPEN_FATE for one in engine.book.orders.values())

        clock.may_leap = may_leap
        run.session.run()
        orders = {order.tag: order for order in engine.book.orders.values()}
        held = {str(position.code): position.amount for position in engine.ledger}
        side = Side({tag: order.filled for tag, order in orders.items()}, engine.ledger.available, held)
        return Day(orders, side, heard)


@pytest.mark.parametrize(
    ("seed", "frozen_at"), [(None, None), (1, None), (2, 40)], ids=["fair", "storm", "storm and a half-open line"]
)
def test_a_day_of_orders_reaches_the_exchange_once_each(
    tmp_path: Path, seed: int | None, frozen_at: int | None
) -> None:
    """I1, I3, I5: none twice, none lost without a word, and both sides agree about every share and all the money."""
    storm = Storm(Random(seed), frozen_at) if seed is not None else None
    outages = Outages()
    with world(tmp_path, storm) as (clock, exchange, proxy):
        if storm is not None:
            storm.freeze = proxy.freeze
        day = trade(tmp_path, clock, proxy, storm, outages)
        theirs = exchange.side()
    refused = [event for event in day.heard.events if isinstance(event, OrderRefused)]
    assert len(day.orders) + len(refused) == len(TIMES), day.heard.events
    assert {event.rule for event in refused} <= {"unknown_order"}, "the line broke under a cancel, so nothing is bought"
    assert set(exchange.sent) == set(theirs.filled), "what the exchange lists is what it was handed"
    assert set(exchange.sent) <= set(day.orders), "orders that nobody gave"
    assert max(exchange.sent.values()) == 1, exchange.sent
    for tag, order in day.orders.items():
        assert order.is_final, order
        if tag not in exchange.sent:
            assert order.state in (OrderState.REJECTED, OrderState.NOT_SENT), order
    assert {tag: filled for tag, filled in day.side.filled.items() if tag in exchange.sent} == theirs.filled
    assert (day.side.cash, day.side.held) == (theirs.cash, theirs.held)
    assert sum(theirs.filled.values()) > 0
    assert outages.longest_s < 3.0
    if storm is None:
        assert not refused
        assert set(exchange.sent) == set(day.orders), "every order arrives"
        assert sum(theirs.filled.values()) == 700, "seven market orders; the three far from the market do not fill"
    else:
        assert storm.done[Act.CUT] and storm.done[Act.LAST] and storm.done[Act.TWICE]
        assert storm.frozen_at is None
        assert not storm.frozen
        assert len(exchange.sent) >= len(TIMES) // 2
