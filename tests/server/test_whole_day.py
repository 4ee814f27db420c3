"""A whole trading day: the engine trades through the remote broker at a server with the simulated exchange.

Sockets and threads are real, time is not: the exchange's clock moves on to the engine's next instant as soon as nothing
is on its way. One server is a process of its own, on the machine's clock.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from served import PATIENCE_S, TOKEN, Peer, limit

from bullet_trade.domain.orders import Order, OrderState
from bullet_trade.engine.inbox import Inbox, Message
from bullet_trade.ops.compose import RunRequest, composed
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import Broker, OrderTicket
from bullet_trade.server.compose import compose
from bullet_trade.server.desk import Desk
from bullet_trade.server.server import Server
from bullet_trade.server.settings import ServerSettings
from bullet_trade.testing.fault_proxy import Act, FaultProxy, Passage, fair
from bullet_trade.testing.recorder import Recorder

QUIET_S = 0.003
STRIDE, STEP = timedelta(seconds=60), timedelta(seconds=0.5)
OPEN_FATE = frozenset({OrderState.IN_FLIGHT, OrderState.UNKNOWN, OrderState.CANCELLING})

STRATEGY = """
from jqdata import *

BOUGHT, SOLD = "000001.XSHE", "600000.XSHG"

def initialize(context):
    g.calls = 0
    for hour, first, last in ((9, 35, 60), (10, 0, 60), (11, 0, 30), (13, 5, 60), (14, 0, 57)):
        for minute in range(first, last, 10):
            run_daily(trade, time="%02d:%02d" % (hour, minute))

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
WANTED = 24 + 0
"""Calls of `trade`, each with one order."""


