"""What the server's answers to an order prove. Pure.

An error frame of a write is a definite refusal, except for two codes that say "perhaps executed". The oldest deployed
servers use one of those for every refusal, so the texts of their refusals are known here.
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

PERHAPS = frozenset({ErrorCode.REQUEST_FAILED.value, ErrorCode.REQUEST_TIMEOUT.value})
NEVER_RECEIVED = "never_received"

_REFUSALS = (
    "无可卖数量", "数量不足最小手数", "停牌，无法下单", "无法获取有效价格", "限价单缺少委托价格", "QMT 下单返回错误码",
    "超过额度限制", "买入订单金额低于最小值", "单笔订单金额超限", "当日交易次数超限", "当日交易金额超限",
    "持仓数量超限", "单只股票仓位超限", "idempotency_key 冲突", "idempotency_key 格式非法", "交易写请求缺少",
    "券商服务未启用", "未配置有效的 account_key",
)  # fmt: skip
"""What deployed servers say when they refuse an order before the terminal has it, or the terminal does."""

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
    if error.broker_called is False or error.code not in PERHAPS or any(one in error.text for one in _REFUSALS):
        return Refused(error.text, str(error.code).lower())
    return Doubtful(error.text, error.text if error.code == ErrorCode.REQUEST_FAILED else "")


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
