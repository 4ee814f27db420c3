"""What a server type provides: brokers for its accounts, quotes, and history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bullet_trade.domain.securities import Code, Security
from bullet_trade.engine.clock import Clock
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.quotes import Quotes
from bullet_trade.server.accounts import AccountSpec
from bullet_trade.server.owner import Owner
from bullet_trade.server.quote_desk import QuoteWorld


@dataclass(frozen=True, slots=True)
class World:
    """What an account needs around it. All of it belongs to the account's thread."""

    broker: Broker
    quotes: Quotes
    rules: RuleBook
    calendar: TradingCalendar
    securities: Callable[[Code], Security | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a venue is opened with. `directory` is the server's own, existing and writable."""

    settings: Settings
    clock: Clock
    directory: Path
    data: str


@dataclass(frozen=True, slots=True)
class HistoryWorld:
    """Bars and descriptions; they belong to the thread that opened them."""

    data: MarketData
    calendar: TradingCalendar


@dataclass(frozen=True, slots=True)
class Venue:
    """Each function is called on the thread that will own what it makes, and raises `UsageError`, `StateError` or
    `DataError`. `label` is shown to people, `backend_type` told to clients."""

    label: str
    backend_type: str
    open_account: Callable[[AccountSpec, Owner], World]
    open_quotes: Callable[[Owner], QuoteWorld]
    open_history: Callable[[], HistoryWorld]
    release: Callable[[], None] = lambda: None
    """Lets go of what the opened worlds share, once their threads have ended."""
