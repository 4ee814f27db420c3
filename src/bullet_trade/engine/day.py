"""The trading day: its fixed marks, in the order in which the contract's timeline shows them.

00:00 the date opens - 09:15 before_trading_start - 09:30 to 15:00 handle_data each minute - 15:00 after_trading_end -
15:05 the day is summed up and saved - 15:30 the engine may stop.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from bullet_trade.domain.money import Money, Price, price
from bullet_trade.engine.events import DayClosed, DayOpened, HoldingLine, TaskMissed, Waiting
from bullet_trade.engine.tasks import EVERY_MINUTE_GRACE, iter_minutes
from bullet_trade.ports.clock import Rank

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine

BEFORE_TRADING_START = time(9, 15)
OPEN = time(9, 30)
AFTER_TRADING_END = time(15, 0)
SAVE = time(15, 5)
STOP = time(15, 30)
LAST_MOMENT = time(23, 59, 59)

LAST_START = time(15, 0)
"""An engine that starts later than this has missed today's session and begins with the next one."""


class DayCycle:
    """Opens and closes trading dates for one engine. `last` is the final day of a replay, None for no end."""

    def __init__(self, engine: Engine, last: date | None, stop_after_close: bool) -> None:
        self._engine = engine
        self._last = last
        self._stop_after_close = stop_after_close
        self.day: date | None = None
        self.previous: date | None = None
        self.marks: dict[str, str] = {}
        """The date for which each mark ran last; saved, so that a restart in the session repeats none."""

    def begin(self) -> None:
        """Set the timer that opens the first trading date, and say what is waited for."""
        engine = self._engine
        now = engine.now()
        first = engine.calendar.session_on_or_after(now.date())
        if first == now.date() and now.time() >= LAST_START:
            self._note_missed(first, now)
            first = engine.calendar.next_session(first)
        self._await(first)

    def _note_missed(self, day: date, now: datetime) -> None:
        """Started after the close: what was due while the process was down is told, and not made up for."""
        engine = self._engine
        alive_until = engine.alive_until
        if alive_until is None or alive_until.date() > day:
            return
        engine.tasks.note_missed(day, now, alive_until)
        due = datetime.combine(day, AFTER_TRADING_END)
        if alive_until < due and self._owed("after_trading_end", day):
            engine.missed.note("after_trading_end", due)
        engine.alive_until = None
        engine.tell_missed()

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
        if now.date() != day:  # the machine slept through it
            engine.tell(TaskMissed(now, "整个交易日", datetime.combine(day, OPEN), 1))
            self.begin()
            return
        self.previous = engine.calendar.previous_session(day)
        self.day = day
        engine.quotes.open_day(day)
        engine.open_date(day)
        if engine.tasks.start_date is None:
            engine.tasks.start_date = day
        engine.tell(DayOpened(now, day))
        engine.tasks.plan(day, now, engine.alive_until, engine.terms.catch_up)
        engine.alive_until = None
        engine.tell_missed()
        self._set_marks(day, now)

    def _set_marks(self, day: date, now: datetime) -> None:
        hooks = self._engine.host.hooks
        timers = self._engine.timers
        if "before_trading_start" in hooks and self.marks.get("before_trading_start") != day.isoformat():
            when = max(now, datetime.combine(day, BEFORE_TRADING_START))
            timers.add(when, Rank.HOOK, lambda: self._hook("before_trading_start", day, BEFORE_TRADING_START))
        if "handle_data" in hooks:
            self._arm_minute(day, now - timedelta(seconds=1))
        if "after_trading_end" in hooks and self.marks.get("after_trading_end") != day.isoformat():
            when = datetime.combine(day, AFTER_TRADING_END)
            timers.add(when, Rank.HOOK, lambda: self._hook("after_trading_end", day, AFTER_TRADING_END))
        timers.add(datetime.combine(day, SAVE), Rank.HOUSEKEEPING, lambda: self._close(day))

    def _hook(self, name: str, day: date, mark: time) -> None:
        self.marks[name] = day.isoformat()
        self._engine.call_hook(name, (self._engine.context,), datetime.combine(day, mark))

    def _arm_minute(self, day: date, after: datetime) -> None:
        minutes = iter_minutes(day, after)
        engine = self._engine
        handle_data = engine.host.hooks["handle_data"]
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
            if now - due >= EVERY_MINUTE_GRACE:
                engine.missed.note("handle_data", due)
                return
            engine.tell_missed("handle_data")
            engine.host.call("handle_data", handle_data, (engine.context, engine.bar_data), due, now)

        if pending is not None:
            add(pending, Rank.HOOK, fire)

    def _close(self, day: date) -> None:
        engine = self._engine
        now = engine.now()
        engine.tell_missed()
        engine.account.sync(checkpoint=True)
        engine.ledger.check(engine.book.open_orders())
        engine.tell(self.summary(day, now))
        engine.save("收盘")
        if self._stop_after_close:
            engine.timers.add(datetime.combine(day, STOP), Rank.HOUSEKEEPING, lambda: engine.stop("收盘后退出"))
        if self._last is not None and day >= self._last:
            end = datetime.combine(day, LAST_MOMENT)
            engine.timers.add(end, Rank.HOUSEKEEPING, lambda: engine.stop("回放结束"))
            return
        self._await(engine.calendar.next_session(day))

    def summary(self, day: date, now: datetime) -> DayClosed:
        """The account as it stands, with the day's sums."""
        engine = self._engine
        lines: list[HoldingLine] = []
        value = 0
        for position in engine.ledger:
            last = price(engine.quotes.last_price(position.code)) or position.previous_close
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
        )
