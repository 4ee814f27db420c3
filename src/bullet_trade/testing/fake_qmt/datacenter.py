"""The native quote client that the vendor's `xtdata.py` talks to, and the module that holds it.

What it gives back has the forms that the vendor's layer takes apart: BSON, JSON text, raw columns. They were read off
that layer; a real terminal may differ where the layer would not notice.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import count
from threading import Thread
from types import ModuleType
from typing import Protocol, cast

import numpy as np

from bullet_trade.quotes.qmt.moments import stamp
from bullet_trade.testing.fake_qmt.install import install
from bullet_trade.testing.fake_qmt.market import Desk, Row, label_of, span_of

NATIVE = "xtquant.datacenter"
_COLUMNS: dict[str, str] = {
    "time": "<i8", "open": "<f8", "high": "<f8", "low": "<f8", "close": "<f8", "volume": "<i8", "amount": "<f8",
    "settelementPrice": "<f8", "openInterest": "<i4", "preClose": "<f8", "suspendFlag": "<i4",
}  # fmt: skip

Push = Callable[[object], None]


class _Bson(Protocol):
    def encode(self, document: Mapping[str, object]) -> bytes: ...
    def decode(self, data: bytes) -> dict[str, object]: ...


def _bson() -> _Bson:
    return cast("_Bson", importlib.import_module("xtquant.xtbson").BSON)


def _plain(document: Mapping[str, object]) -> bytes:
    """BSON as exact `bytes`: the vendor's layer does not decode a subclass."""
    return bytes(_bson().encode(document))


@dataclass(frozen=True)
class _Subscription:
    names: tuple[str, ...]
    period: str
    push: Push | None
    single: bool


class NativeDatacenter(ModuleType):
    """Stands in for `xtquant.datacenter`. `desk` is the terminal that runs on this machine, if any."""

    def __init__(self) -> None:
        super().__init__(NATIVE)
        self.desk: Desk | None = None
        module = self

        class IPythonApiClient(QuoteClient):
            """The client, bound to this module's terminal."""

            def __init__(self) -> None:
                super().__init__(lambda: module.desk)

        self.IPythonApiClient = IPythonApiClient

    def rpc_init(self, directory: str) -> int:
        return 0

    def register_create_nparray(self, function: object) -> None:
        """Arrays are handed over as bytes here."""

    def get_local_server_port(self) -> int:
        return 0

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name.startswith("__"):
            raise AttributeError(name)

        def unsupported(*_: object) -> object:
            raise NotImplementedError(name)

        return unsupported


def install_quotes() -> NativeDatacenter:
    """Replace both native modules, once per process, before anything imports `xtquant`. Raises `RuntimeError` where the
    real ones are loaded already."""
    install()
    present = sys.modules.get(NATIVE)
    if isinstance(present, NativeDatacenter):
        return present
    if present is not None:
        raise RuntimeError("the real datacenter is loaded")
    made = NativeDatacenter()
    sys.modules[NATIVE] = made
    return made


