"""Orders, trades, positions and the portfolio as a strategy sees them: floats, JoinQuant's names, read-only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import NoReturn

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import SCALE, yuan
from bullet_trade.domain.orders import Order, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.order_book import Trade
from bullet_trade.ports.quotes import Quotes


class OrderStatus(Enum):
    """JoinQuant's words. Beware: `filled` means partly filled, `held` means completely filled."""

    open = 0
    filled = 1
    canceled = 2
    rejected = 3
    held = 4
    new = 8
    pending_cancel = 9

    def __str__(self) -> str:
        return self.name


REFUSED = frozenset({OrderState.REFUSED, OrderState.REJECTED})


class ReadOnly:
    """Base of objects that belong to the engine."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise StrategyError(f"{type(self).__name__}.{name} 是只读的，不能赋值", "需要自己的变量时请放在 g 或局部变量里")


class OrderStyle:
    """Base of the order styles."""


class MarketOrderStyle(OrderStyle):
    """Market order. `limit_price` is the protection price in yuan; the percentages are fractions of the last price."""

    def __init__(
        self,
        limit_price: float | None = None,
        buy_price_percent: float | None = None,
        sell_price_percent: float | None = None,
    ) -> None:
        self.limit_price = limit_price
        self.buy_price_percent = buy_price_percent
        self.sell_price_percent = sell_price_percent


class LimitOrderStyle(OrderStyle):
    """Limit order at `limit_price` yuan."""

    def __init__(self, limit_price: float) -> None:
        if not limit_price > 0:
            raise StrategyError(f"限价 {limit_price!r} 无效", "限价必须大于 0")
        self.limit_price = limit_price


class UserOrder(ReadOnly):
    """A live view of what one call of an order function placed: one order, or several where the exchange's largest
    order made the desk split it."""

    __slots__ = ("_order", "_parts")

    def __init__(self, parts: Sequence[Order]) -> None:
        object.__setattr__(self, "_parts", parts)
        object.__setattr__(self, "_order", parts[0])

    _order: Order
    _parts: Sequence[Order]

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
        return 0

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

    __slots__ = ("_trade",)

    def __init__(self, trade: Trade) -> None:
        object.__setattr__(self, "_trade", trade)

    _trade: Trade

    @property
    def trade_id(self) -> str:
        return self._trade.trade_id

    @property
    def order_id(self) -> int:
        return self._trade.order_id

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
    _quotes: Quotes

    def __init__(self, position: Position, t0: bool, quotes: Quotes) -> None:
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
    def side(self) -> str:
        return "long"

    @property
    def pindex(self) -> int:
        return 0

    def __repr__(self) -> str:
        return (
            f"UserPosition({{security={self.security}, total_amount={self.total_amount}, "
            f"closeable_amount={self.closeable_amount}, avg_cost={self.avg_cost:.4f}}})"
        )


class Positions(dict[str, UserPosition]):
    """Positions by code. A code that is not held gives an empty position and a warning, and does not become a key."""

    def __init__(self, empty: Callable[[str], UserPosition]) -> None:
        super().__init__()
        self._empty = empty

    def __missing__(self, code: str) -> UserPosition:
        return self._empty(code)


class Portfolio(ReadOnly):
    """The account. Every read is of this moment; `positions` is a snapshot that later orders do not change."""

    __slots__ = ("_cache", "_ledger", "_quotes", "_starting_cash", "_t0", "_version", "_warn")

    _ledger: Ledger
    _quotes: Quotes
    _t0: Callable[[Code], bool]
    _warn: Callable[[str], None]
    _starting_cash: Callable[[], int]
    _cache: Positions
    _version: int

    def __init__(
        self,
        ledger: Ledger,
        quotes: Quotes,
        t0: Callable[[Code], bool],
        warn: Callable[[str], None],
        starting_cash: Callable[[], int],
    ) -> None:
        put = object.__setattr__
        put(self, "_ledger", ledger)
        put(self, "_quotes", quotes)
        put(self, "_t0", t0)
        put(self, "_warn", warn)
        put(self, "_starting_cash", starting_cash)
        put(self, "_version", -1)

    def _view(self, position: Position) -> UserPosition:
        return UserPosition(position, self._t0(position.code), self._quotes)

    def _empty(self, code: str) -> UserPosition:
        self._warn(f"没有持仓 {code}，返回空仓位")
        return self._view(Position(code=Code(code)))

    @property
    def positions(self) -> Positions:
        if self._version != self._ledger.version:
            fresh = Positions(self._empty)
            for position in self._ledger:
                if position.amount:
                    fresh[position.code] = self._view(position)
            object.__setattr__(self, "_cache", fresh)
            object.__setattr__(self, "_version", self._ledger.version)
        return self._cache

    long_positions = positions

    @property
    def short_positions(self) -> dict[str, UserPosition]:
        return {}

    @property
    def available_cash(self) -> float:
        return yuan(self._ledger.available)

    cash = available_cash

    @property
    def transferable_cash(self) -> float:
        return yuan(max(0, self._ledger.available - self._ledger.sold_today))

    @property
    def locked_cash(self) -> float:
        return yuan(self._ledger.frozen)

    @property
    def positions_value(self) -> float:
        last = self._quotes.last_price
        return sum(last(position.code) * position.amount for position in self._ledger)

    market_value = positions_value

    @property
    def total_value(self) -> float:
        return yuan(self._ledger.cash) + self.positions_value

    portfolio_value = total_value

    @property
    def starting_cash(self) -> float:
        return yuan(self._starting_cash())

    inout_cash = starting_cash

    @property
    def returns(self) -> float:
        """Total return since the start, as a fraction."""
        start = self.starting_cash
        return self.total_value / start - 1 if start else 0.0

    @property
    def margin(self) -> float:
        return 0.0

    def __repr__(self) -> str:
        return f"Portfolio({{total_value={self.total_value:.2f}, available_cash={self.available_cash:.2f}}})"
