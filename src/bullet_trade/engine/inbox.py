"""The one door into the engine thread.

Any thread may put a message and returns at once. Reports and commands are never dropped and never reordered. Ticks
could outrun a busy strategy without end, so past `TICK_BACKLOG` waiting ticks, and while a callback is overdue, only
the newest of each security is kept and the replaced ones are counted: the inbox is bounded by the number of
securities, and what is lost is known.
"""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from threading import Lock

import msgspec

from bullet_trade.domain.reports import Report
from bullet_trade.domain.securities import Code
from bullet_trade.engine.commands import OperatorCommand, OverdueEnded, OverdueSeen
from bullet_trade.ports.quotes import Tick

TICK_BACKLOG = 10_000


class TickReady(msgspec.Struct, frozen=True):
    """Marks that a tick waits; the tick itself is taken with `Inbox.take_tick`."""


class StopRequested(msgspec.Struct, frozen=True):
    """End the run at the next quiet point: save, and leave. `reason` is shown and journaled."""

    reason: str


Message = Report | TickReady | StopRequested | OperatorCommand | OverdueSeen | OverdueEnded

_TICK_READY = TickReady()


class Inbox:
    """Messages for the engine thread, in order of arrival."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Message] = SimpleQueue()
        self._ticks: deque[Tick] = deque()
        self._newest: dict[Code, Tick] = {}
        self._tick_lock = Lock()
        self.conflated = 0
        """Ticks replaced by newer ones of the same security because the strategy was busy."""
        self.overdue = False
        """Set by the watchdog while a callback takes too long: ticks that wait grow old, only the newest count."""
        self.put = self._queue.put
        self.empty = self._queue.empty
        self.depth = self._queue.qsize
        """How many messages wait; any thread."""

    def put_tick(self, tick: Tick) -> None:
        """Hand over a tick from any thread."""
        with self._tick_lock:
            if len(self._ticks) < TICK_BACKLOG and not self._newest and not self.overdue:
                self._ticks.append(tick)
            else:
                replaced = tick.code in self._newest
                self._newest[tick.code] = tick
                if replaced:
                    self.conflated += 1
                    return
        self._queue.put(_TICK_READY)

    def take_tick(self) -> Tick | None:
        """The oldest waiting tick, None when there is none; engine thread only."""
        with self._tick_lock:
            if self._ticks:
                return self._ticks.popleft()
            if self._newest:
                return self._newest.pop(next(iter(self._newest)))
            return None

    def get(self, timeout_s: float = 0.0) -> Message | None:
        """The next message, or None when none arrives within `timeout_s` seconds; engine thread only."""
        try:
            if timeout_s <= 0.0:
                return self._queue.get_nowait()
            return self._queue.get(timeout=timeout_s)
        except Empty:
            return None
