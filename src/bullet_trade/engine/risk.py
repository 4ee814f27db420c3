"""The gate that every order and every cancel of a strategy passes before it leaves."""

from __future__ import annotations

from datetime import datetime

from bullet_trade.domain.orders import Order, Side
from bullet_trade.engine.risk_counters import Counters
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.engine.risk_rules import CANCEL_RULES, ORDER_RULES, OrderRule, Proposal
from bullet_trade.market.refusal import Refusal


class RiskGate:
    """The limits that hold, over the counters of one account. Engine thread only."""

    def __init__(self, limits: RiskLimits, counters: Counters) -> None:
        self.limits = limits
        self.counters = counters
        rules = [rule for rule in ORDER_RULES if limits.on(rule.name)]
        self._orders: dict[Side, list[OrderRule]] = {side: [r for r in rules if side in r.sides] for side in Side}
        self._cancels = [rule for rule in CANCEL_RULES if limits.on(rule.name)]

    def order(self, proposal: Proposal) -> Refusal | None:
        """The first limit that the order would break, all its parts together; None when it may leave."""
        for rule in self._orders[proposal.side]:
            refusal = rule.check(proposal, self.counters, self.limits)
            if refusal is not None:
                return refusal
        return None

    def cancel(self, order: Order, now: datetime) -> Refusal | None:
        """The first limit that a cancel would break; None when it may leave."""
        for rule in self._cancels:
            refusal = rule.check(order, now, self.counters, self.limits)
            if refusal is not None:
                return refusal
        return None
