"""A server of ours with the simulated exchange behind it, a bad network, and the remote broker in front.

The exchange runs on a virtual clock that moves only in `run`; sockets and threads are real. After time has passed, what
is on its way is waited for by asking a question behind it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bullet_trade.brokers.qmt_remote.broker import RemoteBroker
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import LinkDown, LinkUp, Report
from bullet_trade.engine.inbox import Inbox, Message
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.overrides import Overrides
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.remote.line import Address
from bullet_trade.remote.link import LinkTerms
from bullet_trade.server.access import parse_tokens
from bullet_trade.server.accounts import Directory, parse_accounts
from bullet_trade.server.desk import Desk, DeskTerms
from bullet_trade.server.history_desk import HistoryDesk
from bullet_trade.server.owner import Owner
from bullet_trade.server.quote_desk import QuoteDesk, QuoteWorld
from bullet_trade.server.server import Server, ServerTerms
from bullet_trade.server.submission_file import SubmissionFile
from bullet_trade.server.venue import HistoryWorld, World
from bullet_trade.testing.broker_world import Ability, Disturbance, Fate
from bullet_trade.testing.fault_proxy import FaultProxy
from bullet_trade.testing.simulated_world import SimulatedWorld

TOKEN = "s3cr3t-7f1c-long-enough"
PATIENCE_S = 10.0
QUICK = LinkTerms(
    connect_s=0.5, rpc_s=5.0, beat_s=0.05, silent_s=0.3, retry_s=0.01, retry_most_s=0.05, refused_s=0.2, nap_s=0.01
)


class ExchangeTime:
    """The exchange's virtual time as a wall clock that runs by itself."""

    virtual = False

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.monotonic = time.monotonic

    def take_step(self) -> float:
        return 0.0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        raise AssertionError("the engine is not part of this world")


