"""What the broker contract suite needs of the world around a broker: a hand on prices, fills, faults and time.

Who wants a broker checked writes one `World` for it: for the built-in exchange it moves a virtual clock, for an adapter
over a fake terminal it tells the terminal what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import Broker, OrderTicket


class Fate(Enum):
    """What shall become of an order, if nobody touches it."""

    FILL = "fill"
    """All of it trades, in one piece or several."""
    REST = "rest"
    """It is accepted and waits."""
    PART = "part"
    """Some of it trades, the rest waits."""
    REJECT = "reject"
    """Broker or exchange refuses it."""


class Ability(Enum):
    """What a broker, or the world around it, may not be able to do; the value is said in the result."""

    MARKET_ORDERS = "市价委托"
    PART_FILLS = "部分成交"
    FILL_BEFORE_CANCEL = "让成交抢在撤单之前"
    LINK = "断开与恢复连接"
    PUSH_AGAIN = "重推当日回报"
    TWICE = "回报重复"
    LATE = "回报迟到"
    SHUFFLED = "回报乱序"
    BY_HAND = "手工委托"
    NEXT_DAY = "进入下一交易日"
    ORDER_LIST = "账户快照带当日委托"
    TRADE_LIST = "账户快照带当日成交"


class Disturbance(Enum):
    """What happens to reports on their way; asked of the factory."""

    NONE = "none"
    TWICE = "twice"
    LATE = "late"
    SHUFFLED = "shuffled"


class World(Protocol):
    """One fresh account in continuous trading, with a broker that is not connected yet.

    The account holds cash for ten orders of 1000 shares of `code`, and `held` shares of it (at least 1000) that may be
    sold. `code` is a share under T+1. Methods are called on one thread.
    """

    broker: Broker
    code: Code
    held: int
    cannot: Mapping[Ability, str]
    """What does not work here, with the reason in Chinese; cards that need it are skipped and say so."""

    def ticket(self, tag: str, side: Side, amount: int, fate: Fate, order_type: OrderType) -> OrderTicket:
        """An order for `amount` shares of `code` that will meet with `fate`; `amount` is a multiple of 500."""

    def fill_rest(self) -> None:
        """What rests trades now, before any request that is made after this call."""

    def run(self, seconds: float) -> None:
        """Let time pass and everything that is due happen; all reports made until then are in the sink afterwards."""

    def next_day(self) -> None:
        """Go on to 10:00 of the next trading day, through the close and the settlement of this one."""

    def lose_link(self) -> None:
        """The connection to the broker breaks."""

    def restore_link(self) -> None:
        """The connection comes back."""

    def push_again(self) -> None:
        """The broker repeats the day's reports."""

    def enter_by_hand(self, side: Side, amount: int) -> None:
        """A person trades `amount` shares of `code` at the terminal, at market."""

    def close(self) -> None:
        """Release what the world holds; called once, after the broker was closed."""


Factory = Callable[[Disturbance], World]
"""Makes a fresh world whose reports are disturbed so; called once per card."""
