"""Stop orders: held by the engine, placed as real orders when the last price reaches them, valid for the day.

The number of a stop order is reserved when it is given, and its real orders carry it as their parent: a journal that
shows such an order proves that the stop was triggered, so that no restart places it twice. Nothing is set aside for a
stop order before it is triggered. It is not watched while the engine is not running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.recovery import Record
from bullet_trade.engine.timers import TimerQueue
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.journal import Journal

GIVEN, OVER = "stop_order", "stop_order_over"
"""Kinds of journal records."""

EXPIRED = "当日有效，已过期"

WATCH_EVERY = timedelta(seconds=3)
"""The exchanges publish snapshots at this interval."""

SESSIONS = ((time(9, 30), time(11, 30)), (time(13), time(15)))
CLOSE = SESSIONS[-1][1]


class StopOrder(msgspec.Struct, frozen=True):
    """One stop order. `rising`: it waits for the price to rise to `stop`. `limit` 0: a market order is placed."""

    number: OrderId
    code: Code
    side: Side
    amount: int
    rising: bool
    stop: Price
    limit: Price
    pindex: int
    at: datetime

    @property
    def order_type(self) -> OrderType:
        """What is placed when the price is reached."""
        return OrderType.LIMIT if self.limit else OrderType.MARKET

    def shadow(self) -> Order:
        """It as an order that never left, for those who list orders."""
        return Order(
            order_id=self.number,
            parent_id=self.number,
            tag="",
            code=self.code,
            side=self.side,
            amount=self.amount,
            order_type=self.order_type,
            limit_price=self.limit,
            created_at=self.at,
            reference_price=self.stop,
        )

    def reached(self, last: Price) -> bool:
        """Whether the last price triggers it."""
        return last > 0 and (last >= self.stop if self.rising else last <= self.stop)


class _Over(msgspec.Struct):
    number: OrderId


Place = Callable[[StopOrder], Sequence[Order]]


class StopOrders:
    """The stop orders of the current date. Engine thread only; checked between callbacks of the strategy."""

    def __init__(
        self,
        timers: TimerQueue,
        journal: Journal,
        now: Callable[[], datetime],
        last_price: Callable[[Code], Price],
        place: Place,
        warn: Callable[[str], None],
        held: Callable[[], bool],
    ) -> None:
        """While `held` says so, nothing is triggered: the stop orders go on waiting."""
        self._timers = timers
        self._journal = journal
        self._now = now
        self._last_price = last_price
        self._place = place
        self._warn = warn
        self._held = held
        self._waiting: dict[OrderId, StopOrder] = {}
        self.orders: dict[OrderId, list[Order]] = {}
        """Today's stop orders by number: what was placed, or the stop order itself while nothing was."""
        self._armed = False
        self._blind: set[OrderId] = set()
        """Those whose price could not be read at the last look."""

    def add(self, stop: StopOrder) -> list[Order]:
        """Write it down and watch it from the next look on; the list that will hold what is placed."""
        self._journal.append(stop.at, GIVEN, stop)
        self._journal.barrier()
        return self._hold(stop)

    def _hold(self, stop: StopOrder) -> list[Order]:
        self._waiting[stop.number] = stop
        parts = self.orders[stop.number] = [stop.shadow()]
        self._arm()
        return parts

    def waiting(self, code: Code | None = None) -> list[StopOrder]:
        """Those that were not triggered yet, of one security or of all."""
        return [stop for stop in self._waiting.values() if code in (None, stop.code)]

    def cancel(self, number: OrderId, reason: str = "已撤销") -> bool:
        """End a waiting stop order; False when there is none of that number."""
        stop = self._waiting.pop(number, None)
        if stop is None:
            return False
        self._end(stop, OrderEvent.PROVED_ABSENT, reason)
        return True

    def open_day(self, day: date) -> None:
        """A date begins, or begins again after a restart: what is left of earlier ones is over."""
        for stop in self.waiting():
            if stop.at.date() != day:
                self.cancel(stop.number, EXPIRED)
        self.orders = {n: parts for n, parts in self.orders.items() if n in self._waiting or parts[0].tag}

    def forget_placed(self, orders: Iterable[Order]) -> None:
        """After a restart: those that have an order were triggered before it."""
        for order in orders:
            if self._waiting.pop(order.parent_id, None) is not None:
                del self.orders[order.parent_id]

    def restore(self, records: Iterable[Record]) -> OrderId:
        """Take up today's stop orders from the journal. Returns the highest number seen, 0 for none."""
        today, highest = self._now().date(), OrderId(0)
        for at, kind, body in records:
            if kind == GIVEN:
                stop = msgspec.json.decode(body, type=StopOrder)
                highest = max(highest, stop.number)
                if at.date() == today:
                    self._hold(stop)
            elif kind == OVER:
                number = msgspec.json.decode(body, type=_Over).number
                self._waiting.pop(number, None)
                self.orders.pop(number, None)
        return highest

    # -- watching --------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            self._timers.add(next_look(self._now()), Rank.HOOK, self._look, repeated=True)

    def _look(self) -> None:
        self._armed = False
        now = self._now()
        for stop in self.waiting():
            if now.time() >= CLOSE or now.date() != stop.at.date():
                self.cancel(stop.number, EXPIRED)
            elif not self._held() and stop.number in self._waiting and self._reached(stop):
                self._trigger(stop)
        if self._waiting:
            self._arm()

    def _reached(self, stop: StopOrder) -> bool:
        try:
            last = self._last_price(stop.code)
        except DataError as error:
            if stop.number not in self._blind:
                self._blind.add(stop.number)
                self._warn(f"条件单 #{stop.number} {stop.code} 看不到价格，继续等待：{error}")
            return False
        self._blind.discard(stop.number)
        return stop.reached(last)

    def _trigger(self, stop: StopOrder) -> None:
        del self._waiting[stop.number]
        placed = self._place(stop)
        if placed:
            self.orders[stop.number][:] = placed
            return
        self._end(stop, OrderEvent.REFUSE, "触发后被拒绝")  # the desk has told why
        self._warn(f"条件单 #{stop.number} {stop.code} 已触发，但委托被拒绝")

    def _end(self, stop: StopOrder, event: OrderEvent, reason: str) -> None:
        now = self._now()
        self._journal.append(now, OVER, {"number": stop.number, "reason": reason})
        self._journal.barrier()
        (shadow,) = self.orders[stop.number]
        shadow.apply(event)
        shadow.reason, shadow.finished_at = reason, now


def next_look(now: datetime) -> datetime:
    """When prices are to be looked at next: in three seconds, or when trading begins; once at the close."""
    then = now + WATCH_EVERY
    for begin, end in SESSIONS:
        if then.time() <= begin:
            return datetime.combine(then.date(), begin)
        if then.time() <= end:
            return then
    return max(then, datetime.combine(then.date(), CLOSE))
