"""The strategy's scheduled functions: what was registered, and what of it is due today."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import count

import msgspec

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.schedule import (
    MINUTES,
    Anchor,
    Period,
    TimeExpression,
    due_in_period,
    moment,
    parse_time,
)
from bullet_trade.engine.timers import Timer, TimerQueue
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ports.clock import Rank

CLOCK_TASK_GRACE = timedelta(minutes=10)
"""A task with a time of day still runs this late (after a long callback, a 16 s order wait, a short sleep)."""

EVERY_MINUTE_GRACE = timedelta(seconds=60)
"""A minute task is skipped once the next minute has begun; skipped minutes are told."""

LONGEST_CATCH_UP_S = 86_400
"""A day: what was due on an earlier day is never made up."""

_RANK = {Period.DAILY: Rank.TASK_DAILY, Period.WEEKLY: Rank.TASK_WEEKLY, Period.MONTHLY: Rank.TASK_MONTHLY}

Run = Callable[["Task", datetime], None]


class Task(msgspec.Struct):
    """One registration. `time` is kept as it was written, so that it can be saved and shown; `callback` changes when
    the strategy's code is reloaded."""

    number: int
    function: str
    callback: Callable[..., object]
    period: Period
    index: int
    time: str
    expression: TimeExpression
    force: bool
    reference_security: str | None
    catch_up: timedelta = timedelta(0)
    """How late a restart may still run it; the engine's own `catch_up` counts where it is longer."""

    @property
    def label(self) -> str:
        """For people: ``rebalance@09:30`` or ``rebalance@09:30 每周第1个交易日``."""
        when = {
            Period.DAILY: "",
            Period.WEEKLY: f" 每周第{self.index}个交易日",
            Period.MONTHLY: f" 每月第{self.index}个交易日",
        }
        return f"{self.function}@{self.time}{when[self.period]}"


