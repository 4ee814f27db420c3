"""Whole days of one strategy on the virtual clock: the program's own engine, with everything around it in memory or in
a directory of the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from bullet_trade.brokers.simulator.account import Account
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.brokers.simulator.drills import Drill
from bullet_trade.brokers.simulator.faults import DrilledBroker
from bullet_trade.brokers.simulator.market_faults import DrilledMarket
from bullet_trade.domain.money import money
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.engine import EngineTerms
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.engine.risk_limits import NO_LIMITS, RiskLimits
from bullet_trade.market.calendar import TradingCalendar, exchange_calendar
from bullet_trade.ops.assembly import Surroundings, Wiring, assemble
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.exchange_feed import ExchangeFeed
from bullet_trade.ports.market_data import MarketData
from bullet_trade.store.journal import Row, SqliteJournal, read_journal
from bullet_trade.store.state import FileStateStore
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
    catch_up: timedelta = timedelta(0),
    ticks_everywhere: bool = False,
    clock: Callable[[datetime], VirtualClock] = VirtualClock,
    calendar: TradingCalendar | None = None,
    closed_days: Callable[[], Iterable[date]] = tuple,
    limits: RiskLimits = NO_LIMITS,
    prepare: Callable[[Session], None] = lambda _: None,
) -> DaysRun:
    """Run the strategy `source` from `first` (or from the instant `start`) to the end of `last`.

    Without `broker` the built-in exchange trades on `account`, else on a new one with `cash` yuan; `drill` makes it
    misbehave, `ticks_everywhere` is as for `HistoryFeed`, `clock` makes the clock from its start. `directory` holds
    state and journal: give the same one again for a restart; without it a temporary one is used. `stop_at` ends the run
    early, as the operator would. `prepare` is called with the session before it starts. What the engine raises comes
    through; pass a `recorder` to see what was told until then.
    """
    with ExitStack() as stack:
        folder = directory or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / STRATEGY_FILE
        if not file.exists() or file.read_text(encoding="utf-8") != source:
            file.write_text(source, encoding="utf-8")
        recorder = recorder or Recorder()
        account = account or Account(cash=money(cash))
        ticking = clock(start or datetime.combine(first, time()))
        market = DrilledMarket(market, drill) if drill is not None else market
        journal = SqliteJournal(folder / JOURNAL_FILE)
        stack.callback(journal.close)
        session = assemble(
            Wiring(
                clock=ticking,
                calendar=calendar or exchange_calendar(),
                data=market,
                audience=recorder,
                journal=journal,
                store=FileStateStore(folder, durable=False),
                broker=_plug(broker, account, drill, report_delay_s),
                terms=EngineTerms(
                    file.resolve(),
                    order_wait_s,
                    last,
                    autosave_s=autosave_s,
                    catch_up=catch_up,
                    closed_days=closed_days,
                ),
                run_params=RunParams(first, last),
                label=file.stem,
                match_ticks=ticks_everywhere,
                limits=limits,
            )
        )
        timers, inbox = session.parts.timers, session.parts.inbox
        if stop_at is not None:
            timers.add(stop_at, Rank.HOUSEKEEPING, lambda: inbox.put(StopRequested("测试到此为止")))
        prepare(session)
        session.load()
        reason = session.run()
        return DaysRun(session, recorder, list(read_journal(folder / JOURNAL_FILE)), reason, account)


def _plug(
    broker: Callable[[Timers], Broker] | None, account: Account, drill: Drill | None, report_delay_s: float
) -> Callable[[Surroundings], Broker]:
    def plug(around: Surroundings) -> Broker:
        def simulator(trading_now: ExchangeFeed) -> Broker:
            seen = Market(trading_now, around.feed, around.data, around.calendar, around.securities)
            return SimulatedBroker(seen, around.timers, around.trading, account, report_delay_s)

        if broker is not None:
            return broker(around.timers)
        if drill is not None:
            return DrilledBroker(drill, simulator, around.feed, around.timers, around.trading)
        return simulator(around.feed)

    return plug
