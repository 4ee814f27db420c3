"""Account sync: the broker is the truth about money. A difference is told by name and amount, then taken over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bullet_trade.domain.ledger import Difference, Ledger
from bullet_trade.domain.orders import Order
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import AccountDiffers, Audience
from bullet_trade.engine.timers import TimerQueue
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.journal import Journal

ANSWER_WITHIN = timedelta(seconds=10)
"""A request for the account that is older than this is taken for lost."""

GATHER = timedelta(seconds=1)
"""So long wishes for a statement are gathered into one question: counters drop questions that follow too closely."""


class AccountSync:
    """Compares our ledger with the broker's account."""

    def __init__(
        self,
        broker: Broker,
        ledger: Ledger,
        journal: Journal,
        audience: Audience,
        pump: Callable[[Callable[[], bool], float], bool],
        open_orders: Callable[[], Sequence[Order]],
        sellable: Callable[[Code], int],
        timers: TimerQueue,
        now: Callable[[], datetime],
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._journal = journal
        self._audience = audience
        self._pump = pump
        self._open_orders = open_orders
        self._sellable = sellable
        self._timers = timers
        self._now = now
        self._answered = 0
        self._asked_at: datetime | None = None
        self._gathering = self._asked_again = False
        self._suspected: tuple[list[Difference], int] | None = None
        self._checkpoint = False
        self.recovered = False
        """Whether the ledger comes from the journal, so that the first snapshot can differ from it."""
        self.stated_at: datetime | None = None
        """When the broker stated the account last."""
        self.differs: tuple[str, ...] = ()
        """What the last comparison found unequal, in words; empty when the sides agreed."""
        self.known = False
        """Whether the broker has stated the account at least once since this process started."""

    def sync(self, checkpoint: bool = False, timeout_s: float = 10.0) -> bool:
        """Ask for the account and wait for it; False when the broker did not answer in time.

        `checkpoint` marks a place in the journal from which recovery may begin, if no order is open.
        """
        before = self._answered
        self._checkpoint = checkpoint
        self._broker.request_snapshot()
        return self._pump(lambda: self._answered > before, timeout_s)

    def want(self, now: datetime) -> None:
        """Have the account stated soon, as it is after `now`; all wishes of a moment are one question."""
        if not self._gathering:
            self._gathering = True
            self._timers.add(now + GATHER, Rank.DAY, self._ask)

    def _ask(self) -> None:
        self._gathering = False
        now = self._now()
        if self._asked_at is not None and now - self._asked_at <= ANSWER_WITHIN:
            self._asked_again = True  # the answer on its way may be from before
            return
        self._asked_at = now
        self._broker.request_snapshot()

    def take(self, snapshot: AccountSnapshot, now: datetime) -> None:
        """Take a snapshot. While orders are on their way the sides may differ for a moment: a difference counts then
        only when the next statement shows it again and nothing happened between."""
        self._answered += 1
        self.stated_at = now
        self._asked_at = None
        first, self.known = not self.known, True
        self._compare(snapshot, now, first)
        if self._asked_again:
            self._asked_again = False
            self.want(now)

    def _may_sell_otherwise(self, snapshot: AccountSnapshot) -> bool:
        """Whether the broker lets us sell more or fewer shares than we think: an order by hand holds some, some are
        restricted. No money moved: it is taken over and not told."""
        return not self._open_orders() and any(row.closeable != self._sellable(row.code) for row in snapshot.holdings)

    def _compare(self, snapshot: AccountSnapshot, now: datetime, first: bool) -> None:
        differences = self._ledger.differences(snapshot) if self.recovered or not first else []
        if self._open_orders() and not first:
            suspected, self._suspected = self._suspected, (differences, self._ledger.version)
            if not differences or suspected != self._suspected:
                return
        self.differs = tuple(f"{one.what} 本地 {one.ours} 券商 {one.theirs}" for one in differences)
        if differences:
            self._journal.append(now, "difference", {"found": differences})
            self._audience.tell(AccountDiffers(now, tuple(differences)))
        if differences or first or self._may_sell_otherwise(snapshot):
            self._journal.append(now, "account", snapshot)
            self._ledger.adopt(snapshot)
        if self._checkpoint and not self._open_orders():
            # Nothing is on its way: whoever reads the journal may begin here and needs nothing that was before.
            self._journal.append(now, "checkpoint", snapshot)
            self._checkpoint = False
