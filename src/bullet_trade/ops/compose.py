"""Plugs an engine together: the one place where a clock, a data source, a broker and a store are chosen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import msgspec
from filelock import FileLock

from bullet_trade.brokers.simulator.account import Account
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
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
JOURNAL_FILE = "journal.db"
REPLAY_FILES = ("live_state.json", "g.pkl", JOURNAL_FILE, "report.html", ACCOUNT_FILE)
BROKERS = ("simulator",)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the user asked for on the command line, over what the settings say.

    `replay` None runs on the wall clock; ``auto``, ``FROM``, ``FROM:TO`` replay. `speed` None is as fast as it goes.
    `fresh` archives the saved state first; `restore` begins with that generation of it. Tasks that were due while the
    process was down are run if they are not older than `catch_up_s` seconds.
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
            data=data,
            audience=audience,
            journal=journal,
            store=LastStateStore(files) if replaying else files,
            broker=lambda around: _simulator(around, directory, settings, replaying),
            terms=terms,
            run_params=RunParams(start, days.last if days else date(2200, 1, 1)),
            label=settings.strategy_name or request.strategy.stem,
            overrides=read_overrides(settings.rules_file),
            buy_percent=settings.market_buy_price_percent,
            sell_percent=settings.market_sell_price_percent,
            match_ticks=not replaying or request.speed is not None,
        )
    )


def _simulator(around: Surroundings, directory: Path, settings: Settings, replaying: bool) -> SimulatedBroker:
    account_file = directory / ACCOUNT_FILE
    broker = SimulatedBroker(
        Market(around.feed, around.feed, around.data, around.calendar, around.securities),
        around.timers,
        around.trading,
        _load_account(account_file, settings),
        report_delay_s=0.0 if replaying else settings.simulator_report_delay,
    )
    if not replaying:
        broker.persist = lambda account: write_atomically(account_file, msgspec.json.encode(account))
    return broker


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
        return msgspec.json.decode(path.read_bytes(), type=Account)
    except FileNotFoundError:
        return Account(cash=money(settings.simulator_initial_cash))
    except (OSError, msgspec.DecodeError) as error:
        raise StateError(f"模拟账户文件 {path} 无法读取：{error}", "从备份恢复，或改名后重新开户") from error
