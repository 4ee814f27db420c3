"""Orders that wait for a price: when they trigger, what becomes of them, and that a restart doubles none."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.engine.events import CallbackFailed, OrderPlaced, StrategySaid
from bullet_trade.strategy.stop_orders import next_look
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled
from bullet_trade.testing.fake_market import FakeMarket

CODE = "600000.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
FALLING = [*([10.0] * 60), *([9.7] * 60), *([9.4] * 120)]  # 9.7 from 10:30 on, 9.4 from 13:00 on
RISING = [*([10.0] * 60), *([10.3] * 180)]


def run(
    body: str, prices: list[float], *, last: date = DAY, directory: Path | None = None, **more: object
) -> tuple[DaysRun, ScriptedBroker]:
    broker = ScriptedBroker(100_000, {CODE: 1000}, cost=9.0)
    broker.usual = (accepted(), filled())
    market = FakeMarket().add(CODE, {DAY: prices, NEXT: prices}, prev_close=10.0)
    source = (
        f"from jqdata import *\nCODE = {CODE!r}\n"
        "def initialize(context): run_daily(task, '10:00')\n"
        "def task(context):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    )
    ran = run_days(source, market, DAY, last, broker=broker.on, directory=directory, **more)  # type: ignore[arg-type]
    assert ran.recorder.of(CallbackFailed) == []
    return ran, broker


def placed(ran: DaysRun) -> list[tuple[str, int, str, float]]:
    return [
        (f"{e.at:%H:%M:%S}", e.order.amount * e.order.side, e.order.order_type.value, e.order.limit_price / 10_000)
        for e in ran.recorder.of(OrderPlaced)
    ]


class TestTriggering:
    def test_a_stop_loss_sells_once_the_price_has_fallen_to_it(self) -> None:
        ran, _ = run("order_target(CODE, 0, style=StopMarketOrderStyle('stop_loss', 9.7))", FALLING)
        assert placed(ran) == [("10:31:00", -1000, "market", 9.56)]  # 9.7 x (1 - 0.015), up to the tick

    def test_a_take_profit_sells_once_the_price_has_risen_to_it(self) -> None:
        ran, _ = run("order(CODE, -500, style=StopLimitOrderStyle('take_profit', 10.2, 10.25))", RISING)
        assert placed(ran) == [("10:31:00", -500, "limit", 10.25)]

    def test_a_purchase_waits_the_other_way_round(self) -> None:
        ran, _ = run("order(CODE, 500, style=StopMarketOrderStyle('stop_loss', 10.3))", RISING)
        assert placed(ran) == [("10:31:00", 500, "market", 10.45)]
        ran, _ = run("order(CODE, 500, style=StopLimitOrderStyle('take_profit', 9.5, 9.5))", FALLING)
        assert placed(ran) == [("13:01:00", 500, "limit", 9.5)]

    def test_one_on_the_wrong_side_of_the_price_triggers_at_once(self) -> None:
        ran, _ = run("order(CODE, -500, style=StopMarketOrderStyle('stop_loss', 11.0))", FALLING)
        assert [when for when, *_ in placed(ran)] == ["10:00:03"]

    def test_a_value_is_sized_by_the_stop_price(self) -> None:
        ran, _ = run("order_value(CODE, 9400, style=StopMarketOrderStyle('take_profit', 9.4))", FALLING)
        assert [amount for _, amount, *_ in placed(ran)] == [1000]

    def test_it_ends_with_the_day(self) -> None:
        body = (
            "if context.current_dt.day == 3: g.o = order(CODE, -500, style=StopMarketOrderStyle('stop_loss', 9.0))\n"
            "log.info(str((g.o.status, g.o.reason, len(get_open_orders()))))"
        )
        ran, _ = run(body, FALLING, last=NEXT)
        assert [text for _, text in ran.recorder.said()] == [
            "(<OrderStatus.new: 8>, '', 1)",
            "(<OrderStatus.canceled: 2>, '当日有效，已过期', 0)",
        ]
        assert placed(ran) == []

    @pytest.mark.parametrize(
        ("given_at", "looked_at"),
        [
            ("09:00:00", "09:30:00"),
            ("10:00:00", "10:00:03"),
            ("11:29:58", "13:00:00"),
            ("12:00:00", "13:00:00"),
            ("14:59:58", "15:00:01"),
        ],
    )
    def test_prices_are_looked_at_in_trading_hours(self, given_at: str, looked_at: str) -> None:
        found = next_look(datetime.combine(DAY, time.fromisoformat(given_at)))
        assert found == datetime.combine(DAY, time.fromisoformat(looked_at))

    @given(st.datetimes(datetime(2025, 6, 3), datetime(2025, 6, 3, 23, 59, 50)))
    def test_the_next_look_is_always_later(self, now: datetime) -> None:
        assert next_look(now) > now


class TestAsOrders:
    def test_it_can_be_listed_and_cancelled(self) -> None:
        body = (
            "o = order(CODE, -500, style=StopMarketOrderStyle('stop_loss', 9.7))\n"
            "same = get_orders(o.order_id)[o.order_id] == o\n"
            "log.info(str((o.order_id in get_open_orders(), o.amount, o.is_buy, same)))\n"
            "c = cancel_order(o)\n"
            "log.info(str((c.status, o.status, len(get_open_orders()))))"
        )
        ran, _ = run(body, FALLING)
        assert [text for _, text in ran.recorder.said()] == [
            "(True, 500, False, True)",
            "(<OrderStatus.canceled: 2>, <OrderStatus.canceled: 2>, 0)",
        ]
        assert placed(ran) == []

    def test_a_target_order_cancels_it_first(self) -> None:
        body = "o = order(CODE, -500, style=StopMarketOrderStyle('stop_loss', 9.7))\norder_target(CODE, 0)\n"
        ran, _ = run(body + "log.info(str(o.status))", FALLING)
        assert [text for _, text in ran.recorder.said()] == ["canceled"]
        assert [(when, amount) for when, amount, *_ in placed(ran)] == [("10:00:00", -1000)]

    def test_the_object_shows_what_became_of_it(self) -> None:
        body = (
            "if context.current_dt.hour == 10:\n"
            "    g.o = order(CODE, -500, style=StopMarketOrderStyle('stop_loss', 9.7))\n"
            "    run_daily(task, '11:00')\n"
            "else:\n"
            "    t = list(get_trades(g.o.order_id).values())\n"
            "    log.info(str((g.o.status, g.o.filled, [x.order_id for x in t], list(get_orders()))))"
        )
        ran, _ = run(body, FALLING)
        assert [text for _, text in ran.recorder.said()] == ["(<OrderStatus.held: 4>, 500, [1], [1])"]

    def test_nothing_is_set_aside_before_it_triggers(self) -> None:
        body = (
            "order(CODE, -1000, style=StopMarketOrderStyle('stop_loss', 9.0))\n"
            "log.info(str((context.portfolio.positions[CODE].closeable_amount, context.portfolio.locked_cash)))"
        )
        assert [text for _, text in run(body, FALLING)[0].recorder.said()] == ["(1000, 0.0)"]

    def test_one_that_the_rules_refuse_is_told(self) -> None:
        body = "g.o = order(CODE, -500, style=StopMarketOrderStyle('stop_loss', 9.7))\norder(CODE, -1000)"
        ran, _ = run(body, FALLING)
        assert [event.text for event in ran.recorder.of(StrategySaid) if event.level == "warning"] == [
            f"条件单 #1 {CODE} 已触发，但委托被拒绝"
        ]


class TestRestart:
    BODY = (
        "if not hasattr(g, 'done'):\n"
        "    g.done = True\n"
        "    order(CODE, -500, style=StopMarketOrderStyle('stop_loss', 9.7))"
    )

    def test_it_is_watched_again(self, tmp_path: Path) -> None:
        run(self.BODY, FALLING, directory=tmp_path, stop_at=datetime.combine(DAY, time(10, 10)))
        ran, _ = run(self.BODY, FALLING, directory=tmp_path, start=datetime.combine(DAY, time(10, 20)))
        assert [(when, amount) for when, amount, *_ in placed(ran)] == [("10:31:00", -500)]

    def test_one_that_was_triggered_before_is_not_placed_again(self, tmp_path: Path) -> None:
        first, _ = run(self.BODY, FALLING, directory=tmp_path, stop_at=datetime.combine(DAY, time(11)))
        ran, _ = run(self.BODY, FALLING, directory=tmp_path, start=datetime.combine(DAY, time(11, 5)))
        assert (len(placed(first)), placed(ran)) == (1, [])

    def test_one_that_was_cancelled_before_stays_so(self, tmp_path: Path) -> None:
        body = self.BODY + "\n    cancel_all_orders()"
        run(body, FALLING, directory=tmp_path, stop_at=datetime.combine(DAY, time(10, 10)))
        ran, _ = run(body, FALLING, directory=tmp_path, start=datetime.combine(DAY, time(10, 20)))
        assert placed(ran) == []

    def test_it_is_not_taken_up_on_another_day(self, tmp_path: Path) -> None:
        run(self.BODY, FALLING, directory=tmp_path, stop_at=datetime.combine(DAY, time(10, 10)))
        start = datetime.combine(NEXT, time(9))
        ran, _ = run(self.BODY, FALLING, directory=tmp_path, start=start, last=NEXT)
        assert placed(ran) == []
