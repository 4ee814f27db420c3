"""`broker.place_order`: one key, one order, one answer. Runs on the account's thread.

The key is looked up first, then the order is made valid and checked, then written down, then sent. Whoever repeats the
key gets what became of the first request: the same order, the same refusal, or "not known yet".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bullet_trade.domain.errors import BulletTradeError, StateError, UsageError
from bullet_trade.domain.money import Price, price, yuan
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.securities import Security
from bullet_trade.engine.sizing import protection_price
from bullet_trade.market.codes import normalize
from bullet_trade.market.market_orders import check_market_order
from bullet_trade.market.price_limit import PriceLimits
from bullet_trade.market.tick_size import ceil_to_tick, floor_to_tick, tick_size
from bullet_trade.remote import body, status
from bullet_trade.remote.errors import ErrorCode, RemoteError, refused
from bullet_trade.remote.market import moment_of
from bullet_trade.remote.submissions import PLACE, check_key, place_fingerprint, stand_in_id
from bullet_trade.remote.trading import PlaceOrder, is_market, limit_of, side_of, whole_amount
from bullet_trade.remote.trading import Submission as SubmissionAnswer
from bullet_trade.server.accounts import Target
from bullet_trade.server.books import OrderSeen
from bullet_trade.server.desk import Desk
from bullet_trade.server.limiting import books, when_account_known
from bullet_trade.server.records import Record
from bullet_trade.server.refusals import harmless, rejection, unavailable
from bullet_trade.server.reply import Reply
from bullet_trade.server.submission_file import Entry, Refusal
from bullet_trade.server.submissions import Submission, Undelivered

ORPHAN_S = 120.0
"""How long an order without a key, whose client vanished before the answer, is taken for the same one when the same
address asks for the same again: an old client repeats what it sent when its connection breaks."""

TAG_LENGTH = 24
"""Characters that a terminal keeps of a remark."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """A request with its money fields read."""

    request: PlaceOrder
    target: Target
    side: Side
    amount: int
    market: bool
    price: float | None
    wait_s: float
    deadline: datetime | None


def place(desk: Desk, request: PlaceOrder, target: Target, reply: Reply) -> None:
    """Carry out a request, or answer for the one that it repeats."""
    when_account_known(desk, partial(_place, desk, request, target, reply))


def _place(desk: Desk, request: PlaceOrder, target: Target, reply: Reply) -> None:
    try:
        wish = _read(desk, request, target)
        key = check_key(request.idempotency_key) if request.idempotency_key else ""
        fingerprint = place_fingerprint(target.account_key, target.sub_name, request, wish.amount)
        submission = _known(desk, key, target.sub_name, fingerprint, reply.peer)
        if submission is None:
            submission = Submission(key or f"auto-{desk.file.next_number}", target.sub_name, fingerprint)
            _decide(desk, submission, wish)
        if not key:
            desk.undelivered.append(Undelivered(reply, fingerprint, submission, desk.owner.clock.monotonic()))
    except RemoteError as error:
        reply.refuse(error)
        return
    _answer_when_known(desk, submission, wish, reply)


# -- the same request again --------------------------------------------------------------------------------------------


def _known(desk: Desk, key: str, sub: str, fingerprint: str, peer: str) -> Submission | None:
    if not key:
        return _orphan(desk, fingerprint, peer)
    submission = desk.submissions.get((sub, key))
    if submission is not None and submission.fingerprint not in ("", fingerprint):
        raise refused(ErrorCode.IDEMPOTENCY_CONFLICT, f"idempotency_key 冲突: {key}")
    return submission


def _orphan(desk: Desk, fingerprint: str, peer: str) -> Submission | None:
    """The same order without a key, whose client went away before it could be answered."""
    since = desk.owner.clock.monotonic() - ORPHAN_S
    desk.undelivered = [one for one in desk.undelivered if one.at >= since]
    for one in desk.undelivered:
        if one.reply.dead and one.reply.peer == peer and one.fingerprint == fingerprint:
            desk.undelivered.remove(one)
            return one.submission
    return None


# -- a new request -----------------------------------------------------------------------------------------------------


def _read(desk: Desk, request: PlaceOrder, target: Target) -> _Wish:
    return _Wish(
        request=request,
        target=target,
        side=side_of(request),
        amount=whole_amount(request),
        market=is_market(request),
        price=limit_of(request),
        wait_s=_wait_s(request.wait_timeout, desk.terms.order_wait_s),
        deadline=_deadline(request.deadline),
    )


def _wait_s(given: float | str | None, default: float) -> float:
    """Seconds to wait for the end of the order; 0 for text that is no number, as on deployed servers."""
    if given is None:
        return default
    try:
        seconds = float(given)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < 1e6 else 0.0


def _deadline(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        return moment_of(given)
    except UsageError as error:
        raise refused(ErrorCode.ORDER_INVALID, f"deadline 无效：{error}") from error


def _decide(desk: Desk, submission: Submission, wish: _Wish) -> None:
    """Refuse or send, and write down which. Raises `RemoteError` where nothing could be written: nothing left then."""
    desk.submissions[submission.sub, submission.key] = submission
    now = desk.owner.clock.now()
    try:
        entry = Entry(order=_order(desk, wish, now), remark=_remark(wish), wanted=wish.amount, asked_price=wish.price)
    except BulletTradeError as error:
        told = error if isinstance(error, RemoteError) else _unchecked(wish, error)
        entry = Entry(refusal=Refusal(told.code, told.text, broker_called=False))
    try:
        desk.file.claim(now.date(), submission.sub, submission.key, submission.fingerprint, entry)
    except StateError as error:
        del desk.submissions[submission.sub, submission.key]
        raise refused(ErrorCode.ORDER_REJECTED, harmless(str(error))) from error
    submission.refusal = entry.refusal
    if entry.order is not None:
        key = wish.request.idempotency_key or ""
        submission.record = Record(
            order=entry.order,
            remark=entry.remark,
            key=key,
            sub=wish.target.sub_name,
            wanted=wish.amount,
            asked_price=wish.price,
        )
        entry.order.apply(OrderEvent.SEND)
        desk.send(submission.record)


def _order(desk: Desk, wish: _Wish, now: datetime) -> Order:
    """The order that may leave. Raises `RemoteError` with the rule that forbids it, another `BulletTradeError` where a
    source failed; the broker has not been called."""
    if wish.deadline is not None and now > wish.deadline:
        raise refused(
            ErrorCode.REQUEST_EXPIRED, f"请求的时限 {wish.deadline:%H:%M:%S} 已过（现在 {now:%H:%M:%S}），没有下单"
        )
    if not desk.connected:
        raise unavailable(harmless(desk.down_reason), write=True)
    security = _security(desk, wish.request.security)
    facts = desk.world.quotes.facts(security.code)
    if facts.paused:
        raise rejection(f"{security.code} 停牌，无法下单", broker_called=False)
    reference = facts.prev_close
    limits = desk.world.rules.limits(security, now.date(), price(reference)) if reference > 0 else None
    order_type, limit = _priced(desk, wish, security, limits, now)
    amount = _rounded(desk, wish, security, now)
    _within_limits(desk, wish, security, amount, limit)
    number = desk.file.next_number
    return Order(
        order_id=OrderId(number),
        parent_id=OrderId(number),
        tag=_tag(desk, _remark(wish), number),
        code=security.code,
        side=wish.side,
        amount=amount,
        order_type=order_type,
        limit_price=limit,
        created_at=now,
    )


def _unchecked(wish: _Wish, error: BulletTradeError) -> RemoteError:
    """A source of prices or descriptions failed: what cannot be checked does not leave."""
    text = f"{wish.request.security} 的行情或资料无法读取，不能核对，委托没有发出（{error}）。恢复后重新下单"
    return rejection(text, broker_called=False)


def _security(desk: Desk, name: str) -> Security:
    try:
        code = normalize(name)
    except UsageError as error:
        raise refused(ErrorCode.ORDER_INVALID, harmless(str(error))) from error
    security = desk.world.securities(code)
    if security is None:
        raise rejection(f"没有证券 {code} 的资料，无法下单", broker_called=False)
    return security


def _priced(
    desk: Desk, wish: _Wish, security: Security, limits: PriceLimits | None, now: datetime
) -> tuple[OrderType, Price]:
    tick = tick_size(security, now.date())
    last = price(desk.price_now(security.code))
    buying = wish.side is Side.BUY
    if wish.market and wish.price is None:
        if not last:
            raise rejection(f"{security.code} 无法获取有效价格", broker_called=False)
        fraction = desk.terms.buy_percent if buying else desk.terms.sell_percent
        limit = protection_price(wish.side, last, fraction, tick, limits)
    else:
        given = price(wish.price) if wish.price is not None else last
        if not given:
            raise rejection(f"{security.code} 限价单缺少委托价格，也没有最新价", broker_called=False)
        # Never worse than what was asked for: a purchase goes down to the grid, a sale up; beyond the day's limit on
        # the harmless side the limit itself says the same.
        limit = floor_to_tick(given, tick) if buying else ceil_to_tick(given, tick)
        if limits is not None:
            limit = Price(min(limit, limits.high) if buying else max(limit, limits.low))
    kind = OrderType.MARKET if wish.market else OrderType.LIMIT
    if kind is OrderType.MARKET and check_market_order(security, has_limits=limits is not None) is not None:
        kind = OrderType.LIMIT  # where the exchange takes no market orders, a limit at the protection price says it
    return kind, limit


def _rounded(desk: Desk, wish: _Wish, security: Security, now: datetime) -> int:
    """The amount in whole lots. A sale is never cut to what may be sold: that is the broker's to judge."""
    lot = desk.world.rules.lot(security, now.date())
    if wish.side is Side.BUY:
        amount = lot.buy(wish.amount)
    else:
        rows = desk.last.holdings if desk.last is not None else ()
        sellable = next((row.closeable for row in rows if row.code == security.code), 0)
        amount = lot.sell(wish.amount, max(sellable, wish.amount))
    if amount <= 0:
        raise rejection(f"{security.code} 数量 {wish.amount} 不足最小手数 {lot.minimum}", broker_called=False)
    return amount


