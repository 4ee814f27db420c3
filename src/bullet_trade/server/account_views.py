"""Reading the account: one question at a time to the broker, one view for everybody who asked before it was put."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.domain.securities import Code
from bullet_trade.ports.clock import Rank
from bullet_trade.server.owner import Owner

FRESH_S = 0.2
"""A snapshot this old still answers a read, when no order or report came since."""
SNAPSHOT_WAIT_S = 15.0
"""How long a broker may take to state the account."""


class View(NamedTuple):
    """The account at a moment, with the last price of each holding in yuan (0.0 unknown). Never changed; readable from
    any thread."""

    snapshot: AccountSnapshot
    prices: dict[Code, float]
    taken_at: float
    """Monotonic seconds."""
    seq: int
    """The number of the last report that it includes."""
    cache: dict[str, bytes]
    """Answers that were made of it, by what was asked."""


ViewReader = Callable[[View | None, str], None]
"""Takes the view, or None and the reason why there is none."""


@dataclass(slots=True)
class AccountViews:
    """The last view and those who wait for the next. Everything but `young` is for the owner's thread only."""

    owner: Owner
    ask_broker: Callable[[], None]
    _last: View | None = None
    _asking: list[ViewReader] = field(default_factory=list)
    _asking_next: list[ViewReader] = field(default_factory=list)
    """They came while an answer was under way, which may be older than what they have to see."""
    _round: int = 0

    def young(self) -> View | None:
        """The last view where it may answer a read now; from any thread."""
        view = self._last
        if view is None or self.owner.clock.monotonic() - view.taken_at > FRESH_S:
            return None
        return view

    def drop(self) -> None:
        """Something has changed since the last view."""
        self._last = None

    def wait(self, reader: ViewReader) -> None:
        """Have `reader` called with a view that the broker states after this call."""
        if self._asking:
            self._asking_next.append(reader)
        else:
            self._asking.append(reader)
            self._ask()

    def _ask(self) -> None:
        self._round += 1
        when = self.owner.clock.now() + timedelta(seconds=SNAPSHOT_WAIT_S)
        self.owner.timers.at(when, Rank.MARKET, partial(self._too_late, self._round))
        self.ask_broker()

    def _too_late(self, asked: int) -> None:
        if self._asking and self._round == asked:
            self.fail(f"券商 {SNAPSHOT_WAIT_S:g} 秒内没有回答账户查询")

    def fail(self, reason: str) -> None:
        """Tell all who wait that there will be no view."""
        readers = self._asking + self._asking_next
        self._asking, self._asking_next = [], []
        for reader in readers:
            reader(None, reason)

    def show(self, view: View) -> None:
        """The broker has stated the account."""
        self._last = view
        readers, self._asking = self._asking, self._asking_next
        self._asking_next = []
        for reader in readers:
            reader(view, "")
        if self._asking:
            self._ask()
