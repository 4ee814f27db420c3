"""One engine per broker account on this machine, whatever its runtime directory: two of them would each count cash and
shares as their own.

Strategies that share an account run as sub-portfolios of one engine, or on machines of their own.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.store.locks import Held, HeldError

FOLDER = Path(".bullet-trade") / "live-locks"


def lock_account(held: Held, home: Path, broker: str, account: str, since: str, strategy: Path, runtime: Path) -> None:
    """Take the account for this process and add it to `held`; `since` is what others are told about the start.

    `home` is the directory that holds `.bullet-trade` (`BULLET_TRADE_HOME`, else the user's home); `account` the
    account's number, which is not written anywhere (a short hash and its last two digits are), or the resolved path of
    the simulator's account file. Raises `StateError` naming the holder, `UsageError` when the lock cannot be made.
    """
    digest = sha256(f"{broker}|{account}".encode()).hexdigest()
    folder = home.expanduser() / FOLDER
    facts = {
        "strategy_name": strategy.stem,
        "strategy_path": str(strategy),
        "runtime_dir": str(runtime),
        "broker_name": broker,
        "account": f"{digest[:8]}…{account[-2:]}",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.take(folder / f"live-account-{digest[:32]}.lock", "account", since, facts)
    except HeldError as error:
        raise StateError(
            f"{broker} 账户 …{account[-2:]} 正被另一个引擎使用（{error.holder}）",
            "一个账户同时只能由一个引擎交易：先停止它，或换一个账户",
        ) from error
    except OSError as error:
        raise UsageError(
            f"无法在 {folder} 建立账户锁：{error.strerror or error}", "修正权限，或用 BULLET_TRADE_HOME 指定可写的目录"
        ) from error
