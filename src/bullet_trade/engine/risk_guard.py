"""Has an engine's desk keep the account's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bullet_trade.domain.money import Price, price
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import LimitNear
from bullet_trade.engine.rate_limit import RateLimiter
from bullet_trade.engine.risk import RiskGate
from bullet_trade.engine.risk_counters import Counters
from bullet_trade.engine.risk_limits import RiskLimits

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine


def guard(engine: Engine, limits: RiskLimits) -> None:
    """Put the gate and, where a rate is limited, the limiter before the desk's orders and cancels."""

    def last(code: Code) -> Price:
        return price(engine.quotes.last_price(code)) if engine.quotes.known(code) else Price(0)

    def previous_close(code: Code) -> Price:
        return price(engine.quotes.facts(code).prev_close) if engine.quotes.known(code) else Price(0)

    def warn(rule: str, words: str) -> None:
        now = engine.now()
        engine.journal.append(now, "limit_near", {"rule": rule, "text": words})
        engine.tell(LimitNear(now, rule, words))

    counters = Counters(engine.book, last, previous_close)
    engine.desk.gate = RiskGate(limits, counters)
    if limits.max_order_rate or limits.daily_message_warning:
        engine.desk.pace = RateLimiter(
            limits.max_order_rate,
            limits.daily_message_warning,
            engine.clock.monotonic,
            engine.pump,
            counters.messages,
            warn,
        )
