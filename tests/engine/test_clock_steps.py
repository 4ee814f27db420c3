"""The machine's clock is set, or the machine sleeps: no task twice, and none lost without being told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from stepping_clock import stepping

from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.reports import Filled
from bullet_trade.engine.clock import HELD_UP_S, WallClock
from bullet_trade.engine.events import ClockStepped, DayClosed, DayOpened, OrderPlaced, Saved, StateNote, TaskMissed
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.timers import TimerQueue
from bullet_trade.ports.clock import Rank
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, silence
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

CODE = "600000.XSHG"
DAYS = TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, MONDAY = tuple(date(2025, 6, day) for day in (3, 4, 5, 6, 9))
HEAD = "from jqdata import *\nCODE = '600000.XSHG'\n"
HOUR = timedelta(hours=1)

TASKS = (
    "9:00",
    "9:31",
    "9:45",
    "10:00",
    "10:05",
    "10:30",
    "10:55",
    "11:20",
    "13:00",
    "14:50",
    "15:00",
    "15:30",
    "20:00",
)
ALL_DAY = "".join(f"def t{n}(context): log.info('{at}')\n" for n, at in enumerate(TASKS))
ALL_DAY += "def initialize(context):\n"
ALL_DAY += "".join(f"    run_daily(t{n}, '{at}')\n" for n, at in enumerate(TASKS))
ALL_DAY += "    run_daily(minute, 'every_minute')\n"
ALL_DAY += (
    "def minute(context): log.info('minute')\n"
    "def before_trading_start(context): log.info('before')\n"
    "def handle_data(context, data): log.info('bar')\n"
    "def after_trading_end(context): log.info('after')\n"
)
DUE = Counter({**dict.fromkeys(TASKS, 1), "minute": 240, "bar": 240, "before": 1, "after": 1})
"""What a whole day runs, and how often."""

NAMES = {
    "handle_data": "bar",
    "before_trading_start": "before",
    "after_trading_end": "after",
    "minute@every_minute": "minute",
}


def a_market(price: float = 10.0) -> FakeMarket:
    return FakeMarket().add(CODE, dict.fromkeys(DAYS, price), prev_close=price)


def run(source: str, *steps: tuple[str, timedelta], last: date = TUESDAY, **more: object) -> Recorder:
    ran = run_days(HEAD + source, a_market(), TUESDAY, last, clock=stepping(*steps), **more)  # type: ignore[arg-type]
    return ran.recorder


def ran(recorder: Recorder) -> Counter[str]:
    return Counter(text for _, text in recorder.said())


def missed(recorder: Recorder) -> Counter[str]:
    """What was told to be missed, by the name that the strategy would have logged."""
    found: Counter[str] = Counter()
    for event in recorder.of(TaskMissed):
        found[NAMES.get(event.task, event.task.partition("@")[2])] += event.times
    return found


STEPS = {
    "set back an hour": [("2025-06-03T10:31:30", -HOUR)],
    "set back over the lunch break": [("2025-06-03T13:20:30", -2 * HOUR)],
    "set back over midnight": [("2025-06-03T00:10:00", -HOUR)],
    "set back and forward again": [("2025-06-03T10:31:30", -HOUR), ("2025-06-03T09:40:30", HOUR)],
    "set forward an hour": [("2025-06-03T10:02:30", HOUR)],
    "set forward and back again": [("2025-06-03T10:02:30", HOUR), ("2025-06-03T11:10:30", -HOUR)],
    "slept over 09:15 and the open": [("2025-06-03T09:10:30", timedelta(minutes=40))],
    "slept over the lunch break": [("2025-06-03T11:00:30", timedelta(hours=2, minutes=30))],
    "slept over the close": [("2025-06-03T14:30:30", timedelta(minutes=50))],
    "slept through the session": [("2025-06-03T08:30:00", timedelta(hours=10))],
    "two minutes": [("2025-06-03T10:04:30", timedelta(minutes=2))],
}


@pytest.mark.parametrize("name", STEPS)
def test_each_task_of_the_day_ran_once_or_is_told_to_be_missed(name: str) -> None:
    """F01 S02: a gap or a step of the clock at any mark of the day."""
    recorder = run(ALL_DAY, *STEPS[name])
    assert ran(recorder) + missed(recorder) == DUE
    assert [event.seconds for event in recorder.of(ClockStepped)] == [by.total_seconds() for _, by in STEPS[name]]
    assert [event.day for event in recorder.of(DayClosed)] == [TUESDAY]


def test_after_a_clock_that_was_set_back_nothing_runs_twice_and_nothing_is_lost() -> None:
    recorder = run(ALL_DAY, *STEPS["set back an hour"])
    assert ran(recorder) == DUE
    assert missed(recorder) == Counter()


def test_after_a_clock_that_was_set_forward_what_is_a_little_late_runs_and_the_rest_is_told() -> None:
    recorder = run(ALL_DAY, *STEPS["set forward an hour"])
    late = [f"{at:%H:%M:%S} {text}" for at, text in recorder.said() if text in TASKS and at.time() < time(11, 10)]
    assert late == ["09:00:00 9:00", "09:31:00 9:31", "09:45:00 9:45", "10:00:00 10:00", "11:02:30 10:55"]
    assert missed(recorder) == Counter({"10:05": 1, "10:30": 1, "minute": 59, "bar": 59})


def test_whole_days_that_were_slept_through_are_told_one_by_one() -> None:
    """F01: from Tuesday noon to Friday morning."""
    recorder = run(ALL_DAY, ("2025-06-03T12:00:00", timedelta(days=2, hours=20)), last=FRIDAY)
    whole = [(event.due.date(), event.times) for event in recorder.of(TaskMissed) if event.task == "整个交易日"]
    assert whole == [(WEDNESDAY, 2)]
    done = ran(recorder) + missed(recorder)
    del done["整个交易日"], done[""]
    assert done == Counter({name: times * 2 for name, times in DUE.items()})  # Tuesday's and Friday's
    assert all(at.date() in (TUESDAY, FRIDAY) for at, _ in recorder.said())
    assert [at for at, text in recorder.said() if text == "after"] == [datetime.combine(FRIDAY, time(15))]
    assert [event.day for event in recorder.of(DayClosed)] == [TUESDAY, FRIDAY]


def test_a_day_that_was_slept_through_before_it_opened_is_told() -> None:
    recorder = run(ALL_DAY, ("2025-06-03T23:00:00", timedelta(days=2, hours=9)), last=FRIDAY)
    whole = [(event.due.date(), event.times) for event in recorder.of(TaskMissed) if event.task == "整个交易日"]
    assert whole == [(WEDNESDAY, 2)]
    assert [event.day for event in recorder.of(DayOpened)] == [TUESDAY, FRIDAY]


class Terminal(ScriptedBroker):
    """Pushes what happened meanwhile when it is asked for the account; remembers when it was asked."""

    def __init__(self) -> None:
        super().__init__(100_000)
        self.asked: list[str] = []
        self.happened: Callable[[], None] = lambda: None

    def request_snapshot(self) -> None:
        self.asked.append(f"{self._now():%H:%M:%S}")
        self.happened()
        super().request_snapshot()


def test_after_a_sleep_the_account_is_asked_for_before_the_strategy_goes_on() -> None:
    """F01: 20 minutes over a task at 10:00 and a fill; 10:00 is told as missed, 10:10 is late, 10:30 on time."""
    terminal = Terminal()
    terminal.answers.append([accepted()])

    def push() -> None:
        if terminal._now().time() > time(10, 10) and len(terminal.submitted) == 1:
            terminal.happened = lambda: None
            (ticket,) = terminal.submitted
            terminal.say(Filled(ticket.tag, "T1", 1000, ticket.limit_price, terminal._now(), None))

    terminal.happened = push
    recorder = run(
        "def initialize(context):\n    run_daily(buy, '9:50')\n    run_daily(say, '10:00')\n"
        "    run_daily(say, '10:10')\n    run_daily(say, '10:30')\n"
        "def buy(context): order(CODE, 1000, 10.0, wait_timeout=0)\n"
        "def say(context): log.info('%d' % context.portfolio.positions[CODE].total_amount)\n",
        ("2025-06-03T09:55:00", timedelta(minutes=20)),
        broker=terminal.on,
    )
    assert "10:15:00" in terminal.asked
    assert [f"{at:%H:%M} {text}" for at, text in recorder.said()] == ["10:15 1000", "10:30 1000"]
    assert [event.task for event in recorder.of(TaskMissed)] == ["say@10:00"]


def test_ticks_that_waited_through_a_sleep_come_after_the_account() -> None:
    """F01 D11: the strategy sees no tick before the broker was asked."""
    terminal = Terminal()
    recorder = run(
        "def initialize(context): subscribe(CODE, 'tick')\ndef handle_tick(context, tick): log.info('tick')\n",
        ("2025-06-03T10:00:30", timedelta(minutes=20)),
        broker=terminal.on,
    )
    assert terminal.asked[1] == "10:20:30"
    assert len([at for at, _ in recorder.said() if at.time() == time(10, 20, 30)]) == 20


def test_a_broker_that_does_not_answer_after_a_sleep_is_told_and_the_day_goes_on() -> None:
    broker = ScriptedBroker(100_000)

    def mute(session: object) -> None:
        def at() -> None:
            broker.states_account = False

        session.parts.timers.add(datetime.combine(TUESDAY, time(9, 40)), Rank.MARKET, at)  # type: ignore[attr-defined]

    recorder = run(ALL_DAY, ("2025-06-03T10:01:30", timedelta(minutes=20)), broker=broker.on, prepare=mute)
    assert "没有及时返回账户" in recorder.of(StateNote)[0].text
    assert ran(recorder) + missed(recorder) == DUE


def test_saving_and_stop_orders_go_on_in_the_time_that_comes_twice() -> None:
    """The price is high from 09:35 to 09:40, which is passed over first and seen when the clock is set back."""
    market = FakeMarket().add(CODE, {TUESDAY: [10.0] * 5 + [11.0] * 5 + [10.0] * 230}, prev_close=10.0)
    recorder = run_days(
        HEAD + "def initialize(context): run_daily(hold, '9:31')\n"
        "def hold(context): order(CODE, 100, StopMarketOrderStyle('stop_loss', 10.5))\n",
        market,
        TUESDAY,
        TUESDAY,
        start=datetime.combine(TUESDAY, time(9, 25)),
        stop_at=datetime.combine(TUESDAY, time(9, 55)),
        clock=stepping(("2025-06-03T09:31:30", timedelta(minutes=13)), ("2025-06-03T09:46:00", -timedelta(minutes=13))),
        autosave_s=60.0,
    ).recorder
    assert [f"{event.at:%H:%M:%S}" for event in recorder.of(OrderPlaced)] == ["09:36:00"]
    saves = [event.at for event in recorder.of(Saved) if event.reason == "定时"]
    assert len([at for at in saves if time(9, 33) <= at.time() < time(9, 45)]) >= 11


def test_what_is_repeated_moves_with_a_clock_that_is_set_back_and_times_of_day_stay() -> None:
    queue, seen = TimerQueue(), []
    start = datetime.combine(TUESDAY, time(10))
    queue.add(start + timedelta(minutes=1), Rank.TASK_DAILY, lambda: seen.append("task"))
    queue.add(start + timedelta(minutes=2), Rank.HOUSEKEEPING, lambda: seen.append("save"), repeated=True)
    queue.set_back(HOUR)
    assert queue.next_due() == start - timedelta(minutes=58)
    timer = queue.pop_due(start - timedelta(minutes=58))
    assert timer is not None
    assert timer.action is not None
    timer.action()
    assert seen == ["save"]
    assert queue.next_due() == start + timedelta(minutes=1)


class TestARestartOnAnEarlierClock:
    SOURCE = (
        "def initialize(context):\n    run_daily(a, '9:40')\n    run_daily(a, '10:00')\n    run_daily(a, '10:30')\n"
        "def a(context): log.info('a')\n"
        "def handle_data(context, data): log.info('bar')\n"
    )

    def test_what_ran_on_the_fast_clock_does_not_run_again(self, tmp_path: Path) -> None:
        run_days(
            HEAD + self.SOURCE, a_market(), TUESDAY, TUESDAY, directory=tmp_path,
            stop_at=datetime.combine(TUESDAY, time(10, 10, 30)),
        )  # fmt: skip
        again = run_days(
            HEAD + self.SOURCE, a_market(), TUESDAY, TUESDAY, directory=tmp_path,
            start=datetime.combine(TUESDAY, time(9, 35)),
        ).recorder  # fmt: skip
        assert [f"{at:%H:%M}" for at, text in again.said() if text == "a"] == ["10:30"]
        assert min(at.time() for at, _ in again.said()) == time(10, 11)
        assert "时钟被往回拨过" in again.of(StateNote)[0].text

    def test_a_clock_that_was_a_day_ahead_is_told(self, tmp_path: Path) -> None:
        run_days(
            HEAD + self.SOURCE, a_market(), WEDNESDAY, WEDNESDAY, directory=tmp_path,
            stop_at=datetime.combine(WEDNESDAY, time(10, 10, 30)),
        )  # fmt: skip
        again = run_days(HEAD + self.SOURCE, a_market(), TUESDAY, TUESDAY, directory=tmp_path).recorder
        assert [f"{at:%H:%M}" for at, text in again.said() if text == "a"] == ["09:40", "10:00", "10:30"]
        assert "2025-06-04 10:10:30" in again.of(StateNote)[0].text


class Machine:
    """Civil and monotonic seconds; sleeping in the inbox lets them pass."""

    def __init__(self, beijing: datetime) -> None:
        self.civil = (beijing - timedelta(hours=8)).replace(tzinfo=UTC).timestamp()
        self.steady = 5_000.0

    def clock(self) -> WallClock:
        return WallClock(lambda: self.civil, lambda: self.steady)


class Stopped(Inbox):
    """The process is stopped in its second nap: all clocks of the machine go on."""

    def __init__(self, machine: Machine, seconds: float, steady: bool) -> None:
        super().__init__()
        self._machine = machine
        self._spans = iter([0.0, seconds])
        self._steady = steady

    def get(self, timeout_s: float = 0.0) -> None:
        extra = next(self._spans, 0.0)
        self._machine.civil += timeout_s + extra
        self._machine.steady += timeout_s + (extra if self._steady else 0.0)


@pytest.mark.parametrize("steady", [True, False], ids=["monotonic clock goes on", "monotonic clock stops"])
@pytest.mark.parametrize("seconds", [1_200.0, HELD_UP_S + 1])
def test_a_process_that_was_stopped_notices_it_once_whatever_its_monotonic_clock_did(
    seconds: float, steady: bool
) -> None:
    """F01: suspend and resume, SIGSTOP and SIGCONT."""
    machine = Machine(datetime.combine(TUESDAY, time(9, 50)))
    clock = machine.clock()
    clock.wait(Stopped(machine, seconds, steady), datetime.combine(TUESDAY, time(10)))
    assert clock.take_step() == pytest.approx(seconds)
    assert clock.take_step() == 0.0


def test_a_slow_nap_of_a_busy_machine_is_no_gap() -> None:
    machine = Machine(datetime.combine(TUESDAY, time(9, 50)))
    clock = machine.clock()
    clock.wait(Stopped(machine, 3.0, True), datetime.combine(TUESDAY, time(10)))
    assert clock.take_step() == 0.0


def test_waiting_for_ten_minutes_looks_at_the_clock_twice_a_second() -> None:
    """N06: the loop does not run hot, whatever else is down."""
    machine = Machine(datetime.combine(TUESDAY, time(9, 50)))
    naps: list[float] = []

    class Counted(Stopped):
        def get(self, timeout_s: float = 0.0) -> None:
            naps.append(timeout_s)
            super().get(timeout_s)

    assert machine.clock().wait(Counted(machine, 0.0, True), datetime.combine(TUESDAY, time(10))) is None
    assert len(naps) <= 1_201


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2025-06-04 00:00:01", WEDNESDAY),
        ("2025-06-04 07:59:00", WEDNESDAY),
        ("2025-06-04 08:00:01", WEDNESDAY),
        ("2025-06-03 23:59:59", WEDNESDAY),
    ],
)
def test_the_trading_day_is_the_date_in_china(at: str, opens: date) -> None:
    """F04: around the midnights of China and of UTC."""
    started = datetime.fromisoformat(at)
    assert Machine(started).clock().now() == started
    recorder = run_days(HEAD + ALL_DAY, a_market(), TUESDAY, WEDNESDAY, start=started).recorder
    assert [event.day for event in recorder.of(DayOpened)] == [opens]


@pytest.mark.parametrize("delay_s", [0.5, 1, 10, 59, 61, 300, 599, 601, 1800])
def test_delays_at_the_due_time_end_in_a_run_or_in_a_record(delay_s: float) -> None:
    """S02: an order wait holds the engine for half a second to half an hour over a task."""
    broker = ScriptedBroker()
    broker.usual = silence
    source = (
        "def initialize(context):\n    run_daily(hold, '9:59:59')\n    run_daily(say, '10:00')\n"
        f"def hold(context): order(CODE, 100, 9.9, wait_timeout={delay_s + 1})\n"
        "def say(context): log.info(str(context.current_dt.time()))\n"
    )
    ran_ = run_days(HEAD + source, a_market(), TUESDAY, TUESDAY, broker=broker.on)
    said = [text for _, text in ran_.recorder.said()]
    noted = [row for row in ran_.rows if row.kind == "task_missed"]
    assert (said, len(noted)) == ((["10:00:00"], 0) if delay_s < 600 else ([], 1))


def test_a_task_that_takes_150_seconds_makes_the_next_minutes_late_and_loses_none() -> None:
    """F07: tasks at 09:31, 09:32 and 09:33."""
    broker = ScriptedBroker()
    broker.usual = silence
    recorder = run(
        "def initialize(context):\n    run_daily(a, '9:31')\n    run_daily(b, '9:32')\n    run_daily(c, '9:33')\n"
        "def a(context): order(CODE, 100, 9.9, wait_timeout=150)\n"
        "def b(context): log.info('b %s' % context.current_dt.time())\n"
        "def c(context): log.info('c %s' % context.current_dt.time())\n",
        broker=broker.on,
    )
    said = [f"{at:%H:%M:%S} {text}" for at, text in recorder.said()]
    assert said == ["09:33:30 b 09:32:00", "09:33:30 c 09:33:00"]
    assert recorder.of(TaskMissed) == []


ZONE_RUN = """
import sys, time
if hasattr(time, "tzset"):
    time.tzset()
