"""What the adapter is told: where the terminal is, whose account, and how long to wait for what."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from bullet_trade.domain.errors import UsageError

POOL = 10
"""Session numbers of one engine. Each leaves a queue file of some 70 MB beside the terminal, so they are reused."""

_FIRST_SESSION, _POOLS = 100_000, 10_000
_STOCK = "STOCK"


@dataclass(frozen=True, slots=True)
class QmtTerms:
    """`data_path` is the terminal's `userdata_mini`, `first_session` the first of `POOL` session numbers. `tag_prefix`
    is how this strategy's tags begin. `market_types` False sends market orders as limit orders at the protection price.

    Times are seconds: `call_s` until a call of the wheel counts as hung, `query_s` for an answer, `query_gap_s` between
    queries once the terminal has passed over one, `answer_s` until an order counts as unanswered, `settle_s` before
    absence from the list proves anything, `cancel_s` until a cancel without effect is looked up, `look_s` between looks
    at the list while questions are open, `poll_s` while orders are open, `beat_s` and `night_beat_s` between
    heartbeats, `retry_s` the first pause before a new connection, `retry_most_s` and `night_retry_s` the longest.
    """

    data_path: str
    account_id: str
    tag_prefix: str
    first_session: int
    subscribe: bool = True
    market_types: bool = True
    call_s: float = 15.0
    query_s: float = 5.0
    query_gap_s: float = 1.1
    answer_s: float = 10.0
    settle_s: float = 30.0
    cancel_s: float = 5.0
    look_s: float = 1.0
    poll_s: float = 30.0
    beat_s: float = 15.0
    night_beat_s: float = 60.0
    retry_s: float = 1.0
    retry_most_s: float = 15.0
    night_retry_s: float = 120.0


def check_account_type(text: str) -> None:
    """Raises `UsageError` for anything but a cash account for shares."""
    if text.strip().upper() != _STOCK:
        raise UsageError(
            f"QMT_ACCOUNT_TYPE={text!r} 不受支持：本程序只交易股票普通账户", "设为 stock，或改用股票普通账户的资金账号"
        )


def check_data_path(path: Path | None) -> str:
    """The terminal's directory. Raises `UsageError` where it is missing or is another one."""
    if path is None:
        raise UsageError(
            "没有设置 QMT_DATA_PATH", r"在 .env 中写 QMT_DATA_PATH=QMT 安装目录下的 userdata_mini 的完整路径"
        )
    if not path.is_dir():
        raise UsageError(f"QMT_DATA_PATH={path} 不是存在的目录", "写 QMT 安装目录下 userdata_mini 的完整路径")
    if path.name.lower() == "userdata" and path.with_name("userdata_mini").is_dir():
        raise UsageError(f"QMT_DATA_PATH={path} 是完整版目录", f"改为 {path.with_name('userdata_mini')}")
    return str(path)


def check_account_id(text: str) -> str:
    """The account's number. Raises `UsageError` where it is missing."""
    if not text.strip():
        raise UsageError("没有设置 QMT_ACCOUNT_ID", "在 .env 中写 QMT_ACCOUNT_ID=资金账号")
    return text.strip()


def first_session(configured: int | None, account_id: str, tag_prefix: str) -> int:
    """The first session number: as configured, else one that differs between strategies and never between starts."""
    if configured is not None:
        return configured
    return _FIRST_SESSION + zlib.crc32(f"{account_id}/{tag_prefix}".encode()) % _POOLS * POOL
