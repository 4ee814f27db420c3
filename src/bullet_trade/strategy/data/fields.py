"""The columns that bars have, how each one is adjusted and how it is added up to a larger bar."""

from __future__ import annotations

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import BONDS, FUNDS, Security

OPEN, CLOSE, HIGH, LOW, VOLUME, MONEY, PRE_CLOSE, PAUSED, FACTOR, HIGH_LIMIT, LOW_LIMIT, AVG = range(12)
WIDTH = 12
"""Rows of a table of bars; each is one field."""

FIELDS = {
    "open": OPEN,
    "close": CLOSE,
    "high": HIGH,
    "low": LOW,
    "volume": VOLUME,
    "money": MONEY,
    "pre_close": PRE_CLOSE,
    "paused": PAUSED,
    "factor": FACTOR,
    "high_limit": HIGH_LIMIT,
    "low_limit": LOW_LIMIT,
    "avg": AVG,
    "price": AVG,
}

DEFAULT_FIELDS = ("open", "close", "high", "low", "volume", "money")

PRICES = frozenset({OPEN, CLOSE, HIGH, LOW, PRE_CLOSE, HIGH_LIMIT, LOW_LIMIT, AVG})
LIMITS = frozenset({HIGH_LIMIT, LOW_LIMIT})
KNOWN_BEFORE_OPEN = frozenset({PRE_CLOSE, PAUSED, FACTOR, HIGH_LIMIT, LOW_LIMIT})
"""Fields of the current day that are known before its first trade."""
BLANK_WHEN_PAUSED = frozenset({OPEN, CLOSE, HIGH, LOW, VOLUME, MONEY, PRE_CLOSE, HIGH_LIMIT, LOW_LIMIT, AVG})
"""What ``fill_paused=False`` leaves NaN on suspended days."""


def numbers_of(names: tuple[str, ...]) -> tuple[int, ...]:
    """The rows of a table for field names. Raises `StrategyError` for an unknown one."""
    try:
        return tuple([FIELDS[name] for name in names])
    except (KeyError, TypeError):
        unknown = next(name for name in names if not isinstance(name, str) or name not in FIELDS)
        raise StrategyError(f"行情没有字段 {unknown!r}", f"可用：{'、'.join(FIELDS)}") from None


def decimals(security: Security) -> int:
    """Places of an adjusted price: 3 for funds and bonds, else 2."""
    kind = security.kind
    return 3 if kind in FUNDS or kind in BONDS else 2
