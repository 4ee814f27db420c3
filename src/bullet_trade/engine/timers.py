"""What is due when. Two heaps: what may run while the strategy waits for an order, and what has to wait for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count

from bullet_trade.engine.clock import Clock
from bullet_trade.ports.clock import Rank

Action = Callable[[], None]


class Timer:
    """One call that is due once."""

    __slots__ = ("action", "key", "repeated", "when")

    def __init__(self, when: datetime, rank: Rank, number: int, action: Action, repeated: bool) -> None:
        self.when = when
        self.key = (when, rank, number)
        self.action: Action | None = action
        self.repeated = repeated

    def __lt__(self, other: Timer) -> bool:
        return self.key < other.key


class TimerQueue:
    """Pending calls, ordered by time, then rank, then order of registration. Engine thread only."""

    def __init__(self) -> None:
        self._market: list[Timer] = []
        self._strategy: list[Timer] = []
        self._number = count()

    def add(self, when: datetime, rank: Rank, action: Action, repeated: bool = False) -> Timer:
        """Have `action` called at `when`. `repeated`: it is a matter of "every so many seconds", not of a time of day,
        and moves with a clock that is set back."""
        timer = Timer(when, rank, next(self._number), action, repeated)
        heappush(self._market if rank <= Rank.DAY else self._strategy, timer)
        return timer

    @staticmethod
    def cancel(timer: Timer) -> None:
        """Forget a call; no error when it has already happened."""
        timer.action = None

    def next_due(self, market_only: bool = False) -> datetime | None:
        """When the next call is due; `market_only` looks only at what may run while the strategy waits."""
        first = self._first(self._market)
        if market_only:
            return first.when if first else None
        other = self._first(self._strategy)
        if first is None or (other is not None and other < first):
            first = other
        return first.when if first else None

    def pop_due(self, now: datetime, market_only: bool = False) -> Timer | None:
        """Take the next call that is due at `now`, None when there is none."""
        first, heap = self._first(self._market), self._market
        if not market_only:
            other = self._first(self._strategy)
            if first is None or (other is not None and other < first):
                first, heap = other, self._strategy
        if first is None or first.when > now:
            return None
        return heappop(heap)

    def set_back(self, by: timedelta) -> None:
        """The clock was set back: what is repeated comes that much earlier, or it would rest for as long. Times of day
        stay: what has run already does not come again."""
        for heap in (self._market, self._strategy):
            for timer in heap:
                if timer.repeated:
                    timer.when -= by
                    timer.key = (timer.when, *timer.key[1:])
            heapify(heap)

    @staticmethod
    def _first(heap: list[Timer]) -> Timer | None:
        while heap and heap[0].action is None:
            heappop(heap)
        return heap[0] if heap else None


class ClockTimers:
    """The `ports.clock.Timers` view of a clock and a queue, for the parts that live beside the engine."""

    def __init__(self, clock: Clock, queue: TimerQueue) -> None:
        self._queue = queue
        self.now = clock.now

    def at(self, when: datetime, rank: Rank, action: Action) -> Timer:
        return self._queue.add(when, rank, action)

    def cancel(self, handle: object) -> None:
        if isinstance(handle, Timer):
            self._queue.cancel(handle)
