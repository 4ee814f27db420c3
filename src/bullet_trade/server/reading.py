"""`broker.` reads: the view of the account in the rows that clients know."""

from __future__ import annotations

from collections.abc import Iterable

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import yuan
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import TradeRow as BrokerTrade
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import normalize
from bullet_trade.remote import body, status
from bullet_trade.remote.market import moment_text
from bullet_trade.remote.trading import (
    AccountAnswer,
    AccountValue,
    NumberedSnapshot,
    OrderRow,
    PositionRow,
    RowFilter,
    TradeRow,
)
from bullet_trade.server.account_views import View
from bullet_trade.server.accounts import AccountSpec
from bullet_trade.server.desk import Desk
from bullet_trade.server.records import foreign_row


def account(spec: AccountSpec, view: View, sub: str) -> bytes:
    """`broker.account`; from any thread."""
    key = f"account/{sub}"
    found = view.cache.get(key)
    if found is None:
        snapshot = view.snapshot
        rows = _positions(view)
        market_value = sum(row.market_value or 0.0 for row in rows)
        value = AccountValue(
            account_id=spec.masked_id,
            account_type=spec.account_type,
            available_cash=yuan(snapshot.available),
            transferable_cash=yuan(snapshot.available),
            frozen_cash=yuan(snapshot.frozen),
            market_value=round(market_value, 4),
            total_value=round(yuan(snapshot.available + snapshot.frozen) + market_value, 4),
            positions=rows,
        )
        answer = AccountAnswer(value=value)
        if sub:
            answer.sub_account_id = sub
        found = view.cache[key] = body.encode(answer)
    return found


def positions(view: View) -> bytes:
    """`broker.positions`: a list; from any thread."""
    found = view.cache.get("positions")
    if found is None:
        found = view.cache["positions"] = body.encode(_positions(view))
    return found


def _positions(view: View) -> list[PositionRow]:
    rows = []
    for held in view.snapshot.holdings:
        price = view.prices.get(held.code, 0.0) or yuan(held.cost)
        rows.append(
            PositionRow(
                security=held.code,
                amount=held.amount,
                closeable_amount=held.closeable,
                avg_cost=yuan(held.cost),
                current_price=price,
                market_value=round(price * held.amount, 4),
                frozen=held.amount - held.closeable,
            )
        )
    return rows


def snapshot(spec: AccountSpec, view: View) -> bytes:
    """`broker.snapshot` (extension); from any thread."""
    found = view.cache.get("snapshot")
    if found is None:
        found = view.cache["snapshot"] = body.encode(NumberedSnapshot(spec.key, view.seq, view.snapshot))
    return found


def order_rows(desk: Desk, view: View, sub: str) -> list[OrderRow]:
    """All orders of the day, or those of a sub-account with books of its own; on the account's thread."""
    today = view.snapshot.at.date()
    rows = [
        record.row() for record in desk.records.values()
        if record.order.broker_id and record.order.created_at.date() == today and sub in ("", record.sub)
    ]  # fmt: skip
    known = {row.order_id for row in rows}
    return rows + [foreign_row(row) for row in view.snapshot.orders if row.broker_id not in known]


def orders(desk: Desk, view: View, wanted: RowFilter, sub: str) -> bytes:
    """`broker.orders`: a list; on the account's thread."""
    if wanted.status and wanted.status not in status.KNOWN:
        return b"[]"
    code = _code(wanted.security)
    return body.encode(
        [
            row for row in order_rows(desk, view, sub)
            if (not wanted.order_id or row.order_id == str(wanted.order_id))
            and (not wanted.security or row.security == code)
            and (not wanted.status or row.status == wanted.status)
        ]
    )  # fmt: skip


def order_status(desk: Desk, view: View, order_id: str, sub: str) -> bytes:
    """`broker.order_status`: one row, or an empty object; on the account's thread."""
    row = next((row for row in order_rows(desk, view, sub) if row.order_id == order_id), None)
    return body.encode(row) if row is not None else b"{}"


def trades(desk: Desk, view: View, wanted: RowFilter) -> bytes:
    """`broker.trades`: a list; on the account's thread."""
    code = _code(wanted.security)
    number = str(wanted.order_id) if wanted.order_id else ""
    found: Iterable[BrokerTrade] = (
        trade for trade in view.snapshot.trades
        if (not number or trade.broker_id == number) and (not wanted.security or trade.code == code)
    )  # fmt: skip
    return body.encode([_trade(desk, trade) for trade in found])


def _trade(desk: Desk, trade: BrokerTrade) -> TradeRow:
    record = desk.by_broker_id.get(trade.broker_id)
    price = yuan(trade.price)
    fee = yuan(trade.fee) if trade.fee is not None else None
    return TradeRow(
        trade_id=trade.trade_id,
        order_id=trade.broker_id,
        security=trade.code,
        amount=trade.amount,
        price=price,
        traded_price=price,
        deal_balance=round(price * trade.amount, 4),
        time=moment_text(trade.at.replace(microsecond=0)),
        commission=fee,
        commission_fee=fee,
        is_buy=trade.side is Side.BUY,
        order_remark=record.remark if record is not None else trade.tag,
        strategy_name="bullet-trade",
        sub_account_id=(record.sub or None) if record is not None else None,
    )


def _code(text: str | None) -> Code | None:
    if not text:
        return None
    try:
        return normalize(text)
    except UsageError:  # a filter that matches nothing
        return None
