"""Runs a recorded day again: the same engine on a virtual clock, the strategy as its file is now, the broker's answers
out of the journal, market data from a source. The first decision that comes out differently is the result.

The strategy's own effects (its network calls, messages, files outside of the research directory) happen again; nothing
is sent to a broker, and nothing is written to the runtime directory.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import ModuleType

from bullet_trade.domain.errors import BulletTradeError, UsageError
from bullet_trade.engine.engine import EngineTerms
from bullet_trade.engine.events import Event
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.market.calendar import exchange_calendar, extended
from bullet_trade.ops.assembly import Surroundings, Wiring, assemble
from bullet_trade.ops.compose import JOURNAL_FILE, open_data
from bullet_trade.ops.recorded_broker import (
    CatchingUpClock,
    ComparingJournal,
    Difference,
    EndOfRunError,
    RecordedBroker,
)
from bullet_trade.ops.recorded_day import RecordedRun, read_day
from bullet_trade.ops.research import research_provider
from bullet_trade.ops.risk_settings import only, quote_age_s, risk_limits
from bullet_trade.ops.rule_files import read_holidays, read_overrides
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.state_store import Loaded, SavedState
from bullet_trade.store.generations import Generations, Pair, saved_at
from bullet_trade.store.safe_pickle import load_attributes, picklable_part
from bullet_trade.store.state import loaded
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session

AT_THE_END = timedelta(microseconds=1)
"""A run that was killed is left this much after its last record."""


@dataclass(slots=True)
class DayReplay:
    """What came of it: decisions that came out as recorded, the first other one, and what limits the comparison."""

    day: date
    same: int = 0
    difference: Difference | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DayRequest:
    """Which day, with what. `strategy` None: the file that ran; `data` '' : the source that was named then."""

    directory: Path
    day: date
    strategy: Path | None = None
    data: str = ""


class _Silent:
    """The day was told once already."""

    def tell(self, event: Event) -> None:
        """Nothing to say."""


class _Saves:
    """Keeps the saved state in memory, between the runs of the day. A run that was killed saves nothing at its end."""

    def __init__(self, base: Loaded | None) -> None:
        self._last = base
        self.generation = 0
        self.closed = False

    def load(self) -> Loaded | None:
        return self._last

    def save(self, state: SavedState, g: dict[str, object], strategy: ModuleType | None) -> tuple[str, ...]:
        content, unsaved = picklable_part(g, strategy)
        if not self.closed:
            self.generation += 1
            self._last = Loaded(state, lambda module: load_attributes(content, module, Path("g")), ())
        return unsaved

    def close(self) -> tuple[str, ...]:
        return ()


def replay_day(request: DayRequest, settings: Settings) -> DayReplay:
    """Run the day again, up to the first difference. Raises `UsageError` when it cannot be done."""
    try:
        return _replay(request, settings)
    except UsageError:
        raise
    except BulletTradeError as error:
        raise UsageError(f"{request.day} 无法重放：{error.text}", error.remedy) from error


def _replay(request: DayRequest, settings: Settings) -> DayReplay:
    runs = read_day(request.directory / JOURNAL_FILE, request.day)
    done = DayReplay(request.day)
    base = _base(request, runs[0], done.notes)
    saves = _Saves(base)
    with tempfile.TemporaryDirectory() as folder:
        research = Path(folder) / "research"
        if settings.research_dir.is_dir():
            shutil.copytree(settings.research_dir, research)
        for number, run in enumerate(runs):
            if run.first:
                saves = _Saves(None)
            _run_again(request, settings, run, saves, research, done)
            if run.by_hand:
                done.notes.append(f"{run.by_hand}：之后的决定不只由策略作出，不再比较")
            if done.difference is not None or run.by_hand:
                break
            if not run.proper and number + 1 < len(runs):
                done.notes.append(f"{run.ended_at:%H:%M:%S} 进程中断，之后从最近一次保存的状态继续")
    return done


def _base(request: DayRequest, first: RecordedRun, notes: list[str]) -> Loaded | None:
    """The state with which the first run of the day began."""
    if first.first:
        return None
    generations = Generations(request.directory)
    newest, _ = generations.newest()
    pairs = [newest] if newest is not None else []
    pairs += [pair for number in generations.numbers() if (pair := _whole(generations, number)) is not None]
    earlier = [pair for pair in pairs if saved_at(pair) <= first.began_at.isoformat()]
    if not earlier:
        notes.append("没有当日之前保存的状态（见 STATE_KEEP_DAYS），从 initialize 开始：g 可能与当日不同")
        return None
    pair = max(earlier, key=lambda one: one.number)
    notes.append(f"从第 {pair.number} 代状态开始，保存于 {saved_at(pair)[:19]}")
    return loaded(pair)


def _whole(generations: Generations, number: int) -> Pair | None:
    try:
        return generations.load(number)
    except BulletTradeError:  # a damaged one is none to begin with
        return None


def _run_again(
    request: DayRequest, settings: Settings, run: RecordedRun, saves: _Saves, research: Path, done: DayReplay
) -> None:
    clock = CatchingUpClock(run.began_at)
    journal = ComparingJournal(run, clock, from_start=saves.load() is None)
    session = _session(request, settings, run, saves, clock, journal, done)
    session.research = research_provider(settings)
    session.research_dir = research
    session.load()
    _note_changes(session, run, done.notes)
    _plan_end(session, run, saves)
    for at in run.saves:
        if at > run.began_at:
            session.parts.timers.add(at, Rank.HOUSEKEEPING, lambda: session.engine.save("定时"))
    saves.closed = False
    try:
        session.run()
    except EndOfRunError:
        saves.closed = True
    done.same += journal.made
    done.difference = journal.difference
    if done.difference is None and journal.made < len(run.decisions):
        done.difference = Difference(journal.made + 1, run.decisions[journal.made], None)
    if done.difference is not None:
        done.difference = done.difference._replace(number=done.same + 1)


def _session(
    request: DayRequest,
    settings: Settings,
    run: RecordedRun,
    saves: _Saves,
    clock: CatchingUpClock,
    journal: ComparingJournal,
    done: DayReplay,
) -> Session:
    begin = run.begin or {}
    strategy = request.strategy or Path(str(begin.get("path", "")))
    if not strategy.is_file():
        raise UsageError(f"找不到当日的策略文件 {strategy}", "用 --strategy 指定")
    calendar = exchange_calendar()
    source = request.data or str(begin.get("source") or "synthetic")
    data = open_data(source, calendar)
    covered = data.coverage()
    if covered is not None and not covered[0] <= request.day <= covered[1]:
        raise UsageError(
            f"{data.label} 没有 {request.day} 的行情（{covered[0]} 至 {covered[1]}）", "用 --data 换一个数据源"
        )
    calendar = extended(calendar, data.trading_days(), "数据源", read_holidays(settings.holiday_file))
    wait_s, held = begin.get("order_wait_s"), begin.get("limits")
    sessions: list[Session] = []

    def plug(around: Surroundings) -> Broker:
        return RecordedBroker(
            run,
            journal,
            clock,
            around.timers,
            lambda: sessions[0].engine,
        )

    session = assemble(
        Wiring(
            clock=clock,
            calendar=calendar,
            data=data,
            audience=_Silent(),
            journal=journal,
            store=saves,
            broker=plug,
            terms=EngineTerms(
                strategy.resolve(),
                wait_s if isinstance(wait_s, float) else settings.trade_max_wait_time,
                request.day,
                autosave_s=None,
            ),
            run_params=RunParams(request.day, date(2200, 1, 1)),
            label=settings.strategy_name or strategy.stem,
            overrides=read_overrides(settings.rules_file),
            buy_percent=settings.market_buy_price_percent,
            sell_percent=settings.market_sell_price_percent,
            match_ticks=True,
            limits=only(risk_limits(settings), held if isinstance(held, list) else ()),
            quote_age_s=quote_age_s(settings),
        )
    )
    sessions.append(session)
    return session


def _note_changes(session: Session, run: RecordedRun, notes: list[str]) -> None:
    begin = run.begin or {}
    host = session.engine.host
    found = [
        ("策略文件已改动（与当日的校验和不同）", begin.get("hash"), host.source_hash),
        (
            f"行情来自 {session.data.label}，当日用的是 {begin.get('data')}：价格可能不同",
            begin.get("data"),
            session.data.label,
        ),
    ]
    for words, then, now in found:
        if then is not None and then != now and words not in notes:
            notes.append(words)


def _plan_end(session: Session, run: RecordedRun, saves: _Saves) -> None:
    timers, inbox = session.parts.timers, session.parts.inbox
    if run.proper:
        timers.add(run.ended_at, Rank.HOUSEKEEPING, lambda: inbox.put(StopRequested("当日在此停止")))
        return

    def die() -> None:
        saves.closed = True
        raise EndOfRunError

    last = datetime.combine(run.began_at.date(), time.max)
    timers.add(min(run.ended_at + AT_THE_END, last), Rank.HOUSEKEEPING, die)
