"""Time as the engine sees it. Two implementations: the wall clock and the virtual clock (`engine/clock.py`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from typing import Protocol


class Rank(IntEnum):
    """Order of things that are due at the same instant; lower runs first."""

    MARKET = 0
    """The exchange moves: matching, ticks, settlement. The strategy of that instant sees the result."""
    DAY = 1
    """The engine's own marks of the day."""
    TASK_MONTHLY = 2
    TASK_WEEKLY = 3
    TASK_DAILY = 4
    HOOK = 5
    """before_trading_start, handle_data, after_trading_end: after the scheduled functions of the same instant."""
    HOUSEKEEPING = 6
    """Saving, account sync, summaries: after the strategy."""


class Timers(Protocol):
    """Calls functions at exchange times, on the engine thread."""

    def now(self) -> datetime:
        """Present time, naive Beijing time."""

    def at(self, when: datetime, rank: Rank, action: Callable[[], None]) -> object:
        """Call `action` once at `when` (at once if that is past); the result can be given to `cancel`.

        Ranks MARKET and DAY also run while the strategy waits for an order; the others wait until it returns.
        """

    def cancel(self, handle: object) -> None:
        """Forget a call that has not happened yet; no error when it has."""
