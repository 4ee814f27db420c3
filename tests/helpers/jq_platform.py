"""A small JoinQuant: a context whose system attributes a user's may hide, a log, and order functions of a simulated
account that say when they are used."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

STRATEGY = """
def process_initialize(context):
    bt.configure_for_test()
    bt.install(context)

def rebalance(context):
    for security in list(context.portfolio.positions):
        if security != g.target:
            order_target(security, 0)
    if g.target not in context.portfolio.positions:
        g.order = order_value(g.target, context.portfolio.available_cash)

def done():
    return g.order.status == OrderStatus.held and g.order.filled == g.order.amount
"""


class OrderStatus(enum.Enum):
    """JoinQuant's."""

    open = 0
    filled = 1
    canceled = 2
    rejected = 3
    held = 4
    new = 8


class LimitOrderStyle:
    """JoinQuant's."""

    def __init__(self, limit_price: float) -> None:
        self.limit_price = limit_price


class MarketOrderStyle(LimitOrderStyle):
    """JoinQuant's."""


class StopMarketOrderStyle:
    """JoinQuant's."""


class Log:
    """JoinQuant's `log`; `lines` are (level, text)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def info(self, text: str) -> None:
        self.lines.append(("info", text))

    def warn(self, text: str) -> None:
        self.lines.append(("warn", text))

    def error(self, text: str) -> None:
        self.lines.append(("error", text))

    def said(self, level: str) -> str:
        """All lines of a level."""
        return "\n".join(text for kind, text in self.lines if kind == level)


def beijing_now() -> datetime:
    return datetime.now(timezone(timedelta(hours=8))).replace(tzinfo=None)


class Context:
    """User attributes hide the system's until they are deleted, as on the platform."""

    def __init__(self, run_type: str = "sim_trade", at: datetime | None = None) -> None:
        self.run_params = SimpleNamespace(type=run_type)
        self.current_dt = at or beijing_now()

    def __getattr__(self, name: str) -> object:
        if name == "portfolio":
            return SimpleNamespace(total_value=-1.0, positions={})
        if name == "subportfolios":
            return ["simulated"]
        raise AttributeError(name)


def platform_names(log: object, simulated: list[str]) -> dict[str, object]:
    """The global names of a strategy; `simulated` collects the calls that reach the simulated account."""

    def function(name: str) -> object:
        return lambda *given, **more: simulated.append(name)

    names = (
        "order", "order_value", "order_target", "order_target_value", "order_percent", "cancel_order",
        "get_open_orders", "get_orders", "get_trades", "inout_cash", "batch_submit_orders",
    )  # fmt: skip
    return {
        **{name: function(name) for name in names},
        "OrderStatus": OrderStatus,
        "LimitOrderStyle": LimitOrderStyle,
        "MarketOrderStyle": MarketOrderStyle,
        "g": SimpleNamespace(),
        "log": log,
    }