def _within_limits(desk: Desk, wish: _Wish, security: Security, amount: int, limit: Price) -> None:
    target = wish.target
    if target.sub is not None and target.sub.limit is not None and amount * limit > target.sub.limit:
        raise refused(ErrorCode.SUB_ACCOUNT_LIMIT, f"子账户 {target.sub_name} 超过额度限制 {yuan(target.sub.limit):g}")
    seen = OrderSeen(target.account_key, target.sub, security, wish.side, amount, limit, books(desk))
    reason = desk.terms.check(seen)
    if reason:
        raise refused(ErrorCode.ORDER_RISK, harmless(reason))


def _remark(wish: _Wish) -> str:
    return (wish.request.order_remark or wish.request.remark or "").strip()


def _tag(desk: Desk, remark: str, number: int) -> str:
    """The client's remark where it names one order, else a name of ours."""
    usable = remark.isascii() and remark.isprintable() and 0 < len(remark) <= TAG_LENGTH
    taken = remark in desk.records or any(row.tag == remark for row in (desk.last.orders if desk.last else ()))
    return remark if usable and not taken else f"sv-{desk.file.mark}-{number:x}"


# -- answers -----------------------------------------------------------------------------------------------------------


def _answer_when_known(desk: Desk, submission: Submission, wish: _Wish, reply: Reply) -> None:
    if submission.refusal is not None:
        desk.undelivered = [one for one in desk.undelivered if one.reply is not reply or reply.dead]
        reply.refuse(refusal_error(submission.refusal))
        return
    record = submission.record
    if record is None:
        reply.answer(body.encode(pending(submission, PLACE, "not_known_after_restart")))
        return
    began = desk.owner.clock.monotonic()

    def answer(timed_out: bool) -> None:
        if not reply.dead:
            desk.undelivered = [one for one in desk.undelivered if one.reply is not reply]
        finish(desk, submission, record, wish.wait_s, desk.owner.clock.monotonic() - began, timed_out, reply)

    def settled(changed: Record) -> bool:
        done = changed.over or (wish.wait_s <= 0 and changed.answered)
        if done:
            answer(timed_out=False)
        return done

    if record.order.state is OrderState.UNKNOWN:
        desk.read(lambda _view, _reason: None, fresh=True)  # the broker's list of now may settle it
    seconds = wish.wait_s if wish.wait_s > 0 else desk.terms.accept_wait_s
    desk.wait_for(record, settled, seconds, partial(answer, timed_out=True))


