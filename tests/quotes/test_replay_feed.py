"""Bars and ticks revealed as the clock moves: what a strategy may know at each instant, and never more."""

from __future__ import annotations

from datetime import date, datetime, time
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.testing.fake_market import FakeMarket

CODE, HALTED, NEW, GONE = (Code(c) for c in ("600000.XSHG", "000002.XSHE", "688001.XSHG", "600001.XSHG"))
FRIDAY, TUESDAY, WEDNESDAY = date(2025, 5, 30), date(2025, 6, 3), date(2025, 6, 4)

RISING = [(9.99 + n / 100, 10.02 + n / 100, 9.98 + n / 100, 10.0 + n / 100, 100 * (n + 1)) for n in range(240)]
"""Minute n of the session, from 0, opens at 9.99 + n fen and closes at 10.00 + n fen."""


def a_market() -> FakeMarket:
    return (
        FakeMarket()
        .add(CODE, {FRIDAY: 9.9, TUESDAY: RISING, WEDNESDAY: 12.0}, prev_close=9.8, name="浦发银行")
        .add(HALTED, {FRIDAY: 8.0, TUESDAY: None, WEDNESDAY: 8.0}, prev_close=8.0, name="*ST 万科")
        .add(NEW, {TUESDAY: 30.0, WEDNESDAY: 31.0}, list_date=TUESDAY)
        .add(GONE, {FRIDAY: 1.0}, prev_close=1.0, end_date=FRIDAY)
    )


class World:
    """A feed on a virtual clock."""

    def __init__(self, at: datetime, market: FakeMarket | None = None) -> None:
        self.clock, self.queue = VirtualClock(at), TimerQueue()
        self.feed = HistoryFeed(market or a_market(), exchange_calendar(), ClockTimers(self.clock, self.queue))
        self.feed.advance(at)
        self.ticks: list[Tick] = []

    def go(self, to: datetime) -> HistoryFeed:
        """Move to an instant as the engine does, opening days on the way."""
        while (due := self.queue.next_due()) is not None and due <= to:
            self.clock.wait(Inbox(), due)
            self.feed.advance(due)
            timer = self.queue.pop_due(due)
            assert timer is not None
            assert timer.action is not None
            timer.action()
        self.clock.wait(Inbox(), to)
        self.feed.advance(to)
        return self.feed


def at(clock: str, day: date = TUESDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock))


def on(day: date, clock: str, market: FakeMarket | None = None) -> HistoryFeed:
    world = World(datetime.combine(day, time()), market)
    world.feed.open_day(day)
    return world.go(at(clock, day))


@pytest.mark.parametrize(
    ("clock", "price"),
    [
        ("00:00", 9.9),  # yesterday's close until the opening price is there
        ("09:15", 9.9),
        ("09:29:59", 9.9),
        ("09:30", 9.99),
        ("09:30:59", 9.99),
        ("09:31", 10.0),
        ("09:32", 10.01),
        ("11:29", 11.18),
        ("11:30", 11.19),
        ("12:59", 11.19),
        ("13:00", 11.19),
        ("13:01", 11.20),
        ("14:59", 12.38),
        ("15:00", 12.39),
        ("23:59", 12.39),
    ],
)
def test_the_latest_price_over_the_day(clock: str, price: float) -> None:
    assert on(TUESDAY, clock).last_price(CODE) == pytest.approx(price)


@pytest.mark.parametrize(
    ("clock", "price"), [("09:15", None), ("09:24", None), ("09:25", 9.99), ("09:30", 9.99), ("14:00", 9.99)]
)
def test_the_opening_price_is_known_from_the_end_of_the_auction_on(clock: str, price: float | None) -> None:
    opened = on(TUESDAY, clock).day_open(CODE)
    assert isnan(opened) if price is None else opened == pytest.approx(price)


class TestFactsOfTheDay:
    def test_reference_price_limits_and_name_are_known_before_the_open(self) -> None:
        facts = on(TUESDAY, "08:00").facts(CODE)
        assert (facts.name, facts.prev_close, facts.high_limit, facts.low_limit) == ("浦发银行", 9.9, 10.89, 8.91)
        assert not facts.paused

    def test_a_suspended_security_keeps_its_last_close_and_says_so(self) -> None:
        feed = on(TUESDAY, "10:00")
        facts = feed.facts(HALTED)
        assert (facts.paused, facts.st, feed.last_price(HALTED)) == (True, True, 8.0)
        assert isnan(feed.day_open(HALTED))

    def test_a_new_listing_on_star_has_no_limits(self) -> None:
        facts = on(WEDNESDAY, "09:00").facts(NEW)
        assert (facts.high_limit, facts.low_limit) == (0.0, 0.0)

    @pytest.mark.parametrize("code", [GONE, Code("600999.XSHG")])
    def test_what_is_not_listed_is_unknown_and_paused(self, code: Code) -> None:
        feed = on(TUESDAY, "10:00")
        assert not feed.known(code)
        assert feed.facts(code).paused
        assert feed.last_price(code) == 0.0

    def test_an_ex_day_has_its_own_reference_price(self) -> None:
        market = FakeMarket().add(CODE, {FRIDAY: 10.0, TUESDAY: 5.0}, prev_close=10.0, references={TUESDAY: 5.0})
        facts = on(TUESDAY, "09:00", market).facts(CODE)
        assert (facts.prev_close, facts.high_limit) == (5.0, 5.5)


