"""What the server's own limits see of an account, and the form of such a limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import Order, Side
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.domain.securities import Code, Security
from bullet_trade.server.accounts import SubAccount
from bullet_trade.server.submission_file import CancelNote


class Books(NamedTuple):
    """An account as the server's own limits see it. `orders` are those that left through this server and are of today
    or alive, `cancels` those of today; prices are 0 where none is known."""

    at: datetime
    snapshot: AccountSnapshot | None
    orders: tuple[Order, ...]
    cancels: tuple[CancelNote, ...]
    last_price: Callable[[Code], Price]
    previous_close: Callable[[Code], Price]

    def account_is_young(self, seconds: float) -> bool:
        """Whether the broker stated the account within the last `seconds`."""
        return self.snapshot is not None and self.at - self.snapshot.at <= timedelta(seconds=seconds)


class OrderSeen(NamedTuple):
    """An order as the server's own limits see it, before it leaves, in all its parts together. `price` is 0 where none
    is known."""

    account_key: str
    sub: SubAccount | None
    security: Security
    side: Side
    amount: int
    price: Price
    books: Books
    parts: int = 1


OrderCheck = Callable[[OrderSeen], str]
"""A limit of the server: '' lets the order pass, anything else is the reason why not. Called on the account's thread,
after the key was found to be new and before anything is written down."""


CancelCheck = Callable[[Order, Books], str]
"""As `OrderCheck`, for a cancel."""


def no_limit(_: OrderSeen) -> str:
    """The server has no limits of its own."""
    return ""
