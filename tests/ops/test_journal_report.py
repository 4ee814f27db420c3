"""A report out of the journal says what the run itself said, over any range, through restarts and archives."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bullet_trade.cli.main import app
from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.money import Money, Price, money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import DayClosed
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.collector import Collector, day_result
from bullet_trade.ops.holding_times import HoldingTimes, holding_times
from bullet_trade.ops.journal_report import (
    as_plain,
    journal_report,
    read_benchmark,
    read_days,
    whole_range,
    write_journal_report,
)
from bullet_trade.ops.result import TradeResult
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

DAYS = [date(2025, 12, day) for day in (1, 2, 3, 4, 5)]
CODE, OTHER, INDEX = "600000.XSHG", "000001.XSHE", "000300.XSHG"
MARKET = (
    FakeMarket()
    .add(CODE, dict(zip(DAYS, (10.0, 10.5, 11.0, 10.8, 10.2), strict=True)), prev_close=10.0)
    .add(OTHER, dict(zip(DAYS, (12.0, 12.1, 12.2, 12.3, 12.4), strict=True)), prev_close=12.0)
    .add(INDEX, dict(zip(DAYS, (4000.0, 4010.0, 4020.0, 4030.0, 4040.0), strict=True)), prev_close=3990.0)
)
TRADES = f"""
def initialize(context):
    g.day = 0
    run_daily(act, '10:00')

def act(context):
    g.day += 1
    record(day=g.day, cash=context.portfolio.available_cash)
    if g.day == 1:
        order({CODE!r}, 2000)
        order({OTHER!r}, 1000)
        order({OTHER!r}, -5000)
    if g.day == 3:
        order({CODE!r}, -500)
    if g.day == 4:
        order({CODE!r}, -1500)
    if g.day == 5:
        1 / 0
