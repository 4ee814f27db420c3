"""The journal in SQLite: one append-only table, numbered without gaps, readable by other processes in WAL mode.

A barrier commits. With `sync="normal"` a commit survives the death of the process at any instruction; with `"full"` it
also survives a power failure, at the price of a disk flush per barrier. `batch` is for replays, whose journal can be
made again: a barrier then only marks the point, and records are written a thousand at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.engine.recovery import Record

SCHEMA_VERSION = 1
BATCH_RECORDS = 1_000

_SCHEMA = """
CREATE TABLE record (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL) STRICT;
"""

Sync = Literal["normal", "full"]


class Row(NamedTuple):
    """One record. `at` is exchange time in ISO form, `body` JSON."""

    seq: int
    at: str
    kind: str
    body: bytes


class History(NamedTuple):
    """What a restart has to know of earlier runs on this journal.

    `runs` and `last_order` keep tags unique; `last_at` is the time of the last record; `marks` the date on which each
    of the day's hooks was called last (ISO). `fresh`: the user gave up the saved state and no run has begun since.
    """

    runs: int
    last_order: int
    last_at: datetime | None
    marks: dict[str, str]
    fresh: bool


_LAST_BEGIN = "SELECT kind FROM record WHERE kind IN ('fresh', 'start', 'restart') ORDER BY seq DESC LIMIT 1"
_FIRST_WANTED = (
    "SELECT max(seq) FROM record WHERE kind = 'checkpoint' AND substr(at, 1, 10) < "
    "(SELECT json_extract(CAST(body AS TEXT), '$.day') FROM record WHERE kind = 'day' ORDER BY seq DESC LIMIT 1)"
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
        self._encode = msgspec.json.Encoder(enc_hook=_plain).encode
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._open(sync)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _open(self, sync: Sync) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            self._db.close()
            raise StateError(
                f"流水文件 {self._path} 由更新的版本写成（格式 {version}，本程序支持 {SCHEMA_VERSION}）",
                "请升级 bullet-trade",
            )
        if self._batch:
            self._db.execute("PRAGMA synchronous=OFF")
        else:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={sync.upper()}")
        if version == 0:
            self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        last = self._db.execute("SELECT max(seq) FROM record").fetchone()[0]
        self._next = (last or 0) + 1

    def history(self) -> History:
        """What earlier runs have used and done, as far as it survived; complete even after a crash before any save."""
        runs = self._db.execute("SELECT count(*) FROM record WHERE kind IN ('start', 'restart')").fetchone()[0]
        orders = "SELECT max(json_extract(CAST(body AS TEXT), '$.order_id')) FROM record WHERE kind = 'intent'"
        last_at = self._db.execute("SELECT at FROM record ORDER BY seq DESC LIMIT 1").fetchone()
        hooks = "SELECT max(at) FROM record WHERE kind = 'callback' AND json_extract(CAST(body AS TEXT), '$.name') = ?"
        called = {name: self._db.execute(hooks, (name,)).fetchone()[0] for name in _DAY_HOOKS}
        return History(
            runs,
            self._db.execute(orders).fetchone()[0] or 0,
            datetime.fromisoformat(last_at[0]) if last_at else None,
            {name: at[:10] for name, at in called.items() if at is not None},
            self._db.execute(_LAST_BEGIN).fetchone() == ("fresh",),
        )

    def since_checkpoint(self) -> list[Record]:
        """The records from which orders and ledger are rebuilt: the last checkpoint of a day before the last one that
        was opened, and all that came after it. The orders of that last day are wanted even after its close: the broker
        lists them until midnight, and nobody may take them for orders that the journal has lost."""
        first = self._db.execute(_FIRST_WANTED).fetchone()[0] or 0
        rows = self._db.execute("SELECT at, kind, body FROM record WHERE seq >= ? ORDER BY seq", (first,))
        return [Record(datetime.fromisoformat(at), kind, body) for at, kind, body in rows]

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
    """All records in order; may be called while the engine runs. Raises `StateError` without a readable journal."""
    if not path.exists():
        raise StateError(f"没有流水文件 {path}", "检查运行目录 --runtime-dir")
    db = sqlite3.connect(f"file:{path.as_posix()}?mode=ro", uri=True)
    try:
        for row in db.execute("SELECT seq, at, kind, body FROM record ORDER BY seq"):
            yield Row(*row)
    except sqlite3.Error as error:
        raise StateError(f"无法读取流水文件 {path}：{error}", "检查该文件是否为本程序的流水，或从备份恢复") from error
    finally:
        db.close()


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"cannot journal a {type(value).__name__}")
