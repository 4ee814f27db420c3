"""The engine's state for people, as one immutable value that any thread may read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import msgspec

from bullet_trade.domain.ledger import Position
from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.orders import AT_BROKER, Order, OrderType, Side
from bullet_trade.engine.engine import Engine
from bullet_trade.engine.events import (
    CallbackReturned,
    DayClosed,
    DayOpened,
    Event,
    FilledLate,
    LinkChanged,
    OperatorActed,
    OrderFinished,
    OrderPlaced,
    OrderRefused,
    PartFilled,
    Saved,
)
from bullet_trade.ports.clock import Rank

TASKS_SHOWN, ORDERS_SHOWN = 5, 200

CHANGES = (
    OrderPlaced,
    OrderFinished,
    OrderRefused,
    PartFilled,
    FilledLate,
    LinkChanged,
    OperatorActed,
    CallbackReturned,
    DayOpened,
    DayClosed,
    Saved,
)
"""Events after which the last view is no longer true."""


class PositionLine(msgspec.Struct, frozen=True):
    """One position; prices, cost per share and value in yuan."""

    code: str
    name: str
    amount: int
    closeable: int
    cost: float
    price: float
    value: float


class OrderLine(msgspec.Struct, frozen=True):
    """One order of the day; prices in yuan, `limit` 0 for a market order without protection. `open`: it may still
    trade."""

    number: int
    tag: str
    at: datetime
    code: str
    name: str
    side: str
    amount: int
    filled: int
    type: str
    limit: float
    average: float
    state: str
    reason: str
    open: bool


class TaskLine(msgspec.Struct, frozen=True):
    """A scheduled function and when it runs next."""

    at: datetime
    label: str


class About(msgspec.Struct, frozen=True):
    """What does not change during a run. `mode` and `clock` are words for people."""

    pid: int
    strategy: str
    broker: str
    mode: str
    directory: str


class StatusView(msgspec.Struct, frozen=True):
    """The engine at `at` (exchange time); money in yuan. `session` is the trading date that is open, None before the
    first; `link` is ``up``, ``down`` or ``unknown``. Counts are of the session."""

    about: About
    at: datetime
    session: date | None
    next_session: date | None
    link: str
    value: float
    cash: float
    frozen: float
    positions: tuple[PositionLine, ...]
    orders: tuple[OrderLine, ...]
    orders_today: int
    fills_today: int
    refused_today: int
    tasks: tuple[TaskLine, ...]
    saved_at: datetime | None


class StatusDesk:
    """Publishes `view` about once a `every_s` seconds of exchange time, and whenever orders or the brake change.

    An `Audience`; all but `view` and `published_at` is for the engine thread.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        """`steady` gives seconds that only move forward, by which the age of a view is told."""
        self._steady = steady
        self._engine: Engine | None = None
        self._about: About | None = None
        self._saved_at: datetime | None = None
        self.published: tuple[StatusView, float] | None = None
        """The last view, and the steady time at which it was made."""

    def attach(self, engine: Engine, about: About, every_s: float) -> None:
        """Begin to publish, with the engine's first step."""
        self._engine, self._about = engine, about
        self._arm(engine, timedelta(seconds=every_s), engine.now())

    def _arm(self, engine: Engine, every: timedelta, when: datetime) -> None:
        def fire() -> None:
            self.publish()
            self._arm(engine, every, engine.now() + every)

        # With the marks of the day: it goes on while the strategy waits for an order.
        engine.timers.add(when, Rank.DAY, fire, repeated=True)

    def tell(self, event: Event) -> None:
        if isinstance(event, Saved):
            self._saved_at = event.at
        if isinstance(event, CHANGES):
            self.publish()

    def publish(self) -> None:
        """Replace the view."""
        if self._engine is not None and self._about is not None:
            view = look(self._engine, self._about, self._saved_at)
            self.published = view, self._steady()


def look(engine: Engine, about: About, saved_at: datetime | None) -> StatusView:
    """The engine as it stands. Engine thread only."""
    now = engine.now()
    ledger, book = engine.ledger, engine.book
    positions = tuple(_position(engine, held) for held in sorted(ledger, key=lambda held: held.code))
    orders = sorted(book.orders.values(), key=lambda order: order.order_id)
    shown = [order for order in orders[:-ORDERS_SHOWN] if order.state in AT_BROKER] + orders[-ORDERS_SHOWN:]
    cash = yuan(ledger.cash)
    return StatusView(
        about,
        now,
        engine.days.day,
        _next_session(engine, now),
        {True: "up", False: "down", None: "unknown"}[engine.link.up],
        round(cash + sum(line.value for line in positions), 2),
        yuan(ledger.available),
        yuan(ledger.frozen),
        positions,
        tuple(_order(engine, order) for order in shown),
        book.sums.orders,
        len(book.trades),
        book.sums.refused,
        tuple(TaskLine(at, label) for at, label in engine.tasks.upcoming(now, TASKS_SHOWN)),
        saved_at,
    )


def _next_session(engine: Engine, now: datetime) -> date | None:
    today = now.date()
    return engine.calendar.next_session(today) if today < engine.calendar.last else None


def _position(engine: Engine, held: Position) -> PositionLine:
    security = engine.security(held.code)
    last = price(engine.quotes.last_price(held.code)) or held.previous_close
    closeable = held.closeable(engine.book.t0(held.code))
    name = security.name if security is not None else ""
    value = yuan(last * held.amount)
    return PositionLine(held.code, name, held.amount, closeable, yuan(held.average_cost), yuan(last), value)


def _order(engine: Engine, order: Order) -> OrderLine:
    security = engine.security(order.code)
    return OrderLine(
        order.order_id,
        order.tag,
        order.created_at,
        order.code,
        security.name if security is not None else "",
        "buy" if order.side is Side.BUY else "sell",
        order.amount,
        order.filled,
        "limit" if order.order_type is OrderType.LIMIT else "market",
        yuan(order.limit_price),
        yuan(order.average_price),
        order.state.value,
        order.reason,
        order.state in AT_BROKER,
    )
