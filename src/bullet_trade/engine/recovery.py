"""What became of our orders while this process was not there. Pure functions; nothing is ever sent again.

First the journal's records are applied to an empty book, exactly as the engine applied them when they were new. Then
the result is compared with what the broker lists, and the comparison gives reports (what the broker proves) and
findings (what a person should know). Applying the reports is the desk's work, as with any report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from bullet_trade.domain.errors import StateError
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


_intent = msgspec.json.Decoder(Intent).decode
_report = msgspec.json.Decoder(OrderReport).decode
_snapshot = msgspec.json.Decoder(AccountSnapshot).decode
_entitlement = msgspec.json.Decoder(Entitlement).decode
_day = msgspec.json.Decoder(_Day).decode


def rebuild(records: Iterable[Record], book: OrderBook) -> int:
    """Apply the journal to an empty `book`; the number of records that mattered.

    Raises `StateError` for a record that cannot be read, naming its kind and time.
    """
    count = 0
    for at, kind, body in records:
        try:
            count += _apply(at, kind, body, book)
        except (msgspec.DecodeError, ValueError) as error:
            raise StateError(f"流水中 {at} 的 {kind} 记录无法读取（{error}）", "流水已损坏，请从备份恢复") from error
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
        case "report":
            book.apply(_report(body), at)
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
    rows = _rows_by_order(ours, snapshot, result.findings)
    trades = _trades_by_tag(snapshot)
    for order in ours:
        row = rows.pop(order.tag, None)
        _compare(order, row, trades.pop(_key(order, row), []), snapshot, result)
    for tag, row in sorted(rows.items()):
        if tag.startswith(label):
            number = next_number + len(result.adopted)
            result.adopted.append(_adopted(row, number, snapshot.at))
            result.findings.append(Finding("adopted", tag, f"券商有本策略的委托 {tag}，流水中没有记录，已接管"))
            _compare(result.adopted[-1], row, trades.pop(tag, []), snapshot, result)
    return result


def _rows_by_order(ours: Sequence[Order], snapshot: AccountSnapshot, findings: list[Finding]) -> dict[str, OrderRow]:
    by_number = {order.broker_id: order.tag for order in ours if order.broker_id}
    rows: dict[str, OrderRow] = {}
    doubled: set[str] = set()
    for row in snapshot.orders:
        tag = row.tag or by_number.get(row.broker_id, "")
        if not tag:
            words = f"{row.code} {row.side.name} {row.amount} 股，已成 {row.filled} 股，{row.state}"
            findings.append(Finding("external", "", f"账户里有其他来源的委托 {row.broker_id}：{words}"))
        elif tag in rows or tag in doubled:
            rows.pop(tag, None)
            doubled.add(tag)
        else:
            rows[tag] = row
    findings += [
        Finding("doubled", tag, f"券商有多笔委托使用同一备注 {tag}，无法判断，请人工核对") for tag in sorted(doubled)
    ]
    return rows


def _trades_by_tag(snapshot: AccountSnapshot) -> dict[str, list[TradeRow]]:
    found: dict[str, list[TradeRow]] = {}
    for trade in snapshot.trades:
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
        if trade.trade_id not in seen:
            seen.add(trade.trade_id)
            filled += trade.amount
            result.reports.append(Filled(order.tag, trade.trade_id, trade.amount, trade.price, trade.at, trade.fee))
    if row is None:
        if order.state in AT_BROKER:
            _absent(order, filled, snapshot, result)
        return
    if row.filled > filled:
        words = f"{order.tag} 券商显示已成 {row.filled} 股，成交明细合计 {filled} 股，缺少的成交等券商补报"
        result.findings.append(Finding("fills_missing", order.tag, words))
        return
    if order.state in AT_BROKER:
        _prove(order, row, filled, snapshot.at, result)


def _prove(order: Order, row: OrderRow, filled: int, at: datetime, result: Reconciliation) -> None:
    if filled >= order.amount:
        return  # the fills themselves end it
    if row.status in CANCELLED:
        result.reports.append(Cancelled(order.tag, f"券商显示{row.state}", at))
    elif row.status == JUNK:
        result.reports.append(Rejected(order.tag, f"券商显示{row.state}", at))
    elif row.status in ALIVE:
        result.reports.append(Accepted(order.tag, row.broker_id, at))
        words = f"{order.code} 委托 {order.amount} 股，已成 {filled} 股，仍在券商排队，已接管"
        result.findings.append(Finding("working", order.tag, words))


def _absent(order: Order, filled: int, snapshot: AccountSnapshot, result: Reconciliation) -> None:
    if order.created_at.date() < snapshot.at.date():
        # A day order is over with its day, whatever became of it; the list of today can say nothing about fills.
        result.reports.append(Cancelled(order.tag, "隔日委托已失效", snapshot.at))
        words = f"{order.code} {order.created_at:%m-%d} 的委托 {order.tag} 当日结果未知，以券商持仓为准"
        result.findings.append(Finding("expired", order.tag, words))
    elif snapshot.complete and not filled:
        result.reports.append(NeverSent(order.tag, "券商当日清单里没有这笔委托", snapshot.at))
        result.findings.append(Finding("never_sent", order.tag, f"{order.code} 的委托 {order.tag} 没有到达券商"))
    else:
        result.findings.append(
            Finding("unknown", order.tag, f"{order.code} 的委托 {order.tag} 在券商查不到，结果未知，资金和持仓继续冻结")
        )


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
