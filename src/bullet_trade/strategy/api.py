"""Everything that ``from jqdata import *`` brings, in one table."""

from __future__ import annotations

import datetime
import math
import random
import time

import numpy as np
import pandas as pd

from bullet_trade.strategy import api_data, api_schedule, api_settings, api_trading, objects
from bullet_trade.strategy.current import session

_FUNCTIONS = {
    api_trading: (
        "order order_target order_value order_target_value order_target_percent cancel_order cancel_all_orders "
        "get_open_orders get_orders get_trades"
    ),
    api_schedule: "run_daily run_weekly run_monthly unschedule_all",
    api_settings: (
        "set_benchmark set_option set_order_cost set_commission set_slippage set_universe record send_message send_msg "
        "disable_cache enable_profile subscribe unsubscribe unsubscribe_all "
        "OrderCost PerTrade FixedSlippage PriceRelatedSlippage StepRelatedSlippage"
    ),
    api_data: (
        "get_current_data get_current_tick attribute_history history get_price get_bars get_trade_days "
        "get_all_trade_days get_security_info get_all_securities get_index_stocks normalize_code"
    ),
    objects: "OrderStatus OrderStyle MarketOrderStyle LimitOrderStyle",
}

NAMES: dict[str, object] = {
    name: getattr(module, name) for module, names in _FUNCTIONS.items() for name in names.split()
}
"""Functions and classes by the name under which strategies know them."""

MODULES = {
    "datetime": datetime,
    "math": math,
    "np": np,
    "pd": pd,
    "random": random,
    "time": time,
    "timedelta": datetime.timedelta,
}
"""What strategies use without importing it, as the platform's namespace has it."""

PER_RUN = ("g", "log")
"""Names that mean another object in each run."""


def per_run(name: str) -> object:
    """`g` or `log` of the run that asks."""
    return getattr(session(), name)


def default_namespace() -> dict[str, object]:
    """What a strategy file finds even when it imports nothing; `g` and `log` are added when the run is bound."""
    return {**NAMES, **MODULES}
