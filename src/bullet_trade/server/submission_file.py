"""The server's memory of writes: which keys were used, for what, and which orders they became. SQLite, one file per
account, written by the account's thread before the broker is called.

What is in it survives the end of the process at any instruction, and a power failure: each commit waits for the disk.
Entries are kept for `KEPT_DAYS`, longer than any client repeats a request.
"""

from __future__ import annotations

import secrets
import sqlite3
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.orders import Order

KEPT_DAYS = 10
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE submission (
    number INTEGER PRIMARY KEY, day TEXT NOT NULL, sub TEXT NOT NULL, key TEXT NOT NULL,
    fingerprint TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (sub, key)
) STRICT;
"""


class Refusal(msgspec.Struct):
    """A definite no, as it was told and will be told again."""

    code: str
    text: str
    broker_called: bool


class CancelNote(msgspec.Struct, frozen=True):
    """A cancel that was asked for: of which order, and when."""

    tag: str
    at: datetime


class Entry(msgspec.Struct, kw_only=True):
    """One write that was claimed: the order that left, or the refusal, or a cancel. `wanted` and `asked_price` (yuan)
    are the client's own figures."""

    order: Order | None = None
    remark: str = ""
    wanted: int = 0
    asked_price: float | None = None
    refusal: Refusal | None = None
    cancel: CancelNote | None = None


class Stored(msgspec.Struct):
    """An entry with its key, which is unique within an account and sub-account."""

    number: int
    day: date
    sub: str
    key: str
    fingerprint: str
    entry: Entry


class SubmissionFile:
    """The file of one account. Used by one thread."""

    def __init__(self, path: Path, today: date) -> None:
        """Open or make the file and drop what is too old. Raises `StateError` naming it."""
        self._path = path
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Entry).decode
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StateError(f"文件 {path} 由更新的版本写成（格式 {version}）", "请升级 bullet-trade")
            self._db.execute("PRAGMA journal_mode=WAL")
            # In WAL mode, NORMAL may lose the last commits when the power fails: the order has left, and its key,
            # repeated, would become a second one.
            self._db.execute("PRAGMA synchronous=FULL")
            if version == 0:
                self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
                self._db.execute("INSERT INTO about VALUES ('mark', ?)", (secrets.token_hex(2),))
            self.mark: str = self._db.execute("SELECT value FROM about WHERE name = 'mark'").fetchone()[0]
            """Part of generated tags: those of another file never collide with ours."""
            self._next = (self._db.execute("SELECT max(number) FROM submission").fetchone()[0] or 0) + 1
            self._db.execute(
                "DELETE FROM submission WHERE day < ? AND number < ?",
                ((today - timedelta(days=KEPT_DAYS)).isoformat(), self._next - 1),
            )
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def load(self) -> list[Stored]:
        """All entries, oldest first. Raises `StateError` for one that cannot be read."""
        query = "SELECT number, day, sub, key, fingerprint, body FROM submission ORDER BY number"
        try:
            return [
                Stored(number, date.fromisoformat(day), sub, key, fingerprint, self._decode(body))
                for number, day, sub, key, fingerprint, body in self._db.execute(query)
            ]
        except (sqlite3.Error, msgspec.DecodeError, ValueError) as error:
            raise StateError(
                f"文件 {self._path} 无法读取：{error}", "从备份恢复，或停机后移走它并人工核对当日委托"
            ) from error

    @property
    def next_number(self) -> int:
        """The number of the next entry; never used before in this file."""
        return self._next

    def claim(self, day: date, sub: str, key: str, fingerprint: str, entry: Entry) -> None:
        """Write down a write before it is carried out, or its refusal. Raises `StateError`: then nothing may leave."""
        number = self._next
        try:
            self._db.execute(
                "INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?)",
                (number, day.isoformat(), sub, key, fingerprint, self._encode(entry)),
            )
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self._next = number + 1

    def note_cancel(self, sub: str, note: CancelNote) -> None:
        """Write down that a cancel is about to leave. Raises `StateError`."""
        # No client can use such a key: they begin with a letter or a digit.
        self.claim(note.at.date(), sub, f"#{self._next}", "", Entry(cancel=note))

    def close_with(self, sub: str, key: str, refusal: Refusal) -> None:
        """Write down that a write which had been claimed was refused in the end. Raises `StateError`."""
        try:
            row = self._db.execute("SELECT body FROM submission WHERE sub = ? AND key = ?", (sub, key)).fetchone()
            entry = self._decode(row[0])
            entry.refusal = refusal
            self._db.execute(
                "UPDATE submission SET body = ? WHERE sub = ? AND key = ?", (self._encode(entry), sub, key)
            )
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def _failure(self, error: sqlite3.Error) -> StateError:
        return StateError(f"无法写入委托登记文件 {self._path}：{error}", "检查磁盘空间和目录权限；登记不了就不会下单")
