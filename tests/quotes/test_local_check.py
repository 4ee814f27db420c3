"""What `data check` finds in a store, by code and day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.quotes.local.check import CheckResult, Finding, check_store, grouped

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MOUTAI = "600519.XSHG"
FRIDAY, MONDAY, TUESDAY = date(2025, 1, 3), date(2025, 1, 6), date(2025, 1, 7)  # all three are sessions


def write(path: Path, table: list[dict[str, object]]) -> None:
    """One Parquet file; column types follow the Python values of the first row."""
    names = list(table[0])
    types = {str: "VARCHAR", float: "DOUBLE", int: "BIGINT", date: "DATE", datetime: "TIMESTAMP"}
    columns = ", ".join(f'"{name}" {types[type(table[0][name])]}' for name in names)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO t VALUES ({marks})", [[row[name] for name in names] for row in table])
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def day(when: date, code: str = MOUTAI, **changes: object) -> dict[str, object]:
    bar = {"code": code, "date": when, "open": 10.0, "high": 10.5, "low": 9.5, "close": 10.0, "volume": 24000}
    return bar | {"money": 240000.0, "prev_close": 10.0} | changes


def minutes(when: date, code: str = MOUTAI) -> list[dict[str, object]]:
    """A full day that agrees with `day`: the extremes in the first two minutes."""
    morning = datetime(when.year, when.month, when.day, 9, 30)
    afternoon = datetime(when.year, when.month, when.day, 13, 0)
    times = [start + timedelta(minutes=i + 1) for start in (morning, afternoon) for i in range(120)]
    flat = {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 100, "money": 1000.0}
    bars = [{"code": code, "datetime": time} | flat for time in times]
    bars[0]["high"], bars[1]["low"] = 10.5, 9.5
    return bars


def found(directory: Path) -> list[tuple[str, str, date | None, int]]:
    return [(f.rule, f.code, f.day, f.rows) for f in check_store(directory).findings]


class TestCleanStore:
    def test_days_and_minutes_that_agree_raise_nothing(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(MONDAY), day(TUESDAY)])
        write(tmp_path / "bars_1m.parquet", minutes(MONDAY))
        assert found(tmp_path) == []

    def test_a_suspension_with_rows_without_volume_is_no_gap(self, tmp_path):
        flat = {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 0, "money": 0.0}
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(MONDAY, **flat), day(TUESDAY)])
        assert found(tmp_path) == []

    def test_an_index_has_no_step_no_limit_and_no_average_price(self, tmp_path):
        bar = {"open": 3000.1234, "high": 3600.0, "low": 2990.5678, "close": 3500.0, "money": 5.0, "prev_close": 3000.0}
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY, "000300.XSHG", **bar)])
        assert found(tmp_path) == []

    def test_a_directory_that_cannot_be_read_is_an_error_and_no_finding(self, tmp_path):
        with pytest.raises(UsageError, match="没有 bars_1m"):
            check_store(tmp_path)


class TestGaps:
    def test_a_session_between_two_others_is_missing_and_a_weekend_is_not(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(TUESDAY)])
        assert found(tmp_path) == [("missing_session", MOUTAI, MONDAY, 1)]

    def test_missing_minutes_are_counted(self, tmp_path):
        write(tmp_path / "bars_1m.parquet", minutes(MONDAY)[:237])
        assert found(tmp_path) == [("missing_minutes", MOUTAI, MONDAY, 3)]

    def test_a_day_without_minutes_but_with_trades_is_reported_once(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(MONDAY), day(TUESDAY)])
        write(tmp_path / "bars_1m.parquet", minutes(FRIDAY) + minutes(TUESDAY))
        result = check_store(tmp_path)
        assert [(f.rule, f.table, f.day) for f in result.findings] == [("missing_session", "bars_1m", MONDAY)]

    def test_a_day_that_both_tables_lack_is_reported_once(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(TUESDAY)])
        write(tmp_path / "bars_1m.parquet", minutes(FRIDAY) + minutes(TUESDAY))
        result = check_store(tmp_path)
        assert [(f.rule, f.table, f.day) for f in result.findings] == [("missing_session", "bars_1d", MONDAY)]

    def test_files_of_separate_periods_leave_no_gap_between_them(self, tmp_path):
        write(tmp_path / "bars_1d_a.parquet", [day(date(2023, 2, 1))])
        write(tmp_path / "bars_1d_b.parquet", [day(MONDAY)])
        assert found(tmp_path) == []

    def test_rows_on_a_holiday_are_reported(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(date(2025, 10, 1))])
        assert found(tmp_path) == [("not_a_session", MOUTAI, date(2025, 10, 1), 1)]


class TestValues:
    @pytest.mark.parametrize(
        ("rule", "changes"),
        [
            ("impossible", {"high": 9.8, "low": 9.9, "open": 9.8, "close": 9.9, "money": 236400.0}),
            ("impossible", {"close": 10.6}),
            ("impossible", {"open": 9.4}),
            ("impossible", {"volume": -100, "money": 0.0}),
            ("impossible", {"close": None}),
            ("impossible", {"high": float("inf")}),
            ("impossible", {"low": 0.0}),
            ("off_grid", {"close": 10.005}),
            ("off_grid", {"prev_close": 10.001}),
            ("vwap", {"money": 255000.0}),
            ("beyond_limit", {"high": 11.01, "low": 9.0}),
            ("beyond_limit", {"low": 8.99}),
        ],
    )
    def test_each_impossible_value_breaks_its_rule(self, tmp_path, rule, changes):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(MONDAY, **changes)])
        names = {name for name, *_ in found(tmp_path)}
        assert rule in names
        assert {(code, when) for _, code, when, _ in found(tmp_path)} == {(MOUTAI, MONDAY)}

    @pytest.mark.parametrize(
        ("code", "high"),
        [
            (MOUTAI, 11.0),  # 10% of the main board
            ("300750.XSHE", 12.0),  # 20% of ChiNext
            ("920002.XBSE", 13.0),  # 30% of Beijing
            ("588000.XSHG", 12.0),  # ETF of STAR shares
            ("204001.XSHG", 90.0),  # repo: no limit
        ],
    )
    def test_a_price_at_the_limit_of_its_board_is_possible(self, tmp_path, code, high):
        write(tmp_path / "bars_1d.parquet", [day(MONDAY, code, high=high)])
        assert found(tmp_path) == []

    def test_a_new_listing_moves_freely_in_its_first_five_days(self, tmp_path):
        newcomer = "301001.XSHE"
        bars = [day(MONDAY, newcomer, prev_close=None), day(TUESDAY, newcomer, high=30.0, low=5.0)]
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(MONDAY), day(TUESDAY), *bars])
        assert found(tmp_path) == []

    def test_funds_have_a_finer_step_than_stocks(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(MONDAY, "510300.XSHG", open=10.001), day(MONDAY, open=10.001)])
        assert found(tmp_path) == [("off_grid", MOUTAI, MONDAY, 1)]

    def test_money_rounded_to_a_lot_is_no_breach_of_the_range(self, tmp_path):
        bar = {"open": 10.0, "high": 10.0, "low": 10.0, "volume": 24000, "money": 240900.0}
        write(tmp_path / "bars_1d.parquet", [day(MONDAY, **bar)])
        assert found(tmp_path) == []

    def test_days_and_minutes_that_disagree_name_each_value(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(MONDAY, high=10.6, volume=25000)])
        write(tmp_path / "bars_1m.parquet", minutes(MONDAY))
        assert found(tmp_path) == [("daily_minutes_differ", MOUTAI, MONDAY, 2)]


class TestRowsThatShouldNotBe:
    def test_duplicates_in_one_file_and_across_files(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY), day(FRIDAY), day(MONDAY)])
        write(tmp_path / "bars_1d_again.parquet", [day(MONDAY)])
        assert found(tmp_path) == [("duplicate", MOUTAI, FRIDAY, 1), ("duplicate", MOUTAI, MONDAY, 1)]

    def test_labels_outside_the_sessions(self, tmp_path):
        bars = minutes(MONDAY)
        write(tmp_path / "bars_1m.parquet", [*bars, bars[0] | {"datetime": datetime(2025, 1, 6, 9, 30)}])
        assert found(tmp_path) == [("wrong_label", MOUTAI, MONDAY, 1)]

    def test_codes_in_another_spelling(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY, "600519.SH")])
        assert ("bad_code", "600519.SH", None, 1) in found(tmp_path)

    def test_a_kind_that_does_not_exist(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY)])
        write(tmp_path / "securities.parquet", [{"code": MOUTAI, "kind": "share"}])
        assert found(tmp_path) == [("bad_security", "", None, 1)]

    def test_files_of_other_kinds_are_noted(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", [day(FRIDAY)])
        write(tmp_path / "bars_5m_etf.parquet", [day(FRIDAY)])
        result = check_store(tmp_path)
        assert not result.findings
        assert "bars_5m_etf.parquet" in result.notes[0]


def test_ticks_whose_volume_falls(tmp_path):
    write(tmp_path / "bars_1d.parquet", [day(MONDAY)])
    start = datetime(2025, 1, 6, 9, 30)
    snapshots = [
        {
            "code": MOUTAI,
            "datetime": start + timedelta(seconds=3 * i),
            "current": 10.0,
            "volume": volume,
            "money": money,
        }
        for i, (volume, money) in enumerate([(100, 1000.0), (300, 3000.0), (200, 3000.0), (300, 2900.0), (300, 2900.0)])
    ]
    write(tmp_path / "ticks.parquet", snapshots)
    assert found(tmp_path) == [("tick_volume_falls", MOUTAI, MONDAY, 2)]


def test_findings_are_grouped_by_table_rule_and_code_with_their_range_of_days():
    findings = [Finding("off_grid", "价格", "bars_1d", MOUTAI, when, 2, f"{when}") for when in (TUESDAY, FRIDAY)] + [
        Finding("duplicate", "重复", "bars_1m", MOUTAI, MONDAY, 1, "")
    ]
    shown = [(g.table, g.title, g.code, g.first, g.last, g.days, g.rows) for g in grouped(findings)]
    assert shown == [
        ("bars_1d", "价格", MOUTAI, FRIDAY, TUESDAY, 2, 4),
        ("bars_1m", "重复", MOUTAI, MONDAY, MONDAY, 1, 1),
    ]


@pytest.fixture(scope="module")
def sample() -> CheckResult:
    return check_store(SHARED)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"sample data are not at {SHARED}")
class TestSampleData:
    def test_minutes_are_complete_on_the_grid_and_inside_the_limits(self, sample):
        rules = {f.rule for f in sample.findings}
        assert rules == {"missing_session", "vwap", "daily_minutes_differ"}
        assert not [f for f in sample.findings if f.table == "bars_1m"]

    def test_the_suspensions_of_the_sample_are_found(self, sample):
        missing = {f.code for f in sample.findings if f.rule == "missing_session"}
        assert {"002049.XSHE", "002931.XSHE", "603778.XSHG"} <= missing

    def test_bars_built_from_snapshots_miss_an_extreme_of_the_day(self, sample):
        days = {f.day for f in sample.findings if f.code == "000333.XSHE" and f.rule == "daily_minutes_differ"}
        assert days == {date(2023, 2, 1), date(2023, 2, 2), date(2023, 2, 3)}