from datetime import date
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket
days = [date(2025, 10, 31), date(2025, 11, 3), date(2025, 11, 4)]  # clocks change in New York on 2 November
market = FakeMarket().add("600000.XSHG", dict.fromkeys(days, 10.0), prev_close=10.0)
source = open(sys.argv[1], encoding="utf-8").read()
ran = run_days(source, market, days[0], days[-1])
for at, text in ran.recorder.said():
    print(at.isoformat(), text)
"""
ZONE_SOURCE = (
    "from jqdata import *\n"
    "def initialize(context):\n"
    "    for at in ('0:30', '1:30', '2:30', '9:30', 'close-5m', '23:30'): run_daily(say, at)\n"
    "def say(context):\n"
    "    bars = get_price('600000.XSHG', count=2, end_date=context.current_dt, frequency='1m')\n"
    "    log.info('%s %s' % (context.current_dt, bars.index[-1]))\n"
)


def test_the_zone_of_the_machine_and_its_daylight_saving_change_nothing(tmp_path: Path) -> None:
    """F01 F04: the same three days with TZ at New York, whose clocks change in between, and at UTC."""
    file = tmp_path / "zone.py"
    file.write_text(ZONE_SOURCE, encoding="utf-8")
    command = [sys.executable, "-c", ZONE_RUN, str(file)]
    runs = [
        subprocess.Popen(command, env={**os.environ, "TZ": zone}, stdout=subprocess.PIPE, text=True)
        for zone in ("America/New_York", "UTC")
    ]
    outputs = [one.communicate(timeout=60)[0] for one in runs]
    assert [one.returncode for one in runs] == [0, 0]
    lines = outputs[0].splitlines()
    assert [line.split()[0][:16] for line in lines] == [
        f"2025-{day}T{at}"
        for day in ("10-31", "11-03", "11-04")
        for at in ("00:30", "01:30", "02:30", "09:30", "14:55", "23:30")
    ]
    assert outputs[1] == outputs[0]


def test_an_order_in_flight_stays_known_over_a_step_of_the_clock() -> None:
    broker = ScriptedBroker(100_000)
    broker.usual = [accepted()]
    ran_ = run_days(
        HEAD + "def initialize(context): run_daily(buy, '9:50')\ndef buy(context): order(CODE, 100, 10.0)\n",
        a_market(), TUESDAY, TUESDAY, broker=broker.on, clock=stepping(("2025-06-03T09:50:05", -HOUR)),
    )  # fmt: skip
    (order,) = ran_.session.engine.book.orders.values()
    assert order.state is OrderState.WORKING
    assert len(broker.submitted) == 1
