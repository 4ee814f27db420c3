"""Old days leave the journal for a file per month: nothing is lost or doubled, and a start knows the same."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from bullet_trade.domain.errors import StateError
from bullet_trade.store.journal import SqliteJournal, read_journal
from bullet_trade.store.journal_archive import FOLDER, archives, read_all
from bullet_trade.store.migrations import SCHEMA_VERSION, version_of

FIRST = date(2025, 1, 27)

FIRST_LAYOUT = """
CREATE TABLE record (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL) STRICT;
PRAGMA user_version=1;
"""
"""What the first version of the program has written."""


def records_of(days: int, orders: int = 3) -> Iterator[tuple[datetime, str, dict[str, object]]]:
    """A run over `days` days from `FIRST` on, each with orders and a checkpoint at its close."""
    number = 0
    yield datetime.combine(FIRST, time(8)), "start", {"strategy": "s.py"}
    for offset in range(days):
        day = FIRST + timedelta(days=offset)
        yield datetime.combine(day, time(8)), "day", {"day": day.isoformat()}
        yield datetime.combine(day, time(9, 15)), "callback", {"name": "before_trading_start"}
        for _ in range(orders):
            number += 1
            yield datetime.combine(day, time(10)), "intent", {"order_id": number, "tag": f"bt:s:{number}"}
        yield datetime.combine(day, time(15, 5)), "checkpoint", {}


def a_journal(path: Path, days: int, orders: int = 3) -> SqliteJournal:
    journal = SqliteJournal(path)
    for at, kind, body in records_of(days, orders):
        journal.append(at, kind, body)
    journal.barrier()
    return journal


def read(path: Path) -> list[tuple[int, str, str, bytes]]:
    return [tuple(row) for row in read_all(path)]


def test_old_days_leave_for_a_file_per_month_and_readers_see_them_all(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(a_journal(path, 20)) as journal:
        before, known = read(path), journal.history()
        assert journal.archive(date(2025, 2, 10)) == 1 + 14 * 6
        assert journal.history() == known
        assert journal.append(datetime(2025, 2, 20), "stop", {}) == len(before) + 1
    assert [file.name for file in archives(tmp_path)] == ["journal-202501.db", "journal-202502.db"]
    assert read(path)[:-1] == before
    assert next(read_journal(path)).at == "2025-02-10T08:00:00"
    reopened = SqliteJournal(path)
    assert reopened.history().last_order == known.last_order
    assert reopened.history().runs == 1
    reopened.close()


def test_what_recovery_wants_stays_however_old_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(a_journal(path, 5)) as journal:
        wanted = journal.since_checkpoint()
        assert journal.archive(date(2026, 1, 1)) > 0
        assert journal.since_checkpoint() == wanted
        assert next(read_journal(path)).kind == "checkpoint"


def test_without_a_checkpoint_everything_stays(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        for at, kind, body in records_of(5):
            if kind != "checkpoint":
                journal.append(at, kind, body)
        assert journal.archive(date(2026, 1, 1)) == 0
    assert archives(tmp_path) == []


def test_archiving_again_adds_to_the_same_files(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(a_journal(path, 20)) as journal:
        before, known = read(path), journal.history()
        for day in range(28, 32):
            journal.archive(date(2025, 1, 1) + timedelta(days=day))
            assert read(path) == before
        assert journal.history() == known
        assert journal.archive(date(2025, 2, 1)) == 0


def test_the_live_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    sizes: list[int] = []
    with closing(a_journal(path, 0)) as journal:
        for at, kind, body in records_of(80, 60):
            journal.append(at, kind, body)
            if kind == "checkpoint":
                journal.barrier()
                journal.archive(at.date() - timedelta(days=20))
                sizes.append(path.stat().st_size)
    assert max(sizes[50:]) <= 1.2 * max(sizes[20:40])


STATEMENTS = (
    "ATTACH",
    "INSERT OR IGNORE",
    "DETACH",
    "INSERT OR REPLACE",
    "DELETE",
    "COMMIT",
    "PRAGMA incremental_vacuum",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_killed_before_any_statement_nothing_is_lost_or_doubled(statement: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    a_journal(path, 20).close()
    before = read(path)
    program = (
        "import os, sys\nfrom datetime import date\nfrom pathlib import Path\n"
        "from bullet_trade.store.journal import SqliteJournal\n"
        "journal = SqliteJournal(Path(sys.argv[1]))\n"
        "journal._db.set_trace_callback(lambda sql: os._exit(9) if sql.startswith(sys.argv[2]) else None)\n"
        "journal.archive(date(2025, 2, 10))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    died = subprocess.run(
        [sys.executable, "-c", program, str(path), statement], env=environment, check=False, timeout=60
    )
    assert died.returncode == 9
    assert read(path) == before
    with closing(SqliteJournal(path)) as journal:
        known = journal.history()
        assert (known.runs, known.last_order, known.marks) == (1, 60, {"before_trading_start": "2025-02-15"})
        journal.archive(date(2025, 2, 10))
        assert journal.history() == known
    assert read(path) == before


def corrupt(folder: Path) -> None:
    folder.mkdir()
    (folder / "journal-202501.db").write_bytes(b"no database at all" * 100)


def another_history(folder: Path) -> None:
    folder.mkdir()
    other = sqlite3.connect(folder / "journal-202501.db")
    other.executescript(FIRST_LAYOUT)
    other.execute("INSERT INTO record VALUES (1, '2025-01-01', 'start', x'7b7d')")
    other.commit()
    other.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: folder.write_text("a file"), "无法归档流水到"),
        (corrupt, r"无法归档流水到.*journal-202501"),
        (another_history, "同样编号、内容不同的 1 条记录"),
    ],
)
def test_what_cannot_be_archived_stays_and_is_told(spoil: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(a_journal(path, 20)) as journal:
        before = [tuple(row) for row in read_journal(path)]
        spoil(tmp_path / FOLDER)
        with pytest.raises(StateError, match=words):
            journal.archive(date(2025, 2, 10))
        assert [tuple(row) for row in read_journal(path)] == before
        journal.append(datetime(2025, 2, 20), "intent", {"order_id": 61})  # trading goes on
        journal.barrier()


class TestFirstLayout:
    def old(self, path: Path, days: int = 20) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(FIRST_LAYOUT)
            rows = [
                (number, at.isoformat(), kind, json.dumps(body).encode())
                for number, (at, kind, body) in enumerate(records_of(days), 1)
            ]
            db.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", rows)
            db.commit()

    def test_it_opens_goes_on_and_can_be_archived(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        self.old(path)
        before = read(path)
        with closing(SqliteJournal(path)) as journal:
            known = journal.history()
            assert (known.runs, known.last_order) == (1, 60)
            assert journal.append(datetime(2025, 2, 20), "restart", {}) == len(before) + 1
            journal.archive(date(2025, 2, 10))
        assert read(path)[:-1] == before
        with closing(sqlite3.connect(path)) as db:
            assert version_of(db) == SCHEMA_VERSION

    def test_its_runs_are_not_taken_for_ones_that_never_saved(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        self.old(path, 0)
        with closing(SqliteJournal(path)) as journal:
            assert not journal.history().barely_begun

    def test_a_migration_that_cannot_write_leaves_the_old_layout(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        self.old(path)
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE carried (something TEXT)")  # the second statement of the step fails
        with pytest.raises(StateError, match=r"journal\.db.*carried"):
            SqliteJournal(path)
        with closing(sqlite3.connect(path)) as db:
            assert version_of(db) == 1
            assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'landmark'").fetchone() == (0,)


def test_a_start_finds_what_it_wants_without_reading_everything(tmp_path: Path) -> None:
    from bullet_trade.store import journal, journal_archive

    path = tmp_path / "journal.db"
    a_journal(path, 1).close()
    with closing(sqlite3.connect(path)) as db:
        for query in (*journal._RUNS, *journal._LAST_RUNS, journal._LAST_FRESH, journal_archive.FIRST_WANTED):
            plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}"))
            assert "landmark" in plan, plan
            assert "SCAN record" not in plan.replace("SCAN record USING", ""), plan
