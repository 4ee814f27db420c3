"""Whole days on the virtual clock: what is called when, and what a strategy's mistakes do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from bullet_trade.domain.errors import StrategyError, UsageError
from bullet_trade.engine.events import CallbackFailed, DayClosed, DayOpened, Saved, Stopping, TaskMissed, Waiting
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, silence
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

CODE = "600000.XSHG"
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2025, 6, day) for day in (3, 4, 5, 6))  # Monday the 2nd was a holiday
HEAD = "from jqdata import *\n"


def a_market(*days: date, price: float = 10.0) -> FakeMarket:
    market = FakeMarket().add(CODE, dict.fromkeys(days or (TUESDAY, WEDNESDAY), price), prev_close=price)
    return market.add("000300.XSHG", dict.fromkeys(days or (TUESDAY, WEDNESDAY), 4000.0), prev_close=4000.0)


def told(recorder: Recorder) -> list[str]:
    """Log lines with their time, as ``09:30:00 text``; the date is left out."""
    return [f"{at:%H:%M:%S} {text}" for at, text in recorder.said()]


def run(source: str, first: date = TUESDAY, last: date = TUESDAY, **more: object) -> Recorder:
    return run_days(HEAD + source, a_market(), first, last, **more).recorder  # type: ignore[arg-type]


def trading_minutes(day: date) -> list[datetime]:
    morning = [datetime.combine(day, time(9, 30)) + timedelta(minutes=n) for n in range(120)]
    return morning + [datetime.combine(day, time(13, 0)) + timedelta(minutes=n) for n in range(120)]


TIMES = {
    "evening": "night",
    "close": "close",
    "after": "after_close",
    "late": "14:55",
    "open": "open",
    "half": "9:30",
    "early": "before_open",
    "lunch": "12:00",
    "dawn": "7:00",
    "seconds": "10:00:30",
    "offset": "open+90s",
}
WHOLE_DAY = "".join(f"def {name}_(context): log.info('{name}')\n" for name in TIMES)
WHOLE_DAY += "def initialize(context):\n    log.info('initialize')\n"
WHOLE_DAY += "".join(f"    run_daily({name}_, time='{at}')\n" for name, at in TIMES.items())
WHOLE_DAY += """
def process_initialize(context):
    log.info('process_initialize')

def before_trading_start(context):
    log.info('before_trading_start')

def handle_data(context, data):
    if context.current_dt.minute in (29, 30, 59):
        log.info('handle_data')

def after_trading_end(context):
    log.info('after_trading_end')

def on_strategy_end(context):
    log.info('on_strategy_end')
