"""What the engine tells the people and parts that watch it: immutable, in the field's words, with exchange time.

Watchers (console, log, report) render these; they hold no reference into the engine.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

import msgspec

from bullet_trade.domain.ledger import Difference
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import OrderId, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.recovery import Finding


class OrderFacts(msgspec.Struct, frozen=True):
    """An order as it stood when an event was told. `reference_price` is the last price it was sized with."""

    order_id: OrderId
    code: Code
    name: str
    side: Side
    amount: int
    order_type: OrderType
    limit_price: Price
    reference_price: Price
    state: OrderState
    filled: int
    average_price: Price
    fees: Money
    reason: str


class OrderPlaced(msgspec.Struct, frozen=True):
    """The order has been handed to the broker; `adjustments` lists what was changed about the strategy's wish."""

    at: datetime
    order: OrderFacts
    adjustments: tuple[str, ...]


class OrderRefused(msgspec.Struct, frozen=True):
    """A rule of ours said no before anything left. `rule` is a stable name, `text` says value, bound and remedy."""

    at: datetime
    code: Code
    name: str
    side: Side
    amount: int
    rule: str
    text: str


class CancelForbidden(msgspec.Struct, frozen=True):
    """A limit of ours kept a cancel back; the order is as it was."""

    at: datetime
    order: OrderFacts
    rule: str
    text: str


class LimitNear(msgspec.Struct, frozen=True):
    """Something is about to be limited, or is slowed down; told once each time that it comes to this."""

    at: datetime
    rule: str
    text: str


class OrderFinished(msgspec.Struct, frozen=True):
    """The order is over. `elapsed_s` since it left; `profit` the realised gain of a sale after fees."""

    at: datetime
    order: OrderFacts
    elapsed_s: float
    profit: Money | None


class OrderWaitEnded(msgspec.Struct, frozen=True):
    """`order()` returned before the order was over; it stays tracked."""

    at: datetime
    order: OrderFacts
    waited_s: float


class PartFilled(msgspec.Struct, frozen=True):
    """A fill that leaves the order open."""

    at: datetime
    order: OrderFacts


class FilledLate(msgspec.Struct, frozen=True):
    """`amount` shares traded at `price` after the order had been reported as over: real money, and booked."""

    at: datetime
    order: OrderFacts
    amount: int
    price: Price


class ReportIgnored(msgspec.Struct, frozen=True):
    """A broker report that the order table does not admit, or that belongs to no order of ours."""

    at: datetime
    text: str


class CallbackFailed(msgspec.Struct, frozen=True):
    """The strategy raised an exception; the engine goes on. `where` is the strategy's own ``file:line``."""

    at: datetime
    callback: str
    where: str
    error: str
    traceback: str


class CallbackOverdue(msgspec.Struct, frozen=True):
    """A callback has been running for `seconds`, and nothing else of the strategy can run meanwhile. Told by the
    watchdog's thread. `where` is the strategy's line that it is at, `stack` where it is in all, innermost last."""

    at: datetime
    callback: str
    seconds: float
    where: str
    stack: str


class CallbackReturned(msgspec.Struct, frozen=True):
    """A callback that was overdue is over; `conflated` ticks were replaced by newer ones meanwhile."""

    at: datetime
    callback: str
    seconds: float
    conflated: int


class OperatorActed(msgspec.Struct, frozen=True):
    """The operator gave a command; `text` says what came of it."""

    at: datetime
    command: str
    who: str
    ok: bool
    text: str


class CancelsOpen(msgspec.Struct, frozen=True):
    """Orders that the operator had cancelled are still not over; `again`: the broker is asked once more."""

    at: datetime
    orders: tuple[OrderId, ...]
    again: bool


class TaskMissed(msgspec.Struct, frozen=True):
    """Something due was not run because its time had passed by more than its grace."""

    at: datetime
    task: str
    due: datetime
    times: int


class ClockStepped(msgspec.Struct, frozen=True):
    """The machine's clock jumped, or the machine slept, for `seconds`."""

    at: datetime
    seconds: float


class DayOpened(msgspec.Struct, frozen=True):
    """A trading date begins."""

    at: datetime
    day: date


