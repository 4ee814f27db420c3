"""What stands between a start and a runtime directory that is taken, damaged or full: a sentence, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bullet_trade.domain.errors import BulletTradeError, StateError
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.events import StateNote
from bullet_trade.ops.broker_choice import ACCOUNT_FILE
from bullet_trade.ops.compose import Run, compose
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings, load_settings
from bullet_trade.store.journal import SqliteJournal, read_journal
from bullet_trade.store.journal_archive import FOLDER
from bullet_trade.testing.recorder import Recorder

START = datetime(2025, 12, 3, 15, 20)
"""After the close: a start that ends ten minutes later has nothing to trade."""


def request_for(directory: Path, name: str = "rt") -> RunRequest:
    file = directory / "s.py"
    file.write_text("from jqdata import *\ndef initialize(context):\n    g.n = 1\n", encoding="utf-8")
    return RunRequest(file, "simulator", None, None, "synthetic", directory / name)


def settings_for(directory: Path, **changes: object) -> Settings:
    return load_settings(None).model_copy(update={"bullet_trade_home": directory / "home", **changes})


@contextmanager
def started(directory: Path, recorder: Recorder | None = None, **changes: object) -> Iterator[Run]:
    run = compose(
        request_for(directory), settings_for(directory, **changes), recorder or Recorder(), VirtualClock(START)
    )
    try:
        yield run
    finally:
        run.session.parts.journal.close()
        run.held.release()


def a_day(directory: Path) -> Path:
    """A directory in which an engine has run once."""
    with started(directory) as run:
        run.session.engine.save("测试")
        run.session.parts.journal.append(START, "start", {})
        run.session._store.close()
    return directory / "rt"


def test_the_second_of_two_starts_is_told_who_is_there(tmp_path: Path) -> None:
    with started(tmp_path), pytest.raises(StateError, match=rf"运行目录 .*rt 正被另一个引擎使用（进程 {os.getpid()}"):
        compose(request_for(tmp_path), settings_for(tmp_path), Recorder(), VirtualClock(START))
    with started(tmp_path):
        """Free again."""


def test_one_account_file_under_two_runtime_directories_is_one_account(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    try:
        (tmp_path / "other" / ACCOUNT_FILE).symlink_to(tmp_path / "rt" / ACCOUNT_FILE)
    except OSError:
        pytest.skip("this system does not let a user make symbolic links")
    with started(tmp_path), pytest.raises(StateError, match=r"simulator 账户 .*正被另一个引擎使用"):
        compose(request_for(tmp_path, "other"), settings_for(tmp_path), Recorder(), VirtualClock(START))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[: len(content) // 2] = b"\xa5" * (len(content) // 2)
    file.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, overwrite])
def test_a_damaged_journal_stops_the_start_with_a_sentence(damage: Callable[[Path], None], tmp_path: Path) -> None:
    directory = a_day(tmp_path)
    damage(directory / "journal.db")
    with pytest.raises(StateError, match=r"journal\.db"), started(tmp_path):
        """Never reached."""


@pytest.mark.parametrize("position", range(4_000, 12_000, 1_900))
def test_a_flipped_bit_in_the_journal_is_a_sentence_or_changes_nothing(position: int, tmp_path: Path) -> None:
    directory = a_day(tmp_path)
    file = directory / "journal.db"
    content = bytearray(file.read_bytes())
    content[position % len(content)] ^= 0x10
    file.write_bytes(bytes(content))
    try:
        with started(tmp_path) as run:
            run.session.connect()
    except BulletTradeError as error:
        assert error.remedy


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a system and a user that permissions bind")
def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    directory = a_day(tmp_path)
    directory.chmod(0o500)
    try:
        with pytest.raises(BulletTradeError, match="不可用"), started(tmp_path):
            """Never reached."""
    finally:
        directory.chmod(0o700)


def old_days(directory: Path) -> None:
    (directory / "rt").mkdir()
    journal = SqliteJournal(directory / "rt" / "journal.db")
    for offset in range(10):
        day = datetime(2025, 11, 3) + timedelta(days=offset)
        journal.append(day, "day", {"day": day.date().isoformat()})
        journal.append(day, "checkpoint", {})
    journal.append(START, "fresh", {})
    journal.close()


def test_a_start_puts_old_days_away(tmp_path: Path) -> None:
    old_days(tmp_path)
    with started(tmp_path, journal_keep_days=25):
        first = next(read_journal(tmp_path / "rt" / "journal.db"))
    assert date.fromisoformat(first.at[:10]) == START.date() - timedelta(days=25)


def test_a_start_that_cannot_put_old_days_away_says_so_and_goes_on(tmp_path: Path) -> None:
    old_days(tmp_path)
    (tmp_path / "rt" / FOLDER).write_text("in the way", encoding="utf-8")
    recorder = Recorder()
    with started(tmp_path, recorder, journal_keep_days=25):
        assert any("无法归档流水" in note.text for note in recorder.of(StateNote))
