"""The names that 554 real strategies use, with the number of strategies that use each; 243 of them need prices only."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from bullet_trade.strategy import registry
from bullet_trade.strategy.api import NAMES, default_namespace
from bullet_trade.strategy.context import Context, RunParams
from bullet_trade.strategy.current_data import CurrentSecurity
from bullet_trade.strategy.data.unit_data import SecurityUnitData
from bullet_trade.strategy.objects import UserOrder, UserPosition, UserTrade
from bullet_trade.strategy.portfolio import Portfolio, SubPortfolio
from bullet_trade.strategy.registry import Status
from bullet_trade.strategy.styles import OrderStatus

COUNTS = Path(__file__).with_name("usage_of_names.csv")
CLASSES = {
    "context": Context,
    "context.run_params": RunParams,
    "portfolio": Portfolio,
    "subportfolio": SubPortfolio,
    "position": UserPosition,
    "order": UserOrder,
    "trade": UserTrade,
    "current_data": CurrentSecurity,
    "data": SecurityUnitData,
    "OrderStatus": OrderStatus,
}


class Usage(NamedTuple):
    owner: str
    name: str
    files: int
    price_only: int


def usages() -> list[Usage]:
    with COUNTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    found = [Usage(owner, name, int(files), int(price_only)) for owner, name, files, price_only in rows]
    return [usage for usage in found if usage.owner != "module"]


def status(usage: Usage) -> Status | None:
    """What the registry says; an attribute of an object must also be there."""
    if usage.owner == "bare":
        return Status.SUPPORTED if usage.name in default_namespace() and _works(usage.name) else Status.UNSUPPORTED
    owner, name = usage.owner, usage.name
    if owner == "import":
        owner, _, name = usage.name.rpartition(".")
        if name == "*":
            return Status.SUPPORTED
    if owner == "OrderStatus":
        return Status.SUPPORTED if name in OrderStatus.__members__ else Status.UNSUPPORTED
    if owner in CLASSES and not _has(CLASSES[owner], name):
        return Status.UNSUPPORTED
    entry = registry.find(owner, name.partition(".")[0] if owner == "set_option" else name)
    return entry.status if entry is not None else Status.UNSUPPORTED


def _works(name: str) -> bool:
    return not isinstance(NAMES.get(name), registry.Unsupported)


def _has(owner: type, name: str) -> bool:
    return hasattr(owner, name) or name in getattr(owner, "__slots__", ()) or name in owner.__annotations__


def test_what_price_only_strategies_use_is_supported_to_95_percent_by_files() -> None:
    used = [usage for usage in usages() if usage.price_only]
    supported = sum(usage.price_only for usage in used if status(usage) is Status.SUPPORTED)
    assert supported / sum(usage.price_only for usage in used) >= 0.99


def test_what_all_strategies_use_is_supported_or_needs_a_provider_to_95_percent_by_files() -> None:
    works = sum(usage.files for usage in usages() if status(usage) in (Status.SUPPORTED, Status.PROVIDER))
    assert works / sum(usage.files for usage in usages()) >= 0.98


def test_the_names_that_are_missing_are_known() -> None:
    missing = {f"{usage.owner}.{usage.name}" for usage in usages() if status(usage) is Status.UNSUPPORTED}
    price_only = {f"{u.owner}.{u.name}" for u in usages() if u.price_only and status(u) is not Status.SUPPORTED}
    assert price_only == {
        "jqdata.query",
        "jqdata.get_dominant_future",
        "jqdata.get_future_contracts",
        "jqdata.inout_cash",
        "jqdata.marginsec_close",
        "jqdata.marginsec_open",
        "jqdata.marginsec_direct_refund",
        "jqdata.margincash_close",
        "jqdata.margincash_open",
        "jqdata.margincash_direct_refund",
        "bare.jy",
    }
    assert {"OrderStatus.done", "jqdata.neutralize", "jqdata.portfolio_optimizer"} <= missing
