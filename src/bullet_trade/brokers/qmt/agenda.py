"""What the adapter's own thread has to do later. Seconds are those of a clock that only moves forward."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

Action = Callable[[], None]


class Entry:
    """One thing to do once; `action` is None when it was called off."""

    __slots__ = ("action", "key")

    def __init__(self, key: tuple[float, int], action: Action) -> None:
        self.key = key
        self.action: Action | None = action

    def __lt__(self, other: Entry) -> bool:
        return self.key < other.key

    @property
    def due_s(self) -> float:
        """When it is to be done."""
        return self.key[0]

    def cancel(self) -> None:
        """Call it off; no error when it is done already."""
        self.action = None


class Agenda:
    """Things to do, by time and then by order of entry. One thread only."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self._heap: list[Entry] = []
        self._numbers = count()

    def after(self, seconds: float, action: Action) -> Entry:
        """Have `action` called in `seconds`."""
        entry = Entry((self.monotonic() + seconds, next(self._numbers)), action)
        heappush(self._heap, entry)
        return entry

    def next_due(self) -> float | None:
        """When something is to be done next."""
        while self._heap and self._heap[0].action is None:
            heappop(self._heap)
        return self._heap[0].due_s if self._heap else None

    def run_due(self) -> None:
        """Do what is due now."""
        while (due := self.next_due()) is not None and due <= self.monotonic():
            action = heappop(self._heap).action
            if action is not None:
                action()

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
