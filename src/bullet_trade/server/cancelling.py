"""`broker.cancel_order` and `broker.resolve_submission`. Run on the account's thread.

A cancel is always carried out, however late, and is a success only with proof: exactly this order is cancelled. The
number that a client was told for a request that became several orders stands for all of them. To resolve a write reads
only; but a key that this server has never seen is closed, so that "never received" stays true.
"""

from __future__ import annotations

from functools import partial

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.orders import OrderEvent, OrderState
from bullet_trade.domain.reports import OrderRow
from bullet_trade.remote import body, status
from bullet_trade.remote.errors import ErrorCode, RemoteError, refused
from bullet_trade.remote.submissions import (
    CANCEL,
    PLACE,
    cancel_fingerprint,
    check_key,
    place_fingerprint,
    stand_in_id,
)
from bullet_trade.remote.trading import (
    CancelOrder,
    Evidence,
    PlaceOrder,
    Resolution,
    ResolveSubmission,
    read_payload,
    whole_amount,
)
from bullet_trade.remote.trading import Submission as SubmissionAnswer
from bullet_trade.server import pieces as whole
from bullet_trade.server.account_views import View
from bullet_trade.server.accounts import Target
from bullet_trade.server.answering import order_answer, pending, when_each
from bullet_trade.server.desk import Desk
from bullet_trade.server.limiting import cancel_forbidden
from bullet_trade.server.pieces import Pieces
from bullet_trade.server.records import Record
from bullet_trade.server.refusals import harmless, unavailable
from bullet_trade.server.reply import Reply
from bullet_trade.server.submission_file import Entry, Refusal
from bullet_trade.server.submissions import Submission

NEVER_RECEIVED = "never_received"

_place_request = msgspec.json.Decoder(PlaceOrder)


# -- cancelling --------------------------------------------------------------------------------------------------------


def cancel(desk: Desk, request: CancelOrder, target: Target, reply: Reply) -> None:
    """Ask for the cancel of one order and wait for the proof."""
    order_id = str(request.order_id) if request.order_id not in (None, "") else ""
    try:
        if not order_id:
            raise refused(ErrorCode.ORDER_INVALID, "缺少 order_id")
        _claim(desk, request, target)
        if not desk.connected:
            raise unavailable(harmless(desk.down_reason), write=True)
    except RemoteError as error:
        reply.refuse(error)
        return
    pieces = _known_by(desk, order_id)
    if not pieces:
        desk.read(partial(_cancel_listed, desk, order_id, target.own_books, request, reply), fresh=True)
    elif target.own_books in ("", pieces[0].sub):
        _cancel_pieces(desk, pieces, request, reply)
    else:
        reply.refuse(_not_its_own(target.own_books, order_id))


def _not_its_own(sub: str, order_id: str) -> RemoteError:
    """A sub-account with books of its own does not reach beyond them."""
    text = f"子账户 {sub} 没有委托 {harmless(order_id[:40])}，没有撤单。用下这笔委托的子账户撤，或用主账户撤"
    return refused(ErrorCode.FORBIDDEN, text)


def _claim(desk: Desk, request: CancelOrder, target: Target) -> None:
    """A repeated cancel does no harm, so a key only has to mean one order, for the life of this process."""
    if not request.idempotency_key:
        return
    key = check_key(request.idempotency_key)
    fingerprint = cancel_fingerprint(target.account_key, target.sub_name, request)
    known = desk.submissions.setdefault((target.sub_name, key), Submission(key, target.sub_name, fingerprint))
    if known.fingerprint != fingerprint:
        raise refused(ErrorCode.IDEMPOTENCY_CONFLICT, f"idempotency_key 冲突: {key}")


def _known_by(desk: Desk, order_id: str) -> Pieces:
    """What a client means by a number: the whole request by the number that it was told for it, or by the one that
    stood in while that was not known; else one order."""
    if order_id.startswith("submit_unknown:"):
        found = (one.pieces for one in desk.submissions.values() if stand_in_id(one.key) == order_id)
        return next(found, ())
    record = desk.by_broker_id.get(order_id)
    if record is None:
        return ()
    pieces = whole.siblings(desk.records.values(), record)
    return pieces if whole.head(pieces) is record else (record,)


