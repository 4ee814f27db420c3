"""One engine per account on the machine; what a lock tells, and what it keeps to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.store.account_lock import FOLDER, lock_account
from bullet_trade.store.locks import Held

SINCE = "2025-06-03 09:00:00"


def take(home: Path, account: str = "8880123456", broker: str = "qmt") -> Held:
    held = Held()
    lock_account(held, home, broker, account, SINCE, Path("/s/rotation.py"), Path("/rt/one"))
    return held


def test_a_second_engine_on_the_account_is_told_who_holds_it_and_since_when(tmp_path: Path) -> None:
    """B11: another process on the same account is refused, wherever its files are."""
    held = take(tmp_path)
    with pytest.raises(StateError, match=rf"账户 …56 正被.*进程 {os.getpid()}.*{SINCE}.*rotation.*/rt/one"):
        take(tmp_path)
    held.release()
    take(tmp_path).release()


def test_other_accounts_and_other_brokers_are_free(tmp_path: Path) -> None:
    held = [take(tmp_path), take(tmp_path, "8880123457"), take(tmp_path, broker="simulator")]
    for one in held:
        one.release()


def test_the_account_number_is_written_nowhere(tmp_path: Path) -> None:
    held = take(tmp_path)
    files = list((tmp_path / FOLDER).iterdir())
    assert len(files) == 2
    for file in files:
        assert "8880123456" not in file.name + file.read_text(encoding="utf-8")
    held.release()


def test_an_engine_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom bullet_trade.store.account_lock import lock_account\n"
        "from bullet_trade.store.locks import Held\n"
        "lock_account(Held(), Path(sys.argv[1]), 'qmt', '8880123456', 'long ago', Path('s.py'), Path('rt'))\n"
        "os._exit(9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment, check=False, timeout=60)
    assert died.returncode == 9
    held = take(tmp_path)
    with pytest.raises(StateError, match=SINCE):  # the facts are those of the new holder
        take(tmp_path)
    held.release()


@pytest.mark.parametrize("facts", ["", "{", "[]", '{"pid": 1}'])
def test_facts_that_cannot_be_read_do_not_hide_that_the_lock_is_taken(facts: str, tmp_path: Path) -> None:
    held = take(tmp_path)
    (about,) = (tmp_path / FOLDER).glob("*.json")
    about.write_text(facts, encoding="utf-8")
    with pytest.raises(StateError, match="持有者不明"):
        take(tmp_path)
    held.release()


def test_a_place_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file", encoding="utf-8")
    with pytest.raises(UsageError, match=r"无法在.*建立账户锁.*BULLET_TRADE_HOME"):
        take(home)
