"""A virtual clock that somebody sets, or whose machine sleeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox, Message


class SteppingClock(VirtualClock):
    """Shows `at` + `by` instead of each `at` that it reaches, once; durations do not follow."""

    def __init__(self, start: datetime, steps: list[tuple[datetime, timedelta]]) -> None:
        super().__init__(start)
        self._steps = list(steps)
        self._stepped = timedelta(0)
        self._told = timedelta(0)

    def monotonic(self) -> float:
        return super().monotonic() - self._stepped.total_seconds()

    def take_step(self) -> float:
        step, self._told = self._told, timedelta(0)
        return step.total_seconds()

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        if inbox.empty() and self._steps:
            at, by = self._steps[0]
            if self._now <= at and (until is None or at <= until):
                self._steps.pop(0)
                self._now = at + by
                self._stepped += by
                self._told += by
                return None
        return super().wait(inbox, until)


def stepping(*steps: tuple[str, timedelta]) -> Callable[[datetime], SteppingClock]:
    """For `run_days(clock=...)`: steps as ISO instant and span, positive when the clock is set forward."""
    return lambda start: SteppingClock(start, [(datetime.fromisoformat(at), by) for at, by in steps])
