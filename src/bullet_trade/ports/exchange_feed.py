"""What only an exchange knows: the trading that is going on. Read by the simulated exchange, never by a strategy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from bullet_trade.domain.securities import Code
from bullet_trade.ports.quotes import Tick


class Bar(NamedTuple):
    """One minute of trading in (`start`, `end`]. Prices in yuan, volume in shares."""

    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int


class Auction(NamedTuple):
    """The result of a call auction: one price in yuan, and the shares that traded at it."""

    price: float
    volume: int


class ExchangeFeed(Protocol):
    """Trading minutes, snapshots and auctions around the present instant. Engine thread only."""

    def minute(self, code: Code, start: datetime) -> Bar | None:
        """The trading minute that began at `start`, which is not later than now: in progress or ended.

        None outside trading hours, on another day, when suspended or unknown.
        """

    def uses_ticks(self, code: Code) -> bool:
        """Whether orders in `code` meet its snapshots today, rather than its minutes."""

    def snapshot(self, code: Code) -> Tick | None:
        """The newest snapshot not later than now; None where `uses_ticks` is False or there is none yet."""

    def follow(self, code: Code, sink: Callable[[Tick], None]) -> None:
        """Deliver each snapshot later than now to `sink`, on the engine thread, until `unfollow`."""

    def unfollow(self, code: Code) -> None:
        """Stop delivering; no error when nothing was delivered."""

    def opening_auction(self, code: Code) -> Auction | None:
        """Today's opening call auction; None before 09:25, and where nothing traded."""

    def closing_auction(self, code: Code) -> Auction | None:
        """Today's closing call auction, of a security that has one; None before 15:00, and where nothing traded."""
