"""The limits that an order has to keep before it leaves, as one immutable value. 0, or empty, means: not limited."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from fractions import Fraction

from bullet_trade.domain.money import ZERO, Money
from bullet_trade.domain.securities import Code

NONE: frozenset[Code] = frozenset()
NEVER = Fraction(0)


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Fields have the names of their variables, in lower case. Ratios are fractions of one, exactly as written.

    `max_daily_loss` is an amount, or (a `Fraction`) a share of what the account was worth at the last close.
    `max_order_rate` counts orders and cancels within one second; `daily_message_warning` those of a day.
    """

    max_order_value: Money = ZERO
    max_daily_trade_value: Money = ZERO
    max_daily_trades: int = 0
    max_stock_count: int = 0
    max_position_ratio: Fraction = NEVER
    min_buy_order_value: Money = ZERO
    max_daily_loss: Money | Fraction = ZERO
    max_price_deviation: Fraction = NEVER
    duplicate_order_seconds: timedelta = timedelta(0)
    max_consecutive_rejects: int = 0
    risk_whitelist: frozenset[Code] = NONE
    risk_blacklist: frozenset[Code] = NONE
    max_daily_cancels: int = 0
    min_cancel_interval_seconds: timedelta = timedelta(0)
    max_cancel_per_order: int = 0
    max_daily_messages: int = 0
    max_order_rate: int = 0
    daily_message_warning: int = 0

    def on(self, name: str) -> bool:
        """Whether the limit of that name holds."""
        return bool(getattr(self, name))

    def names(self) -> list[str]:
        """The names of the limits that hold."""
        return [field.name for field in fields(self) if self.on(field.name)]


NO_LIMITS = RiskLimits()
