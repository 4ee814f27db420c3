"""One request that became several orders, as its client sees it: one order with one number. Pure.

The number is that of the first piece that the broker took. All functions also take a single order.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bullet_trade.domain.money import Price, divide_half_up, yuan
from bullet_trade.domain.orders import OrderState
from bullet_trade.remote import status
from bullet_trade.remote.trading import OrderRow
from bullet_trade.server.records import Record

Pieces = tuple[Record, ...]

_REFUSED = frozenset({OrderState.REJECTED, OrderState.NOT_SENT})
_WAITING, _PARTLY_TRADED, _PARTLY_CANCELLED, _CANCELLED, _JUNK = (49, 50), 55, 53, 54, 57


def siblings(records: Iterable[Record], one: Record) -> Pieces:
    """The orders of the same request, in the order in which they left."""
    parent = one.order.parent_id
    found = [record for record in records if parent and record.order.parent_id == parent]
    return tuple(sorted(found, key=lambda record: record.order.order_id)) or (one,)


def head(pieces: Pieces) -> Record:
    """The piece by whose number the client knows them all."""
    return next((record for record in pieces if record.order.broker_id), pieces[0])


def numbers(pieces: Pieces) -> list[str]:
    """The broker's numbers, as far as there are any."""
    return [record.order.broker_id for record in pieces if record.order.broker_id]


def answered(pieces: Pieces) -> bool:
    """Whether it is settled of each piece whether it exists."""
    return all(record.answered for record in pieces)


def over(pieces: Pieces) -> bool:
    """Whether nothing more is expected of any."""
    return all(record.over for record in pieces)


def refused(pieces: Pieces) -> bool:
    """Whether every piece came to nothing at the broker."""
    return all(record.order.state in _REFUSED for record in pieces)


def never_accepted(pieces: Pieces) -> bool:
    """Whether the broker took none of them, not even to refuse it later."""
    return all(
        record.order.state is OrderState.NOT_SENT
        or (record.order.state is OrderState.REJECTED and not record.order.broker_id)
        for record in pieces
    )


def amount(pieces: Pieces) -> int:
    """The shares that the broker took; of orders that were all refused, those that were sent."""
    if refused(pieces):
        return sum(record.order.amount for record in pieces)
    return sum(
        record.order.filled if record.order.state in _REFUSED else record.order.amount for record in pieces
    )  # fmt: skip


def filled(pieces: Pieces) -> int:
    """The shares that have traded."""
    return sum(record.order.filled for record in pieces)


def number(pieces: Pieces) -> int:
    """The terminal's number of the state. It is over when each piece is; refused only when each piece was."""
    alive = [record.number for record in pieces if not record.over]
    if alive:
        return _PARTLY_TRADED if alive[0] in _WAITING and filled(pieces) else alive[0]
    ends = {record.number for record in pieces}
    if len(ends) == 1:
        return ends.pop()
    if filled(pieces):
        return _PARTLY_CANCELLED
    return _CANCELLED if _CANCELLED in ends else _JUNK


def word(pieces: Pieces) -> str:
    """The state in the words of the wire."""
    if any(record.order.state is OrderState.UNKNOWN for record in pieces):
        return status.SUBMIT_UNKNOWN
    return status.word(number(pieces))


def reason(pieces: Pieces) -> str:
    """What the broker said, with the place of the piece where there are several."""
    if len(pieces) == 1:
        return pieces[0].order.reason
    said = [(place, record.order.reason) for place, record in enumerate(pieces, 1) if record.order.reason]
    return "；".join(f"第 {place} 笔：{words}" for place, words in said)


def warning(pieces: Pieces) -> str:
    """What a client that knows one number only has to be told; '' for a single order."""
    if len(pieces) == 1:
        return ""
    told = f"数量超过单笔上限，拆成 {len(pieces)} 笔，编号 {'、'.join(numbers(pieces))}；按第一个编号撤单会撤掉全部"
    lost = sum(record.order.state in _REFUSED for record in pieces)
    return f"{told}；其中 {lost} 笔没有下成，实际委托 {amount(pieces)} 股" if lost else told


def row(pieces: Pieces) -> OrderRow:
    """All pieces as one row, under the number by which the client knows them."""
    shown = head(pieces).row()
    if len(pieces) == 1:
        return shown
    traded = filled(pieces)
    turnover = sum(record.order.turnover for record in pieces)
    return msgspec.structs.replace(
        shown,
        status=word(pieces),
        raw_status=number(pieces),
        amount=amount(pieces),
        filled=traded,
        price=yuan(Price(divide_half_up(turnover, traded))) if traded else 0.0,
        status_msg=reason(pieces) or None,
    )
