"""What the terminal was made to download since the day began, so that nothing is downloaded twice.

Securities that were asked for lately are downloaded together: the vendor's function takes a tenth of a second for any
number of them.
"""

from __future__ import annotations

from datetime import date, datetime

from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import to_qmt
from bullet_trade.quotes.qmt.moments import day_text
from bullet_trade.quotes.qmt.terminal import Terminal

TOGETHER = 200
"""Securities in one download."""
RUNNING_S = 50.0
"""The running day is downloaded again after so long."""


class Fetched:
    """The downloads of a session. One thread."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._spans: dict[tuple[str, Code], tuple[date, date]] = {}
        """Days that were downloaded, by kind of bar."""
        self._running: dict[tuple[str, Code], datetime] = {}
        """When the running day was downloaded last."""
        self._lately: dict[str, dict[Code, None]] = {}

    def fetch(self, period: str, code: Code, first: date, last: date, until: datetime | None = None) -> bool:
        """Have `first` to `last` downloaded unless they were; whether that was necessary.

        `until` is now, where the running day is among them. Raises `DataError`.
        """
        lately = self._lately.setdefault(period, {})
        lately[code] = None
        if not self._missing(period, code, first, last, until):
            return False
        company = (other for other in lately if other != code and self._missing(period, other, first, last, until))
        together = [code, *company][:TOGETHER]
        end = day_text(last) if until is None else f"{until:%Y%m%d%H%M%S}"
        self._terminal.download([to_qmt(one) for one in together], period, day_text(first), end)
        for one in together:
            self._mark(period, one, first, last, until)
        return True

    def _missing(self, period: str, code: Code, first: date, last: date, until: datetime | None) -> bool:
        if until is not None:
            before = self._running.get((period, code))
            return before is None or before.date() != until.date() or (until - before).total_seconds() >= RUNNING_S
        span = self._spans.get((period, code))
        return span is None or not span[0] <= first <= last <= span[1]

    def _mark(self, period: str, code: Code, first: date, last: date, until: datetime | None) -> None:
        if until is not None:
            self._running[period, code] = until
            return
        known = self._spans.get((period, code))
        joined = known is not None and first <= known[1] and last >= known[0]
        span = (min(first, known[0]), max(last, known[1])) if known is not None and joined else (first, last)
        self._spans[period, code] = span
