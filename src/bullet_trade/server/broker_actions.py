"""The `broker.` actions: from a request to the desk of the account that it means."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.remote.errors import ErrorCode, RemoteError
from bullet_trade.remote.trading import (
    AccountQuery,
    CancelOrder,
    PlaceOrder,
    ResolveSubmission,
    RowQuery,
    read_payload,
)
from bullet_trade.server import cancelling, placing, reading
from bullet_trade.server.account_views import View
from bullet_trade.server.accounts import Directory, Target
from bullet_trade.server.desk import Desk
from bullet_trade.server.refusals import harmless, unavailable
from bullet_trade.server.reply import Reply, guarded
from bullet_trade.server.session import Session

_account = msgspec.json.Decoder(AccountQuery)
_rows = msgspec.json.Decoder(RowQuery)
_place = msgspec.json.Decoder(PlaceOrder)
_cancel = msgspec.json.Decoder(CancelOrder)
_resolve = msgspec.json.Decoder(ResolveSubmission)

Answer = Callable[[View], bytes]


def desk_of(directory: Directory, desks: dict[str, Desk], session: Session, query: AccountQuery) -> tuple[Desk, Target]:
    """The account that a request means. Raises `RemoteError` when it does not exist or the token does not open it."""
    handshake, grant = session.handshake, session.grant
    assert handshake is not None
    assert grant is not None
    target = directory.target(
        query.account_key or handshake.account_key, query.sub_account_id or handshake.sub_account_id
    )
    if not grant.admits(target.account_key):
        raise RemoteError(ErrorCode.FORBIDDEN, f"令牌无权使用账户 {target.account_key}", broker_called=False)
    return desks[target.account_key], target


class BrokerActions:
    """The accounts of the server. Methods are called on the event loop's thread and return at once."""

    def __init__(self, directory: Directory, desks: dict[str, Desk]) -> None:
        self._directory = directory
        self._desks = desks
        self.table: dict[str, Callable[[Session, Reply, msgspec.Raw], None]] = {
            "broker.account": self.account,
            "broker.positions": self.positions,
            "broker.snapshot": self.snapshot,
            "broker.orders": self.orders,
            "broker.trades": self.trades,
            "broker.order_status": self.order_status,
            "broker.place_order": self.place,
            "broker.cancel_order": self.cancel,
            "broker.resolve_submission": self.resolve,
        }

    # -- reads -----------------------------------------------------------------------------------------------------

    def account(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.account`."""
        desk, target = desk_of(self._directory, self._desks, session, read_payload(_account, payload))
        name = target.sub_name if target.sub is not None else ""
        _read(desk, target, reply, lambda view: reading.account(desk.spec, view, name))

    def positions(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.positions`."""
        desk, target = desk_of(self._directory, self._desks, session, read_payload(_account, payload))
        _read(desk, target, reply, reading.positions)

    def snapshot(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.snapshot`: never an older one than the request."""
        desk, target = desk_of(self._directory, self._desks, session, read_payload(_account, payload))
        handshake = session.handshake
        follows = handshake and self._directory.own_books(handshake.account_key, handshake.sub_account_id)

        def answer(view: View) -> bytes:
            # A number says something only to those who follow the reports that it counts.
            own = target.own_books and follows == target
            return reading.snapshot(
                desk.spec, view._replace(seq=desk.sub_seqs.get(target.sub_name, 0)) if own else view
            )

        desk.owner.post(partial(desk.read, partial(_deliver, reply, _seen_by(desk, target, answer)), fresh=True))

    def orders(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.orders`."""
        query = read_payload(_rows, payload)
        desk, target = desk_of(self._directory, self._desks, session, query)
        _ask(desk, target, reply, lambda view: reading.orders(desk, view, query.wanted, target.own_books))

    def trades(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.trades`."""
        query = read_payload(_rows, payload)
        desk, target = desk_of(self._directory, self._desks, session, query)
        _ask(desk, target, reply, lambda view: reading.trades(desk, view, query.wanted))

    def order_status(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.order_status`."""
        query = read_payload(_rows, payload)
        desk, target = desk_of(self._directory, self._desks, session, query)
        order_id = str(query.order_id) if query.order_id else ""
        if not order_id:
            raise RemoteError(ErrorCode.REQUEST_FAILED, "缺少 order_id")
        _ask(desk, target, reply, lambda view: reading.order_status(desk, view, order_id, target.own_books))

    # -- writes ----------------------------------------------------------------------------------------------------

    def place(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.place_order`."""
        request = read_payload(_place, payload, write=True)
        desk, target = self._for_write(session, request)
        desk.owner.post(partial(guarded, reply, partial(placing.place, desk, request, target, reply)))

    def cancel(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.cancel_order`."""
        request = read_payload(_cancel, payload, write=True)
        desk, target = self._for_write(session, request)
        desk.owner.post(partial(guarded, reply, partial(cancelling.cancel, desk, request, target, reply)))

    def resolve(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`broker.resolve_submission`."""
        request = read_payload(_resolve, payload)
        desk, target = self._for_write(session, request)
        desk.owner.post(partial(guarded, reply, partial(cancelling.resolve, desk, request, target, reply)))

    def _for_write(self, session: Session, query: AccountQuery) -> tuple[Desk, Target]:
        desk, target = desk_of(self._directory, self._desks, session, query)
        if session.grant is None or not session.grant.trade:
            raise RemoteError(ErrorCode.FORBIDDEN, "只读令牌不能交易", broker_called=False)
        return desk, target


def _read(desk: Desk, target: Target, reply: Reply, make: Answer) -> None:
    view = desk.views.young() if not target.own_books else None
    if view is not None:
        reply.answer(make(view))
    else:
        _ask(desk, target, reply, make)


def _ask(desk: Desk, target: Target, reply: Reply, make: Answer) -> None:
    desk.ask(partial(_deliver, reply, _seen_by(desk, target, make)))


def _seen_by(desk: Desk, target: Target, make: Answer) -> Answer:
    """`make` with what the target may see of the account; for the account's thread."""
    return lambda view: make(desk.seen_by(target, view))


def _deliver(reply: Reply, make: Answer, view: View | None, reason: str) -> None:
    if view is None:  # an error, never an empty list: clients take that for a flat account
        reply.refuse(unavailable(harmless(reason), write=False))
        return
    try:
        reply.answer(make(view))
    except BulletTradeError as error:  # a source of prices or descriptions failed
        reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, harmless(str(error))))
