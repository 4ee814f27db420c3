"""The thread that owns bars and descriptions; queries wait for each other there, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.server.owner import Owner
from bullet_trade.server.venue import HistoryWorld
from bullet_trade.strategy.history import History


@dataclass(slots=True)
class HistoryDesk:
    """Bars as a strategy sees them at the present instant. `history` and `world` are for the owner's thread only."""

    owner: Owner
    make_world: Callable[[], HistoryWorld]
    world: HistoryWorld = field(init=False)
    history: History = field(init=False)

    def start(self, ready: Callable[[str], None]) -> None:
        """Open the source on the owner's thread; `ready` gets '' or the reason of a failure."""
        self.owner.post(partial(self._start, ready))
        self.owner.start()

    def _start(self, ready: Callable[[str], None]) -> None:
        try:
            self.world = self.make_world()
        except BulletTradeError as error:
            ready(str(error))
            return
        data = self.world.data
        self.history = History(data, self.world.calendar, data.security, self.owner.clock.now)
        ready("")

    def today(self) -> date:
        """The current date."""
        return self.owner.clock.now().date()

    def close(self) -> None:
        """End the thread."""
        self.owner.stop()
