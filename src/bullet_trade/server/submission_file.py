"""The server's memory of writes: which keys were used, for what, and which orders they became. SQLite, one file per
account, written by the account's thread before the broker is called.

What is in it survives the end of the process at any instruction, and a power failure: each commit waits for the disk.
Entries are kept for `KEPT_DAYS`, longer than any client repeats a request. The books of sub-accounts stand in the same
file and are kept for good.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.orders import Order
from bullet_trade.server.bookings import Booking, Fact

KEPT_DAYS = 10
SCHEMA_VERSION = 2

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE submission (
    number INTEGER PRIMARY KEY, day TEXT NOT NULL, sub TEXT NOT NULL, key TEXT NOT NULL,
    fingerprint TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (sub, key)
) STRICT;
"""
_BOOKS = """
CREATE TABLE booking (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, sub TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (sub, key)
) STRICT;
"""

_READ_BOOKINGS = "SELECT at, sub, key, body FROM booking ORDER BY number"
_READ_ENTRIES = "SELECT number, day, sub, key, fingerprint, body FROM submission ORDER BY number"


def file_name(account_key: str) -> str:
    """Where in the server's directory an account's file is."""
    return f"submissions_{account_key}.db"


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
    are the client's own figures. `rest` are the further orders of a request that was too large for one."""

    order: Order | None = None
    rest: list[Order] = []
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


_decode = msgspec.json.Decoder(Entry).decode
_decode_fact = msgspec.json.Decoder(Fact).decode
_encode = msgspec.json.Encoder().encode


class SubmissionFile:
    """The file of one account. Used by one thread."""

    def __init__(self, path: Path, today: date) -> None:
        """Open or make the file and drop what is too old. Raises `StateError` naming it."""
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StateError(f"文件 {path} 由更新的版本写成（格式 {version}）", "请升级 bullet-trade")
            self._db.execute("PRAGMA journal_mode=WAL")
            # In WAL mode, NORMAL may lose the last commits when the power fails: the order has left, and its key,
            # repeated, would become a second one.
            self._db.execute("PRAGMA synchronous=FULL")
            if version < SCHEMA_VERSION:
                self._grow(version)
            self.mark: str = self._db.execute("SELECT value FROM about WHERE name = 'mark'").fetchone()[0]
            """Part of generated tags: those of another file never collide with ours."""
            self._next = (self._db.execute("SELECT max(number) FROM submission").fetchone()[0] or 0) + 1
            self._drop_old(today)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _drop_old(self, today: date) -> None:
        # Counted from the last day that is in it: what was left open then has still to be cleared up.
        last = self._db.execute("SELECT max(day) FROM submission").fetchone()[0]
        since = min(today, date.fromisoformat(last or today.isoformat())) - timedelta(days=KEPT_DAYS)
        self._db.execute("DELETE FROM submission WHERE day < ? AND number < ?", (since.isoformat(), self._next - 1))

    def _grow(self, version: int) -> None:
        """Bring a file of an older version, or an empty one, to this version; as a whole or not at all."""
        steps = [f"{_SCHEMA}INSERT INTO about VALUES ('mark', '{secrets.token_hex(2)}');", _BOOKS]
        self._db.executescript(
            f"BEGIN IMMEDIATE;{''.join(steps[version:])}PRAGMA user_version={SCHEMA_VERSION};COMMIT;"
        )

    def load(self) -> list[Stored]:
        """All entries, oldest first. Raises `StateError` for one that cannot be read."""
        return _entries(self._db, self._path)

    def bookings(self) -> list[Booking]:
        """The facts about the books of sub-accounts, oldest first. Raises `StateError` for one that cannot be read."""
        return _bookings(self._db, self._path)

    def book(self, facts: Sequence[Booking]) -> list[Booking]:
        """Write facts down together; those that were new. Raises `StateError`: then none is."""
        new: list[Booking] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for one in facts:
                    row = (one.at.isoformat(), one.sub, one.key, _encode(one.fact))
                    done = self._db.execute(
                        "INSERT OR IGNORE INTO booking (at, sub, key, body) VALUES (?, ?, ?, ?)", row
                    )
                    if done.rowcount:
                        new.append(one)
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return new

    @property
    def next_number(self) -> int:
        """The number of the next entry; never used before in this file."""
        return self._next

    def claim(self, day: date, sub: str, key: str, fingerprint: str, entry: Entry) -> None:
        """Write down a write before it is carried out, or its refusal. Raises `StateError`: then nothing may leave.

        Each of its orders uses up a number, from `next_number` on; the entry has the last."""
        number = self._next + len(entry.rest)
        try:
            self._db.execute(
                "INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?)",
                (number, day.isoformat(), sub, key, fingerprint, _encode(entry)),
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
            entry = _decode(row[0])
            entry.refusal = refusal
            self._db.execute("UPDATE submission SET body = ? WHERE sub = ? AND key = ?", (_encode(entry), sub, key))
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def _failure(self, error: sqlite3.Error) -> StateError:
        return StateError(f"无法写入委托登记文件 {self._path}：{error}", "检查磁盘空间和目录权限；登记不了就不会下单")


class FileShown(NamedTuple):
    """A submission file as it stands."""

    entries: list[Stored]
    bookings: list[Booking]


def look_into(path: Path) -> FileShown:
    """The file's contents, also while a server writes it; nothing is changed. Raises `StateError`."""
    try:
        # "ro" alone refuses a file in WAL mode that nobody has open.
        db = sqlite3.connect(path.resolve().as_uri() + "?mode=rw", uri=True, isolation_level=None)
        try:
            db.execute("PRAGMA query_only=ON")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            return FileShown(_entries(db, path), _bookings(db, path) if version > 1 else [])
        finally:
            db.close()
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _entries(db: sqlite3.Connection, path: Path) -> list[Stored]:
    try:
        return [
            Stored(number, date.fromisoformat(day), sub, key, fingerprint, _decode(body))
            for number, day, sub, key, fingerprint, body in db.execute(_READ_ENTRIES)
        ]
    except (sqlite3.Error, msgspec.DecodeError, ValueError) as error:
        raise _unreadable(path, error) from error


def _bookings(db: sqlite3.Connection, path: Path) -> list[Booking]:
    try:
        return [
            Booking(datetime.fromisoformat(at), sub, key, _decode_fact(body))
            for at, sub, key, body in db.execute(_READ_BOOKINGS)
        ]
    except (sqlite3.Error, msgspec.DecodeError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> StateError:
    return StateError(f"文件 {path} 无法读取：{error}", "从备份恢复，或停机后移走它并人工核对当日委托")