"""


class TestTimeline:
    def test_the_day_of_the_contract(self) -> None:
        assert told(run(WHOLE_DAY)) == [
            "00:00:00 initialize",
            "00:00:00 process_initialize",
            "07:00:00 dawn",
            "09:00:00 early",
            "09:15:00 before_trading_start",
            "09:30:00 open",
            "09:30:00 half",
            "09:30:00 handle_data",
            "09:31:30 offset",
            "09:59:00 handle_data",
            "10:00:30 seconds",
            "10:29:00 handle_data",
            "10:30:00 handle_data",
            "10:59:00 handle_data",
            "11:29:00 handle_data",
            "12:00:00 lunch",
            "13:29:00 handle_data",
            "13:30:00 handle_data",
            "13:59:00 handle_data",
            "14:29:00 handle_data",
            "14:30:00 handle_data",
            "14:55:00 late",
            "14:59:00 handle_data",
            "15:00:00 close",
            "15:00:00 after_trading_end",
            "15:30:00 after",
            "20:00:00 evening",
            "23:59:59 on_strategy_end",
        ]

    def test_handle_data_and_every_bar_run_240_times_at_the_start_of_each_minute(self) -> None:
        run_ = run(
            "def handle_data(context, data):\n    log.info('bar')\n"
            "def minute(context):\n    log.info('task')\n"
            "def initialize(context):\n    run_daily(minute, 'every_bar')\n"
        )
        assert [at for at, text in run_.said() if text == "bar"] == trading_minutes(TUESDAY)
        assert [at for at, text in run_.said() if text == "task"] == trading_minutes(TUESDAY)

    def test_the_day_is_summed_up_and_saved_five_minutes_after_the_close(self) -> None:
        recorder = run("def initialize(context): pass\n")
        (closed,) = recorder.of(DayClosed)
        assert closed.at == datetime.combine(TUESDAY, time(15, 5))
        assert (closed.at, "收盘") in [(saved.at, saved.reason) for saved in recorder.of(Saved)]
        assert recorder.of(DayOpened)[0].at == datetime.combine(TUESDAY, time())
        assert recorder.of(Stopping)[0].reason == "回放结束"

    def test_monthly_runs_before_weekly_before_daily_before_the_hook_of_the_same_instant(self) -> None:
        recorder = run(
            "def daily(context): log.info('daily')\n"
            "def weekly(context): log.info('weekly')\n"
            "def monthly(context): log.info('monthly')\n"
            "def handle_data(context, data):\n    if context.current_dt.minute == 35: log.info('hook')\n"
            "def initialize(context):\n"
            "    run_daily(daily, '9:35')\n    run_weekly(weekly, 1, '9:35')\n    run_monthly(monthly, 1, '9:35')\n"
        )
        assert told(recorder)[:4] == [f"09:35:00 {name}" for name in ("monthly", "weekly", "daily", "hook")]

    def test_tasks_of_one_instant_keep_their_registration_order_and_one_function_may_run_often(self) -> None:
        recorder = run(
            "def a(context): log.info('a')\n"
            "def b(context): log.info('b')\n"
            "def initialize(context):\n"
            "    run_daily(b, '10:00')\n    run_daily(a, '10:00')\n"
            "    run_daily(b, '10:00')\n    run_daily(a, '9:40')\n"
        )
        assert told(recorder) == ["09:40:00 a", "10:00:00 b", "10:00:00 a", "10:00:00 b"]

    def test_nothing_runs_on_days_without_trading(self) -> None:
        recorder = run_days(
            HEAD + "def daily(context): log.info(str(context.current_dt.date()))\n"
            "def initialize(context): run_daily(daily, '20:00')\n",
            a_market(date(2025, 5, 30), TUESDAY),
            date(2025, 5, 30),
            TUESDAY,
        ).recorder
        assert [text for _, text in recorder.said()] == ["2025-05-30", "2025-06-03"]

    def test_weekly_and_monthly_tasks_run_on_their_trading_days(self) -> None:
        days = [date(2025, 5, 26) + timedelta(days=n) for n in range(19)]
        sessions = [day for day in days if day.weekday() < 5 and day != date(2025, 6, 2)]
        recorder = run_days(
            HEAD + "def first(context): log.info('week1')\n"
            "def last(context): log.info('week-1')\n"
            "def month(context): log.info('month2')\n"
            "def initialize(context):\n"
            "    run_weekly(first, 1)\n    run_weekly(last, -1, '14:50')\n    run_monthly(month, 2)\n",
            a_market(*sessions),
            sessions[0],
            sessions[-1],
        ).recorder
        assert [(f"{at:%m-%d}", text) for at, text in recorder.said()] == [
            ("05-26", "week1"),
            ("05-27", "month2"),  # the month counts from the day on which the strategy started
            ("05-30", "week-1"),
            ("06-03", "week1"),
            ("06-04", "month2"),
            ("06-06", "week-1"),
            ("06-09", "week1"),
            ("06-13", "week-1"),
        ]

    def test_hooks_may_take_fewer_arguments(self) -> None:
        recorder = run("def before_trading_start(): log.info('no argument')\ndef initialize(): pass\n")
        assert told(recorder) == ["09:15:00 no argument"]

    def test_the_previous_date_is_the_trading_day_before(self) -> None:
        recorder = run("def before_trading_start(context): log.info(str(context.previous_date))\n")
        assert told(recorder) == ["09:15:00 2025-05-30"]

    def test_a_start_in_the_session_runs_what_is_still_due_today(self) -> None:
        recorder = run(WHOLE_DAY, start=datetime.combine(TUESDAY, time(14, 40, 30)))
        # Late is better than never for the morning's hook; scheduled functions that were due earlier do not run.
        assert told(recorder)[:6] == [
            "14:40:30 initialize",
            "14:40:30 process_initialize",
            "14:40:30 before_trading_start",
            "14:55:00 late",
            "14:59:00 handle_data",
            "15:00:00 close",
        ]

    def test_a_start_on_a_sunday_night_says_what_it_waits_for(self) -> None:
        recorder = run("def before_trading_start(context): pass\n", start=datetime(2025, 6, 1, 3, 0))
        (waiting,) = recorder.of(Waiting)
        assert (waiting.at, waiting.until) == (datetime(2025, 6, 1, 3, 0), datetime(2025, 6, 3, 9, 15))
        assert "2025-06-03" in waiting.what

    def test_a_start_after_the_close_waits_for_the_next_session(self) -> None:
        recorder = run(WHOLE_DAY, TUESDAY, WEDNESDAY, start=datetime.combine(TUESDAY, time(15, 10)))
        assert [event.day for event in recorder.of(DayOpened)] == [WEDNESDAY]


class TestRegistration:
    def test_registered_in_a_callback_it_runs_the_same_day_when_its_time_is_still_to_come(self) -> None:
        recorder = run(
            "def late(context): log.info('late')\n"
            "def before_trading_start(context):\n"
            "    run_daily(late, '9:00')\n    run_daily(late, '10:00')\n    run_daily(late, 'every_bar')\n"
            "    run_weekly(late, 1, '11:00')\n"
        )
        times = [at.time() for at, _ in recorder.said()]
        assert time(9, 0) not in times
        assert len(times) == 240 + 2
        assert times.count(time(10, 0)) == times.count(time(11, 0)) == 2

    def test_unschedule_all_drops_what_is_due_later_today_and_new_tasks_count(self) -> None:
        recorder = run(
            "def change(context):\n    unschedule_all()\n    run_daily(new, '14:00')\n"
            "def old(context): log.info('old')\n"
            "def new(context): log.info('new')\n"
            "def initialize(context):\n"
            "    run_daily(old, 'every_bar')\n    run_daily(change, '9:31:30')\n    run_daily(old, '10:00')\n",
            TUESDAY,
            WEDNESDAY,
        )
        assert told(recorder) == ["09:30:00 old", "09:31:00 old", "14:00:00 new", "14:00:00 new"]

    @pytest.mark.parametrize(
        ("call", "value"),
        [
            ("run_daily(task, '25:00')", "25:00"),
            ("run_weekly(task, 0)", "0"),
            ("run_monthly(task, 1.5)", "1.5"),
            ("run_weekly(task, True)", "True"),
            ("run_daily('task', '9:30')", "task"),
        ],
    )
    def test_a_bad_registration_stops_the_start_and_names_the_value(self, call: str, value: str) -> None:
        recorder = Recorder()
        with pytest.raises(StrategyError, match="initialize 执行失败"):
            run(f"def task(context): pass\ndef initialize(context):\n    {call}\n", recorder=recorder)
        (failed,) = recorder.of(CallbackFailed)
        assert value in failed.error
        assert failed.where == "strategy_under_test.py:4"

    @pytest.mark.parametrize(
        "call", ["run_daily(lambda context: None, '9:30')", "run_daily(Tasks().task, '9:30')"], ids=["lambda", "method"]
    )
    def test_a_function_that_cannot_be_found_again_after_a_restart_is_refused(self, call: str) -> None:
        with pytest.raises(StrategyError):
            run(f"class Tasks:\n    def task(self, context): pass\ndef initialize(context):\n    {call}\n")

    def test_a_task_that_registers_itself_again_runs_once_a_day_and_registration(self) -> None:
        recorder = run(
            "g.times = 0\n"
            "def task(context):\n"
            "    g.times += 1\n"
            "    if g.times > 50: exit()\n"
            "    unschedule_all()\n"
            "    run_daily(task, '10:00')\n"
            "def on_strategy_end(context): log.info(str(g.times))\n"
            "def initialize(context): run_daily(task, '10:00')\n",
            TUESDAY,
            WEDNESDAY,
        )
        assert told(recorder)[-1].endswith(" 2")


FAILS = """
def initialize(context):
    run_daily(task, '10:00')

