"""Whole days of one strategy on the virtual clock: the program's own engine, with everything around it in memory or in
a directory of the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from bullet_trade.brokers.simulator.account import Account
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.brokers.simulator.drills import Drill
from bullet_trade.brokers.simulator.faults import DrilledBroker
from bullet_trade.brokers.simulator.market_faults import DrilledMarket
from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.domain.money import money
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.desk import DeskTerms, tag_label
from bullet_trade.engine.engine import EngineParts, EngineTerms
from bullet_trade.engine.inbox import Inbox, StopRequested
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.overrides import Overrides
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.exchange_feed import ExchangeFeed
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.store.journal import Row, SqliteJournal, read_journal
from bullet_trade.store.state import FileStateStore
from bullet_trade.strategy.api import default_namespace
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session
from bullet_trade.testing.recorder import Recorder

STRATEGY_FILE, JOURNAL_FILE = "strategy_under_test.py", "journal.db"


@dataclass(frozen=True, slots=True)
class DaysRun:
    """What a run left. `rows` is the whole journal of the directory; `account` the simulated account, for a restart."""

    session: Session
    recorder: Recorder
    rows: list[Row]
    reason: str
    account: Account


def run_days(
    source: str,
    market: MarketData,
    first: date,
    last: date,
    *,
    directory: Path | None = None,
    broker: Callable[[Timers], Broker] | None = None,
    account: Account | None = None,
    cash: float = 1_000_000.0,
    start: datetime | None = None,
    stop_at: datetime | None = None,
    report_delay_s: float = 0.0,
    order_wait_s: float = 16.0,
    autosave_s: float | None = None,
    recorder: Recorder | None = None,
    drill: Drill | None = None,
    ticks_everywhere: bool = False,
    prepare: Callable[[Session], None] = lambda _: None,
) -> DaysRun:
    """Run the strategy `source` from `first` (or from the instant `start`) to the end of `last`.

    Without `broker` the built-in exchange trades on `account`, else on a new one with `cash` yuan; `drill` makes it
    misbehave, `ticks_everywhere` is as for `HistoryFeed`. `directory` holds state and journal: give the same one again
    for a restart; without it a temporary one is used. `stop_at` ends the run early, as the operator would. `prepare` is
    called with the session before it starts. What the engine raises comes through; pass a `recorder` to see what was
    told until then.
    """
    with ExitStack() as stack:
        folder = directory or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / STRATEGY_FILE
        if not file.exists() or file.read_text(encoding="utf-8") != source:
            file.write_text(source, encoding="utf-8")
        recorder = recorder or Recorder()
        account = account or Account(cash=money(cash))
        clock = VirtualClock(start or datetime.combine(first, time()))
        inbox, timers, calendar = Inbox(), TimerQueue(), exchange_calendar()
        clock_timers = ClockTimers(clock, timers)
        market = DrilledMarket(market, drill) if drill is not None else market
        feed = HistoryFeed(market, calendar, clock_timers, ticks_everywhere)
        trading = TradingTerms(FeeSchedule())

        def simulator(trading_now: ExchangeFeed) -> Broker:
            seen = Market(trading_now, feed, market, calendar, feed.security)
            return SimulatedBroker(seen, clock_timers, trading, account, report_delay_s)

        if broker is not None:
            plugged = broker(clock_timers)
        elif drill is not None:
            plugged = DrilledBroker(drill, simulator, feed, clock_timers, trading)
        else:
            plugged = simulator(feed)
        store = FileStateStore(folder, durable=False)
        saved = store.load()
        journal = SqliteJournal(folder / JOURNAL_FILE)
        used = journal.numbers()
        run_number = max(used.runs, saved[0].run_number if saved else 0) + 1
        parts = EngineParts(
            clock=clock,
            inbox=inbox,
            timers=timers,
            calendar=calendar,
            quotes=feed,
            broker=plugged,
            rules=RuleBook(Overrides(), trading.schedule, calendar),
            trading=trading,
            journal=journal,
            audience=recorder,
            securities=feed.security,
            desk_terms=DeskTerms(tag_label(file.stem), run_number, used.last_order + 1),
        )
        terms = EngineTerms(file.resolve(), order_wait_s, last, autosave_s=autosave_s)
        session = Session(parts, terms, market, store, saved, RunParams(first, last), default_namespace())
        if stop_at is not None:
            timers.add(stop_at, Rank.HOUSEKEEPING, lambda: inbox.put(StopRequested("测试到此为止")))
        prepare(session)
        try:
            session.load()
        except BulletTradeError:
            parts.journal.close()
            raise
        reason = session.run()
        return DaysRun(session, recorder, list(read_journal(folder / JOURNAL_FILE)), reason, account)
