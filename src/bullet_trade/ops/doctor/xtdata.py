"""The terminal's quotes through the vendor's `xtdata`, each call with a time limit.

Its calls may hang for ever, so each runs on a thread that is left behind when its time is over.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol, TypeVar, cast

from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import BEIJING
from bullet_trade.market.codes import to_qmt
from bullet_trade.ops.doctor.site import DayBar, Snapshot

T = TypeVar("T")

LIMIT_S = 15.0
BARS = 5
FIELDS = ("high", "low", "volume", "amount")


class Table(Protocol):
    """The part of a pandas table that is used."""

    @property
    def index(self) -> Sequence[object]: ...
    def itertuples(self, index: bool) -> Iterator[tuple[float, float, float, float]]: ...


class XtData(Protocol):
    """The part of the vendor's module that is used."""

    enable_hello: bool

    def get_full_tick(self, codes: list[str]) -> Mapping[str, Mapping[str, float]]: ...
    def get_market_data_ex(
        self, field_list: list[str], stock_list: list[str], period: str, count: int
    ) -> Mapping[str, Table]: ...
    def download_history_data(self, code: str, period: str) -> object: ...


class XtDataQuotes:
    """Implements `TerminalQuotes`."""

    def __init__(self, module: XtData, limit_s: float = LIMIT_S) -> None:
        self._module = module
        self._limit_s = limit_s

    def snapshot(self, code: Code) -> Snapshot | None:
        name = to_qmt(code)
        found = self._ask("get_full_tick", lambda: self._module.get_full_tick([name])).get(name)
        if not found:
            return None
        try:
            at = datetime.fromtimestamp(found["time"] / 1000, BEIJING).replace(tzinfo=None)
            prices = (found["lastPrice"], found["high"], found["low"])
            return Snapshot(at, *prices, found["volume"], found["amount"])
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(f"{code} 的快照无法读取：{error!r}", "升级 QMT 和 xtquant") from error

    def day_bars(self, code: Code) -> list[DayBar]:
        name = to_qmt(code)
        self._ask("download_history_data", lambda: self._module.download_history_data(name, "1d"))
        tables = self._ask(
            "get_market_data_ex",
            lambda: self._module.get_market_data_ex(list(FIELDS), [name], period="1d", count=BARS),
        )
        table = tables.get(name)
        if table is None:
            return []
        rows = zip(table.index, table.itertuples(index=False), strict=True)
        return [DayBar(str(day)[:8], *(float(value) for value in row)) for day, row in rows]

    def _ask(self, what: str, call: Callable[[], T]) -> T:
        answer: SimpleQueue[T | Exception] = SimpleQueue()

        def work() -> None:
            try:
                answer.put(call())
            except Exception as error:  # noqa: BLE001  # the vendor's module raises bare exceptions; told to the caller
                answer.put(error)

        Thread(target=work, name=f"doctor-{what}", daemon=True).start()
        try:
            found = answer.get(timeout=self._limit_s)
        except Empty as error:
            words = f"xtdata.{what} 在 {self._limit_s:g} 秒内没有返回"
            raise DataError(words, "确认 QMT 已登录且行情正常，再试一次") from error
        if isinstance(found, Exception):
            raise DataError(f"xtdata.{what} 失败：{found}", "确认 QMT 已启动并登录") from found
        return found


def open_xtdata() -> XtDataQuotes:
    """The vendor's quotes. Raises `UsageError` where the package or its native part is missing."""
    load_wheel()  # imports the package without its call home
    try:
        module = cast("XtData", importlib.import_module("xtquant.xtdata"))
    except (ImportError, OSError) as error:
        remedy = "在装有 QMT 的 Windows 上运行；检查杀毒软件是否拦截"
        raise UsageError(f"xtquant 的行情模块无法加载：{error}", remedy) from error
    module.enable_hello = False
    return XtDataQuotes(module)