def process_initialize(context):
    raise ValueError('process_initialize 出错')

def before_trading_start(context):
    raise ValueError('before_trading_start 出错')

def task(context):
    raise ValueError('task 出错')

def handle_data(context, data):
    if context.current_dt.minute == 45 and context.current_dt.hour == 9:
        {}['missing']

def after_trading_end(context):
    1 / 0

def on_strategy_end(context):
    raise ValueError('on_strategy_end 出错')
"""


class TestMistakesOfTheStrategy:
    def test_an_exception_in_any_callback_is_told_with_its_line_and_the_engine_goes_on(self) -> None:
        recorder = run(FAILS, TUESDAY, WEDNESDAY)
        failures = [(f"{e.at:%d %H:%M}", e.callback, e.where, e.error) for e in recorder.of(CallbackFailed)]

        def of_day(day: int) -> list[tuple[str, str, str, str]]:
            file = "strategy_under_test.py"
            return [
                (f"{day:02} 09:15", "before_trading_start", f"{file}:10", "ValueError: before_trading_start 出错"),
                (f"{day:02} 09:45", "handle_data", f"{file}:17", "KeyError: 'missing'"),
                (f"{day:02} 10:00", "task@10:00", f"{file}:13", "ValueError: task 出错"),
                (f"{day:02} 15:00", "after_trading_end", f"{file}:20", "ZeroDivisionError: division by zero"),
            ]

        start = ("03 00:00", "process_initialize", "strategy_under_test.py:7", "ValueError: process_initialize 出错")
        end = ("04 23:59", "on_strategy_end", "strategy_under_test.py:23", "ValueError: on_strategy_end 出错")
        assert failures == [start, *of_day(3), *of_day(4), end]
        assert len(recorder.of(DayClosed)) == 2

    def test_failures_are_in_the_journal(self) -> None:
        rows = run_days(HEAD + FAILS, a_market(), TUESDAY, TUESDAY).rows
        failed = [row for row in rows if row.kind == "callback_failed"]
        assert len(failed) == 6
        assert b"strategy_under_test.py:13" in b"".join(row.body for row in failed)

    def test_a_mistake_in_a_function_of_ours_names_the_line_of_the_strategy(self) -> None:
        recorder = run("def before_trading_start(context):\n    order('600000.XSHG', float('nan'))\n")
        (failed,) = recorder.of(CallbackFailed)
        assert failed.where == "strategy_under_test.py:3"

    def test_exit_stops_the_engine_and_saves(self) -> None:
        recorder = run("def task(context): exit()\ndef initialize(context): run_daily(task, '10:00')\n", last=WEDNESDAY)
        (stopping,) = recorder.of(Stopping)
        assert (stopping.at, stopping.reason) == (datetime.combine(TUESDAY, time(10)), "策略调用了 exit()")
        assert recorder.of(Saved)[-1].reason == "退出"

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("def initialize(context):\n    x = (\n", "第 .* 行有语法错误"),
            ("import no_such_module\n", "strategy_under_test.py:2.*ModuleNotFoundError"),
            ("x = 1\n", "没有定义 initialize"),
            ("def initialize(context):\n    raise ValueError('x')\n", "initialize 执行失败"),
        ],
    )
    def test_a_file_that_cannot_run_ends_with_one_sentence(self, source: str, words: str) -> None:
        with pytest.raises(StrategyError, match=words):
            run(source)


class TestWaitingForAnOrder:
    def test_minutes_that_pass_during_a_wait_are_caught_up_within_their_grace(self) -> None:
        scripted = ScriptedBroker()
        scripted.answers.extend([silence] * 3)
        recorder = run(
            "def task(context):\n    order('600000.XSHG', 100)\n    log.info('returned')\n"
            "def other(context): log.info('other, meant for %s' % context.current_dt.time())\n"
            "def initialize(context):\n    run_daily(task, '10:00')\n    run_daily(other, '10:00:10')\n",
            broker=scripted.on,
        )
        assert told(recorder) == ["10:00:16 returned", "10:00:16 other, meant for 10:00:10"]

    @pytest.mark.parametrize(
        ("waits", "missed"),
        [(4, 1), (9, 2)],  # 64 s swallow minute 10:01 whole; 144 s two of them
    )
    def test_minutes_that_a_long_callback_swallows_are_counted_and_told(self, waits: int, missed: int) -> None:
        scripted = ScriptedBroker()
        scripted.answers.append(silence)
        recorder = run(
            f"def task(context): order('600000.XSHG', 100, wait_timeout={16 * waits})\n"
            "def initialize(context):\n    run_daily(task, '10:00')\n"
            "def handle_data(context, data): log.info('bar')\n",
            broker=scripted.on,
        )
        (told_,) = recorder.of(TaskMissed)
        assert (told_.task, told_.times) == ("handle_data", missed)
        assert len(recorder.said()) == 240 - missed

    def test_the_time_that_is_told_for_missed_minutes_is_theirs(self) -> None:
        scripted = ScriptedBroker()
        scripted.answers.append(silence)
        recorder = run(
            "def task(context): order('600000.XSHG', 100, wait_timeout=64)\n"
            "def initialize(context):\n    run_daily(task, '10:00')\n"
            "def handle_data(context, data): pass\n",
            broker=scripted.on,
        )
        assert [event.due.time() for event in recorder.of(TaskMissed)] == [time(10, 0)]

    @pytest.mark.parametrize("minutes", ["def handle_data(context, data): pass\n", "def minute(context): pass\n"])
    def test_missed_minutes_at_the_end_of_the_day_are_told_that_day(self, minutes: str) -> None:
        scripted = ScriptedBroker()
        recorder = run(
            "def task(context):\n    order('600000.XSHG', 100, wait_timeout=100)\n"
            "def initialize(context):\n    run_daily(task, '14:58:30')\n"
            + ("    run_daily(minute, 'every_bar')\n" if "minute" in minutes else "")
            + minutes,
            broker=_silent(scripted),
        )
        assert [event.at.date() for event in recorder.of(TaskMissed)] == [TUESDAY]

    def test_a_clock_task_that_is_too_late_is_told_and_not_made_up(self) -> None:
        scripted = ScriptedBroker()
        recorder = run(
            "def task(context): order('600000.XSHG', 100, wait_timeout=700)\n"
            "def other(context): log.info('other')\n"
            "def initialize(context):\n"
            "    run_daily(task, '10:00')\n    run_daily(other, '10:01')\n    run_daily(other, '10:05')\n",
            broker=_silent(scripted),
        )
        assert [(e.task, f"{e.due:%H:%M}", e.times) for e in recorder.of(TaskMissed)] == [("other@10:01", "10:01", 1)]
        assert told(recorder) == ["10:11:40 other"]


def _silent(scripted: ScriptedBroker):
    scripted.usual = silence
    return scripted.on


TICKING = """
def initialize(context):
    subscribe('600000.XSHG', 'tick')
    run_daily(stop, '9:32')

