"""Asking the terminal for the account: one query after another, with patience, until the answers fit together.

Counters pass over a query that comes too soon after another, so an unanswered one is asked again and from then on a
pause is kept. The fills are asked first and the orders last: where their shares do not add up, or where something was
pushed meanwhile, the answers belong to different moments, and all are asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from bullet_trade.brokers.qmt.agenda import Agenda, Entry
from bullet_trade.brokers.qmt.messages import Funds, OrderNews, Query, Rows, TradeNews
from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.domain.reports import HoldingRow

Row = TypeVar("Row")

TRIES = 3
ROUNDS = 3
BETWEEN_ROUNDS_S = 0.1
LISTS = (Query.TRADES, Query.ORDERS)
EVERYTHING = (Query.TRADES, Query.FUNDS, Query.HOLDINGS, Query.ORDERS)


@dataclass(slots=True)
class Found:
    """What the terminal stated. A list is None where the terminal answered "failed, or nothing there".

    `at` and `asked_s` are the moment before the first question, in exchange time and monotonic seconds.
    """

    at: datetime
    asked_s: float
    answers: dict[Query, Rows | None] = field(default_factory=dict)

    @property
    def orders(self) -> tuple[OrderNews, ...] | None:
        """The day's orders."""
        return self._rows(Query.ORDERS, OrderNews)

    @property
    def trades(self) -> tuple[TradeNews, ...] | None:
        """The day's fills."""
        return self._rows(Query.TRADES, TradeNews)

    @property
    def holdings(self) -> tuple[HoldingRow, ...] | None:
        """The positions."""
        return self._rows(Query.HOLDINGS, HoldingRow)

    @property
    def funds(self) -> Funds | None:
        """The money."""
        answer = self.answers.get(Query.FUNDS)
        return answer if isinstance(answer, Funds) else None

    @property
    def adds_up(self) -> bool:
        """Whether the fills of each order are those that the order speaks of."""
        traded: Counter[int] = Counter()
        for trade in self.trades or ():
            traded[trade.order_id] += trade.amount
        return all(traded[row.order_id] == row.filled for row in self.orders or ())

    def _rows(self, query: Query, kind: type[Row]) -> tuple[Row, ...] | None:
        answer = self.answers.get(query)
        return tuple(row for row in answer if isinstance(row, kind)) if isinstance(answer, tuple) else None


class Asking(Protocol):
    """Sends one query; the first function takes what is answered, the second the reason why nothing usable came."""

    def __call__(self, query: Query, done: Callable[[Rows | None], None], failed: Callable[[str], None]) -> None: ...


class Survey:
    """One survey at a time; wishes that come meanwhile are served by another one after it."""

    def __init__(
        self,
        terms: QmtTerms,
        agenda: Agenda,
        now: Callable[[], datetime],
        ask: Asking,
        found: Callable[[Found], None],
        failed: Callable[[str], None],
    ) -> None:
        self._terms = terms
        self._agenda = agenda
        self._now = now
        self._ask = ask
        self._on_found = found
        self._on_failed = failed
        self._gap_s = 0.0
        self._left: list[Query] = []
        self._kinds: tuple[Query, ...] = ()
        self._wanted: tuple[Query, ...] = ()
        self._found = Found(datetime(1, 1, 1), 0.0)
        self._tries = self._rounds = 0
        self._disturbed = False
        self._pause: Entry | None = None
        self.running = False

    def want(self, everything: bool) -> None:
        """Ask for the lists, or for the whole account; what is asked after this call."""
        kinds = EVERYTHING if everything else LISTS
        if self.running:
            self._wanted = max(self._wanted, kinds, key=len)
            return
        self._kinds, self._rounds, self.running = kinds, 0, True
        self._begin()

    def disturb(self) -> None:
        """An order or a fill was pushed: answers from before and after it do not fit together."""
        self._disturbed = True

    def stop(self) -> None:
        """The connection is gone: nothing will be answered."""
        self.running = False
        self._wanted = ()
        if self._pause is not None:
            self._pause.cancel()

    def _begin(self) -> None:
        self._rounds += 1
        self._disturbed = False
        self._found = Found(self._now(), self._agenda.monotonic())
        self._left = list(self._kinds)
        self._next()

    def _next(self) -> None:
        self._tries = 0
        self._try()

    def _try(self) -> None:
        self._tries += 1
        self._ask(self._left[0], self._take, self._missed)

    def _take(self, rows: Rows | None) -> None:
        if not self.running:
            return
        self._found.answers[self._left.pop(0)] = rows
        if self._left:
            self._after_gap(self._next)
        elif (self._disturbed or not self._found.adds_up) and self._rounds < ROUNDS:
            self._pause = self._agenda.after(max(self._gap_s, BETWEEN_ROUNDS_S), self._begin)
        else:
            self.running = False
            self._on_found(self._found)
            self._serve_wanted()

    def _missed(self, reason: str) -> None:
        if not self.running:
            return
        if self._tries < TRIES:
            self._gap_s = self._terms.query_gap_s
            self._after_gap(self._try)
            return
        self.running = False
        self._on_failed(f"{self._left[0].value}查询失败：{reason}")
        self._serve_wanted()

    def _serve_wanted(self) -> None:
        wanted, self._wanted = self._wanted, ()
        if wanted and not self.running:
            self.want(len(wanted) == len(EVERYTHING))

    def _after_gap(self, action: Callable[[], None]) -> None:
        if self._gap_s <= 0.0:
            action()
        else:
            self._pause = self._agenda.after(self._gap_s, action)
