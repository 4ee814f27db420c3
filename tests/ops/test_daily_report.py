"""The page and the text of a day: from the journal, complete after a restart, and never in the engine's way."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from pathlib import Path

from bullet_trade.domain.money import money
from bullet_trade.engine.events import DayClosed, Event, StateNote
from bullet_trade.ops.compose import composed
from bullet_trade.ops.daily_report import DailyReports, daily_page, daily_text, read_facts, report_path
from bullet_trade.ops.log_masking import masking
from bullet_trade.ops.notify.note import note_of
from bullet_trade.ops.onlookers import Onlookers
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings, validated
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

DAYS = [date(2025, 12, 1), date(2025, 12, 2)]
CODE = "600000.XSHG"
MARKET = FakeMarket().add(CODE, {DAYS[0]: 10.0, DAYS[1]: 10.5}, prev_close=10.0)
STRATEGY = f"""
def initialize(context):
    run_daily(act, '10:00')

def act(context):
    order({CODE!r}, 1000)
    order({CODE!r}, 1000, LimitOrderStyle(99.0))
    raise ValueError('没有信号')
"""


class Reporting(Recorder):
    """Keeps what is told, and has each close reported as a run does."""

    def __init__(self, reports: DailyReports) -> None:
        super().__init__()
        self._reports = reports

    def tell(self, event: Event) -> None:
        super().tell(event)
        self._reports.tell(event)


def two_days(directory: Path, reports: DailyReports | None = None) -> DaysRun:
    recorder = Recorder() if reports is None else Reporting(reports)
    return run_days(STRATEGY, MARKET, DAYS[0], DAYS[1], directory=directory, recorder=recorder)


def test_the_text_says_value_return_orders_refusals_alarms_and_rates(tmp_path: Path) -> None:
    first, second = two_days(tmp_path).recorder.of(DayClosed)
    text = daily_text(read_facts(tmp_path, second))
    before, value = first.cash + first.positions_value, second.cash + second.positions_value
    assert f"2025-12-02 收盘 总资产 {value / 10_000:,.2f}" in text
    assert f"当日 {(value / before - 1) * 100:+.2f}%（{(value - before) / 10_000:+,.2f}）" in text
    for wanted in (
        "持仓 1 只",
        f"委托 {second.orders} 笔",
        f"申报加撤单 {second.messages} 笔，峰值每秒 {second.peak} 笔",
        "规则拒绝 ",
        "告警 callback_failed 1",
    ):
        assert wanted in text
    assert "差异" not in text


def test_the_first_day_counts_from_the_money_that_the_account_began_with(tmp_path: Path) -> None:
    first = two_days(tmp_path).recorder.of(DayClosed)[0]
    assert read_facts(tmp_path, first).before == money(1_000_000.0)


def test_the_page_of_each_day_is_written_and_opens_offline(tmp_path: Path) -> None:
    reports = DailyReports()
    reports.begin(tmp_path)
    two_days(tmp_path, reports)
    reports.close()
    page = report_path(tmp_path, DAYS[1]).read_text(encoding="utf-8")
    for wanted in (CODE, "没有信号", "被规则拒绝", "default-src 'none'"):
        assert wanted in page
    assert "http://" not in page
    assert "https://" not in page
    assert len(page) < 100_000


def test_the_page_shows_names_as_text(tmp_path: Path) -> None:
    close = two_days(tmp_path).recorder.of(DayClosed)[1]
    facts = read_facts(tmp_path, close)
    hostile = type(facts)(
        "<script>x", "<b>", False, close, None, (("<i>", 1),), facts.alarms, facts.differences, facts.orders
    )
    page = daily_page(hostile)
    assert "<script>x" not in page
    assert "<i>" not in page
    assert "<b>。" not in page


def test_without_a_journal_the_text_is_what_the_close_says_and_the_failure_is_told(tmp_path: Path) -> None:
    close = DayClosed(
        datetime(2025, 12, 1, 15, 5),
        DAYS[0],
        money(5.0),
        (),
        money(0.0),
        money(0.0),
        money(0.0),
        money(0.0),
        0,
        0,
    )
    reports, log = DailyReports(), Recorder()
    reports.log = log
    reports.begin(tmp_path)
    reports.tell(close)
    reports.close()
    assert "总资产 5.00，当日 —" in reports.words(close)
    assert len(log.of(StateNote)) == 2
    assert not report_path(tmp_path, DAYS[0]).exists()


def test_a_live_run_has_its_closes_reported_and_a_replay_has_not(tmp_path: Path) -> None:
    close = two_days(tmp_path).recorder.of(DayClosed)[1]
    settings = validated(Settings, {})
    live = RunRequest(tmp_path / "strategy_under_test.py", "simulator", None, None, "synthetic", tmp_path / "runtime")
    onlookers = Onlookers(live, settings, masking(()))
    with onlookers.around(Recorder()), composed(live, settings, Recorder()) as run:
        onlookers.start(run)
        for member in onlookers.members:
            member.tell(close)
    run.session.parts.journal.close()
    assert report_path(run.directory, DAYS[1]).exists()
    replay = dataclasses.replace(live, replay="auto")
    assert Onlookers(replay, settings, masking(())).members == []
    off = validated(Settings, {"daily_report": "false"})
    assert Onlookers(live, off, masking(())).members == []


def test_the_messenger_sends_the_text_as_the_days_summary(tmp_path: Path) -> None:
    close = two_days(tmp_path).recorder.of(DayClosed)[1]
    reports = DailyReports()
    reports.begin(tmp_path)
    note = note_of(close, reports.words)
    assert note is not None
    assert note.kind == "summary"
    assert note.text == daily_text(read_facts(tmp_path, close))
