"""Calls of the wheel, one after another, on a thread that can be given up.

The native part may hang in any call, and a thread that hangs there cannot be ended. It is left behind then: what it had
not begun is handed back as certainly not sent, and a new thread takes over.
"""

from __future__ import annotations

from collections import deque
from threading import Condition, Thread
from typing import Protocol

from bullet_trade.brokers.qmt.messages import Call, Called, Post

CLOSING_S = 3.0


class Caller(Protocol):
    """Makes calls somewhere else and posts `Called`."""

    @property
    def stuck(self) -> int:
        """Threads that were given up and have not come back."""

    def run(self, call: Call) -> None:
        """Make this call after those before it; returns at once."""

    def abandon(self) -> list[Call]:
        """Give up the call that is being made; the calls that were waiting behind it, which are never made now."""

    def close(self) -> None:
        """Make the calls that are waiting, as far as they return soon, and end."""


class CallThread:
    """Implements `Caller` on a thread of its own."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._worker: _Worker | None = None
        self._abandoned: list[_Worker] = []

    @property
    def stuck(self) -> int:
        self._abandoned = [worker for worker in self._abandoned if worker.thread.is_alive()]
        return len(self._abandoned)

    def run(self, call: Call) -> None:
        if self._worker is None or not self._worker.thread.is_alive():
            self._worker = _Worker(self._post)
        self._worker.give(call)

    def abandon(self) -> list[Call]:
        worker, self._worker = self._worker, None
        if worker is None:
            return []
        self._abandoned.append(worker)
        return worker.leave()

    def close(self) -> None:
        if self._worker is not None:
            self._worker.give(None)
            self._worker.thread.join(CLOSING_S)


class _Worker:
    def __init__(self, post: Post) -> None:
        self._post = post
        self._waiting: deque[Call | None] = deque()
        self._changed = Condition()
        # A daemon: a hung call must not keep the process from ending.
        self.thread = Thread(target=self._work, name="qmt-calls", daemon=True)
        self.thread.start()

    def give(self, call: Call | None) -> None:
        with self._changed:
            self._waiting.append(call)
            self._changed.notify()

    def leave(self) -> list[Call]:
        with self._changed:
            unsent = [call for call in self._waiting if call is not None]
            self._waiting.clear()
            self._waiting.append(None)
            self._changed.notify()
        return unsent

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                call = self._waiting.popleft()
            if call is None:
                return
            self._post(make(call))


def make(call: Call) -> Called:
    """Make the call; what the wheel raises becomes words."""
    try:
        return Called(call, call.action())
    except Exception as error:  # noqa: BLE001  # the wheel raises whatever it likes; it is told as the call's result
        return Called(call, None, f"{type(error).__name__}: {error}")
