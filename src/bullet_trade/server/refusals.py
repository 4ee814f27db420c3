"""Texts of error frames, made safe for the clients that react to certain words in them."""

from __future__ import annotations

from bullet_trade.remote.errors import ErrorCode, RemoteError

# An old long-lived client sends the request again, orders included, where a message contains one of the first three.
# The stand-alone client takes a refusal that contains one of the others for an order of unknown fate.
_TRAPS = {
    "连接已断开": "连接断开了",
    "writer 未初始化": "writer 没有初始化",
    "连接尚未就绪": "连接还没有就绪",
    "超时": "逾时",
}


def harmless(text: str) -> str:
    """`text` without the words that make a client do something about it."""
    for trap, word in _TRAPS.items():
        text = text.replace(trap, word)
    place = text.lower().find("timeout")
    while place >= 0:
        text = f"{text[:place]}time-out{text[place + 7 :]}"
        place = text.lower().find("timeout")
    return text


def rejection(text: str, broker_called: bool) -> RemoteError:
    """An order that was refused for certain."""
    return RemoteError(ErrorCode.ORDER_REJECTED, harmless(text or "委托被拒绝"), broker_called)


def unavailable(reason: str, write: bool) -> RemoteError:
    """The broker cannot be asked now."""
    return RemoteError(ErrorCode.QMT_UNAVAILABLE, f"券商暂时不可用：{reason}", False if write else None)
