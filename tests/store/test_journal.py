"""The journal: what is written, when it survives, and who may read it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.orders import OrderState, Side
from bullet_trade.domain.reports import LinkDown
from bullet_trade.store.journal import BATCH_RECORDS, SCHEMA_VERSION, SqliteJournal, read_journal

NOW = datetime(2025, 6, 3, 10, 0, 0, 500_000)


def numbers(path: Path) -> list[int]:
    return [row.seq for row in read_journal(path)]


@settings(max_examples=15, deadline=None)
@given(sessions=st.lists(st.lists(st.booleans(), max_size=12), min_size=1, max_size=4))
def test_records_are_numbered_without_gaps_across_restarts(
    tmp_path_factory: pytest.TempPathFactory, sessions: list[list[bool]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    expected = 0
    for barriers in sessions:
        journal = SqliteJournal(path)
        for with_barrier in barriers:
            expected += 1
            assert journal.append(NOW, "test", {"n": expected}) == expected
            if with_barrier:
                journal.barrier()
        journal.close()
    assert numbers(path) == list(range(1, expected + 1))
    assert [json.loads(row.body)["n"] for row in read_journal(path)] == numbers(path)


def test_a_record_has_its_time_kind_and_body_as_json(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    journal.append(NOW, "link", LinkDown("网线", NOW))
    journal.append(NOW, "mixed", {"state": OrderState.WORKING, "side": Side.SELL, "adjustments": ("整手",)})
    journal.close()
    first, second = read_journal(path)
    assert (first.at, first.kind) == ("2025-06-03T10:00:00.500000", "link")
    assert json.loads(first.body)["reason"] == "网线"
    assert json.loads(second.body) == {"state": "working", "side": -1, "adjustments": ["整手"]}


def test_what_a_barrier_covers_is_readable_from_elsewhere_while_the_engine_writes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    journal.append(NOW, "intent", {})
    assert numbers(path) == []
    journal.barrier()
    reader = read_journal(path)
    assert next(reader).seq == 1
    journal.append(NOW, "report", {})
    journal.barrier()  # a reader in the middle of the table holds nobody up
    reader.close()
    assert numbers(path) == [1, 2]
    journal.close()


@pytest.mark.parametrize("sync", ["normal", "full"])
def test_after_a_barrier_the_process_may_die_at_any_instruction(tmp_path: Path, sync: str) -> None:
    path = tmp_path / "journal.db"
    program = (
        "import os, sys\nfrom datetime import datetime\nfrom pathlib import Path\n"
        "from bullet_trade.store.journal import SqliteJournal\n"
        f"journal = SqliteJournal(Path(sys.argv[1]), {sync!r})\n"
        "for kind in ('intent', 'report'):\n"
        "    journal.append(datetime(2025, 6, 3), kind, {})\n    journal.barrier()\n"
        "journal.append(datetime(2025, 6, 3), 'lost', {})\nos._exit(9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    died = subprocess.run([sys.executable, "-c", program, str(path)], env=environment, check=False, timeout=60)
    assert died.returncode == 9
    assert [row.kind for row in read_journal(path)] == ["intent", "report"]
    journal = SqliteJournal(path)
    assert journal.append(NOW, "restart", {}) == 3
    journal.close()


def test_a_replay_writes_in_batches_and_all_of_it_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, batch=True)
    for _ in range(BATCH_RECORDS + 1):
        journal.append(NOW, "test", {})
        journal.barrier()
    assert len(numbers(path)) == BATCH_RECORDS
    journal.close()
    assert len(numbers(path)) == BATCH_RECORDS + 1


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=rf"{path.name} 由更新的版本写成.*升级"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is no database at all, but long enough to look at" * 10)
    with pytest.raises(StateError, match=r"journal\.db"):
        SqliteJournal(path)
    with pytest.raises(StateError, match=r"journal\.db"):
        list(read_journal(path))


def test_a_missing_file_is_named_to_the_reader(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"没有流水文件.*journal\.db"):
        list(read_journal(tmp_path / "journal.db"))


def test_a_directory_that_is_missing_is_named_to_the_writer(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"无法写入流水文件.*gone"):
        SqliteJournal(tmp_path / "gone" / "journal.db")


class TestFullDisk:
    def full(self, path: Path) -> SqliteJournal:
        """A journal whose file may not grow any more."""
        journal = SqliteJournal(path)
        journal.append(NOW, "start", {})
        journal.barrier()
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count={pages}")
        return journal

    def test_a_barrier_that_cannot_write_stops_everything_with_the_cause(self, tmp_path: Path) -> None:
        journal = self.full(tmp_path / "journal.db")
        journal.append(NOW, "intent", {"text": "x" * 100_000})
        with pytest.raises(StateError, match=r"无法写入流水文件.*full"):
            journal.barrier()
        with pytest.raises(StateError, match=r"无法写入流水文件.*full"):
            journal.close()

    def test_what_was_written_before_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        journal = self.full(path)
        journal.append(NOW, "intent", {"text": "x" * 100_000})
        for call in (journal.barrier, journal.close):
            with pytest.raises(StateError):
                call()
        assert [row.kind for row in read_journal(path)] == ["start"]
