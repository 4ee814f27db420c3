"""What became of our orders while this process was not there. Pure functions; nothing is ever sent again.

First the journal's records are applied to an empty book, exactly as the engine applied them when they were new. Then
the result is compared with what the broker lists, and the comparison gives reports (what the broker proves) and
findings (what a person should know). Applying the reports is the desk's work, as with any report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec

from bullet_trade.domain.errors import InvariantError, StateError
from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import AT_BROKER, Order, OrderId, OrderState, OrderType
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    Entitlement,
    Filled,
    NeverSent,
    NoAnswer,
    OrderReport,
    OrderRow,
    Rejected,
    TradeRow,
)
from bullet_trade.engine.intent import Intent
from bullet_trade.engine.order_book import OrderBook

ALIVE = frozenset({48, 49, 50, 51, 52, 55})
CANCELLED = frozenset({53, 54})
FILLED, JUNK = 56, 57
"""Status numbers of a terminal."""

LISTED_WITHIN = timedelta(seconds=30)
"""An order stands in the broker's list this long after it was sent, if it is there at all."""


class Record(NamedTuple):
    """One record of the journal: when, what, and its body as JSON."""

    at: datetime
    kind: str
    body: bytes


class Finding(msgspec.Struct, frozen=True):
    """Something a person should know about an order: `kind` is a stable name, `text` says it in Chinese."""

    kind: str
    tag: str
    text: str


class Reconciliation(NamedTuple):
    """What the broker's lists prove about our orders, and what they leave to say."""

    reports: list[OrderReport]
    findings: list[Finding]
    adopted: list[Order]
    """Orders that bear our tag but are missing in the journal: lost in a power failure, and ours all the same."""


class _Day(msgspec.Struct):
    day: date


class _Cancel(msgspec.Struct):
    tag: str


class _Refusal(msgspec.Struct):
    rule: str = ""


_intent = msgspec.json.Decoder(Intent).decode
_report = msgspec.json.Decoder(OrderReport).decode
_snapshot = msgspec.json.Decoder(AccountSnapshot).decode
_entitlement = msgspec.json.Decoder(Entitlement).decode
_day = msgspec.json.Decoder(_Day).decode
_cancel = msgspec.json.Decoder(_Cancel).decode
_refusal = msgspec.json.Decoder(_Refusal).decode
_adoption = msgspec.json.Decoder(Order).decode


def rebuild(records: Iterable[Record], book: OrderBook) -> int:
    """Apply the journal to an empty `book`; the number of records that mattered.

    Raises `StateError` for a record that cannot be read, naming its kind and time. A report that broke an invariant
    ended the run that received it; it must not keep every later run from starting, so it is passed over here and the
    broker's account decides.
    """
    count = 0
    for at, kind, body in records:
        try:
            count += _apply(at, kind, body, book)
        except InvariantError:
            continue
        except (msgspec.DecodeError, ValueError) as error:
            raise StateError(
                f"流水中 {at} 的 {kind} 记录无法读取（{error}）", "流水已损坏，请从备份恢复（docs/recovery.md）"
            ) from error
    return count


def _apply(at: datetime, kind: str, body: bytes, book: OrderBook) -> bool:
    match kind:
        case "day":
            book.open_day(_day(body).day)
        case "account" | "checkpoint":
            book.ledger.adopt(_snapshot(body))
        case "intent":
            intent = _intent(body)
            book.admit(intent.order(at), intent.cash)
        case "adopted":
            book.adopt(_adoption(body))
        case "report":
            book.apply(_report(body), at)
        case "cancel":
            order = book.by_tag(_cancel(body).tag)
            if order is not None:
                book.request_cancel(order, at)
        case "start" | "restart":
            lose_sight(book, at)  # as the run that began here did
            return False
        case "refused":
            book.sums.refused += 1
            book.sums.refuse(_refusal(body).rule)
            return False
        case "cancel_forbidden":
            book.sums.refuse(_refusal(body).rule)
            return False
        case "entitlement":
            book.ledger.book(_entitlement(body))
        case _:
            return False
    return True


def lose_sight(book: OrderBook, at: datetime) -> None:
    """After a restart nothing is known of orders that were alive: each is `unknown` until the broker proves more."""
    for order in book.open_orders():
        book.apply(NoAnswer(order.tag, "引擎重启", at), at)


