"""The exchange's reference price after a close, for days whose file does not give it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Security
from bullet_trade.market.corporate_actions import ex_reference_price, terms
from bullet_trade.market.tick_size import tick_size
from bullet_trade.ports.market_data import CorporateAction


def reference_price(security: Security, day: date, close: float, actions: Sequence[CorporateAction]) -> float:
    """What `close` becomes by the actions that took effect since, up to `day`; without any it stays what it is."""
    tick = tick_size(security, day)
    for action in actions:
        what = terms(cash=Decimal(str(action.cash_per_share)), bonus=Decimal(str(action.share_ratio)))
        close = yuan(ex_reference_price(price(close), what, tick))
    return close
