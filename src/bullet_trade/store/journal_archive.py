"""Old days of the journal, moved to a file per month so that the live file stays small.

Copied and durable first, compared, then deleted: a kill in between leaves the records in both files, and readers take
each number once. What a restart has to know of the records that leave is carried in the live file, in the transaction
that deletes them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from bullet_trade.domain.errors import StateError
from bullet_trade.engine.recovery import Record
from bullet_trade.store.files import sync_directory
from bullet_trade.store.migrations import STEPS

FOLDER = "journal_archive"

FIRST_WANTED = (
    "SELECT max(seq) FROM record WHERE kind = 'checkpoint' AND substr(at, 1, 10) < "
    "(SELECT json_extract(CAST(body AS TEXT), '$.day') FROM record WHERE kind = 'day' ORDER BY seq DESC LIMIT 1)"
)
"""The first record that recovery wants; NULL when it wants all of them."""

_UNLIKE = (
    "SELECT count(*) FROM main.record AS ours JOIN archive.record AS theirs USING (seq) WHERE ours.seq < ? "
    "AND (ours.at, ours.kind, ours.body) IS NOT (theirs.at, theirs.kind, theirs.body)"
)
_KEPT_FROM = "SELECT seq FROM record WHERE at >= ? ORDER BY seq LIMIT 1"
_LAST_ORDER = (
    "SELECT max(json_extract(CAST(body AS TEXT), '$.order_id')) FROM record WHERE kind IN ('intent', 'adopted')"
)


class Row(NamedTuple):
    """One record. `at` is exchange time in ISO form, `body` JSON."""

    seq: int
    at: str
    kind: str
    body: bytes


def move_old_days(db: sqlite3.Connection, directory: Path, before: date) -> int:
    """Move the records of days before `before` out of the live file; how many.

    `db` is the live file, outside of any transaction; `directory` the runtime directory. Records that recovery wants
    stay, whatever their age. Raises `StateError`; the live file then holds all that it held.
    """
    limit = _limit(db, before)
    moved: int = db.execute("SELECT count(*) FROM record WHERE seq < ?", (limit,)).fetchone()[0]
    if not moved:
        return 0
    folder = directory / FOLDER
    months = [row[0] for row in db.execute("SELECT DISTINCT substr(at, 1, 7) FROM record WHERE seq < ?", (limit,))]
    try:
        folder.mkdir(exist_ok=True)
        for month in months:
            _copy(db, folder / f"journal-{month.replace('-', '')}.db", month, limit)
        sync_directory(folder)
    except OSError as error:
        raise StateError(
            f"无法归档流水到 {folder}：{error.strerror}", "检查磁盘空间和目录权限；流水本身完好"
        ) from error
    _forget(db, limit)
    return moved


def _limit(db: sqlite3.Connection, before: date) -> int:
    wanted = db.execute(FIRST_WANTED).fetchone()[0] or 0
    kept_from = db.execute(_KEPT_FROM, (before.isoformat(),)).fetchone()
    return min(wanted, kept_from[0]) if kept_from is not None else wanted


def _copy(db: sqlite3.Connection, file: Path, month: str, limit: int) -> None:
    try:
        db.execute("ATTACH DATABASE ? AS archive", (str(file),))
    except sqlite3.Error as error:
        raise _failure(file, error) from error
    try:
        db.execute("PRAGMA archive.synchronous=FULL")
        db.execute(STEPS[0][0].replace("TABLE record", "TABLE IF NOT EXISTS archive.record"))
        unlike = db.execute(_UNLIKE, (limit,)).fetchone()[0]
        if not unlike:
            db.execute(
                "INSERT OR IGNORE INTO archive.record SELECT * FROM main.record WHERE seq < ? AND substr(at, 1, 7) = ?",
                (limit, month),
            )
    except sqlite3.Error as error:
        raise _failure(file, error) from error
    finally:
        db.execute("DETACH DATABASE archive")
    if unlike:
        raise StateError(
            f"流水归档 {file} 里已有同样编号、内容不同的 {unlike} 条记录，没有归档",
            "流水可能是从旧备份恢复的：把这个归档文件移到别处后重新启动",
        )


def _failure(file: Path, error: sqlite3.Error) -> StateError:
    return StateError(f"无法归档流水到 {file}：{error}", "检查磁盘空间和文件；流水本身完好，引擎照常运行")


def _forget(db: sqlite3.Connection, limit: int) -> None:
    """Delete what is archived, keep what a start wants to know of it, give the space back."""
    runs = db.execute("SELECT count(*) FROM record WHERE seq < ? AND kind IN ('start', 'restart')", (limit,))
    last_order = db.execute(f"{_LAST_ORDER} AND seq < ?", (limit,))
    hooks = db.execute(
        "SELECT json_extract(CAST(body AS TEXT), '$.name'), max(at) FROM record WHERE kind = 'callback' AND seq < ? "
        "GROUP BY 1",
        (limit,),
    )
    known = carried(db)
    values = {f"called:{name}": at for name, at in hooks}
    values["runs"] = str(int(known.get("runs", 0)) + runs.fetchone()[0])
    values["last_order"] = str(max(int(known.get("last_order", 0)), last_order.fetchone()[0] or 0))
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany("INSERT OR REPLACE INTO carried VALUES (?, ?)", values.items())
        db.execute("DELETE FROM record WHERE seq < ?", (limit,))
        db.execute("COMMIT")
    except sqlite3.Error:
        db.rollback()
        raise
    if db.execute("PRAGMA auto_vacuum").fetchone()[0] == 0:  # a file of the first layout: its pages cannot be freed yet
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("VACUUM")
    else:
        db.execute("PRAGMA incremental_vacuum").fetchall()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def carried(db: sqlite3.Connection) -> dict[str, str]:
    """What is known of records that are not in the live file any more."""
    return dict(db.execute("SELECT name, value FROM carried"))


def last_order(db: sqlite3.Connection) -> int:
    """The highest order number of the live file; 0 without orders."""
    return db.execute(_LAST_ORDER).fetchone()[0] or 0


def archives(directory: Path) -> list[Path]:
    """The archive files of a runtime directory, oldest month first."""
    return sorted((directory / FOLDER).glob("journal-*.db"))


def record_of(row: Row) -> Record:
    """The row as recovery reads it. Raises `StateError` for one whose time makes no sense."""
    try:
        return Record(datetime.fromisoformat(row.at), row.kind, row.body)
    except ValueError as error:
        raise StateError(f"流水第 {row.seq} 条记录的时间 {row.at!r} 无法读取", "流水已损坏，请从备份恢复") from error


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, for reading alone. Raises `StateError` where it cannot be read."""
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(f"file:{path.as_posix()}?mode=ro", uri=True)
        yield db
    except sqlite3.Error as error:
        raise StateError(f"无法读取流水文件 {path}：{error}", "检查该文件是否为本程序的流水，或从备份恢复") from error
    finally:
        if db is not None:
            db.close()


def span(path: Path) -> tuple[int, str, str]:
    """How many records the file holds, and the times of the first and the last of them."""
    ends = "(SELECT at FROM record ORDER BY seq LIMIT 1), (SELECT at FROM record ORDER BY seq DESC LIMIT 1)"
    with reading(path) as db:
        count, first, last = db.execute(f"SELECT count(*), {ends} FROM record").fetchone()
    return count, first or "", last or ""


def read_file(path: Path, first: str = "", last: str = "9") -> Iterator[Row]:
    """The records of one file in order, their time (ISO text) from `first` to before `last`. Raises `StateError`."""
    wanted = "SELECT seq, at, kind, body FROM record WHERE at >= ? AND at < ? ORDER BY seq"
    with reading(path) as db:
        for row in db.execute(wanted, (first, last)):
            yield Row(*row)


def read_all(live: Path, first: str = "", last: str = "9") -> Iterator[Row]:
    """The records of the live file and its archives in order, each number once; the bounds are those of `read_file`."""
    previous = 0
    files = [*archives(live.parent), live]
    for row in merge(*(read_file(file, first, last) for file in files), key=lambda row: row.seq):
        if row.seq != previous:
            yield row
        previous = row.seq
