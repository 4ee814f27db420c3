"""The adapter on its own threads: calls that hang, threads that die, hundreds of reconnects, nothing left behind."""

from __future__ import annotations

import gc
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from threading import Event
from types import ModuleType

import pytest
from station import CODE, needs_wheel

from bullet_trade.brokers.qmt.broker import QmtBroker
from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import Accepted, AccountSnapshot, Cancelled, LinkDown, LinkUp, NoAnswer, Rejected
from bullet_trade.engine.clock import WallClock
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.install import install, serve, withdraw
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal
from bullet_trade.testing.fake_qmt.world import ACCOUNT_ID, PREFIX, terms_for

TEN_O_CLOCK = 1748916000.0  # 2025-06-03 10:00 in China
PATIENCE_S = 10.0


class Threaded:
    """A broker with its threads, and a way to wait for what it tells."""

    def __init__(self, directory: Path, **terms: object) -> None:
        install()
        began = time.monotonic()
        clock = WallClock(civil=lambda: TEN_O_CLOCK + time.monotonic() - began)
        self.book = Book(clock.now, {CODE: price("10")}, {CODE: 3000})
        self.terminal = FakeTerminal(directory, ACCOUNT_ID, self.book, clock.now)
        self.terminal.behaviour = Behaviour(rest_s=0.0)
        serve(self.terminal)
        quick = replace(terms_for(directory), retry_s=0.001, retry_most_s=0.01, **terms)
        self.broker = QmtBroker(quick, load_wheel(), clock, lambda _: True, Random(1))
        self.told: SimpleQueue[object] = SimpleQueue()

    def wait_for(self, kind):
        """The next report of this kind; those before it are left out."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                report = self.told.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                raise AssertionError(f"no {kind}") from None
            if isinstance(report, kind):
                return report

    def buy(self, tag: str, limit: str = "9.80") -> None:
        self.broker.submit(OrderTicket(f"{PREFIX}{tag}", CODE, Side.BUY, 1000, OrderType.LIMIT, price(limit)))


@contextmanager
def threaded(directory: Path, **terms: object):
    made = Threaded(directory, **terms)
    made.broker.connect(made.told.put)
    try:
        made.wait_for(AccountSnapshot)
        yield made
    finally:
        made.broker.close()
        withdraw(made.terminal)
        made.terminal.close()


@needs_wheel
def test_orders_and_cancels_go_through_all_threads(tmp_path):
    with threaded(tmp_path) as desk:
        desk.buy("1")
        desk.wait_for(Accepted)
        desk.broker.cancel(f"{PREFIX}1")
        desk.wait_for(Cancelled)


@needs_wheel
def test_an_order_call_that_hangs_costs_a_thread_and_no_other_order(tmp_path):
    """A19: the order becomes unknown, what waited behind it was certainly not sent, and cancels go on."""
    with threaded(tmp_path, call_s=0.1, answer_s=0.3, settle_s=0.05) as desk:
        desk.buy("1")
        desk.wait_for(Accepted)
        release = Event()
        desk.terminal.behaviour.hang["orderStock"] = release
        desk.buy("2")
        desk.buy("3")
        unsent = desk.wait_for(Rejected)
        assert (unsent.tag, unsent.rule) == (f"{PREFIX}3", "link_down")
        assert "下单" in desk.wait_for(LinkDown).reason
        desk.wait_for(LinkUp)
        desk.broker.cancel(f"{PREFIX}1")
        told = {desk.wait_for((Cancelled, NoAnswer)).tag for _ in range(2)}
        assert told == {f"{PREFIX}1", f"{PREFIX}2"}
        desk.broker.request_snapshot()
        assert not desk.wait_for(AccountSnapshot).complete  # the call may yet go through
        release.set()
        assert desk.wait_for(Accepted).tag == f"{PREFIX}2"


@needs_wheel
def test_a_connection_that_hangs_is_given_up_and_tried_anew(tmp_path):
    with threaded(tmp_path, call_s=0.1) as desk:
        release = Event()
        desk.terminal.behaviour.hang["connect"] = release
        desk.terminal.shut_down()
        desk.terminal.start_again()
        desk.wait_for(LinkDown)
        del desk.terminal.behaviour.hang["connect"]
        desk.wait_for(LinkUp)
        release.set()
        desk.buy("1")
        desk.wait_for(Accepted)


@needs_wheel
def test_an_error_inside_the_adapter_is_told_and_the_thread_lives(tmp_path, caplog):
    """D05, D07."""
    with threaded(tmp_path) as desk:
        desk.broker._link._table.take = broken_once(desk.broker._link._table.take)
        desk.terminal.enter_by_hand(CODE, Side.SELL, 100, 10.0)
        assert "内部错误" in desk.wait_for(LinkDown).reason
        desk.wait_for(LinkUp)
        desk.buy("1")
        desk.wait_for(Accepted)
    assert "内部错误" in caplog.text


def broken_once(whole):
    state = []

    def take(news):
        if not state:
            state.append(news)
            raise ZeroDivisionError("planted")
        whole(news)

    return take


@needs_wheel
def test_five_hundred_reconnects_leave_no_threads_and_no_memory(tmp_path):
    """N02: half of them fail in the handshake."""
    with threaded(tmp_path) as desk:

        def reconnect(times: int) -> None:
            for number in range(times):
                desk.terminal.behaviour.refuse_connections = number % 2
                desk.terminal.shut_down()
                desk.terminal.start_again()
                desk.wait_for(LinkUp)
                desk.wait_for(AccountSnapshot)

        reconnect(20)
        gc.collect()
        threads, objects = threading.active_count(), len(gc.get_objects())
        reconnect(480)
        gc.collect()
        assert threading.active_count() <= threads + 1
        assert len(gc.get_objects()) - objects < 2000
        assert len(desk.terminal.clients) == 1


@needs_wheel
def test_nothing_is_left_after_closing(tmp_path):
    before = set(threading.enumerate())
    with threaded(tmp_path) as desk:
        assert set(threading.enumerate()) - before
        terminal = desk.terminal
    assert not terminal.clients
    left = [one for one in threading.enumerate() if one not in before]
    for thread in left:
        thread.join(PATIENCE_S)
    assert not [one for one in left if one.is_alive()]


@needs_wheel
def test_the_import_asks_nobody_for_a_newer_version(tmp_path, monkeypatch):
    """The package's first import would ask the public index over HTTPS."""
    for name in [name for name in sys.modules if name == "xtquant" or name.startswith("xtquant.")]:
        monkeypatch.delitem(sys.modules, name)
    asked = []
    fake = ModuleType("requests")
    fake.get = lambda *address, **_: asked.append(address)
    monkeypatch.setitem(sys.modules, "requests", fake)
    install()
    load_wheel()
    assert asked == []
    assert sys.modules["requests"] is fake
    for name in [name for name in sys.modules if name == "xtquant" or name.startswith("xtquant.")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("no", name="xtquant"), "没有安装 xtquant"),
        (ModuleNotFoundError("no", name="numpy"), "缺少依赖 numpy"),
        (ImportError("DLL load failed"), "本地库无法加载"),
        (OSError("access denied"), "本地库无法加载"),
    ],
)
def test_an_import_that_fails_names_the_cause_and_the_remedy(monkeypatch, error, words):
    """U05."""

    def refuse(_name):
        raise error

    monkeypatch.setattr("bullet_trade.brokers.qmt.wheel.importlib.import_module", refuse)
    with pytest.raises(UsageError, match=words):
        load_wheel()
