"""How fast orders follow each other at an account (`MAX_ORDER_RATE`). Runs on the account's thread, which never waits.

An order above the rate stands in line for its turn, a few seconds at most: much less than any client waits for its
answer, so that none leaves after its client gave up. To refuse it at once would lose orders of clients who keep the
same rate themselves, since a second of theirs arrives here within less. While it stands in line nothing is written
down: its client may be gone, its deadline over or its key closed when its turn comes. Cancels never wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from bullet_trade.engine.rate_limit import LastSecond, for_orders
from bullet_trade.market.refusal import Refusal
from bullet_trade.ports.clock import Rank
from bullet_trade.server.owner import Owner
from bullet_trade.server.reply import Reply, refuse_unknown

LONGEST_WAIT_S = 3.0
"""Older clients wait 60 s for the answer to an order, ours 10 s."""


class TooFastError(Exception):
    """The order has to wait `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class _InLine(NamedTuple):
    reply: Reply
    attempt: Callable[[float], None]
    since_s: float


@dataclass(slots=True)
class Pace:
    """What left within the last second, and who waits. `rate` 0 holds nothing back."""

    owner: Owner
    rate: int
    _second: LastSecond = field(init=False)
    _line: deque[_InLine] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._second = LastSecond(self.owner.clock.monotonic)

    def sent(self) -> None:
        """An order or a cancel leaves."""
        if self.rate:
            self._second.sent()

    def check(self, orders: int, waited_s: float) -> Refusal | None:
        """No for `orders` that never fit into a second or have `waited_s` too long; None lets them leave.

        Raises `TooFastError` where they have to wait.
        """
        most = for_orders(self.rate)
        free_at = self._second.free_at(orders, most) if self.rate else None
        if free_at is None:
            return None
        wait_s = free_at - self.owner.clock.monotonic()
        if waited_s + wait_s <= LONGEST_WAIT_S:
            raise TooFastError(wait_s)
        value = f"一秒内已申报 {self._second.count()} 笔，再加 {orders} 笔"
        bound = f"每秒上限 {self.rate} 笔，其中 {self.rate - most} 笔留给撤单"
        instead = "请过几秒再下单" if orders <= most else f"请减少数量（这一单要拆成 {orders} 笔）"
        return Refusal("max_order_rate", value, bound, f"{instead}，或调整 MAX_ORDER_RATE 后重新启动服务端")

    # -- the line --------------------------------------------------------------------------------------------------

    def run(self, reply: Reply, attempt: Callable[[float], None]) -> None:
        """Call `attempt` with the seconds that it has waited, now or when its turn comes; it may raise `TooFastError`,
        also again."""
        if not self._line:
            try:
                attempt(0.0)
            except TooFastError as error:
                self._later(error.seconds)
            else:
                return
        self._line.append(_InLine(reply, attempt, self.owner.clock.monotonic()))

    def _later(self, seconds: float) -> None:
        when = self.owner.clock.now() + timedelta(seconds=seconds)
        self.owner.timers.at(when, Rank.MARKET, self._advance)

    def _advance(self) -> None:
        while self._line:
            reply, attempt, since_s = self._line[0]
            try:
                if not reply.dead:
                    attempt(self.owner.clock.monotonic() - since_s)
            except TooFastError as error:
                self._later(error.seconds)
                return
            except Exception:
                self._line.popleft()
                self._later(0.0)
                refuse_unknown(reply)
                raise
            self._line.popleft()
