"""What travels to the adapter's own thread. Everything is copied out of the wheel's objects before it gets here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum

import msgspec

from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import HoldingRow
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket


class OrderNews(msgspec.Struct, frozen=True):
    """One order as the terminal states it; `tag` is its remark, `filled` counts shares."""

    order_id: int
    tag: str
    code: Code
    side: Side
    amount: int
    filled: int
    status: int
    reason: str


class TradeNews(msgspec.Struct, frozen=True):
    """One fill as the terminal states it; `fee` is None where the terminal does not say."""

    order_id: int
    tag: str
    trade_id: str
    code: Code
    side: Side
    amount: int
    price: Price
    at: datetime | None
    fee: Money | None


class Funds(msgspec.Struct, frozen=True):
    """The account's money."""

    available: Money
    frozen: Money
    market_value: Money


class Query(Enum):
    """What the terminal can be asked."""

    ORDERS = "当日委托"
    TRADES = "当日成交"
    FUNDS = "资金"
    HOLDINGS = "持仓"
    STATUS = "账号状态"


Rows = tuple[OrderNews, ...] | tuple[TradeNews, ...] | tuple[HoldingRow, ...] | Funds | int
"""What a query gives, by its kind; the account's status is a number."""


# -- from the engine ---------------------------------------------------------------------------------------------------


class Submit(msgspec.Struct, frozen=True):
    """Send this order."""

    ticket: OrderTicket


class Cancel(msgspec.Struct, frozen=True):
    """Cancel the order of this tag."""

    tag: str


class WantSnapshot(msgspec.Struct, frozen=True):
    """State the account."""


class Close(msgspec.Struct, frozen=True):
    """Stop."""


# -- from the terminal; `session` is the number of the connection ------------------------------------------------------


class Disconnected(msgspec.Struct, frozen=True):
    """The terminal is gone."""

    session: int


class Subscribed(msgspec.Struct, frozen=True):
    """The answer to the request for pushes; 0 is success."""

    session: int
    result: object


class AccountStatus(msgspec.Struct, frozen=True):
    """The account's status was pushed."""

    session: int
    account_id: str
    status: int


class OrderFailed(msgspec.Struct, frozen=True):
    """An error about an order: a hint, no proof. `seq` numbers the request within its session."""

    session: int
    seq: int
    tag: str
    order_id: int
    reason: str


class OrderAnswered(msgspec.Struct, frozen=True):
    """The terminal has a number for an order, or (not above 0) none."""

    session: int
    seq: int
    tag: str
    order_id: int
    reason: str


class CancelAnswered(msgspec.Struct, frozen=True):
    """The answer to a request to cancel: `sent` says that the request went on, no more."""

    order_id: int
    sent: bool
    reason: str


class Answered(msgspec.Struct, frozen=True):
    """The answer to query `number`: `rows`, None for "failed or nothing there"; `unreadable` says what is wrong."""

    number: int
    rows: Rows | None
    unreadable: str = ""


class Garbled(msgspec.Struct, frozen=True):
    """Something was pushed that cannot be read."""

    text: str


# -- from the thread that makes the calls ------------------------------------------------------------------------------


class Call(msgspec.Struct, eq=False):
    """One call of the wheel. `done` takes its result, `failed` the words of an exception, on the adapter's thread.
    Where it is given up, `dropped` is called instead if it had not begun, and never will; else `hung`."""

    what: str
    action: Callable[[], object]
    done: Callable[[object], None]
    failed: Callable[[str], None]
    dropped: Callable[[], None]
    hung: Callable[[], None]


class Called(msgspec.Struct, frozen=True):
    """A call has returned; `error` is '' or the words of the exception."""

    call: Call
    result: object
    error: str = ""


Push = (
    Disconnected
    | Subscribed
    | AccountStatus
    | OrderNews
    | TradeNews
    | OrderFailed
    | OrderAnswered
    | CancelAnswered
    | Garbled
)
Message = Submit | Cancel | WantSnapshot | Close | Answered | Called | Push
Post = Callable[[Message], None]
