"""The file of a simulated account: as it was left, or a new account with what the settings give it."""

from __future__ import annotations

from pathlib import Path

from bullet_trade.brokers.simulator.account import Account, open_account, read_account
from bullet_trade.brokers.simulator.initial_positions import parse_initial_positions
from bullet_trade.domain.errors import StateError
from bullet_trade.domain.money import money
from bullet_trade.ops.settings import Settings


def load_account(path: Path, settings: Settings) -> Account:
    """The account of a file that may not exist yet. Raises `StateError` naming a file that cannot be read, `UsageError`
    for initial positions that make no sense."""
    try:
        return read_account(path.read_bytes(), str(path))
    except FileNotFoundError:
        positions = parse_initial_positions(settings.simulator_initial_positions)
        return open_account(money(settings.simulator_initial_cash), positions)
    except OSError as error:
        raise StateError(f"模拟账户文件 {path} 无法读取：{error.strerror}", "检查文件权限") from error
