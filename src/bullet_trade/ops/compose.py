"""Plugs an engine together: the one place where a clock, a data source, a broker and a store are chosen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

from bullet_trade.brokers.dry_run import DryRunBroker, PaperBroker
from bullet_trade.brokers.qmt.terms import check_account_id
from bullet_trade.brokers.simulator.account import read_account, saved_form, taken_over
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.brokers.simulator.drills import Drill, load_drill
from bullet_trade.brokers.simulator.faults import DrilledBroker
from bullet_trade.brokers.simulator.market_faults import DrilledMarket
from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.engine.clock import Clock, VirtualClock, WallClock
from bullet_trade.engine.engine import EngineTerms
from bullet_trade.engine.events import Audience, StateNote
from bullet_trade.market.calendar import TradingCalendar, compared, exchange_calendar, extended
from bullet_trade.market.closed_days import parse_closed_days
from bullet_trade.market.holiday_file import Holidays, parse_holidays
from bullet_trade.market.overrides import Overrides, parse_overrides
from bullet_trade.ops.assembly import Feed, QuoteSurroundings, RunJournal, Surroundings, Wiring, assemble
from bullet_trade.ops.config_binding import bind
from bullet_trade.ops.control.brake_file import BRAKE_FILE, kept_brake
from bullet_trade.ops.qmt_broker import qmt_broker
from bullet_trade.ops.qmt_quotes import QMT, qmt_data, quotes_of, source_of
from bullet_trade.ops.remote_venue import quotes_over, remote_account, remote_broker, remote_data
from bullet_trade.ops.replay_range import ReplayRange, replay_range
from bullet_trade.ops.research import research_provider
from bullet_trade.ops.risk_settings import limits_in_force, patrol_terms, quote_age_s
from bullet_trade.ops.settings import Settings
from bullet_trade.ops.simulated_account import load_account
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.exchange_feed import ExchangeFeed
from bullet_trade.ports.market_data import MarketData
from bullet_trade.quotes.local.store import LocalStore
from bullet_trade.quotes.qmt.data import QmtMarketData
from bullet_trade.quotes.qmt_remote.data import RemoteMarketData
from bullet_trade.quotes.qmt_remote.ticks import DataLink
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.store import runtime_dir
from bullet_trade.store.account_lock import lock_account
from bullet_trade.store.files import write_atomically
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.store.locks import Held
from bullet_trade.store.state import FileStateStore, LastStateStore, archive
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session

ACCOUNT_FILE = "simulator_account.json"
ATTEND_S = 0.5
"""How often a simulated broker in real time looks for requests of other threads."""
PAPER_ACCOUNT_FILE = "paper_account.json"
LIVE = "live"
JOURNAL_FILE = "journal.db"
REPLAY_FILES = ("live_state.json", "g.pkl", JOURNAL_FILE, "report.html", ACCOUNT_FILE, BRAKE_FILE)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the user asked for on the command line, over what the settings say.

    `replay` None runs on the wall clock; ``auto``, ``FROM``, ``FROM:TO`` replay. `speed` None is as fast as it goes.
    `fresh` archives the saved state first; `restore` begins with that generation of it. Tasks that were due while the
    process was down are run if they are not older than `catch_up_s` seconds. `drill` names a drill or its file.
    """

    strategy: Path
    broker: str
    replay: str | None
    speed: float | None
    data: str
    runtime_dir: Path
    stop_after_close: bool = False
    fresh: bool = False
    restore: int | None = None
    catch_up_s: float = 0.0
    drill: str = ""
    confirmed: bool = False
    """Live trading on a real account was agreed to on the command line (`--yes`)."""
    risk: bool = False
    """A replay is to keep all of the account's limits, as it would live."""


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


def read_overrides(path: Path | None) -> Overrides:
    """The user's rule file (`RULES_FILE`), or none. Raises `UsageError` naming the file or the wrong key."""
    return parse_overrides(_text(path, "规则文件")) if path is not None else Overrides()


def read_holidays(path: Path | None) -> Holidays | None:
    """The user's holiday file (`HOLIDAY_FILE`), or none. Raises `UsageError` naming the file or the wrong key."""
    return parse_holidays(_text(path, "节假日文件")) if path is not None else None