"""


def run(directory: Path, first: date, last: date, stop_at: datetime | None = None) -> Recorder:
    return run_days(TRADES, MARKET, first, last, directory=directory, stop_at=stop_at).recorder


def collected(recorder: Recorder) -> Collector:
    collector = Collector()
    for event in recorder.events:
        collector.tell(event)
    return collector


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Collector]:
    directory = tmp_path_factory.mktemp("week")
    return directory, collected(run(directory, DAYS[0], DAYS[-1]))


def test_days_trades_and_curves_are_those_that_the_run_told(week: tuple[Path, Collector]) -> None:
    directory, told = week
    report = journal_report(directory, DAYS[0], DAYS[-1], exchange_calendar())
    assert [msg.day for msg in report.result.days] == DAYS
    ours, theirs = report.result.days, [day_result(close, 0.0) for close in told.closes]
    for name in ("cash", "positions_value", "fees", "bought", "sold", "orders", "refused", "refusals", "messages"):
        assert [getattr(day, name) for day in ours] == [getattr(day, name) for day in theirs]
    assert [(t.at, t.code, t.side, t.amount, t.price, t.fees, t.profit) for t in report.result.trades] == [
        (t.at, t.code, t.side, t.amount, t.price, t.fees, t.profit) for t in told.trades
    ]
    assert report.result.records == told.curves()
    assert report.result.starting_cash == money(1_000_000.0)
    assert report.notes and not any("估计的交易日" in note for note in report.notes)


def test_a_range_within_starts_from_the_close_before_it(week: tuple[Path, Collector]) -> None:
    directory, told = week
    report = journal_report(directory, DAYS[2], DAYS[3], exchange_calendar())
    before = told.closes[1]
    assert [day.day for day in report.result.days] == DAYS[2:4]
    assert report.result.starting_cash == Money(before.cash + before.positions_value)
    assert [trade.amount for trade in report.result.trades] == [500, 1500]
    profits = [trade.profit for trade in report.result.trades]
    assert profits == [t.profit for t in told.trades if t.side is Side.SELL]


def test_refusals_alarms_and_holding_times_are_told(week: tuple[Path, Collector]) -> None:
    report = journal_report(week[0], DAYS[0], DAYS[-1], exchange_calendar())
    assert sum(count for _, count in report.refused) == sum(day.refused for day in report.result.days)
    assert [alarm.kind for alarm in report.alarms] == ["callback_failed"]
    assert "ZeroDivisionError" in report.alarms[0].text
    # 500 shares after two sessions, 1,500 after three
    assert report.holding == HoldingTimes((500 * 2 + 1500 * 3) / 2000, 2, 3, 2000, 0)


def test_the_index_counts_from_the_close_before_the_range(week: tuple[Path, Collector]) -> None:
    calendar = exchange_calendar()
    report = journal_report(
        week[0],
        DAYS[1],
        DAYS[2],
        calendar,
        lambda first, last: read_benchmark(Code(INDEX), MARKET, calendar, first, last),
    )
    assert report.result.benchmark_base == 4000.0
    assert report.figures.benchmark_return == pytest.approx(4020 / 4000 - 1)


def test_a_restart_in_the_session_changes_nothing(tmp_path: Path, week: tuple[Path, Collector]) -> None:
    one = run_days(TRADES, MARKET, DAYS[0], DAYS[3], directory=tmp_path, stop_at=datetime.combine(DAYS[2], time(11)))
    run_days(
        TRADES,
        MARKET,
        DAYS[2],
        DAYS[3],
        directory=tmp_path,
        account=one.account,
        start=datetime.combine(DAYS[2], time(11, 10)),
    )
    whole = journal_report(week[0], DAYS[0], DAYS[3], exchange_calendar())
    broken = journal_report(tmp_path, DAYS[0], DAYS[3], exchange_calendar())
    assert broken.result.days == whole.result.days
    assert broken.result.trades == whole.result.trades


def test_a_day_without_a_close_is_estimated_and_said_to_be(tmp_path: Path) -> None:
    told = collected(run(tmp_path, DAYS[0], DAYS[2], stop_at=datetime.combine(DAYS[2], time(13))))
    report = journal_report(tmp_path, DAYS[0], DAYS[2], exchange_calendar())
    assert [close.day for close in told.closes] == DAYS[:2]
    assert [day.day for day in report.result.days] == DAYS[:3]
    last = report.result.days[-1]
    # 1,500 shares at their last trade, 1,000 at yesterday's close
    sale = report.result.trades[-1]
    assert last.positions_value == 1500 * sale.price + 1000 * Price(121_000)
    assert any(DAYS[2].isoformat() in note for note in report.notes)


def test_archived_days_are_read(tmp_path: Path) -> None:
    run(tmp_path, DAYS[0], DAYS[-1])
    before = journal_report(tmp_path, DAYS[0], DAYS[-1], exchange_calendar())
    journal = SqliteJournal(tmp_path / "journal.db")
    assert journal.archive(DAYS[3]) > 0
    journal.close()
    after = journal_report(tmp_path, DAYS[0], DAYS[-1], exchange_calendar())
    assert as_plain(after) == as_plain(before)  # unknown figures are NaN, which equals nothing


def test_the_page_is_self_contained(tmp_path: Path, week: tuple[Path, Collector]) -> None:
    report = journal_report(week[0], DAYS[0], DAYS[-1], exchange_calendar())
    path = tmp_path / "reports" / "week.html"
    write_journal_report(report, path)
    page = path.read_text(encoding="utf-8")
    for wanted in ("申报与持有", "被规则拒绝", "callback_failed", "与券商的差异", "default-src 'none'"):
        assert wanted in page
    assert "<link" not in page  # and the policy above keeps the scripts from loading anything


def test_a_day_that_the_journal_lacks_is_an_error_with_a_remedy(tmp_path: Path, week: tuple[Path, Collector]) -> None:
    with pytest.raises(UsageError, match="没有"):
        journal_report(week[0], date(2024, 1, 1), date(2024, 2, 1), exchange_calendar())
    with pytest.raises(StateError):
        journal_report(tmp_path, DAYS[0], DAYS[1], exchange_calendar())
    with pytest.raises(UsageError, match="2025-13"):
        whole_range("2025-13-01", "", datetime(2025, 12, 5))


def test_the_command_writes_json_and_refuses_an_index_without_quotes(week: tuple[Path, Collector]) -> None:
    given = ["report", "--from", "2025-12-01", "--to", "2025-12-05", "--runtime-dir", str(week[0])]
    answer = CliRunner().invoke(app, [*given, "--json"], catch_exceptions=False)
    found = json.loads(answer.stdout)
    assert [day["day"] for day in found["result"]["days"]] == [day.isoformat() for day in DAYS]
    with pytest.raises(UsageError, match="行情"):
        CliRunner().invoke(app, [*given, "--benchmark", "000905"], catch_exceptions=False)


def test_the_range_before_is_not_in_the_range(week: tuple[Path, Collector]) -> None:
    found = read_days(week[0], DAYS[3], DAYS[3], since=DAYS[1])
    assert list(found.closes) == [DAYS[3]]
    assert isinstance(found.closes[DAYS[3]], DayClosed)
    assert list(found.records["day"]) == [DAYS[3]]


def trade(day: int, side: Side, amount: int) -> TradeResult:
    at = datetime(2025, 12, day, 10)
    return TradeResult(at, Code(CODE), "", side, amount, Price(100_000), Money(0), None)


def test_shares_are_held_first_in_first_out() -> None:
    trades = [
        trade(1, Side.BUY, 100),
        trade(2, Side.BUY, 300),
        trade(5, Side.SELL, 200),  # 100 after 4 days, 100 after 3
        trade(6, Side.SELL, 300),  # 200 after 4; 100 from before the range
    ]
    found = holding_times(trades, lambda bought, sold: (sold - bought).days)
    assert found == HoldingTimes((4 * 100 + 3 * 100 + 4 * 200) / 400, 3, 4, 400, 100)
