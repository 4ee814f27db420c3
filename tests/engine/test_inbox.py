"""The one door into the engine thread."""

from __future__ import annotations

import threading
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.reports import LinkUp
from bullet_trade.domain.securities import Code
from bullet_trade.engine.inbox import TICK_BACKLOG, Inbox, StopRequested, TickReady
from bullet_trade.ports.quotes import Tick

NOW = datetime(2025, 6, 3, 10, 0)


def a_tick(code: str, current: float) -> Tick:
    return Tick(code=Code(code), datetime=NOW, current=current)


def everything(inbox: Inbox) -> list[Tick]:
    """Takes messages as the engine does: one tick per mark."""
    taken = []
    while (message := inbox.get()) is not None:
        if isinstance(message, TickReady):
            tick = inbox.take_tick()
            assert tick is not None, "a mark without its tick"
            taken.append(tick)
    assert inbox.take_tick() is None, "a tick without its mark"
    return taken


def test_messages_come_in_the_order_in_which_they_were_put() -> None:
    inbox = Inbox()
    reports = [LinkUp(NOW.replace(second=n)) for n in range(50)]
    for report in reports:
        inbox.put(report)
    inbox.put(StopRequested("测试"))
    assert [inbox.get() for _ in range(51)] == [*reports, StopRequested("测试")]


def test_an_empty_inbox_answers_at_once_or_after_the_time_given() -> None:
    inbox = Inbox()
    assert inbox.empty()
    assert inbox.get() is None
    assert inbox.get(0.001) is None


def test_a_waiting_engine_wakes_when_another_thread_puts() -> None:
    inbox = Inbox()
    threading.Timer(0.01, inbox.put, (StopRequested("别的线程"),)).start()
    assert inbox.get(5.0) == StopRequested("别的线程")


def test_ticks_keep_their_place_among_the_reports() -> None:
    inbox = Inbox()
    inbox.put(LinkUp(NOW))
    inbox.put_tick(a_tick("600000.XSHG", 10.0))
    inbox.put(StopRequested("之后"))
    assert isinstance(inbox.get(), LinkUp)
    assert isinstance(inbox.get(), TickReady)
    assert inbox.get() == StopRequested("之后")


def test_up_to_the_backlog_no_tick_is_lost() -> None:
    inbox = Inbox()
    for number in range(TICK_BACKLOG):
        inbox.put_tick(a_tick("600000.XSHG", number))
    assert [tick.current for tick in everything(inbox)] == list(range(TICK_BACKLOG))
    assert inbox.conflated == 0


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 30))
def test_past_the_backlog_the_newest_of_each_security_is_kept_and_the_rest_counted(
    codes: list[int], between: int
) -> None:
    inbox = Inbox()
    for number in range(TICK_BACKLOG):
        inbox.put_tick(a_tick("old", number))
    for number, code in enumerate(codes):
        inbox.put_tick(a_tick(str(code), number))
        if number == between:
            inbox.get()
            inbox.take_tick()
    taken = [tick for tick in everything(inbox) if tick.code != "old"]
    newest = {str(code): number for number, code in enumerate(codes)}
    assert {tick.code: tick.current for tick in taken} == newest
    assert len(taken) == len(newest)
    assert inbox.conflated == len(codes) - len(newest)


def test_reports_are_never_conflated() -> None:
    inbox = Inbox()
    for _ in range(TICK_BACKLOG + 5):
        inbox.put_tick(a_tick("600000.XSHG", 1.0))
    for _ in range(5):
        inbox.put(LinkUp(NOW))
    count = 0
    while (message := inbox.get()) is not None:
        count += isinstance(message, LinkUp)
    assert count == 5
