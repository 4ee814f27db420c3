"""A drill's faults between engine and broker: reports that are late, repeated, out of order or lost, refusals, a
connection that breaks. Works around any `ports.broker.Broker`; the broker inside knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from random import Random

from bullet_trade.brokers.simulator.drills import (
    Delay,
    Disconnect,
    Drill,
    Duplicate,
    LostAck,
    OrderFault,
    Partial,
    Reject,
    Reorder,
)
from bullet_trade.brokers.simulator.market_faults import ThinnedFeed
from bullet_trade.domain.reports import (
    AccountSnapshot,
    CancelRefused,
    Entitlement,
    LinkDown,
    LinkUp,
    NoAnswer,
    OrderReport,
    Rejected,
    Report,
)
from bullet_trade.ports.broker import Broker, OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.exchange_feed import ExchangeFeed
from bullet_trade.ports.terms import TradingTerms

PARTIAL_LASTS = timedelta(minutes=1)


class DrilledBroker:
    """A `Broker` with the faults of `drill` around the one that `make` builds on the feed it is given."""

    def __init__(
        self,
        drill: Drill,
        make: Callable[[ExchangeFeed], Broker],
        feed: ExchangeFeed,
        timers: Timers,
        terms: TradingTerms,
    ) -> None:
        self._drill = drill
        self._timers = timers
        self._terms = terms
        self._feed = ThinnedFeed(feed, timers.now)
        self._inner = make(self._feed)
        self._draw = Random(drill.seed)
        self._sink: ReportSink | None = None
        self._order_faults = [fault for fault in drill.fault if isinstance(fault, OrderFault)]
        self._breaks = [(n, fault) for n, fault in enumerate(drill.fault) if isinstance(fault, Disconnect)]
        self._down = False
        self._day = date.min
        self._said: list[OrderReport] = []
        """The day's reports about orders in the order in which the broker made them, for pushing again."""
        self._missed: list[Report] = []
        """What else the broker said while the connection was down."""
        self._lost: set[str] = set()
        self._met: dict[str, list[OrderFault]] = {}
        self._held: list[OrderReport] = []
        self._busy_until = timers.now()

    @property
    def label(self) -> str:
        """The broker, and that a drill is on."""
        return f"{self._inner.label}（演练 {self._drill.name}）"

    # -- the broker port -------------------------------------------------------------------------------------------

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._plan(self._timers.now())
        self._inner.connect(self._take)

    def submit(self, ticket: OrderTicket) -> None:
        now = self._timers.now()
        if self._down:
            self._give(Rejected(ticket.tag, "与券商的连接已断开，委托没有发出", now, "link_down"))
            return
        met: list[OrderFault] = [fault for fault in self._order_faults if fault.meets(ticket.code, now, self._draw)]
        refusal = next((fault for fault in met if isinstance(fault, Reject)), None)
        if refusal is not None:
            self._give(Rejected(ticket.tag, refusal.reason, now, "drill_reject"))
            return
        if met:
            self._met[ticket.tag] = met
        for fault in met:
            if isinstance(fault, LostAck):
                self._lose(ticket.tag, fault, now)
            elif isinstance(fault, Partial):
                part = int(ticket.amount * fault.share)
                self._feed.leave(ticket.code, part, self._terms.volume_share, now + PARTIAL_LASTS)
        self._inner.submit(ticket)

    def cancel(self, tag: str) -> None:
        # Any thread: only reads, and hands over.
        if self._down:
            self._give(CancelRefused(tag, "与券商的连接已断开，撤单没有发出", self._timers.now()))
        else:
            self._inner.cancel(tag)

    def request_snapshot(self) -> None:
        if not self._down:
            self._inner.request_snapshot()

    def close(self) -> None:
        self._sink = None
        self._inner.close()

    # -- reports on their way --------------------------------------------------------------------------------------

    def _take(self, report: Report) -> None:
        """A report leaves the broker."""
        if isinstance(report, AccountSnapshot):
            if not self._down:
                self._after_all(report)
        elif isinstance(report, LinkUp | LinkDown):
            self._give(report)
        elif isinstance(report, Entitlement):
            if self._down:
                self._missed.append(report)
            else:
                self._after_all(report)
        else:
            self._said.append(report)
            if not self._down and report.tag not in self._lost:
                self._send(report)

    def _send(self, report: OrderReport) -> None:
        late_s, again_s, mixed_s = 0.0, -1.0, 0.0
        for fault in self._met.get(report.tag, ()):
            match fault:
                case Delay(seconds=seconds):
                    late_s = max(late_s, seconds)
                case Duplicate(seconds=seconds):
                    again_s = max(again_s, seconds)
                case Reorder(seconds=seconds):
                    mixed_s = max(mixed_s, seconds)
                case _:
                    pass
        if mixed_s:
            self._hold(report, late_s + mixed_s)
        else:
            self._later(report, late_s)
        if again_s >= 0:
            self._later(report, late_s + mixed_s + again_s)

    def _hold(self, report: OrderReport, seconds: float) -> None:
        self._held.append(report)
        if len(self._held) == 1:
            self._at(seconds, self._shuffle)
        else:
            self._busy(seconds)

    def _shuffle(self) -> None:
        held, self._held = self._held, []
        self._draw.shuffle(held)
        for report in held:
            self._give_unless_down(report)

    def _later(self, report: Report, seconds: float) -> None:
        if seconds <= 0:
            self._give(report)
        else:
            self._at(seconds, partial(self._give_unless_down, report))

    def _after_all(self, report: Report) -> None:
        """The account is stated once the reports before it have arrived: a terminal answers in order."""
        self._later(report, (self._busy_until - self._timers.now()).total_seconds())

    def _give_unless_down(self, report: Report) -> None:
        if not self._down:
            self._give(report)
        elif isinstance(report, Entitlement):
            self._missed.append(report)

    def _give(self, report: Report) -> None:
        if self._sink is not None:
            self._sink(report)

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        self._busy(seconds)
        self._timers.at(self._timers.now() + timedelta(seconds=seconds), Rank.MARKET, action)

    def _busy(self, seconds: float) -> None:
        self._busy_until = max(self._busy_until, self._timers.now() + timedelta(seconds=seconds))

    # -- lost answers ----------------------------------------------------------------------------------------------

    def _lose(self, tag: str, fault: LostAck, now: datetime) -> None:
        self._lost.add(tag)
        gone = NoAnswer(tag, f"演练：{fault.answer_s:g} 秒内没有任何应答", now + timedelta(seconds=fault.answer_s))
        self._timers.at(gone.at, Rank.MARKET, partial(self._give_unless_down, gone))
        if fault.found_s:
            when = now + timedelta(seconds=max(fault.found_s, fault.answer_s))
            self._timers.at(when, Rank.MARKET, partial(self._find, tag))

    def _find(self, tag: str) -> None:
        """The terminal lists the order after all: what was said about it is pushed again."""
        self._lost.discard(tag)
        if not self._down:
            self.push_again(tag)

    def push_again(self, tag: str = "") -> None:
        """Repeat what the broker said today about one order, or about all."""
        for report in self._said:
            if report.tag not in self._lost and tag in {"", report.tag}:
                self._give(report)

    # -- the connection --------------------------------------------------------------------------------------------

    def _plan(self, now: datetime) -> None:
        """Set the day's breaks of the connection, and look again tomorrow."""
        day = now.date()
        if day != self._day:
            self._day = day
            self._said.clear()
            self._met.clear()
            for number, fault in self._breaks:
                moment = fault.moment(day, f"{self._drill.seed}:{number}")
                if moment is not None and moment >= now:
                    self._timers.at(moment, Rank.MARKET, partial(self._break, fault))
        tomorrow = datetime.combine(day + timedelta(days=1), datetime.min.time())
        self._timers.at(tomorrow, Rank.MARKET, lambda: self._plan(self._timers.now()))

    def _break(self, fault: Disconnect) -> None:
        if not self._down:
            self.lose_link(f"演练：断线 {fault.seconds:g} 秒")
            when = self._timers.now() + timedelta(seconds=fault.seconds)
            self._timers.at(when, Rank.MARKET, self.restore_link)

    def lose_link(self, reason: str) -> None:
        """The connection is lost: orders do not leave, reports do not arrive."""
        self._down = True
        self._give(LinkDown(reason, self._timers.now()))

    def restore_link(self) -> None:
        """The connection is back, and the day's reports are pushed again."""
        self._down = False
        self._give(LinkUp(self._timers.now()))
        self.push_again()
        missed, self._missed = self._missed, []
        for report in missed:
            self._give(report)
        self._inner.request_snapshot()