def reconcile(ours: Sequence[Order], snapshot: AccountSnapshot, label: str, next_number: int) -> Reconciliation:
    """Compare our orders with the broker's lists. The same input gives the same result, however often it is asked.

    `label` is how our tags begin; `next_number` numbers adopted orders. Orders are matched by tag, then by the
    broker's number. Fills are told once by trade id, whatever their order or repetition.
    """
    result = Reconciliation([], [], [])
    rows, doubled = _rows_by_tag(ours, snapshot, result.findings)
    trades = _trades_by_tag(snapshot)
    for order in ours:
        row = rows.pop(order.tag, None)
        if order.tag in doubled:
            continue  # neither the rows nor the fills under that remark can be told apart
        if row is not None and (row.code, row.side, row.amount) != (order.code, order.side, order.amount):
            result.findings.append(Finding("mismatch", order.tag, _mismatch(order, row)))
            continue
        _compare(order, row, trades.pop(_key(order, row), []), snapshot, result)
    for tag, row in sorted(rows.items()):
        fills = trades.pop(tag, [])
        if not tag.startswith(label) or not _wanted(row, fills, snapshot.at.date()):
            continue
        number = next_number + len(result.adopted)
        result.adopted.append(_adopted(row, number, snapshot.at))
        result.findings.append(Finding("adopted", tag, f"券商有本策略的委托 {tag}，流水中没有记录，已接管"))
        _compare(result.adopted[-1], row, fills, snapshot, result)
    return result


def _rows_by_tag(
    ours: Sequence[Order], snapshot: AccountSnapshot, findings: list[Finding]
) -> tuple[dict[str, OrderRow], set[str]]:
    """The broker's orders by our tag, and the tags that more than one of them bears."""
    today = snapshot.at.date()  # a broker's numbers begin anew each day
    by_number = {order.broker_id: order.tag for order in ours if order.broker_id and order.created_at.date() == today}
    rows: dict[str, OrderRow] = {}
    doubled: set[str] = set()
    for row in sorted(set(snapshot.orders), key=_place):
        tag = row.tag or by_number.get(row.broker_id, "")
        if not tag:
            words = f"{row.code} {row.side.name} {row.amount} 股，已成 {row.filled} 股，{row.state}"
            findings.append(Finding("external", "", f"账户里有其他来源的委托 {row.broker_id}：{words}"))
        elif tag in rows:
            doubled.add(tag)
        else:
            rows[tag] = row
    for tag in sorted(doubled):
        del rows[tag]
        findings.append(Finding("doubled", tag, f"券商有多笔委托使用同一备注 {tag}，无法判断，请人工核对"))
    return rows, doubled


def _place(row: OrderRow) -> tuple[int, str]:
    return len(row.broker_id), row.broker_id


def _wanted(row: OrderRow, fills: list[TradeRow], today: date) -> bool:
    """Whether an order of ours that is not in the book is of today. A terminal may still list yesterday's orders in the
    morning; their fills are in the account for long."""
    if row.status in ALIVE:
        return True
    return row.filled > 0 and all(trade.at.date() == today for trade in fills)


def _mismatch(order: Order, row: OrderRow) -> str:
    ours = f"{order.code} {order.side.name} {order.amount} 股"
    return f"备注 {order.tag} 下本地是 {ours}，券商是 {row.code} {row.side.name} {row.amount} 股，请人工核对"


def _trades_by_tag(snapshot: AccountSnapshot) -> dict[str, list[TradeRow]]:
    found: dict[str, list[TradeRow]] = {}
    for trade in sorted(snapshot.trades, key=lambda trade: (trade.at, len(trade.trade_id), trade.trade_id)):
        found.setdefault(trade.tag or f"#{trade.broker_id}", []).append(trade)
    return found


def _key(order: Order, row: OrderRow | None) -> str:
    return f"#{row.broker_id}" if row is not None and not row.tag else order.tag


