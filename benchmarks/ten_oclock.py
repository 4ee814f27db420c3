"""A session that always begins at ten in the morning of the same day, for the benchmarks of the wall-clock path."""

from __future__ import annotations

from datetime import datetime

from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.events import Event

SESSION = datetime(2025, 12, 1, 10, 0)


class ShiftedClock(WallClock):
    """The wall clock, moved so that it begins at `SESSION`."""

    def __init__(self) -> None:
        super().__init__()
        self._shift = SESSION - super().now()

    def now(self) -> datetime:
        return super().now() + self._shift


class Silent:
    """Watches nothing."""

    def tell(self, event: Event) -> None: ...


def percentiles(taken: list[float]) -> str:
    """Of microseconds."""
    ordered = sorted(taken)
    p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    return f"p50 {p50:.0f} us, p99 {p99:.0f} us"
