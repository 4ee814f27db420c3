"""The actions by name. Deployed servers look them up as attributes; the spellings that this gives are kept, in a
fixed table and nothing else."""

from __future__ import annotations

DATA_ACTIONS = (
    "history", "snapshot", "current_tick", "live_current", "trade_days", "security_info", "ensure_cache",
    "get_all_securities", "get_index_stocks", "get_split_dividend", "subscribe", "unsubscribe", "unsubscribe_all",
)  # fmt: skip
BROKER_ACTIONS = (
    "account", "positions", "orders", "trades", "order_status", "place_order", "cancel_order", "resolve_submission",
    "snapshot",
)  # fmt: skip
ADMIN_ACTIONS = ("health", "print_account")

WRITES = frozenset(("broker.place_order", "broker.cancel_order"))

_ALIASES = {
    "broker.get_account_info": "broker.account",
    "broker.get_positions": "broker.positions",
    "broker.list_orders": "broker.orders",
    "broker.get_orders": "broker.orders",
    "broker.list_trades": "broker.trades",
    "broker.get_trades": "broker.trades",
    "broker.get_order_status": "broker.order_status",
    **{f"data.get_{name}": f"data.{name}" for name in DATA_ACTIONS if not name.startswith("get_")},
    **{f"data.{name[4:]}": f"data.{name}" for name in DATA_ACTIONS if name.startswith("get_")},
}
_KNOWN = frozenset(
    [f"data.{name}" for name in DATA_ACTIONS]
    + [f"broker.{name}" for name in BROKER_ACTIONS]
    + [f"admin.{name}" for name in ADMIN_ACTIONS]
)
_UNKNOWN = {"data": "数据接口 {} 未实现", "broker": "券商接口 {} 未实现"}


def canonical(action: str) -> str | None:
    """The one name of `action`, None for an action that does not exist."""
    if action in _KNOWN:
        return action
    return _ALIASES.get(action)


def unknown_text(action: str) -> str:
    """What deployed servers say about an action that they do not have."""
    if not action:
        return "缺少 action 字段"
    family, _, name = action.partition(".")
    return _UNKNOWN[family].format(name) if family in _UNKNOWN else f"未知 action: {action}"
