"""A download as it goes on: what it has reported, and when it counts as hung."""

from __future__ import annotations

from collections.abc import Callable

from bullet_trade.quotes.qmt.xtdata import Row

TELL_S = 3.0
"""A download that takes longer is told to people, and again after as long as it has taken so far."""


class Download:
    """Implements `lane.Patience`. `take` is called on a thread of the vendor's, everything else by the asker."""

    def __init__(
        self,
        title: str,
        monotonic: Callable[[], float],
        silent_s: float,
        most_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self._title = title
        self._monotonic = monotonic
        self._silent_s = silent_s
        self._began = self._heard = monotonic()
        self._ends = self._began + most_s
        self._tell = tell
        self._tell_at = self._began + TELL_S
        self._progress = ""

    def take(self, report: Row) -> None:
        """Progress."""
        self._progress = f"{report.get('finished')}/{report.get('total')}"
        self._heard = self._monotonic()

    def left_s(self) -> float:
        return min(self._heard + self._silent_s, self._ends) - self._monotonic()

    def look(self) -> None:
        now = self._monotonic()
        if now >= self._tell_at:
            self._tell_at = now + (now - self._began)
            self._tell(f"正在从 QMT 下载{self._title} {self._progress}".rstrip())