def _cancel_listed(
    desk: Desk, order_id: str, own: str, request: CancelOrder, reply: Reply, view: View | None, reason: str
) -> None:
    if view is None:
        reply.refuse(unavailable(harmless(reason), write=True))
        return
    row = next((one for one in view.snapshot.orders if one.broker_id == order_id), None)
    pieces = _known_by(desk, order_id)
    if own and (not pieces or pieces[0].sub != own):
        reply.refuse(_not_its_own(own, order_id))
        return
    if not pieces and row is not None and row.tag and status.word(row.status) not in status.FINAL:
        pieces = (desk.adopt(row),)
    if pieces:
        _cancel_pieces(desk, pieces, request, reply)
    elif row is not None:
        reply.answer(body.encode(_foreign_answer(row, order_id)))
    else:
        unknown = Submission(request.idempotency_key or order_id, "", "")
        answer = pending(unknown, CANCEL, "cancel_not_confirmed_by_exact_order_id_and_status")
        answer.order_id = answer.stable_local_order_id = order_id
        answer.dtype, answer.value, answer.success = "dict", False, False
        answer.async_tracking = None
        reply.answer(body.encode(answer))


def _foreign_answer(row: OrderRow, order_id: str) -> SubmissionAnswer:
    word = status.word(row.status)
    over = word in status.FINAL
    return SubmissionAnswer(
        dtype="dict",
        value=word in status.CANCELLED,
        success=word in status.CANCELLED,
        order_id=order_id,
        status=word,
        submission_state=word,
        raw_status=row.status,
        timed_out=False,
        cancel_outcome=_outcome(word, over),
        reason="" if over else "没有备注的委托不是经程序下的，请在交易终端撤单",
    )


def _cancel_pieces(desk: Desk, pieces: Pieces, request: CancelOrder, reply: Reply) -> None:
    wait_s = request.wait_timeout if request.wait_timeout is not None else desk.terms.order_wait_s

    def answer(timed_out: bool) -> None:
        reply.answer(body.encode(_cancel_answer(pieces, request, timed_out)))

    def settled(record: Record) -> bool:
        return record.over or record.order.state is OrderState.WORKING  # working again: the cancel was refused

    forbidden = [reason for record in pieces if not record.over and (reason := _ask_cancel(desk, record))]
    if forbidden and len(forbidden) == sum(not record.over for record in pieces):
        reply.refuse(refused(ErrorCode.ORDER_RISK, harmless(forbidden[0])))
    else:
        when_each(desk, pieces, settled, max(0.0, wait_s), answer)


def _ask_cancel(desk: Desk, record: Record) -> str:
    """Have the broker cancel one order. Returns why it may not be asked, '' where it was."""
    forbidden = cancel_forbidden(desk, record)
    if forbidden:
        record.order.reason = forbidden
    else:
        record.order.apply(OrderEvent.REQUEST_CANCEL)
        desk.views.drop()
        desk.pace.sent()
        desk.world.broker.cancel(record.order.tag)
    return forbidden


def _cancel_answer(pieces: Pieces, request: CancelOrder, timed_out: bool) -> SubmissionAnswer:
    word, over = whole.word(pieces), whole.over(pieces)
    record = whole.head(pieces)
    proved = word in status.CANCELLED
    refused_by_broker = not over and not timed_out
    return SubmissionAnswer(
        dtype="dict",
        value=proved,
        success=proved,
        order_id=record.order.broker_id,
        status=word,
        submission_state=word if proved else status.SUBMIT_UNKNOWN if timed_out else word,
        raw_status=whole.number(pieces),
        timed_out=timed_out,
        last_snapshot=whole.row(pieces),
        cancel_outcome="rejected" if refused_by_broker else _outcome(word, over),
        write_action=CANCEL,
        child_order_ids=whole.numbers(pieces) if len(pieces) > 1 else None,
        status_msg=whole.reason(pieces) or None,
        idempotency_key=request.idempotency_key or None,
        sub_account_id=record.sub or None,
    )


def _outcome(word: str, over: bool) -> str:
    if word in status.CANCELLED:
        return "cancelled"
    return "not_canceled_already_terminal" if over else "unknown"


# -- resolving ---------------------------------------------------------------------------------------------------------


def resolve(desk: Desk, request: ResolveSubmission, target: Target, reply: Reply) -> None:
    """Tell what became of a write."""
    action = request.write_action or request.action or ""
    if not request.idempotency_key:
        reply.refuse(RemoteError(ErrorCode.ORDER_INVALID, "缺少 idempotency_key"))
    elif action not in (PLACE, CANCEL):
        reply.refuse(RemoteError(ErrorCode.ORDER_INVALID, f"不支持的写 action: {action}"))
    elif action == CANCEL:
        desk.read(partial(_resolve_cancel, desk, request, request.idempotency_key, target, reply), fresh=True)
    else:
        _resolve_place(desk, request, request.idempotency_key, target, reply)


