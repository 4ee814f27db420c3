"""The outbox: what has to be told and has not arrived yet, in a file of its own, so that a lost network or the end of
the process loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bullet_trade.domain.errors import StateError
from bullet_trade.ops.notify.note import Note

OUTBOX_FILE = "outbox.db"

_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
  id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, kind TEXT NOT NULL, topic TEXT NOT NULL,
  key TEXT NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL, times INTEGER NOT NULL, text TEXT NOT NULL,
  UNIQUE (channel, key));
CREATE TABLE IF NOT EXISTS told (
  channel TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (channel, topic));
"""
_ADD = """
INSERT INTO waiting (channel, kind, topic, key, first_at, last_at, times, text) VALUES (?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (channel, key) DO UPDATE SET last_at = excluded.last_at, times = times + 1, text = excluded.text
"""
_WAITING = "SELECT id, channel, kind, topic, key, first_at, last_at, times, text FROM waiting"
_TOLD = "INSERT INTO told VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET key = excluded.key, at = excluded.at"


class Waiting(NamedTuple):
    """Something that waits for one channel; it came `times` times, the first and the last at these times."""

    number: int
    channel: str
    kind: str
    topic: str
    key: str
    first_at: datetime
    last_at: datetime
    times: int
    text: str


class Outbox:
    """Used by one thread, the one that makes it. All methods may raise `sqlite3.Error`."""

    def __init__(self, path: Path | None) -> None:
        """`path` None keeps it in memory."""
        self._db = sqlite3.connect(path if path is not None else ":memory:", isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_TABLES)
        except sqlite3.Error:
            self._db.close()
            raise

    def add(self, channels: Iterable[str], notes: Sequence[Note]) -> None:
        """Keep the notes for each of the channels; one that waits already is counted."""
        rows = [
            (channel, note.kind, note.topic, note.key, note.at.isoformat(), note.at.isoformat(), note.text)
            for channel in channels
            for note in notes
        ]
        with _transaction(self._db):
            self._db.executemany(_ADD, rows)

    def waiting(self, channel: str) -> list[Waiting]:
        """What waits for the channel, the oldest first."""
        return _rows(self._db, f"{_WAITING} WHERE channel = ? ORDER BY id", (channel,))

    def told(self, channel: str) -> dict[str, tuple[str, datetime]]:
        """By topic: the key that was told last, and when."""
        found = self._db.execute("SELECT topic, key, at FROM told WHERE channel = ?", (channel,))
        return {topic: (key, datetime.fromisoformat(at)) for topic, key, at in found}

    def delivered(self, rows: Iterable[Waiting], at: datetime) -> None:
        """The channel has taken these; what came again meanwhile goes on waiting."""
        with _transaction(self._db):
            for row in rows:
                self._db.execute(_TOLD, (row.channel, row.topic, row.key, at.isoformat()))
                again = "UPDATE waiting SET times = times - ?, first_at = last_at WHERE id = ?"
                self._db.execute(again, (row.times, row.number))
                self._db.execute("DELETE FROM waiting WHERE id = ? AND times <= 0", (row.number,))

    def readdress(self, channels: Sequence[str]) -> None:
        """What waits for a channel that is not there any more goes to the first one."""
        marks = ", ".join("?" * len(channels))
        with _transaction(self._db):
            self._db.execute(
                f"UPDATE OR IGNORE waiting SET channel = ? WHERE channel NOT IN ({marks})", (channels[0], *channels)
            )
            self._db.execute(f"DELETE FROM waiting WHERE channel NOT IN ({marks})", tuple(channels))

    def forget(self, before: datetime) -> int:
        """Give up what is older; the number of those that never arrived."""
        with _transaction(self._db):
            self._db.execute("DELETE FROM told WHERE at < ?", (before.isoformat(),))
            return self._db.execute("DELETE FROM waiting WHERE last_at < ?", (before.isoformat(),)).rowcount

    def close(self) -> None:
        """Release the file."""
        self._db.close()


class _transaction:  # noqa: N801 - reads as a statement
    """All or nothing: sqlite3's own context manager begins no transaction in autocommit mode."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:
            self._db.rollback()


def read_outbox(path: Path) -> list[Waiting]:
    """What waits for all channels, the oldest first; may be called while the engine runs. Raises `StateError`."""
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return _rows(db, f"{_WAITING} ORDER BY id", ())
    except sqlite3.Error as error:
        raise StateError(f"无法读取待发消息 {path}：{error}", "可以删除这个文件：只会丢失未送达的消息") from error


def _rows(db: sqlite3.Connection, query: str, values: tuple[str, ...]) -> list[Waiting]:
    return [
        Waiting(
            number, channel, kind, topic, key, datetime.fromisoformat(first), datetime.fromisoformat(last), times, text
        )
        for number, channel, kind, topic, key, first, last, times, text in db.execute(query, values)
    ]
