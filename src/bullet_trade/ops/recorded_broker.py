"""A broker that answers as the journal of a day says the real one did, and the journal that holds the strategy's
decisions against those of that day.

The order of cause and effect is kept: what arrived after the n-th decision arrives again after the n-th decision, and
not before its time. Where the recorded engine was slower than the virtual clock, the clock catches up.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from bullet_trade.domain.orders import Order
from bullet_trade.domain.reports import (
    AccountSnapshot,
    Entitlement,
    HoldingRow,
    LinkDown,
    LinkUp,
    OrderReport,
    Report,
)
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.engine import Engine
from bullet_trade.engine.recovery import Record
from bullet_trade.ops.recorded_day import Decision, Input, RecordedRun, decision_of
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.store.journal import History, encode

_report = msgspec.json.Decoder(OrderReport).decode
_snapshot = msgspec.json.Decoder(AccountSnapshot).decode
_entitlement = msgspec.json.Decoder(Entitlement).decode
_order = msgspec.json.Decoder(Order).decode


class EndOfRunError(BaseException):
    """The recorded run is over here, or the decisions differ. No handler of the strategy's may catch it."""


class Difference(NamedTuple):
    """The first decision that is not as it was: its number from 1, and both sides; None where there is none."""

    number: int
    recorded: Decision | None
    replayed: Decision | None


class CatchingUpClock(VirtualClock):
    """A virtual clock that can be moved on inside a callback, as time went on in the recorded one."""

    def catch_up(self, instant: datetime) -> None:
        """Not earlier than `instant` from now on."""
        self._now = max(self._now, instant)


class ComparingJournal:
    """Writes nothing: holds each decision against the recorded one. Implements `ops.assembly.RunJournal`."""

    def __init__(self, run: RecordedRun, clock: CatchingUpClock, from_start: bool) -> None:
        """`from_start`: there is no state to go on with."""
        self._run = run
        self._from_start = from_start
        self._clock = clock
        self._records = 0
        self._callback = ""
        self._callbacks = deque(run.callbacks)
        self._tags: dict[str, str] = {}
        self.made = 0
        """Decisions made so far, all of them as recorded."""
        self.difference: Difference | None = None
        self.on_decision: Callable[[], None] = lambda: None

    def history(self) -> History:
        run = self._run
        last_at = run.past[-1].at if run.past else None
        return History(run.number - 1, run.last_order, last_at, run.marks, fresh=self._from_start)

    def since_checkpoint(self) -> list[Record]:
        return self._run.past

    def append(self, at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
        self._records += 1
        if kind == "callback":
            self._callback = str(json.loads(encode(body))["name"])
            self._follow_callback()
        elif kind == "callback_end":
            self._callback = ""
        decision = decision_of(at, kind, json.loads(encode(body)), self._callback)
        if decision is not None:
            self._compare(decision)
        return self._records

    def barrier(self) -> None:
        """Nothing has to survive."""

    def close(self) -> None:
        """There is no file."""

    def _follow_callback(self) -> None:
        for place, (at, name) in enumerate(self._callbacks):
            if name == self._callback:
                for _ in range(place + 1):
                    self._callbacks.popleft()
                self._clock.catch_up(at)
                return

    def _compare(self, decision: Decision) -> None:
        run = self._run
        if self.difference is not None:
            raise EndOfRunError
        recorded = run.decisions[self.made] if self.made < len(run.decisions) else None
        if recorded is None and not run.proper and self._clock.now() >= run.ended_at:
            raise EndOfRunError  # the process died here, before it could decide this
        if recorded is None or not self._same(recorded, decision):
            self.difference = Difference(self.made + 1, recorded, decision)
            raise EndOfRunError
        if recorded.tag:
            self._tags[recorded.tag] = decision.tag
        self.made += 1
        self._clock.catch_up(recorded.at)
        self.on_decision()

    def _same(self, recorded: Decision, decision: Decision) -> bool:
        if recorded.key != decision.key:
            return False
        return recorded.key[0] != "cancel" or self.tag_of(recorded.tag) == decision.tag

    def tag_of(self, recorded: str) -> str:
        """Under which tag the recorded order travels now."""
        return self._tags.get(recorded, recorded)


class RecordedBroker:
    """Implements `ports.broker.Broker` for one recorded run. What was not recorded is answered from our own ledger: it
    did not differ, or the journal would say so."""

    label = "流水中的券商"

    def __init__(
        self,
        run: RecordedRun,
        journal: ComparingJournal,
        clock: CatchingUpClock,
        timers: Timers,
        engine: Callable[[], Engine],
    ) -> None:
        self._inputs = deque(run.inputs)
        self._journal = journal
        self._clock = clock
        self._timers = timers
        self._engine = engine
        self._sink: ReportSink | None = None
        self._stated = run.begin is None
        """Whether the account was stated on an earlier day, so that the journal of this one may not show it."""
        self._armed: datetime | None = None

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._journal.on_decision = self._release
        sink(LinkUp(self._clock.now()))
        if self._stated or not any(one.kind == "account" for one in self._inputs):
            self.request_snapshot()
            self._release()
            return
        while self._inputs:  # what the first statement proved came before it
            one = self._inputs.popleft()
            self._clock.catch_up(one.at)
            if one.kind != "link":
                self._deliver(one)
            if one.kind == "account":
                break
        self._release()

    def submit(self, ticket: OrderTicket) -> None:
        """The recorded answers come in their time."""

    def cancel(self, tag: str) -> None:
        """The recorded answer comes in its time."""

    def request_snapshot(self) -> None:
        ledger, now = self._engine().ledger, self._clock.now()
        holdings = tuple(
            HoldingRow(p.code, p.amount, max(0, p.amount - p.locked - p.bought_today), p.average_cost)
            for p in ledger
            if p.amount
        )
        self._put(AccountSnapshot(now, ledger.available, ledger.frozen, holdings))

    def close(self) -> None:
        self._sink = None

    def _release(self) -> None:
        """Deliver what is due, in the recorded order; look again when the next is."""
        while self._inputs and self._inputs[0].after <= self._journal.made:
            at = self._inputs[0].at
            if at > self._clock.now():
                if self._armed is None or self._armed > at or self._armed <= self._clock.now():
                    self._armed = at
                    self._timers.at(at, Rank.MARKET, self._release)
                return
            self._deliver(self._inputs.popleft())

    def _deliver(self, one: Input) -> None:
        match one.kind:
            case "report":
                report = _report(one.body)
                self._put(msgspec.structs.replace(report, tag=self._journal.tag_of(report.tag)))
            case "account":  # what its lists proved is recorded as reports of their own
                self._put(msgspec.structs.replace(_snapshot(one.body), orders=(), trades=(), complete=False))
            case "entitlement":
                self._put(_entitlement(one.body))
            case "adopted":
                self._engine().book.adopt(_order(one.body))
            case "link":
                link = json.loads(one.body)
                self._put(LinkUp(one.at) if link["up"] else LinkDown(link["reason"], one.at))

    def _put(self, report: Report) -> None:
        if self._sink is not None:
            self._sink(report)
