"""The built-in exchange as a world for the broker contract suite, on a virtual clock and prices written down here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta

from bullet_trade.brokers.simulator.account import Opening, open_account
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.brokers.simulator.drills import Delay, Drill, Duplicate, Reorder
from bullet_trade.brokers.simulator.faults import DrilledBroker
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ports.broker import Broker, OrderTicket
from bullet_trade.ports.exchange_feed import Auction, Bar, ExchangeFeed
from bullet_trade.ports.quotes import Tick
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.testing.broker_world import Ability, Disturbance, Fate
from bullet_trade.testing.fake_market import FakeMarket

_DAY, _NEXT = date(2025, 6, 3), date(2025, 6, 4)
_PRICE = 10.0
_FAULTS: dict[Disturbance, tuple[Duplicate | Delay | Reorder, ...]] = {
    Disturbance.NONE: (),
    Disturbance.TWICE: (Duplicate(seconds=1.0),),
    Disturbance.LATE: (Delay(seconds=7.0),),
    Disturbance.SHUFFLED: (Reorder(seconds=4.0),),
}
_TICK = timedelta(seconds=3)
_START = datetime.combine(_DAY, time(10))
_DEEP = 1_000_000


class StagedFeed:
    """An `ExchangeFeed` that shows what the world puts on stage, snapshot by snapshot."""

    def __init__(self, code: Code, timers: ClockTimers) -> None:
        self._code = code
        self._timers = timers
        self._sink: Callable[[Tick], None] | None = None
        self.depth = _DEEP
        """Shares at the best ask and at the best bid."""

    def show(self, bid: float, ask: float) -> None:
        """One snapshot, now."""
        if self._sink is not None:
            self._sink(self._tick(bid, ask))

    def _tick(self, bid: float, ask: float) -> Tick:
        return Tick(
            code=self._code,
            datetime=self._timers.now(),
            current=_PRICE,
            ask_prices=(ask,),
            ask_volumes=(self.depth,),
            bid_prices=(bid,),
            bid_volumes=(self.depth,),
        )

    def minute(self, code: Code, start: datetime) -> Bar | None:
        return None

    def uses_ticks(self, code: Code) -> bool:
        return True

    def snapshot(self, code: Code) -> Tick | None:
        return self._tick(*_QUIET)

    def follow(self, code: Code, sink: Callable[[Tick], None]) -> None:
        self._sink = sink

    def unfollow(self, code: Code) -> None:
        self._sink = None

    def opening_auction(self, code: Code) -> Auction | None:
        return None

    def closing_auction(self, code: Code) -> Auction | None:
        return None


_QUIET = (9.99, 10.01)
"""Bid and ask while nothing in particular happens."""
_LIMITS: dict[tuple[Fate, Side], float] = {
    (Fate.FILL, Side.BUY): 10.05,
    (Fate.FILL, Side.SELL): 9.95,
    (Fate.PART, Side.BUY): 10.05,
    (Fate.PART, Side.SELL): 9.95,
    (Fate.REST, Side.BUY): 9.80,
    (Fate.REST, Side.SELL): 10.20,
    (Fate.REJECT, Side.BUY): 12.00,
    (Fate.REJECT, Side.SELL): 8.00,
}


class SimulatedWorld:
    """Implements `broker_world.World` around `SimulatedBroker`, with the layer of drills in between."""

    code = Code("600000.XSHG")
    held = 3000
    cannot: Mapping[Ability, str] = {}

    def __init__(self, disturbance: Disturbance = Disturbance.NONE) -> None:
        self._clock, self._queue = VirtualClock(_START), TimerQueue()
        timers = ClockTimers(self._clock, self._queue)
        market = FakeMarket().add(self.code, {_DAY: _PRICE, _NEXT: _PRICE}, prev_close=_PRICE)
        calendar, terms = exchange_calendar(), TradingTerms(FeeSchedule())
        self._quotes = HistoryFeed(market, calendar, timers)
        self._quotes.open_day(_DAY)
        self.feed = StagedFeed(self.code, timers)
        account = open_account(money(1_000_000), [Opening(self.code, self.held, price(_PRICE))])

        def make(feed: ExchangeFeed) -> Broker:
            seen = Market(feed, self._quotes, market, calendar, self._quotes.security)
            self.simulator = SimulatedBroker(seen, timers, terms, account, report_delay_s=0.5, attend_s=0.5)
            return self.simulator

        drill = Drill(name=disturbance.value, fault=_FAULTS[disturbance])
        self._drilled = DrilledBroker(drill, make, self.feed, timers, terms)
        self.broker: Broker = self._drilled

    def ticket(self, tag: str, side: Side, amount: int, fate: Fate, order_type: OrderType) -> OrderTicket:
        self.feed.depth = amount * 2 // 5 if fate is Fate.PART else _DEEP
        return OrderTicket(tag, self.code, side, amount, order_type, price(_LIMITS[fate, side]))

    def fill_rest(self) -> None:
        self.feed.depth = _DEEP
        self._pass(timedelta(seconds=1))
        self.feed.show(9.60, 9.70)
        self.feed.show(10.30, 10.40)

    def run(self, seconds: float) -> None:
        until = self._clock.now() + timedelta(seconds=seconds)
        self._pass(timedelta(0))
        while self._clock.now() < until:
            self._pass(min(_TICK, until - self._clock.now()))
            self.feed.show(*_QUIET)

    def next_day(self) -> None:
        self._pass(datetime.combine(_NEXT, time(10)) - self._clock.now())
        self._quotes.open_day(_NEXT)

    def lose_link(self) -> None:
        self._drilled.lose_link("网线断开")

    def restore_link(self) -> None:
        self._drilled.restore_link()

    def push_again(self) -> None:
        self._drilled.push_again()

    def enter_by_hand(self, side: Side, amount: int) -> None:
        self.simulator.enter_by_hand(self.code, side, amount)

    def close(self) -> None:
        """Nothing is held."""

    def _pass(self, span: timedelta) -> None:
        """The clock moves by `span`, and what is due on the way happens."""
        until = self._clock.now() + span
        while (due := self._queue.next_due()) is not None and due <= until:
            self._clock.wait(Inbox(), due)
            timer = self._queue.pop_due(self._clock.now())
            if timer is not None and timer.action is not None:
                timer.action()
        self._clock.wait(Inbox(), until)
