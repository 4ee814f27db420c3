"""Writes by their keys: what became of each, as this process knows it and as the file remembers it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bullet_trade.domain.orders import Order, OrderEvent
from bullet_trade.domain.reports import NoAnswer, Rejected
from bullet_trade.server.pieces import Pieces
from bullet_trade.server.records import Record
from bullet_trade.server.reply import Reply
from bullet_trade.server.submission_file import CancelNote, Refusal, Stored


@dataclass(slots=True)
class Submission:
    """A write by its key. It has a record once it was sent, or a refusal, or neither while it is being decided."""

    key: str
    sub: str
    fingerprint: str
    record: Record | None = None
    refusal: Refusal | None = None
    rest: Pieces = ()
    """The further orders of a request that was too large for one."""

    @property
    def pieces(self) -> Pieces:
        """All orders of the request."""
        return (self.record, *self.rest) if self.record is not None else ()


class Undelivered(NamedTuple):
    """An order without a key on its way to an answer, `at` monotonic seconds."""

    reply: Reply
    fingerprint: str
    submission: Submission
    at: float


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the file knows: submissions by sub-account and key, records by tag, cancels oldest first."""

    submissions: dict[tuple[str, str], Submission] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    cancels: list[CancelNote] = field(default_factory=list)


def remembered(entries: Iterable[Stored]) -> Remembered:
    """The writes of earlier processes. An order that was not refused is of unknown fate until the broker lists it."""
    found = Remembered()
    for stored in entries:
        entry = stored.entry
        if entry.cancel is not None:
            found.cancels.append(entry.cancel)
            continue
        submission = Submission(stored.key, stored.sub, stored.fingerprint, None, entry.refusal)
        found.submissions[stored.sub, stored.key] = submission
        if entry.order is not None and (entry.refusal is None or entry.refusal.broker_called):
            pieces = [_record(stored, order) for order in (entry.order, *entry.rest)]
            submission.record, submission.rest = pieces[0], tuple(pieces[1:])
            found.records.update((one.order.tag, one) for one in pieces)
    return found


def _record(stored: Stored, order: Order) -> Record:
    entry = stored.entry
    record = Record(
        order=order,
        remark=entry.remark,
        key=stored.key,
        sub=stored.sub,
        wanted=entry.wanted,
        asked_price=entry.asked_price,
    )
    order.apply(OrderEvent.SEND)
    if entry.refusal is not None:
        record.apply(Rejected(order.tag, entry.refusal.text, order.created_at))
    else:
        # It was written down before it left; whether it left, the broker's list has to show.
        record.apply(NoAnswer(order.tag, "服务重启，等待券商清单", order.created_at))
    return record
