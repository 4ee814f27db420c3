"""A runtime directory belongs to the account that used it first: orders, shares and `g` of another one would be taken
for its own."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.store.files import write_atomically
from bullet_trade.store.inspection import JOURNAL_FILE
from bullet_trade.store.journal import read_journal

BINDING_FILE = "account.json"
SIMULATOR, SIMULATOR_LABEL = "simulator", "模拟券商"
"""The broker's name on the command line and in the journal."""


class Binding(msgspec.Struct, frozen=True):
    """The broker's name and a short hash of the account, from which its number cannot be read."""

    broker: str
    account: str


def bind(directory: Path, broker: str, account: str) -> None:
    """Check that the directory is this account's, and make it so where it is nobody's. Raises `StateError`.

    `account` is what tells it from every other one at its broker; the simulator's is whatever the directory holds, so
    that a directory may be moved.
    """
    digest = "" if broker == SIMULATOR else sha256(f"{broker}|{account}".encode()).hexdigest()[:16]
    wanted = Binding(broker, digest)
    file = directory / BINDING_FILE
    found = _read(file) or _earlier(directory)
    if found is None:
        write_atomically(file, msgspec.json.encode(wanted))
    elif found.broker != wanted.broker or (found.account and found.account != wanted.account):
        theirs = found.broker if found.broker != wanted.broker else f"{found.broker} 的另一个账户"
        same = "" if SIMULATOR in (found.broker, broker) else f"；确实是同一个账户时删除 {file}"
        raise StateError(
            f"运行目录 {directory} 里是 {theirs} 的委托和持仓，不能用在 {broker} 的这个账户上",
            f"换一个目录：--runtime-dir runtime-{broker}（或 RUNTIME_DIR）{same}",
        )


def _read(file: Path) -> Binding | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Binding)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StateError(f"{file} 无法读取：{error}", "确认这个目录属于要用的账户，再删除这个文件") from error


def _earlier(directory: Path) -> Binding | None:
    """What the journal of a version that wrote no such file says: whether the simulator traded here."""
    if not (directory / JOURNAL_FILE).exists():
        return None
    starts = [row for row in read_journal(directory / JOURNAL_FILE) if row.kind in ("start", "restart")]
    label = msgspec.json.decode(starts[-1].body).get("broker") if starts else None
    return Binding(SIMULATOR, "") if label == SIMULATOR_LABEL else None