class Listening:
    """A sink that can be waited on."""

    def __init__(self, sink: ReportSink) -> None:
        self._sink = sink
        self._changed = threading.Condition()
        self.ups = self.downs = 0

    def __call__(self, report: Report) -> None:
        self._sink(report)
        with self._changed:
            self.ups += isinstance(report, LinkUp)
            self.downs += isinstance(report, LinkDown)
            self._changed.notify_all()

    def wait(self, done: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
        """Wait until `done()`, which is looked at after each report."""
        with self._changed:
            return self._changed.wait_for(done, seconds)


class Heard(RemoteBroker):
    """The broker, with its sink in view."""

    listening: Listening

    def connect(self, sink: ReportSink) -> None:
        self.listening = Listening(sink)
        super().connect(self.listening)


class ServedExchange:
    """A running server around a `SimulatedWorld`."""

    def __init__(self, disturbance: Disturbance, directory: Path) -> None:
        self.exchange = SimulatedWorld(disturbance)
        self.sent: Counter[str] = Counter()
        """How often the exchange was handed an order, by tag."""
        submit = self.exchange.broker.submit

        def counted(ticket: OrderTicket) -> None:
            self.sent[ticket.tag] += 1
            submit(ticket)

        self.exchange.broker.submit = counted
        self.clock = ExchangeTime(self.exchange._clock.now)
        self.owner = Owner("account-main", self.clock)
        specs = parse_accounts("main=123456789:stock")
        terms = ServerTerms("127.0.0.1", 0, parse_tokens(TOKEN, "", frozenset({"main"})), Directory(specs), "simulator")
        exchange, calendar = self.exchange, exchange_calendar()

        def world() -> World:
            rules = RuleBook(Overrides(), FeeSchedule(), calendar)
            return World(exchange.broker, exchange._quotes, rules, calendar, exchange._quotes.security)

        def desks(publish: Callable[[str, int, Report], None]) -> dict[str, Desk]:
            file = directory / "submissions.db"
            day = self.clock.now().date()
            return {"main": Desk(specs[0], self.owner, world, lambda: SubmissionFile(file, day), DeskTerms(), publish)}

        def quotes(wake: Callable[[], None]) -> QuoteDesk:
            owner = Owner("quotes", self.clock)
            return QuoteDesk(owner, lambda: QuoteWorld(exchange._quotes, calendar), wake)

        market = exchange._quotes._data
        history = HistoryDesk(Owner("history", self.clock), lambda: HistoryWorld(market, calendar))
        self.server = Server(terms, self.clock, desks, quotes, history)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.port: int = self.call(self.server.start())

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def call(self, coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def on_account(self, act: Callable[[], None]) -> None:
        """Run `act` on the account's thread, and wait until the loop has heard what came of it."""
        done = threading.Event()

        def run() -> None:
            act()
            self.loop.call_soon_threadsafe(done.set)

        self.owner.post(run)
        assert done.wait(PATIENCE_S)

    def stop(self) -> None:
        self.call(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)


class RemoteWorld:
    """Implements `broker_world.World` around `RemoteBroker`, over real sockets."""

    cannot: Mapping[Ability, str] = {}

    def __init__(
        self, disturbance: Disturbance = Disturbance.NONE, pieces: bool = False, link_terms: LinkTerms = QUICK
    ) -> None:
        self._directory = TemporaryDirectory()
        self.away = False
        self.served = ServedExchange(disturbance, Path(self._directory.name))
        self.exchange = self.served.exchange
        self.code, self.held = self.exchange.code, self.exchange.held
        self.proxy = FaultProxy(self.served.port, Random(1), pieces)
        terms = RemoteTerms(account_key="main", tag_prefix="bt:check:", chase_s=0.05)
        self.broker = Heard(
            Address("127.0.0.1", self.proxy.port), TOKEN, terms, self.served.clock, Random(7), link_terms
        )

    def ticket(self, tag: str, side: Side, amount: int, fate: Fate, order_type: OrderType) -> OrderTicket:
        return self.exchange.ticket(tag, side, amount, fate, order_type)

    def fill_rest(self) -> None:
        self._settle()
        self.served.on_account(self.exchange.fill_rest)
        self._settle()

    def run(self, seconds: float) -> None:
        self._settle()
        self.served.on_account(lambda: self.exchange.run(seconds))
        self._settle()

    def next_day(self) -> None:
        self.served.on_account(self.exchange.next_day)
        self._settle()

    def lose_link(self) -> None:
        self.away = True
        self.proxy.turn_away()
        before = self.broker.listening.downs
        self.proxy.cut()
        assert self.broker.listening.wait(lambda: self.broker.listening.downs > before)

    def restore_link(self) -> None:
        before = self.broker.listening.ups
        self.proxy.turn_away(False)
        self.away = False
        for _ in range(100):  # the exchange answers as its own time moves
            self.served.on_account(lambda: self.exchange.run(0.5))
            if self.broker.listening.wait(lambda: self.broker.listening.ups > before, 0.05):
                return
        raise AssertionError("the link did not come back")

    def push_again(self) -> None:
        self.served.on_account(self.exchange.push_again)
        self._settle()

    def enter_by_hand(self, side: Side, amount: int) -> None:
        self.served.on_account(lambda: self.exchange.enter_by_hand(side, amount))
        self._settle()

    def close(self) -> None:
        self.proxy.close()
        self.served.stop()
        self._directory.cleanup()

    def _settle(self) -> None:
        """What was sent has been answered, and what was pushed has been heard: a question comes back behind it.

        An answer may make the broker ask something itself, so it is done twice more."""
        asked = 0
        while asked < 3 and not self.away and self.broker._link.alive:
            try:
                self.broker._link.ask("admin.health", {}, 2.0)
                asked += 1
            except BulletTradeError:  # the line is down and comes back by itself
                asked = 0
                self.broker.listening.wait(lambda: self.broker._link.up, 0.01)
            self.served.on_account(lambda: None)
