"""The progress bar of a long replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bullet_trade.engine.events import DayClosed, Event
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ops.replay_range import ReplayRange

LONG_SESSIONS = 40
"""Shorter replays are over before a bar is read."""


class ReplayProgress:
    """Counts closed days on a terminal; shows nothing elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)

    @contextmanager
    def shown(self, days: ReplayRange | None, calendar: TradingCalendar) -> Iterator[None]:
        """Show the bar while a long replay runs."""
        sessions = len(calendar.sessions(days.first, days.last)) if days else 0
        if sessions < LONG_SESSIONS or not self._console.is_terminal:
            yield
            return
        columns = (TextColumn("回放 {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            self._bar, self._task = bar, bar.add_task("", total=sessions)
            yield
        self._bar = None

    def tell(self, event: Event) -> None:
        if self._bar is not None and isinstance(event, DayClosed):
            self._bar.update(self._task, advance=1, description=event.day.isoformat())
