"""Orders as the simulated counter keeps them, with the status numbers and words of a QMT terminal."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

import msgspec

from bullet_trade.domain.money import ZERO, Money
from bullet_trade.domain.reports import OrderRow
from bullet_trade.ports.broker import OrderTicket


class Status(IntEnum):
    """Status numbers of a terminal. Shares may still trade in 48 to 52 and 55."""

    UNREPORTED = 48
    WAITING = 49
    REPORTED = 50
    CANCELLING = 51
    PART_CANCELLING = 52
    PART_CANCELLED = 53
    CANCELLED = 54
    PART_FILLED = 55
    FILLED = 56
    JUNK = 57

    __hash__ = int.__hash__  # Enum's own goes through Python code on every look-up

    @property
    def words(self) -> str:
        """The terminal's word for it."""
        return WORDS[self]


WORDS: dict[Status, str] = {
    Status.UNREPORTED: "未报",
    Status.WAITING: "待报",
    Status.REPORTED: "已报",
    Status.CANCELLING: "已报待撤",
    Status.PART_CANCELLING: "部成待撤",
    Status.PART_CANCELLED: "部撤",
    Status.CANCELLED: "已撤",
    Status.PART_FILLED: "部成",
    Status.FILLED: "已成",
    Status.JUNK: "废单",
}

FINAL = frozenset({Status.PART_CANCELLED, Status.CANCELLED, Status.FILLED, Status.JUNK})


class CounterOrder(msgspec.Struct):
    """One order of the day. Also the form in which it is saved.

    `since`: it takes part in trading that begins at or after this instant. `reserved` is the cash that it still holds
    back (purchases), `worst` the price beyond which it never trades. `arrived`: it has met the market once, and rests.
    """

    ticket: OrderTicket
    broker_id: str
    since: datetime
    reserved: Money
    worst: int
    status: Status = Status.UNREPORTED
    arrived: bool = False
    by_hand: bool = False
    filled: int = 0
    turnover: Money = ZERO
    fees: Money = ZERO
    reason: str = ""

    @property
    def rest(self) -> int:
        """Shares not filled yet, also of an order that is over."""
        return self.ticket.amount - self.filled

    @property
    def alive(self) -> bool:
        """Whether it may still trade."""
        return self.status not in FINAL

    def row(self) -> OrderRow:
        """The order as the day's list shows it; an order entered by hand carries no tag."""
        ticket = self.ticket
        return OrderRow(
            "" if self.by_hand else ticket.tag,
            self.broker_id,
            ticket.code,
            ticket.side,
            ticket.amount,
            self.filled,
            self.status.words,
            int(self.status),
        )
