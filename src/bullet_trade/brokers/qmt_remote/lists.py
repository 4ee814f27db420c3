"""The account as a server states it that knows no `broker.snapshot`: four questions, read into one statement. Pure.

Nothing is taken for zero that is missing, and an answer that contradicts what is known vouches for nothing: deployed
servers answer an inner failure with an empty list.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite

import msgspec

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import STATUS_UNKNOWN, AccountSnapshot, HoldingRow, OrderRow, TradeRow
from bullet_trade.market.codes import normalize
from bullet_trade.remote import body, status
from bullet_trade.remote.market import moment_of
from bullet_trade.remote.trading import AccountAnswer, AccountValue, PositionRow
from bullet_trade.remote.trading import OrderRow as WireOrder
from bullet_trade.remote.trading import TradeRow as WireTrade

ACCOUNT, POSITIONS, ORDERS, TRADES = "broker.account", "broker.positions", "broker.orders", "broker.trades"
LISTS = (ORDERS, TRADES)
EVERYTHING = (ORDERS, TRADES, ACCOUNT, POSITIONS)

_NUMBERS = {word: number for number, word in reversed(status.WORDS.items())} | {
    "submitted": 49, "partly_filled": 55, "cancelled": 54, "partly_cancelled": 53, "failed": 57, "error": 57,
}  # fmt: skip
_STATES = {
    48: "未报", 49: "待报", 50: "已报", 51: "已报待撤", 52: "部成待撤", 53: "部撤", 54: "已撤", 55: "部成", 56: "已成",
    57: "废单",
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, 8)
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_BUY, _SELL = 23, 24

_account = msgspec.json.Decoder(AccountAnswer)
_positions = msgspec.json.Decoder(list[PositionRow])
_orders = msgspec.json.Decoder(list[WireOrder])
_trades = msgspec.json.Decoder(list[WireTrade])


@dataclass(slots=True)
class Gathered:
    """Answers that belong together. `at` and `asked_s` are the moment before the first question, in exchange time and
    monotonic seconds."""

    at: datetime
    asked_s: float
    wanted: tuple[str, ...]
    orders: list[OrderRow] = field(default_factory=list)
    trades: list[TradeRow] = field(default_factory=list)
    account: AccountValue | None = None
    holdings: list[HoldingRow] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.missing = set(self.wanted)

    def take(self, action: str, payload: msgspec.Raw) -> None:
        """One answer. Raises `DataError` for one that cannot be read, `FrameError` for what is no JSON."""
        try:
            match action:
                case "broker.orders":
                    self.orders = [order_row(row) for row in body.parse(_orders, payload, body.IN_ANSWERS)]
                case "broker.trades":
                    rows = body.parse(_trades, payload, body.IN_ANSWERS)
                    self.trades = [trade_row(row, self._sides()) for row in rows]
                case "broker.account":
                    self.account = body.parse(_account, payload, body.IN_ANSWERS).value
                case _:
                    rows_held = body.parse(_positions, payload, body.IN_ANSWERS)
                    self.holdings = [holding_row(row) for row in rows_held if row.amount]
        except (msgspec.ValidationError, ValueError) as error:
            raise DataError(f"{action} 的应答无法读取：{error}", "两端版本可能不同：把服务端升级到同一版本") from error
        self.missing.discard(action)

    def _sides(self) -> dict[str, Side]:
        return {row.broker_id: row.side for row in self.orders}


def order_row(row: WireOrder) -> OrderRow:
    """One order of the day. Raises `ValueError` naming a field that is missing."""
    number = row.raw_status if row.raw_status in _STATES else _NUMBERS.get(row.status, STATUS_UNKNOWN)
    words = _STATES.get(number, row.status)
    return OrderRow(
        (row.order_remark or "").strip(),
        _needed("order_id", str(row.order_id)),
        normalize(row.security),
        _side(row),
        _whole("amount", row.amount),
        _whole("filled", row.filled),
        f"{words}（{row.status_msg}）" if row.status_msg else words,
        number,
    )


def _side(row: WireOrder) -> Side:
    if row.is_buy is not None:
        return Side.BUY if row.is_buy else Side.SELL
    if row.order_type in (_BUY, _SELL):
        return Side.BUY if row.order_type == _BUY else Side.SELL
    found = _SIDES.get((row.side or "").upper())
    if found is None:
        raise ValueError(f"委托 {row.order_id} 没有买卖方向")
    return found


def trade_row(row: WireTrade, sides: dict[str, Side]) -> TradeRow:
    """One fill of the day; old servers do not say its side, so its order's counts."""
    number = str(row.order_id)
    side = (Side.BUY if row.is_buy else Side.SELL) if row.is_buy is not None else sides.get(number)
    if side is None:
        raise ValueError(f"成交 {row.trade_id} 没有买卖方向，委托列表里也没有 {number}")
    paid = row.price if row.price is not None else row.traded_price
    if paid is None or not isfinite(paid):
        raise ValueError(f"成交 {row.trade_id} 没有价格")
    fee = row.commission if row.commission is not None else row.commission_fee
    return TradeRow(
        (row.order_remark or "").strip(),
        number,
        _needed("trade_id", str(row.trade_id)),
        normalize(row.security),
        side,
        _whole("amount", row.amount),
        price(paid),
        moment(row.time),
        money(fee + (row.tax or 0.0)) if fee else None,
    )


def holding_row(row: PositionRow) -> HoldingRow:
    """One position."""
    cost = row.avg_cost if row.avg_cost is not None and isfinite(row.avg_cost) else 0.0
    return HoldingRow(normalize(row.security), row.amount, row.closeable_amount, price(cost))


def moment(given: str | int | float | None) -> datetime:
    """Exchange time from text, or from a number of seconds since 1970. Raises `ValueError`."""
    if isinstance(given, int | float):
        return _EPOCH + timedelta(seconds=given)
    if not given:
        raise ValueError("成交没有时间")
    return moment_of(given)


def statement(found: Gathered, known: frozenset[str]) -> AccountSnapshot:
    """The snapshot that the four answers make; `known` are the numbers of orders that must be among them.

    Raises `DataError` where money is missing, or the answers cannot be true together.
    """
    value = found.account
    if value is None or value.available_cash is None:
        raise DataError("账户应答里没有可用资金 available_cash", "检查服务端与 QMT 的连接")
    if not found.holdings and (value.market_value or any(row.amount for row in value.positions or ())):
        raise DataError("持仓列表为空，但持仓市值不是零", "检查服务端与 QMT 的连接")
    traded: Counter[str] = Counter()
    for trade in found.trades:
        traded[trade.broker_id] += trade.amount
    whole = not known - {row.broker_id for row in found.orders}
    return AccountSnapshot(
        found.at,
        money(value.available_cash),
        _frozen(value),
        tuple(found.holdings),
        tuple(found.orders),
        tuple(found.trades),
        complete=whole and all(traded[row.broker_id] >= row.filled for row in found.orders),
    )


def _frozen(value: AccountValue) -> Money:
    if value.frozen_cash is not None:
        return money(value.frozen_cash)
    if value.total_value is None or value.available_cash is None or value.positions is None:
        return Money(0)
    worth = value.market_value
    if worth is None:
        worth = sum(row.market_value or 0.0 for row in value.positions)
    return Money(max(0, money(value.total_value - value.available_cash - worth)))


def _whole(name: str, value: int | None) -> int:
    if value is None or value < 0:
        raise ValueError(f"字段 {name} 无效：{value!r}")
    return value


def _needed(name: str, text: str) -> str:
    if not text:
        raise ValueError(f"字段 {name} 是空的")
    return text
