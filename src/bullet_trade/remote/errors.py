"""What can go wrong between the two sides: a peer that breaks the protocol, and a request that is refused."""

from __future__ import annotations

from enum import StrEnum

from bullet_trade.domain.errors import BulletTradeError


class FrameError(BulletTradeError):
    """The peer's bytes cannot be read as the protocol; only closing the connection is safe."""

    code = "BT_FRAME"


class ErrorCode(StrEnum):
    """Codes of error frames. Deployed clients take `REQUEST_FAILED` and `REQUEST_TIMEOUT` on a write for "perhaps
    executed" and every other code for a definite refusal, so those two never stand for a definite refusal of a write.
    """

    AUTH_FAILED = "AUTH_FAILED"
    SERVER_BUSY = "SERVER_BUSY"
    UNSUPPORTED = "UNSUPPORTED"
    REQUEST_FAILED = "REQUEST_FAILED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    QMT_UNAVAILABLE = "QMT_UNAVAILABLE"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    # The codes below are ours.
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"
    FORBIDDEN = "FORBIDDEN"
    ORDER_INVALID = "ORDER_INVALID"
    ORDER_REJECTED = "ORDER_REJECTED"
    ORDER_RISK = "ORDER_RISK"
    SUB_ACCOUNT_LIMIT = "SUB_ACCOUNT_LIMIT"
    REQUEST_EXPIRED = "REQUEST_EXPIRED"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"


class RemoteError(BulletTradeError):
    """A request that was answered with an error frame: raised on the server to send one, on the client on receipt.

    `code` is that of the frame, which may be unknown to `ErrorCode` when an older server sent it. `broker_called` is
    False when the broker certainly was not called, True when it was, None when that is not known.
    """

    def __init__(self, code: str, text: str, broker_called: bool | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.broker_called = broker_called


def refused(code: ErrorCode, text: str) -> RemoteError:
    """A write that was refused before the broker heard of it."""
    return RemoteError(code, text, broker_called=False)
