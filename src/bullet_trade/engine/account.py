"""Account sync: the broker is the truth about money. A difference is told by name and amount, then taken over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.orders import Order
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.engine.events import AccountDiffers, Audience
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.journal import Journal


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
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._journal = journal
        self._audience = audience
        self._pump = pump
        self._open_orders = open_orders
        self._answered = 0
        self._checkpoint = False
        self.recovered = False
        """Whether the ledger comes from the journal, so that the first snapshot can differ from it."""
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

    def take(self, snapshot: AccountSnapshot, now: datetime) -> None:
        """Take a snapshot. While orders are on their way the sides may differ for a moment: nothing is said then."""
        self._answered += 1
        first, self.known = not self.known, True
        if self._open_orders() and not first:
            return
        differences = self._ledger.differences(snapshot) if self.recovered or not first else []
        if differences:
            self._journal.append(now, "difference", {"found": differences})
            self._audience.tell(AccountDiffers(now, tuple(differences)))
        if differences or first:
            self._journal.append(now, "account", snapshot)
            self._ledger.adopt(snapshot)
        if self._checkpoint and not self._open_orders():
            # Nothing is on its way: whoever reads the journal may begin here and needs nothing that was before.
            self._journal.append(now, "checkpoint", snapshot)
            self._checkpoint = False
