"""A server on the loopback for tests, with brokers that answer as a test writes down, and a client of bare frames."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import BEIJING, WallClock
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.overrides import Overrides
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.server.access import parse_tokens
from bullet_trade.server.accounts import AccountSpec, Directory, parse_accounts, parse_sub_accounts
from bullet_trade.server.audit import AuditTrail
from bullet_trade.server.desk import Desk, DeskTerms, Publish
from bullet_trade.server.history_desk import HistoryDesk
from bullet_trade.server.owner import Owner
from bullet_trade.server.quote_desk import QuoteDesk, QuoteWorld
from bullet_trade.server.server import Server, ServerTerms
from bullet_trade.server.submission_file import SubmissionFile
from bullet_trade.server.venue import HistoryWorld, World
from bullet_trade.testing.fake_broker import ScriptedBroker
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2026, 1, 5)
TOKEN = "s3cr3t-7f1c-long-enough"
PATIENCE_S = 10.0
"""How long a test waits for what must come; nothing takes this long unless it is broken."""

QUICK = DeskTerms(order_wait_s=0.2, accept_wait_s=0.2)

OURS = ["reports", "resume", "tick_batch", "packed_tables", "server_time", "deadline"]


class Machine:
    """A machine's clock that starts at 10:00 on a trading day and can be moved."""

    def __init__(self, at: datetime = datetime(2026, 1, 5, 10, 0)) -> None:
        self._offset_s = at.replace(tzinfo=BEIJING).timestamp() - time.monotonic()

    def civil(self) -> float:
        return self._offset_s + time.monotonic()


def market() -> FakeMarket:
    """Two stocks at 10 and 20 yuan, one that is suspended, all three with the days before."""
    days = [date(2025, 12, 30), date(2025, 12, 31)]
    made = FakeMarket()
    made.add("000001.XSHE", {**dict.fromkeys(days, 10.0), DAY: 10.0}, prev_close=10.0, name="平安银行")
    made.add("600000.XSHG", {**dict.fromkeys(days, 20.0), DAY: 20.0}, prev_close=20.0, name="浦发银行")
    made.add("000002.XSHE", {**dict.fromkeys(days, 5.0), DAY: None}, prev_close=5.0, name="万科")
    return made.add_index("000300.XSHG", ["000001.XSHE", "600000.XSHG"])


class Served:
    """A running server. `brokers` are the scripted brokers by account key."""

    def __init__(
        self,
        directory: Path,
        *,
        accounts: str = "main=123456789:stock",
        subs: str = "",
        tokens: str = "",
        brokers: dict[str, ScriptedBroker] | None = None,
        desk_terms: DeskTerms = QUICK,
        machine: Machine | None = None,
        source: FakeMarket | None = None,
        **terms: object,
    ) -> None:
        self.directory = directory
        specs = parse_accounts(accounts)
        self.brokers = brokers or {spec.key: ScriptedBroker() for spec in specs}
        self.clock = WallClock((machine or Machine()).civil)
        self.desks: dict[str, Desk] = {}
        self.owners: dict[str, Owner] = {}
        self._source = source or market()
        self._desk_terms = desk_terms
        self._specs = specs
        self._known = Directory(specs, parse_sub_accounts(subs, specs))
        known = frozenset(spec.key for spec in specs)
        made = ServerTerms(
            "127.0.0.1",
            0,
            parse_tokens(TOKEN, tokens, known),
            self._known,
            "test",
        )
        self.server = Server(
            replace(made, **terms),
            self.clock,
            self._desks,
            self._quotes,
            HistoryDesk(Owner("history", self.clock), lambda: HistoryWorld(self._source, exchange_calendar())),
            AuditTrail(directory / "audit.jsonl"),
        )
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.port = self.call(self.server.start())

    @property
    def broker(self) -> ScriptedBroker:
        """The broker of the first account."""
        return self.brokers[self._specs[0].key]

    # -- putting it together ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def _desks(self, publish: Publish) -> dict[str, Desk]:
        self.desks = {spec.key: self._desk(spec, publish) for spec in self._specs}
        return self.desks

    def _desk(self, spec: AccountSpec, publish: Publish) -> Desk:
        owner = self.owners[spec.key] = Owner(f"account-{spec.key}", self.clock)
        path = self.directory / f"submissions_{spec.key}.db"

        def world() -> World:
            calendar = exchange_calendar()
            feed = HistoryFeed(self._source, calendar, owner.timers)
            rules = RuleBook(Overrides(), FeeSchedule(), calendar)
            return World(self.brokers[spec.key].on(owner.timers), feed, rules, calendar, feed.security)

        subs = self._known.subs_of(spec.key)
        return Desk(spec, owner, world, lambda: SubmissionFile(path, DAY), self._desk_terms, publish, subs)

    def _quotes(self, wake: Callable[[], None]) -> QuoteDesk:
        owner = Owner("quotes", self.clock)
        self.quotes = QuoteDesk(
            owner,
            lambda: QuoteWorld(HistoryFeed(self._source, exchange_calendar(), owner.timers), exchange_calendar()),
            wake,
        )
        return self.quotes

    # -- what a test does ------------------------------------------------------------------------------------------

    def call(self, coroutine: object) -> object:
        """Run a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)  # type: ignore[arg-type]

    def on_account(self, act: Callable[[], None], key: str = "main") -> None:
        """Run `act` on an account's thread and wait for it."""
        done = threading.Event()

        def run() -> None:
            act()
            done.set()

        self.owners[key].post(run)
        assert done.wait(PATIENCE_S)

    def client(self, token: str = TOKEN, features: Iterable[str] = (), **more: object) -> Peer:
        """A client with a finished handshake."""
        peer = Peer(self.port)
        peer.send({"type": "handshake", "token": token, "protocol": 1, "features": list(features), **more})
        peer.ack = peer.receive()
        return peer

    def stop(self) -> None:
        """Stop the server and its threads."""
        self.call(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)


