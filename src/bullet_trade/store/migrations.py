"""The layout of the journal's file, as the steps that lead to it; `PRAGMA user_version` says how many were taken.

A file of an earlier layout is brought up to date when it is opened, all steps in one transaction: a kill leaves the old
layout or the new one. A file of a later layout is refused and left as it is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from bullet_trade.domain.errors import StateError

LANDMARKS = ("start", "restart", "fresh", "day", "checkpoint", "callback", "save")
"""Kinds that a start looks for. The index holds them alone, so that it costs an order nothing."""

STEPS: tuple[tuple[str, ...], ...] = (
    ("CREATE TABLE record (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL) STRICT",),
    (
        "CREATE INDEX landmark ON record (kind, seq) WHERE " + " OR ".join(f"kind = '{kind}'" for kind in LANDMARKS),
        # What a start has to know of records that are archived; and up to where saves left no record.
        "CREATE TABLE carried (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        "INSERT INTO carried SELECT 'saves_unrecorded_to', max(seq) FROM record HAVING max(seq) IS NOT NULL",
    ),
)
SCHEMA_VERSION = len(STEPS)


def version_of(db: sqlite3.Connection) -> int:
    """The layout of an open file; 0 for a new one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raises `StateError` for a file of a later layout than this program knows."""
    version = version_of(db)
    if version > SCHEMA_VERSION:
        raise StateError(
            f"流水文件 {path} 由更新的版本写成（格式 {version}，本程序支持 {SCHEMA_VERSION}）", "请升级 bullet-trade"
        )


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file to the present layout. Raises `sqlite3.Error`, with nothing changed."""
    if version_of(db) == SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in STEPS[version_of(db) :]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        db.execute("COMMIT")
    except sqlite3.Error:
        db.rollback()
        raise
