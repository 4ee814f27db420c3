"""Where the answer to a request goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bullet_trade.remote.errors import ErrorCode, RemoteError


class Reply(Protocol):
    """Where an answer goes. Both methods may be called from any thread; only the first call counts."""

    @property
    def peer(self) -> str:
        """The address of the client."""

    @property
    def dead(self) -> bool:
        """Whether the client is gone, so that no answer can reach it."""

    def answer(self, payload: bytes) -> None:
        """Answer with a payload that is JSON."""

    def refuse(self, error: RemoteError) -> None:
        """Answer with an error frame."""


def guarded(reply: Reply, act: Callable[[], None]) -> None:
    """Whatever goes wrong in a write, its client hears of it, and as something whose outcome is not known."""
    try:
        act()
    except Exception:
        refuse_unknown(reply)
        raise


def refuse_unknown(reply: Reply) -> None:
    """A write failed at a place where nobody expected it to."""
    reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, "服务端处理委托时发生错误，结果未知，请查询当日委托"))
