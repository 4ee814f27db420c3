"""The day's orders as the terminal's pushes and lists show them, and the reports that follow from it. Pure.

Pushes race: a trade may come before the order's number, an error before the answer, an old status after a new one, and
after a reconnect the whole day comes again. So each order keeps what was proved and what was told, facts are only
added, and an end is told after the fills that belong to it. What a call returned or an error said is a hint; a list or
a push is proof.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date, datetime

import msgspec

from bullet_trade.brokers.qmt.messages import OrderNews, TradeNews
from bullet_trade.brokers.qmt.translate import STATES
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    Cancelled,
    CancelRefused,
    Filled,
    NoAnswer,
    OrderReport,
    Rejected,
)
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket

ALIVE = frozenset({48, 49, 50, 51, 52, 55})
CANCEL_PENDING = frozenset({51, 52})
PART_CANCELLED, FILLED, JUNK = 53, 56, 57
ENDED = frozenset({PART_CANCELLED, 54, FILLED, JUNK})
MOST_STRANGERS = 1000
"""So many orders without our remark are remembered, in case an answer tells that one of them is ours."""


class Tracked(msgspec.Struct):
    """One order of ours. Times are seconds of the adapter's monotonic clock.

    `hung`: the call that sends it never returned. `seen`: a push or a list has shown it. `end` is the status of its
    end, 0 while there is none; `listed` the most shares that the terminal has stated as filled, `filled` those whose
    trades were told.
    """

    tag: str
    code: Code
    side: Side
    amount: int
    submitted_s: float
    market: bool = False
    order_id: int = 0
    hung: bool = False
    seen: bool = False
    accepted: bool = False
    filled: int = 0
    listed: int = 0
    trades: set[str] = msgspec.field(default_factory=set)
    end: int = 0
    reason: str = ""
    over: bool = False
    failure: str = ""
    failed_s: float = 0.0
    cancelling: bool = False
    cancel_answer_s: float | None = None
    cancel_reason: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether its end is known and fills that belong to it are not."""
        short = self.filled < max(self.listed, 1 if self.end == PART_CANCELLED else 0)
        return self.end != 0 and not self.over and (short or (self.end == FILLED and self.filled < self.amount))


