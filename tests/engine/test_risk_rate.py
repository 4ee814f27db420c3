"""Orders and cancels per second: what is too much waits and leaves later, cancels last of all; nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.engine.events import LimitNear, OrderPlaced, OrderRefused
from bullet_trade.engine.rate_limit import RateLimiter
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2025, 6, 3)
A, C = "600000.XSHG", "600010.XSHG"
SECOND = timedelta(seconds=1)
HEAD = f"from jqdata import *\nA, C = {A!r}, {C!r}\ndef initialize(context): run_daily(task, '10:00')\n"
TWENTY = "    [order(A, 100, LimitOrderStyle(10.0), wait_timeout=0) for _ in range(20)]\n"


class TimedBroker(ScriptedBroker):
    """Remembers when each order and each cancel came."""

    def __init__(self) -> None:
        super().__init__(10_000_000.0, {A: 10_000}, 10.0)
        self.usual = (accepted(),)
        self.times: list[tuple[str, datetime]] = []

    def submit(self, ticket: OrderTicket) -> None:
        self.times.append(("order", self._now()))
        super().submit(ticket)

    def cancel(self, tag: str) -> None:
        self.times.append(("cancel", self._now()))
        super().cancel(tag)


def live(body: str, limits: RiskLimits, **more: object) -> tuple[DaysRun, TimedBroker]:
    broker = TimedBroker()
    market = FakeMarket().add(A, {DAY: 10.0}).add(C, {DAY: 1.0})
    source = f"{HEAD}def task(context):\n{body}"
    more.setdefault("stop_at", datetime.combine(DAY, time(10, 5)))
    return run_days(source, market, DAY, DAY, broker=broker.on, limits=limits, **more), broker  # type: ignore[arg-type]


def most_in_a_second(times: Sequence[datetime]) -> int:
    return max(sum(start <= at < start + SECOND for at in times) for start in times)


def test_orders_beyond_the_rate_wait_and_all_leave() -> None:
    run, broker = live(TWENTY, RiskLimits(max_order_rate=5))
    times = [at for _, at in broker.times]
    assert len(times) == 20
    assert most_in_a_second(times) == 5
    assert times[-1] - times[0] < 4 * SECOND
    assert not run.recorder.of(OrderRefused)
    (warned,) = run.recorder.of(LimitNear)
    assert warned.rule == "max_order_rate"
    assert run.session.engine.book.sums.peak == 5


def test_within_the_rate_nothing_waits() -> None:
    run, broker = live(TWENTY, RiskLimits(max_order_rate=50))
    assert {at for _, at in broker.times} == {datetime.combine(DAY, time(10))}
    assert not run.recorder.of(LimitNear)


def test_a_cancel_takes_the_place_that_orders_leave_free() -> None:
    """Of ten places in a second orders take nine: a cancel leaves at once, the next one waits."""
    body = TWENTY.replace("20", "9") + "    [cancel_order(one) for one in list(get_open_orders())[:2]]\n"
    _, broker = live(body, RiskLimits(max_order_rate=10))
    ten = datetime.combine(DAY, time(10))
    assert [kind for kind, at in broker.times if at == ten] == ["order"] * 9 + ["cancel"]
    assert [kind for kind, at in broker.times if at > ten] == ["cancel"]


def test_parts_of_a_split_order_wait_for_each_other() -> None:
    run, broker = live("    order(C, 2500000, LimitOrderStyle(1.0))\n", RiskLimits(max_order_rate=1))
    assert [ticket.amount for ticket in broker.submitted] == [1_000_000, 1_000_000, 500_000]
    assert most_in_a_second([at for _, at in broker.times]) == 1
    assert {event.order.order_id for event in run.recorder.of(OrderPlaced)} == {1, 2, 3}
    assert len({order.parent_id for order in run.session.engine.book.orders.values()}) == 1


def test_an_engine_that_stops_sends_nothing_that_waits() -> None:
    stop_at = datetime.combine(DAY, time(10)) + timedelta(seconds=1.5)
    run, broker = live(TWENTY, RiskLimits(max_order_rate=2), stop_at=stop_at, prepare=stop_in_the_wait(stop_at))
    assert all(at <= stop_at for _, at in broker.times)
    assert {event.rule for event in run.recorder.of(OrderRefused)} == {"stopping"}
    assert len(broker.submitted) + len(run.recorder.of(OrderRefused)) == 20


def stop_in_the_wait(at: datetime) -> Callable[[object], None]:
    """The operator stops the engine at `at`, also while a callback of the strategy waits."""
    from bullet_trade.engine.inbox import StopRequested
    from bullet_trade.ports.clock import Rank
    from bullet_trade.strategy.session import Session

    def prepare(session: object) -> None:
        assert isinstance(session, Session)
        inbox = session.parts.inbox
        session.parts.timers.add(at, Rank.MARKET, lambda: inbox.put(StopRequested("操作员")))

    return prepare


def test_a_days_number_is_told_once_also_over_a_restart(tmp_path: Path) -> None:
    limits = RiskLimits(daily_message_warning=15)
    run, _ = live(TWENTY, limits, directory=tmp_path)
    assert [event.rule for event in run.recorder.of(LimitNear)] == ["daily_message_warning"]
    assert sum(row.kind == "limit_near" for row in run.rows) == 1
    again, _ = live(
        TWENTY,
        limits,
        directory=tmp_path,
        start=datetime.combine(DAY, time(10, 6)),
        stop_at=datetime.combine(DAY, time(10, 7)),
    )
    assert again.session.engine.book.sums.messages == 20
    assert not again.recorder.of(LimitNear)


@settings(max_examples=40, deadline=None)
@given(
    rate=st.integers(1, 30),
    calls=st.lists(st.tuples(st.sampled_from(["order", "cancel"]), st.floats(0.0, 0.7)), min_size=1, max_size=120),
)
def test_no_second_ever_holds_more_than_the_rate(rate: int, calls: list[tuple[str, float]]) -> None:
    now, left = 0.0, list[tuple[str, float]]()

    def pump(_: Callable[[], bool], timeout_s: float) -> bool:
        nonlocal now
        now += timeout_s
        return False

    limiter = RateLimiter(rate, 0, lambda: now, pump, lambda: len(left), lambda *_: None)
    for kind, pause in calls:
        now += pause if pause > 0.5 else 0.0
        if kind == "order":
            assert limiter.order_turn()
            assert limiter.room() > 0
        else:
            limiter.cancel_turn()
        left.append((kind, now))
        limiter.sent()
    assert [kind for kind, _ in left] == [kind for kind, _ in calls]
    for _, start in left:
        assert sum(start <= at < start + 1.0 for _, at in left) <= rate


@pytest.mark.parametrize(("rate", "for_orders"), [(1, 1), (9, 9), (10, 9), (50, 45), (299, 270)])
def test_one_place_in_ten_is_kept_for_cancels(rate: int, for_orders: int) -> None:
    limiter = RateLimiter(rate, 0, lambda: 0.0, lambda *_: False, lambda: 0, lambda *_: None)
    assert limiter.room() == for_orders
