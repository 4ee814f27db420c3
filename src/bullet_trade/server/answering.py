"""What the client of an order is told, and when. Runs on the account's thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bullet_trade.domain.money import yuan
from bullet_trade.domain.orders import OrderState
from bullet_trade.remote import body, status
from bullet_trade.remote.errors import RemoteError
from bullet_trade.remote.submissions import PLACE, stand_in_id
from bullet_trade.remote.trading import Submission as SubmissionAnswer
from bullet_trade.server import pieces as whole
from bullet_trade.server.desk import Desk
from bullet_trade.server.pieces import Pieces
from bullet_trade.server.records import Record
from bullet_trade.server.refusals import rejection
from bullet_trade.server.reply import Reply
from bullet_trade.server.submission_file import Refusal
from bullet_trade.server.submissions import Submission


def answer_when_known(desk: Desk, submission: Submission, wait_s: float, reply: Reply) -> None:
    """Answer once the order is over, or has been waited for `wait_s` seconds; 0 waits for the broker's word alone."""
    if submission.refusal is not None:
        desk.undelivered = [one for one in desk.undelivered if one.reply is not reply or reply.dead]
        reply.refuse(refusal_error(submission.refusal))
        return
    pieces = submission.pieces
    if not pieces:
        reply.answer(body.encode(pending(submission, PLACE, "not_known_after_restart")))
        return
    began = desk.owner.clock.monotonic()

    def answer(timed_out: bool) -> None:
        if not reply.dead:
            desk.undelivered = [one for one in desk.undelivered if one.reply is not reply]
        _finish(desk, submission, wait_s, desk.owner.clock.monotonic() - began, timed_out, reply)

    def settled(changed: Record) -> bool:
        return changed.over or (wait_s <= 0 and changed.answered)

    if any(one.order.state is OrderState.UNKNOWN for one in pieces):
        desk.read(lambda _view, _reason: None, fresh=True)  # the broker's list of now may settle it
    when_each(desk, pieces, settled, wait_s if wait_s > 0 else desk.terms.accept_wait_s, answer)


def when_each(
    desk: Desk, pieces: Pieces, settled: Callable[[Record], bool], seconds: float, then: Callable[[bool], None]
) -> None:
    """Call `then(False)` once every piece is settled, or `then(True)` after `seconds` without that."""
    until = desk.owner.clock.monotonic() + seconds

    def await_piece(place: int) -> None:
        if place == len(pieces):
            then(False)
            return

        def waiter(record: Record) -> bool:
            done = settled(record)
            if done:
                await_piece(place + 1)
            return done

        left_s = max(0.0, until - desk.owner.clock.monotonic())
        desk.wait_for(pieces[place], waiter, left_s, partial(then, True))

    await_piece(0)


def _finish(desk: Desk, submission: Submission, wait_s: float, elapsed_s: float, timed_out: bool, reply: Reply) -> None:
    """Answer for an order as it stands."""
    pieces = submission.pieces
    if submission.refusal is None and whole.never_accepted(pieces):
        error = rejection(whole.reason(pieces), broker_called=True)
        submission.refusal = Refusal(error.code, error.text, broker_called=True)
        desk.file.close_with(submission.sub, submission.key, submission.refusal)
    if submission.refusal is not None:
        reply.refuse(refusal_error(submission.refusal))
    elif not whole.answered(pieces):
        reply.answer(body.encode(pending(submission, PLACE, "no_answer_from_broker")))
    else:
        reply.answer(body.encode(order_answer(pieces, wait_s, elapsed_s, timed_out)))


def order_answer(pieces: Pieces, wait_s: float, elapsed_s: float, timed_out: bool) -> SubmissionAnswer:
    """An order that the broker has."""
    first = whole.head(pieces)
    order, over = first.order, whole.over(pieces)
    limit = yuan(order.limit_price) if order.limit_price else None
    waited = wait_s > 0
    return SubmissionAnswer(
        order_id=order.broker_id,
        child_order_ids=whole.numbers(pieces) if len(pieces) > 1 else None,
        status=whole.word(pieces) if waited or over else status.SUBMITTED,
        raw_status=whole.number(pieces),
        security=order.code,
        side=order.side.name,
        amount=whole.amount(pieces),
        filled=whole.filled(pieces),
        price=limit,
        order_price=limit,
        requested_order_price=first.asked_price if first.asked_price is not None else limit,
        timed_out=timed_out and waited,
        async_tracking=not over,
        wait_timeout=wait_s,
        elapsed=round(elapsed_s, 3) if waited else None,
        last_snapshot=whole.row(pieces) if waited else None,
        status_msg=whole.reason(pieces) or None,
        warning=whole.warning(pieces) or None,
        order_remark=first.remark or None,
        idempotency_key=first.key or None,
        sub_account_id=first.sub or None,
    )


def pending(submission: Submission, action: str, reason: str) -> SubmissionAnswer:
    """A write whose outcome is not known."""
    number = stand_in_id(submission.key)
    return SubmissionAnswer(
        order_id=number,
        stable_local_order_id=number,
        status=status.SUBMIT_UNKNOWN,
        submission_state=status.SUBMIT_UNKNOWN,
        write_action=action,
        timed_out=True,
        async_tracking=True,
        idempotency_key=submission.key,
        reason=reason,
        child_order_ids=(whole.numbers(submission.pieces) or None) if submission.rest else None,
    )


def refusal_error(refusal: Refusal) -> RemoteError:
    """The refusal as it was told the first time."""
    return RemoteError(refusal.code, refusal.text, refusal.broker_called)
