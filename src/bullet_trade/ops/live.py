"""`bullet-trade live` from the composed run to the last line on the screen."""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
from rich.console import Console

from bullet_trade.domain.money import Money
from bullet_trade.engine.events import Audience, Audiences, DayClosed, Event, StateNote
from bullet_trade.engine.inbox import Inbox, StopRequested
from bullet_trade.ops import performance, summary
from bullet_trade.ops.banner import banner
from bullet_trade.ops.collector import Collector, day_result, position_lines, total
from bullet_trade.ops.compose import Run, composed
from bullet_trade.ops.config_capital import check_account
from bullet_trade.ops.config_origin import secrets_of
from bullet_trade.ops.confirm import REAL_MONEY, confirm_live, refuse_invented_prices
from bullet_trade.ops.control.hand import OperatorsHand
from bullet_trade.ops.log_files import DayFiles, file_label
from bullet_trade.ops.log_masking import masking
from bullet_trade.ops.logbook import ConsoleLines, FileLines, least_levels
from bullet_trade.ops.onlookers import Onlookers
from bullet_trade.ops.preflight import preflight
from bullet_trade.ops.progress import ReplayProgress
from bullet_trade.ops.repeats import Repeats
from bullet_trade.ops.report_html import write_report
from bullet_trade.ops.result import RunResult
from bullet_trade.ops.run_request import LIVE, RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.quotes.local.store import LocalStore

REPORT_FILE = "report.html"


class DayTables:
    """Prints each close: a table on days with orders, else a line. `activity`: with what a broker asks for."""

    def __init__(self, console: Console, activity: bool) -> None:
        self._console = console
        self._activity = activity
        self.starting: Money | None = None
        self._previous: Money | None = None

    def tell(self, event: Event) -> None:
        if not isinstance(event, DayClosed):
            return
        value = total(event)
        starting = self.starting if self.starting is not None else value
        previous = self._previous if self._previous is not None else starting
        day = day_result(event, math.nan)
        shown = (
            summary.day_table(day, position_lines(event), previous, starting, self._activity)
            if event.orders
            else summary.day_line(day, previous, starting)
        )
        self._console.print(shown)
        self._previous = value


def run_live(request: RunRequest, settings: Settings, log_dir: Path, quiet: bool, show_report: bool = False) -> None:
    """Run to the end, and show what came of it. Raises the project's errors."""
    console = Console(highlight=False)
    collector = Collector()
    tables = DayTables(console, activity=request.replay is None)
    progress = ReplayProgress(console)
    jumps = request.replay is not None and request.speed is None
    mask = masking(secrets_of(settings))
    lines = ConsoleLines(lambda: sys.stdout, least_levels(settings, quiet), sys.stdout.isatty(), not jumps, mask)
    onlookers = Onlookers(request, settings, mask)
    label = file_label(settings.strategy_name or request.strategy.stem)
    per_day = request.replay is None
    file = FileLines(DayFiles(log_dir, label, settings.log_keep_days, per_day, prompt=not jumps), mask, hints=not jumps)
    log = Repeats(Audiences(lines, file))
    hand = None if jumps else OperatorsHand(Audiences(log, *onlookers.members), settings)
    members: list[Audience] = [collector, log, progress, *onlookers.members]
    if hand is not None:
        members.append(hand.status)
    if not quiet:
        members.append(tables)
    with ExitStack() as stack:
        stack.enter_context(closing(file))
        stack.enter_context(onlookers.around(log))
        run = stack.enter_context(composed(request, settings, Audiences(*members), watch=onlookers.watch))
        onlookers.start(run)
        console.print(banner(run, request, settings))
        real = request.broker in REAL_MONEY
        if run.days is None and (real or settings.declared_capital):
            check_account(run.session, settings, partial(note, log, run))
        if real and settings.live_mode == LIVE and not run.days:
            refuse_invented_prices(run.data)
            ask = input if sys.stdin.isatty() else None
            confirm_live(run.session, run.directory, console, ask, request.confirmed)
        with ExitStack() as around:
            around.enter_context(stop_signals(run.session.parts.inbox))
            if hand is not None:
                around.enter_context(hand.on(run, request))
                around.enter_context(onlookers.on(run, hand.status))
            around.enter_context(progress.shown(run.days, run.calendar))
            if run.days is None:
                preflight(run, request, settings, log_dir).arm()
            tables.starting = Money(round(settings.simulator_initial_cash * 10_000)) if run.days else None
            run_session(run)
        report = _finish(run, request, collector, console) if run.days else None
        if report is not None and show_report and has_desktop():
            webbrowser.open(report.as_uri())


def note(log: Audience, run: Run, words: str) -> None:
    """Have something written down that is to be known before the start."""
    log.tell(StateNote(run.clock.now(), words))


def run_session(run: Run) -> str:
    """Run the session with the collector of cyclic garbage set for a long-lived process with few cycles: scanning the
    loaded libraries again and again costs more than what it could free, and pauses the engine."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        return run.session.run()
    finally:
        gc.set_threshold(*usual)


def has_desktop() -> bool:
    """Whether a browser window can open: on a bare terminal a text browser would take over the screen instead."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _finish(run: Run, request: RunRequest, collector: Collector, console: Console) -> Path | None:
    if not collector.closes:
        return None
    result = run_result(run, request, collector)
    figures = performance.measure(result)
    console.print(summary.run_table(result, figures))
    coarse = _daily_only(run, collector)
    if coarse:
        console.print(f"[yellow]只有日线的证券：{'、'.join(coarse)}，盘中价格以开盘价代替，成交只在开盘和收盘[/]")
    path = run.directory / REPORT_FILE
    write_report(result, figures, path)
    console.print(f"报告 {path}", soft_wrap=True)
    return path


def _daily_only(run: Run, collector: Collector) -> list[str]:
    """Traded securities whose minutes were made of a daily bar."""
    data = run.data
    if not isinstance(data, LocalStore):
        return []
    return sorted({t.code for t in collector.trades if data.minute_source(t.code, t.at.date()) == "daily"})


def run_result(run: Run, request: RunRequest, collector: Collector) -> RunResult:
    """The run as the report takes it."""
    session = run.session
    benchmark = session.code(session.settings.benchmark)
    first, last = collector.closes[0].day, collector.closes[-1].day
    bars = run.data.daily(benchmark, run.calendar.previous_session(first), last)
    closes = dict(zip(bars.days.astype("datetime64[D]").astype(object), bars.close.tolist(), strict=True))
    return RunResult(
        strategy=request.strategy.stem,
        broker=session.parts.broker.label,
        data=run.data.label,
        synthetic=run.data.synthetic,
        starting_cash=Money(session.starting_cash),
        benchmark=benchmark,
        days=[day_result(close, closes.get(close.day, math.nan)) for close in collector.closes],
        trades=collector.trades,
        records=collector.curves(),
        benchmark_base=_base(closes, first),
    )


def _base(closes: dict[date, float], first: date) -> float:
    earlier = [day for day in closes if day < first]
    return closes[max(earlier)] if earlier else float(np.nan)


@contextmanager
def stop_signals(inbox: Inbox) -> Iterator[None]:
    """Ctrl+C, SIGTERM, closing the console: leave at the next quiet point. A second Ctrl+C breaks into a callback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handler(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True
        inbox.put(StopRequested(f"收到 {signal.Signals(number).name}"))

    names = ("SIGINT", "SIGTERM", "SIGBREAK") if os.name == "nt" else ("SIGINT", "SIGTERM", "SIGHUP")
    previous = {getattr(signal, name): signal.signal(getattr(signal, name), handler) for name in names}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
