"""Ready-made guards for strategies: leave out what cannot be traded, stop at a drawdown, try an order again.

    from bullet_trade.strategy.guards import DrawdownGuard, order_again, tradable

They use nothing that a strategy could not use itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.api_trading import cancel_order, order, order_target
from bullet_trade.strategy.context import Context
from bullet_trade.strategy.current import session
from bullet_trade.strategy.objects import UserOrder
from bullet_trade.strategy.styles import OrderStatus

OVER = frozenset({OrderStatus.held, OrderStatus.canceled, OrderStatus.rejected})
"""Words for an order that is over: `held` is JoinQuant's for completely filled."""


def tradable(securities: Iterable[str], *, side: str = "buy", st: bool = False) -> list[str]:
    """Those that can be traded now, in the given order: not suspended, not locked at the limit that is in the way
    (`side` buy: the upper one; sell: the lower one), and no ST stocks unless `st`."""
    if side not in ("buy", "sell"):
        raise StrategyError(f"side={side!r} 无效", "用 'buy' 或 'sell'")
    run = session()
    kept = []
    for security in securities:
        code = run.code(security)
        quotes = run.parts.quotes
        if not quotes.known(code):
            continue
        facts, last = quotes.facts(code), quotes.last_price(code)
        locked = facts.high_limit > 0 and (last >= facts.high_limit if side == "buy" else last <= facts.low_limit)
        if not facts.paused and not locked and (st or not facts.st):
            kept.append(security)
    return kept


class DrawdownGuard:
    """Stops buying once the account has fallen by `limit` (a fraction) from its highest value, and, with `flat`,
    sells everything that may be sold. Keep it in `g`: the highest value survives a restart with it."""

    def __init__(self, limit: float = 0.1, flat: bool = False) -> None:
        if not 0 < limit < 1:
            raise StrategyError(f"回撤线 {limit!r} 无效", "写成 0 到 1 之间的小数，例如 0.1 表示 10%")
        self.limit = limit
        self.flat = flat
        self.peak = 0.0
        self.tripped = False

    def may_buy(self, context: Context) -> bool:
        """Whether buying is allowed; to be asked before each purchase or once a day. Stays False once tripped."""
        value = context.portfolio.total_value
        self.peak = max(self.peak, value)
        if not self.tripped and value <= self.peak * (1 - self.limit):
            self.tripped = True
            session().log.warning(f"总资产 {value:,.2f} 较最高 {self.peak:,.2f} 回撤达到 {self.limit:.0%}，停止买入")
        if self.tripped and self.flat:
            self._sell_out(context)
        return not self.tripped

    def _sell_out(self, context: Context) -> None:
        for security, position in list(context.portfolio.positions.items()):
            if position.closeable_amount > 0 and tradable([security], side="sell", st=True):
                order_target(security, position.total_amount - position.closeable_amount)

    def reset(self, context: Context) -> None:
        """Allow buying again; the peak is the present value."""
        self.tripped = False
        self.peak = context.portfolio.total_value


def order_again(
    security: str,
    amount: int,
    attempts: int = 3,
    wait_timeout: float | None = None,
    price: Callable[[str], float] | None = None,
) -> list[UserOrder]:
    """Order `amount` shares (negative: sell), and what is not filled again, at most `attempts` times in all.

    Each attempt waits `wait_timeout` seconds (None: the configured time), cancels the rest, and orders it anew: at
    market, or at the limit that `price(security)` gives then. It ends early when the amount is filled, when a rule of
    ours refuses (it would refuse again), or when the fate of an order is not known: that is never ordered twice.
    Returns the orders placed.
    """
    if attempts < 1:
        raise StrategyError(f"尝试次数 {attempts!r} 无效", "至少 1 次")
    placed: list[UserOrder] = []
    rest = abs(amount)
    sign = int(math.copysign(1, amount)) if amount else 0
    while rest > 0 and len(placed) < attempts:
        limit = price(security) if price is not None else None
        one = order(security, sign * rest, price=limit, wait_timeout=wait_timeout)
        if one is None:
            break
        placed.append(one)
        if one.status not in OVER:
            cancel_order(one)
        if one.status not in OVER:
            session().log.warning(f"{security} 委托 #{one.order_id} 没有确认结束，不再重试")
            break
        rest -= one.filled
    return placed