class HoldingLine(msgspec.Struct, frozen=True):
    """One position at a close."""

    code: Code
    name: str
    amount: int
    closeable: int
    cost: Price
    price: Price


class DayClosed(msgspec.Struct, frozen=True):
    """The account after a close; sums are of this day."""

    at: datetime
    day: date
    cash: Money
    holdings: tuple[HoldingLine, ...]
    positions_value: Money
    fees: Money
    bought: Money
    sold: Money
    orders: int
    refused: int
    refusals: tuple[tuple[str, int], ...] = ()
    """Orders and cancels that rules of ours kept back, by rule, the most frequent first."""
    messages: int = 0
    """Orders and cancels that were sent."""
    peak: int = 0
    """The most of them within one second."""


class Entitled(msgspec.Struct, frozen=True):
    """A dividend or new shares were booked."""

    at: datetime
    code: Code
    name: str
    text: str


class AccountDiffers(msgspec.Struct, frozen=True):
    """The broker's account and ours disagree; the broker's is taken over, the difference stays on record."""

    at: datetime
    differences: tuple[Difference, ...]


class Reconciled(msgspec.Struct, frozen=True):
    """What the comparison of our orders with the broker's lists leaves to say."""

    at: datetime
    findings: tuple[Finding, ...]


class Alarmed(msgspec.Struct, frozen=True):
    """The patrol found something wrong that was not wrong at its last look. `kind` is a stable name."""

    at: datetime
    kind: str
    text: str


class AlarmOver(msgspec.Struct, frozen=True):
    """What the patrol alarmed about is not so any more; `text` is that of the alarm."""

    at: datetime
    kind: str
    text: str


class LinkChanged(msgspec.Struct, frozen=True):
    """The connection to the broker was lost or came back."""

    at: datetime
    up: bool
    reason: str


class Waiting(msgspec.Struct, frozen=True):
    """Nothing to do until `until`; `what` names what comes then."""

    at: datetime
    what: str
    until: datetime


class Saved(msgspec.Struct, frozen=True):
    """State was written; `unsaved` names attributes of `g` that could not be."""

    at: datetime
    reason: str
    unsaved: tuple[str, ...]


class StateNote(msgspec.Struct, frozen=True):
    """Something about the restored state that a person should know."""

    at: datetime
    text: str


class StrategySaid(msgspec.Struct, frozen=True):
    """A line of the strategy's own log. `level` is debug, info, warning or error.

    `logical` is the strategy's own time, its `context.current_dt`; None where the line belongs to no callback.
    """

    at: datetime
    level: str
    text: str
    logical: datetime | None = None


class StrategyMessage(msgspec.Struct, frozen=True):
    """A message of the strategy's for the operator's phone; its line in the log is told as `StrategySaid`."""

    at: datetime
    text: str


class Recorded(msgspec.Struct, frozen=True):
    """Values given to `record()`, which are drawn as curves over `day`."""

    day: date
    values: dict[str, float]


class Stopping(msgspec.Struct, frozen=True):
    """The run ends; `reason` says why."""

    at: datetime
    reason: str


Event = (
    OrderPlaced
    | OrderRefused
    | CancelForbidden
    | LimitNear
    | OrderFinished
    | OrderWaitEnded
    | PartFilled
    | FilledLate
    | ReportIgnored
    | CallbackFailed
    | CallbackOverdue
    | CallbackReturned
    | OperatorActed
    | CancelsOpen
    | TaskMissed
    | ClockStepped
    | DayOpened
    | DayClosed
    | Entitled
    | AccountDiffers
    | Reconciled
    | LinkChanged
    | Alarmed
    | AlarmOver
    | Waiting
    | Saved
    | StateNote
    | StrategySaid
    | StrategyMessage
    | Recorded
    | Stopping
)


class Audience(Protocol):
    """Someone who is told. Called on the engine thread; must return quickly and not raise."""

    def tell(self, event: Event) -> None:
        """Take note of `event`."""


class Audiences:
    """Tells several."""

    def __init__(self, *members: Audience) -> None:
        self._members = members

    def tell(self, event: Event) -> None:
        for member in self._members:
            member.tell(event)
