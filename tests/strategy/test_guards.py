"""The guards that a strategy can import: what they let through, and when they stop."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.engine.events import CallbackFailed
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, cancelled, filled, rejected, silence
from bullet_trade.testing.fake_market import FakeMarket

DAY, NEXT = date(2025, 12, 3), date(2025, 12, 4)
CODE = "600000.XSHG"
HEAD = "from bullet_trade.strategy.guards import DrawdownGuard, order_again, tradable\n"


def run(body: str, market: FakeMarket, **given: object) -> DaysRun:
    source = HEAD + f"def initialize(context):\n    run_daily(act, '10:00')\n\ndef act(context):\n    {body}\n"
    done = run_days(source, market, DAY, DAY, **given)  # type: ignore[arg-type]
    assert done.recorder.of(CallbackFailed) == []
    return done


def said(done: DaysRun) -> list[str]:
    return [text for _, text in done.recorder.said()]


def test_suspended_locked_and_st_securities_are_left_out() -> None:
    market = (
        FakeMarket()
        .add("600000.XSHG", {DAY: 10.0}, prev_close=10.0)
        .add("600001.XSHG", {DAY: None}, prev_close=10.0)
        .add("600004.XSHG", {DAY: 11.0}, prev_close=10.0)
        .add("600006.XSHG", {DAY: 9.0}, prev_close=10.0)
        .add("600007.XSHG", {DAY: 10.0}, prev_close=10.0, st=True)
    )
    codes = ["600000.XSHG", "600001.XSHG", "600004.XSHG", "600006.XSHG", "600007.XSHG", "600999.XSHG"]
    done = run(f"log.info(tradable({codes}), tradable({codes}, side='sell'), tradable({codes[-2:]}, st=True))", market)
    assert said(done) == [
        "['600000.XSHG', '600006.XSHG'] ['600000.XSHG', '600004.XSHG'] ['600007.XSHG']",
    ]


FLAT = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)


@pytest.mark.parametrize(
    ("answers", "cancels", "amounts"),
    [
        pytest.param([(accepted(), filled())], [], [300], id="filled at once"),
        pytest.param([(accepted(), filled(100)), (accepted(), filled())], [(cancelled(),)], [300, 200], id="the rest"),
        pytest.param([(rejected(),)] * 4, [], [300, 300, 300], id="rejected: bounded"),
        pytest.param([(accepted(),)] * 4, [(cancelled(),)] * 4, [300, 300, 300], id="never filled: bounded"),
        pytest.param([(accepted(),)], [()], [300], id="cancel without answer: not again"),
        pytest.param([silence], [()], [300], id="unknown: not again"),
    ],
)
def test_an_order_is_tried_again_but_never_while_its_fate_is_unknown(answers, cancels, amounts) -> None:
    broker = ScriptedBroker()
    broker.answers.extend(answers)
    broker.cancel_answers.extend(cancels)
    run(f"order_again({CODE!r}, 300)", FLAT, broker=broker.on)
    assert [ticket.amount for ticket in broker.submitted] == amounts


def test_each_attempt_takes_a_new_price() -> None:
    prices = FakeMarket().add(CODE, {DAY: [10.0] * 30 + [10.1] + [10.2] * 209}, prev_close=10.0)
    broker = ScriptedBroker()
    broker.answers.extend([(accepted(),)] * 3)
    body = f"order_again({CODE!r}, 100, wait_timeout=60, price=lambda code: get_current_data()[code].last_price)"
    run(body, prices, broker=broker.on)
    assert [ticket.limit_price / 10_000 for ticket in broker.submitted] == [10.0, 10.1, 10.2]


FALLS = FakeMarket().add(CODE, {DAY: [10.0] * 60 + [9.1] * 180, NEXT: 9.0}, prev_close=10.0)

GUARDED = (
    HEAD
    + """
def initialize(context):
    g.guard = DrawdownGuard(0.09, flat=FLAT)
    run_daily(act, '10:00')
    run_daily(act, '11:00')
    run_daily(act, '14:00')

def act(context):
    log.info(g.guard.may_buy(context))
"""
)


def test_past_the_drawdown_nothing_is_bought_any_more_and_a_restart_remembers(tmp_path: Path) -> None:
    broker = ScriptedBroker(cash=0.0, holdings={CODE: 1_000}, cost=10.0)
    source = GUARDED.replace("FLAT", "False")
    start = datetime.combine(DAY, time(9, 20))
    first = run_days(source, FALLS, DAY, DAY, broker=broker.on, directory=tmp_path, start=start)
    assert said(first) == ["True", "总资产 9,100.00 较最高 10,000.00 回撤达到 9%，停止买入", "False", "False"]
    again = run_days(source, FALLS, NEXT, NEXT, broker=broker.on, directory=tmp_path)
    assert said(again) == ["False", "False", "False"]
    assert broker.submitted == []


def test_past_the_drawdown_all_that_may_be_sold_is_sold() -> None:
    broker = ScriptedBroker(cash=0.0, holdings={CODE: 1_000}, cost=10.0)
    run_days(
        GUARDED.replace("FLAT", "True"),
        FALLS,
        DAY,
        DAY,
        broker=broker.on,
        start=datetime.combine(DAY, time(9, 20)),
    )
    assert [ticket.amount for ticket in broker.submitted] == [1_000]
