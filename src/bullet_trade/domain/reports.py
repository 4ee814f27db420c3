"""What a broker tells us, as plain immutable messages. Adapters on any thread put them into the inbox.

`tag` is the client tag that travels in the broker's remark field; a report that carries no tag of ours belongs to an
order from elsewhere. Times are naive Beijing time.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code

STATUS_UNKNOWN = 255


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """The broker has the order under `broker_id`."""

    tag: str
    broker_id: str
    at: datetime


class Rejected(msgspec.Struct, frozen=True, tag=True):
    """The broker or the exchange refused the order, provably. `rule` is a stable name where one is known."""

    tag: str
    reason: str
    at: datetime
    rule: str = ""


class Filled(msgspec.Struct, frozen=True, tag=True):
    """One trade. `amount` shares at `price`; `fee` is None where the broker reports it only at settlement."""

    tag: str
    trade_id: str
    amount: int
    price: Price
    at: datetime
    fee: Money | None = None


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """The unfilled rest is gone: cancelled on request, by the exchange, or expired after the close."""

    tag: str
    reason: str
    at: datetime


class CancelRefused(msgspec.Struct, frozen=True, tag=True):
    """A cancel request failed; the order itself is as it was."""

    tag: str
    reason: str
    at: datetime


class NoAnswer(msgspec.Struct, frozen=True, tag=True):
    """The order left and no proof of what became of it arrived within the adapter's deadline."""

    tag: str
    reason: str
    at: datetime


class NeverSent(msgspec.Struct, frozen=True, tag=True):
    """Proof that the broker never had the order: it is absent from a list of the day that is known to be complete."""

    tag: str
    reason: str
    at: datetime


class LinkDown(msgspec.Struct, frozen=True, tag=True):
    """The connection to the broker is lost; working orders are not known to be alive any more."""

    reason: str
    at: datetime


class LinkUp(msgspec.Struct, frozen=True, tag=True):
    """The connection to the broker is back."""

    at: datetime


class HoldingRow(msgspec.Struct, frozen=True):
    """One position as the broker states it. `cost` is the average cost per share, 0 where unknown."""

    code: Code
    amount: int
    closeable: int
    cost: Price


class OrderRow(msgspec.Struct, frozen=True):
    """One order of the day as the broker lists it; `state` is the broker's own word for it.

    `status` is the terminals' number of that state (48 to 57, `STATUS_UNKNOWN` where the broker has none). `tag` is ''
    for an order from elsewhere.
    """

    tag: str
    broker_id: str
    code: Code
    side: Side
    amount: int
    filled: int
    state: str
    status: int = STATUS_UNKNOWN


class TradeRow(msgspec.Struct, frozen=True):
    """One fill of the day as the broker lists it."""

    tag: str
    broker_id: str
    trade_id: str
    code: Code
    side: Side
    amount: int
    price: Price
    at: datetime
    fee: Money | None = None


class AccountSnapshot(msgspec.Struct, frozen=True, tag=True):
    """The account as the broker states it at `at`: the truth about money and shares.

    `orders` and `trades` are those of the day. `complete`: the broker vouches that no order or trade of the day is
    missing from them; only then does an absence prove anything.
    """

    at: datetime
    available: Money
    frozen: Money
    holdings: tuple[HoldingRow, ...]
    orders: tuple[OrderRow, ...] = ()
    trades: tuple[TradeRow, ...] = ()
    complete: bool = False


class Entitlement(msgspec.Struct, frozen=True, tag=True):
    """A corporate action booked to the account: `cash` paid and `shares` added for the holding of `code`."""

    code: Code
    cash: Money
    shares: int
    at: datetime
    text: str


OrderReport = Accepted | Rejected | Filled | Cancelled | CancelRefused | NoAnswer | NeverSent
Report = OrderReport | LinkDown | LinkUp | AccountSnapshot | Entitlement
