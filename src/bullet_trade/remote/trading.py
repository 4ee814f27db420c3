"""Payloads of the `broker.` actions.

Requests are strict where money depends on it: a side is BUY or SELL, an amount a whole number of shares, a price a
positive number; anything else is refused before the broker hears of it. Keys that nobody knows are ignored. Answers
are read leniently: a money key may be missing or NaN, and is then None.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import AccountSnapshot, Report
from bullet_trade.remote import body
from bullet_trade.remote.errors import ErrorCode, FrameError, RemoteError, refused

P = TypeVar("P")

LARGEST_AMOUNT = 10**12
LARGEST_PRICE = 10.0**7

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


# -- requests ----------------------------------------------------------------------------------------------------------


class AccountQuery(msgspec.Struct, kw_only=True):
    """`broker.account`, `broker.positions`, `broker.snapshot`; and which account every other request means.

    Null or empty means the session's default account. `sub_account_id` is ``id`` or ``id@account_key``.
    """

    account_key: str | None = None
    sub_account_id: str | None = None


class RowFilter(msgspec.Struct, kw_only=True):
    """What deployed clients may put into `filters`."""

    order_id: str | int | None = None
    security: str | None = None
    status: str | None = None


class RowQuery(AccountQuery, omit_defaults=True, kw_only=True):
    """`broker.orders`, `broker.trades`, `broker.order_status`. A nested `filters` replaces the fields beside it."""

    order_id: str | int | None = None
    security: str | None = None
    status: str | None = None
    from_broker: bool | None = None
    filters: RowFilter | None = None

    @property
    def wanted(self) -> RowFilter:
        """The filter that counts."""
        if self.filters is not None:
            return self.filters
        return RowFilter(order_id=self.order_id, security=self.security, status=self.status)


class Style(msgspec.Struct, omit_defaults=True, kw_only=True):
    """How to trade. `protect_price` caps a market order. No type means limit, a limit without price the last price."""

    type: Literal["limit", "market"] | msgspec.UnsetType = msgspec.UNSET
    price: float | None = None
    protect_price: float | None = None


class PlaceOrder(AccountQuery, omit_defaults=True, kw_only=True):
    """`broker.place_order`. Amounts in shares, prices in yuan, `wait_timeout` in seconds (null: the server's own).

    A request without a side is a purchase, as on deployed servers; clients of ours always name it.
    `one_order` (extension): refuse what is too large for one order instead of splitting it.
    `deadline` (extension) is server time ``YYYY-MM-DD HH:MM:SS.ffffff``: an order that is reached later is refused.
    """

    security: str
    side: str | msgspec.UnsetType = msgspec.UNSET
    amount: int | float | None = None
    volume: int | float | None = None
    style: Style | None = None
    price: float | None = None
    market: bool | None = None
    wait_timeout: float | str | None = None
    order_remark: str | None = None
    remark: str | None = None
    idempotency_key: str | None = None
    deadline: str | None = None
    one_order: bool | None = None


class CancelOrder(AccountQuery, omit_defaults=True, kw_only=True):
    """`broker.cancel_order`. `wait_timeout` (seconds to wait for proof) is sent by clients of ours only."""

    order_id: str | int | None = None
    idempotency_key: str | None = None
    wait_timeout: float | None = None


class ResolveSubmission(AccountQuery, omit_defaults=True, kw_only=True):
    """`broker.resolve_submission`: what became of a write whose answer was lost. Reads only."""

    idempotency_key: str | None = None
    write_action: str | None = None
    action: str | None = None
    request_payload: msgspec.Raw = msgspec.Raw(b"")
    order_id: str | int | None = None


def read_payload(decoder: msgspec.json.Decoder[P], payload: msgspec.Raw, write: bool = False) -> P:
    """A request's payload. Raises `RemoteError`, for a write with a code that says that nothing was done."""
    code = ErrorCode.ORDER_INVALID if write else ErrorCode.REQUEST_FAILED
    called = False if write else None
    try:
        return body.parse(decoder, payload, body.IN_REQUESTS)
    except msgspec.ValidationError as error:
        raise RemoteError(code, f"请求参数无效：{error}", called) from error
    except FrameError as error:
        raise RemoteError(code, f"请求参数无法读取：{error.text}", called) from error


def side_of(order: PlaceOrder) -> Side:
    """The order's direction. Raises `RemoteError` for a word that is neither BUY nor SELL."""
    if order.side is msgspec.UNSET:
        return Side.BUY
    found = _SIDES.get(order.side.upper())
    if found is None:
        raise refused(ErrorCode.ORDER_INVALID, f"买卖方向 {order.side[:20]!r} 无效，只能是 BUY 或 SELL")
    return found


def is_market(order: PlaceOrder) -> bool:
    """Whether it is a market order. Raises `RemoteError` where style and `market` contradict each other."""
    kind = order.style.type if order.style is not None else msgspec.UNSET
    if kind == "limit" and order.market:
        raise refused(ErrorCode.ORDER_INVALID, "style.type 为 limit 而 market 为 true，两者矛盾")
    return kind == "market" or bool(order.market)


def limit_of(order: PlaceOrder) -> float | None:
    """The price that the client names in yuan, None for none. Raises `RemoteError` unless it is positive."""
    style = order.style
    given = style.price if style is not None and style.price is not None else order.price
    if is_market(order):
        given = style.protect_price if style is not None and style.protect_price is not None else given
    if given is not None and not 0 < given < LARGEST_PRICE:
        raise refused(ErrorCode.ORDER_INVALID, f"委托价格 {given!r} 无效，要大于 0")
    return given


def whole_amount(order: PlaceOrder) -> int:
    """The order's amount in shares. Raises `RemoteError` unless it is a positive whole number."""
    given = order.amount if order.amount is not None else order.volume
    if given is None or not 0 < given <= LARGEST_AMOUNT or given != int(given):
        raise refused(ErrorCode.ORDER_INVALID, f"委托数量 {given!r} 无效，要是大于 0 的整数（股）")
    return int(given)


# -- answers -----------------------------------------------------------------------------------------------------------


class PositionRow(msgspec.Struct, kw_only=True):
    """One row of `broker.positions`. No key is sent that a deployed client would take for the sellable amount."""

    security: str
    amount: int
    closeable_amount: int = 0
    avg_cost: float | None = 0.0
    current_price: float | None = 0.0
    market_value: float | None = 0.0
    name: str | None = None
    frozen: int = 0


class AccountValue(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`value` of `broker.account`, in yuan. A figure that is not known is left out, never null."""

    account_id: str | None = None
    account_type: str | None = None
    available_cash: float | None = None
    transferable_cash: float | None = None
    frozen_cash: float | None = None
    market_value: float | None = None
    total_value: float | None = None
    positions: list[PositionRow] | None = None


class AccountAnswer(msgspec.Struct, kw_only=True):
    """`broker.account`."""

    dtype: str = "dict"
    value: AccountValue | None = None
    sub_account_id: str | msgspec.UnsetType | None = msgspec.UNSET


class OrderRow(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One row of `broker.orders`, and the answer of `broker.order_status`.

    `price` is the average price of the fills (0.0 without any), `order_price` the limit. `order_time` is text.
    """

    order_id: str | int = ""
    status: str = ""
    raw_status: int | None = None
    security: str = ""
    side: str | None = None
    amount: int | None = None
    filled: int | None = None
    price: float | None = None
    order_price: float | None = None
    is_buy: bool | None = None
    order_type: int | None = None
    price_type: int | None = None
    order_remark: str | None = None
    strategy_name: str | None = None
    order_sysid: str | None = None
    status_msg: str | None = None
    order_time: str | int | None = None
    idempotency_key: str | None = None
    sub_account_id: str | None = None


class TradeRow(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One row of `broker.trades`. Deployed servers send `time` as a whole number of seconds since 1970, we as text."""

    trade_id: str | int = ""
    order_id: str | int = ""
    security: str = ""
    amount: int | None = None
    price: float | None = None
    traded_price: float | None = None
    deal_balance: float | None = None
    time: str | int | float | None = None
    commission: float | None = None
    commission_fee: float | None = None
    tax: float | None = None
    is_buy: bool | None = None
    order_remark: str | None = None
    strategy_name: str | None = None
    sub_account_id: str | None = None


class Submission(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The answer of `broker.place_order` and `broker.cancel_order`; for a cancel with `value` and `dtype`.

    `child_order_ids` are the numbers of all orders where one request became several; `order_id` is the first of them,
    and amounts and status are those of all together.
    """

    order_id: str | int | None = None
    status: str = ""
    dtype: str | None = None
    value: bool | None = None
    success: bool | None = None
    raw_status: int | None = None
    security: str | None = None
    side: str | None = None
    amount: int | None = None
    filled: int | None = None
    price: float | None = None
    order_price: float | None = None
    requested_order_price: float | None = None
    timed_out: bool | None = None
    async_tracking: bool | None = None
    wait_timeout: float | None = None
    elapsed: float | None = None
    last_snapshot: OrderRow | None = None
    submission_state: str | None = None
    stable_local_order_id: str | None = None
    cancel_outcome: str | None = None
    write_action: str | None = None
    child_order_ids: list[str] | None = None
    reason: str | None = None
    status_msg: str | None = None
    warning: str | None = None
    order_remark: str | None = None
    idempotency_key: str | None = None
    sub_account_id: str | None = None


class Evidence(msgspec.Struct):
    """Where an answer about a submission comes from."""

    source: str


class Resolution(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The answer of `broker.resolve_submission`. `status`: accepted, rejected, submit_unknown or reconciling."""

    status: str
    submission_state: str = ""
    write_action: str = ""
    idempotency_key: str = ""
    order_id: str | int | None = None
    stable_local_order_id: str | None = None
    resolved_result: Submission | None = None
    evidence: Evidence | None = None
    cancel_outcome: str | None = None
    reason: str | None = None
    sub_account_id: str | None = None


# -- extensions --------------------------------------------------------------------------------------------------------


class NumberedReport(msgspec.Struct):
    """Payload of a `report` event: report `seq` of an account, gapless from 1 within a stream.

    The report's `tag` is the `order_remark` of an order that a client of ours placed.
    """

    account_key: str
    seq: int
    report: Report


class NumberedSnapshot(msgspec.Struct):
    """The answer of `broker.snapshot`: the account, with the number of the last report that it includes."""

    account_key: str
    seq: int
    snapshot: AccountSnapshot


REPORT_EVENT = "report"
