"""The door to the vendor's package: imported when needed, kept from calling home, and seen through typed windows.

Importing `xtquant` asks the public package index for a newer version, over HTTPS and with ten seconds of patience. It
gives that up without a word when `requests` cannot be imported, so `requests` is hidden from it for that moment.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from types import ModuleType
from typing import Protocol, cast

from bullet_trade.domain.errors import UsageError

_REMEDY = "在本机安装并登录 QMT 后，用 pip install --no-deps xtquant 安装（64 位 Python，Windows）"
_importing = Lock()


class Account(Protocol):
    """The wheel's `StockAccount`."""

    account_id: str
    account_type: int


Answer = Callable[[object], None]
"""Takes what the terminal answers to a query: native objects, or None for "failed, or nothing there"."""


class Trader(Protocol):
    """The part of `xttrader.XtQuantTrader` that is used: calls that send and return, none that waits for an answer."""

    async_client: object
    loop: Closable

    def set_relaxed_response_order_enabled(self, enabled: bool) -> None: ...
    def start(self) -> None: ...
    def connect(self) -> int: ...
    def stop(self) -> None: ...
    def common_op_async_with_seq(self, seq: int, callable: object, callback: Answer) -> int: ...
    def order_stock_async(
        self,
        account: Account,
        stock_code: str,
        order_type: int,
        order_volume: int,
        price_type: int,
        price: float,
        strategy_name: str,
        order_remark: str,
    ) -> int: ...
    def cancel_order_stock_async(self, account: Account, order_id: int) -> int: ...
    def query_stock_asset_async(self, account: Account, callback: Answer) -> object: ...
    def query_stock_orders_async(self, account: Account, callback: Answer) -> object: ...
    def query_stock_trades_async(self, account: Account, callback: Answer) -> object: ...
    def query_stock_positions_async(self, account: Account, callback: Answer) -> object: ...
    def query_account_status_async(self, callback: Answer) -> object: ...


class Closable(Protocol):
    """What is closed after use."""

    def close(self) -> None: ...


class TraderClass(Protocol):
    """Makes traders. `subscribe` is called on the class, see `subscribe`."""

    def __call__(self, path: str, session: int, callback: object) -> Trader: ...
    def subscribe(self, account: Account) -> object: ...


@dataclass(frozen=True, slots=True)
class Wheel:
    """What is used of the vendor's package."""

    trader: TraderClass
    callback: type
    account: Callable[[str, str], Account]


class _WithoutWaiting:
    """A face of a trader on which the wheel's own `subscribe` sends its request and does not wait for the answer."""

    def __init__(self, trader: Trader, answered: Answer) -> None:
        self.async_client = trader.async_client
        self._trader = trader
        self._answered = answered

    def common_op_sync_with_seq(self, seq: int, request: object) -> int:
        """Stands in for the wheel's method of this name, which has no time limit."""
        return self._trader.common_op_async_with_seq(seq, request, self._answered)


def subscribe(wheel: Wheel, trader: Trader, account: Account, answered: Answer) -> None:
    """Ask for the account's pushes; `answered` gets 0 for success. The wheel itself offers only a call that waits."""
    unbound = cast("Callable[[object, Account], object]", wheel.trader.subscribe)
    unbound(_WithoutWaiting(trader, answered), account)


def load_wheel() -> Wheel:
    """Import the vendor's package. Raises `UsageError` where it is missing or its native part cannot be loaded."""
    with _importing, _without_calling_home():
        trader, types = _import("xtquant.xttrader"), _import("xtquant.xttype")
    return Wheel(trader.XtQuantTrader, trader.XtQuantTraderCallback, types.StockAccount)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == "xtquant":
            raise UsageError("没有安装 xtquant，不能使用 --broker qmt", _REMEDY) from error
        raise UsageError(f"xtquant 缺少依赖 {error.name}", f"pip install {error.name}") from error
    except (ImportError, OSError) as error:
        raise UsageError(f"xtquant 的本地库无法加载：{error}", f"{_REMEDY}；检查杀毒软件是否拦截") from error


@contextmanager
def _without_calling_home() -> Iterator[None]:
    if "xtquant" in sys.modules:
        yield
        return
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    present = "requests" in modules
    before = modules.get("requests")
    modules["requests"] = None
    try:
        yield
    finally:
        if present:
            modules["requests"] = before
        else:
            del modules["requests"]
