"""Puts one session together from its parts. `compose` chooses the parts for a user, tests choose their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.securities import Code, Security
from bullet_trade.engine.brake import Brake
from bullet_trade.engine.clock import Clock
from bullet_trade.engine.desk import DeskTerms, tag_label
from bullet_trade.engine.engine import EngineParts, EngineTerms
from bullet_trade.engine.events import Audience, StateNote
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.recovery import Record
from bullet_trade.engine.risk_limits import NO_LIMITS, RiskLimits
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.overrides import Overrides
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.exchange_feed import ExchangeFeed
from bullet_trade.ports.journal import Journal
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.quotes import Quotes
from bullet_trade.ports.state_store import StateStore
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.store.journal import History
from bullet_trade.strategy.api import default_namespace
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session

NO_OVERRIDES = Overrides()


class Feed(Quotes, ExchangeFeed, Protocol):
    """Quotes on which a simulated exchange can match orders, too."""


@dataclass(frozen=True, slots=True)
class QuoteSurroundings:
    """What a source of quotes may look at. `note` tells people, in Chinese, what is wrong with the source."""

    timers: ClockTimers
    data: MarketData
    calendar: TradingCalendar
    note: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a broker that lives beside the engine may look at."""

    timers: ClockTimers
    feed: Feed
    trading: TradingTerms
    data: MarketData
    calendar: TradingCalendar
    securities: Callable[[Code], Security | None]


class RunJournal(Journal, Protocol):
    """A journal that knows of earlier runs what a start has to know."""

    def history(self) -> History:
        """What earlier runs have used and done."""

    def since_checkpoint(self) -> list[Record]:
        """The records from which orders and ledger are rebuilt."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts of one session. `label` names the strategy in order tags; the percentages are fractions.

    `quotes` makes the live quotes; without it `data` is revealed as the clock moves.
    """

    clock: Clock
    calendar: TradingCalendar
    data: MarketData
    audience: Audience
    journal: RunJournal
    store: StateStore
    broker: Callable[[Surroundings], Broker]
    terms: EngineTerms
    run_params: RunParams
    label: str
    overrides: Overrides = NO_OVERRIDES
    buy_percent: float = 0.015
    sell_percent: float = -0.015
    match_ticks: bool = False
    brake: Brake = field(default_factory=Brake)
    tidy: Callable[[], None] = lambda: None
    limits: RiskLimits = NO_LIMITS
    quote_age_s: float = 120.0
    quotes: Callable[[QuoteSurroundings], Feed] | None = None


def assemble(wiring: Wiring) -> Session:
    """Build a session; the strategy is not loaded yet. Raises `StateError` when saved state cannot be gone on with."""
    history = wiring.journal.history()
    saved = wiring.store.load()
    begun = saved is None and history.runs > 0 and not history.fresh
    if begun and not history.barely_begun:
        raise StateError(
            "流水里有运行记录，但状态文件 live_state.json 和 g.pkl 都不在了",
            "从备份恢复这两个文件，或用 --fresh 放弃旧状态重新开始（流水和账户保留）",
        )
    if begun:
        words = "上次首次启动在保存状态之前中断，没有下过委托：重新执行 initialize"
        wiring.audience.tell(StateNote(wiring.clock.now(), words))
    timers = TimerQueue()
    clock_timers = ClockTimers(wiring.clock, timers)

    def note(text: str) -> None:
        wiring.audience.tell(StateNote(wiring.clock.now(), text))

    feed: Feed
    if wiring.quotes is not None:
        feed = wiring.quotes(QuoteSurroundings(clock_timers, wiring.data, wiring.calendar, note))
    else:
        feed = HistoryFeed(wiring.data, wiring.calendar, clock_timers, wiring.match_ticks, note)
    trading = TradingTerms(FeeSchedule(wiring.overrides.commission))

    @cache
    def securities(code: Code) -> Security | None:
        known = wiring.data.security(code)
        return wiring.overrides.apply(known) if known is not None else None

    broker = wiring.broker(Surroundings(clock_timers, feed, trading, wiring.data, wiring.calendar, securities))
    parts = EngineParts(
        clock=wiring.clock,
        inbox=Inbox(),
        timers=timers,
        calendar=wiring.calendar,
        quotes=feed,
        broker=broker,
        rules=RuleBook(wiring.overrides, trading.schedule, wiring.calendar),
        trading=trading,
        journal=wiring.journal,
        audience=wiring.audience,
        securities=securities,
        desk_terms=DeskTerms(
            tag_label(wiring.label),
            max(history.runs, saved.state.run_number if saved else 0) + 1,
            history.last_order + 1,
            wiring.buy_percent,
            wiring.sell_percent,
            wiring.quote_age_s,
        ),
        past=wiring.journal.since_checkpoint,
        brake=wiring.brake,
        tidy=wiring.tidy,
        limits=wiring.limits,
    )
    session = Session(parts, wiring.terms, wiring.data, wiring.store, saved, wiring.run_params, default_namespace())
    if saved is not None:
        session.engine.days.marks.update(history.marks)
        session.engine.alive_until = history.last_at
    return session
