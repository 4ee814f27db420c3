"""Orders, trades and positions as a strategy sees them: floats, JoinQuant's names, read-only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.ledger import Position
from bullet_trade.domain.money import SCALE, yuan
from bullet_trade.domain.orders import Order, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.order_book import Trade
from bullet_trade.ports.quotes import Quotes
from bullet_trade.strategy.styles import LimitOrderStyle, MarketOrderStyle, OrderStatus, OrderStyle

REFUSED = frozenset({OrderState.REFUSED, OrderState.REJECTED})


class ReadOnly:
    """Base of objects that belong to the engine."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise StrategyError(f"{type(self).__name__}.{name} 是只读的，不能赋值", "需要自己的变量时请放在 g 或局部变量里")


class UserOrder(ReadOnly):
    """A live view of what one call of an order function placed: one order, or several where the exchange's largest
    order made the desk split it."""

    __slots__ = ("_parts", "_pindex")

    def __init__(self, parts: Sequence[Order], pindex: int = 0) -> None:
        object.__setattr__(self, "_parts", parts)
        object.__setattr__(self, "_pindex", pindex)

    _parts: Sequence[Order]
    _pindex: int

    @property
    def _order(self) -> Order:
        return self._parts[0]

    @property
    def order_id(self) -> int:
        return self._order.parent_id

    @property
    def security(self) -> str:
        return self._order.code

    @property
    def amount(self) -> int:
        return sum(part.amount for part in self._parts)

    @property
    def filled(self) -> int:
        return sum(part.filled for part in self._parts)

    @property
    def price(self) -> float:
        """Average fill price so far, 0.0 before the first fill."""
        filled = self.filled
        return sum(part.turnover for part in self._parts) / filled / SCALE if filled else 0.0

    @property
    def avg_cost(self) -> float:
        """A purchase: the average fill price; a sale: the average cost of what was sold."""
        filled = self.filled
        if self.is_buy or not filled:
            return self.price
        cost = sum(part.turnover - part.fees - part.profit for part in self._parts)
        return cost / filled / SCALE

    @property
    def commission(self) -> float:
        """All fees so far, taxes included."""
        return yuan(sum(part.fees for part in self._parts))

    @property
    def status(self) -> OrderStatus:
        alive = [part for part in self._parts if not part.is_final]
        if alive:
            if self.filled:
                return OrderStatus.filled
            return OrderStatus.new if all(part.state is OrderState.CREATED for part in alive) else OrderStatus.open
        if self.filled == self.amount:
            return OrderStatus.held
        return OrderStatus.rejected if all(part.state in REFUSED for part in self._parts) else OrderStatus.canceled

    @property
    def is_buy(self) -> bool:
        return self._order.side is Side.BUY

    @property
    def action(self) -> str:
        return "open" if self.is_buy else "close"

    @property
    def side(self) -> str:
        return "long"

    @property
    def pindex(self) -> int:
        return self._pindex

    @property
    def add_time(self) -> datetime:
        return self._order.created_at

    order_time = add_time

    @property
    def finish_time(self) -> datetime | None:
        ends = [part.finished_at for part in self._parts]
        return max((end for end in ends if end is not None), default=None) if None not in ends else None

    @property
    def style(self) -> OrderStyle:
        limit = yuan(self._order.limit_price)
        return LimitOrderStyle(limit) if self._order.order_type is OrderType.LIMIT else MarketOrderStyle(limit)

    @property
    def limit_price(self) -> float:
        return yuan(self._order.limit_price)

    @property
    def reason(self) -> str:
        """Why it was refused or cancelled, '' otherwise."""
        return next((part.reason for part in self._parts if part.reason), "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserOrder) and other.order_id == self.order_id

    def __hash__(self) -> int:
        return hash(self.order_id)

    def __repr__(self) -> str:
        return (
            f"UserOrder({{order_id={self.order_id}, security={self.security}, action={self.action}, "
            f"amount={self.amount}, filled={self.filled}, price={self.price:.4f}, status={self.status}}})"
        )


class UserTrade(ReadOnly):
    """One fill."""

    __slots__ = ("_trade", "order_id")

    def __init__(self, trade: Trade, order_id: int) -> None:
        object.__setattr__(self, "_trade", trade)
        object.__setattr__(self, "order_id", order_id)

    _trade: Trade
    order_id: int

    @property
    def trade_id(self) -> str:
        return self._trade.trade_id

    @property
    def security(self) -> str:
        return self._trade.code

    @property
    def amount(self) -> int:
        return self._trade.amount

    @property
    def price(self) -> float:
        return yuan(self._trade.price)

    @property
    def time(self) -> datetime:
        return self._trade.at

    def __repr__(self) -> str:
        return f"UserTrade({{security={self.security}, amount={self.amount}, price={self.price}, time={self.time}}})"


class UserPosition(ReadOnly):
    """One position as it was when it was read; prices are the latest ones."""

    __slots__ = (
        "_quotes",
        "acc_avg_cost",
        "avg_cost",
        "closeable_amount",
        "hold_cost",
        "init_time",
        "locked_amount",
        "pindex",
        "security",
        "today_amount",
        "total_amount",
        "transact_time",
    )

    security: str
    total_amount: int
    closeable_amount: int
    locked_amount: int
    today_amount: int
    avg_cost: float
    acc_avg_cost: float
    hold_cost: float
    init_time: datetime | None
    transact_time: datetime | None
    pindex: int
    _quotes: Quotes

    def __init__(self, position: Position, t0: bool, quotes: Quotes, pindex: int = 0) -> None:
        put = object.__setattr__
        amount = position.amount
        put(self, "_quotes", quotes)
        put(self, "security", position.code)
        put(self, "total_amount", amount - position.locked)
        put(self, "closeable_amount", position.closeable(t0))
        put(self, "locked_amount", position.locked)
        put(self, "today_amount", position.bought_today)
        put(self, "avg_cost", position.cost / amount / SCALE if amount else 0.0)
        put(self, "acc_avg_cost", position.invested / amount / SCALE if amount else 0.0)
        put(self, "hold_cost", yuan(position.previous_close) or (position.cost / amount / SCALE if amount else 0.0))
        put(self, "init_time", position.opened_at)
        put(self, "transact_time", position.traded_at)
        put(self, "pindex", pindex)

    @property
    def price(self) -> float:
        """Latest price in yuan."""
        return self._quotes.last_price(Code(self.security))

    @property
    def value(self) -> float:
        """Market value of the shares that are not offered for sale."""
        return self.price * self.total_amount

    @property
    def amount(self) -> int:
        return self.closeable_amount

    sellable_amount = amount

    @property
    def buy_time(self) -> datetime | None:
        return self.init_time

    @property
    def last_buy_time(self) -> datetime | None:
        return self.transact_time

    @property
    def side(self) -> str:
        return "long"

    def __repr__(self) -> str:
        return (
            f"UserPosition({{security={self.security}, total_amount={self.total_amount}, "
            f"closeable_amount={self.closeable_amount}, avg_cost={self.avg_cost:.4f}}})"
        )
