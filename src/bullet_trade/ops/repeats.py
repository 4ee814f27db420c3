"""Keeps a storm of identical warnings out of the log: the first ones are shown, the others counted and told."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock

from bullet_trade.engine import events
from bullet_trade.engine.events import Audience, Event, StateNote, Stopping
from bullet_trade.ops.narration import narrate

SHOWN, WITHIN = 5, timedelta(seconds=60)

_STORMING = (
    events.OrderRefused,
    events.CancelForbidden,
    events.LimitNear,
    events.ReportIgnored,
    events.CallbackFailed,
    events.LinkChanged,
    events.StrategySaid,
    events.StateNote,
)
_CALM = frozenset({"debug", "info"})


class _Run:
    """One warning within its interval."""

    __slots__ = ("last", "more", "since")

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.last = since
        self.more = 0


class Repeats:
    """An `Audience` before another one, which hears of a warning of the same text at most `SHOWN` times `WITHIN` a
    minute of exchange time, and how often it came besides. Any thread."""

    def __init__(self, listener: Audience) -> None:
        self._listener = listener
        self._runs: dict[str, _Run] = {}
        self._lock = Lock()

    def tell(self, event: Event) -> None:
        with self._lock:
            over = self._ended(event)
            shown = not isinstance(event, _STORMING) or self._first(event)
        for note in over:
            self._listener.tell(note)
        if shown:
            self._listener.tell(event)

    def _first(self, event: Event) -> bool:
        if isinstance(event, events.StrategySaid) and event.level in _CALM:
            return True
        line = narrate(event)
        if line is None or line.level in _CALM or isinstance(event, events.Recorded):
            return True
        run = self._runs.get(line.text)
        if run is None:
            run = self._runs[line.text] = _Run(event.at)
        run.last = event.at
        run.more += 1
        return run.more <= SHOWN

    def _ended(self, event: Event) -> list[StateNote]:
        """What has to be said of warnings whose minute is over, or of all at the end of the run."""
        if not self._runs or isinstance(event, events.Recorded):
            return []
        last = isinstance(event, Stopping)
        oldest = next(iter(self._runs.values()))  # they stand in the order in which they began
        if event.at - oldest.since < WITHIN and not last:
            return []
        ended = [text for text, run in self._runs.items() if last or event.at - run.since >= WITHIN]
        told: list[StateNote] = []
        for text in ended:
            run = self._runs.pop(text)
            if run.more > SHOWN:
                first = text.split("\n", 1)[0]
                span = f"{run.since:%H:%M:%S}-{run.last:%H:%M:%S}"
                told.append(StateNote(event.at, f"{span} 同样的警告又出现 {run.more - SHOWN} 次，未逐条显示：{first}"))
        return told
