"""How long things may take between this program and the terminal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuoteTerms:
    """Seconds: `call_s` for an answer out of the terminal's memory, `history_s` for a table of bars; a download counts
    as hung after `silent_s` without progress, and ends after `download_s` in any case; `settle_s` between looks for
    bars that a finished download has not brought yet; `beat_s` between looks at the connection, `check_s` between
    comparisons of what was pushed with what the terminal shows.

    `whole_from` is the number of securities from which the whole market is subscribed instead of each by name.
    """

    call_s: float = 5.0
    history_s: float = 20.0
    silent_s: float = 15.0
    download_s: float = 180.0
    settle_s: float = 0.5
    beat_s: float = 2.0
    check_s: float = 10.0
    whole_from: int = 1_000
