"""Snapshots pushed by a terminal, through the vendor's real layer, and what is done when they stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from threading import get_ident

import pytest
from quote_room import BANK, PAB, TERMS, TODAY, needs_wheel, room

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.quotes.live import SILENT_S, LiveQuotes

pytestmark = needs_wheel
CHECKING = replace(TERMS, check_s=0.0)
"""Compares what was pushed with what the terminal shows in each round."""


def calls(here, name: str) -> int:
    return here.desk.calls.count(name)


def test_a_subscription_brings_the_present_snapshot_and_then_each_new_one() -> None:
    with room() as here:
        here.desk.push(BANK, 10.1)
        here.follow(BANK)
        here.desk.push(BANK, 10.2)
        here.desk.push(PAB, 20.2)
        assert here.prices() == [10.1, 10.2]
        assert {tick.code for tick in here.got} == {BANK}


def test_a_push_is_delivered_on_the_vendors_thread_without_asking_it_anything() -> None:
    """G04: a question inside a callback hangs for ever."""
    with room() as here:
        here.follow(BANK)
        threads: list[int] = []
        here.source.subscribe([BANK], lambda _: threads.append(get_ident()))
        here.until(lambda: calls(here, "unsubscribe_quote") == 1)  # of the one before
        here.desk.settle()
        before = [name for name in here.desk.calls if name != "connect"]
        here.desk.push(BANK, 10.2)
        here.desk.settle()
        assert threads and get_ident() not in threads
        assert [name for name in here.desk.calls if name != "connect"] == before


def test_what_is_no_longer_wanted_is_not_delivered_and_its_subscription_ends() -> None:
    with room() as here:
        here.follow(BANK)
        here.follow(PAB)
        here.source.unsubscribe([BANK])
        here.desk.push(BANK, 10.2)
        here.desk.push(PAB, 20.2)
        assert here.prices() == [20.2]
        here.until(lambda: here.client().subscribed() == [(("000001.SZ",), "tick")])


def test_after_a_silent_reconnect_everything_is_subscribed_again() -> None:
    """D13: the vendor's layer connects anew without a word, and nothing is subscribed there."""
    with room() as here:
        here.follow(BANK, PAB)
        first = here.client()
        here.desk.drop_connections()
        here.until(lambda: here.covers((BANK, PAB)))
        assert here.client() is not first
        here.desk.push(BANK, 10.3)
        assert here.prices() == [10.3]


def test_while_the_terminal_is_away_it_is_tried_again_and_found() -> None:
    with room() as here:
        here.follow(BANK)
        here.desk.trouble.down = True
        here.desk.drop_connections()
        here.until(lambda: "无法连接" in here.source._trouble)
        here.desk.trouble.down = False
        here.until(lambda: here.covers((BANK,)))


def test_subscriptions_lost_behind_a_living_connection_are_noticed_and_made_again() -> None:
    """D08: no disconnect is told; the terminal shows newer prices than it has pushed."""
    with room(CHECKING) as here:
        here.desk.push(BANK, 10.0)
        here.follow(BANK)
        assert set(here.prices()) == {10.0}
        here.desk.forget_subscriptions()
        here.pass_s(9)
        here.desk.push(BANK, 10.4)
        here.until(lambda: here.covers((BANK,)))
        here.until(lambda: 10.4 in here.prices())
        here.desk.push(BANK, 10.5)
        assert here.prices()[-1] == 10.5


def test_one_dead_subscription_among_living_ones_is_made_again() -> None:
    """D04: A flows, B is silent."""
    with room(CHECKING) as here:
        here.desk.push(BANK, 10.0)
        here.desk.push(PAB, 20.0)
        here.follow(BANK)
        here.follow(PAB)
        here.desk.settle()
        here.client()._subscriptions.popitem()
        here.pass_s(9)
        here.desk.push(BANK, 10.1)
        here.desk.push(PAB, 20.1)
        here.until(lambda: here.covers((PAB,)))
        here.until(lambda: 20.1 in here.prices())


