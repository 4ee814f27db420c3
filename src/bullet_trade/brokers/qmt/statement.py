"""From the terminal's answers to the account's snapshot, and what it vouches for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bullet_trade.brokers.qmt.messages import OrderNews
from bullet_trade.brokers.qmt.orders import OrderTable, Tracked
from bullet_trade.brokers.qmt.survey import Found
from bullet_trade.brokers.qmt.translate import STATES
from bullet_trade.domain.reports import AccountSnapshot, OrderRow, TradeRow


def contradiction(found: Found, table: OrderTable) -> str:
    """Why the answers cannot be true together, '' when they can: a failed query must never pass for an empty list.

    The terminal answers None both where a query failed and where there is nothing; what else is known tells which.
    """
    known = table.seen_numbers()
    if found.orders is None and known:
        return "委托列表为空，但今天有委托"
    filled = sum(row.filled for row in found.orders or ())
    if found.trades is None and filled:
        return "成交列表为空，但委托显示已成交"
    return ""


def account_contradiction(found: Found) -> str:
    """The same for money and positions."""
    funds = found.funds
    if funds is None:
        return "没有资金数据"
    if not found.holdings and funds.market_value > 0:
        return "持仓列表为空，但持仓市值不是零"
    if funds.available == funds.frozen == funds.market_value == 0 and not found.holdings:
        return "资金和持仓全部为零，账号或账号类型可能不对"
    return ""


def statement(found: Found, table: OrderTable, settle_s: float) -> AccountSnapshot:
    """The snapshot that the answers make; they must not contradict each other."""
    funds = found.funds
    assert funds is not None, "an account without funds contradicts itself"
    orders, trades = found.orders or (), found.trades or ()
    return AccountSnapshot(
        found.at,
        funds.available,
        funds.frozen,
        found.holdings or (),
        tuple(_order_row(row, table) for row in orders),
        tuple(
            TradeRow(
                table.tag_of(trade.order_id, trade.tag),
                str(trade.order_id),
                trade.trade_id,
                trade.code,
                trade.side,
                trade.amount,
                trade.price,
                trade.at or found.at,
                trade.fee,
            )
            for trade in trades
        ),
        complete=_complete(found, table, settle_s),
    )


def unproved(table: OrderTable) -> list[Tracked]:
    """Orders that left and that nothing has shown yet."""
    return [order for order in table.alive() if not order.seen]


def _complete(found: Found, table: OrderTable, settle_s: float) -> bool:
    """Whether absence from the lists proves anything."""
    if found.orders is None:
        return False
    rows = found.orders
    if not found.adds_up or table.seen_numbers() - {row.order_id for row in rows}:
        return False
    tags = {table.tag_of(row.order_id, row.tag) for row in rows}
    missing = [order for order in unproved(table) if order.tag not in tags]
    return not any(
        order.hung or found.asked_s - order.submitted_s < settle_s or _may_be(order, rows, table) for order in missing
    )


def _may_be(order: Tracked, rows: Sequence[OrderNews], table: OrderTable) -> bool:
    """Whether a row without a remark could be this order, whose remark the counter has lost."""
    return any(
        not table.tag_of(row.order_id, row.tag)
        and (row.code[:6], row.side, row.amount) == (order.code[:6], order.side, order.amount)
        for row in rows
    )


def _order_row(row: OrderNews, table: OrderTable) -> OrderRow:
    state = STATES.get(row.status, f"状态 {row.status}")
    words = f"{state}（{row.reason}）" if row.reason else state
    tag = table.tag_of(row.order_id, row.tag)
    return OrderRow(tag, str(row.order_id), row.code, row.side, row.amount, row.filled, words, row.status)
