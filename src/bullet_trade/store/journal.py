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


class Numbers(NamedTuple):
    """What has been numbered so far: runs of an engine on this journal, and the last order."""

    runs: int
    last_order: int


class SqliteJournal:
    """The journal of one runtime directory. Written by the engine thread only."""

    def __init__(self, path: Path, sync: Sync = "normal", batch: bool = False) -> None:
        self._path = path
        self._batch = batch
        self._pending: list[Row] = []
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

    def numbers(self) -> Numbers:
        """What earlier runs have used, so that no tag is ever used twice, even after a crash before any save."""
        runs = self._db.execute("SELECT count(*) FROM record WHERE kind IN ('start', 'restart')").fetchone()[0]
        orders = "SELECT max(json_extract(CAST(body AS TEXT), '$.order_id')) FROM record WHERE kind = 'intent'"
        return Numbers(runs, self._db.execute(orders).fetchone()[0] or 0)

    def append(self, at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
        seq = self._next
        self._next += 1
        self._pending.append(Row(seq, at.isoformat(), kind, self._encode(body)))
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
