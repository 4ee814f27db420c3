"""A thread that owns something that is not safe to share: an account with its broker, or a source of quotes.

Other threads hand it calls and never wait; it also runs the timers of what it owns, on exchange time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread

from bullet_trade.engine.clock import LONGEST_NAP_S, Clock
from bullet_trade.engine.timers import ClockTimers, TimerQueue

log = logging.getLogger("bullet_trade.server")

Call = Callable[[], None]


def _nothing(_: datetime) -> None:
    """Nothing has to know the time."""


class Owner:
    """One thread, its calls and its timers. `instant` is told the time before anything else happens at it."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.clock = clock
        self.instant: Callable[[datetime], None] = _nothing
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._pending = TimerQueue()
        self.timers = ClockTimers(clock, self._pending)
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; calls that were posted before are run first."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def post(self, call: Call) -> None:
        """Have `call` run on the owner's thread, after those posted before; from any thread."""
        self._queue.put(call)

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Run what was posted so far, then end. False when the thread does not end in time."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                call = self._queue.get(timeout=self._nap_s())
            except Empty:
                self._attempt(self._run_timers)
                continue
            if call is None:
                return
            self._attempt(call)
            self._attempt(self._run_timers)

    def _nap_s(self) -> float:
        due = self._pending.next_due()
        if due is None:
            return LONGEST_NAP_S
        return min(LONGEST_NAP_S, max(0.0, (due - self.clock.now()).total_seconds()))

    def _attempt(self, call: Call) -> None:
        try:
            self.instant(self.clock.now())
            call()
        except Exception:
            # The edge of the loop: one bad call must not end the account. Calls that owe somebody an answer give it
            # themselves; what arrives here is a defect, and is told as one.
            log.exception("处理时发生未预料的错误（本程序缺陷，请报告）")

    def _run_timers(self) -> None:
        now = self.clock.now()
        while (timer := self._pending.pop_due(now)) is not None:
            if timer.action is not None:
                self._attempt(timer.action)
