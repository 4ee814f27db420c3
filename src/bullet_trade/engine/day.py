"""The trading day: its fixed marks, in the order in which the contract's timeline shows them.

00:00 the date opens - 09:15 before_trading_start - 09:30 to 15:00 handle_data each minute - 15:00 after_trading_end -
15:05 the day is summed up and saved - 15:30 the engine may stop.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.money import Money, Price, price
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import DayClosed, DayOpened, HoldingLine, StateNote, Waiting
from bullet_trade.engine.tasks import EVERY_MINUTE_GRACE, iter_minutes
from bullet_trade.ports.clock import Rank

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine

BEFORE_TRADING_START = time(9, 15)
OPEN = time(9, 30)
AFTER_TRADING_END = time(15, 0)
DOUBTS_TOLD = time(9, 0)
"""When it is told that two sources disagree about the day."""
SAVE = time(15, 5)
STOP = time(15, 30)
LAST_MOMENT = time(23, 59, 59)

LAST_START = time(15, 0)
"""An engine that starts later than this has missed today's session and begins with the next one."""

HOOK_MARKS = (("before_trading_start", BEFORE_TRADING_START), ("after_trading_end", AFTER_TRADING_END))

WHOLE_DAY = "整个交易日"
"""What is told to be missed where the process or the machine slept through a session."""


