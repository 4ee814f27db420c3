"""A journal that somebody reads along with, as it is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from bullet_trade.engine.recovery import Record
from bullet_trade.ops.assembly import RunJournal
from bullet_trade.store.journal import History

Body = msgspec.Struct | dict[str, object]


class WatchedJournal:
    """Passes everything on. `seen` is called with each record after it was taken, `barrier_took` with the seconds of
    each barrier; both on the engine thread, and must not raise."""

    def __init__(
        self,
        journal: RunJournal,
        seen: Callable[[str, Body], None],
        barrier_took: Callable[[float], None],
        steady: Callable[[], float],
    ) -> None:
        self._seen = seen
        self._barrier_took = barrier_took
        self._steady = steady
        self._append = journal.append
        self._barrier = journal.barrier
        self.close = journal.close
        self._journal = journal

    def append(self, at: datetime, kind: str, body: Body) -> int:
        number = self._append(at, kind, body)
        self._seen(kind, body)
        return number

    def barrier(self) -> None:
        began_s = self._steady()
        self._barrier()
        self._barrier_took(self._steady() - began_s)

    def history(self) -> History:
        return self._journal.history()

    def since_checkpoint(self) -> list[Record]:
        return self._journal.since_checkpoint()