class QuoteClient:
    """One connection to the terminal. Subscriptions die with it."""

    def __init__(self, find: Callable[[], Desk | None]) -> None:
        self._find = find
        self._desk: Desk | None = None
        self._address = ""
        self._subscriptions: dict[int, _Subscription] = {}
        self._numbers = count(1)

    # -- connection ------------------------------------------------------------------------------------------------

    def init(self) -> None:
        """Nothing to prepare."""

    def load_config(self, path: str, section: str) -> int:
        return 0

    def set_config_addr(self, address: str) -> None:
        self._address = address

    def connect(self) -> tuple[int, str]:
        desk = self._find()
        if desk is None or desk.trouble.down:
            return -1, "refused"
        desk.enter("connect")
        self._desk = desk
        desk.clients.append(self)
        return 0, ""

    def is_connected(self) -> bool:
        return self._desk is not None and self in self._desk.clients

    def shutdown(self) -> None:
        if self.is_connected():
            self._there("shutdown").clients.remove(self)

    def get_peer_addr(self) -> str:
        return self._address

    def get_server_tag(self) -> bytes:
        return _plain({"tag": "stand-in"})

    def get_data_dir(self) -> str:
        return "/nowhere"

    def get_app_dir(self) -> str:
        return "/nowhere"

    def commonControl(self, function: str, parameters: bytes) -> bytes:  # noqa: N802  # a name of the vendor's
        self._there(function)
        known: dict[str, Mapping[str, object]] = {"getapiversion": {"downloadversion": 2}, "downloadholidaydata": {}}
        return _plain(known[function])

    # -- pushes ----------------------------------------------------------------------------------------------------

    def get_full_tick(self, names: Sequence[str]) -> str:
        return self._there("get_full_tick").full_ticks(names)

    def subscribe_whole_quote(self, names: Sequence[str], parameters: bytes, push: Push | None) -> int:
        desk = self._there("subscribe_whole_quote")
        with desk.lock:
            if desk.trouble.refuse.intersection(names):
                return -1
            number = next(self._numbers)
            self._subscriptions[number] = _Subscription(tuple(names), "tick", push, single=False)
            present = _bson().decode(_plain({n: r for n, r in desk.ticks.items() if n in names or n[7:] in names}))
            if push is not None and present:
                desk.later(lambda: push(present))
        return number

    def subscribe_quote(self, meta: bytes, region: bytes, parameters: bytes, push: Push | None) -> int:
        self._there("subscribe_quote")
        wanted = _bson().decode(meta)
        number = next(self._numbers)
        names, period = (str(wanted["stockCode"]),), str(wanted["period"])
        self._subscriptions[number] = _Subscription(names, period, push, single=True)
        return number

    def unsubscribe_quote(self, number: int) -> None:
        self._there("unsubscribe_quote")
        self._subscriptions.pop(number, None)

    def forget(self) -> None:
        """Lose the subscriptions without a word."""
        self._subscriptions.clear()

    def receive(self, name: str, row: Row) -> None:
        """A snapshot, on the terminal's thread: to whole-market subscriptions as a dict, to single ones as BSON."""
        for one in list(self._subscriptions.values()):
            if one.push is None or one.period != "tick" or not self.is_connected():
                continue
            if name in one.names or name[7:] in one.names:
                one.push(_plain({name: [row]}) if one.single else {name: row})

    def subscribed(self) -> list[tuple[tuple[str, ...], str]]:
        """What is subscribed: names and period."""
        return [(one.names, one.period) for one in self._subscriptions.values()]

    # -- history ---------------------------------------------------------------------------------------------------

    def get_market_data3(
        self,
        fields: Sequence[str],
        names: Sequence[str],
        period: str,
        start: str,
        end: str,
        count: int,
        dividend: str,
        fill: bool,
        form: str,
        local: bool,
        server: bool,
        debug: int,
        directory: str,
    ) -> object:
        desk = self._there("get_market_data3")
        first, last = span_of(start, end)
        running = {name for one in self._subscriptions.values() if one.period == period for name in one.names}
        rows = {name: desk.rows(name, period, first, last, name in running) for name in names}
        if dividend != "none" or fill:
            raise NotImplementedError("adjusted or filled bars")
        if form == "v4":
            return [_raw(name, period, fields, found) for name, found in rows.items()]
        if form == "v3":
            return rows
        raise NotImplementedError(form)

    def supply_history_data2(
        self, names: Sequence[str], period: str, start: str, end: str, parameters: bytes, progress: Push
    ) -> bool:
        desk = self._there("supply_history_data2")
        first, last = span_of(start, end)

        def work() -> None:
            total = max(1, len(names))
            for number, name in enumerate(names or [""], 1):
                if desk.trouble.download == "slow":
                    desk.pause()
                progress({"finished": number, "total": total, "stockcode": name, "message": ""})

        if desk.trouble.download == "refused":
            desk.later(lambda: progress({"finished": 0, "total": -1, "message": "没有权限"}))
        elif desk.trouble.download == "slow":
            progress({"finished": 0, "total": max(1, len(names)), "stockcode": "", "message": ""})
            desk.fetch(names, period, first, last)
            Thread(target=work, name="stand-in-download", daemon=True).start()
        elif desk.trouble.download != "silent":
            desk.fetch(names, period, first, last)
            desk.later(work)
        return False

    def stop_supply_history_data2(self) -> None:
        """Nothing goes on that could be stopped."""

    # -- reference data --------------------------------------------------------------------------------------------

    def get_instrument_detail(self, name: str) -> bytes:
        found = self._there("get_instrument_detail").details.get(name)
        return _plain(found) if found else b""

    def get_trading_dates_by_market(self, market: str, start: str, end: str, count: int) -> list[int]:
        desk, (first, last) = self._there("get_trading_dates_by_market"), span_of(start, end)
        midnights = [stamp(datetime.combine(day, time())) for day in desk.days if day <= desk.now().date()]
        return [at for at in midnights if first <= at <= last]

    def get_holidays(self) -> list[int]:
        return list(self._there("get_holidays").holidays)

    def get_stock_list_in_sector(self, title: str, at: int) -> list[str]:
        return list(self._there("get_stock_list_in_sector").sectors.get(title, []))

    def get_weight_in_index(self, name: str) -> dict[str, float]:
        return dict(self._there("get_weight_in_index").weights.get(name, {}))

    def down_index_weight(self) -> None:
        self._there("down_index_weight")

    def get_divid_factors(self, name: str, start: str, end: str) -> dict[str, Row]:
        return dict(self._there("get_divid_factors").factors.get(name, {}))

    # --------------------------------------------------------------------------------------------------------------

    def _there(self, call: str) -> Desk:
        if self._desk is None:
            raise ConnectionError("never connected")
        self._desk.enter(call)
        return self._desk


def _raw(name: str, period: str, fields: Iterable[str], rows: Sequence[Row]) -> object:
    """A table of bars as the native part gives it: index texts, and each column as a type and its bytes."""
    wanted = [field for field in _COLUMNS if field in fields or not fields]
    columns = [
        (field, _COLUMNS[field], np.array([row[field] for row in rows], dtype=_COLUMNS[field]).tobytes())
        for field in wanted
    ]
    return name, [label_of(cast("int", row["time"]), period) for row in rows], columns
