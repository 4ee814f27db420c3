"""From the terminal's objects to plain values. Pure; raises `FieldError` for what cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from bullet_trade.brokers.qmt.fields import FieldError, number, number_or_zero, whole, words, words_or_none
from bullet_trade.brokers.qmt.messages import Funds, OrderNews, Query, Rows, TradeNews
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Price, divide_half_up, money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import STATUS_UNKNOWN, HoldingRow
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import normalize

SIDES = {23: Side.BUY, 24: Side.SELL}
"""`xtconstant.STOCK_BUY`, `STOCK_SELL`."""

STOCK_ACCOUNT = 2
"""`xtconstant.SECURITY_ACCOUNT`."""

ORDER_TYPES = {side: number for number, side in SIDES.items()}

STATES: dict[int, str] = {
    48: "未报",
    49: "待报",
    50: "已报",
    51: "已报待撤",
    52: "部成待撤",
    53: "部撤",
    54: "已撤",
    55: "部成",
    56: "已成",
    57: "废单",
    STATUS_UNKNOWN: "未知",
}

ACCOUNT_STATES: dict[int, str] = {
    -1: "无效",
    0: "正常",
    1: "连接中",
    2: "登录中",
    3: "登录失败",
    4: "初始化中",
    5: "数据校正中",
    6: "收盘后",
    7: "副链路断开",
    8: "被系统停用",
    9: "被用户停用",
}

_EPOCH = datetime(1970, 1, 1, 8)
_MILLISECONDS_FROM = 100_000_000_000
"""Larger numbers are taken for milliseconds: as seconds they would lie beyond the year 5000."""


def beijing_time(stamp: int) -> datetime | None:
    """The time that a terminal writes as seconds (some as milliseconds) since 1970; None for 0, as before the report.

    The machine's zone plays no part.
    """
    if stamp <= 0:
        return None
    return _EPOCH + (timedelta(milliseconds=stamp) if stamp >= _MILLISECONDS_FROM else timedelta(seconds=stamp))


def order_news(source: object) -> OrderNews | None:
    """An order; None for what is neither purchase nor sale of a security known by a code."""
    side, code = SIDES.get(whole(source, "order_type")), _code(source)
    if side is None or code is None:
        return None
    return OrderNews(
        whole(source, "order_id"),
        words(source, "order_remark"),
        code,
        side,
        whole(source, "order_volume"),
        whole(source, "traded_volume"),
        whole(source, "order_status"),
        words_or_none(source, "status_msg"),
    )


def trade_news(source: object) -> TradeNews | None:
    """A fill; None for rows that are no executions: bonus shares, transfers, rows without shares or price."""
    side, code = SIDES.get(whole(source, "order_type")), _code(source)
    amount, at_price = whole(source, "traded_volume"), number(source, "traded_price")
    if side is None or code is None or amount <= 0 or at_price <= 0:
        return None
    trade_id = words(source, "traded_id")
    if not trade_id:
        raise FieldError(source, "traded_id", trade_id)
    commission = number_or_zero(source, "commission")
    return TradeNews(
        whole(source, "order_id"),
        words(source, "order_remark"),
        trade_id,
        code,
        side,
        amount,
        price(at_price),
        beijing_time(whole(source, "traded_time")),
        money(commission) if commission > 0 else None,
    )


def funds(source: object) -> Funds:
    """The account's money."""
    return Funds(
        money(number(source, "cash")), money(number(source, "frozen_cash")), money(number(source, "market_value"))
    )


def holdings(rows: Iterable[object]) -> tuple[HoldingRow, ...]:
    """Positions by code; rows of one security are added up, rows without shares and without a security's code left
    out."""
    found: dict[Code, HoldingRow] = {}
    for row in rows:
        code, amount = _code(row), whole(row, "volume")
        closeable, cost = whole(row, "can_use_volume"), price(number(row, "avg_price"))
        if code is None or amount <= 0:
            continue
        before = found.get(code)
        if before is not None:
            total = before.amount + amount
            cost = Price(divide_half_up(before.cost * before.amount + cost * amount, total))
            amount, closeable = total, before.closeable + closeable
        found[code] = HoldingRow(code, amount, min(closeable, amount), Price(max(cost, 0)))
    return tuple(found[code] for code in sorted(found))


def rows_of(query: Query, answer: object, account_id: str) -> Rows | None:
    """What the terminal answered to `query`; None for its None, which means "failed, or nothing there"."""
    if answer is None:
        return None
    if query is Query.FUNDS:
        return funds(answer)
    if not isinstance(answer, list | tuple):
        raise FieldError(answer, query.value, answer)
    match query:
        case Query.ORDERS:
            return tuple(row for one in answer if (row := order_news(one)) is not None)
        case Query.TRADES:
            return tuple(trade for one in answer if (trade := trade_news(one)) is not None)
        case Query.HOLDINGS:
            return holdings(answer)
    own = [whole(one, "status") for one in answer if words(one, "account_id") == account_id and is_stock(one)]
    return own[0] if own else 0


def is_stock(source: object) -> bool:
    """Whether a record is about the cash account for shares: other accounts may bear the same number."""
    return getattr(source, "account_type", STOCK_ACCOUNT) == STOCK_ACCOUNT


def masked(text: str, account_id: str) -> str:
    """`text` without the account's full number."""
    return text.replace(account_id, "*" * 4 + account_id[-4:]) if account_id else text


def _code(source: object) -> Code | None:
    try:
        return normalize(words(source, "stock_code"))
    except UsageError:
        return None  # standard bond lots and other entries that no order of ours can name
