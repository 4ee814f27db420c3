"""`LIVE_MODE=dry_run`: everything runs, and the order stops right before the broker.

Two brakes of the same wall. `DryRunBroker` shows the real account and answers each order with the proof that it was
never sent. `PaperBroker` takes the real account as it stands at the start and lets the simulated exchange fill the
orders at the live quotes, so that the strategy can go on from what it "holds".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bullet_trade.domain.reports import AccountSnapshot, CancelRefused, LinkDown, LinkUp, NeverSent, Report
from bullet_trade.ports.broker import Broker, OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers

NOT_SENT = "dry_run：委托停在券商之前，没有发出"

LOOK_S = 0.1
"""How often the engine thread looks whether the real account has arrived."""


class DryRunBroker:
    """A broker that is looked at and never given anything. `now` tells exchange time."""

    def __init__(self, real: Broker, now: Callable[[], datetime]) -> None:
        self._real = real
        self._now = now
        self._sink: ReportSink | None = None
        self.label = f"{real.label}（dry_run，不发委托）"

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._real.connect(sink)

    def submit(self, ticket: OrderTicket) -> None:
        self._report(NeverSent(ticket.tag, NOT_SENT, self._now()))

    def cancel(self, tag: str) -> None:
        self._report(CancelRefused(tag, NOT_SENT, self._now()))

    def request_snapshot(self) -> None:
        self._real.request_snapshot()

    def close(self) -> None:
        self._sink = None
        self._real.close()

    def _report(self, report: Report) -> None:
        if self._sink is not None:
            self._sink(report)


class PaperBroker:
    """Fills on paper what would have gone to `real`.

    `open_paper` makes the paper counter from the account as the real broker states it first; it is called on the
    engine thread, and what the real broker states later is not passed on: from then on the paper account counts. Its
    link is: where the real broker is not reached, nothing is filled on paper either.
    """

    def __init__(self, real: Broker, timers: Timers, open_paper: Callable[[AccountSnapshot], Broker]) -> None:
        self._real = real
        self._timers = timers
        self._open_paper = open_paper
        self._paper: Broker | None = None
        self._stated: AccountSnapshot | None = None
        self._sink: ReportSink | None = None
        self.label = f"{real.label}（dry_run，纸面成交）"

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._real.connect(self._from_real)
        self._look()

    def _from_real(self, report: Report) -> None:
        # On the real broker's own thread: only keep what is said, or pass it on.
        if isinstance(report, AccountSnapshot):
            self._stated = self._stated or report
        elif isinstance(report, LinkUp | LinkDown) and self._sink is not None:
            self._sink(report)

    def _look(self) -> None:
        sink = self._sink
        if sink is None:
            return
        if self._stated is None:
            self._timers.at(self._timers.now() + timedelta(seconds=LOOK_S), Rank.MARKET, self._look)
            return
        self._paper = self._open_paper(self._stated)
        self._paper.connect(sink)

    def submit(self, ticket: OrderTicket) -> None:
        if self._paper is not None:
            self._paper.submit(ticket)
        elif self._sink is not None:
            self._sink(NeverSent(ticket.tag, "dry_run：真实账户还没有返回，纸面账户没有建立", self._timers.now()))

    def cancel(self, tag: str) -> None:
        if self._paper is not None:
            self._paper.cancel(tag)
        elif self._sink is not None:
            self._sink(CancelRefused(tag, NOT_SENT, self._timers.now()))

    def request_snapshot(self) -> None:
        if self._paper is not None:
            self._paper.request_snapshot()

    def close(self) -> None:
        self._sink = None
        if self._paper is not None:
            self._paper.close()
        self._real.close()
