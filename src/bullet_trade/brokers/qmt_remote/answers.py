"""What the server's answers to an order prove. Pure.

An error frame of a write is a definite refusal only where that is known: the server says that it has not called the
broker, or its code or text belongs to a refusal. Everything else may have happened after the order had left, and is of
unknown fate until the server's record or the lists of the day tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import normalize
from bullet_trade.remote import body, status
from bullet_trade.remote.errors import ErrorCode, FrameError, RemoteError
from bullet_trade.remote.submissions import PLACE
from bullet_trade.remote.trading import PlaceOrder, Resolution, Submission

BEFORE_THE_BROKER = frozenset(
    {
        # Refused at the door, or by the server's own checks.
        "AUTH_FAILED", "SERVER_BUSY", "UNSUPPORTED", "TOO_MANY_REQUESTS", "FORBIDDEN", "ACCOUNT_UNKNOWN",
        "ORDER_INVALID", "ORDER_RISK", "SUB_ACCOUNT_LIMIT", "REQUEST_EXPIRED",
        # The key belongs to another request, or cannot be remembered: this one was not carried out.
        "IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_CACHE_FULL",
        # The terminal's guard is asked before the terminal.
        "QMT_UNAVAILABLE", "QMT_RECONNECTING",
        # A gateway that does not trade, or not for this caller, account or request.
        "TRADING_DISABLED", "QMT_NOT_READY", "ACCOUNT_NOT_CONFIGURED", "VIRTUAL_ACCOUNT_MISMATCH", "BAD_REQUEST",
        "DANGEROUS_OPERATION_DISABLED", "NOT_IMPLEMENTED", "HTTP_401", "HTTP_403",
    }
)  # fmt: skip
"""Codes of refusals before the broker hears of an order, unless the server says that it was called all the same. Not
here are those that tell of a failure on the way (time-outs, gateways, their other HTTP states, `GATEWAY_BUSY`,
`NOT_FOUND`, an answer that was too large): the order may have left before. Nor is any code that is not documented."""

REFUSED_BY_THE_BROKER = ErrorCode.ORDER_REJECTED.value
"""Whoever was called said no."""

NEVER_RECEIVED = "never_received"

_REFUSALS = (
    "无可卖数量", "数量不足最小手数", "停牌，无法下单", "无法获取有效价格", "限价单缺少委托价格", "QMT 下单返回错误码",
    "超过额度限制", "买入订单金额低于最小值", "单笔订单金额超限", "当日交易次数超限", "当日交易金额超限",
    "持仓数量超限", "单只股票仓位超限", "idempotency_key 冲突", "idempotency_key 格式非法", "交易写请求缺少",
    "券商服务未启用", "未配置有效的 account_key",
)  # fmt: skip
"""What deployed servers say when they refuse an order before the terminal has it, or the terminal does. The oldest give
every refusal the code `REQUEST_FAILED`, which also stands for everything else that went wrong."""

_submission = msgspec.json.Decoder(Submission)
_resolution = msgspec.json.Decoder(Resolution)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the order."""

    broker_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It does not, and never will."""

    reason: str
    rule: str


@dataclass(frozen=True, slots=True)
class NeverReceived:
    """The server never had the request, and will not take it any more."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Not known. `refusal` is set when the server itself said that it failed."""

    reason: str
    refusal: str = ""


Verdict = Accepted | Refused | NeverReceived | Doubtful


def placed(payload: msgspec.Raw) -> Verdict:
    """An answer to `broker.place_order`."""
    try:
        answer = body.parse(_submission, payload, body.IN_ANSWERS)
    except (msgspec.ValidationError, FrameError) as error:
        return Doubtful(f"服务端的应答无法读取：{error}")
    number = "" if answer.order_id is None else str(answer.order_id)
    if answer.status in status.FAILED:
        return Refused(answer.status_msg or answer.reason or f"委托状态 {answer.status}", "broker")
    if answer.status in (status.SUBMIT_UNKNOWN, status.RECONCILING, "unknown", "pending"):
        return Doubtful(answer.reason or answer.warning or "服务端不知道委托的结果")
    if not number or number.startswith("-"):
        return Doubtful("服务端的应答里没有委托编号")
    return Accepted(number)


def failed(error: RemoteError) -> Verdict:
    """An error frame in answer to `broker.place_order`."""
    code = str(error.code)
    told_so = code == ErrorCode.REQUEST_FAILED and any(one in error.text for one in _REFUSALS)
    before = code in BEFORE_THE_BROKER and not error.broker_called
    if error.broker_called is False or code == REFUSED_BY_THE_BROKER or before or told_so:
        return Refused(error.text, code.lower())
    return Doubtful(error.text, error.text if code == ErrorCode.REQUEST_FAILED else "")


def resolved(payload: msgspec.Raw, key: str, asked: PlaceOrder) -> Verdict:
    """An answer to `broker.resolve_submission`: counts only where it is about this very request."""
    try:
        answer = body.parse(_resolution, payload, body.IN_ANSWERS)
    except (msgspec.ValidationError, FrameError) as error:
        return Doubtful(f"服务端的应答无法读取：{error}")
    if answer.idempotency_key not in ("", key) or answer.write_action not in ("", PLACE):
        return Doubtful("服务端的查询结果属于另一个请求")
    if answer.status == "accepted":
        return _accepted(answer, asked)
    if answer.status == "rejected":
        if answer.reason == NEVER_RECEIVED:
            return NeverReceived()
        return Refused(answer.reason or "服务端拒绝", "broker")
    return Doubtful(answer.reason or "服务端还不知道委托的结果")


def _accepted(answer: Resolution, asked: PlaceOrder) -> Verdict:
    told = answer.resolved_result
    number = str(answer.order_id or "")
    if not number or told is None:
        return Doubtful("服务端的查询结果里没有委托")
    same = (
        told.security is not None
        and normalize(told.security) == Code(asked.security)
        and (told.side or "").upper() == asked.side
        and told.amount == asked.amount
    )
    return Accepted(number) if same else Doubtful("服务端的查询结果与委托不符")
