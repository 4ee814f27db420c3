"""Names of variables that are nearly ours: a slip of the pen leaves the default in force without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from difflib import get_close_matches
from typing import NamedTuple

from bullet_trade.engine.risk_limits import RiskLimits

LIMIT_NAMES = (*(field.name for field in fields(RiskLimits)), "stale_quote_seconds")
"""Variables of which a slip of the pen would leave an account unprotected: more than one letter may be wrong."""

LONG = 10
"""In the environment, which belongs to all programs, a shorter name may be another program's."""

ELSEWHERE = frozenset(
    (
        *("bt_env_file", "bullet_trade_env_file", "env_file"),
        *("account_sync_enabled", "order_sync_enabled", "order_sync_interval", "tick_sync_enabled"),
        *("tick_sync_interval", "tick_subscription_limit", "order_max_volume", "portfolio_refresh_throttle_ms"),
        *("broker_heartbeat_interval", "scheduler_market_periods", "calendar_skip_weekend", "calendar_retry_minutes"),
        *("log_file_level", "log_force_color", "data_cache_dir"),
        *("jqdata_user", "jqdata_pwd", "jqdata_server", "jqdata_port"),
        *("qmt_server_tls_key", "qmt_server_type", "qmt_server_listen", "qmt_server_tokens", "qmt_server_accounts"),
        *("qmt_server_sub_accounts", "qmt_server_allowlist", "qmt_server_allow_full_market"),
        *("qmt_server_enable_data", "qmt_server_enable_broker", "qmt_server_max_connections"),
        *("qmt_server_max_subscriptions", "qmt_server_log_file", "qmt_server_log_account", "qmt_server_access_log"),
        *("qmt_server_order_risk_enabled", "qmt_server_data"),
        *("qmt_server_request_timeout", "qmt_server_request_timeout_seconds"),
        *("qmt_server_place_order_timeout_margin", "qmt_server_place_order_timeout_margin_seconds"),
        *("qmt_server_idempotency_ttl_seconds", "qmt_server_idempotency_max_entries"),
    )
)
"""Variables of deployed installations that other parts of the program read, or that have no effect here."""

FOREIGN = (
    "big_qmt_",
    "bt_backtest_",
    "bt_live_",
    "easy_tdx_",
    "jqdata_",
    "miniqmt_",
    "qmt_guard_",
    "rqdata_",
    "tushare_",
)
"""Beginnings of the names that files of deployed installations hold for data sources and gateways of their own."""


class Misspelling(NamedTuple):
    """`given` resembles `meant`, and has no effect."""

    given: str
    meant: str


def misspelt(names: Iterable[str], known: Collection[str], shortest: int = 0) -> list[Misspelling]:
    """The names that differ from one of `known` (lower case) by a blank, or by one letter: wrong, missing, too many, or
    two of them swapped; and those that resemble the name of a limit. The case of letters does not matter; `shortest` is
    the least length that is looked at."""
    known = {*known, *ELSEWHERE}
    found: list[Misspelling] = []
    for name in names:
        if name.lower() in known or len(name) < shortest:
            continue
        bare = "".join(name.lower().split())
        slips = (one for one in sorted(known) if _one_slip(bare, one))
        meant = bare if bare in known else next(slips, None) or _nearest(bare, LIMIT_NAMES, 0.9)
        if meant:
            found.append(Misspelling(name, meant.upper()))
    return found


def unknown(names: Iterable[str], known: Collection[str]) -> list[Misspelling]:
    """The names of a file of ours that nothing reads; `meant` is the nearest that there is, '' where none is near."""
    found: list[Misspelling] = []
    for name in names:
        lower = name.lower()
        if lower in known or lower in ELSEWHERE or lower.startswith(FOREIGN):
            continue
        found.append(Misspelling(name, _nearest(lower.strip(), [*known, *ELSEWHERE], 0.8).upper()))
    return found


def _nearest(name: str, names: Collection[str], cutoff: float) -> str:
    return next(iter(get_close_matches(name, names, n=1, cutoff=cutoff)), "")


def _one_slip(one: str, other: str) -> bool:
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    pairs = enumerate(zip(longer, shorter, strict=False))
    first = next((place for place, (left, right) in pairs if left != right), len(shorter))
    if len(longer) == len(shorter) + 1:
        return longer[first + 1 :] == shorter[first:]
    after = first + 2
    swapped = longer[first:after] == shorter[first:after][::-1] and longer[after:] == shorter[after:]
    return len(longer) == len(shorter) and (swapped or longer[first + 1 :] == shorter[first + 1 :])
