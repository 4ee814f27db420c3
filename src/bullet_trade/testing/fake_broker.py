"""A broker that answers as a test writes down: late, twice, in the wrong order, or not at all.

    broker = ScriptedBroker(cash=100_000)
    broker.answers.append([accepted(), filled(300), silence, filled(200, after_s=20)])

Each submitted order takes the next script; when none is left, `usual` answers. Cancels take theirs from
`cancel_answers`. The account that the broker states moves with every *different* trade it reports.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count

from bullet_trade.domain.money import Money, Price, money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    HoldingRow,
    LinkDown,
    LinkUp,
    NoAnswer,
    OrderReport,
    Rejected,
    Report,
)
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers


@dataclass(frozen=True, slots=True)
class Answer:
    """One report about an order, `after_s` seconds of exchange time after the request."""

    make: Callable[[OrderTicket, datetime, str], OrderReport]
    """From the order, the present time, and a trade number that was never used before."""
    after_s: float = 0.0


Script = Sequence[Answer]

silence: Script = ()
"""No answer at all."""


def accepted(after_s: float = 0.0, broker_id: str = "B1") -> Answer:
    """The broker has the order."""
    return Answer(lambda ticket, now, _: Accepted(ticket.tag, broker_id, now), after_s)


def rejected(reason: str = "柜台拒绝", after_s: float = 0.0) -> Answer:
    """The broker refuses the order."""
    return Answer(lambda ticket, now, _: Rejected(ticket.tag, reason, now), after_s)


def filled(
    amount: int | None = None,
    at: float | None = None,
    *,
    trade_id: str = "",
    fee: float | None = 0.0,
    after_s: float = 0.0,
) -> Answer:
    """`amount` shares trade (None: the whole order) at `at` yuan (None: the limit or protection price).

    Two answers with the same `trade_id` are one trade reported twice; without it each answer is a trade of its own.
    `fee` None leaves the fee to the engine's estimate.
    """

    def make(ticket: OrderTicket, now: datetime, number: str) -> OrderReport:
        at_price = ticket.limit_price if at is None else price(at)
        shares = ticket.amount if amount is None else amount
        return Filled(ticket.tag, trade_id or number, shares, at_price, now, None if fee is None else money(fee))

    return Answer(make, after_s)


def cancelled(reason: str = "已撤单", after_s: float = 0.0) -> Answer:
    """The unfilled rest is gone."""
    return Answer(lambda ticket, now, _: Cancelled(ticket.tag, reason, now), after_s)


def cancel_refused(reason: str = "不可撤单", after_s: float = 0.0) -> Answer:
    """The cancel request fails."""
    return Answer(lambda ticket, now, _: CancelRefused(ticket.tag, reason, now), after_s)


def no_answer(reason: str = "超时", after_s: float = 0.0) -> Answer:
    """The adapter gives up waiting for proof."""
    return Answer(lambda ticket, now, _: NoAnswer(ticket.tag, reason, now), after_s)


class ScriptedBroker:
    """Implements `ports.broker.Broker`. Amounts given to it are yuan; `holdings` are shares by code, all sellable."""

    label = "脚本券商"

    def __init__(self, cash: float = 1_000_000.0, holdings: Mapping[str, int] | None = None, cost: float = 0.0) -> None:
        self.cash = money(cash)
        self.holdings = {Code(code): amount for code, amount in (holdings or {}).items()}
        self.cost = price(cost)
        """Average cost per share that is stated for every holding."""
        self.fresh: dict[Code, int] = {}
        """Shares bought since the start, which are stated as not sellable."""
        self.usual: Script = (accepted(), filled())
        self.answers: deque[Script] = deque()
        self.cancel_answers: deque[Script] = deque()
        self.states_account = True
        """Set to False to leave requests for the account unanswered."""
        self.submitted: list[OrderTicket] = []
        self.cancels: list[str] = []
        self.before_submit: Callable[[OrderTicket], None] = lambda _: None
        """Called with each order before anything is answered."""
        self.closed = False
        self._timers: Timers | None = None
        self._sink: ReportSink | None = None
        self._numbers = count(1)
        self._trades: set[tuple[str, str]] = set()
        self._tickets: dict[str, OrderTicket] = {}

    def on(self, timers: Timers) -> ScriptedBroker:
        """Use `timers` for what is answered later; returns the broker (the form that `run_days` wants)."""
        self._timers = timers
        return self

    # -- the port --------------------------------------------------------------------------------------------------

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        sink(LinkUp(self._now()))
        self.request_snapshot()

    def submit(self, ticket: OrderTicket) -> None:
        self.before_submit(ticket)
        self.submitted.append(ticket)
        self._tickets[ticket.tag] = ticket
        self._play(self.answers.popleft() if self.answers else self.usual, ticket)

    def cancel(self, tag: str) -> None:
        self.cancels.append(tag)
        self._play(self.cancel_answers.popleft() if self.cancel_answers else (cancelled(),), self._tickets[tag])

    def request_snapshot(self) -> None:
        if self.states_account:
            self.say(self._snapshot())

    def close(self) -> None:
        self.closed = True
        self._sink = None

    # -- what a test does ------------------------------------------------------------------------------------------

    def say(self, report: Report) -> None:
        """Deliver any report now."""
        if isinstance(report, Filled):
            self._book(report)
        if self._sink is not None:
            self._sink(report)

    def lose_link(self, reason: str = "连接断开") -> None:
        """The connection is lost."""
        self.say(LinkDown(reason, self._now()))

    def restore_link(self) -> None:
        """The connection is back."""
        self.say(LinkUp(self._now()))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        assert self._timers is not None, "give the broker its timers with on()"
        return self._timers.now()

    def _play(self, script: Script, ticket: OrderTicket) -> None:
        for answer in script:
            if answer.after_s <= 0:
                self._give(answer, ticket)
            else:
                assert self._timers is not None
                when = self._now() + timedelta(seconds=answer.after_s)
                self._timers.at(when, Rank.MARKET, partial(self._give, answer, ticket))

    def _give(self, answer: Answer, ticket: OrderTicket) -> None:
        self.say(answer.make(ticket, self._now(), f"T{next(self._numbers)}"))

    def _book(self, report: Filled) -> None:
        trade = (report.tag, report.trade_id)
        ticket = self._tickets.get(report.tag)
        if trade in self._trades or ticket is None:
            return
        self._trades.add(trade)
        code, sign = ticket.code, int(ticket.side)
        self.cash = Money(self.cash - sign * report.price * report.amount - (report.fee or 0))
        self.holdings[code] = self.holdings.get(code, 0) + sign * report.amount
        if ticket.side is Side.BUY:
            self.fresh[code] = self.fresh.get(code, 0) + report.amount

    def _snapshot(self) -> AccountSnapshot:
        rows = tuple(
            HoldingRow(code, amount, amount - min(amount, self.fresh.get(code, 0)), Price(self.cost))
            for code, amount in sorted(self.holdings.items())
            if amount
        )
        return AccountSnapshot(self._now(), self.cash, Money(0), rows)
