"""The simulated exchange: takes the account's orders and matches them as the market moves.

Driven by the engine's timers. Where the feed says so, orders meet snapshots; else minutes. Minutes in which nothing
rests cost nothing. What happens to an order is told to the broker (`Member`), which keeps the account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from bullet_trade.brokers.simulator.day_rules import CLOSE, DayRules
from bullet_trade.brokers.simulator.marks import OPEN, next_mark
from bullet_trade.brokers.simulator.matching import (
    Take,
    as_bar,
    has_book,
    opposite,
    share_of,
    take_at_once,
    take_levels,
    trade_through,
    uncross,
    volume_through,
)
from bullet_trade.brokers.simulator.orders import CounterOrder, Status
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.price_cage import Book
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sessions import Phase
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.exchange_feed import Auction, Bar, ExchangeFeed
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.quotes import Quotes, Tick
from bullet_trade.ports.terms import TradingTerms

_MINUTE = timedelta(minutes=1)

CONTINUOUS = Phase.CONTINUOUS
_CALLS = frozenset({Phase.OPENING_CALL, Phase.OPENING_CALL_NO_CANCEL, Phase.CLOSING_CALL})


@dataclass(frozen=True, slots=True)
class Market:
    """Where the simulated exchange looks: trading, quotes, reference data, the calendar."""

    feed: ExchangeFeed
    quotes: Quotes
    data: MarketData
    calendar: TradingCalendar
    securities: Callable[[Code], Security | None]


class Member(Protocol):
    """The broker, as the exchange sees it."""

    def filled(self, order: CounterOrder, rules: DayRules, amount: int, at_price: Price, at: datetime) -> None:
        """Part or all of the order traded."""

    def ended(self, order: CounterOrder, reason: str, at: datetime) -> None:
        """The rest of the order is gone."""

    def refused(self, order: CounterOrder, refusal: Refusal, at: datetime) -> None:
        """The exchange did not take the order after all."""

    def moved(self) -> None:
        """Orders met the market; said once after each step."""


@dataclass(slots=True)
class OwnBook:
    """The account's working orders in one security, in order of arrival."""

    rules: DayRules
    orders: list[CounterOrder] = field(default_factory=list)
    previous: Tick | None = None
    follows: bool = False


