"""What an error frame proves about an order: the codes of wire document 4.1, those of our own server, and others."""

from __future__ import annotations

import pytest

from bullet_trade.brokers.qmt_remote.answers import Doubtful, Refused, failed
from bullet_trade.remote.errors import ErrorCode, RemoteError

MISSING = None

# (code, whether the order certainly does not exist when the server does not say whether it called the broker, and when
# it says that it did). Where it says that it did not, every code is definite.
DOCUMENTED = [
    ("AUTH_FAILED", True, False),
    ("SERVER_BUSY", True, False),
    ("UNSUPPORTED", True, False),
    ("REQUEST_TIMEOUT", False, False),
    ("REQUEST_FAILED", False, False),
    ("QMT_UNAVAILABLE", True, False),
    ("QMT_RECONNECTING", True, False),
    ("IDEMPOTENCY_CONFLICT", True, False),
    ("IDEMPOTENCY_CACHE_FULL", True, False),
    ("BIG_QMT_GATEWAY_ERROR", False, False),
    ("BIG_QMT_GATEWAY_UNAVAILABLE", False, False),
    ("BIG_QMT_GATEWAY_TIMEOUT", False, False),
    ("HTTP_401", True, False),
    ("HTTP_403", True, False),
    ("HTTP_404", False, False),
    ("HTTP_408", False, False),
    ("HTTP_500", False, False),
    ("HTTP_502", False, False),
    ("HTTP_503", False, False),
    ("HTTP_504", False, False),
    ("NOT_FOUND", False, False),
    ("NOT_IMPLEMENTED", True, False),
    ("TRADING_DISABLED", True, False),
    ("QMT_NOT_READY", True, False),
    ("ACCOUNT_NOT_CONFIGURED", True, False),
    ("BAD_REQUEST", True, False),
    ("VIRTUAL_ACCOUNT_MISMATCH", True, False),
    ("DANGEROUS_OPERATION_DISABLED", True, False),
    ("GATEWAY_BUSY", False, False),
    # Refusals of a cancel: as an answer to an order they make no sense, and prove nothing.
    ("CANCEL_ORDER_DISABLED", False, False),
    ("MISSING_ORDER_ID", False, False),
    ("ORDER_NOT_CANCELABLE", False, False),
]
OURS = [
    ("ACCOUNT_UNKNOWN", True, False),
    ("FORBIDDEN", True, False),
    ("ORDER_INVALID", True, False),
    ("ORDER_REJECTED", True, True),
    ("ORDER_RISK", True, False),
    ("SUB_ACCOUNT_LIMIT", True, False),
    ("REQUEST_EXPIRED", True, False),
    ("TOO_MANY_REQUESTS", True, False),
    ("RESPONSE_TOO_LARGE", False, False),
]
OTHERS = [(code, False, False) for code in ("QMT_TIMEOUT", "TERMINAL_TIMEOUT", "OF_TOMORROW", "")]


@pytest.mark.parametrize(("code", "unsaid", "called"), [*DOCUMENTED, *OURS, *OTHERS])
def test_a_code_is_a_refusal_only_where_that_is_known(code: str, unsaid: bool, called: bool) -> None:
    for broker_called, definite in ((MISSING, unsaid), (True, called), (False, True)):
        verdict = failed(RemoteError(code, "说明", broker_called))
        assert isinstance(verdict, Refused) is definite, (code, broker_called)
        assert verdict.reason == "说明"


def test_every_code_of_our_own_is_in_the_table() -> None:
    assert {code.value for code in ErrorCode} <= {code for code, *_ in (*DOCUMENTED, *OURS)}


@pytest.mark.parametrize(
    ("code", "text", "definite"),
    [
        ("REQUEST_FAILED", "000001.XSHE 停牌，无法下单", True),
        ("REQUEST_FAILED", "QMT 下单返回错误码: -1", True),
        ("REQUEST_FAILED", "❌ 单笔订单金额超限: 1 > 0", True),
        ("REQUEST_FAILED", "list index out of range", False),
        ("REQUEST_TIMEOUT", "请求超时（>60s）：停牌，无法下单", False),
        ("HTTP_500", "停牌，无法下单", False),
    ],
)
def test_the_oldest_servers_refuse_by_their_words(code: str, text: str, definite: bool) -> None:
    """Wire document 4.2: 0.9.2 has one code for everything that fails."""
    assert isinstance(failed(RemoteError(code, text)), Refused) is definite


def test_only_a_server_that_failed_itself_is_believed_sooner() -> None:
    assert failed(RemoteError("REQUEST_FAILED", "内部错误")) == Doubtful("内部错误", "内部错误")
    assert failed(RemoteError("QMT_TIMEOUT", "终端没有应答", True)) == Doubtful("终端没有应答")
