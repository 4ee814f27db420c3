"""What was due while the process was down: told always, made up for only where the task or the operator wants it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.events import TaskMissed
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket

CODE = "600000.XSHG"
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2025, 6, day) for day in (3, 4, 5, 6))
HEAD = "from jqdata import *\n"
SAY = "def {0}(context): log.info('{0}')\n"


def at(clock: str, day: date = TUESDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock))


def run(source: str, directory: Path, last: date = TUESDAY, **more: object) -> DaysRun:
    market = FakeMarket().add(CODE, dict.fromkeys((TUESDAY, WEDNESDAY, THURSDAY, FRIDAY), 10.0), prev_close=10.0)
    return run_days(HEAD + source, market, TUESDAY, last, directory=directory, **more)  # type: ignore[arg-type]


def said(ran: DaysRun) -> list[str]:
    return [f"{when:%H:%M:%S} {text}" for when, text in ran.recorder.said()]


def missed(ran: DaysRun) -> list[tuple[str, str, int]]:
    return [(event.task, f"{event.due:%m-%d %H:%M}", event.times) for event in ran.recorder.of(TaskMissed)]


def tasks(*calls: str) -> str:
    names = ("a", "b", "c", "d")[: len(calls)]
    lines = [f"    {call.format(name)}\n" for name, call in zip(names, calls, strict=True)]
    return "".join(SAY.format(name) for name in names) + "def initialize(context):\n" + "".join(lines)


class TestEachTasksOwnLimit:
    @pytest.mark.parametrize(
        "call",
        [
            "run_daily({}, '10:00', catch_up_s=600)",
            "run_weekly({}, 1, '10:00', catch_up_s=600)",
            "run_weekly({}, -9, '10:00', catch_up_s=600.0)",
            "run_monthly({}, 1, 'open+30m', catch_up_s=600)",
        ],
    )
    @pytest.mark.parametrize(
        ("restart", "runs"),
        [("10:00:01", True), ("10:09:59", True), ("10:10:00", True), ("10:10:01", False), ("11:00:00", False)],
    )
    def test_it_is_made_up_for_when_not_older_than_that(
        self, call: str, restart: str, runs: bool, tmp_path: Path
    ) -> None:
        run(tasks(call), tmp_path, stop_at=at("09:50"))
        ran = run(tasks(call), tmp_path, start=at(restart))
        assert said(ran) == ([f"{restart} a"] if runs else [])
        assert len(missed(ran)) == (0 if runs else 1)

    def test_without_it_nothing_is_made_up_for(self, tmp_path: Path) -> None:
        source = tasks("run_daily({}, '10:00')", "run_daily({}, '10:00', catch_up_s=0)")
        run(source, tmp_path, stop_at=at("09:50"))
        ran = run(source, tmp_path, start=at("10:00:05"))
        assert said(ran) == []
        assert missed(ran) == [("a@10:00", "06-03 10:00", 1), ("b@10:00", "06-03 10:00", 1)]

    @pytest.mark.parametrize(("whole", "own", "runs"), [(600, 60, True), (60, 600, True), (60, 60, False)])
    def test_the_longer_of_the_tasks_and_the_operators_limit_counts(
        self, whole: int, own: int, runs: bool, tmp_path: Path
    ) -> None:
        source = tasks(f"run_daily({{}}, '10:00', catch_up_s={own})")
        run(source, tmp_path, stop_at=at("09:50"))
        ran = run(source, tmp_path, start=at("10:05"), catch_up=timedelta(seconds=whole))
        assert said(ran) == (["10:05:00 a"] if runs else [])

    def test_several_run_in_the_order_in_which_they_were_due(self, tmp_path: Path) -> None:
        source = tasks(
            "run_daily({}, '10:05', catch_up_s=3600)",
            "run_weekly({}, 1, '10:06', catch_up_s=3600)",
            "run_monthly({}, 1, '10:07', catch_up_s=3600)",
            "run_daily({}, '10:00', catch_up_s=3600)",
        )
        run(source, tmp_path, stop_at=at("09:50"))
        assert said(run(source, tmp_path, start=at("10:30"))) == [f"10:30:00 {name}" for name in "dabc"]

    def test_it_runs_once_although_the_process_restarts_again_and_again(self, tmp_path: Path) -> None:
        source = tasks("run_daily({}, '10:00', catch_up_s=86400)")
        run(source, tmp_path, stop_at=at("09:50"))
        starts = ("10:05", "10:10", "10:20")
        said_ = [said(run(source, tmp_path, start=at(s), stop_at=at(s) + timedelta(minutes=1))) for s in starts]
        assert said_ == [["10:05:00 a"], [], []]

    def test_what_ran_before_the_process_ended_is_not_made_up_for(self, tmp_path: Path) -> None:
        source = tasks("run_daily({}, '10:00', catch_up_s=3600)")
        run(source, tmp_path, stop_at=at("10:00:01"))
        assert said(run(source, tmp_path, start=at("10:00:30"))) == []

    def test_it_survives_saving_twice(self, tmp_path: Path) -> None:
        source = tasks("run_daily({}, '10:00', catch_up_s=90.5)", "run_weekly({}, 2, '11:00')")
        run(source, tmp_path, stop_at=at("09:40"))
        run(source, tmp_path, start=at("09:41"), stop_at=at("09:42"))
        third = run(source, tmp_path, start=at("09:43"), stop_at=at("09:44"))
        assert [task.catch_up.total_seconds() for task in third.session.engine.tasks] == [90.5, 0.0]

    @pytest.mark.parametrize("value", ["-1", "'600'", "None", "True", "90000", "float('nan')"])
    def test_anything_but_seconds_of_a_day_is_refused(self, value: str, tmp_path: Path) -> None:
        with pytest.raises(StrategyError):
            run(tasks(f"run_daily({{}}, '10:00', catch_up_s={value})"), tmp_path)

    def test_an_earlier_day_is_never_made_up_for(self, tmp_path: Path) -> None:
        source = tasks("run_daily({}, '14:55', catch_up_s=86400)")
        run(source, tmp_path, stop_at=at("14:50"))
        ran = run(source, tmp_path, WEDNESDAY, start=at("09:00", WEDNESDAY))
        assert said(ran) == ["14:55:00 a"]
        assert missed(ran) == [("a@14:55", "06-03 14:55", 1)]


class TestRestartedAfterTheClose:
    SOURCE = tasks("run_daily({}, '14:55', catch_up_s=7200)", "run_daily({}, 'after_close')", "run_daily({}, '20:00')")

    def test_what_is_due_this_evening_runs_and_what_the_session_owed_is_told(self, tmp_path: Path) -> None:
        run(self.SOURCE, tmp_path, stop_at=at("14:30"))
        ran = run(self.SOURCE, tmp_path, start=at("15:10"), stop_at=at("23:00"))
        assert said(ran) == ["15:30:00 b", "20:00:00 c"]
        assert missed(ran) == [("a@14:55", "06-03 14:55", 1)]

    def test_nothing_of_it_runs_twice(self, tmp_path: Path) -> None:
        run(self.SOURCE, tmp_path, stop_at=at("15:40"))
        ran = run(self.SOURCE, tmp_path, start=at("15:50"), stop_at=at("23:00"))
        assert said(ran) == ["20:00:00 c"]
        assert missed(ran) == []

    def test_the_next_day_is_an_ordinary_one(self, tmp_path: Path) -> None:
        run(self.SOURCE, tmp_path, stop_at=at("15:05:01"))
        ran = run(self.SOURCE, tmp_path, WEDNESDAY, start=at("15:20"))
        assert said(ran) == ["15:30:00 b", "20:00:00 c", "14:55:00 a", "15:30:00 b", "20:00:00 c"]


def test_days_that_the_process_was_down_are_told_task_by_task_and_day_by_day(tmp_path: Path) -> None:
    source = tasks("run_daily({}, '10:00')", "run_daily({}, '14:55')") + SAY.format("after_trading_end")
    run(source, tmp_path, stop_at=at("11:00"))
    ran = run(source, tmp_path, FRIDAY, start=at("09:00", FRIDAY))
    assert missed(ran) == [
        ("b@14:55", "06-03 14:55", 1),
        ("after_trading_end", "06-03 15:00", 1),
        ("整个交易日", "06-04 09:30", 2),
    ]
    assert said(ran) == ["10:00:00 a", "14:55:00 b", "15:00:00 after_trading_end"]


def test_a_weekend_between_is_nothing_to_tell(tmp_path: Path) -> None:
    source = tasks("run_daily({}, '10:00')")
    run(source, tmp_path, FRIDAY)
    ran = run(source, tmp_path, date(2025, 6, 9), start=at("09:00", date(2025, 6, 9)))
    assert missed(ran) == []
