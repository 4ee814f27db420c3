"""Everything that ``from jqdata import *`` brings, in one table."""

from __future__ import annotations

import datetime
import math
import random
import time
from collections import defaultdict
from functools import partial, reduce

import numpy as np
import pandas as pd

from bullet_trade.strategy import (
    api_accounts,
    api_batch,
    api_files,
    api_schedule,
    api_settings,
    api_trading,
    event_objects,
    registry,
    styles,
    subaccounts,
)
from bullet_trade.strategy.context import Context
from bullet_trade.strategy.current import session
from bullet_trade.strategy.data import (
    calendar_functions,
    moments,
    price_functions,
    provider_functions,
    query,
    reference_functions,
    security_functions,
    tick_functions,
)
from bullet_trade.strategy.data.unit_data import SecurityUnitData
from bullet_trade.strategy.objects import UserOrder, UserPosition, UserTrade
from bullet_trade.strategy.portfolio import Portfolio, SubPortfolio

_FUNCTIONS = {
    api_trading: (
        "order order_target order_value order_target_value order_target_percent cancel_order cancel_all_orders "
        "get_open_orders get_orders get_trades"
    ),
    api_batch: "batch_submit_orders batch_cancel_orders",
    api_accounts: "set_subportfolios transfer_cash print_portfolio_info prettytable_print_df",
    api_files: "read_file write_file",
    api_schedule: "run_daily run_weekly run_monthly unschedule_all",
    api_settings: (
        "set_benchmark set_option set_order_cost set_commission set_slippage set_universe record send_message send_msg "
        "set_message_handler "
        "disable_cache enable_profile subscribe unsubscribe unsubscribe_all "
        "OrderCost PerTrade FixedSlippage PriceRelatedSlippage StepRelatedSlippage"
    ),
    price_functions: "attribute_history history get_price get_bars",
    tick_functions: "get_current_data get_current_tick get_ticks get_call_auction",
    calendar_functions: "get_trade_days get_all_trade_days get_trade_day",
    security_functions: "get_security_info get_all_securities normalize_code get_split_dividend",
    reference_functions: (
        "get_index_stocks get_index_weights get_industry get_industry_stocks get_industries get_concept "
        "get_concept_stocks get_concepts"
    ),
    provider_functions: (
        "get_fundamentals get_fundamentals_continuously get_history_fundamentals get_valuation get_factor_values "
        "get_money_flow get_mtss get_billboard_list get_locked_shares get_margincash_stocks get_marginsec_stocks "
        "get_fund_info get_dominant_future get_future_contracts get_extras "
        "valuation indicator income balance cash_flow cashflow bank_indicator security_indicator "
        "insurance_indicator finance macro opt"
    ),
    query: "query",
    moments: "FutureDataError",
    styles: ("OrderStatus OrderStyle MarketOrderStyle LimitOrderStyle StopMarketOrderStyle StopLimitOrderStyle"),
    subaccounts: "SubPortfolioConfig",
    event_objects: "DividendsEvent ForcedLiquidationEvent",
}

_CLASSES: dict[str, object] = {
    "Context": Context,
    "Portfolio": Portfolio,
    "SubPortfolio": SubPortfolio,
    "Position": UserPosition,
    "Order": UserOrder,
    "Trade": UserTrade,
    "SecurityUnitData": SecurityUnitData,
}
"""Classes under the platform's names, for `isinstance` and annotations."""

NAMES: dict[str, object] = {
    name: getattr(module, name) for module, names in _FUNCTIONS.items() for name in names.split()
}
NAMES |= _CLASSES | registry.stand_ins("jqdata")
"""Functions and classes by the name under which strategies know them."""

MODULES = {
    "datetime": datetime,
    "math": math,
    "np": np,
    "pd": pd,
    "timedelta": datetime.timedelta,
}
"""What strategies use without importing it, as the platform's namespace has it."""

_OF_NUMPY = (
    "array arange average corrcoef cov cumsum diff exp floor inf isnan linspace mean median nan ones polyfit power "
    "sign sqrt std var zeros"
)
"""What strategies use of numpy by its bare name. `sum`, `any`, `all`, `min`, `max`, `abs` and `round` stay Python's."""

BARE: dict[str, object] = {name: getattr(np, name) for name in _OF_NUMPY.split()} | {
    "defaultdict": defaultdict,
    "partial": partial,
    "random": random,
    "reduce": reduce,
    "time": time,
    "xrange": range,
    "unicode": str,
    "basestring": str,
    "long": int,
}
"""Found without an import, but not brought by a star import: that would replace what a strategy took from `math`,
or `time` from `datetime`."""

PER_RUN = ("g", "log")
"""Names that mean another object in each run."""


def per_run(name: str) -> object:
    """`g` or `log` of the run that asks."""
    return getattr(session(), name)


def default_namespace() -> dict[str, object]:
    """What a strategy file finds even when it imports nothing; `g` and `log` are added when the run is bound."""
    return {**BARE, **NAMES, **MODULES}
