"""When a lost connection matters. At night the terminal restarts by itself, and nobody need be woken for that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time

FROM, TO = time(9, 0), time(15, 30)


def watching(now: datetime, is_session: Callable[[date], bool]) -> bool:
    """Whether the terminal has to be there at `now`: 9:00 to 15:30 on trading days."""
    return FROM <= now.time() < TO and is_session(now.date())