def stop(context):
    unsubscribe_all()

def handle_tick(context, tick):
    log.info('%s %s %.2f %d' % (tick.code, context.current_dt == tick.datetime, tick.current, tick.volume))
"""


class TestTicks:
    def test_each_tick_of_a_subscription_is_delivered_at_its_time_until_unsubscribed(self) -> None:
        snapshots = [(datetime(2025, 6, 3, 9, 30, n * 3), 10.0 + n / 100, 100 * n) for n in range(1, 10)]
        late = [(datetime(2025, 6, 3, 9, 33), 11.0, 5000)]
        market = a_market().add(
            CODE, dict.fromkeys((TUESDAY, WEDNESDAY), 10.0), prev_close=10.0, ticks={TUESDAY: [*snapshots, *late]}
        )
        recorder = run_days(HEAD + TICKING, market, TUESDAY, TUESDAY).recorder
        assert recorder.said() == [(at, f"{CODE} True {current:.2f} {volume}") for at, current, volume in snapshots]

    def test_a_source_without_ticks_moves_a_tick_strategy_once_a_minute(self) -> None:
        recorder = run(TICKING)
        assert told(recorder) == [
            "09:31:00 600000.XSHG True 10.00 1000000",
            "09:32:00 600000.XSHG True 10.00 2000000",
        ]

    def test_subscribed_again_the_same_day_each_tick_comes_once(self) -> None:
        recorder = run(
            "def initialize(context):\n    subscribe('600000.XSHG', 'tick')\n    run_daily(again, '10:00')\n"
            "def again(context):\n    unsubscribe('600000.XSHG', 'tick')\n    subscribe('600000.XSHG', 'tick')\n"
            "    subscribe('600000.XSHG', 'tick')\n"
            "def handle_tick(context, tick): log.info('tick')\n"
        )
        assert len(recorder.said()) == 240

    def test_the_subscription_lives_on_the_next_day(self) -> None:
        recorder = run(
            "def initialize(context): subscribe(['600000.XSHG'], 'tick')\n"
            "def handle_tick(context, tick): log.info('tick')\n",
            TUESDAY,
            WEDNESDAY,
        )
        assert len(recorder.said()) == 480


def test_a_missing_strategy_file_is_named(tmp_path: Path) -> None:
    from bullet_trade.engine.host import StrategyHost  # the composition checks first; the host must too

    class Nobody:
        def tell(self, event: object) -> None: ...

        def append(self, at: datetime, kind: str, body: object) -> int:
            return 1

        def barrier(self) -> None: ...

        def close(self) -> None: ...

    with pytest.raises(UsageError, match=r"找不到策略文件.*gone\.py"):
        StrategyHost(tmp_path / "gone.py", {}, Nobody(), Nobody()).load()


def days_of(recorder: Recorder) -> Sequence[date]:
    return [event.day for event in recorder.of(DayClosed)]


def test_every_session_of_the_range_is_closed_once() -> None:
    recorder = run_days(
        HEAD + "def initialize(context): pass\n", a_market(), TUESDAY, FRIDAY + timedelta(days=3)
    ).recorder
    assert list(days_of(recorder)) == [TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, date(2025, 6, 9)]
