"""Plugs an engine together: the one place where a clock, a data source, a broker and a store are chosen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

from bullet_trade.brokers.simulator.drills import load_drill
from bullet_trade.brokers.simulator.market_faults import DrilledMarket
from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.engine.clock import Clock, VirtualClock, WallClock
from bullet_trade.engine.engine import EngineTerms
from bullet_trade.engine.events import Audience, StateNote
from bullet_trade.market.calendar import TradingCalendar, compared, exchange_calendar, extended
from bullet_trade.ops.assembly import Feed, QuoteSurroundings, RunJournal, Wiring, assemble
from bullet_trade.ops.broker_choice import ACCOUNT_FILE, BROKERS, REMOTE, BrokerPlan, account_key, as_mode_wants
from bullet_trade.ops.config_binding import bind
from bullet_trade.ops.control.brake_file import BRAKE_FILE, kept_brake
from bullet_trade.ops.qmt_quotes import QMT, qmt_data, quotes_of, source_of
from bullet_trade.ops.remote_venue import quotes_over, remote_data
from bullet_trade.ops.replay_range import ReplayRange, replay_range
from bullet_trade.ops.research import research_provider
from bullet_trade.ops.risk_settings import limits_in_force, patrol_terms, quote_age_s
from bullet_trade.ops.rule_files import read_closed_days, read_holidays, read_overrides
from bullet_trade.ops.run_request import LIVE, RunRequest, runtime_directory, tag_label
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.market_data import MarketData
from bullet_trade.quotes.local.store import LocalStore
from bullet_trade.quotes.qmt.data import QmtMarketData
from bullet_trade.quotes.qmt_remote.data import RemoteMarketData
from bullet_trade.quotes.qmt_remote.ticks import DataLink
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.store import runtime_dir
from bullet_trade.store.account_lock import lock_account
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.store.locks import Held
from bullet_trade.store.state import FileStateStore, LastStateStore, archive
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session

JOURNAL_FILE = "journal.db"
REPLAY_FILES = ("live_state.json", "g.pkl", JOURNAL_FILE, "report.html", ACCOUNT_FILE, BRAKE_FILE)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is ready to start. `directory` is where its files are."""

    session: Session
    directory: Path
    data: MarketData
    calendar: TradingCalendar
    clock: Clock
    days: ReplayRange | None
    held: Held
    remote: DataLink | None = None
    """The connection to a server's quotes, to be closed at the end."""
    terminal: QmtMarketData | None = None
    """Likewise, to the quotes of a terminal on this machine."""


def open_data(source: str, calendar: TradingCalendar) -> MarketData:
    """``synthetic``, ``synthetic:SEED`` or a directory (`compose` opens ``qmt``). Raises `UsageError` otherwise."""
    name, _, seed = source.partition(":")
    if name == "synthetic":
        if seed and not seed.isdecimal():
            raise UsageError(f"合成行情种子 {seed!r} 无效", "写成 synthetic 或 synthetic:7")
        return SyntheticMarket(int(seed or 1), sessions=calendar.sessions(date(2005, 1, 1), calendar.last))
    return LocalStore(Path(source).expanduser())


Watch = Callable[[RunJournal], RunJournal]


def unwatched(journal: RunJournal) -> RunJournal:
    """The journal, with nobody reading along."""
    return journal


def compose(
    request: RunRequest, settings: Settings, audience: Audience, wall: Clock | None = None, watch: Watch = unwatched
) -> Run:
    """Build everything; nothing trades yet. `wall` stands in for the machine's clock; the engine writes to what `watch`
    makes of the journal.

    Raises `UsageError` or `StateError` with cause and remedy.
    """
    wall = wall or WallClock()
    if request.broker not in BROKERS:
        raise UsageError(f"未知的券商 {request.broker!r}", f"可用：{'、'.join(BROKERS)}")
    if request.broker != "simulator" and (request.replay is not None or request.drill):
        raise UsageError(f"--broker {request.broker} 不能用于回放和演练", "加 --broker simulator")
    if not request.strategy.is_file():
        raise UsageError(f"找不到策略文件 {request.strategy}", "检查路径，文件名含空格时请加引号")
    calendar = exchange_calendar()
    request = replace(request, data=source_of(request.data, request.broker, settings))
    remote = remote_data(settings, request.data, wall) if request.broker == REMOTE else None
    terminal = qmt_data(wall) if request.data == QMT else None
    if terminal is not None:
        terminal.tell = lambda text: audience.tell(StateNote(wall.now(), text))
    data = RemoteMarketData(remote) if remote is not None else terminal or open_data(request.data, calendar)
    theirs = data.trading_days()
    calendar = extended(calendar, theirs, "数据源", read_holidays(settings.holiday_file))
    calendar = compared(calendar, theirs, data.label, refuse=settings.calendar_conflict == "refuse")
    read_closed_days(settings.closed_days_file)
    today = wall.now().date()
    days = replay_range(request.replay, data, calendar, today) if request.replay is not None else None
    if days is None:
        _check_today(data, today)
    research = research_provider(settings)
    directory = runtime_dir.prepare(runtime_directory(request, settings))
    clock = VirtualClock(datetime.combine(days.first, time()), request.speed) if days else wall
    with ExitStack() as undo:
        since = f"{wall.now():%Y-%m-%d %H:%M:%S}"
        held = runtime_dir.lock(directory, since)
        undo.callback(held.release)
        if remote is not None:
            undo.callback(remote.close)
        if terminal is not None:
            undo.callback(terminal.close)
        if days is not None:
            _clear_replay(directory)
        elif settings.live_mode == LIVE:
            account = account_key(request, settings, directory)
            home = settings.bullet_trade_home or Path.home()
            lock_account(held, home, request.broker, account, since, request.strategy.resolve(), directory)
            bind(directory, request.broker, account)
        journal = SqliteJournal(
            directory / JOURNAL_FILE,
            "full" if settings.journal_sync == "full" else "normal",
            batch=days is not None and request.speed is None,
        )
        undo.callback(journal.close)
        if days is None:
            _archive(journal, clock, settings, audience)
        session = _assemble(request, settings, audience, calendar, data, directory, clock, days, journal, remote, watch)
        session.research = research
        session.research_dir = settings.research_dir.expanduser()
        session.load()
        undo.pop_all()
    return Run(session, directory, data, calendar, clock, days, held, remote, terminal)