@settings(max_examples=60, deadline=None)
@given(minute=st.integers(0, 24 * 60 - 1), changed=st.integers(0, 239))
def test_the_future_changes_nothing_that_is_seen_now(minute: int, changed: int) -> None:
    """Whatever trades in minutes that have not ended, a strategy sees the same."""
    clock = f"{minute // 60:02}:{minute % 60:02}"
    session_minute = changed if changed < 120 else changed + 90
    ends = 9 * 60 + 31 + session_minute
    if ends <= minute:
        return
    other = list(RISING)
    other[changed] = (other[changed][0], 99.0, 1.0, 55.0, 7)
    market = FakeMarket().add(CODE, {FRIDAY: 9.9, TUESDAY: other}, prev_close=9.8)
    seen, same = on(TUESDAY, clock, market), on(TUESDAY, clock)
    assert seen.last_price(CODE) == same.last_price(CODE)
    assert seen.tick(CODE) == same.tick(CODE)
    assert seen.day_open(CODE) == same.day_open(CODE) or minute < 570


class TestBeforeTheFirstDayOpens:
    def test_a_start_in_the_session_sees_the_present_price(self) -> None:
        feed = World(at("10:00")).feed
        assert feed.known(CODE)
        assert feed.last_price(CODE) == pytest.approx(10.29)

    @pytest.mark.parametrize("clock", ["03:00", "14:00", "23:00"])
    def test_a_start_on_a_sunday_sees_the_last_close_and_nothing_of_the_next_session(self, clock: str) -> None:
        feed = World(at(clock, date(2025, 6, 1))).feed
        assert feed.last_price(CODE) == 9.9
        assert isnan(feed.day_open(CODE))
        assert feed.tick(CODE) is None


def test_on_a_weekend_the_last_day_has_been_seen_whole() -> None:
    world = World(at("00:00", FRIDAY))
    world.feed.open_day(FRIDAY)
    feed = world.go(at("10:00", date(2025, 5, 31)))
    assert feed.last_price(CODE) == 9.9


class TestTicks:
    TIMES = (at("09:25"), at("09:30:03"), at("09:30:06"), at("14:59:59"))

    def market(self) -> FakeMarket:
        ticks = {TUESDAY: [(when, 10.0 + n, 100 * n) for n, when in enumerate(self.TIMES)]}
        return FakeMarket().add(CODE, {TUESDAY: 10.0, WEDNESDAY: 10.0}, prev_close=10.0, ticks=ticks)

    @pytest.mark.parametrize(
        ("clock", "price"), [("09:24", None), ("09:25", 10.0), ("09:30:05", 11.0), ("09:30:06", 12.0), ("15:00", 13.0)]
    )
    def test_the_newest_snapshot_not_later_than_now(self, clock: str, price: float | None) -> None:
        tick = on(TUESDAY, clock, self.market()).tick(CODE)
        assert (tick and tick.current) == price

    def test_each_later_snapshot_is_delivered_at_its_time(self) -> None:
        world = World(at("00:00"), self.market())
        world.feed.open_day(TUESDAY)
        world.go(at("09:30:03"))
        world.feed.subscribe([CODE], world.ticks.append)
        world.go(at("15:00"))
        assert [tick.datetime for tick in world.ticks] == list(self.TIMES[2:])

    def test_after_unsubscribing_none_comes(self) -> None:
        world = World(at("00:00"), self.market())
        world.feed.subscribe([CODE], world.ticks.append)
        world.feed.open_day(TUESDAY)
        world.go(at("09:30:03"))
        world.feed.unsubscribe([CODE])
        world.go(at("15:00"))
        assert [tick.datetime for tick in world.ticks] == list(self.TIMES[:2])

    def test_subscribed_before_the_day_opens_each_snapshot_comes_once(self) -> None:
        world = World(at("00:00"), self.market())
        world.feed.subscribe([CODE], world.ticks.append)
        world.feed.open_day(TUESDAY)
        world.go(at("23:00"))
        assert [tick.datetime for tick in world.ticks] == list(self.TIMES)

    def test_without_ticks_each_minute_gives_one_made_of_what_ended(self) -> None:
        world = World(at("00:00"))
        world.feed.open_day(TUESDAY)
        world.feed.subscribe([CODE], world.ticks.append)
        world.go(at("15:01"))
        assert len(world.ticks) == 240
        second = world.ticks[1]
        assert (second.datetime, second.volume) == (at("09:32"), 300)
        assert (second.current, second.high, second.low, second.open) == pytest.approx((10.01, 10.03, 9.98, 9.99))

    def test_what_is_not_listed_delivers_nothing(self) -> None:
        world = World(at("00:00"))
        world.feed.open_day(TUESDAY)
        world.feed.subscribe([GONE, HALTED], world.ticks.append)
        world.go(at("15:01"))
        assert world.ticks == []