class DayClock:
    """Exchange time that moves on when everybody is idle, and slowly while an answer is owed (`busy`)."""

    virtual = False

    def __init__(self, at: datetime) -> None:
        self._now = at
        self.monotonic = time.monotonic
        self.wake: Callable[[], None] = lambda: None
        """Has the server's threads see the new time."""
        self.away: Callable[[], bool] = lambda: False
        """Whether the line is down: nothing moves on then."""
        self.busy: Callable[[], bool] = lambda: False

    def now(self) -> datetime:
        return self._now

    def take_step(self) -> float:
        return 0.0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        began = time.monotonic()
        while until is None or self._now < until:
            message = inbox.get(QUIET_S)
            if message is not None:
                return message
            if not self.away() or time.monotonic() - began > PATIENCE_S:
                later = self._now + (STEP if self.busy() else STRIDE)
                self._now = min(until or later, later)
                self.wake()
        return None


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
        self.server: Server = compose(mine, settings, directory, clock)[0]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = int(str(self._call(self.server.start())))
        (self._desk,) = (part for part in self.server._parts if isinstance(part, Desk))
        counted = Counted(self._desk.world.broker)
        self._desk.world = replace(self._desk.world, broker=counted)
        self.sent = counted.sent
        clock.wake = self._see_time

    def _call(self, coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S * 2)  # type: ignore[arg-type]

    def _see_time(self) -> None:
        seen = threading.Event()
        self._desk.owner.post(lambda: None)  # the timers that are due run after a call, before the next one
        self._desk.owner.post(seen.set)
        assert seen.wait(PATIENCE_S)

    def filled(self) -> dict[str, int]:
        """What was filled of each order that the exchange has, by tag."""
        client = Peer(self.port)
        client.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": []})
        client.receive()
        rows = client.get("broker.orders")
        client.close()
        return {str(row["order_remark"]): int(row["filled"]) for row in rows}  # type: ignore[union-attr, call-overload]

    def close(self) -> None:
        self._call(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


class Storm:
    """Breaks the line at drawn messages, before or after they arrive; a new line is left alone until it stands."""

    def __init__(self, seed: int) -> None:
        self._draw = Random(seed)
        self._passed: defaultdict[int, int] = defaultdict(int)
        self.cuts = 0

    def __call__(self, passage: Passage) -> Act:
        self._passed[passage.connection] += 1
        if self._passed[passage.connection] <= 4:
            return Act.PASS
        act = self._draw.choices((Act.PASS, Act.CUT, Act.LAST), (8, 1, 1))[0]
        self.cuts += act is not Act.PASS
        return act


class Outages:
    """How long the line was away, in seconds as people feel them, as far as anybody looked."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._since: float | None = None

    def look(self, up: bool) -> None:
        if up:
            self._since = None
        else:
            self._since = self._since or time.monotonic()
            self.longest_s = max(self.longest_s, time.monotonic() - self._since)


@pytest.mark.parametrize("seed", [None, 1, 2], ids=["fair", "storm 1", "storm 2"])
def test_a_day_of_orders_reaches_the_exchange_once_each(tmp_path: Path, seed: int | None) -> None:
    """I1, I3, I5: none twice, none lost, and both sides agree at the close about every share."""
    clock = DayClock(datetime(2026, 1, 5, 9, 0))
    exchange = Exchange(tmp_path / "server", clock)
    storm = Storm(seed) if seed is not None else None
    proxy = FaultProxy(exchange.port, Random(seed), pieces=seed is not None, rule=storm or fair)
    outages = Outages()
    try:
        orders = trade(tmp_path, clock, proxy.port, outages)
        filled = exchange.filled()
    finally:
        proxy.close()
        exchange.close()
    assert set(exchange.sent) == set(filled), "what the exchange lists is what it was handed"
    assert max(exchange.sent.values()) == 1, exchange.sent
    assert set(exchange.sent) <= set(orders), "orders that nobody gave"
    for tag, order in orders.items():
        if tag in exchange.sent:
            assert order.is_final, order
            assert order.filled == filled[tag], order
        else:
            assert order.state in (OrderState.REJECTED, OrderState.NOT_SENT), order
    assert outages.longest_s < 3.0
    assert len(orders) == WANTED
    if storm is None:
        assert len(exchange.sent) == WANTED
        assert sum(filled.values()) > 0
    else:
        assert storm.cuts >= 5


def trade(directory: Path, clock: DayClock, port: int, outages: Outages) -> dict[str, Order]:
    """The strategy's day; its orders by tag as the engine knows them at the end."""
    strategy = directory / "day.py"
    strategy.write_text(STRATEGY, encoding="utf-8")
    settings = Settings.model_validate(
        {
            "qmt_server_host": "127.0.0.1", "qmt_server_port": port, "qmt_server_token": TOKEN,
            "qmt_server_account_key": "main", "bullet_trade_home": directory,
        }
    )  # fmt: skip
    request = RunRequest(
        strategy, broker="qmt-remote", replay=None, speed=None, data="synthetic:1",
        runtime_dir=directory / "runtime", stop_after_close=True,
    )  # fmt: skip
    with composed(request, settings, Recorder(), wall=clock) as run:
        session = run.session

        def away() -> bool:
            up = session.parts.broker._link.up  # type: ignore[attr-defined]
            outages.look(up)
            return not up

        clock.away = away
        clock.busy = lambda: any(order.state in OPEN_FATE for order in session.engine.book.orders.values())
        session.run()
        return {order.tag: order for order in session.engine.book.orders.values()}


# -- a process of its own ----------------------------------------------------------------------------------------------


@contextmanager
def process(directory: Path) -> Iterator[int]:
    """`bullet-trade server` as a user starts it, killed at the end; its port."""
    command = [
        sys.executable, "-m", "bullet_trade", "server", "--server-type", "simulator", "--listen", "127.0.0.1",
        "--port", "0", "--accounts", "main=123456:stock", "--runtime-dir", str(directory),
    ]  # fmt: skip
    environment = os.environ | {"QMT_SERVER_TOKEN": TOKEN, "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as started:
        assert started.stdout is not None
        try:
            for line in started.stdout:
                found = re.search(r"监听 127\.0\.0\.1:(\d+)", line)
                if found is not None:
                    yield int(found[1])
                    break
            else:
                raise AssertionError("the server does not listen")
        finally:
            started.kill()


def test_a_server_that_was_killed_answers_for_the_order_that_it_had_taken(tmp_path: Path) -> None:
    """A10, B06: SIGKILL after the order, the same key at the next process: one answer, one order at the most."""
    wish = {
        "security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(9.0), "wait_timeout": 0,
        "idempotency_key": "k1", "order_remark": "bt:x:00001",
    }  # fmt: skip
    answers, lists = [], []
    for _ in range(2):
        with process(tmp_path) as port:
            client = Peer(port)
            client.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": []})
            client.receive()
            answer = client.ask("broker.place_order", **wish)
            payload = answer.get("payload", answer)
            answers.append([payload.get(name) for name in ("order_id", "code", "message")])  # type: ignore[attr-defined]
            lists.append([row["order_remark"] for row in client.get("broker.orders")])  # type: ignore[union-attr]
            client.close()
    # At night the exchange refuses the order, and by day it takes it: told twice, and done once, either way.
    assert answers[0] == answers[1]
    assert lists[0] == lists[1]
    assert lists[0] in (["bt:x:00001"], [])
