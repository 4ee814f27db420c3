"""Exchange time that runs `PACE` times as fast as ours, the same in every process that is told the same origin."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.inbox import Inbox, Message

PACE = 40.0
OPENING = datetime(2025, 6, 3, 9, 31)
BEIJING_S = 8 * 3600.0


def exchange_now(origin: float) -> datetime:
    """The time at the exchange; `origin` is our time (seconds since 1970) at its `OPENING`."""
    return OPENING + timedelta(seconds=(time.time() - origin) * PACE)


class FastClock(WallClock):
    """The wall clock of the engine, run fast."""

    def __init__(self, origin: float) -> None:
        opening = (OPENING - datetime(1970, 1, 1)).total_seconds() - BEIJING_S
        super().__init__(
            civil=lambda: opening + (time.time() - origin) * PACE,
            steady=lambda: (time.time() - origin) * PACE,
        )

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        rest_s = 20.0 if until is None else (until - self.now()).total_seconds()
        return inbox.get(min(rest_s, 20.0) / PACE)
