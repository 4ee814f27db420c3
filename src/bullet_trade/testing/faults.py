"""A process that dies at a chosen instruction: a fuse, and the journal, disk and broker that lead through it.

Whoever runs an engine over these parts catches `KilledError` and goes on with the same directory and the same broker,
as the operator would after a power switch. Nothing that the dying engine still tries gets through.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from errno import EIO
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from bullet_trade.ports.broker import Broker, OrderTicket, ReportSink
from bullet_trade.store.files import Disk
from bullet_trade.store.journal import SqliteJournal

P = ParamSpec("P")
R = TypeVar("R")


class KilledError(BaseException):
    """The process is dead. No handler of the engine's may catch it."""


class Fuse:
    """Counts the points at which a process could die, and kills it at number `blow_at` (from 1; None: never). Where
    `fails` gives an error number (`ENOSPC`, `EIO`), the disk fails with it instead; 0 is no failure."""

    def __init__(self, blow_at: int | None = None, fails: Callable[[], int] = lambda: 0) -> None:
        self._blow_at = blow_at
        self._fails = fails
        self.dead = False
        self.points: list[str] = []
        """The points passed, by name."""

    def point(self, name: str) -> None:
        """The process may die here."""
        if self.dead:
            raise KilledError(name)
        self.points.append(name)
        if len(self.points) == self._blow_at:
            self.blow(name)

    def write(self, name: str) -> None:
        """The process may die here, or find no room on the disk. Raises `OSError`."""
        self.point(name)
        error = self._fails()
        if error:
            raise OSError(error, os.strerror(error))

    def blow(self, name: str) -> None:
        """The process dies here."""
        self.dead = True
        raise KilledError(name)


class FusedJournal(SqliteJournal):
    """A journal that dies before, inside and after each of its steps; what was not committed is lost."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse
        self._closed = False

    def append(self, at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
        self._fuse.point(f"before {kind}")
        return super().append(at, kind, body)

    def barrier(self) -> None:
        try:
            self._fuse.write("before barrier")
        except OSError as error:
            if error.errno == EIO:
                super().barrier()  # what was written may be there all the same after a flush that failed
            raise self._failure(sqlite3.OperationalError(str(error))) from error
        super().barrier()
        self._fuse.point("after barrier")

    def close(self) -> None:
        closed, self._closed = self._closed, True
        if closed:
            return  # by the session already, even if its last records could not be written
        if self._fuse.dead:
            self._db.close()  # rolls back what was begun, as the next process that opens the file would
        else:
            super().close()


class FusedDisk(Disk):
    """File operations of which each may be the last."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(durable=False)
        self._fuse = fuse

    def write(self, path: Path, content: bytes) -> None:
        name = f"{path.parent.name}/{path.name}" if path.parent.name.isdecimal() else path.name
        self._fuse.write(f"before write {name}")
        super().write(path, content)

    def replace(self, source: Path, target: Path) -> None:
        self._fuse.point(f"before replace {target.name}")
        super().replace(source, target)
        self._fuse.point(f"after replace {target.name}")

    def settle(self, directory: Path) -> None:
        self._fuse.write("before settle")
        super().settle(directory)


class FusedBroker:
    """A broker whose caller may die before or after each call. Implements `ports.broker.Broker`."""

    def __init__(self, inner: Broker, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse
        self.label = inner.label

    def connect(self, sink: ReportSink) -> None:
        self._around("connect", lambda: self._inner.connect(sink))

    def submit(self, ticket: OrderTicket) -> None:
        self._around("submit", lambda: self._inner.submit(ticket))

    def cancel(self, tag: str) -> None:
        self._around("cancel", lambda: self._inner.cancel(tag))

    def request_snapshot(self) -> None:
        self._around("snapshot", self._inner.request_snapshot)

    def close(self) -> None:
        if not self._fuse.dead:
            self._inner.close()

    def _around(self, name: str, call: Callable[[], None]) -> None:
        self._fuse.point(f"before {name}")
        call()
        self._fuse.point(f"after {name}")


class AtOnce(Executor):
    """Runs what it is given at once, on the caller's thread: the same run is then the same, step by step."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        done: Future[R] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except OSError as error:
            done.set_exception(error)
        return done