def _resolve_place(desk: Desk, request: ResolveSubmission, key: str, target: Target, reply: Reply) -> None:
    known = desk.submissions.get((target.sub_name, key))
    try:
        if known is None:
            known = _fence(desk, check_key(key), target)
        _check_same(known, request, target)
    except RemoteError as error:
        reply.refuse(error)
        return
    if known.refusal is not None or (known.pieces and whole.answered(known.pieces)):
        reply.answer(body.encode(_resolved(known, "idempotency_cache")))
    else:  # the broker's list of now may prove more
        desk.read(lambda _view, _reason: reply.answer(body.encode(_resolved(known, "broker_order_query"))), fresh=True)


def _fence(desk: Desk, key: str, target: Target) -> Submission:
    """This server never received the key; from now on it would refuse it, so that the answer stays true even when the
    lost request is still on its way."""
    refusal = Refusal(ErrorCode.REQUEST_EXPIRED, f"本服务从未收到 {key}；已封闭该键，此后到达的同键委托不会执行", False)
    try:
        desk.file.claim(desk.owner.clock.now().date(), target.sub_name, key, "", Entry(refusal=refusal))
    except StateError as error:
        raise RemoteError(ErrorCode.REQUEST_FAILED, harmless(str(error))) from error
    made = desk.submissions[target.sub_name, key] = Submission(key, target.sub_name, "", None, refusal)
    return made


def _check_same(known: Submission, request: ResolveSubmission, target: Target) -> None:
    raw = request.request_payload
    if bytes(raw) in (b"", b"null", b"{}") or not known.fingerprint:
        return
    original = read_payload(_place_request, raw)
    given = place_fingerprint(target.account_key, target.sub_name, original, whole_amount(original))
    if given != known.fingerprint:
        raise refused(ErrorCode.IDEMPOTENCY_CONFLICT, f"idempotency_key 冲突: {known.key}")


def _resolved(known: Submission, source: str) -> Resolution:
    pieces, refusal = known.pieces, known.refusal
    result = Resolution(
        status=status.SUBMIT_UNKNOWN,
        write_action=PLACE,
        idempotency_key=known.key,
        order_id=stand_in_id(known.key),
        evidence=Evidence(source),
    )
    if refusal is not None:
        result.status = "rejected"
        result.order_id = None
        result.reason = refusal.text if known.fingerprint else NEVER_RECEIVED
    elif pieces and whole.refused(pieces):
        result.status = "rejected"
        result.order_id = whole.head(pieces).order.broker_id or None
        result.reason = whole.reason(pieces)
    elif pieces and whole.answered(pieces):
        result.status = "accepted"
        result.order_id = whole.head(pieces).order.broker_id
        result.resolved_result = order_answer(pieces, 1.0, 0.0, timed_out=False)
        result.resolved_result.amount = pieces[0].wanted  # the client compares it with what it asked for
        result.resolved_result.idempotency_key = known.key
    else:
        result.evidence = Evidence("idempotency_pending")
    result.submission_state = result.status
    result.stable_local_order_id = str(result.order_id) if result.order_id is not None else None
    return result


def _resolve_cancel(
    desk: Desk, request: ResolveSubmission, key: str, target: Target, reply: Reply, view: View | None, reason: str
) -> None:
    order_id = str(request.order_id or _order_id_of(request))
    own = target.own_books
    pieces = tuple(record for record in _known_by(desk, order_id) if own in ("", record.sub))
    listed = view.snapshot.orders if view is not None and not own else ()
    row = next((one for one in listed if one.broker_id == order_id), None)
    word = whole.word(pieces) if pieces else status.word(row.status) if row is not None else ""
    result = Resolution(
        status="accepted"
        if word in status.CANCELLED
        else "rejected"
        if word in status.FINAL
        else status.SUBMIT_UNKNOWN,
        write_action=CANCEL,
        idempotency_key=key,
        order_id=order_id or None,
        stable_local_order_id=order_id or None,
        evidence=Evidence("broker_order_query"),
        reason=reason or None,
    )
    if word in status.FINAL:
        result.cancel_outcome = _outcome(word, over=True)
        result.resolved_result = SubmissionAnswer(
            order_id=order_id,
            status=word,
            value=word in status.CANCELLED,
            success=word in status.CANCELLED,
            last_snapshot=whole.row(pieces) if pieces else None,
            idempotency_key=key,
        )
    result.submission_state = result.status
    reply.answer(body.encode(result))


class _Cancelled(msgspec.Struct):
    order_id: str | int | None = None


_cancelled = msgspec.json.Decoder(_Cancelled)


def _order_id_of(request: ResolveSubmission) -> str | int:
    raw = request.request_payload
    if bytes(raw) in (b"", b"null"):
        return ""
    return read_payload(_cancelled, raw).order_id or ""
