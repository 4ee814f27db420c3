"""The journal in SQLite: one append-only table, numbered without gaps, readable by other processes in WAL mode.

A barrier commits. With `sync="normal"` a commit survives the death of the process at any instruction; with `"full"` it
also survives a power failure, at the price of a disk flush per barrier. `batch` is for replays, whose journal can be
made again: a barrier then only marks the point, and records are written a thousand at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.engine.recovery import Record
from bullet_trade.store.journal_archive import FIRST_WANTED, Row, carried, last_order, move_old_days, read_file, reading
from bullet_trade.store.migrations import SCHEMA_VERSION, check_version, migrate

__all__ = ["SCHEMA_VERSION", "History", "Row", "SqliteJournal", "encode", "read_journal"]

BATCH_RECORDS = 1_000

Sync = Literal["normal", "full"]


class History(NamedTuple):
    """What a restart has to know of earlier runs on this journal.

    `runs` and `last_order` keep tags unique; `last_at` is the time of the last record; `marks` the date on which each
    of the day's hooks was called last (ISO). `fresh`: the user gave up the saved state and no run has begun since.
    `barely_begun`: no run since then began an order or is known to have finished a save, so that there is nothing which
    a start from the beginning would forget.
    """

    runs: int
    last_order: int
    last_at: datetime | None
    marks: dict[str, str]
    fresh: bool
    barely_begun: bool = False


# The kinds stand in the text of the queries: with a parameter SQLite could not see that the index of landmarks applies.
_LAST_FRESH = "SELECT coalesce(max(seq), 0) FROM record WHERE kind = 'fresh'"
_LAST_RUNS = tuple(f"SELECT coalesce(max(seq), 0) FROM record WHERE kind = '{kind}'" for kind in ("start", "restart"))
_RUNS = tuple(f"SELECT count(*) FROM record WHERE kind = '{kind}'" for kind in ("start", "restart"))
_SAVES = "SELECT count(*) FROM record WHERE kind = 'save' AND seq > ?"
_ORDERS = "SELECT EXISTS (SELECT 1 FROM record WHERE kind IN ('intent', 'stop_order', 'adopted') AND seq > ?)"
_CALLED = (
    "SELECT at FROM record WHERE kind = 'callback' AND json_extract(CAST(body AS TEXT), '$.name') = ? "
    "ORDER BY seq DESC LIMIT 1"
)
_DAY_HOOKS = ("before_trading_start", "after_trading_end")


class SqliteJournal:
    """The journal of one runtime directory. Written by the engine thread only."""

    def __init__(self, path: Path, sync: Sync = "normal", batch: bool = False) -> None:
        self._path = path
        self._batch = batch
        self._pending: list[tuple[int, str, str, bytes]] = []
        self._last_at: datetime | None = None
        self._last_text = ""
        self._encode = encode
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._open(sync)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _open(self, sync: Sync) -> None:
        try:
            check_version(self._db, self._path)
        except StateError:
            self._db.close()
            raise
        self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of no effect on a file that has tables already
        if self._batch:
            self._db.execute("PRAGMA synchronous=OFF")
        else:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={sync.upper()}")
        migrate(self._db)
        last = self._db.execute("SELECT max(seq) FROM record").fetchone()[0]
        self._next = (last or 0) + 1

    def history(self) -> History:
        """What earlier runs have used and done, as far as it survived; complete even after a crash before any save.

        Raises `StateError` when the file is damaged.
        """
        with self._damage_told():
            return self._history()

    def _history(self) -> History:
        known = carried(self._db)
        runs = int(known.get("runs", 0)) + sum(map(self._number, _RUNS))
        last_at = self._db.execute("SELECT at FROM record ORDER BY seq DESC LIMIT 1").fetchone()
        called = {name: self._db.execute(_CALLED, (name,)).fetchone() for name in _DAY_HOOKS}
        marks = {name: at[0] if at is not None else known.get(f"called:{name}") for name, at in called.items()}
        fresh = self._number(_LAST_FRESH)
        return History(
            runs,
            max(int(known.get("last_order", 0)), last_order(self._db)),
            datetime.fromisoformat(last_at[0]) if last_at else None,
            {name: at[:10] for name, at in marks.items() if at is not None},
            fresh > max(map(self._number, _LAST_RUNS)),
            self._barely_begun(known, fresh),
        )

    def _barely_begun(self, known: Mapping[str, str], fresh: int) -> bool:
        # A save is written down when it begins: one record may mean a save that was cut off, two mean one that was not.
        if fresh < int(known.get("saves_unrecorded_to", 0)) or (not fresh and "runs" in known):
            return False
        return self._number(_SAVES, fresh) <= 1 and self._number(_ORDERS, fresh) == 0

    def _number(self, query: str, *after: int) -> int:
        return int(self._db.execute(query, after).fetchone()[0])

    def since_checkpoint(self) -> list[Record]:
        """The records from which orders and ledger are rebuilt: the last checkpoint of a day before the last one that
        was opened, and all that came after it. The orders of that last day are wanted even after its close: the broker
        lists them until midnight, and nobody may take them for orders that the journal has lost.

        Raises `StateError` when the file is damaged.
        """
        with self._damage_told():
            return _since_checkpoint(self._db)

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StateError(
                f"流水文件 {self._path} 已损坏，无法读取（{error}）",
                "从备份恢复它；不要删除，否则委托标记可能重复",
            ) from error

    def archive(self, before: date) -> int:
        """Move the days before `before` to the archive beside the file; the number of records.

        Raises `StateError`; the journal then holds what it held and can be written on.
        """
        if self._pending:
            self._write()
        try:
            return move_old_days(self._db, self._path.parent, before)
        except sqlite3.Error as error:
            raise StateError(
                f"无法归档流水 {self._path}：{error}", "检查磁盘空间；流水本身完好，引擎照常运行"
            ) from error

    def append(self, at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
        seq = self._next
        self._next += 1
        if at is not self._last_at:  # most records come several to an instant
            self._last_at, self._last_text = at, at.isoformat()
        self._pending.append((seq, self._last_text, kind, self._encode(body)))
        if self._batch and len(self._pending) >= BATCH_RECORDS:
            self._write()
        return seq

    def barrier(self) -> None:
        if not self._batch and self._pending:
            self._write()

    def _write(self) -> None:
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", self._pending)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.rollback()  # else the attempt at closing fails for a reason that is not the first one
            raise self._failure(error) from error
        self._pending.clear()

    def close(self) -> None:
        try:
            if self._pending:
                self._write()
        finally:
            self._db.close()

    def _failure(self, error: sqlite3.Error) -> StateError:
        return StateError(
            f"无法写入流水文件 {self._path}：{error}", "检查磁盘空间和目录权限；流水写不下去时引擎不会下单"
        )


def read_journal(path: Path) -> Iterator[Row]:
    """All records of the file in order; may be called while the engine runs. Raises `StateError` without a readable
    journal."""
    check_readable(path)
    return read_file(path)


def read_since_checkpoint(path: Path) -> list[Record]:
    """What `SqliteJournal.since_checkpoint` gives; may be called while the engine runs. Raises `StateError` as
    `read_journal` does."""
    check_readable(path)
    with reading(path) as db:
        return _since_checkpoint(db)


def _since_checkpoint(db: sqlite3.Connection) -> list[Record]:
    first = db.execute(FIRST_WANTED).fetchone()[0] or 0
    rows = db.execute("SELECT at, kind, body FROM record WHERE seq >= ? ORDER BY seq", (first,))
    return [Record(datetime.fromisoformat(at), kind, body) for at, kind, body in rows]


def check_readable(path: Path) -> None:
    """Raises `StateError` when there is no journal at `path`, or a later program has written it."""
    if not path.exists():
        raise StateError(f"没有流水文件 {path}", "检查运行目录 --runtime-dir")
    with reading(path) as db:
        check_version(db, path)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"cannot journal a {type(value).__name__}")


encode = msgspec.json.Encoder(enc_hook=_plain).encode
"""The body of a record as it stands in the file."""