def read_closed_days(path: Path | None) -> frozenset[date]:
    """The days of `CLOSED_DAYS_FILE`. Raises `UsageError` naming the file or the wrong line."""
    return parse_closed_days(_text(path, "临时休市文件")) if path is not None else frozenset()


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"找不到{what} {path}", "检查路径，或去掉这个设置") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"无法读取{what} {path}：{error}", "请用 UTF-8 编码保存") from error


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
            account = _account_key(request, settings, directory)
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
            broker=lambda around: _as_mode_wants(
                BROKERS[request.broker](BrokerPlan(request, around, directory, settings, drill, clock)),
                around,
                directory,
                settings,
                LIVE if replaying else settings.live_mode,
            ),
            terms=terms,
            run_params=RunParams(start, days.last if days else date(2200, 1, 1)),
            label=_label(request, settings),
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


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """What the maker of a broker may look at."""

    request: RunRequest
    around: Surroundings
    directory: Path
    settings: Settings
    drill: Drill | None
    clock: Clock


def _simulator(plan: BrokerPlan) -> Broker:
    around, directory, settings, drill = plan.around, plan.directory, plan.settings, plan.drill
    replaying = plan.request.replay is not None
    paced = not replaying or plan.request.speed is not None
    account_file = directory / ACCOUNT_FILE
    account = load_account(account_file, settings)

    def make(trading_now: ExchangeFeed) -> SimulatedBroker:
        seen = Market(trading_now, around.feed, around.data, around.calendar, around.securities)
        broker = SimulatedBroker(
            seen,
            around.timers,
            around.trading,
            account,
            report_delay_s=0.0 if replaying else settings.simulator_report_delay,
            attend_s=ATTEND_S if paced else 0.0,
        )
        if not replaying:
            broker.persist = lambda changed: write_atomically(account_file, saved_form(changed))
        return broker

    if drill is None:
        return make(around.feed)
    return DrilledBroker(drill, make, around.feed, around.timers, around.trading)


def _qmt(plan: BrokerPlan) -> Broker:
    return qmt_broker(plan.settings, _label(plan.request, plan.settings), plan.clock, plan.around.calendar)


def _remote(plan: BrokerPlan) -> Broker:
    return remote_broker(plan.settings, _label(plan.request, plan.settings), plan.clock)


REMOTE = "qmt-remote"
BROKERS: dict[str, Callable[[BrokerPlan], Broker]] = {"simulator": _simulator, "qmt": _qmt, REMOTE: _remote}


def _as_mode_wants(real: Broker, around: Surroundings, directory: Path, settings: Settings, mode: str) -> Broker:
    """The broker itself, or what stands before it in a dry run."""
    if mode == LIVE:
        return real
    if not settings.dry_run_fill:
        return DryRunBroker(real, around.timers.now)
    account_file = directory / PAPER_ACCOUNT_FILE

    def open_paper(stated: AccountSnapshot) -> Broker:
        account = read_account(account_file.read_bytes(), str(account_file)) if account_file.exists() else None
        seen = Market(around.feed, around.feed, around.data, around.calendar, around.securities)
        return SimulatedBroker(
            seen,
            around.timers,
            around.trading,
            account or taken_over(stated),
            report_delay_s=settings.simulator_report_delay,
            persist=lambda changed: write_atomically(account_file, saved_form(changed)),
            attend_s=ATTEND_S,
        )

    return PaperBroker(real, around.timers, open_paper)


def _archive(journal: SqliteJournal, clock: Clock, settings: Settings, audience: Audience) -> None:
    """Keep the journal small. What prevents it is told: the journal is whole all the same, and trading may go on."""
    now = clock.now()
    try:
        journal.archive(now.date() - timedelta(days=settings.journal_keep_days))
    except StateError as error:
        audience.tell(StateNote(now, str(error)))


def _account_key(request: RunRequest, settings: Settings, directory: Path) -> str:
    """What tells the account from every other one at its broker; the simulator's account is its file."""
    if request.broker == "qmt":
        return check_account_id(settings.qmt_account_id)
    if request.broker == REMOTE:
        return remote_account(settings)
    return str((directory / ACCOUNT_FILE).resolve())


def _label(request: RunRequest, settings: Settings) -> str:
    """The strategy's name in order tags."""
    return settings.strategy_name or request.strategy.stem


def runtime_directory(request: RunRequest, settings: Settings) -> Path:
    """Where the run keeps its files. A replay and a dry run have places of their own below the runtime directory, so
    that neither ever touches the state of a running account."""
    if request.replay is not None:
        return request.runtime_dir / "replays" / request.strategy.stem
    return request.runtime_dir / settings.live_mode if settings.live_mode != LIVE else request.runtime_dir


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
