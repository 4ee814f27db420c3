"""Twenty staged situations, ten with an order and ten without: the journal alone names the true cause of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.brokers.dry_run import DryRunBroker
from bullet_trade.engine.commands import OperatorCommand, Who
from bullet_trade.ops.why import Question, explain
from bullet_trade.ops.why_record import Story
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_broker import (
    ScriptedBroker,
    accepted,
    cancel_refused,
    cancelled,
    filled,
    no_answer,
    rejected,
    silence,
)
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2025, 12, 3)
CODE = "600000.XSHG"
WAVE = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0).add("000001.XSHE", {DAY: 12.0}, prev_close=12.0)
SUSPENDED = FakeMarket().add(CODE, {date(2025, 12, 2): 10.0, DAY: None}, prev_close=10.0)


def strategy(body: str, schedule: str = "run_daily(act, '10:30')") -> str:
    return f"""
def initialize(context):
    {schedule}

def act(context):
    {body}
"""


def told(
    source: str,
    broker: ScriptedBroker,
    at: str = "10:30",
    *,
    market: FakeMarket = WAVE,
    dry_run: bool = False,
    prepare: Callable[[Session], None] = lambda _: None,
    start: str = "09:00",
    stop_at: str = "",
) -> list[Story]:
    run = run_days(
        source,
        market,
        DAY,
        DAY,
        broker=lambda timers: DryRunBroker(broker.on(timers), timers.now) if dry_run else broker.on(timers),
        prepare=prepare,
        start=clock(start),
        stop_at=clock(stop_at) if stop_at else None,
    )
    return explain(run.rows, Question(CODE, 0, DAY.isoformat(), clock(at)))


def clock(text: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(text))


BUY = strategy(f"order({CODE!r}, 300)")
BUY_250 = strategy(f"order({CODE!r}, 250)")
LIMIT = strategy(f"order({CODE!r}, 300, 9.9, wait_timeout=0)")
CANCELS = strategy(f"cancel_order(order({CODE!r}, 300, 9.9, wait_timeout=0))")


@pytest.mark.parametrize(
    ("source", "answers", "cancel_answers", "verdict", "names"),
    [
        pytest.param(
            BUY, [accepted(), filled()], [], "filled", ["act", "order(600000.XSHG, 300)", "全部成交"], id="filled"
        ),
        pytest.param(BUY, [accepted(), filled(100)], [], "part_filled", ["部分成交 100 股"], id="part filled"),
        pytest.param(BUY_250, [accepted(), filled()], [], "filled", ["按整手调整为 200"], id="rounded to lots"),
        pytest.param(BUY, [rejected("资金账户状态不正常")], [], "rejected", ["资金账户状态不正常"], id="rejected"),
        pytest.param(
            BUY, [accepted(), cancelled("涨停封板")], [], "cancelled", ["涨停封板"], id="cancelled by exchange"
        ),
        pytest.param(BUY, [no_answer("柜台无响应")], [], "unknown", ["柜台无响应"], id="no answer"),
        pytest.param(BUY, list(silence), [], "unknown", ["没有任何应答"], id="silence"),
        pytest.param(LIMIT, [accepted()], [], "working", ["限价 9.9", "已报"], id="resting"),
        pytest.param(
            CANCELS, [accepted()], [cancelled("已撤")], "cancelled", ["要求撤单", "已撤"], id="cancelled by strategy"
        ),
        pytest.param(CANCELS, [accepted()], [cancel_refused("不可撤")], "working", ["不可撤"], id="cancel refused"),
    ],
)
def test_the_chain_behind_an_order_is_told_to_its_end(
    source: str, answers: Sequence[object], cancel_answers: Sequence[object], verdict: str, names: Sequence[str]
) -> None:
    broker = ScriptedBroker()
    broker.states_account = True
    broker.answers.append(tuple(answers))  # type: ignore[arg-type]
    if cancel_answers:
        broker.cancel_answers.append(tuple(cancel_answers))  # type: ignore[arg-type]
    (story,) = told(source, broker)
    assert story.verdict == verdict
    whole = "\n".join((story.title, *story.lines))
    assert "act strategy_under_test.py:6 调用 order(600000.XSHG" in whole
    for name in names:
        assert name in whole


def operator(command: str) -> Callable[[Session], None]:
    """The operator gives a command at 10:00."""

    def prepare(session: Session) -> None:
        def give() -> None:
            who = Who("li", 1, "")
            if command == "halt":
                session.parts.brake.halt(who.text, "看一下", clock("10:00").isoformat())
            session.parts.inbox.put(OperatorCommand(command, who, clock("10:00").isoformat(), "看一下"))

        session.parts.timers.add(clock("10:00"), Rank.HOUSEKEEPING, give)

    return prepare


def loses_link(broker: ScriptedBroker) -> Callable[[Session], None]:
    return lambda session: (
        session.parts.timers.add(clock("10:00"), Rank.MARKET, lambda: broker.lose_link("网络中断")) and None
    )


def test_a_rule_refused() -> None:
    (story,) = told(strategy(f"order({CODE!r}, 300, 20.0)"), ScriptedBroker())
    assert story.verdict == "price_limit"
    assert "超出当日涨跌停范围" in "\n".join(story.lines)
    assert "act strategy_under_test.py:6" in "\n".join(story.lines)


def test_the_security_is_suspended() -> None:
    (story,) = told(BUY, ScriptedBroker(), market=SUSPENDED)
    assert story.verdict == "suspended"


def test_the_quantity_came_to_nothing() -> None:
    (story,) = told(strategy(f"order_value({CODE!r}, 5)"), ScriptedBroker())
    assert (story.verdict, "order_value(600000.XSHG, 5)" in "\n".join(story.lines)) == ("zero_amount", True)


def test_less_than_a_lot() -> None:
    (story,) = told(strategy(f"order_value({CODE!r}, 500)"), ScriptedBroker())
    assert story.verdict == "lot_size"


def test_the_callback_failed_before_it_came_to_order() -> None:
    (story,) = told(strategy(f"1 / 0; order({CODE!r}, 300)"), ScriptedBroker())
    assert story.verdict == "callback_failed"
    assert "ZeroDivisionError" in "\n".join(story.lines)
    assert "strategy_under_test.py:6" in "\n".join(story.lines)


def test_no_function_was_due() -> None:
    (story,) = told(BUY, ScriptedBroker(), at="13:00")[:1]
    assert story.verdict == "task_not_due"
    assert "10:30:00" in "\n".join(story.lines)


def test_the_function_ran_and_asked_for_something_else() -> None:
    (story,) = told(strategy("order('000001.XSHE', 300)"), ScriptedBroker())
    assert story.verdict == "not_asked"
    assert "000001.XSHE" in "\n".join(story.lines)


@pytest.mark.parametrize(("command", "verdict"), [("pause", "paused"), ("halt", "halted")])
def test_the_operator_held_the_strategy(command: str, verdict: str) -> None:
    story = told(BUY, ScriptedBroker(), prepare=operator(command))[0]
    assert story.verdict == verdict
    assert "看一下" in "\n".join((story.title, *story.lines))


def test_a_dry_run_sends_nothing() -> None:
    (story,) = told(BUY, ScriptedBroker(), dry_run=True)
    assert story.verdict == "dry_run"


def test_the_engine_was_not_running() -> None:
    (story,) = told(BUY, ScriptedBroker(), stop_at="10:00")
    assert story.verdict == "not_running"


def test_the_link_was_down() -> None:
    broker = ScriptedBroker()
    story = told(strategy("pass"), broker, prepare=loses_link(broker))[0]
    assert story.verdict == "not_connected"
    assert "网络中断" in "\n".join(story.lines)


def test_a_task_was_missed(tmp_path: Path) -> None:
    stops = run_days(BUY, WAVE, DAY, DAY, directory=tmp_path, start=clock("09:00"), stop_at=clock("10:00"))
    again = run_days(BUY, WAVE, DAY, DAY, directory=tmp_path, start=clock("11:00"), account=stops.account)
    (story,) = explain(again.rows, Question(CODE, 0, DAY.isoformat(), clock("10:30")))
    assert story.verdict in ("not_running", "task_missed")
    (whole_day,) = explain(again.rows, Question(CODE, 0, DAY.isoformat(), None))
    assert whole_day.verdict == "task_missed"
    assert "act@10:30" in "\n".join(whole_day.lines)


def test_an_order_is_found_by_its_number() -> None:
    run = run_days(BUY, WAVE, DAY, DAY)
    assert [story.verdict for story in explain(run.rows, Question("", 1, DAY.isoformat(), None))] == ["filled"]
    assert [story.verdict for story in explain(run.rows, Question("", 9, DAY.isoformat(), None))] == ["no_such_order"]
