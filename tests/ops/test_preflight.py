"""The preflight: red before the open alarms, and holds the strategy where that is wanted; green lets it go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.engine.brake import BrakeMode
from bullet_trade.engine.events import Alarmed, AlarmOver, StateNote, TaskMissed
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.preflight import WHO, Checks, Preflight, on_a_thread, recent_differences
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker
from bullet_trade.testing.fake_market import FakeMarket

FIRST, DAY = date(2025, 12, 3), date(2025, 12, 4)
CODE = "600000.XSHG"
MARKET = FakeMarket().add(CODE, {FIRST: 10.0, DAY: 10.0}, prev_close=10.0)
RED = Finding("disk", "磁盘", Level.FAILED, "剩余 3 MB", "流水写不下时交易会停止", "清理磁盘")
YELLOW = Finding("calendar", "交易日历", Level.WARNING, "还有 5 天", "到期后不再交易", "升级")
GREEN = Finding("disk", "磁盘", Level.OK, "剩余 900 MB")

BUYS = """
def initialize(context):
    run_daily(buy, '09:31')

def buy(context):
    order('600000.XSHG', 100)
"""


def at_once(checks: Checks) -> Future[list[Finding]]:
    done: Future[list[Finding]] = Future()
    done.set_result(checks())
    return done


def never(_: Checks) -> Future[list[Finding]]:
    return Future()


def flown(
    *mornings: Sequence[Finding],
    blocks: bool = False,
    begin: Callable[[Checks], Future[list[Finding]]] = at_once,
    then: Callable[[Session], None] = lambda _: None,
    broker: ScriptedBroker | None = None,
) -> DaysRun:
    """Two days from 08:00 on; each look at the surroundings finds the next of `mornings`, the last one for ever."""
    left = list(mornings)

    def checks() -> list[Finding]:
        return list(left.pop(0) if len(left) > 1 else left[0])

    def prepare(session: Session) -> None:
        Preflight(session.engine, checks, time(8, 30), blocks, begin).arm()
        then(session)

    real = broker or ScriptedBroker(cash=100_000)
    return run_days(BUYS, MARKET, FIRST, DAY, start=datetime(2025, 12, 3, 8), broker=real.on, prepare=prepare)


def alarms(run: DaysRun) -> list[tuple[str, datetime]]:
    told = [event for event in run.recorder.events if isinstance(event, Alarmed | AlarmOver)]
    return [("on" if isinstance(one, Alarmed) else "over", one.at) for one in told if one.kind == WHO]


def bought_on(run: DaysRun) -> list[date]:
    return [datetime.fromisoformat(row.at).date() for row in run.rows if row.kind == "intent"]


def test_a_green_preflight_says_nothing_and_is_in_the_journal_every_morning() -> None:
    run = flown([GREEN])
    assert alarms(run) == []
    times = [row.at[:16] for row in run.rows if row.kind == WHO]
    assert times == ["2025-12-03T08:00", "2025-12-03T08:30", "2025-12-04T08:30"]
    assert bought_on(run) == [FIRST, DAY]


def test_red_alarms_before_the_open_once_and_is_over_with_the_next_green() -> None:
    run = flown([GREEN], [RED], [GREEN])
    assert alarms(run) == [("on", datetime(2025, 12, 3, 8, 30)), ("over", datetime(2025, 12, 4, 8, 30))]
    (told,) = run.recorder.of(Alarmed)
    assert "剩余 3 MB" in told.text
    assert "清理磁盘" in told.text
    assert bought_on(run) == [FIRST, DAY]  # told only


def test_red_with_blocks_keeps_orders_from_leaving_until_the_next_green() -> None:
    run = flown([GREEN], [RED], [GREEN], blocks=True)
    assert bought_on(run) == [DAY]
    assert [one.due for one in run.recorder.of(TaskMissed)] == [datetime(2025, 12, 3, 9, 31)]
    assert "bullet-trade resume" in run.recorder.of(Alarmed)[0].text


def test_a_start_that_is_red_holds_before_the_strategy_is_called_for_the_first_time() -> None:
    held: list[BrakeMode] = []
    run = flown([RED], blocks=True, then=lambda session: held.append(session.parts.brake.state.mode))
    assert held == [BrakeMode.PAUSED]
    assert bought_on(run) == []


def test_an_operator_may_resume_over_a_red_preflight() -> None:
    def resume(session: Session) -> None:
        brake = session.parts.brake

        def let_go() -> None:
            brake.resume("操作员", "已看过", "", brake.state.number)

        session.parts.timers.add(datetime(2025, 12, 3, 9), Rank.DAY, let_go)

    assert bought_on(flown([RED], blocks=True, then=resume)) == [FIRST]  # and the next morning holds again


def test_a_pause_of_the_operator_is_not_lifted_by_green() -> None:
    run = flown([GREEN], blocks=True, then=lambda session: session.parts.brake.pause("操作员", "等等", "") and None)
    assert bought_on(run) == []


def test_checks_that_do_not_come_back_are_red_and_do_not_hold_up_the_engine() -> None:
    first: list[Finding] = []

    def begin(checks: Checks) -> Future[list[Finding]]:
        if first:
            return never(checks)
        first.append(GREEN)
        return at_once(checks)

    run = flown([GREEN], begin=begin)
    assert alarms(run) == [("on", datetime(2025, 12, 3, 8, 30, 30))]
    assert bought_on(run) == [FIRST, DAY]


def test_a_check_that_breaks_is_red() -> None:
    def breaks() -> list[Finding]:
        raise ValueError("坏了")

    (found,) = on_a_thread(breaks).result(10.0)
    assert found.level is Level.FAILED
    assert "坏了" in found.what


def test_warnings_are_told_once_and_hold_nothing() -> None:
    run = flown([YELLOW], blocks=True)
    told = [one for one in run.recorder.of(StateNote) if "还有 5 天" in one.text]
    assert len(told) == 1
    assert alarms(run) == []


def test_a_broken_link_to_the_broker_is_red_after_the_connection() -> None:
    broker = ScriptedBroker(cash=100_000)

    def lose(session: Session) -> None:
        session.parts.timers.add(datetime(2025, 12, 3, 8, 20), Rank.MARKET, broker.lose_link)

    run = flown([GREEN], then=lose, broker=broker)
    assert alarms(run)[0] == ("on", datetime(2025, 12, 3, 8, 30))
    assert "券商连接" in run.recorder.of(Alarmed)[0].text


def test_an_account_of_nothing_but_zeros_holds_the_strategy() -> None:
    run = flown([GREEN], blocks=True, broker=ScriptedBroker(cash=0))
    assert "全为零" in run.recorder.of(Alarmed)[0].text
    assert bought_on(run) == []


@pytest.mark.parametrize(("since", "told"), [(FIRST, True), (DAY, False)])
def test_yesterdays_differences_are_told_again(since: date, told: bool, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    one = {"what": "现金", "ours": "100.00", "theirs": "90.00"}
    journal.append(datetime(2025, 12, 3, 14), "difference", {"found": [one]})
    journal.barrier()
    journal.close()
    found = list(recent_differences(tmp_path / "journal.db", since))
    assert [finding.level for finding in found] == ([Level.WARNING] if told else [])
    assert not told or "现金 本地 100.00 券商 90.00" in found[0].what
