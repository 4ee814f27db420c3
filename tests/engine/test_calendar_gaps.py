"""The calendar is wrong, doubted, or changed while the program runs."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.cli.main import app
from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.events import DayOpened, OrderPlaced, OrderRefused, StateNote
from bullet_trade.market.calendar import TradingCalendar, compared, exchange_calendar
from bullet_trade.market.closed_days import parse_closed_days
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket

CODE = "600000.XSHG"
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2025, 6, day) for day in (3, 4, 5, 6))
HOLIDAY = date(2025, 6, 2)  # the Dragon Boat Festival, a Monday
HEAD = "from jqdata import *\nCODE = '600000.XSHG'\n"
DAILY = (
    "def before_trading_start(context): log.info('before')\n"
    "def task(context): log.info('task %s' % context.previous_date)\n"
    "def initialize(context): run_daily(task, '10:00')\n"
)


def a_market(*days: date) -> FakeMarket:
    return FakeMarket().add(CODE, dict.fromkeys(days, 10.0), prev_close=10.0)


def without(calendar: TradingCalendar, *days: date) -> TradingCalendar:
    changed = calendar.copy()
    changed.close(days)
    return changed


def with_day(day: date) -> TradingCalendar:
    """A calendar that wrongly holds a day for a session, as old ones did."""
    known = exchange_calendar()
    return TradingCalendar([*known.sessions(known.first, known.last), day], "旧日历", known.last)


def run(source: str, market: FakeMarket, first: date, last: date, calendar: TradingCalendar, **more: object) -> DaysRun:
    return run_days(HEAD + source, market, first, last, calendar=calendar, **more)  # type: ignore[arg-type]


def said(ran: DaysRun) -> list[str]:
    return [f"{at:%m-%d %H:%M} {text}" for at, text in ran.recorder.said()]


class TestAWronglyOpenDay:
    """R01 R04"""

    BUYS = (
        "def initialize(context):\n    for at in ('9:00', 'open', '9:31', '10:00', '14:50'): run_daily(buy, at)\n"
        "def buy(context):\n    order(CODE, 100)\n    order_value(CODE, 5000, LimitOrderStyle(10.0))\n"
        "    order_target(CODE, 0)\n"
    )

    def test_without_quotes_of_today_no_order_leaves(self) -> None:
        ran = run(self.BUYS, a_market(date(2025, 5, 30)), HOLIDAY, HOLIDAY, with_day(HOLIDAY))
        assert [event.day for event in ran.recorder.of(DayOpened)] == [HOLIDAY]
        assert ran.recorder.of(OrderPlaced) == []
        assert {refused.rule for refused in ran.recorder.of(OrderRefused)} == {"stale_quote"}
        assert "行情今天还没有" in ran.recorder.of(OrderRefused)[0].text

    def test_with_a_second_source_it_is_told_in_time_and_may_be_refused(self) -> None:
        theirs = exchange_calendar().sessions(date(2025, 5, 1), date(2025, 6, 30))
        followed = compared(with_day(HOLIDAY), theirs, "券商", refuse=False)
        ran = run(DAILY, a_market(date(2025, 5, 30)), HOLIDAY, HOLIDAY, followed)
        (note,) = ran.recorder.of(StateNote)
        assert note.at == datetime.combine(HOLIDAY, time(9))
        assert "旧日历为开市，券商为休市；按旧日历处理" in note.text
        refused = compared(with_day(HOLIDAY), theirs, "券商", refuse=True)
        ran = run(DAILY, a_market(date(2025, 5, 30), TUESDAY), HOLIDAY, TUESDAY, refused)
        assert said(ran) == ["06-03 09:15 before", "06-03 10:00 task 2025-05-30"]
        assert "按休市处理" in ran.recorder.of(StateNote)[0].text


@pytest.mark.parametrize("refuse", [True, False])
def test_a_session_that_the_calendar_calls_a_holiday_is_told_before_the_opening_call(refuse: bool) -> None:
    """R01 R05: a bad row in the table; the other source knows better."""
    theirs = exchange_calendar().sessions(date(2025, 5, 1), date(2025, 6, 30))
    calendar = compared(without(exchange_calendar(), WEDNESDAY), theirs, "数据源", refuse=refuse)
    ran = run(DAILY, a_market(TUESDAY, WEDNESDAY, THURSDAY), TUESDAY, THURSDAY, calendar)
    (note,) = ran.recorder.of(StateNote)
    assert note.at == datetime.combine(WEDNESDAY, time(9))
    assert "为休市，数据源为开市" in note.text
    assert [event.day for event in ran.recorder.of(DayOpened)] == [TUESDAY, THURSDAY]
    assert [row.kind for row in ran.rows if row.kind == "calendar_doubt"] == ["calendar_doubt"]


def test_started_after_nine_a_doubt_about_today_is_told_at_once() -> None:
    """R05"""
    theirs = [day for day in exchange_calendar().sessions(date(2025, 5, 1), date(2025, 6, 30)) if day != TUESDAY]
    calendar = compared(exchange_calendar(), theirs, "数据源", refuse=False)
    ran = run(DAILY, a_market(TUESDAY), TUESDAY, TUESDAY, calendar, start=datetime.combine(TUESDAY, time(9, 40)))
    assert [note.at.time() for note in ran.recorder.of(StateNote)] == [time(9, 40)]


def test_sources_that_agree_or_know_other_years_raise_no_doubt() -> None:
    """R05"""
    known = exchange_calendar()
    same = compared(known, known.sessions(date(2020, 1, 1), date(2025, 12, 31)), "数据源", refuse=True)
    assert (same.doubts, same.version) == ({}, 0)
    later = compared(known, [date(2027, 1, 4)], "数据源", refuse=True)
    assert later.doubts == {}
    assert compared(known, None, "数据源", refuse=True).doubts == {}
    assert known.version == 0


class TestClosedAtShortNotice:
    """R02: as on 2020-01-31, but told while the program runs."""

    def run(self, source: str, last: date = FRIDAY, told_at: str = "2025-06-03T20:00") -> DaysRun:
        listed: set[date] = set()

        def prepare(session: Session) -> None:
            at = datetime.fromisoformat(told_at)
            session.parts.timers.add(at, Rank.HOUSEKEEPING, lambda: listed.add(THURSDAY))

        market = a_market(TUESDAY, WEDNESDAY, FRIDAY)
        calendar = exchange_calendar().copy()
        return run(source, market, TUESDAY, last, calendar, closed_days=lambda: listed, prepare=prepare)

    @pytest.mark.parametrize("told_at", ["2025-06-03T20:00", "2025-06-04T10:30", "2025-06-04T23:59:59"])
    def test_the_day_is_closed_and_its_neighbours_are_right(self, told_at: str) -> None:
        ran = self.run(DAILY, told_at=told_at)
        assert said(ran) == [
            "06-03 09:15 before",
            "06-03 10:00 task 2025-05-30",
            "06-04 09:15 before",
            "06-04 10:00 task 2025-06-03",
            "06-06 09:15 before",
            "06-06 10:00 task 2025-06-04",
        ]
        assert "临时休市 2025-06-05" in ran.recorder.of(StateNote)[0].text
        assert exchange_calendar().is_session(THURSDAY)

    def test_weekly_tasks_history_and_trade_days_leave_it_out(self) -> None:
        source = (
            "def initialize(context): run_weekly(task, 3, '10:00'); run_daily(days, '11:00')\n"
            "def task(context): log.info('third')\n"
            "def days(context):\n"
            "    log.info(' '.join(str(d.day) for d in get_trade_days('2025-06-03', '2025-06-09')))\n"
            "    closes = attribute_history(CODE, 2, '1d', ['close'])\n"
            "    log.info(' '.join(str(t.day) for t in closes.index))\n"
        )
        assert said(self.run(source))[-3:] == ["06-06 10:00 third", "06-06 11:00 3 4 6 9", "06-06 11:00 3 4"]

    def test_shares_bought_the_day_before_are_sellable_on_the_day_after(self) -> None:
        source = (
            "def initialize(context): run_daily(trade, '10:00')\n"
            "def trade(context):\n"
            "    held = context.portfolio.positions[CODE]\n"
            "    log.info('%d of %d' % (held.closeable_amount, held.total_amount))\n"
            "    if context.current_dt.day == 4: order(CODE, 100)\n"
        )
        assert [line for line in said(self.run(source)) if "of" in line][-1] == "06-06 10:00 100 of 100"

    def test_a_file_that_became_unreadable_is_told_and_the_day_goes_on(self) -> None:
        asked: list[int] = []

        def broken() -> frozenset[date]:
            asked.append(1)
            if len(asked) > 2:
                raise UsageError("临时休市文件第 1 行 'x' 不是日期", "改正")
            return frozenset()

        ran = run(
            DAILY, a_market(TUESDAY, WEDNESDAY), TUESDAY, WEDNESDAY, exchange_calendar().copy(), closed_days=broken
        )
        assert len(said(ran)) == 4
        assert "临时休市没有更新" in ran.recorder.of(StateNote)[0].text


def test_a_file_of_closed_days_has_a_date_on_each_line() -> None:
    """R02"""
    assert parse_closed_days("# 台风\n2025-09-24\n\n 2025-09-25  # 下午停市\n") == {
        date(2025, 9, 24),
        date(2025, 9, 25),
    }
    with pytest.raises(UsageError, match="第 2 行 '9月24日' 不是日期"):
        parse_closed_days("2025-09-24\n9月24日\n")


def test_the_settings_reach_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R02: a replay over a day that the user's file closes."""
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOSED_DAYS_FILE", str(tmp_path / "closed.txt"))
    (tmp_path / "closed.txt").write_text("2025-12-02\n", encoding="utf-8")
    (tmp_path / "s.py").write_text(
        "from jqdata import *\ndef initialize(context): run_daily(task, '10:00')\ndef task(context): log.info('ran')\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(
        app, ["live", "s.py", "--replay", "2025-12-01:2025-12-03", "--log-dir", "l", "--runtime-dir", "r"]
    )
    assert done.exit_code == 0, done.output
    lines = [line for file in (tmp_path / "l").glob("*.log") for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line[:16] for line in lines if line.endswith("ran")] == ["2025-12-01 10:00", "2025-12-03 10:00"]
    assert any("临时休市 2025-12-02" in line for line in lines)
