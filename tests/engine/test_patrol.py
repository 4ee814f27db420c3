"""The patrol alarms once when something begins to be wrong and once when it is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time

import pytest

from bullet_trade.engine.events import Alarmed, AlarmOver
from bullet_trade.engine.patrol import Patrol, PatrolTerms
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled, silence
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2025, 12, 3)
CODE = "600000.XSHG"
QUIET = "def initialize(context):\n    pass\n"
NONE = {
    "stop_loss": 0.0,
    "concentration": 0.0,
    "drawdown": 0.0,
    "resting_s": 0.0,
    "stale_quote_s": 0.0,
    "silence_s": 0.0,
}

# 10.00 until 09:59, 9.40 (6 % down) for an hour, then 9.80 again.
DIP = FakeMarket().add(CODE, {DAY: [10.0] * 30 + [9.4] * 60 + [9.8] * 150}, prev_close=10.0)
FLAT = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)


def with_patrol(*, then: Callable[[Session], None] = lambda _: None, **terms: float) -> Callable[[Session], None]:
    def prepare(session: Session) -> None:
        session.engine.patrol = Patrol(session.engine, PatrolTerms(every_s=60.0, **{**NONE, **terms}))
        then(session)

    return prepare


def alarms(run: DaysRun) -> list[tuple[str, str, time]]:
    told = [event for event in run.recorder.events if isinstance(event, Alarmed | AlarmOver)]
    return [("on" if isinstance(one, Alarmed) else "over", one.kind, one.at.time()) for one in told]


def at(text: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(text))


def test_a_losing_position_alarms_once_while_it_loses_and_once_when_it_recovers() -> None:
    broker = ScriptedBroker(holdings={CODE: 1_000}, cost=10.0)
    run = run_days(QUIET, DIP, DAY, DAY, broker=broker.on, start=at("09:20"), prepare=with_patrol(stop_loss=0.05))
    assert alarms(run) == [("on", "stop_loss", time(10, 1)), ("over", "stop_loss", time(11, 1))]
    (told,) = run.recorder.of(Alarmed)
    assert "6.00%" in told.text
    kinds = [row.kind for row in run.rows if row.kind.startswith("alarm")]
    assert kinds == ["alarm", "alarm_over"]


def test_the_strategy_hears_of_it_and_may_sell() -> None:
    source = """
def initialize(context):
    pass

def on_risk_alert(context, alert):
    log.info(alert.kind, alert.security, round(alert.value, 2), alert.limit)
    order_target(alert.security, 0)
"""
    broker = ScriptedBroker(holdings={CODE: 1_000}, cost=10.0)
    run = run_days(source, DIP, DAY, DAY, broker=broker.on, start=at("09:20"), prepare=with_patrol(stop_loss=0.05))
    assert [text for _, text in run.recorder.said()] == ["stop_loss 600000.XSHG 0.06 0.05"]
    assert [(ticket.code, ticket.amount) for ticket in broker.submitted] == [(CODE, 1_000)]
    assert [one[0] for one in alarms(run)] == ["on", "over"]


@pytest.mark.parametrize(
    ("holdings", "cash", "expected"),
    [(1_000, 30_000.0, ["concentration"]), (1_000, 40_000.0, []), (1_000, 39_900.0, ["concentration"])],
)
def test_a_position_that_weighs_more_than_its_share(holdings: int, cash: float, expected: list[str]) -> None:
    broker = ScriptedBroker(cash=cash, holdings={CODE: holdings}, cost=10.0)
    run = run_days(QUIET, FLAT, DAY, DAY, broker=broker.on, prepare=with_patrol(concentration=0.20))
    assert [kind for _, kind, _ in alarms(run)] == expected


def test_the_account_has_fallen_from_its_peak() -> None:
    broker = ScriptedBroker(cash=0.0, holdings={CODE: 1_000}, cost=10.0)
    run = run_days(QUIET, DIP, DAY, DAY, broker=broker.on, start=at("09:20"), prepare=with_patrol(drawdown=0.05))
    assert [(state, kind) for state, kind, _ in alarms(run)] == [("on", "drawdown"), ("over", "drawdown")]


def test_an_order_that_rests_too_long_and_one_of_unknown_fate() -> None:
    source = f"""
def initialize(context):
    run_daily(act, '10:00')

def act(context):
    order({CODE!r}, 100, 9.9, wait_timeout=0)
    order({CODE!r}, 200)
"""
    broker = ScriptedBroker()
    broker.answers.extend([(accepted(), filled(after_s=1200)), silence])
    run = run_days(source, FLAT, DAY, DAY, broker=broker.on, start=at("09:20"), prepare=with_patrol(resting_s=600.0))
    assert alarms(run)[:3] == [
        ("on", "unknown_order", time(10, 0, 16)),
        ("on", "resting_order", time(10, 10, 16)),
        ("over", "resting_order", time(10, 20, 16)),
    ]


def test_an_order_that_is_open_shortly_before_the_close_alarms_once() -> None:
    source = f"""
def initialize(context):
    run_daily(act, '10:00')

def act(context):
    order({CODE!r}, 100, 9.9, wait_timeout=0)
    order({CODE!r}, 200, 9.9, wait_timeout=0)
"""
    broker = ScriptedBroker()
    broker.answers.extend([(accepted(), filled(after_s=4 * 3600 + 55 * 60)), (accepted(), filled(after_s=60))])
    run = run_days(source, FLAT, DAY, DAY, broker=broker.on, start=at("09:20"), prepare=with_patrol())
    assert alarms(run) == [("on", "open_late", time(14, 50)), ("over", "open_late", time(14, 55))]
    (told,) = run.recorder.of(Alarmed)
    assert "已成 0/100" in told.text


def test_the_broker_says_another_sum_than_ours() -> None:
    broker = ScriptedBroker()

    def lose_cash(session: Session) -> None:
        def pay() -> None:
            broker.cash -= 1_000_0000  # type: ignore[assignment]
            broker.request_snapshot()

        session.parts.timers.add(at("10:00:30"), Rank.MARKET, pay)
        session.parts.timers.add(at("10:05:30"), Rank.MARKET, broker.request_snapshot)

    run = run_days(QUIET, FLAT, DAY, DAY, broker=broker.on, start=at("09:20"), prepare=with_patrol(then=lose_cash))
    assert alarms(run) == [("on", "account_differs", time(10, 1)), ("over", "account_differs", time(10, 6))]


def test_everything_in_order_is_silence() -> None:
    broker = ScriptedBroker(holdings={CODE: 100}, cost=10.0)
    run = run_days(
        QUIET,
        FLAT,
        DAY,
        DAY,
        broker=broker.on,
        prepare=with_patrol(stop_loss=0.05, concentration=0.2, drawdown=0.1, resting_s=600.0, silence_s=180.0),
    )
    assert alarms(run) == []
