"""The broker port over a QMT terminal: puts requests into the mailbox of the adapter's own thread and returns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from queue import Empty, SimpleQueue
from random import Random
from threading import Thread

from bullet_trade.brokers.qmt.agenda import Agenda
from bullet_trade.brokers.qmt.calls import CallThread
from bullet_trade.brokers.qmt.hours import watching
from bullet_trade.brokers.qmt.link import Link
from bullet_trade.brokers.qmt.messages import Cancel, Close, Message, Submit, WantSnapshot
from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.brokers.qmt.wheel import Wheel
from bullet_trade.domain.reports import Report
from bullet_trade.engine.clock import Clock
from bullet_trade.ports.broker import OrderTicket, ReportSink

CLOSING_S = 5.0
"""So long `close` waits for the terminal to let go of the session."""


def label_of(account_id: str) -> str:
    """How the account is shown to a person."""
    return f"QMT（尾号 {account_id[-4:]}）"


class QmtBroker:
    """Implements `ports.broker.Broker`. `clock` runs by itself; `is_session` knows the trading days."""

    def __init__(
        self, terms: QmtTerms, wheel: Wheel, clock: Clock, is_session: Callable[[date], bool], draw: Random
    ) -> None:
        self.label = label_of(terms.account_id)
        self._clock = clock
        self._mailbox: SimpleQueue[Message] = SimpleQueue()
        self._sink: ReportSink | None = None
        post = self._mailbox.put
        self._link = Link(
            terms,
            wheel,
            CallThread(post),
            Agenda(clock.monotonic),
            post,
            clock.now,
            lambda: watching(clock.now(), is_session),
            draw,
            self._tell,
        )
        # A daemon: the process must be able to end while the terminal hangs.
        self._thread = Thread(target=self._work, name="qmt-link", daemon=True)

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._thread.start()

    def submit(self, ticket: OrderTicket) -> None:
        self._mailbox.put(Submit(ticket))

    def cancel(self, tag: str) -> None:
        self._mailbox.put(Cancel(tag))

    def request_snapshot(self) -> None:
        self._mailbox.put(WantSnapshot())

    def close(self) -> None:
        self._sink = None
        self._mailbox.put(Close())
        if self._thread.is_alive():
            self._thread.join(CLOSING_S)

    def _tell(self, report: Report) -> None:
        sink = self._sink
        if sink is not None:
            sink(report)

    def _work(self) -> None:
        link = self._link
        link.begin()
        while not link.closed:
            try:
                message = self._next()
                if message is not None:
                    link.handle(message)
                link.agenda.run_due()
            except Exception as error:  # noqa: BLE001  # this thread must not die: it is the way to cancel orders
                link.broken(error)

    def _next(self) -> Message | None:
        due = self._link.agenda.next_due()
        try:
            return self._mailbox.get(timeout=None if due is None else max(0.0, due - self._clock.monotonic()))
        except Empty:
            return None
