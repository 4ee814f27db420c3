"""The broker port over a connection to a server: requests leave at once, what comes of them is told as reports.

Requests come on the engine's thread and any other, answers and pushes on the link's. One lock guards what is known of
the orders, and reports are told while it is held, so that their order is that of the facts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from threading import RLock
from typing import TypeVar
from uuid import UUID

import msgspec

from bullet_trade.brokers.qmt.agenda import Agenda
from bullet_trade.brokers.qmt_remote.orders import OrderTable
from bullet_trade.brokers.qmt_remote.statements import Statements
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.brokers.qmt_remote.wire_time import ServerClock
from bullet_trade.brokers.qmt_remote.writes import Writes
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.reports import (
    AccountSnapshot,
    Entitlement,
    LinkDown,
    LinkUp,
    Rejected,
    Report,
)
from bullet_trade.engine.clock import Clock
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.remote import body, features
from bullet_trade.remote.line import Address
from bullet_trade.remote.link import Done, Ears, Link, LinkTerms, Outcome
from bullet_trade.remote.messages import PROTOCOL, Event, Handshake, HandshakeAck, Pong, Seen
from bullet_trade.remote.trading import REPORT_EVENT, NumberedReport

T = TypeVar("T")

MISSES = 3
"""So many failed questions after the account in a row mean that the server cannot serve it."""
MOST_EARLY = 10_000
"""So many reports are kept until it is known whose they are; the lists know what went before."""

_report = msgspec.json.Decoder(NumberedReport)


class RemoteBroker:
    """Implements `ports.broker.Broker`. `clock` runs by itself; `draw` spreads the attempts to reconnect and makes the
    keys of requests, so it must differ from one start to the next."""

    def __init__(
        self,
        address: Address,
        token: str,
        terms: RemoteTerms,
        clock: Clock,
        draw: Random,
        link_terms: LinkTerms | None = None,
    ) -> None:
        account = "/".join(name for name in (terms.account_key, terms.sub_account) if name)
        self.label = f"远程券商 {address.host}:{address.port}{f'（{account}）' if account else ''}"
        self._token = token
        self._terms = terms
        self._clock = clock
        self._lock = RLock()
        self._sink: ReportSink | None = None
        self._server_clock = ServerClock()
        self._asked_at = clock.now()
        """When the server's time was asked for last; the link's thread only."""
        self._agenda = Agenda(clock.monotonic)
        self._table = OrderTable(terms.tag_prefix, self._tell, clock.now)
        self._told_up: bool | None = None
        self._down_reason = "尚未连接"
        self._misses = 0
        self._stream = ""
        self._account_key = ""
        self._seq = 0
        """Number of the last report that was taken in, of `_account_key` on `_stream`."""
        self._early: deque[NumberedReport] = deque(maxlen=MOST_EARLY)
        """Reports that came before it was known which account is meant."""
        self._statements = Statements(terms, self._table, self._agenda, clock.now, self._stated, self._not_stated)
        self._writes = Writes(
            terms,
            self._table,
            self._agenda,
            self._server_clock,
            clock.now,
            partial(_new_id, draw),
            self._statements.want,
        )
        ears = Ears(
            self._locked(self._up),
            self._locked(self._down),
            self._locked(self._pushed),
            self._nap,
            self._note_ask,
            self._heard_pong,
        )
        link = self._link = Link(address, self._greeting, link_terms or LinkTerms(), clock.monotonic, draw, ears)
        self._writes.use(link, self._guard)
        self._statements.use(link, self._guard)

    # -- the port --------------------------------------------------------------------------------------------------

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._link.start()
        self._link.first_try.wait(self._link.terms.connect_s * 2)
        if self._link.refused:
            self.close()
            raise UsageError(
                f"远程服务拒绝连接：{self._link.refused}",
                "检查 QMT_SERVER_TOKEN 和服务端的允许地址，服务端日志里有原因",
            )

    def submit(self, ticket: OrderTicket) -> None:
        with self._lock:
            self._table.open_day(self._clock.now().date())
            if self._told_up:
                self._writes.place(ticket)
            else:
                reason = f"远程服务未连接（{self._down_reason}），委托没有发出"
                self._tell(Rejected(ticket.tag, reason, self._clock.now(), "link_down"))

    def cancel(self, tag: str) -> None:
        with self._lock:
            if self._link.up:
                self._writes.cancel(tag)
            else:
                self._table.refuse_cancel(tag, f"远程服务未连接（{self._down_reason}），撤单没有发出")

    def request_snapshot(self) -> None:
        with self._lock:
            if self._link.up:
                self._statements.want()

    def close(self) -> None:
        self._sink = None
        self._link.close()

    # -- the connection --------------------------------------------------------------------------------------------

    def _greeting(self) -> Handshake:
        self._note_ask()
        with self._lock:
            seen = (Seen(self._stream, self._account_key, self._seq),) if self._stream and self._account_key else ()
        return Handshake(
            token=self._token,
            protocol=PROTOCOL,
            features=("tick", "order_stream", *features.EXTENSIONS),
            account_key=self._terms.account_key or None,
            sub_account_id=self._terms.sub_account or None,
            resume=seen,
        )

    def _up(self, ack: HandshakeAck) -> None:
        if features.BROKER not in ack.features:
            self._down("服务端没有启用券商功能（--enable-broker）")
            return
        self._server_clock.hear(ack.server_time, self._asked_at, self._clock.now())
        agreed = frozenset(features.agreed(features.EXTENSIONS, ack.features))
        if ack.stream != self._stream:  # the server has started anew: the numbers begin again, the lists tell the rest
            self._stream, self._seq = ack.stream or "", 0
        self._early.clear()
        self._writes.greet(agreed)
        self._statements.greet(agreed)
        self._writes.chase_all()

    def _down(self, reason: str) -> None:
        self._statements.lose()
        self._tell_down(reason)

    def _not_stated(self, reason: str) -> None:
        """The server stands and cannot state the account: its own connection to the broker is down, or it is ill."""
        self._misses += 1
        if self._told_up is not True or self._misses >= MISSES:
            self._tell_down(reason)

    def _tell_down(self, reason: str) -> None:
        self._down_reason = reason
        if self._told_up is not False:
            self._told_up = False
            self._tell(LinkDown(reason, self._clock.now()))

    def _tell_up(self) -> None:
        if self._told_up is not True:
            self._told_up = True
            self._tell(LinkUp(self._clock.now()))

    def _nap(self) -> None:
        with self._lock:
            self._agenda.run_due()

    def _heard_pong(self, pong: Pong) -> None:
        self._server_clock.hear(pong.server_time, self._asked_at, self._clock.now())

    def _note_ask(self) -> None:
        self._asked_at = self._clock.now()

    # -- what the server tells -------------------------------------------------------------------------------------

    def _pushed(self, event: Event) -> None:
        if event.event == REPORT_EVENT:
            self._numbered(body.parse(_report, event.payload, body.IN_ANSWERS))

    def _numbered(self, told: NumberedReport) -> None:
        if not self._account_key:
            self._early.append(told)
        if told.account_key != self._account_key or told.seq <= self._seq:
            return
        if told.seq > self._seq + 1 and self._seq:
            self._statements.want()  # some are missing: the lists know them
        self._seq = told.seq
        self._take(self._server_clock.ours(told.report))

    def _take(self, report: Report) -> None:
        match report:
            case LinkDown(reason):
                self._tell_down(f"服务端与券商的连接中断：{reason}")
            case LinkUp():
                self._statements.want()
            case Entitlement():
                self._tell(report)
            case AccountSnapshot():
                pass  # never pushed: it is asked for
            case _:
                self._table.take(report)

    def _stated(self, snapshot: AccountSnapshot, account_key: str, seq: int | None) -> None:
        ours = self._server_clock.ours(snapshot) if seq is not None else snapshot
        if not self._account_key:
            self._account_key = account_key
            while self._early:
                self._numbered(self._early.popleft())
        self._seq = max(self._seq, seq or 0)
        self._table.open_day(self._clock.now().date())
        self._table.learn(ours.orders, ours.trades, self._agenda.monotonic())
        if self._table.open_fates():  # one of ours may be on its way: that a list lacks it proves nothing
            ours = msgspec.structs.replace(ours, complete=False)
        self._misses = 0
        self._tell_up()
        self._table.stated_at = max(self._table.stated_at, ours.at)
        self._tell(ours)

    # -- threads ---------------------------------------------------------------------------------------------------

    def _tell(self, report: Report) -> None:
        sink = self._sink
        if sink is not None:
            sink(report)

    def _guard(self, done: Done) -> Done:
        def handle(outcome: Outcome) -> None:
            with self._lock:
                done(outcome)

        return handle

    def _locked(self, call: Callable[[T], None]) -> Callable[[T], None]:
        def handle(value: T) -> None:
            with self._lock:
                call(value)

        return handle


def _new_id(draw: Random) -> UUID:
    return UUID(int=draw.getrandbits(128), version=4)
