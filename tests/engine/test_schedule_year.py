"""The schedule over whole years with their holidays.

Closed days are those of the exchanges' annual notices; the expected days are counted from them by hand here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

import pytest

from bullet_trade.engine.events import DayClosed, DayOpened, TaskMissed
from bullet_trade.engine.schedule import due_in_period
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

HEAD = "from jqdata import *\n"


def closed_weekdays(year: int, *spans: str) -> set[date]:
    """``"02-16 02-20"`` is a span, ``"04-06"`` a day."""
    found = set()
    for span in spans:
        first, last = (date.fromisoformat(f"{year}-{part}") for part in (span.split() * 2)[:2])
        found |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return {day for day in found if day.weekday() < 5}


CLOSED = (
    closed_weekdays(
        2024, "01-01", "02-09 02-16", "04-04 04-05", "05-01 05-03", "06-10", "09-16 09-17", "10-01 10-07"
    )
    | closed_weekdays(2025, "01-01", "01-28 02-04", "04-04", "05-01 05-05", "06-02", "10-01 10-08")
    | closed_weekdays(
        2026, "01-01 01-02", "02-16 02-23", "04-06", "05-01 05-05", "06-19", "09-25", "10-01 10-07"
    )
)  # fmt: skip


def weekdays(year: int) -> list[date]:
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    return [day for day in days if day.year == year and day.weekday() < 5]


SESSIONS = [day for year in (2024, 2025, 2026) for day in weekdays(year) if day not in CLOSED]
YEAR = [day for day in SESSIONS if day.year == 2026]


def test_the_hand_written_closed_days_give_the_published_numbers_of_sessions() -> None:
    assert Counter(day.year for day in SESSIONS) == {2024: 242, 2025: 243, 2026: 242}


def of_weekday(number: int, replaced: dict[str, str | None]) -> list[str]:
    """The days of one weekday in 2026 from the first session on, as ``MM-DD``, with exceptions by hand."""
    regular = (day for day in weekdays(2026) if day.weekday() == number and day >= date(2026, 1, 5))
    shown = [f"{day:%m-%d}" for day in regular]
    assert set(replaced) <= {*shown, "01-01"}
    found = [replaced.get(day, day) for day in shown] + ([replaced["01-01"]] if "01-01" in replaced else [])
    return [day for day in found if day is not None]


FRIDAYS = of_weekday(
    4,
    {
        "02-20": None,  # Spring Festival: a week without sessions
        "05-01": "04-30",
        "06-19": "06-18",
        "09-25": "09-24",
        "10-02": "09-30",
        "01-01": "12-31",  # of 2027, which is not a session
    },
)
MONDAYS = of_weekday(0, {"02-16": None, "02-23": "02-24", "04-06": "04-07", "05-04": "05-06", "10-05": "10-08"})
FIRST = ["01-05", "02-02", "03-02", "04-01", "05-06", "06-01", "07-01", "08-03", "09-01", "10-08", "11-02", "12-01"]
LAST = ["01-30", "02-27", "03-31", "04-30", "05-29", "06-30", "07-31", "08-31", "09-30", "10-30", "11-30", "12-31"]
LAST_BUT_ONE = [
    "01-29", "02-26", "03-30", "04-29", "05-28", "06-29", "07-30", "08-28", "09-29", "10-29", "11-27", "12-30"
]  # fmt: skip
FIFTEENTH = [
    "01-23", "02-27", "03-20", "04-22", "05-26", "06-22", "07-21", "08-21", "09-21", "10-28", "11-20", "12-21"
]  # fmt: skip

PERIODS: dict[str, list[str]] = {
    "run_weekly({f}, 1)": MONDAYS,
    "run_weekly({f}, weekday=1, time='before_open', force=False)": MONDAYS,
    "run_weekly({f}, 3, '14:50')": of_weekday(
        2, {"02-18": None, "02-25": "02-26", "04-08": "04-09", "05-06": "05-08", "10-07": "10-09"}
    ),
    "run_weekly({f}, 3, '14:50', force=False)": of_weekday(
        2, {"02-18": None, "02-25": "02-26", "04-08": "04-09", "05-06": "05-08", "10-07": None}
    ),
    "run_weekly({f}, 5, 'close-5m')": FRIDAYS,
    "run_weekly({f}, 5, 'close-5m', force=False)": of_weekday(
        4,
        dict.fromkeys(("02-20", "02-27", "04-10", "05-01", "05-08", "06-19", "09-25", "10-02", "10-09"), None),
    ),
    "run_weekly({f}, -1, '14:55:30')": FRIDAYS,
    "run_weekly({f}, -2, 'open')": of_weekday(
        3, {"02-19": None, "04-30": "04-29", "06-18": "06-17", "09-24": "09-23", "10-01": "09-29", "12-31": "12-30"}
    ),
    "run_weekly({f}, -5, 'after_close')": MONDAYS,
    "run_monthly({f}, 1)": FIRST,
    "run_monthly({f}, 1, 'open-10m', force=False)": FIRST,
    "run_monthly({f}, -1, '20:00')": LAST,
    "run_monthly({f}, -2, 'close')": LAST_BUT_ONE,
    "run_monthly({f}, 15, '10:00')": FIFTEENTH,
    "run_monthly({f}, 15, '10:00', force=False)": [day for day in FIFTEENTH if day != "02-27"],
    "run_monthly({f}, 23, '9:31')": LAST,
    "run_monthly({f}, 23, '9:31', force=False)": ["07-31", "12-31"],
    "run_monthly({f}, -23, '9:31')": FIRST,
    "run_monthly({f}, 1, '9:30', reference_security='000300.XSHG')": FIRST,
    "run_monthly({f}, monthday=-1, reference_security='399006.XSHE', force=True)": LAST,
}

TIMES: dict[str, str] = {
    "9:05": "09:05:00",
    "09:31": "09:31:00",
    "14:50:30": "14:50:30",
    "open": "09:30:00",
    "open-10m": "09:20:00",
    "open+90s": "09:31:30",
    "close": "15:00:00",
    "close-5m": "14:55:00",
    "close+1h30m": "16:30:00",
    "before_open": "09:00:00",
    "after_close": "15:30:00",
    "0:00": "00:00:00",
    "23:59": "23:59:00",
}


def registered(calls: Iterable[str]) -> str:
    """A strategy with one function for each registration, which logs its number and its time."""
    calls = list(calls)
    source = HEAD + "".join(f"def f{n}(context): log.info('{n} %s' % context.current_dt)\n" for n in range(len(calls)))
    return source + "def initialize(context):\n" + "".join(f"    {c.format(f=f'f{n}')}\n" for n, c in enumerate(calls))


@pytest.fixture(scope="module")
def year() -> Recorder:
    """2026 from its first to its last day, with a task for each row of the tables."""
    calls = [*PERIODS, *(f"run_daily({{f}}, {at!r})" for at in TIMES)]
    return run_days(registered(calls), FakeMarket(), date(2026, 1, 1), date(2026, 12, 31)).recorder


def moments(recorder: Recorder, number: int) -> list[datetime]:
    return [at for at, text in recorder.said() if text.split()[0] == str(number)]


@pytest.mark.parametrize(("number", "call"), list(enumerate(PERIODS)))
def test_weekly_and_monthly_tasks_of_2026(year: Recorder, number: int, call: str) -> None:
    """S07"""
    assert [f"{at:%m-%d}" for at in moments(year, number)] == PERIODS[call]


@pytest.mark.parametrize(("number", "written"), list(enumerate(TIMES, len(PERIODS))))
def test_daily_tasks_run_on_each_session_of_2026_at_their_time(year: Recorder, number: int, written: str) -> None:
    """S04"""
    at = time.fromisoformat(TIMES[written])
    assert moments(year, number) == [datetime.combine(day, at) for day in YEAR]


def test_in_a_whole_year_nothing_is_missed_and_the_strategy_sees_its_own_time(year: Recorder) -> None:
    assert year.of(TaskMissed) == []
    assert all(text.split(maxsplit=1)[1] == str(at) for at, text in year.said())
    assert [event.day for event in year.of(DayClosed)] == YEAR


@pytest.mark.parametrize("word", ["every_bar", "every_minute"])
def test_minute_tasks_run_240_times_on_each_session_of_a_month(word: str) -> None:
    """S04: February 2026, with the Spring Festival."""
    ran = run_days(registered([f"run_daily({{f}}, {word!r})"]), FakeMarket(), date(2026, 2, 1), date(2026, 2, 28))
    days = Counter(at.date() for at in moments(ran.recorder, 0))
    assert days == dict.fromkeys([day for day in YEAR if day.month == 2], 240)


def test_the_tasks_of_a_week() -> None:
    """S04: counts and times of one week, from the words of the specification."""
    words = ("open", "open+30m", "close-10m", "before_open", "after_close", "every_minute")
    ran = run_days(
        registered(f"run_daily({{f}}, {word!r})" for word in words), FakeMarket(), date(2026, 6, 15), date(2026, 6, 21)
    ).recorder
    sessions = [date(2026, 6, day) for day in (15, 16, 17, 18)]  # Friday was the Dragon Boat Festival
    for number, at in enumerate(("09:30", "10:00", "14:50", "09:00", "15:30")):
        assert moments(ran, number) == [datetime.combine(day, time.fromisoformat(at)) for day in sessions]
    assert len(moments(ran, 5)) == 4 * 240


def test_ten_days_over_a_weekend_and_a_holiday_in_one_process() -> None:
    """S06: from the Friday before the National Day of 2025 to the Friday after it."""
    source = HEAD + (
        "def before_trading_start(context): log.info('before')\n"
        "def after_trading_end(context): log.info('after')\n"
        "def handle_data(context, data):\n"
        "    if context.current_dt.strftime('%H:%M') in ('09:30', '14:59'): log.info('bar')\n"
    )
    ran = run_days(source, FakeMarket(), date(2025, 9, 25), date(2025, 10, 15)).recorder
    sessions = [
        date(2025, *day)
        for day in ((9, 25), (9, 26), (9, 29), (9, 30), (10, 9), (10, 10), (10, 13), (10, 14), (10, 15))
    ]
    expected = [
        (datetime.combine(day, time.fromisoformat(at)), text)
        for day in sessions
        for at, text in (("09:15", "before"), ("09:30", "bar"), ("14:59", "bar"), ("15:00", "after"))
    ]
    assert ran.said() == expected


def test_on_the_closed_days_of_three_years_nothing_runs() -> None:
    """R04: 0 hooks and 0 tasks, so 0 orders; more than half of the holidays are weekdays."""
    source = HEAD + (
        "def before_trading_start(context): note(context)\n"
        "def after_trading_end(context): note(context)\n"
        "def note(context): log.info('ran')\n"
        "def initialize(context):\n    run_daily(note, '9:30'); run_daily(note, '22:00')\n"
    )
    ran = run_days(source, FakeMarket(), date(2024, 1, 1), date(2026, 12, 31))
    assert Counter(at.date() for at, _ in ran.recorder.said()) == dict.fromkeys(SESSIONS, 4)
    assert [event.day for event in ran.recorder.of(DayOpened)] == SESSIONS
    assert len(CLOSED) == 20 + 18 + 19


def nth(days: list[date], index: int) -> date:
    """The day by its number, the nearest one where the period is too short."""
    return days[min(index, len(days)) - 1] if index > 0 else days[max(index, -len(days))]


@pytest.mark.parametrize("index", [1, 2, 3, 5, -1, -3])
@pytest.mark.parametrize("period", ["week", "month"])
def test_every_week_and_month_of_five_years_has_its_task_once(period: str, index: int) -> None:
    """S07: 2022 to 2026; the sessions are those of exchange_calendars, the choice is made here."""
    calendar = exchange_calendar()
    days = calendar.sessions(date(2022, 1, 1), date(2026, 12, 31))
    of = calendar.sessions_of_week if period == "week" else calendar.sessions_of_month
    due = [day for day in days if due_in_period(of(day), day, index, days[0], force=True)]
    groups: dict[tuple[int, int], list[date]] = {}
    for day in days:
        groups.setdefault(day.isocalendar()[:2] if period == "week" else (day.year, day.month), []).append(day)
    assert due == [nth(group, index) for group in groups.values()]
