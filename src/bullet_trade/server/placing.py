"""`broker.place_order`: one key, one order, one answer. Runs on the account's thread.

The key is looked up first, then the order is made valid and checked, then written down, then sent. Whoever repeats the
key gets what became of the first request: the same order, the same refusal, or "not known yet". What is too large for
one order of the exchange leaves as several, written down together before the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bullet_trade.domain.errors import BulletTradeError, StateError, UsageError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderType, Side
from bullet_trade.domain.securities import Security
from bullet_trade.engine.sizing import protection_price
from bullet_trade.market.codes import normalize
from bullet_trade.market.market_orders import check_market_order
from bullet_trade.market.order_size import check_order_size
from bullet_trade.market.price_limit import PriceLimits
from bullet_trade.market.tick_size import ceil_to_tick, floor_to_tick, tick_size
from bullet_trade.remote.errors import ErrorCode, RemoteError, refused
from bullet_trade.remote.market import moment_of
from bullet_trade.remote.submissions import check_key, place_fingerprint
from bullet_trade.remote.trading import PlaceOrder, is_market, limit_of, side_of, whole_amount
from bullet_trade.server import sub_limits
from bullet_trade.server.accounts import Target
from bullet_trade.server.answering import answer_when_known
from bullet_trade.server.books import OrderSeen
from bullet_trade.server.desk import Desk
from bullet_trade.server.limiting import books, when_account_known
from bullet_trade.server.records import Record
from bullet_trade.server.refusals import harmless, rejection, unavailable
from bullet_trade.server.reply import Reply, guarded
from bullet_trade.server.submission_file import Entry, Refusal
from bullet_trade.server.submissions import Submission, Undelivered

ORPHAN_S = 120.0
"""How long an order without a key, whose client vanished before the answer, is taken for the same one when the same
address asks for the same again: an old client repeats what it sent when its connection breaks."""

TAG_LENGTH = 24
"""Characters that a terminal keeps of a remark."""

MOST_PIECES = 100
"""A request that would become more orders than this is taken for a slip of the pen."""


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
    attempt = partial(_place, desk, request, target, reply)
    when_account_known(desk, partial(guarded, reply, partial(desk.pace.run, reply, attempt)))


def _place(desk: Desk, request: PlaceOrder, target: Target, reply: Reply, waited_s: float) -> None:
    try:
        wish = _read(desk, request, target)
        key = check_key(request.idempotency_key) if request.idempotency_key else ""
        fingerprint = place_fingerprint(target.account_key, target.sub_name, request, wish.amount)
        submission = _known(desk, key, target.sub_name, fingerprint, reply.peer)
        if submission is None:
            submission = Submission(key or f"auto-{desk.file.next_number}", target.sub_name, fingerprint)
            _decide(desk, submission, wish, waited_s)
        if not key:
            desk.undelivered.append(Undelivered(reply, fingerprint, submission, desk.owner.clock.monotonic()))
    except RemoteError as error:
        reply.refuse(error)
        return
    answer_when_known(desk, submission, wish.wait_s, reply)


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


def _decide(desk: Desk, submission: Submission, wish: _Wish, waited_s: float) -> None:
    """Refuse or send, and write down which. Raises `RemoteError` where nothing could be written, and `TooFastError`
    where it is not the order's turn: nothing left then."""
    now = desk.owner.clock.now()
    try:
        orders = _orders(desk, wish, now, waited_s)
        entry = Entry(
            order=orders[0], rest=orders[1:], remark=_remark(wish), wanted=wish.amount, asked_price=wish.price
        )
    except BulletTradeError as error:
        told = error if isinstance(error, RemoteError) else _unchecked(wish, error)
        entry = Entry(refusal=Refusal(told.code, told.text, broker_called=False))
    try:
        desk.file.claim(now.date(), submission.sub, submission.key, submission.fingerprint, entry)
    except StateError as error:
        raise refused(ErrorCode.ORDER_REJECTED, harmless(str(error))) from error
    desk.submissions[submission.sub, submission.key] = submission
    submission.refusal = entry.refusal
    if entry.order is not None:
        records = [_record(wish, entry, order) for order in (entry.order, *entry.rest)]
        submission.record, submission.rest = records[0], tuple(records[1:])
        desk.records.update((record.order.tag, record) for record in records)
        for record in records:
            desk.send(record)


def _record(wish: _Wish, entry: Entry, order: Order) -> Record:
    order.apply(OrderEvent.SEND)
    return Record(
        order=order,
        remark=entry.remark,
        key=wish.request.idempotency_key or "",
        sub=wish.target.sub_name,
        wanted=entry.wanted,
        asked_price=entry.asked_price,
    )


def _orders(desk: Desk, wish: _Wish, now: datetime, waited_s: float) -> list[Order]:
    """The orders that may leave, most often one. Raises `RemoteError` with the rule that forbids it, another
    `BulletTradeError` where a source failed; the broker has not been called."""
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
    amounts = _split(desk, wish, security, amount, order_type, now)
    _within_limits(desk, wish, security, amounts, limit)
    too_fast = desk.pace.check(len(amounts), waited_s)
    if too_fast is not None:
        raise refused(ErrorCode.ORDER_RISK, harmless(too_fast.text()))
    first = desk.file.next_number
    return [
        Order(
            order_id=OrderId(number),
            parent_id=OrderId(first),
            tag=_tag(desk, _remark(wish) if number == first else "", number),
            code=security.code,
            side=wish.side,
            amount=part,
            order_type=order_type,
            limit_price=limit,
            created_at=now,
        )
        for number, part in enumerate(amounts, first)
    ]


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


def _split(desk: Desk, wish: _Wish, security: Security, amount: int, order_type: OrderType, now: datetime) -> list[int]:
    """The amounts of the orders that the exchange takes."""
    rules, day = desk.world.rules, now.date()
    largest = rules.max_order(security, order_type, day)
    too_large = check_order_size(security, amount, largest) if largest else None
    if too_large is None:
        return [amount]
    if wish.request.one_order or amount > MOST_PIECES * largest:
        raise refused(ErrorCode.ORDER_INVALID, harmless(too_large.text()))
    return rules.split(security, wish.side, amount, order_type, day)


def _within_limits(desk: Desk, wish: _Wish, security: Security, amounts: list[int], limit: Price) -> None:
    target, amount = wish.target, sum(amounts)
    seen = OrderSeen(target.account_key, target.sub, security, wish.side, amount, limit, books(desk), len(amounts))
    reason = sub_limits.refusal(seen, desk.sub_books.assets)
    if reason:
        raise refused(ErrorCode.SUB_ACCOUNT_LIMIT, harmless(reason))
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
