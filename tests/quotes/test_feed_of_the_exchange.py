"""What only the exchange may see of a replay: the minute in progress, the book, the auctions."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.exchange_feed import Auction
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.testing.fake_market import FakeMarket

DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
CODE, HALTED, PLAIN = Code("600000.XSHG"), Code("000002.XSHE"), Code("000001.XSHE")
MINUTES = [(10 + n / 1000, 11.0, 9.0, 10.5, 100 * (n + 1)) for n in range(240)]
TICKS = [
    (datetime(2025, 6, 3, 9, 20), 9.9, 0),
    (datetime(2025, 6, 3, 9, 25, 1), 10.1, 700),
    (datetime(2025, 6, 3, 9, 30, 3), 10.2, 900),
    (datetime(2025, 6, 3, 9, 30, 6), 10.3, 1200),
]


class Recorded(FakeMarket):
    """The same tables, as a source that recorded them."""

    synthetic = False


def market(kind: type[FakeMarket] = FakeMarket) -> FakeMarket:
    return (
        kind()
        .add(CODE, {DAY: MINUTES, NEXT: 10.0}, prev_close=10.0, ticks={DAY: TICKS})
        .add(PLAIN, {DAY: MINUTES}, prev_close=10.0)
        .add(HALTED, {DAY: None}, prev_close=10.0)
    )


class World:
    def __init__(self, source: FakeMarket | None = None, ticks_everywhere: bool = False) -> None:
        self.clock, self.queue = VirtualClock(datetime.combine(DAY, time())), TimerQueue()
        timers = ClockTimers(self.clock, self.queue)
        self.feed = HistoryFeed(source or market(), exchange_calendar(), timers, ticks_everywhere)
        self.feed.open_day(DAY)

    def go(self, at: str) -> HistoryFeed:
        until = datetime.combine(DAY, time.fromisoformat(at))
        while (due := self.queue.next_due()) is not None and due <= until:
            self.clock.wait(Inbox(), due)
            self.feed.advance(due)
            timer = self.queue.pop_due(due)
            assert timer is not None
            assert timer.action is not None
            timer.action()
        self.clock.wait(Inbox(), until)
        self.feed.advance(until)
        return self.feed


def start(clock: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock))


@pytest.mark.parametrize(
    ("clock", "index"), [("09:30", 0), ("10:00", 30), ("11:29", 119), ("13:00", 120), ("14:59", 239)]
)
def test_a_minute_is_asked_for_by_its_start(clock: str, index: int) -> None:
    bar = World().go("15:00").minute(CODE, start(clock))
    assert bar is not None
    assert (bar.start, bar.open, bar.volume) == (start(clock), MINUTES[index][0], MINUTES[index][4])
    assert (bar.end - bar.start).total_seconds() == 60


@pytest.mark.parametrize(
    ("code", "when"),
    [
        (CODE, start("09:29")),
        (CODE, start("11:30")),
        (CODE, start("12:59")),
        (CODE, start("15:00")),
        (CODE, start("10:00", NEXT)),
        (HALTED, start("10:00")),
        (Code("600999.XSHG"), start("10:00")),
    ],
)
def test_there_is_none_where_nothing_trades(code: Code, when: datetime) -> None:
    assert World().go("15:00").minute(code, when) is None


class TestWhichCodesAreMatchedOnSnapshots:
    def test_of_an_invented_source_those_the_strategy_watches(self) -> None:
        feed = World().go("10:00")
        assert not feed.uses_ticks(CODE)
        feed.subscribe([CODE, PLAIN], lambda _: None)
        assert feed.uses_ticks(CODE)
        assert not feed.uses_ticks(PLAIN)  # it has none
        feed.unsubscribe([CODE])
        assert not feed.uses_ticks(CODE)

    def test_of_a_recorded_source_all_that_have_them(self) -> None:
        feed = World(market(Recorded)).go("10:00")
        assert [feed.uses_ticks(code) for code in (CODE, PLAIN, HALTED)] == [True, False, False]

    def test_all_where_the_composition_says_so(self) -> None:
        assert World(ticks_everywhere=True).go("10:00").uses_ticks(CODE)


def test_the_newest_snapshot_is_shown_and_later_ones_follow_once() -> None:
    world = World(ticks_everywhere=True)
    feed = world.go("09:30:04")
    shown = feed.snapshot(CODE)
    assert shown is not None
    assert shown.current == 10.2
    assert feed.snapshot(PLAIN) is None
    seen: list[Tick] = []
    feed.follow(CODE, seen.append)
    world.go("09:31")
    assert [tick.current for tick in seen] == [10.3]


def test_what_the_exchange_follows_is_apart_from_what_the_strategy_watches() -> None:
    world = World(ticks_everywhere=True)
    feed = world.go("09:26")
    strategy: list[Tick] = []
    exchange: list[Tick] = []
    feed.subscribe([CODE], strategy.append)
    feed.follow(CODE, exchange.append)
    world.go("09:30:04")
    feed.unfollow(CODE)
    feed.unfollow(CODE)
    world.go("15:00")
    assert [tick.current for tick in strategy] == [10.2, 10.3]
    assert [tick.current for tick in exchange] == [10.2]


class TestAuctions:
    @pytest.mark.parametrize(
        ("clock", "ticks", "expected"),
        [
            ("09:24:59", False, None),
            ("09:25", False, Auction(10.0, 100)),
            ("09:24:59", True, None),
            ("09:25", True, Auction(10.1, 700)),
        ],
    )
    def test_the_opening_call_is_known_from_0925(self, clock: str, ticks: bool, expected: Auction | None) -> None:
        assert World(ticks_everywhere=ticks).go(clock).opening_auction(CODE) == expected

    @pytest.mark.parametrize(("clock", "expected"), [("14:59:59", None), ("15:00", Auction(10.5, 71_700))])
    def test_the_closing_call_from_1500_with_the_volume_of_its_minutes(
        self, clock: str, expected: Auction | None
    ) -> None:
        assert World().go(clock).closing_auction(CODE) == expected

    def test_a_suspended_security_has_none(self) -> None:
        feed = World().go("15:00")
        assert feed.opening_auction(HALTED) is feed.closing_auction(HALTED) is None
