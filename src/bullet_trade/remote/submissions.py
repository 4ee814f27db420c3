"""Idempotency of writes: what a key may look like, and when two requests are the same one."""

from __future__ import annotations

import hashlib
import re

from bullet_trade.remote.errors import ErrorCode, refused
from bullet_trade.remote.trading import CancelOrder, PlaceOrder, Style, is_market, side_of

PLACE = "broker.place_order"
CANCEL = "broker.cancel_order"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,254}")


def check_key(key: str) -> str:
    """`key` as it is. Raises `RemoteError` where deployed servers would refuse its form."""
    if _KEY.fullmatch(key) is None:
        raise refused(
            ErrorCode.ORDER_INVALID,
            f"idempotency_key 格式非法：{key[:64]!r}，要以字母或数字开头，由字母、数字和 ._:@/+- 组成，最长 255 个字符",
        )
    return key


def place_fingerprint(account_key: str, sub_account: str, order: PlaceOrder, amount: int) -> str:
    """What makes two orders the same request; wait, remark and completed prices do not."""
    style = order.style or Style()
    return "|".join(
        (
            PLACE,
            account_key,
            sub_account,
            order.security.strip().upper(),
            side_of(order).name,
            str(amount),
            "market" if is_market(order) else "limit",
            _number(style.price if style.price is not None else order.price),
            _number(style.protect_price),
        )
    )


def cancel_fingerprint(account_key: str, sub_account: str, cancel: CancelOrder) -> str:
    """What makes two cancels the same request."""
    return "|".join((CANCEL, account_key, sub_account, str(cancel.order_id)))


def stand_in_id(key: str) -> str:
    """The order id that is told while no real one is known."""
    return f"submit_unknown:{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))