class TaskBook:
    """Registered tasks and their timers of the current day. Engine thread only."""

    def __init__(self, timers: TimerQueue, calendar: TradingCalendar, run: Run, missed: Missed) -> None:
        self._missed = missed
        self._timers = timers
        self._calendar = calendar
        self._run = run
        self._tasks: list[Task] = []
        self._pending: dict[int, Timer] = {}
        self._numbers = count(1)
        self._day: date | None = None
        self.start_date: date | None = None
        """First trading day of the strategy's life; the first week and month count from it."""

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def register(
        self,
        callback: Callable[..., object],
        period: Period,
        index: int,
        when: object,
        force: bool = True,
        reference_security: str | None = None,
        now: datetime | None = None,
        catch_up_s: float = 0.0,
    ) -> Task:
        """Add a task. During a trading day its remaining times of today count.

        Raises `StrategyError` for anything but a module-level function, a bad day index, a bad time or a `catch_up_s`
        that is no number of seconds of a day.
        """
        name = getattr(callback, "__name__", "")
        if not callable(callback):
            raise StrategyError(f"定时任务需要函数，得到 {callback!r}", "传入模块级函数本身，不要加括号")
        if isinstance(index, bool) or not isinstance(index, int) or (period is not Period.DAILY and index == 0):
            raise StrategyError(f"交易日序号 {index!r} 无效", "用非零整数：1 表示第一个交易日，-1 表示最后一个")
        text = when.strftime("%H:%M:%S") if isinstance(when, time) else str(when)
        expression, catch_up = parse_time(when), _catch_up(catch_up_s)
        task = Task(
            next(self._numbers), name, callback, period, index, text, expression, force, reference_security, catch_up
        )
        self._tasks.append(task)
        if self._day is not None and now is not None:
            # Strictly later: a task that registers itself again at its own time must not run again at once.
            self._plan(task, self._day, now + timedelta(microseconds=1))
        return task

    def clear(self) -> None:
        """Drop all tasks, also those that are still due today."""
        for timer in self._pending.values():
            TimerQueue.cancel(timer)
        self._pending.clear()
        self._tasks.clear()

    def keep_only(self, wanted: Iterable[Task]) -> None:
        """Drop every task but these."""
        numbers = {task.number for task in wanted}
        for number in [one for one in self._pending if one not in numbers]:
            TimerQueue.cancel(self._pending.pop(number))
        self._tasks = [task for task in self._tasks if task.number in numbers]

    def rebind(self, tasks: Iterable[Task], function: Callable[[str], Callable[..., object] | None]) -> None:
        """Point `tasks` to the functions that bear their names now. What the new code has registered besides stays,
        unless it is one of them again."""
        kept = {}
        for task in tasks:
            found = function(task.function)
            if found is not None:
                task.callback = found
            kept[task.function, task.period, task.index, task.time] = task.number
        self.keep_only(
            [
                task
                for task in self._tasks
                if kept.get((task.function, task.period, task.index, task.time), task.number) == task.number
            ]
        )

    def upcoming(self, now: datetime, most: int) -> list[tuple[datetime, str]]:
        """The next runs of today: when, and the task's label."""
        labels = {task.number: task.label for task in self._tasks}
        due = [
            (timer.when, labels[number])
            for number, timer in self._pending.items()
            if timer.action is not None and timer.when > now and number in labels
        ]
        return sorted(due)[:most]

    def plan(self, day: date, now: datetime, alive_until: datetime | None, catch_up: timedelta) -> None:
        """Set the timers of a trading day. Moments before `now` are past and not set, except after a restart: what was
        due since `alive_until` is run at once if it is not older than `catch_up` or the task's own, and noted as missed
        otherwise."""
        self._day = day
        self._pending.clear()
        for task in self._tasks:
            if alive_until is not None:
                self._make_up(task, day, now, alive_until, catch_up)
            self._plan(task, day, now)

    def plan_rest(self, day: date, now: datetime) -> None:
        """Set the timers of what is still due on `day`, and nothing else."""
        self._day = day
        for task in self._tasks:
            self._plan(task, day, now)

    def note_missed(self, day: date, now: datetime, alive_until: datetime) -> None:
        """Note what was due on `day` since `alive_until` and before `now`, without running any of it."""
        for task in self._tasks:
            due = self._passed(task, day, now, alive_until)
            if due is not None:
                self._missed.note(task.label, due)

    def _passed(self, task: Task, day: date, now: datetime, alive_until: datetime) -> datetime | None:
        """When the task was due between `alive_until` and `now`; None for what is due each minute."""
        if task.expression.anchor is Anchor.EVERY_MINUTE or not self._due_on(task, day):
            return None
        due = moment(task.expression, day)
        return due if alive_until < due < now else None

    def _make_up(self, task: Task, day: date, now: datetime, alive_until: datetime, catch_up: timedelta) -> None:
        due = self._passed(task, day, now, alive_until)
        if due is None:
            return
        if now - due <= max(catch_up, task.catch_up):
            # At its own time, which is past: what is made up runs in the order in which it was due.
            self._timers.add(due, _RANK[task.period], lambda: self._run(task, now))
        else:
            self._missed.note(task.label, due)

    def _plan(self, task: Task, day: date, now: datetime) -> None:
        if not self._due_on(task, day):
            return
        if task.expression.anchor is Anchor.EVERY_MINUTE:
            self._arm_minute(task, day, now)
            return
        due = moment(task.expression, day)
        if due >= now:
            self._pending[task.number] = self._timers.add(due, _RANK[task.period], lambda: self._run(task, due))

    def _arm_minute(self, task: Task, day: date, now: datetime) -> None:
        midnight = datetime.combine(day, time())
        for offset in MINUTES:
            due = midnight + offset
            if due >= now:
                self._chain(task, iter_minutes(day, due), due)
                return

    def _chain(self, task: Task, following: Iterator[datetime], due: datetime) -> None:
        # One pending timer at a time: each minute arms the next, so an idle task costs one heap entry.
        def fire() -> None:
            later = next(following, None)
            if later is not None:
                self._chain(task, following, later)
            self._run(task, due)

        self._pending[task.number] = self._timers.add(due, _RANK[task.period], fire)

    def programme(self, day: date) -> list[tuple[str, str]]:
        """Each task's label and when it is due on `day`: its moment (ISO), ``every_minute``, or '' for not at all."""
        return [(task.label, self._due_text(task, day)) for task in self._tasks]

    def _due_text(self, task: Task, day: date) -> str:
        if not self._due_on(task, day):
            return ""
        if task.expression.anchor is Anchor.EVERY_MINUTE:
            return "every_minute"
        return moment(task.expression, day).isoformat()

    def _due_on(self, task: Task, day: date) -> bool:
        if task.period is Period.DAILY:
            return True
        calendar = self._calendar
        sessions = calendar.sessions_of_week(day) if task.period is Period.WEEKLY else calendar.sessions_of_month(day)
        return due_in_period(sessions, day, task.index, self.start_date or day, task.force)


def iter_minutes(day: date, after: datetime) -> Iterator[datetime]:
    """The starts of the day's trading minutes later than `after`."""
    midnight = datetime.combine(day, time())
    return (midnight + offset for offset in MINUTES if midnight + offset > after)


class Missed:
    """Runs that were due and not made, by label: the first moment and how many, until they are told."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[datetime, int]] = {}

    def note(self, label: str, due: datetime) -> None:
        """One more run of `label` was missed at `due`."""
        first, times = self._runs.get(label, (due, 0))
        self._runs[label] = (first, times + 1)

    def take(self, label: str | None = None) -> list[tuple[str, datetime, int]]:
        """What is to be told of `label` (None: of all): label, first moment, times; then forgotten."""
        labels = [label] if label in self._runs else list(self._runs) if label is None else []
        return [(one, *self._runs.pop(one)) for one in labels if one is not None]


def _catch_up(seconds: object) -> timedelta:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_CATCH_UP_S:
        raise StrategyError(
            f"catch_up_s={seconds!r} 无效", "用秒数，0（不补做）到 86400，例如 600：错过不超过 10 分钟就在重启时补做"
        )
    return timedelta(seconds=seconds)


def grace_of(task: Task) -> timedelta:
    """How late the task may still run."""
    return EVERY_MINUTE_GRACE if task.expression.anchor is Anchor.EVERY_MINUTE else CLOCK_TASK_GRACE
