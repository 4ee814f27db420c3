"""An order's life as a table: (state, event) -> state.

Every legal pair stands in `NEXT` with the reason for its row where the market is surprising. A pair that is not there
raises `OrderTransitionError` and changes nothing. Nobody else assigns `Order.state`.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, IntEnum
from typing import NewType

import msgspec

from bullet_trade.domain.errors import InvariantError, OrderTransitionError
from bullet_trade.domain.money import Money, Price, divide_half_up
from bullet_trade.domain.securities import Code

OrderId = NewType("OrderId", int)
"""Our number of an order: unique and ascending within a runtime directory."""


class Side(IntEnum):
    """Direction; the value is the sign of the share count."""

    BUY = 1
    SELL = -1


class OrderType(Enum):
    """`MARKET` orders carry a protection price as `Order.limit_price` where one is known."""

    MARKET = "market"
    LIMIT = "limit"


class OrderState(Enum):
    """Where an order is. Members after `UNKNOWN` are final."""

    CREATED = "created"
    IN_FLIGHT = "in_flight"
    WORKING = "working"
    CANCELLING = "cancelling"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash goes through Python code on every look-up


class OrderEvent(Enum):
    """What can happen to an order."""

    REFUSE = "refuse"
    SEND = "send"
    ACCEPT = "accept"
    FILL_PART = "fill_part"
    FILL_REST = "fill_rest"
    REJECT = "reject"
    REQUEST_CANCEL = "request_cancel"
    CANCEL_REFUSED = "cancel_refused"
    CANCEL = "cancel"
    NO_ANSWER = "no_answer"
    PROVED_ABSENT = "proved_absent"

    __hash__ = object.__hash__  # see OrderState


_S, _E = OrderState, OrderEvent

NEXT: dict[tuple[OrderState, OrderEvent], OrderState] = {
    (_S.CREATED, _E.REFUSE): _S.REFUSED,  # a rule or limit of ours said no; the broker never heard of it
    (_S.CREATED, _E.SEND): _S.IN_FLIGHT,
    (_S.CREATED, _E.PROVED_ABSENT): _S.NOT_SENT,  # found in the journal after a crash, absent from a complete list
    (_S.IN_FLIGHT, _E.ACCEPT): _S.WORKING,
    (_S.IN_FLIGHT, _E.REJECT): _S.REJECTED,
    (_S.IN_FLIGHT, _E.FILL_PART): _S.WORKING,  # a fill may overtake the acceptance
    (_S.IN_FLIGHT, _E.FILL_REST): _S.FILLED,
    (_S.IN_FLIGHT, _E.CANCEL): _S.CANCELLED,  # fill-now-cancel-rest orders end without an acceptance
    (_S.IN_FLIGHT, _E.REQUEST_CANCEL): _S.CANCELLING,  # the operator's brake does not wait for acceptance
    (_S.IN_FLIGHT, _E.NO_ANSWER): _S.UNKNOWN,
    (_S.IN_FLIGHT, _E.PROVED_ABSENT): _S.NOT_SENT,  # stopped by ourselves right before the broker: dry run, brake
    (_S.WORKING, _E.ACCEPT): _S.WORKING,  # a repeated acceptance says nothing new
    (_S.WORKING, _E.FILL_PART): _S.WORKING,
    (_S.WORKING, _E.FILL_REST): _S.FILLED,
    (_S.WORKING, _E.REJECT): _S.REJECTED,  # the counter accepted, the exchange refused (status 57 after 50)
    (_S.WORKING, _E.REQUEST_CANCEL): _S.CANCELLING,
    (_S.WORKING, _E.CANCEL): _S.CANCELLED,  # cancelled by hand, at the close, or rest of a market order
    (_S.WORKING, _E.NO_ANSWER): _S.UNKNOWN,  # the link dropped: what became of it since is not known
    (_S.CANCELLING, _E.ACCEPT): _S.CANCELLING,  # the late answer to the order, not to the cancel
    (_S.CANCELLING, _E.FILL_PART): _S.CANCELLING,
    (_S.CANCELLING, _E.FILL_REST): _S.FILLED,  # the fill overtook the cancel
    (_S.CANCELLING, _E.CANCEL): _S.CANCELLED,
    (_S.CANCELLING, _E.CANCEL_REFUSED): _S.WORKING,
    (_S.CANCELLING, _E.REJECT): _S.REJECTED,
    (_S.CANCELLING, _E.REQUEST_CANCEL): _S.CANCELLING,  # asked again
    (_S.CANCELLING, _E.NO_ANSWER): _S.UNKNOWN,
    (_S.UNKNOWN, _E.ACCEPT): _S.WORKING,  # the day's order list shows it
    (_S.UNKNOWN, _E.FILL_PART): _S.WORKING,
    (_S.UNKNOWN, _E.FILL_REST): _S.FILLED,
    (_S.UNKNOWN, _E.REJECT): _S.REJECTED,
    (_S.UNKNOWN, _E.CANCEL): _S.CANCELLED,
    (_S.UNKNOWN, _E.REQUEST_CANCEL): _S.UNKNOWN,  # a cancel may be tried, but proves nothing by itself
    (_S.UNKNOWN, _E.CANCEL_REFUSED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.NO_ANSWER): _S.UNKNOWN,
    (_S.UNKNOWN, _E.PROVED_ABSENT): _S.NOT_SENT,
    # Late reports about what is already over. A fill after "cancelled" is real money and is taken.
    (_S.CANCELLED, _E.FILL_PART): _S.CANCELLED,
    (_S.CANCELLED, _E.FILL_REST): _S.FILLED,
    (_S.CANCELLED, _E.CANCEL): _S.CANCELLED,
    (_S.CANCELLED, _E.CANCEL_REFUSED): _S.CANCELLED,
    (_S.CANCELLED, _E.ACCEPT): _S.CANCELLED,
    (_S.NOT_SENT, _E.FILL_PART): _S.NOT_SENT,  # the proof of absence was wrong: the money is real
    (_S.NOT_SENT, _E.FILL_REST): _S.FILLED,
    (_S.NOT_SENT, _E.PROVED_ABSENT): _S.NOT_SENT,
    (_S.FILLED, _E.ACCEPT): _S.FILLED,
    (_S.FILLED, _E.CANCEL_REFUSED): _S.FILLED,
    (_S.REJECTED, _E.FILL_PART): _S.REJECTED,  # the rest was refused, and the status overtook the trade
    (_S.REJECTED, _E.FILL_REST): _S.FILLED,
    (_S.REJECTED, _E.REJECT): _S.REJECTED,  # terminals report an error and a status for the same rejection
    (_S.REJECTED, _E.ACCEPT): _S.REJECTED,  # the error report overtook the acceptance
    (_S.REJECTED, _E.CANCEL_REFUSED): _S.REJECTED,
}

FINAL = frozenset({_S.REFUSED, _S.NOT_SENT, _S.FILLED, _S.CANCELLED, _S.REJECTED})
AT_BROKER = frozenset({_S.IN_FLIGHT, _S.WORKING, _S.CANCELLING, _S.UNKNOWN})
"""States in which the order may be alive at the broker: it holds cash or shares."""


class Order(msgspec.Struct, kw_only=True):
    """One order of ours. Owned by the engine thread; the strategy sees read-only views of it.

    `amount` and `filled` are positive share counts. `limit_price` is the limit, or the protection price of a market
    order (0: none). `turnover` is the sum of price x shares over its fills; `fees` what they cost so far; `profit` the
    realised gain of a sale after fees. Orders that were split from one wish share the `parent_id` of the first.
    """

    order_id: OrderId
    parent_id: OrderId
    tag: str
    code: Code
    side: Side
    amount: int
    order_type: OrderType
    limit_price: Price
    created_at: datetime
    state: OrderState = OrderState.CREATED
    broker_id: str = ""
    filled: int = 0
    turnover: Money = Money(0)
    fees: Money = Money(0)
    profit: Money = Money(0)
    finished_at: datetime | None = None
    reason: str = ""
    frozen_cash: Money = Money(0)
    reference_price: Price = Price(0)
    trade_ids: set[str] = msgspec.field(default_factory=set)

    @property
    def open_amount(self) -> int:
        """Shares that may still be filled; 0 once the order is final."""
        return 0 if self.state in FINAL else self.amount - self.filled

    @property
    def average_price(self) -> Price:
        """Average fill price, rounded half up to 1/10,000 yuan; 0 before the first fill."""
        return Price(divide_half_up(self.turnover, self.filled)) if self.filled else Price(0)

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected to happen."""
        return self.state in FINAL

    def apply(self, event: OrderEvent) -> None:
        """Move to the next state. Raises `OrderTransitionError`, with nothing changed, where the table has no row."""
        following = NEXT.get((self.state, event))
        if following is None:
            raise OrderTransitionError(
                f"订单 {self.order_id}（{self.code}）处于 {self.state.value}，不接受事件 {event.value}"
            )
        self.state = following

    def apply_fill(self, trade_id: str, amount: int, price: Price, fee: Money) -> bool:
        """Book one fill; False, with nothing changed, when this trade id was booked before.

        Raises `InvariantError` when the fills would exceed the order.
        """
        if trade_id in self.trade_ids:
            return False
        if amount <= 0 or self.filled + amount > self.amount:
            raise InvariantError(
                f"订单 {self.order_id}（{self.code}）委托 {self.amount}，已成交 {self.filled}，"
                f"又收到成交 {amount}（成交编号 {trade_id}）"
            )
        rest = self.filled + amount == self.amount
        self.apply(OrderEvent.FILL_REST if rest else OrderEvent.FILL_PART)
        self.trade_ids.add(trade_id)
        self.filled += amount
        self.turnover = Money(self.turnover + price * amount)
        self.fees = Money(self.fees + fee)
        return True
