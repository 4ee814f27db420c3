"""The adapter without threads of its own, on a clock that somebody else moves: the same mind, driven step by step.

The vendor's layer and the stand-in terminal keep their threads; after each step both are waited for, so that the same
steps give the same reports in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import partial
from random import Random

from bullet_trade.brokers.qmt.agenda import Agenda
from bullet_trade.brokers.qmt.broker import label_of
from bullet_trade.brokers.qmt.calls import make
from bullet_trade.brokers.qmt.hours import watching
from bullet_trade.brokers.qmt.link import Link
from bullet_trade.brokers.qmt.messages import Call, Cancel, Close, Message, Submit, WantSnapshot
from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.brokers.qmt.wheel import Wheel
from bullet_trade.domain.reports import Report
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal

_TICK = timedelta(microseconds=1)


class SteppedCalls:
    """Makes each call at once, on a thread that is waited for: the wheel treats the main thread differently."""

    stuck = 0

    def __init__(self, post: Callable[[Message], None]) -> None:
        self._post = post
        self._thread = ThreadPoolExecutor(1, "stepped-calls")

    def run(self, call: Call) -> None:
        self._post(self._thread.submit(make, call).result(20.0))

    def abandon(self) -> list[Call]:
        return []

    def close(self) -> None:
        """The thread ends with `end`, after the last call."""

    def end(self) -> None:
        """Release the thread."""
        self._thread.shutdown()


class SteppedQmt:
    """Implements `ports.broker.Broker` over `terminal`, on the thread and the clock of `timers`."""

    def __init__(
        self,
        terms: QmtTerms,
        wheel: Wheel,
        terminal: FakeTerminal,
        timers: Timers,
        is_session: Callable[[date], bool] = lambda _: True,
    ) -> None:
        self.label = label_of(terms.account_id)
        self._terminal = terminal
        self._timers = timers
        self._origin = timers.now()
        self._mailbox: deque[Message] = deque()
        self._sink: ReportSink | None = None
        self._waking: datetime | None = None
        self._calls = SteppedCalls(self._mailbox.append)
        self.link = Link(
            terms,
            wheel,
            self._calls,
            Agenda(self._monotonic),
            self._mailbox.append,
            timers.now,
            lambda: watching(timers.now(), is_session),
            Random(1),
            self._tell,
        )

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self.link.begin()
        self.settle()

    def submit(self, ticket: OrderTicket) -> None:
        self._mailbox.append(Submit(ticket))
        self.settle()

    def cancel(self, tag: str) -> None:
        """Taken up with the next step: it may come from another thread."""
        self._mailbox.append(Cancel(tag))
        self._timers.at(self._timers.now(), Rank.MARKET, self.settle)

    def request_snapshot(self) -> None:
        self._mailbox.append(WantSnapshot())
        self.settle()

    def close(self) -> None:
        self._sink = None
        self._mailbox.append(Close())
        self.settle()
        self._calls.end()

    def die(self) -> None:
        """The process was killed: what it still meant to do is never done, and the terminal has one client less."""
        self._sink = None
        self.link.handle(Close())
        self._mailbox.clear()
        self._calls.end()

    def settle(self) -> None:
        """Let everything happen that is due now."""
        while True:
            self._terminal.settle()
            self.link.agenda.run_due()
            if not self._mailbox:
                break
            while self._mailbox:
                self.link.handle(self._mailbox.popleft())
        self._wake_later()

    def _wake_later(self) -> None:
        due_s, due = self.link.agenda.next_due(), self._terminal.next_due()
        if due_s is not None:
            mine = self._origin + timedelta(seconds=due_s) + _TICK
            due = mine if due is None else min(mine, due)
        if due is not None and not self.link.closed and (self._waking is None or due < self._waking):
            self._waking = due
            self._timers.at(due, Rank.MARKET, partial(self._wake, due))

    def _wake(self, due: datetime) -> None:
        if due != self._waking:
            return  # an earlier step was planned since, and has planned the next one
        self._waking = None
        if not self.link.closed:
            self.settle()

    def _monotonic(self) -> float:
        return (self._timers.now() - self._origin).total_seconds()

    def _tell(self, report: Report) -> None:
        if self._sink is not None:
            self._sink(report)
