"""Live quotes, as the engine, the strategy's functions and the simulated exchange read them.

The same port serves a replay (bars revealed as the clock moves) and a terminal's pushes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Protocol

import msgspec

from bullet_trade.domain.securities import Code


class Tick(msgspec.Struct, kw_only=True):
    """One snapshot with a five-level book, in JoinQuant's field names. Prices in yuan, volumes in shares.

    `volume` and `money` are cumulative over the day. A book price of 0.0 means that the level is empty.
    """

    code: Code
    datetime: datetime
    current: float
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    volume: int = 0
    money: float = 0.0
    ask_prices: tuple[float, ...] = ()
    ask_volumes: tuple[int, ...] = ()
    bid_prices: tuple[float, ...] = ()
    bid_volumes: tuple[int, ...] = ()


class DayFacts(msgspec.Struct, frozen=True):
    """What is known of a security before the day's first trade. Prices in yuan; 0.0 limits mean: no limit today."""

    name: str
    prev_close: float
    high_limit: float
    low_limit: float
    paused: bool
    st: bool


class Quotes(Protocol):
    """Prices now. All methods are called on the engine thread and answer from memory wherever they can."""

    def advance(self, now: datetime) -> None:
        """The clock has moved to `now`; called by the engine before anything else at that instant."""

    def open_day(self, day: date) -> None:
        """A trading day begins: forget yesterday's quotes."""

    def known(self, code: Code) -> bool:
        """Whether the source has this security, listed today."""

    def last_price(self, code: Code) -> float:
        """Latest price in yuan: yesterday's close before the open; 0.0 where nothing is known."""

    def day_open(self, code: Code) -> float:
        """Today's opening price, NaN before it is known."""

    def facts(self, code: Code) -> DayFacts:
        """Name, reference price, limits, suspension and ST mark of today."""

    def tick(self, code: Code) -> Tick | None:
        """The latest snapshot, None when there is none today."""

    def age_s(self, code: Code) -> float | None:
        """How old the newest price of `code` is, in seconds of trading time (breaks do not count); infinite where there
        is none of today, None where none is owed (suspended, no trading day)."""

    def subscribe(self, codes: Iterable[Code], sink: Callable[[Tick], None]) -> None:
        """Deliver each new snapshot of `codes` to `sink`, which may be called from any thread."""

    def unsubscribe(self, codes: Iterable[Code]) -> None:
        """Stop delivering."""
