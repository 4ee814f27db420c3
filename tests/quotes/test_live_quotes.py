"""Quotes of the running market over a source that pushes: what is asked, what is remembered, how old it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from math import inf, isnan

import pytest

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.live import Details, LiveQuotes, TickSink
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2026, 1, 5)
PAB, PUDONG = Code("000001.XSHE"), Code("600000.XSHG")


class Source:
    """A source that knows what a test writes down, and counts what it is asked."""

    def __init__(self, most: int = 200) -> None:
        self.most = most
        self.ticks: dict[Code, Tick] = {}
        self.told = Details()
        self.asked: list[Code] = []
        self.subscribed: list[Code] = []
        self.unsubscribed: list[Code] = []
        self.broken = False
        self.sink: TickSink = lambda _: None

    def subscribe(self, codes: Sequence[Code], sink: TickSink) -> None:
        self.subscribed += codes
        self.sink = sink

    def unsubscribe(self, codes: Sequence[Code]) -> None:
        self.unsubscribed += codes

    def snapshot(self, codes: Sequence[Code]) -> Mapping[Code, Tick]:
        if self.broken:
            raise DataError("没有回答")
        self.asked += codes
        return {code: self.ticks[code] for code in codes if code in self.ticks}

    def details(self, code: Code) -> Details:
        if self.broken:
            raise DataError("没有回答")
        return self.told


class Screen:
    """Live quotes on a clock that a test moves."""

    def __init__(self, source: Source | None = None, at: datetime = datetime(2026, 1, 5, 10, 0)) -> None:
        self.source = source or Source()
        self.clock = VirtualClock(at)
        market = FakeMarket()
        for code in (PAB, PUDONG):
            market.add(code, {date(2025, 12, 31): 10.0, DAY: 10.0}, prev_close=10.0, name="平安")
        self.notes: list[str] = []
        timers = ClockTimers(self.clock, TimerQueue())
        self.quotes = LiveQuotes(self.source, market, exchange_calendar(), timers, self.notes.append)
        self.quotes.open_day(DAY)
        self.quotes.advance(at)

    def pass_s(self, seconds: float) -> None:
        self.clock.wait(Inbox(), self.clock.now() + timedelta(seconds=seconds))
        self.quotes.advance(self.clock.now())

    def push(self, last: float, code: Code = PAB, at: datetime | None = None, **more: float) -> None:
        self.source.sink(Tick(code=code, datetime=at or self.clock.now(), current=last, **more))


def test_the_first_question_asks_the_source_and_later_ones_are_answered_from_pushes() -> None:
    screen = Screen()
    screen.source.ticks[PAB] = Tick(code=PAB, datetime=screen.clock.now(), current=10.1)
    assert screen.quotes.last_price(PAB) == 10.1
    screen.push(10.2)
    screen.pass_s(10)
    assert screen.quotes.last_price(PAB) == 10.2
    assert screen.source.asked == [PAB]
    assert screen.source.subscribed == [PAB]


def test_beyond_what_the_source_takes_each_price_is_asked_for_again_after_three_seconds() -> None:
    screen = Screen(Source(most=1))
    for code in (PAB, PUDONG):
        screen.source.ticks[code] = Tick(code=code, datetime=screen.clock.now(), current=10.0)
        screen.quotes.last_price(code)
    screen.pass_s(1)
    screen.quotes.last_price(PUDONG)
    screen.pass_s(3)
    screen.quotes.last_price(PUDONG)
    assert screen.source.asked == [PAB, PUDONG, PUDONG]


def test_without_a_snapshot_of_today_the_price_is_the_last_close() -> None:
    screen = Screen(at=datetime(2026, 1, 5, 9, 0))
    assert screen.quotes.last_price(PAB) == 10.0
    assert screen.quotes.tick(PAB) is None
    assert isnan(screen.quotes.day_open(PAB))


@pytest.mark.parametrize("late", [datetime(2026, 1, 4, 15, 0), datetime(2026, 1, 6, 9, 30)])
def test_a_snapshot_of_another_day_is_no_price(late: datetime) -> None:
    screen = Screen()
    screen.quotes.tick(PAB)
    screen.push(99.0, at=late)
    assert screen.quotes.last_price(PAB) == 10.0
    assert screen.quotes.misdated == 1


def test_an_earlier_or_repeated_snapshot_changes_nothing_and_is_not_delivered() -> None:
    screen = Screen()
    seen: list[float] = []
    screen.quotes.subscribe([PAB], lambda tick: seen.append(tick.current))
    now = screen.clock.now()
    for last, at in ((10.1, now), (10.1, now), (10.0, now - timedelta(seconds=3)), (10.2, now + timedelta(seconds=3))):
        screen.push(last, at=at)
    assert seen == [10.1, 10.2]


def test_the_age_of_a_price_is_that_of_its_own_time_and_breaks_do_not_count() -> None:
    """D03: the desk refuses orders by it."""
    screen = Screen(at=datetime(2026, 1, 5, 11, 29, 30))
    assert screen.quotes.age_s(PAB) == inf
    screen.push(10.1)
    screen.pass_s(10)
    assert screen.quotes.age_s(PAB) == pytest.approx(10.0)
    screen.pass_s(90 * 60 + 10)  # over the break, to 12:59:50
    assert screen.quotes.age_s(PAB) == pytest.approx(30.0)
    screen.pass_s(20)
    assert screen.quotes.age_s(PAB) == pytest.approx(40.0)


def test_no_price_is_owed_for_a_suspended_security() -> None:
    screen = Screen()
    screen.source.told = Details(paused=True)
    assert screen.quotes.facts(PAB).paused
    assert screen.quotes.age_s(PAB) is None


def test_limits_come_from_the_source_and_else_from_the_rules() -> None:
    ruled = Screen().quotes.facts(PAB)
    assert (ruled.prev_close, ruled.high_limit, ruled.low_limit) == (10.0, 11.0, 9.0)
    screen = Screen()
    screen.source.told = Details(prev_close=20.0, high_limit=24.0, low_limit=16.0)
    told = screen.quotes.facts(PAB)
    assert (told.prev_close, told.high_limit, told.low_limit) == (20.0, 24.0, 16.0)


def test_a_source_that_does_not_answer_is_an_error_and_not_a_price() -> None:
    """I6: nothing may be priced by it."""
    screen = Screen()
    screen.source.broken = True
    with pytest.raises(DataError):
        screen.quotes.last_price(PAB)


def test_silence_in_the_session_is_told_once_and_the_subscriptions_are_renewed() -> None:
    """D03: quotes stop while everything else works."""
    screen = Screen()
    screen.quotes.subscribe([PAB, PUDONG], lambda _: None)
    screen.push(10.0)
    before = len(screen.source.subscribed)
    for _ in range(10):
        screen.pass_s(10)
    assert len(screen.notes) == 1
    assert screen.source.subscribed[before : before + 2] == [PAB, PUDONG]
    assert len(screen.source.subscribed) >= before + 6
    screen.pass_s(1)
    screen.push(10.1)
    screen.pass_s(1)
    assert screen.notes[-1] == "行情恢复"


def test_silence_over_the_break_and_after_the_close_is_none() -> None:
    screen = Screen(at=datetime(2026, 1, 5, 11, 29, 50))
    screen.quotes.subscribe([PAB], lambda _: None)
    screen.push(10.0)
    for _ in range(89):
        screen.pass_s(60)
    assert screen.notes == []


def test_what_nobody_wants_any_more_is_unsubscribed() -> None:
    screen = Screen()
    screen.quotes.subscribe([PAB, PUDONG], lambda _: None)
    screen.quotes.unsubscribe([PAB])
    assert screen.source.unsubscribed == [PAB]
    screen.quotes.open_day(date(2026, 1, 6))
    assert screen.source.subscribed[-1:] == [PUDONG]


def test_a_simulated_account_meets_snapshots_on_the_engines_thread() -> None:
    screen = Screen()
    met: list[float] = []
    screen.quotes.follow(PAB, lambda tick: met.append(tick.current))
    screen.push(10.3)
    assert met == []
    screen.pass_s(1)
    assert met == [10.3]
    screen.quotes.unfollow(PAB)
    assert screen.source.unsubscribed == [PAB]


def test_a_snapshot_that_came_before_the_running_day_was_opened_is_not_delivered_again() -> None:
    """A start in mid-session: the strategy subscribes first, and the renewed subscription repeats the snapshot."""
    screen = Screen()
    got: list[float] = []
    screen.quotes.subscribe([PAB], lambda tick: got.append(tick.current))
    screen.push(10.3)
    screen.quotes.open_day(DAY)
    screen.push(10.3)
    assert got == [10.3]
