"""While the strategy waits, hangs on a broker, or never returns, the rest of the engine goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest

from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import LinkChanged, OrderPlaced, Saved, TaskMissed
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.quotes import Tick
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, cancelled, filled, silence
from bullet_trade.testing.fake_market import FakeMarket

A, B = "000001.XSHE", "600000.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
HEAD = "from jqdata import *\nA, B = '000001.XSHE', '600000.XSHG'\n"


def a_market() -> FakeMarket:
    market = FakeMarket()
    for code in (A, B):
        market.add(code, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0)
    return market


def run(source: str, broker: ScriptedBroker, last: date = DAY, **more: object) -> DaysRun:
    return run_days(HEAD + source, a_market(), DAY, last, broker=broker.on, **more)  # type: ignore[arg-type]


def at(clock: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(clock))


def during(*events: tuple[str, Callable[[], object]]) -> Callable[[Session], None]:
    def prepare(session: Session) -> None:
        for clock, action in events:
            session.parts.timers.add(at(clock), Rank.MARKET, action)

    return prepare


def said(ran: DaysRun) -> list[str]:
    return [f"{when:%H:%M:%S} {text}" for when, text in ran.recorder.said()]


def test_an_order_without_any_answer_becomes_unknown_at_the_limit_and_the_rest_goes_on() -> None:
    """A19: the place call of A hangs for 100 s; ticks, tasks and the cancel of B go on after the wait of 16 s."""
    broker = ScriptedBroker(100_000)
    broker.answers.extend([[accepted()], silence])
    broker.cancel_answers.append([cancelled()])
    ran = run(
        "def initialize(context):\n"
        "    subscribe([A], 'tick')\n"
        "    run_daily(first, '9:59'); run_daily(hang, '10:00'); run_daily(after, '10:00:05')\n"
        "def first(context): g.b = order(B, 100, LimitOrderStyle(9.9), wait_timeout=0)\n"
        "def hang(context): g.a = order(A, 100)\n"
        "def after(context):\n    log.info('%s' % cancel_order(g.b).status)\n"
        "def handle_tick(context, tick):\n    if 600 <= context.current_dt.hour * 60 + context.current_dt.minute < 603:"
        " log.info('tick')\n",
        broker,
    )
    states = {order.code: order.state for order in ran.session.engine.book.orders.values()}
    assert states == {A: OrderState.UNKNOWN, B: OrderState.CANCELLED}
    assert said(ran) == ["10:00:00 tick", "10:00:16 canceled", "10:01:00 tick", "10:02:00 tick"]


def test_ten_orders_to_a_slow_counter_leave_room_for_ticks_saves_and_commands() -> None:
    """G07: replies after two seconds."""
    broker = ScriptedBroker(1_000_000)
    broker.usual = [accepted(after_s=2.0), filled(after_s=2.0)]
    arrived: list[str] = []

    def prepare(session: Session) -> None:
        def tick() -> None:
            session.parts.inbox.put_tick(Tick(code=Code(A), datetime=session.engine.now(), current=10.0))

        during(*((f"10:00:{second:02d}", tick) for second in range(1, 20)))(session)
        during(("10:00:09", lambda: arrived.append(str(len(broker.submitted)))))(session)

    ran = run(
        "def initialize(context): run_daily(trade, '10:00')\n"
        "def trade(context):\n    for n in range(10): log.info(str(order(A, 100).status))\n"
        "def handle_tick(context, tick): log.info('tick')\n",
        broker,
        prepare=prepare,
        autosave_s=10.0,
        start=at("09:55"),
        stop_at=at("10:05"),
    )
    lines = said(ran)
    assert lines[:10] == [f"10:00:{second:02d} held" for second in range(2, 21, 2)]
    assert lines[10:] == ["10:00:20 tick"] * 19  # handed over at once when the callback returns: none lost
    assert arrived == ["5"]  # the world's own timers ran meanwhile
    saves = [event.at for event in ran.recorder.of(Saved) if event.reason == "定时"]
    assert max(b - a for a, b in pairwise(saves)) <= timedelta(seconds=30)


def test_a_stop_request_ends_ten_slow_orders() -> None:
    """G07 V03: the command is read while the order loop runs."""
    broker = ScriptedBroker(1_000_000)
    broker.usual = silence

    def prepare(session: Session) -> None:
        during(("10:00:07", lambda: session.parts.inbox.put(StopRequested("操作员停止"))))(session)

    ran = run(
        "def initialize(context): run_daily(trade, '10:00')\n"
        "def trade(context):\n    for n in range(10): order(A, 100)\n",
        broker,
        prepare=prepare,
    )
    assert ran.reason == "操作员停止"
    assert len(broker.submitted) == 1
    assert ran.session.engine.now() - at("10:00:07") < timedelta(seconds=1)


def test_a_strategy_that_queries_orders_cancels_and_waits_in_each_tick_does_not_hang() -> None:
    """G04: 1000 ticks, with an order and its cancel in each fifth."""
    broker = ScriptedBroker(10_000_000)
    broker.usual = [accepted()]
    broker.cancel_answers.extend([[cancelled()]] * 1000)

    def prepare(session: Session) -> None:
        def burst() -> None:
            for _ in range(1000):
                session.parts.inbox.put_tick(Tick(code=Code(A), datetime=session.engine.now(), current=10.0))

        during(("10:00", burst))(session)

    ran = run(
        "def initialize(context): g.done = 0\n"
        "def handle_tick(context, tick):\n"
        "    g.done += 1\n"
        "    attribute_history(B, 1, '1d', ['close'])\n"
        "    if g.done % 5: return\n"
        "    one = order(B, 100, LimitOrderStyle(9.9), wait_timeout=1)\n"
        "    assert get_open_orders()\n"
        "    assert str(cancel_order(one).status) == 'canceled'\n",
        broker,
        prepare=prepare,
    )
    assert ran.session.g.done == 1000
    assert ran.session.engine.book.open_orders() == []
    assert len(broker.submitted) == len(broker.cancels) == 200


def test_a_subscription_of_three_thousand_codes_is_one_call_to_the_source() -> None:
    """G10: a source that needs time for each call is not asked once for each code; what is known is not asked again."""
    codes = [f"{number:06d}.XSHE" for number in range(1, 3001)]
    calls: list[int] = []

    def prepare(session: Session) -> None:
        subscribe = session.parts.quotes.subscribe

        def counted(codes: list[Code], sink: Callable[[Tick], None]) -> None:
            calls.append(len(codes))
            subscribe(codes, sink)

        session.parts.quotes.subscribe = counted  # type: ignore[method-assign,assignment]

    broker = ScriptedBroker(100_000)
    source = (
        f"def initialize(context): run_daily(watch, '9:00'); run_daily(buy, '9:31')\n"
        f"def watch(context):\n    codes = ['%06d.XSHE' % n for n in range(1, {len(codes) + 1})]\n"
        "    subscribe(codes, 'tick'); subscribe(codes, 'tick'); subscribe([A, B], 'tick')\n"
        "def buy(context): order(A, 100)\n"
    )
    ran = run(source, broker, prepare=prepare)
    assert [number for number in calls if number] == [3000, 1]
    assert [event.at.time() for event in ran.recorder.of(OrderPlaced)] == [time(9, 31)]


@pytest.mark.parametrize("lost", ["09:30", "10:00:07", "14:59:59"])
def test_after_a_lost_link_comes_back_the_strategys_minutes_go_on(lost: str) -> None:
    """D11: at any point of the loop, in an order wait too; a minute task runs each minute, and state is saved."""
    broker = ScriptedBroker(100_000)
    broker.usual = silence
    back = (at(lost) + timedelta(seconds=90)).time().isoformat()
    ran = run(
        "def initialize(context): run_daily(minute, 'every_minute'); run_daily(buy, '10:00:01')\n"
        "def minute(context): log.info('minute')\ndef buy(context): order(A, 100)\n",
        broker,
        prepare=during((lost, broker.lose_link), (back, broker.restore_link)),
        autosave_s=300.0,
        start=at("09:00"),
        stop_at=at("15:10"),
    )
    assert [event.up for event in ran.recorder.of(LinkChanged)] == [False, True]
    assert len([text for _, text in ran.recorder.said() if text == "minute"]) == 240
    assert ran.recorder.of(TaskMissed) == []
    saves = [event.at for event in ran.recorder.of(Saved)]
    assert max(b - a for a, b in pairwise(saves)) <= timedelta(seconds=330)


def test_messages_of_another_thread_are_read_while_the_strategy_waits() -> None:
    """G04 V03: a thread that is no part of the engine puts a report and a stop; the wait ends by them."""
    broker = ScriptedBroker(100_000)
    broker.usual = silence

    def prepare(session: Session) -> None:
        def from_outside() -> None:
            thread = threading.Thread(target=session.parts.inbox.put, args=(StopRequested("别的线程"),))
            thread.start()
            thread.join()

        during(("10:00:03", from_outside))(session)

    ran = run(
        "def initialize(context): run_daily(buy, '10:00')\ndef buy(context): order(A, 100)\n", broker, prepare=prepare
    )
    assert ran.reason == "别的线程"
    assert len(broker.submitted) == 1
