"""Keeps orders and cancels of one account below a number per second, by letting them wait; none is dropped.

Within the second a place is kept for cancels: orders wait first. Source of the thresholds: `market.programmatic`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from bullet_trade.market.programmatic import HIGH_FREQUENCY_PER_DAY, HIGH_FREQUENCY_PER_SECOND

A_MOMENT_S = 1e-3
"""Waited beyond the second, so that the place is free when the wait is over."""

KEPT_FOR_CANCELS = 10
"""One in so many places of a second is left to cancels."""

QUIET_S = 60.0
"""After this long without waiting, waiting is news again."""

UNLIMITED = 1 << 30

Pump = Callable[[Callable[[], bool], float], bool]
Warn = Callable[[str, str], None]
"""Takes the rule's name and the text."""


class LastSecond:
    """What left within the last second of a steady clock, oldest first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sent: deque[float] = deque()

    def sent(self) -> None:
        """Something leaves now."""
        self._sent.append(self._monotonic())

    def count(self) -> int:
        """How many left within the second up to now."""
        now, sent = self._monotonic(), self._sent
        while sent and now - sent[0] >= 1.0:
            sent.popleft()
        return len(sent)

    def free_at(self, more: int, most: int) -> float | None:
        """When `more` may leave so that a second has `most` at most; None: now, infinity: never all together."""
        surplus = self.count() + more - most
        if surplus <= 0:
            return None
        return self._sent[surplus - 1] + 1.0 + A_MOMENT_S if more <= most else inf


def for_orders(per_second: int) -> int:
    """The places of a second that orders may take."""
    return per_second - per_second // KEPT_FOR_CANCELS


class RateLimiter:
    """Counts what leaves in the last second of the engine's steady clock. Engine thread only.

    `per_second` 0 holds nothing back; `warn_at` is the number of a day's orders and cancels that is told once, 0 for
    none.
    """

    def __init__(
        self,
        per_second: int,
        warn_at: int,
        monotonic: Callable[[], float],
        pump: Pump,
        messages: Callable[[], int],
        warn: Warn,
    ) -> None:
        self._per_second = per_second
        self._for_orders = for_orders(per_second)
        self._warn_at = warn_at
        self._monotonic = monotonic
        self._pump = pump
        self._messages = messages
        self._warn = warn
        self._second = LastSecond(monotonic)
        self._waited_at: float | None = None

    def room(self) -> int:
        """How many orders may leave now."""
        return max(0, self._for_orders - self._second.count()) if self._per_second else UNLIMITED

    def order_turn(self) -> bool:
        """Wait until an order may leave, while the engine goes on; False when the engine stops meanwhile."""
        return self._turn(self._for_orders)

    def cancel_turn(self) -> None:
        """Wait until a cancel may leave. When the engine stops meanwhile it may leave at once: it lowers the risk."""
        self._turn(self._per_second)

    def sent(self) -> None:
        """An order or a cancel has left, and is in the day's count."""
        if self._per_second:
            self._second.sent()
        if self._messages() == self._warn_at:
            words = f"当日申报加撤单已达 {self._warn_at} 笔（达到 {HIGH_FREQUENCY_PER_DAY} 笔即属高频交易）"
            self._warn("daily_message_warning", f"{words}，请检查策略是否反复下单")

    def _turn(self, most: int) -> bool:
        if not self._per_second:
            return True
        while (until := self._second.free_at(1, most)) is not None:
            self._tell_once(most)
            self._pump(lambda: False, until - self._monotonic())
            if self._monotonic() < until - A_MOMENT_S:
                return False  # the engine left the wait before its time: it is stopping
        return True

    def _tell_once(self, most: int) -> None:
        now, last = self._monotonic(), self._waited_at
        self._waited_at = now
        if last is not None and now - last < QUIET_S:
            return
        words = f"一秒内申报加撤单已达 {most} 笔，其余排队等待（{HIGH_FREQUENCY_PER_SECOND} 笔每秒即属高频交易）"
        self._warn("max_order_rate", f"{words}；上限见 MAX_ORDER_RATE")
