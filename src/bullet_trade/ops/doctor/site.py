"""What the checks look at: settings and places as values, everything that reaches outside as a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.domain.securities import Code
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ops.settings import Settings, Source
from bullet_trade.remote.messages import HandshakeAck


class TerminalLook(NamedTuple):
    """What came of connecting to a terminal: the account, or None with the `reason`."""

    account: AccountSnapshot | None
    reason: str


class Snapshot(NamedTuple):
    """A quote as the terminal gives it: exchange time, prices in yuan, `volume` in the terminal's own unit, `money` in
    yuan; the last two are of the day so far."""

    at: datetime
    price: float
    high: float
    low: float
    volume: float
    money: float


class DayBar(NamedTuple):
    """A daily bar as the terminal gives it; units as of `Snapshot`."""

    day: str
    high: float
    low: float
    volume: float
    money: float


class TerminalQuotes(Protocol):
    """The terminal's quotes, asked for with a time limit. Raises `DataError`, where nothing comes in time, too."""

    def snapshot(self, code: Code) -> Snapshot | None:
        """The present snapshot, None where the terminal has none."""

    def day_bars(self, code: Code) -> Sequence[DayBar]:
        """The last daily bars, oldest first."""


@dataclass(frozen=True, slots=True)
class Site:
    """One machine, one set of settings, one broker to trade with.

    `directory` is the runtime directory of the run. `python`, `system` and `offset` (of local time from UTC) are facts
    of the platform. `installed` gives a package's version, None for none. `load_xtquant` raises `UsageError`; `connect`
    looks at the account with the terms given; `quotes` raises `UsageError` where they cannot be had; `greet` shakes
    hands with the server and raises the errors of `remote.line.opened`.
    """

    settings: Settings
    sources: Sequence[Source]
    broker: str
    directory: Path
    log_dir: Path
    python: tuple[int, int, int]
    system: str
    offset: timedelta
    now: Callable[[], datetime]
    free_bytes: Callable[[Path], int]
    installed: Callable[[str], str | None]
    calendar: Callable[[], TradingCalendar]
    load_xtquant: Callable[[], object]
    connect: Callable[[QmtTerms], TerminalLook]
    quotes: Callable[[], TerminalQuotes]
    greet: Callable[[Settings], HandshakeAck]
