"""What is due when, and in which order."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.ports.clock import Rank

T0 = datetime(2025, 6, 3, 9, 30)


def drain(queue: TimerQueue, now: datetime, market_only: bool = False) -> None:
    while (timer := queue.pop_due(now, market_only)) is not None:
        assert timer.action is not None
        timer.action()


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Rank)), max_size=40))
def test_calls_come_by_time_then_rank_then_registration(calls: list[tuple[int, Rank]]) -> None:
    queue, ran = TimerQueue(), []
    for number, (minute, rank) in enumerate(calls):
        queue.add(T0 + timedelta(minutes=minute), rank, lambda key=(minute, rank, number): ran.append(key))
    drain(queue, T0 + timedelta(hours=1))
    assert ran == sorted((minute, rank, number) for number, (minute, rank) in enumerate(calls))
    assert queue.next_due() is None


def test_monthly_comes_before_weekly_before_daily_before_the_hooks_of_the_same_instant() -> None:
    queue, ran = TimerQueue(), []
    for rank in reversed(Rank):
        queue.add(T0, rank, lambda name=rank.name: ran.append(name))
    drain(queue, T0)
    assert ran == ["MARKET", "DAY", "TASK_MONTHLY", "TASK_WEEKLY", "TASK_DAILY", "HOOK", "HOUSEKEEPING"]


def test_nothing_comes_before_its_time() -> None:
    queue = TimerQueue()
    queue.add(T0, Rank.HOOK, lambda: None)
    assert queue.pop_due(T0 - timedelta(microseconds=1)) is None
    assert queue.next_due() == T0


def test_a_cancelled_call_never_comes_and_cancelling_again_is_no_error() -> None:
    queue, ran = TimerQueue(), []
    timer = queue.add(T0, Rank.HOOK, lambda: ran.append("cancelled"))
    queue.add(T0, Rank.HOOK, lambda: ran.append("kept"))
    queue.cancel(timer)
    queue.cancel(timer)
    drain(queue, T0)
    queue.cancel(timer)
    assert ran == ["kept"]


def test_while_the_strategy_waits_only_the_market_and_the_days_marks_move() -> None:
    queue, ran = TimerQueue(), []
    for rank in Rank:
        queue.add(T0 + timedelta(minutes=10 - rank), rank, lambda name=rank.name: ran.append(name))
    assert queue.next_due() == T0 + timedelta(minutes=4)
    assert queue.next_due(market_only=True) == T0 + timedelta(minutes=9)
    drain(queue, T0 + timedelta(hours=1), market_only=True)
    assert ran == ["DAY", "MARKET"]
    drain(queue, T0 + timedelta(hours=1))
    assert ran[2:] == ["HOUSEKEEPING", "HOOK", "TASK_DAILY", "TASK_WEEKLY", "TASK_MONTHLY"]


def test_a_call_registered_by_a_call_of_the_same_instant_still_comes() -> None:
    queue, ran = TimerQueue(), []
    queue.add(T0, Rank.TASK_DAILY, lambda: queue.add(T0, Rank.MARKET, lambda: ran.append("later")))
    drain(queue, T0)
    assert ran == ["later"]


def test_the_port_shows_the_clocks_time_and_cancels_what_it_set() -> None:
    clock, queue = VirtualClock(T0), TimerQueue()
    timers = ClockTimers(clock, queue)
    handle = timers.at(T0, Rank.MARKET, lambda: None)
    assert timers.now() == T0
    timers.cancel(handle)
    timers.cancel(None)
    assert queue.next_due() is None