class EndedError(Exception):
    """The server closed the connection."""


class Peer:
    """A client that speaks bare frames."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket = context.wrap_socket(raw, server_hostname="localhost") if context is not None else raw
        self.ack: dict[str, object] = {}
        self._number = 0
        self.others: list[dict[str, object]] = []
        """What came while an answer was awaited."""

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_body(self, body: bytes) -> None:
        self.send_bytes(len(body).to_bytes(4, "big") + body)

    def send(self, message: object) -> None:
        self.send_body(json.dumps(message, ensure_ascii=False).encode())

    def receive(self) -> dict[str, object]:
        """The next message. Raises `EndedError` where the server closed."""
        size = int.from_bytes(self._exactly(4), "big")
        found: dict[str, object] = json.loads(self._exactly(size))
        return found

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            try:
                part = self.socket.recv(size - len(got))
            except ConnectionResetError:
                part = b""
            if not part:
                raise EndedError
            got += part
        return got

    def ended(self) -> bool:
        """Whether the server closes without another byte."""
        try:
            self._exactly(1)
        except EndedError:
            return True
        return False

    def start(self, action: str, payload: dict[str, object] | None = None) -> str:
        """Send a request; its id."""
        self._number += 1
        number = f"q{self._number}"
        self.send({"type": "request", "id": number, "action": action, "payload": payload or {}})
        return number

    def wait(self, number: str) -> dict[str, object]:
        """The whole answer to a request."""
        for place, message in enumerate(self.others):
            if message.get("id") == number:
                return self.others.pop(place)
        while True:
            message = self.receive()
            if message.get("id") == number:
                return message
            self.others.append(message)

    def ask(self, action: str, **payload: object) -> dict[str, object]:
        """The whole answer to a new request."""
        return self.wait(self.start(action, payload))

    def get(self, action: str, **payload: object) -> object:
        """The payload of a successful answer."""
        answer = self.ask(action, **payload)
        assert answer["type"] == "response", answer
        return answer["payload"]

    def refused(self, action: str, **payload: object) -> dict[str, object]:
        """The error frame of a refused request."""
        answer = self.ask(action, **payload)
        assert answer["type"] == "error", answer
        return answer

    def event(self, name: str) -> dict[str, object]:
        """The payload of the next event of that name."""
        for place, message in enumerate(self.others):
            if message.get("event") == name:
                return self.others.pop(place)["payload"]  # type: ignore[return-value]
        while True:
            message = self.receive()
            if message.get("event") == name:
                return message["payload"]  # type: ignore[return-value]
            self.others.append(message)

    def close(self) -> None:
        self.socket.close()


def limit(price: float) -> dict[str, object]:
    """The style of a limit order."""
    return {"type": "limit", "price": price}


CODE = Code("000001.XSHE")
