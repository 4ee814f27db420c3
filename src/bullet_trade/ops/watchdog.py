"""Watches from a thread of its own that the strategy gives the engine back: a callback that takes too long holds up
every other callback, and the operator has to know where it hangs while it hangs."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Event, Thread, get_ident
from types import FrameType

from bullet_trade.engine.commands import OverdueEnded, OverdueSeen
from bullet_trade.engine.events import Audience, CallbackOverdue
from bullet_trade.engine.host import Running, StrategyHost
from bullet_trade.engine.inbox import Inbox

LOOK_EVERY_S = 0.25


class Watchdog:
    """Watches one engine. `look` may be called by anyone, one caller at a time; `start` has a thread call it."""

    def __init__(
        self,
        host: StrategyHost,
        inbox: Inbox,
        alarm: Audience,
        limit_s: float,
        now: Callable[[], datetime],
        steady: Callable[[], float],
    ) -> None:
        """`alarm` is told from the watchdog's thread. `limit_s` seconds pass before the first alarm, twice as many
        before each next one."""
        self._host = host
        self._inbox = inbox
        self._alarm = alarm
        self._limit_s = limit_s
        self._now = now
        self._steady = steady
        self._engine_thread = get_ident()
        self._closed = Event()
        self._thread: Thread | None = None
        self._seen: tuple[Running, float] | None = None
        self._next_s = limit_s
        self._conflated = 0

    def start(self) -> None:
        """Begin to watch the thread that calls this."""
        self._engine_thread = get_ident()
        self._thread = Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def running(self) -> tuple[str, float] | None:
        """The callback that runs now and for how many seconds, counted from the first look at it; any thread."""
        running, seen = self._host.running, self._seen
        if running is None:
            return None
        since = self._steady() - seen[1] if seen is not None and seen[0] == running else 0.0
        return running.name, since

    def look(self) -> None:
        """Look once: note a new callback, raise an alarm about an old one."""
        running, now = self._host.running, self._steady()
        if self._seen is not None and self._seen[0] != running:
            self._over(self._seen, now)
        if running is None:
            self._seen = None
        elif self._seen is None or self._seen[0] != running:
            self._seen, self._next_s = (running, now), self._limit_s
        elif now - self._seen[1] >= self._next_s:
            self._raise_alarm(running, now - self._seen[1])
            self._next_s *= 2

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_EVERY_S):
            self.look()

    def _raise_alarm(self, running: Running, seconds: float) -> None:
        if not self._inbox.overdue:
            self._inbox.overdue, self._conflated = True, self._inbox.conflated
        where, stack = stack_of(sys._current_frames().get(self._engine_thread), self._host.path)
        self._alarm.tell(CallbackOverdue(self._now(), running.name, seconds, where, stack))
        self._inbox.put(OverdueSeen(running.name, round(seconds, 1), where))

    def _over(self, seen: tuple[Running, float], now: float) -> None:
        if self._inbox.overdue:
            self._inbox.overdue = False
            lost = self._inbox.conflated - self._conflated
            self._inbox.put(OverdueEnded(seen[0].name, round(now - seen[1], 1), lost))


def stack_of(frame: FrameType | None, strategy: Path) -> tuple[str, str]:
    """The strategy's innermost line as ``file:line``, and where the thread is: the lines of the strategy's folder
    first, then the whole stack, innermost last."""
    folder = strategy.parent.resolve()
    frames = traceback.extract_stack(frame) if frame is not None else []
    own = [one for one in frames if not one.filename.startswith("<") and Path(one.filename).resolve().parent == folder]
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else strategy.name
    parts = ["策略所在位置：\n", *traceback.format_list(own), "完整堆栈：\n", *traceback.format_list(frames)]
    return where, "".join(parts)