class OrderTable:
    """Orders of ours, by tag and by the terminal's number. `prefix` is how tags of this strategy begin."""

    def __init__(
        self,
        prefix: str,
        tell: Callable[[OrderReport], None],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._prefix = prefix
        self._tell = tell
        self._now = now
        self._monotonic = monotonic
        self._by_tag: dict[str, Tracked] = {}
        self._by_id: dict[int, Tracked] = {}
        self._strangers: OrderedDict[int, list[OrderNews | TradeNews]] = OrderedDict()
        self._day = date.min
        self.number_known: Callable[[Tracked], None] = lambda _: None
        """Hears when the terminal's number of an order becomes known."""
        self.rejected: Callable[[Tracked], None] = lambda _: None
        """Hears of each rejection."""
        self.stated_at = datetime(1, 1, 1)
        """When the account was last stated to the engine: fills that are told later were not in it."""

    # -- looking ---------------------------------------------------------------------------------------------------

    def get(self, tag: str) -> Tracked | None:
        """The order under `tag`."""
        return self._by_tag.get(tag)

    def tag_of(self, order_id: int, remark: str) -> str:
        """Our tag of an order in the terminal's list, else its own remark."""
        known = self._by_id.get(order_id)
        return remark or (known.tag if known is not None else "")

    def alive(self) -> list[Tracked]:
        """Orders whose end is not told."""
        return [order for order in self._by_tag.values() if not order.over]

    def seen_numbers(self) -> set[int]:
        """Numbers of the orders that the terminal has shown."""
        return {number for number, order in self._by_id.items() if order.seen}

    def unsettled(self) -> bool:
        """Whether the terminal's lists have to answer a question: missing fills, an error, a cancel without effect."""
        return any(o.incomplete or o.failure or o.cancel_answer_s is not None for o in self.alive())

    def open_day(self, day: date) -> None:
        """Forget what ended on an earlier date; numbers begin anew each day."""
        if day == self._day:
            return
        self._day = day
        self._strangers.clear()
        self._by_tag = {order.tag: order for order in self.alive()}
        self._by_id = {order.order_id: order for order in self._by_tag.values() if order.order_id}

    # -- requests --------------------------------------------------------------------------------------------------

    def submit(self, ticket: OrderTicket) -> Tracked:
        """An order is about to leave."""
        order = Tracked(
            ticket.tag,
            ticket.code,
            ticket.side,
            ticket.amount,
            self._monotonic(),
            ticket.order_type is OrderType.MARKET,
        )
        self._by_tag[ticket.tag] = order
        return order

    def refuse(self, order: Tracked, reason: str, rule: str) -> None:
        """The order did not leave, certainly."""
        order.over = True
        self._tell(Rejected(order.tag, reason, self._now(), rule))

    def may_yet_leave(self, order: Tracked) -> None:
        """The call that sends the order hangs: it may still leave, whatever a list says before."""
        order.hung = True

    def no_answer(self, order: Tracked, reason: str) -> None:
        """The time for an answer is over."""
        if not (order.over or order.seen):
            self._tell(NoAnswer(order.tag, reason, self._now()))

    def absent(self, order: Tracked) -> None:
        """A complete list does not have it. Should that be wrong, its fills are told all the same."""
        order.over = True

    def refuse_cancel(self, tag: str, reason: str) -> None:
        """A request to cancel came to nothing."""
        order = self._by_tag.get(tag)
        if order is not None:
            order.cancelling, order.cancel_answer_s, order.cancel_reason = False, None, ""
        self._tell(CancelRefused(tag, reason, self._now()))

    def lose_sight(self) -> None:
        """The connection is gone: what is alive has to be told anew when it is seen again."""
        for order in self.alive():
            order.accepted = False
            if order.cancelling:
                self.refuse_cancel(order.tag, "连接断开，撤单结果未知")

    # -- hints -----------------------------------------------------------------------------------------------------

    def number(self, tag: str, order_id: int) -> None:
        """The terminal gave the order a number. That proves nothing yet: the order may never have been made."""
        order = self._by_tag.get(tag)
        if order is None or order.order_id or order_id <= 0:
            return
        order.order_id = order_id
        self._by_id[order_id] = order
        for news in self._strangers.pop(order_id, ()):
            self.take(news)
        self.number_known(order)

    def fail(self, tag: str, order_id: int, reason: str) -> None:
        """The terminal said that the order failed; the next list shows whether that is so. Repeats change nothing."""
        order = self._by_tag.get(tag) or self._by_id.get(order_id)
        if order is None or order.over or order.failure:
            return
        order.failure = reason or "终端没有说明原因"
        order.failed_s = self._monotonic()

    def cancel_answered(self, order_id: int, sent: bool, reason: str) -> Tracked | None:
        """The terminal answered a cancel; a "no" is looked up in the next list. The order that is to be looked up."""
        order = self._by_id.get(order_id)
        if order is None or not order.cancelling or sent:
            return None
        order.cancel_answer_s, order.cancel_reason = self._monotonic(), reason
        return order

    # -- proof -----------------------------------------------------------------------------------------------------

    def take(self, news: OrderNews | TradeNews) -> None:
        """A push. Without our remark it is ours only if its number is; a remark of ours from an earlier run is left to
        the next list."""
        order = self._by_tag.get(news.tag) if news.tag else self._by_id.get(news.order_id)
        if order is None:
            if not news.tag:
                self._remember(news)
            return
        if isinstance(news, TradeNews):
            self._take_trade(order, news)
        else:
            self._take_row(order, news)

    def take_lists(self, orders: Sequence[OrderNews], trades: Sequence[TradeNews], asked_s: float) -> None:
        """The lists of the day, asked at `asked_s`. Orders of earlier runs come in as they stand: what they went
        through is told by the account's snapshot."""
        for row in orders:
            if row.tag and row.tag.startswith(self._prefix) and row.tag not in self._by_tag:
                self._adopt(row, [trade for trade in trades if trade.order_id == row.order_id])
        for trade in trades:
            self.take(trade)
        for row in orders:
            self.take(row)
        listed = {row.order_id: row for row in orders}
        tags = {row.tag for row in orders if row.tag}
        for order in self.alive():
            found = listed.get(order.order_id)
            self._settle_failure(order, found is not None or order.tag in tags, asked_s)
            if found is not None:
                self._settle_cancel(order, found, asked_s)

    def _settle_failure(self, order: Tracked, present: bool, asked_s: float) -> None:
        if not order.failure or order.over or order.failed_s > asked_s:
            return
        if not present and not order.seen:
            self._reject(order, order.failure)
        order.failure = ""

    def _settle_cancel(self, order: Tracked, row: OrderNews, asked_s: float) -> None:
        if order.cancel_answer_s is None or order.cancel_answer_s > asked_s or order.over:
            return
        if row.status in ALIVE and row.status not in CANCEL_PENDING:
            state = STATES.get(row.status, "")
            self.refuse_cancel(order.tag, order.cancel_reason or f"撤单没有生效，委托仍是{state}")

    def _adopt(self, row: OrderNews, trades: Sequence[TradeNews]) -> None:
        order = Tracked(row.tag, row.code, row.side, row.amount, self._monotonic(), order_id=row.order_id)
        order.seen = order.accepted = True
        order.trades = {trade.trade_id for trade in trades}
        order.filled = sum(trade.amount for trade in trades)
        order.listed = row.filled
        order.over = row.status in ENDED
        order.end = row.status if order.over else 0
        self._by_tag[row.tag] = order
        self._by_id.setdefault(row.order_id, order)

    def _take_row(self, order: Tracked, row: OrderNews) -> None:
        if not _same(order, row) or (order.order_id and row.order_id != order.order_id):
            return  # another order under our remark: the engine's reconciliation names it
        if row.status not in ALIVE and row.status not in ENDED:
            return  # 255 and the like say nothing
        order.seen = True
        self.number(order.tag, row.order_id)
        order.listed = max(order.listed, row.filled)
        if row.status in ENDED and not order.end:
            order.end, order.reason = row.status, row.reason
        elif row.status in ALIVE and not order.end and not order.accepted and not order.over:
            order.accepted = True
            self._tell(Accepted(order.tag, str(row.order_id), self._now()))
        self._conclude(order)

    def _take_trade(self, order: Tracked, trade: TradeNews) -> None:
        wrong = (trade.code[:6], trade.side) != (order.code[:6], order.side)
        if wrong or trade.trade_id in order.trades or (order.order_id and trade.order_id != order.order_id):
            return
        order.trades.add(trade.trade_id)
        order.seen = True
        self.number(order.tag, trade.order_id)
        order.filled += trade.amount
        now = self._now()
        # Never before the account that was stated last, which did not hold this fill: terminals count in seconds.
        at = min(max(trade.at or now, self.stated_at), now)
        self._tell(Filled(order.tag, trade.trade_id, trade.amount, trade.price, at, trade.fee))
        self._conclude(order)

    def _conclude(self, order: Tracked) -> None:
        """Tell the end, once it is known and all fills before it are."""
        if order.over:
            return
        if order.filled >= order.amount:
            order.over = True  # the fills themselves have told it
        elif order.end and not order.incomplete:
            if order.end == JUNK:
                self._reject(order, order.reason or order.failure or "废单，终端没有说明原因")
            else:
                order.over = True
                self._tell(Cancelled(order.tag, order.reason or STATES[order.end], self._now()))

    def _reject(self, order: Tracked, reason: str) -> None:
        order.over, order.reason = True, reason
        self._tell(Rejected(order.tag, reason, self._now(), "broker"))
        self.rejected(order)

    def _remember(self, news: OrderNews | TradeNews) -> None:
        self._strangers.setdefault(news.order_id, []).append(news)
        while len(self._strangers) > MOST_STRANGERS:
            self._strangers.popitem(last=False)


def _same(order: Tracked, row: OrderNews) -> bool:
    # A bare code was read as the likeliest security, so only its digits count.
    return (order.code[:6], order.side, order.amount) == (row.code[:6], row.side, row.amount)
