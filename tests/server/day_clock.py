"""Exchange time of a whole day, the same in every process that is told the same file: it runs evenly and fast, and the
engine has it leap over what is left of a pause once nothing is on its way.

The file holds five numbers: when the day began (our time, seconds since 1970), by how many seconds of exchange time it
has leapt, up to which of these leaps the server has done what was due, whether it must not leap at present, and how
many seconds of ours the leaps took.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from bullet_trade.engine.inbox import Inbox, Message

OPENING = datetime(2026, 1, 5, 9, 10)
PACE = 4.0
"""Seconds at the exchange in one of ours. An order has 5 s of exchange time to arrive, so 1.25 s of ours."""
PAUSE = timedelta(seconds=0.5)
"""A wait for something farther away is a pause. A wait for an order never is."""
QUIET_S = 0.004
"""So long nothing may arrive before time leaps."""
LOOK_S = 0.0005
PATIENCE_S = 30.0
SIZE = 40
_BEGAN, _LEAPT, _SEEN, _HELD, _TOOK = range(5)


class DayClock:
    """The clock of one process. `monotonic` is ours: it times the connection, and the wait for an order."""

    virtual = False

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._numbers = memoryview(mmap.mmap(opened.fileno(), SIZE)).cast("d")
        self.monotonic = time.monotonic
        self.may_leap: Callable[[], bool] = lambda: False

    @staticmethod
    def begin(file: Path, at: datetime = OPENING) -> None:
        """Make the file: it is `at` now."""
        file.write_bytes(bytes(SIZE))
        DayClock(file)._numbers[_BEGAN] = time.time() - (at - OPENING).total_seconds() / PACE

    def now(self) -> datetime:
        passed_s = (time.time() - self._numbers[_BEGAN]) * PACE + self._numbers[_LEAPT]
        return OPENING + timedelta(seconds=passed_s)

    def hold(self, held: bool = True) -> None:
        """Have time run evenly, or let it leap again; for the network between them."""
        self._numbers[_HELD] = held

    def take_step(self) -> float:
        return 0.0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        while (rest := (until - self.now()) if until is not None else PAUSE) > timedelta(0):
            message = inbox.get(min(rest.total_seconds() / PACE, QUIET_S))
            if message is not None:
                return message
            if until is not None and rest > PAUSE and not self._numbers[_HELD] and self.may_leap():
                self._leap(until - self.now())
        return inbox.get() if not inbox.empty() else None

    def _leap(self, by: timedelta) -> None:
        """Returns when the server has done what was due meanwhile."""
        self._numbers[_LEAPT] += max(0.0, by.total_seconds())
        began = time.monotonic()
        while self._numbers[_SEEN] < self._numbers[_LEAPT]:
            assert time.monotonic() < began + PATIENCE_S, "the server does not follow"
            time.sleep(LOOK_S)
        self._numbers[_TOOK] += time.monotonic() - began

    @property
    def took_s(self) -> float:
        """Seconds of ours for which the engine has waited while the exchange caught up with leaps."""
        return self._numbers[_TOOK]

    @property
    def unseen(self) -> bool:
        """Whether time has leapt since the last `see`; for the server."""
        return self._numbers[_SEEN] < self._numbers[_LEAPT]

    def see(self, do: Callable[[], None]) -> None:
        """Do what became due by leaping; for the server."""
        leapt = self._numbers[_LEAPT]
        do()
        self._numbers[_SEEN] = leapt