@contextmanager
def composed(
    request: RunRequest, settings: Settings, audience: Audience, wall: Clock | None = None, watch: Watch = unwatched
) -> Iterator[Run]:
    """`compose`, with the directory given back at the end."""
    run = compose(request, settings, audience, wall, watch)
    try:
        yield run
    finally:
        if run.remote is not None:
            run.remote.close()
        if run.terminal is not None:
            run.terminal.close()
        run.held.release()


def _assemble(
    request: RunRequest,
    settings: Settings,
    audience: Audience,
    calendar: TradingCalendar,
    data: MarketData,
    directory: Path,
    clock: Clock,
    days: ReplayRange | None,
    journal: SqliteJournal,
    remote: DataLink | None,
    watch: Watch,
) -> Session:
    replaying = days is not None
    drill = load_drill(request.drill) if request.drill else None
    if request.fresh:
        journal.append(clock.now(), "fresh", {"archived": str(archive(directory, clock.now()) or "")})
        journal.barrier()
    files = FileStateStore(
        directory, durable=not replaying, restore=request.restore, kept_days=settings.state_keep_days
    )
    terms = EngineTerms(
        strategy=request.strategy.resolve(),
        order_wait_s=settings.trade_max_wait_time,
        last_day=days.last if days else None,
        stop_after_close=request.stop_after_close,
        autosave_s=settings.g_autosave_interval if settings.g_autosave_enabled and not replaying else None,
        catch_up=timedelta(seconds=request.catch_up_s),
        closed_days=lambda: read_closed_days(settings.closed_days_file),
        patrol=patrol_terms(settings) if settings.risk_check_enabled and not replaying else None,
        account_sync_s=(settings.account_sync_interval or None) if not replaying else None,
        data_source=request.data,
    )
    start = days.first if days else clock.now().date()
    return assemble(
        Wiring(
            clock=clock,
            calendar=calendar,
            data=DrilledMarket(data, drill) if drill is not None else data,
            audience=audience,
            journal=watch(journal),
            store=LastStateStore(files) if replaying else files,
            broker=lambda around: as_mode_wants(
                BROKERS[request.broker](BrokerPlan(request, around, directory, settings, drill, clock)),
                around,
                directory,
                settings,
                LIVE if replaying else settings.live_mode,
            ),
            terms=terms,
            run_params=RunParams(start, days.last if days else date(2200, 1, 1)),
            label=tag_label(request, settings),
            overrides=read_overrides(settings.rules_file),
            buy_percent=settings.market_buy_price_percent,
            sell_percent=settings.market_sell_price_percent,
            match_ticks=not replaying or request.speed is not None,
            limits=limits_in_force(settings, replaying, request.risk),
            quote_age_s=quote_age_s(settings),
            brake=kept_brake(directory),
            tidy=(lambda: None) if replaying else lambda: _archive(journal, clock, settings, audience),
            quotes=_live_quotes(data, remote) if not replaying else None,
        )
    )


def _live_quotes(data: MarketData, remote: DataLink | None) -> Callable[[QuoteSurroundings], Feed] | None:
    """Quotes that somebody pushes; None where history is revealed as the clock moves."""
    if remote is not None:
        return quotes_over(remote)
    return quotes_of(data) if isinstance(data, QmtMarketData) else None


def _archive(journal: SqliteJournal, clock: Clock, settings: Settings, audience: Audience) -> None:
    """Keep the journal small. What prevents it is told: the journal is whole all the same, and trading may go on."""
    now = clock.now()
    try:
        journal.archive(now.date() - timedelta(days=settings.journal_keep_days))
    except StateError as error:
        audience.tell(StateNote(now, str(error)))


def _clear_replay(directory: Path) -> None:
    for name in REPLAY_FILES:
        (directory / name).unlink(missing_ok=True)
    shutil.rmtree(directory / "__pycache__", ignore_errors=True)


def _check_today(data: MarketData, today: date) -> None:
    covered = data.coverage()
    if covered is not None and covered[1] < today:
        raise UsageError(
            f"{data.label} 的数据只到 {covered[1]}，没有今天的行情",
            "加 --replay 回放过去的日子，或改用 --data synthetic",
        )
