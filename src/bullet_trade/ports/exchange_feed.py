"""What only an exchange knows: the trading that is going on. Read by the simulated exchange, never by a strategy."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from bullet_trade.domain.securities import Code


class Bar(NamedTuple):
    """One minute of trading in (`start`, `end`]. Prices in yuan, volume in shares."""

    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int


class ExchangeFeed(Protocol):
    """Trading minutes around the present instant."""

    def bar_in_progress(self, code: Code) -> Bar | None:
        """The minute that has begun and not ended; None outside trading hours, when suspended or unknown."""

    def finished_bar(self, code: Code) -> Bar | None:
        """The minute that ended last today; None before the first one ends."""
