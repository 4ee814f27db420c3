"""Plugs an engine together: the one place where a clock, a data source, a broker and a store are chosen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from filelock import FileLock

from bullet_trade.brokers.simulator.account import Account, open_account, read_account, saved_form
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.brokers.simulator.drills import Drill, load_drill
from bullet_trade.brokers.simulator.faults import DrilledBroker
from bullet_trade.brokers.simulator.initial_positions import parse_initial_positions
from bullet_trade.brokers.simulator.market_faults import DrilledMarket
from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.money import money
from bullet_trade.engine.clock import Clock, VirtualClock, WallClock
from bullet_trade.engine.engine import EngineTerms
from bullet_trade.engine.events import Audience
from bullet_trade.market.calendar import TradingCalendar, exchange_calendar, extended
from bullet_trade.market.holiday_file import Holidays, parse_holidays
from bullet_trade.market.overrides import Overrides, parse_overrides
from bullet_trade.ops.assembly import Surroundings, Wiring, assemble
from bullet_trade.ops.replay_range import ReplayRange, replay_range
from bullet_trade.ops.research import research_provider
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.exchange_feed import ExchangeFeed
from bullet_trade.ports.market_data import MarketData
from bullet_trade.quotes.local.store import LocalStore
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.store import runtime_dir
from bullet_trade.store.files import write_atomically
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.store.state import FileStateStore, LastStateStore, archive
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session

ACCOUNT_FILE = "simulator_account.json"
ATTEND_S = 0.5
"""How often a simulated broker in real time looks for requests of other threads."""
JOURNAL_FILE = "journal.db"
REPLAY_FILES = ("live_state.json", "g.pkl", JOURNAL_FILE, "report.html", ACCOUNT_FILE)
BROKERS = ("simulator",)


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


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is ready to start. `directory` is where its files are."""

    session: Session
    directory: Path
    data: MarketData
    calendar: TradingCalendar
    clock: Clock
    days: ReplayRange | None
    held: FileLock


def open_data(source: str, calendar: TradingCalendar) -> MarketData:
    """``synthetic``, ``synthetic:SEED`` or a directory. Raises `UsageError` for anything else."""
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


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"找不到{what} {path}", "检查路径") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"无法读取{what} {path}：{error}", "请用 UTF-8 编码保存") from error


def compose(request: RunRequest, settings: Settings, audience: Audience, wall: Clock | None = None) -> Run:
    """Build everything; nothing trades yet. `wall` stands in for the machine's clock.

    Raises `UsageError` or `StateError` with cause and remedy.
    """
    wall = wall or WallClock()
    if request.broker not in BROKERS:
        raise UsageError(f"未知的券商 {request.broker!r}", f"可用：{'、'.join(BROKERS)}")
    if not request.strategy.is_file():
        raise UsageError(f"找不到策略文件 {request.strategy}", "检查路径，文件名含空格时请加引号")
    calendar = exchange_calendar()
    data = open_data(request.data, calendar)
    calendar = extended(calendar, data.trading_days(), "数据源", read_holidays(settings.holiday_file))
    today = wall.now().date()
    days = replay_range(request.replay, data, calendar, today) if request.replay is not None else None
    if days is None:
        _check_today(data, today)
    research = research_provider(settings)
    directory = runtime_dir.prepare(_directory(request))
    clock = VirtualClock(datetime.combine(days.first, time()), request.speed) if days else wall
    with ExitStack() as undo:
        held = runtime_dir.lock(directory, f"{wall.now():%Y-%m-%d %H:%M:%S}")
        undo.callback(held.release)
        if days is not None:
            _clear_replay(directory)
        journal = SqliteJournal(
            directory / JOURNAL_FILE, "full" if settings.journal_sync == "full" else "normal", batch=days is not None
        )
        undo.callback(journal.close)
        session = _assemble(request, settings, audience, calendar, data, directory, clock, days, journal)
        session.research = research
        session.research_dir = settings.research_dir.expanduser()
        session.load()
        undo.pop_all()
    return Run(session, directory, data, calendar, clock, days, held)


@contextmanager
def composed(request: RunRequest, settings: Settings, audience: Audience, wall: Clock | None = None) -> Iterator[Run]:
    """`compose`, with the directory given back at the end."""
    run = compose(request, settings, audience, wall)
    try:
        yield run
    finally:
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
) -> Session:
    replaying = days is not None
    drill = load_drill(request.drill) if request.drill else None
    if request.fresh:
        journal.append(clock.now(), "fresh", {"archived": str(archive(directory, clock.now()) or "")})
        journal.barrier()
    files = FileStateStore(directory, durable=not replaying, restore=request.restore)
    terms = EngineTerms(
        strategy=request.strategy.resolve(),
        order_wait_s=settings.trade_max_wait_time,
        last_day=days.last if days else None,
        stop_after_close=request.stop_after_close,
        autosave_s=settings.g_autosave_interval if settings.g_autosave_enabled and not replaying else None,
        catch_up=timedelta(seconds=request.catch_up_s),
    )
    start = days.first if days else clock.now().date()
    return assemble(
        Wiring(
            clock=clock,
            calendar=calendar,
            data=DrilledMarket(data, drill) if drill is not None else data,
            audience=audience,
            journal=journal,
            store=LastStateStore(files) if replaying else files,
            broker=lambda around: _simulator(
                around, directory, settings, drill, replaying, paced=not replaying or request.speed is not None
            ),
            terms=terms,
            run_params=RunParams(start, days.last if days else date(2200, 1, 1)),
            label=settings.strategy_name or request.strategy.stem,
            overrides=read_overrides(settings.rules_file),
            buy_percent=settings.market_buy_price_percent,
            sell_percent=settings.market_sell_price_percent,
            match_ticks=not replaying or request.speed is not None,
        )
    )


def _simulator(
    around: Surroundings, directory: Path, settings: Settings, drill: Drill | None, replaying: bool, paced: bool
) -> Broker:
    account_file = directory / ACCOUNT_FILE
    account = _load_account(account_file, settings)

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


def _directory(request: RunRequest) -> Path:
    # A replay never touches the state of a running account: it has a directory of its own below.
    return (
        request.runtime_dir / "replays" / request.strategy.stem if request.replay is not None else request.runtime_dir
    )


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


def _load_account(path: Path, settings: Settings) -> Account:
    try:
        return read_account(path.read_bytes(), str(path))
    except FileNotFoundError:
        positions = parse_initial_positions(settings.simulator_initial_positions)
        return open_account(money(settings.simulator_initial_cash), positions)
    except OSError as error:
        raise StateError(f"模拟账户文件 {path} 无法读取：{error.strerror}", "检查文件权限") from error