def _compare(
    order: Order, row: OrderRow | None, trades: list[TradeRow], snapshot: AccountSnapshot, result: Reconciliation
) -> None:
    filled = order.filled
    seen = set(order.trade_ids)
    for trade in trades:
        if trade.trade_id in seen or not _is_execution(trade, order):
            continue
        seen.add(trade.trade_id)
        if filled + trade.amount > order.amount:
            words = f"{order.tag} 委托 {order.amount} 股，券商的成交超过委托（成交编号 {trade.trade_id}），请人工核对"
            result.findings.append(Finding("overfilled", order.tag, words))
            return
        filled += trade.amount
        result.reports.append(Filled(order.tag, trade.trade_id, trade.amount, trade.price, trade.at, trade.fee))
    if row is None:
        if order.state in AT_BROKER and filled < order.amount:
            _absent(order, filled, snapshot, result)
        return
    if row.filled > filled:
        words = f"{order.tag} 券商显示已成 {row.filled} 股，成交明细合计 {filled} 股，缺少的成交等券商补报"
        result.findings.append(Finding("fills_missing", order.tag, words))
        return
    if order.state in AT_BROKER:
        _prove(order, row, filled, snapshot.at, result)


def _is_execution(trade: TradeRow, order: Order) -> bool:
    """Some counters list cancels, bonus shares, rights and transfers among the trades; the account shows what they did
    to it."""
    return trade.amount > 0 and trade.price > 0 and (trade.code, trade.side) == (order.code, order.side)


def _prove(order: Order, row: OrderRow, filled: int, at: datetime, result: Reconciliation) -> None:
    if filled >= order.amount:
        return  # the fills themselves end it
    if row.status in CANCELLED:
        result.reports.append(Cancelled(order.tag, f"券商显示{row.state}", at))
    elif row.status == JUNK:
        result.reports.append(Rejected(order.tag, f"券商显示{row.state}", at))
    elif row.status in ALIVE:
        if order.state in (OrderState.WORKING, OrderState.CANCELLING):
            return  # nothing new
        result.reports.append(Accepted(order.tag, row.broker_id, at))
        if order.state is not OrderState.UNKNOWN:
            return  # an answer on its way, no take-over
        words = f"{order.code} 委托 {order.amount} 股，已成 {filled} 股，仍在券商排队，已接管"
        result.findings.append(Finding("working", order.tag, words))
    elif order.state is OrderState.UNKNOWN:
        words = f"{order.code} 的委托 {order.tag} 券商状态为 {row.state}，无法判断结果"
        result.findings.append(Finding("unknown", order.tag, words))


def _absent(order: Order, filled: int, snapshot: AccountSnapshot, result: Reconciliation) -> None:
    if order.created_at.date() < snapshot.at.date():
        # A day order is over with its day, whatever became of it; the list of today can say nothing about fills.
        result.reports.append(Cancelled(order.tag, "隔日委托已失效", snapshot.at))
        words = f"{order.code} {order.created_at:%m-%d} 的委托 {order.tag} 当日结果未知，以券商持仓为准"
        result.findings.append(Finding("expired", order.tag, words))
    elif order.state is not OrderState.UNKNOWN:
        _overdue(order, filled, snapshot, result)
    elif snapshot.complete and not filled and order.created_at < snapshot.at:  # a list from before proves nothing
        result.reports.append(NeverSent(order.tag, "券商当日清单里没有这笔委托", snapshot.at))
        result.findings.append(Finding("never_sent", order.tag, f"{order.code} 的委托 {order.tag} 没有到达券商"))
    else:
        result.findings.append(
            Finding("unknown", order.tag, f"{order.code} 的委托 {order.tag} 在券商查不到，结果未知，资金和持仓继续冻结")
        )


def _overdue(order: Order, filled: int, snapshot: AccountSnapshot, result: Reconciliation) -> None:
    """An order may be on its way to the list for a while. After that an acceptance that no list bears out is doubted;
    the next list decides."""
    if snapshot.complete and not filled and snapshot.at - order.created_at >= LISTED_WITHIN:
        result.reports.append(NoAnswer(order.tag, "券商当日清单里没有这笔委托", snapshot.at))
        words = f"{order.code} 的委托 {order.tag} 已有应答，但券商当日清单里没有，结果未知，等下一次核对"
        result.findings.append(Finding("unknown", order.tag, words))


def _adopted(row: OrderRow, number: int, at: datetime) -> Order:
    return Order(
        order_id=OrderId(number),
        parent_id=OrderId(number),
        tag=row.tag,
        code=row.code,
        side=row.side,
        amount=row.amount,
        order_type=OrderType.LIMIT,
        limit_price=Price(0),
        created_at=at,
        state=OrderState.UNKNOWN,
        broker_id=row.broker_id,
    )