def test_a_code_that_the_terminal_refuses_does_not_silence_the_others_and_is_tried_again() -> None:
    """D04: B is refused, A and C flow, and B comes back."""
    other = Code("600519.XSHG")
    with room() as here:
        here.desk.trouble.refuse.add("600519.SH")
        here.source.subscribe([BANK, other, PAB], here.got.append)
        here.until(lambda: here.covers((BANK, PAB)))
        here.desk.push(BANK, 10.2)
        here.desk.push(PAB, 20.2)
        assert sorted(here.prices()) == [10.2, 20.2]
        here.desk.trouble.refuse.clear()
        here.until(lambda: here.covers((other,)))


def test_three_thousand_securities_are_one_call_that_the_engine_does_not_wait_for() -> None:
    """G10."""
    codes = [Code(f"60{number:04d}.XSHG") for number in range(3000)]
    with room() as here:
        here.desk.trouble.hang.add("subscribe_whole_quote")
        here.source.subscribe(codes, here.got.append)
        here.desk.release()
        here.until(lambda: here.covers((BANK,)))
        assert here.client().subscribed() == [(("SH", "SZ", "BJ"), "tick")]
        assert calls(here, "subscribe_whole_quote") == 1
        here.desk.push(codes[7], 7.0)
        here.desk.push(PAB, 20.0)
        assert here.prices() == [7.0]
        here.source.unsubscribe(codes)
        here.until(lambda: here.client().subscribed() == [])


def test_going_over_to_the_whole_market_ends_the_single_subscriptions() -> None:
    with room() as here:
        here.follow(BANK)
        here.follow(*[Code(f"60{number:04d}.XSHG") for number in range(1, 60)])
        here.until(lambda: here.client().subscribed() == [(("SH", "SZ", "BJ"), "tick")])
        here.desk.push(BANK, 10.2)
        assert here.prices() == [10.2]


def test_a_malformed_push_and_a_sink_that_raises_do_not_stop_the_next(caplog) -> None:
    """G08."""
    with room() as here:
        here.follow(BANK)
        here.desk.push(BANK, 10.1, askPrice=None)
        here.desk.push(BANK, 10.2)
        assert here.prices() == [10.2]
        here.source.subscribe([PAB], _raising)
        here.until(lambda: here.covers((PAB,)))
        here.desk.push(PAB, 20.1)
        here.desk.push(BANK, 10.3)
        assert here.prices() == [10.2, 10.3]
        assert [record.getMessage() for record in caplog.records if "推送无法处理" in record.getMessage()] == [
            "600000.XSHG 的推送无法处理",
            "000001.XSHE 的推送无法处理",
        ]


def _raising(_: object) -> None:
    raise MemoryError


def test_a_thread_that_died_is_replaced_with_the_next_subscription() -> None:
    """D07."""
    with room() as here:
        here.follow(BANK)
        here.source._closed = True
        here.source._wake.set()
        here.until(lambda: not here.source._thread.is_alive())
        here.source._closed = False
        here.follow(PAB)
        assert here.source._thread.is_alive()


def test_a_terminal_that_hangs_costs_a_question_its_deadline_and_nothing_else() -> None:
    """A19 for quotes: pushes go on meanwhile."""
    with room(replace(TERMS, call_s=0.05, beat_s=5.0)) as here:
        here.follow(BANK)
        here.desk.trouble.hang.update(("get_full_tick", "get_instrument_detail"))
        with pytest.raises(DataError, match="get_full_tick 在时限内没有返回"):
            here.source.snapshot([PAB])
        here.desk.push(BANK, 10.2)
        assert here.prices() == [10.2]
        here.desk.release()
        here.pass_s(6)
        here.desk.push(PAB, 20.2)
        assert here.source.snapshot([PAB])[PAB].current == 20.2


def test_hung_calls_are_counted_and_no_more_are_made_beyond_a_limit() -> None:
    with room(replace(TERMS, call_s=0.02, beat_s=60.0)) as here:
        here.source.snapshot([BANK])
        here.desk.trouble.hang.add("get_full_tick")
        for _ in range(8):
            with pytest.raises(DataError, match="没有返回"):
                here.source.snapshot([BANK])
            here.pass_s(6)
        asked = calls(here, "get_full_tick")
        with pytest.raises(DataError, match="重启 QMT 终端和本程序"):
            here.source.snapshot([BANK])
        assert calls(here, "get_full_tick") == asked


