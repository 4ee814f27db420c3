"""`broker.cancel_order` and `broker.resolve_submission`. Run on the account's thread.

A cancel is always carried out, however late, and is a success only with proof: exactly this order is cancelled. To
resolve a write reads only; but a key that this server has never seen is closed, so that "never received" stays true.
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
from bullet_trade.server.account_views import View
from bullet_trade.server.accounts import Target
from bullet_trade.server.desk import Desk
from bullet_trade.server.limiting import cancel_forbidden
from bullet_trade.server.placing import order_answer, pending
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
    record = desk.by_broker_id.get(order_id) or _by_stand_in(desk, order_id)
    if record is not None:
        _cancel_record(desk, record, request, reply)
    else:
        desk.read(partial(_cancel_listed, desk, order_id, request, reply), fresh=True)


def _claim(desk: Desk, request: CancelOrder, target: Target) -> None:
    """A repeated cancel does no harm, so a key only has to mean one order, for the life of this process."""
    if not request.idempotency_key:
        return
    key = check_key(request.idempotency_key)
    fingerprint = cancel_fingerprint(target.account_key, target.sub_name, request)
    known = desk.submissions.setdefault((target.sub_name, key), Submission(key, target.sub_name, fingerprint))
    if known.fingerprint != fingerprint:
        raise refused(ErrorCode.IDEMPOTENCY_CONFLICT, f"idempotency_key 冲突: {key}")


def _by_stand_in(desk: Desk, order_id: str) -> Record | None:
    """The order under the id that was told while its real one was not known."""
    if not order_id.startswith("submit_unknown:"):
        return None
    found = (one.record for one in desk.submissions.values() if stand_in_id(one.key) == order_id)
    return next(found, None)


def _cancel_listed(
    desk: Desk, order_id: str, request: CancelOrder, reply: Reply, view: View | None, reason: str
) -> None:
    if view is None:
        reply.refuse(unavailable(harmless(reason), write=True))
        return
    row = next((one for one in view.snapshot.orders if one.broker_id == order_id), None)
    record = desk.by_broker_id.get(order_id)
    if record is None and row is not None and row.tag and status.word(row.status) not in status.FINAL:
        record = desk.adopt(row)
    if record is not None:
        _cancel_record(desk, record, request, reply)
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


def _cancel_record(desk: Desk, record: Record, request: CancelOrder, reply: Reply) -> None:
    order = record.order
    wait_s = request.wait_timeout if request.wait_timeout is not None else desk.terms.order_wait_s

    def answer(timed_out: bool) -> None:
        reply.answer(body.encode(_cancel_answer(record, request, timed_out)))

    def settled(_: Record) -> bool:
        done = record.over or order.state is OrderState.WORKING  # working again: the cancel was refused
        if done:
            answer(timed_out=False)
        return done

    if not record.over:
        forbidden = cancel_forbidden(desk, record)
        if forbidden:
            reply.refuse(refused(ErrorCode.ORDER_RISK, harmless(forbidden)))
            return
        order.apply(OrderEvent.REQUEST_CANCEL)
        desk.views.drop()
        desk.world.broker.cancel(order.tag)
    desk.wait_for(record, settled, max(0.0, wait_s), partial(answer, timed_out=True))


def _cancel_answer(record: Record, request: CancelOrder, timed_out: bool) -> SubmissionAnswer:
    word = record.word
    proved = word in status.CANCELLED
    refused_by_broker = not record.over and not timed_out
    return SubmissionAnswer(
        dtype="dict",
        value=proved,
        success=proved,
        order_id=record.order.broker_id,
        status=word,
        submission_state=word if proved else status.SUBMIT_UNKNOWN if timed_out else word,
        raw_status=record.number,
        timed_out=timed_out,
        last_snapshot=record.row(),
        cancel_outcome="rejected" if refused_by_broker else _outcome(word, record.over),
        write_action=CANCEL,
        status_msg=record.order.reason or None,
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
        desk.read(partial(_resolve_cancel, desk, request, request.idempotency_key, reply), fresh=True)
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
    if known.refusal is not None or (known.record is not None and known.record.answered):
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
    record, refusal = known.record, known.refusal
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
    elif record is not None and record.order.state in (OrderState.REJECTED, OrderState.NOT_SENT):
        result.status = "rejected"
        result.order_id = record.order.broker_id or None
        result.reason = record.order.reason
    elif record is not None and record.answered:
        result.status = "accepted"
        result.order_id = record.order.broker_id
        result.resolved_result = order_answer(record, 1.0, 0.0, timed_out=False)
        result.resolved_result.amount = record.wanted  # the client compares it with what it asked for
        result.resolved_result.idempotency_key = known.key
    else:
        result.evidence = Evidence("idempotency_pending")
    result.submission_state = result.status
    result.stable_local_order_id = str(result.order_id) if result.order_id is not None else None
    return result


def _resolve_cancel(
    desk: Desk, request: ResolveSubmission, key: str, reply: Reply, view: View | None, reason: str
) -> None:
    order_id = str(request.order_id or _order_id_of(request))
    record = desk.by_broker_id.get(order_id)
    row = next((one for one in view.snapshot.orders if one.broker_id == order_id), None) if view is not None else None
    word = record.word if record is not None else status.word(row.status) if row is not None else ""
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
            last_snapshot=record.row() if record is not None else None,
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