class Exchange:
    """Matches the working orders of one account."""

    def __init__(self, market: Market, timers: Timers, terms: TradingTerms, member: Member) -> None:
        self._feed = market.feed
        self._timers = timers
        self._terms = terms
        self._member = member
        self._books: dict[Code, OwnBook] = {}
        self._mark: datetime | None = None

    # -- orders in and out -----------------------------------------------------------------------------------------

    def enter(self, order: CounterOrder, rules: DayRules, phase: Phase, now: datetime) -> None:
        """Take an order that the broker accepted: it trades, rests, or is held until the exchange takes orders.

        `phase` is the present one of the security.
        """
        if phase is CONTINUOUS:
            self._join_trading(order, rules, now)
        elif phase in _CALLS and order.ticket.order_type is OrderType.LIMIT:
            order.status = Status.REPORTED
            order.arrived = True
        else:
            order.status = Status.WAITING
        if order.alive:
            self._rest(order, rules, now)

    def resume(self, order: CounterOrder, rules: DayRules, now: datetime) -> None:
        """Take back a working order of today after a restart; what traded meanwhile is not made up for."""
        order.since = now
        if not order.arrived:
            order.status = Status.WAITING
        elif order.status in (Status.CANCELLING, Status.PART_CANCELLING):
            order.status = Status.PART_FILLED if order.filled else Status.REPORTED
        self._rest(order, rules, now)

    def clear(self) -> None:
        """Forget all orders: their day is over."""
        for book in list(self._books.values()):
            book.orders.clear()
            self._drop_if_empty(book)

    def withdraw(self, order: CounterOrder) -> None:
        """Forget an order."""
        book = self._books.get(order.ticket.code)
        if book is not None and order in book.orders:
            book.orders.remove(order)
            self._drop_if_empty(book)

    def _rest(self, order: CounterOrder, rules: DayRules, now: datetime) -> None:
        code = order.ticket.code
        book = self._books.get(code)
        if book is None:
            book = self._books[code] = OwnBook(rules)
        book.orders.append(order)
        if not book.follows and self._feed.uses_ticks(code):
            book.follows = True
            book.previous = self._feed.snapshot(code)
            self._feed.follow(code, partial(self._on_tick, book))
        if self._mark is None:
            self._arm(now)

    def _drop_if_empty(self, book: OwnBook) -> None:
        if not book.orders:
            code = book.rules.security.code
            self._books.pop(code, None)
            if book.follows:
                self._feed.unfollow(code)

    # -- continuous trading ----------------------------------------------------------------------------------------

    def _join_trading(self, order: CounterOrder, rules: DayRules, now: datetime) -> None:
        """The order reaches continuous trading. With snapshots it meets the next one: the last one came before it."""
        order.status = Status.REPORTED
        order.since = now
        code = order.ticket.code
        caged = rules.caged and order.ticket.order_type is OrderType.LIMIT
        if self._feed.uses_ticks(code):
            tick = self._feed.snapshot(code)
            if caged and tick is not None:
                self._check_cage(order, rules, _book(tick), now)
            return
        bar = self._feed.minute(code, now.replace(second=0, microsecond=0))
        if bar is None:
            return
        if not caged or self._check_cage(order, rules, Book(last=price(bar.open)), now):
            self._arrive(order, rules, bar, now)

    def _check_cage(self, order: CounterOrder, rules: DayRules, book: Book, now: datetime) -> bool:
        refusal = rules.cage_refusal(order.ticket, book)
        if refusal is not None:
            self._member.refused(order, refusal, now)
        return refusal is None

    def _arrive(self, order: CounterOrder, rules: DayRules, bar: Bar, now: datetime) -> None:
        """The order meets the minute in progress: what can trade does; of a market order the rest is cancelled."""
        order.arrived = True
        ticket = order.ticket
        market = ticket.order_type is OrderType.MARKET
        slip = price(self._terms.slippage_of(rules.security).per_side(bar.open)) if market else Price(0)
        match = take_at_once(ticket.side, bar, Price(order.worst), slip, rules.tick, rules.high, rules.low)
        if match.price:
            self._fill(order, rules, self._left(rules, bar), match.price, now)
        if market and order.alive:
            self._member.ended(order, match.reason or f"成交 {order.filled} 股后对手盘不足，剩余撤销", now)

    def _left(self, rules: DayRules, bar: Bar) -> int:
        """What own orders may still take of a minute's volume."""
        if rules.used_at != bar.start:
            rules.used_at, rules.used = bar.start, 0
        return share_of(bar.volume, self._terms.volume_share, rules.used)

    def _fill(self, order: CounterOrder, rules: DayRules, possible: int, at_price: Price, at: datetime) -> int:
        """Fill as much as is `possible`, in whole steps of the lot unless it is all; the shares filled."""
        rest = order.ticket.amount - order.filled
        if possible >= rest:
            possible = rest
        else:
            possible -= possible % rules.lot.step
            if possible <= 0:
                return 0
        rules.used += possible
        self._member.filled(order, rules, possible, at_price, at)
        return possible

    # -- minutes and marks of the day ------------------------------------------------------------------------------

    def _arm(self, now: datetime) -> None:
        self._mark = next_mark(now)
        if self._mark is not None:
            self._timers.at(self._mark, Rank.MARKET, self._sweep)

    def _sweep(self) -> None:
        """The exchange moves past every mark that has come; several at once after the machine slept."""
        now, mark = self._timers.now(), self._mark
        while mark is not None and mark <= now and self._books:
            for book in list(self._books.values()):
                if mark.date() == now.date():
                    self._turn(book, mark)
                self._close(book, mark)
            mark = next_mark(mark)
        self._mark = None
        if self._books and mark is not None:
            self._mark = mark
            self._timers.at(mark, Rank.MARKET, self._sweep)
        self._member.moved()

    def _turn(self, book: OwnBook, mark: datetime) -> None:
        at, rules = mark.time(), book.rules
        before, phase = rules.phase_before(at), rules.phase(at)
        if before in _CALLS and phase not in _CALLS:
            self._uncross(book, mark, opening=phase is Phase.PRE_CONTINUOUS_GAP)
        elif before is CONTINUOUS and not book.follows:
            bar = self._feed.minute(rules.security.code, mark - _MINUTE)
            if bar is not None:
                self._meet_bar(book, bar)
        if phase is Phase.CLOSING_CALL:
            self._end_market_orders(book, mark)
        else:
            self._release(book, phase, mark)

    def _close(self, book: OwnBook, mark: datetime) -> None:
        if mark.time() >= CLOSE:
            for order in book.orders:
                if order.alive:
                    self._member.ended(order, "收盘未成交，自动撤单", mark)
        self._sweep_out(book)

    def _end_market_orders(self, book: OwnBook, mark: datetime) -> None:
        """A market order that met no snapshot before the closing call has no place in it."""
        for order in book.orders:
            if order.alive and order.ticket.order_type is OrderType.MARKET:
                self._member.ended(order, "进入收盘集合竞价，市价委托撤销", mark)

    def _release(self, book: OwnBook, phase: Phase, mark: datetime) -> None:
        """Orders that the broker held reach the exchange when it takes them."""
        for order in ranked(book.orders):
            if order.status is not Status.WAITING:
                continue
            if phase is CONTINUOUS:
                self._join_trading(order, book.rules, mark)
            elif phase in _CALLS and order.ticket.order_type is OrderType.LIMIT:
                order.status, order.arrived, order.since = Status.REPORTED, True, mark

    def _meet_bar(self, book: OwnBook, bar: Bar) -> None:
        rules = book.rules
        for order in ranked(book.orders):
            if order.status is Status.WAITING or bar.start < order.since:
                continue
            match = trade_through(order.ticket.side, order.ticket.limit_price, bar)
            if match.price:
                self._fill(order, rules, self._left(rules, bar), match.price, bar.end)

    def _uncross(self, book: OwnBook, mark: datetime, opening: bool) -> None:
        code, rules = book.rules.security.code, book.rules
        auction: Auction | None = self._feed.opening_auction(code) if opening else self._feed.closing_auction(code)
        if auction is None:
            return
        at_price = price(auction.price)
        # A minute bar cannot tell the auction from the first minute: both draw on one share of its volume.
        rules.used_at, rules.used = mark.replace(hour=OPEN.hour, minute=OPEN.minute) if opening else mark, 0
        for order in ranked(book.orders):
            if order.status is Status.WAITING or not uncross(order.ticket.side, order.ticket.limit_price, at_price):
                continue
            left = share_of(auction.volume, self._terms.volume_share, rules.used)
            self._fill(order, rules, left, at_price, mark)

    def _sweep_out(self, book: OwnBook) -> None:
        book.orders = [order for order in book.orders if order.alive]
        self._drop_if_empty(book)

    # -- snapshots -------------------------------------------------------------------------------------------------

    def _on_tick(self, book: OwnBook, tick: Tick) -> None:
        before, book.previous = book.previous, tick
        rules = book.rules
        if rules.phase(tick.datetime.time()) is CONTINUOUS:
            self._forget_levels_not_shown(rules, tick)
            rules.used = 0
            rules.used_at = None
            for order in ranked(book.orders):
                if order.status is Status.WAITING or tick.datetime <= order.since:
                    continue
                if order.arrived:
                    self._meet_tick(order, rules, before, tick)
                else:
                    self._arrive_at_tick(order, rules, before, tick)
            self._sweep_out(book)
            self._member.moved()

    def _arrive_at_tick(self, order: CounterOrder, rules: DayRules, before: Tick | None, tick: Tick) -> None:
        ticket = order.ticket
        if not has_book(tick):
            if before is not None and tick.volume > before.volume:
                self._arrive(order, rules, as_bar(before, tick), tick.datetime)
            return
        order.arrived = True
        levels = opposite(ticket.side, tick)
        for take in take_levels(ticket.side, levels, Price(order.worst), order.rest, rules.taken):
            self._take(order, rules, take, take.price, tick.datetime)
        if ticket.order_type is OrderType.MARKET and order.alive:
            reason = f"成交 {order.filled} 股后五档对手盘不足，剩余撤销" if levels else "没有对手盘（封板或停牌），撤销"
            self._member.ended(order, reason, tick.datetime)

    def _meet_tick(self, order: CounterOrder, rules: DayRules, before: Tick | None, tick: Tick) -> None:
        """A resting order trades at its limit: against levels that came to it, or in what traded through it."""
        side, limit = order.ticket.side, order.ticket.limit_price
        for take in take_levels(side, opposite(side, tick), limit, order.rest, rules.taken):
            self._take(order, rules, take, limit, tick.datetime)
        if before is None or not order.alive or before.datetime < order.since:
            return
        volume = volume_through(side, limit, before, tick)
        if volume:
            self._fill(order, rules, share_of(volume, self._terms.volume_share, rules.used), limit, tick.datetime)

    def _take(self, order: CounterOrder, rules: DayRules, level: Take, at_price: Price, at: datetime) -> None:
        filled = self._fill(order, rules, level.amount, at_price, at)
        key = (order.ticket.side, level.price)
        rules.taken[key] = rules.taken.get(key, 0) + filled

    @staticmethod
    def _forget_levels_not_shown(rules: DayRules, tick: Tick) -> None:
        if rules.taken:
            shown = {(side, level.price) for side in Side for level in opposite(side, tick)}
            rules.taken = {key: amount for key, amount in rules.taken.items() if key in shown}


def ranked(orders: list[CounterOrder]) -> list[CounterOrder]:
    """Price before time: market orders first, then better limits; `orders` are in order of arrival, and stay so."""
    if len(orders) < 2:
        return list(orders)
    return sorted(orders, key=_priority)


def _priority(order: CounterOrder) -> tuple[bool, int]:
    ticket = order.ticket
    return (ticket.order_type is OrderType.LIMIT, -ticket.side * ticket.limit_price)


def _book(tick: Tick) -> Book:
    bids, asks = opposite(Side.SELL, tick), opposite(Side.BUY, tick)
    last = price(tick.current) if tick.current > 0 else Price(0)
    return Book(bids[0].price if bids else Price(0), asks[0].price if asks else Price(0), last)