def finish(
    desk: Desk, submission: Submission, record: Record, wait_s: float, elapsed_s: float, timed_out: bool, reply: Reply
) -> None:
    """Answer for an order as it stands."""
    order = record.order
    if submission.refusal is None and _never_accepted(order):
        error = rejection(order.reason, broker_called=True)
        submission.refusal = Refusal(error.code, error.text, broker_called=True)
        desk.file.close_with(submission.sub, submission.key, submission.refusal)
    if submission.refusal is not None:
        reply.refuse(refusal_error(submission.refusal))
    elif not record.answered:
        reply.answer(body.encode(pending(submission, PLACE, "no_answer_from_broker")))
    else:
        reply.answer(body.encode(order_answer(record, wait_s, elapsed_s, timed_out)))


def _never_accepted(order: Order) -> bool:
    return order.state is OrderState.NOT_SENT or (order.state is OrderState.REJECTED and not order.broker_id)


def order_answer(record: Record, wait_s: float, elapsed_s: float, timed_out: bool) -> SubmissionAnswer:
    """An order that the broker has."""
    order = record.order
    limit = yuan(order.limit_price) if order.limit_price else None
    waited = wait_s > 0
    return SubmissionAnswer(
        order_id=order.broker_id,
        status=record.word if waited or record.over else status.SUBMITTED,
        raw_status=record.number,
        security=order.code,
        side=order.side.name,
        amount=order.amount,
        price=limit,
        order_price=limit,
        requested_order_price=record.asked_price if record.asked_price is not None else limit,
        timed_out=timed_out and waited,
        async_tracking=not record.over,
        wait_timeout=wait_s,
        elapsed=round(elapsed_s, 3) if waited else None,
        last_snapshot=record.row() if waited else None,
        status_msg=order.reason or None,
        order_remark=record.remark or None,
        idempotency_key=record.key or None,
        sub_account_id=record.sub or None,
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
    )


def refusal_error(refusal: Refusal) -> RemoteError:
    """The refusal as it was told the first time."""
    return RemoteError(refusal.code, refusal.text, refusal.broker_called)
