"""Ex-days (除权除息): what holders receive, and the reference price where a source does not give it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Security
from bullet_trade.market.corporate_actions import ex_reference_price, terms
from bullet_trade.market.tick_size import tick_size
from bullet_trade.ports.market_data import CorporateAction

_DECIMALS = 12
"""Announced figures have fewer; what sums and differences of floats leave behind is smaller."""


def corporate_action(ex_date: date, cash: float, ratio: float) -> CorporateAction:
    """The action with the figures as announced: 1.2 - 1 is 0.2, else a holder would lose a share to rounding."""
    return CorporateAction(ex_date, round(cash, _DECIMALS), round(ratio, _DECIMALS))


def reference_price(
    security: Security, close: float, since: date, day: date, actions: Sequence[CorporateAction]
) -> float:
    """The exchange's reference price of `day`, yuan, after `close` on `since`.

    Each ex-day since then, also one without trading, changes it once by the formula of `ex_reference_price`, to the
    tick. `actions` ascend by ex-day; those of other days do not matter.
    """
    due = [action for action in actions if since < action.ex_date <= day]
    for ex_date, group in groupby(due, key=lambda action: action.ex_date):
        together = list(group)
        cash = sum(Decimal(str(action.cash_per_share)) for action in together)
        bonus = sum(Decimal(str(action.share_ratio)) for action in together)
        close = yuan(ex_reference_price(price(close), terms(cash, bonus), tick_size(security, ex_date)))
    return close