def test_quotes_that_stop_in_the_session_are_told_subscribed_again_and_told_when_back() -> None:
    """D03: the terminal answers, and nothing is pushed any more."""
    with room() as here:
        timers = ClockTimers(here.clock, TimerQueue())
        quotes = LiveQuotes(here.source, here.data, exchange_calendar(), timers, here.notes.append)
        quotes.open_day(TODAY)
        quotes.advance(here.clock.now())
        here.desk.push(BANK, 10.1)
        assert quotes.last_price(BANK) == 10.1
        here.until(lambda: here.covers((BANK,)))
        here.desk.forget_subscriptions()
        here.pass_s(SILENT_S + 1)
        quotes.advance(here.clock.now())
        assert "重新订阅" in here.notes[-1]
        assert quotes.age_s(BANK) == SILENT_S + 1
        here.until(lambda: here.covers((BANK,)))
        here.desk.push(BANK, 10.2)
        here.desk.settle()
        quotes.advance(here.clock.now())
        assert quotes.last_price(BANK) == 10.2


def test_the_cumulative_volume_never_falls_within_a_day() -> None:
    """L05: `volume` is the day's so far, not the last trade's."""
    with room() as here:
        here.follow(BANK)
        for shares in (150_000, 150_000, 480_000, 1_000_050):
            here.desk.push(BANK, 10.0, shares)
        here.desk.settle()
        assert [tick.volume for tick in here.got] == [150_000, 150_000, 480_000, 1_000_050]
        assert {tick.ask_volumes for tick in here.got} == {(1000,) * 5}


def test_the_days_facts_come_with_limits_and_suspension() -> None:
    with room() as here:
        told = here.source.details(BANK)
        assert (told.prev_close, told.high_limit, told.low_limit, told.paused) == (10.239, 11.26, 9.22, False)
        here.desk.details["600000.SH"]["InstrumentStatus"] = 3
        assert here.source.details(BANK).paused
        assert here.source.details(Code("605999.XSHG")).prev_close is None


def test_a_terminal_that_counts_in_other_units_is_refused_at_the_start() -> None:
    with room() as here:
        here.desk.trouble.volume_unit = 1
        here.desk.push(BANK, 10.1, 5_000_000)
        with pytest.raises(UsageError, match=r"成交量单位与预期不符：600000\.XSHG 的一手按 1 计"):
            here.source.opened()


def test_a_terminal_whose_units_are_as_believed_is_accepted_with_and_without_trade() -> None:
    with room() as here:
        here.source.opened()
        here.desk.push(BANK, 10.1, 5_000_000)
        here.desk.push(PAB, 20.0, 0)
        here.source.opened()


def test_no_terminal_at_the_start_is_told_with_what_to_do() -> None:
    with room() as here:
        here.desk.trouble.down = True
        with pytest.raises(UsageError, match=r"连不上 QMT 行情.*启动并登录 QMT"):
            here.source.opened()


def test_closing_ends_subscriptions_and_connection() -> None:
    with room() as here:
        here.follow(BANK)
        client = here.client()
        here.source.close()
        assert client.subscribed() == []
        assert here.desk.clients == []


def test_closing_beside_a_hung_terminal_takes_no_longer_than_its_limits() -> None:
    with room(replace(TERMS, call_s=0.05)) as here:
        here.follow(BANK)
        here.desk.trouble.hang.add("unsubscribe_quote")
        here.source.close()
        assert not here.source._thread.is_alive()


def test_snapshots_are_of_their_own_time() -> None:
    with room() as here:
        here.desk.push(BANK, 10.1, at=datetime(2025, 6, 6, 9, 59, 57))
        assert here.source.snapshot([BANK, PAB])[BANK].datetime == datetime(2025, 6, 6, 9, 59, 57)
        assert PAB not in here.source.snapshot([BANK, PAB])
