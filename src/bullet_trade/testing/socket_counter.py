"""A `Counter` in a process of its own, and the broker adapter that talks to it over a local socket.

One connection serves one engine, or one judge; what an engine has sent before it died arrives all the same. Frames are
a length of four bytes and msgspec JSON.
"""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from threading import Thread

import msgspec

from bullet_trade.domain.money import Money
from bullet_trade.domain.reports import LinkDown, LinkUp, OrderReport, Report, TradeRow
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.testing.counter import Booked, Counter

LENGTH = struct.Struct(">I")


class Submit(msgspec.Struct, frozen=True, tag=True):
    """An order."""

    ticket: OrderTicket


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """A request to cancel."""

    order: str


class Ask(msgspec.Struct, frozen=True, tag=True):
    """A request for the account; the first one of a connection makes it the engine's."""


class Show(msgspec.Struct, frozen=True, tag=True):
    """A judge's request for the books."""


class Books(msgspec.Struct, frozen=True, tag=True):
    """Everything that the counter has. `complaints` are those of whoever watched the orders come in."""

    cash: Money
    holdings: dict[Code, int]
    orders: list[Booked]
    trades: list[TradeRow]
    complaints: list[str]


Request = Submit | Cancel | Ask | Show
Answer = Report | Books

_read_request = msgspec.json.Decoder(Request).decode
_read_answer = msgspec.json.Decoder(Answer).decode


def write_frame(to: socket.socket, message: msgspec.Struct) -> None:
    """Send one message. Raises `OSError` on a broken connection."""
    body = msgspec.json.encode(message)
    to.sendall(LENGTH.pack(len(body)) + body)


def read_frame(source: socket.socket) -> bytes | None:
    """The next message's bytes; None when the other side is gone."""
    head = _exactly(source, LENGTH.size)
    return None if head is None else _exactly(source, LENGTH.unpack(head)[0])


def _exactly(source: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        try:
            part = source.recv(count - len(found))
        except OSError:
            return None
        if not part:
            return None
        found += part
    return found


class CounterServer:
    """Serves a counter until it is told to end. `now` is the time at the exchange, `pace` how many of its seconds pass
    in one of ours."""

    def __init__(self, counter: Counter, now: Callable[[], datetime], pace: float) -> None:
        self._counter = counter
        self._now = now
        self._pace = pace
        self.received: Callable[[OrderTicket], None] = lambda _: None
        """Hears of each order as it comes in."""
        self.complaints: list[str] = []
        self._engine: socket.socket | None = None
        self._doors = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._doors.register(self._listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]
        counter.tell = self._tell

    def serve(self) -> None:
        """Never returns; the process is ended from outside."""
        while True:
            self._counter.advance(self._now())
            for key, _ in self._doors.select(self._rest_s()):
                if key.fileobj is self._listener:
                    client, _ = self._listener.accept()
                    self._doors.register(client, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    self._handle(key.fileobj)

    def _rest_s(self) -> float:
        due = self._counter.next_due()
        return 1.0 if due is None else max(0.0, (due - self._now()).total_seconds() / self._pace)

    def _handle(self, client: socket.socket) -> None:
        body = read_frame(client)
        if body is None:
            self._doors.unregister(client)
            client.close()
            if client is self._engine:
                self._engine = None
            return
        self._counter.advance(self._now())
        match _read_request(body):
            case Submit(ticket):
                self.received(ticket)
                self._counter.enter(ticket)
            case Cancel(tag):
                self._counter.withdraw(tag)
            case Ask():
                self._engine = client
                self._send(client, self._counter.snapshot())
            case Show():
                counter = self._counter
                books = Books(counter.cash, counter.holdings, counter.orders, counter.trades, self.complaints)
                self._send(client, books)

    def _tell(self, report: OrderReport) -> None:
        if self._engine is not None:
            self._send(self._engine, report)

    def _send(self, client: socket.socket, message: msgspec.Struct) -> None:
        try:
            write_frame(client, message)
        except OSError:
            if client is self._engine:
                self._engine = None  # the engine is dead; the selector will say so


class SocketBroker:
    """Implements `ports.broker.Broker` over a connection to a `CounterServer`. Reports come on a thread of its own."""

    label = "套接字柜台"

    def __init__(self, port: int, now: Callable[[], datetime]) -> None:
        self._port = port
        self._now = now
        self._line: socket.socket | None = None

    def connect(self, sink: ReportSink) -> None:
        self._line = socket.create_connection(("127.0.0.1", self._port))
        sink(LinkUp(self._now()))
        Thread(target=self._listen, args=(self._line, sink), daemon=True).start()
        self.request_snapshot()

    def submit(self, ticket: OrderTicket) -> None:
        self._send(Submit(ticket))

    def cancel(self, tag: str) -> None:
        self._send(Cancel(tag))

    def request_snapshot(self) -> None:
        self._send(Ask())

    def close(self) -> None:
        if self._line is not None:
            self._line.close()

    def _send(self, message: Request) -> None:
        assert self._line is not None, "connect first"
        write_frame(self._line, message)

    def _listen(self, line: socket.socket, sink: ReportSink) -> None:
        while (body := read_frame(line)) is not None:
            answer = _read_answer(body)
            if not isinstance(answer, Books):
                sink(answer)
        sink(LinkDown("柜台关闭了连接", self._now()))


def ask_books(port: int) -> Books:
    """The books of the counter that listens on `port`."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        write_frame(line, Show())
        body = read_frame(line)
    answer = _read_answer(body or b"")
    assert isinstance(answer, Books)
    return answer