class DayCycle:
    """Opens and closes trading dates for one engine. `last` is the final day of a replay, None for no end."""

    def __init__(self, engine: Engine, last: date | None, stop_after_close: bool) -> None:
        self._engine = engine
        self._last = last
        self._stop_after_close = stop_after_close
        self.day: date | None = None
        self.previous: date | None = None
        self._doubts: set[date] = set()
        """Days in doubt whose telling is set."""
        self.marks: dict[str, str] = {}
        """The date for which each mark ran last; saved, so that a restart in the session repeats none."""

    def begin(self) -> None:
        """Set the timer that opens the first trading date, and say what is waited for."""
        engine = self._engine
        now = engine.now()
        self._learn_closed_days()
        self._watch_doubts(now)
        first = engine.calendar.session_on_or_after(now.date())
        alive_until = engine.alive_until
        if alive_until is not None:
            self._note_days_down(alive_until, now)
        if first == now.date() and now.time() >= LAST_START:
            if alive_until is not None:
                self._go_on_after_close(first, alive_until, now)
            first = engine.calendar.next_session(first)
        engine.tell_missed()
        self._await(first)

    def _learn_closed_days(self) -> None:
        """Take out of the calendar what the exchanges have closed since it was last looked at."""
        engine = self._engine
        now = engine.now()
        try:
            listed = [day for day in engine.terms.closed_days() if day >= now.date()]
        except UsageError as error:
            engine.tell(StateNote(now, f"临时休市没有更新：{error}"))
            return
        closed = [f"{day:%Y-%m-%d}" for day in engine.calendar.close(listed)]
        if closed:
            engine.journal.append(now, "closed_days", {"days": closed})
            engine.tell(StateNote(now, f"临时休市 {'、'.join(closed)}，不作为交易日"))

    def _watch_doubts(self, now: datetime) -> None:
        """Have each day in doubt told in its morning, in good time before the opening call."""
        engine = self._engine
        for day, words in engine.calendar.doubts.items():
            at = datetime.combine(day, DOUBTS_TOLD)
            if day >= now.date() and day not in self._doubts:
                self._doubts.add(day)
                engine.timers.add(max(at, now), Rank.DAY, partial(self._tell_doubt, words))

    def _tell_doubt(self, words: str) -> None:
        now = self._engine.now()
        self._engine.journal.append(now, "calendar_doubt", {"text": words})
        self._engine.tell(StateNote(now, words))

    def _note_days_down(self, alive_until: datetime, now: datetime) -> None:
        """What was due before today while the process was down is told, and never made up for."""
        engine = self._engine
        calendar = engine.calendar
        if alive_until > now:
            words = f"上次运行到 {alive_until:%Y-%m-%d %H:%M:%S}，比现在晚：时钟被往回拨过，其间的任务当天不重复执行"
            engine.tell(StateNote(now, words))
        last_day, yesterday = alive_until.date(), now.date() - timedelta(days=1)
        if last_day < calendar.first or last_day > yesterday:
            return
        for day in calendar.sessions(last_day, yesterday):
            if day == last_day:
                self._note_missed(day, datetime.combine(day, LAST_MOMENT), alive_until)
            else:
                engine.missed.note(WHOLE_DAY, datetime.combine(day, OPEN))

    def _go_on_after_close(self, day: date, alive_until: datetime, now: datetime) -> None:
        """Started again after the close: what was due is told, what is still due this evening runs."""
        if alive_until.date() <= day:
            self._note_missed(day, now, alive_until)
        self._engine.alive_until = None
        self._engine.tasks.plan_rest(day, max(now, alive_until))

    def _note_missed(self, day: date, until: datetime, alive_until: datetime) -> None:
        engine = self._engine
        engine.tasks.note_missed(day, until, alive_until)
        for hook, mark in HOOK_MARKS:
            due = datetime.combine(day, mark)
            if alive_until < due < until and self._owed(hook, day):
                engine.missed.note(hook, due)

    def _owed(self, hook: str, day: date) -> bool:
        return hook in self._engine.host.hooks and self.marks.get(hook) != day.isoformat()

    def _await(self, day: date) -> None:
        engine = self._engine
        now = engine.now()
        opens = datetime.combine(day, time())
        engine.timers.add(max(now, opens), Rank.DAY, lambda: self._open(day))
        mark = BEFORE_TRADING_START if "before_trading_start" in engine.host.hooks else OPEN
        until = datetime.combine(day, mark)
        if until > now:
            engine.tell(Waiting(now, f"{day:%Y-%m-%d} 交易日", until))

    def _open(self, day: date) -> None:
        engine = self._engine
        now = engine.now()
        if now.date() > day:  # the machine slept through it
            for missed in engine.calendar.sessions(day, now.date() - timedelta(days=1)):
                engine.missed.note(WHOLE_DAY, datetime.combine(missed, OPEN))
            self.begin()
            return
        self._learn_closed_days()
        if not engine.calendar.is_session(day):
            self._await(engine.calendar.next_session(day))
            return
        engine.misdated_ticks = 0
        self.previous = engine.calendar.previous_session(day)
        self.day = day
        engine.quotes.open_day(day)
        engine.open_date(day)
        if engine.tasks.start_date is None:
            engine.tasks.start_date = day
        engine.tell(DayOpened(now, day))
        alive_until, engine.alive_until = engine.alive_until, None
        planned = now
        if alive_until is not None and alive_until > now and alive_until.date() == day:
            planned = alive_until + timedelta(microseconds=1)  # the clock was set back: none of it runs again
        engine.tasks.plan(day, planned, alive_until, engine.terms.catch_up)
        engine.journal.append(now, "plan", {"day": day.isoformat(), "tasks": self._programme(day)})
        engine.tell_missed()
        self._set_marks(day, now, planned)

    def _programme(self, day: date) -> list[tuple[str, str]]:
        hooks = self._engine.host.hooks
        marks = [(name, datetime.combine(day, mark).isoformat()) for name, mark in HOOK_MARKS if name in hooks]
        every_minute = [("handle_data", "every_minute")] if "handle_data" in hooks else []
        return [*marks, *every_minute, *self._engine.tasks.programme(day)]

    def _set_marks(self, day: date, now: datetime, planned: datetime) -> None:
        hooks = self._engine.host.hooks
        timers = self._engine.timers
        if "before_trading_start" in hooks and self.marks.get("before_trading_start") != day.isoformat():
            when = max(now, datetime.combine(day, BEFORE_TRADING_START))
            timers.add(when, Rank.HOOK, lambda: self._hook("before_trading_start", day, BEFORE_TRADING_START))
        if "handle_data" in hooks:
            self._arm_minute(day, planned if planned > now else now - timedelta(seconds=1))
        if "after_trading_end" in hooks and self.marks.get("after_trading_end") != day.isoformat():
            when = datetime.combine(day, AFTER_TRADING_END)
            timers.add(when, Rank.HOOK, lambda: self._hook("after_trading_end", day, AFTER_TRADING_END))
        timers.add(datetime.combine(day, SAVE), Rank.HOUSEKEEPING, lambda: self._close(day))

    def _hook(self, name: str, day: date, mark: time) -> None:
        engine, due = self._engine, datetime.combine(day, mark)
        if engine.now().date() != day or engine.parts.brake.paused:  # the machine slept into another day: too late
            engine.missed.note(name, due)
            engine.tell_missed(name)
            return
        self.marks[name] = day.isoformat()
        engine.call_hook(name, (engine.context,), due)

    def _arm_minute(self, day: date, after: datetime) -> None:
        minutes = iter_minutes(day, after)
        engine = self._engine
        add: Callable[[datetime, Rank, Callable[[], None]], object] = engine.timers.add
        pending = next(minutes, None)

        def fire() -> None:
            nonlocal pending
            due = pending
            assert due is not None
            pending = next(minutes, None)
            if pending is not None:
                add(pending, Rank.HOOK, fire)
            now = engine.now()
            if now - due >= EVERY_MINUTE_GRACE or engine.parts.brake.paused:
                engine.missed.note("handle_data", due)
                return
            engine.tell_missed("handle_data")
            handle_data = engine.host.hooks.get("handle_data")
            if handle_data is None:  # gone with a reload
                return
            engine.host.call("handle_data", handle_data, (engine.context, engine.bar_data), due, now)

        if pending is not None:
            add(pending, Rank.HOOK, fire)

    def _close(self, day: date) -> None:
        engine = self._engine
        now = engine.now()
        engine.tell_missed()
        engine.account.sync(checkpoint=True)
        engine.ledger.check(engine.book.open_orders())
        closed = self.summary(day, now)
        engine.journal.append(now, "close", closed)
        engine.journal.barrier()  # who is told reads the day's journal, from another thread
        engine.tell(closed)
        engine.save("收盘")
        engine.parts.tidy()
        if self._stop_after_close:
            engine.timers.add(datetime.combine(day, STOP), Rank.HOUSEKEEPING, lambda: engine.stop("收盘后退出"))
        last = self._last
        if last is not None and (day >= last or engine.calendar.next_session(day) > last):
            end = datetime.combine(day, LAST_MOMENT)
            engine.timers.add(end, Rank.HOUSEKEEPING, lambda: engine.stop("回放结束"))
            return
        self._await(engine.calendar.next_session(day))

    def _last_price(self, code: Code) -> Price:
        try:
            return price(self._engine.quotes.last_price(code))
        except DataError as error:  # the day is closed all the same, with the last price that was known
            self._engine.tell(StateNote(self._engine.now(), f"{code} 没有收盘价，按上一个价格估值：{error}"))
            return Price(0)

    def summary(self, day: date, now: datetime) -> DayClosed:
        """The account as it stands, with the day's sums."""
        engine = self._engine
        lines: list[HoldingLine] = []
        value = 0
        for position in engine.ledger:
            last = self._last_price(position.code) or position.previous_close
            position.previous_close = Price(last)
            value += last * position.amount
            security = engine.security(position.code)
            closeable = position.closeable(engine.book.t0(position.code))
            name = security.name if security is not None else ""
            lines.append(
                HoldingLine(position.code, name, position.amount, closeable, position.average_cost, Price(last))
            )
        sums = engine.book.sums
        return DayClosed(
            now,
            day,
            engine.ledger.cash,
            tuple(sorted(lines, key=lambda line: line.code)),
            Money(value),
            engine.ledger.fees_today,
            sums.bought,
            sums.sold,
            sums.orders,
            sums.refused,
            tuple(sorted(sums.refusals.items(), key=lambda rule: (-rule[1], rule[0]))),
            sums.messages,
            sums.peak,
        )
