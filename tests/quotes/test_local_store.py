"""What the local store makes of a directory of Parquet files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.securities import Code, Kind
from bullet_trade.ports.market_data import MarketData
from bullet_trade.quotes.local import LocalStore

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MOUTAI, FUND = Code("600519.XSHG"), Code("510300.XSHG")
MINUTE_COLUMNS = "code, datetime, open, high, low, close, volume, money"
DAILY_COLUMNS = "code, date, open, high, low, close, volume, money, prev_close"


def write(path: Path, columns: str, *rows: str) -> None:
    """One Parquet file with the given rows, each the inside of an SQL VALUES tuple."""
    values = ", ".join(f"({row})" for row in rows)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM (VALUES {values}) AS t({columns})) TO '{path}' (FORMAT parquet)")


def minute(time: str, price: float, volume: int = 100) -> str:
    prices = ", ".join([f"{price}::DOUBLE"] * 4)
    return f"'{MOUTAI}', TIMESTAMP '{time}', {prices}, {volume}, {price * volume}::DOUBLE"


def daily(day: str, prices: str, volume: int = 1000, prev_close: str = "NULL", code: str = MOUTAI) -> str:
    listed = ", ".join(f"{price}::DOUBLE" for price in prices.split())
    return f"'{code}', DATE '{day}', {listed}, {volume}, NULL::DOUBLE, {prev_close}::DOUBLE"


def test_it_is_market_data_with_a_label_that_names_the_directory(tmp_path):
    write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 11 9 10"))
    store: MarketData = LocalStore(tmp_path)
    assert store.label == f"本地数据 {tmp_path}"
    assert not store.synthetic


class TestDirectoryThatCannotBeUsed:
    def test_a_missing_directory_is_named(self, tmp_path):
        with pytest.raises(UsageError, match=r"nowhere 不存在。.*data import"):
            LocalStore(tmp_path / "nowhere")

    def test_a_directory_without_bars_is_refused(self, tmp_path):
        write(tmp_path / "ticks.parquet", "code", "'600519.XSHG'")
        with pytest.raises(UsageError, match=r"没有 bars_1m\*\.parquet"):
            LocalStore(tmp_path)

    def test_a_corrupt_file_is_named(self, tmp_path):
        (tmp_path / "bars_1m.parquet").write_bytes(b"not parquet at all")
        with pytest.raises(UsageError, match=r"bars_1m\.parquet 无法读取.*data import"):
            LocalStore(tmp_path)

    def test_missing_columns_are_named(self, tmp_path):
        write(
            tmp_path / "bars_1m.parquet",
            "code, datetime, close",
            "'600519.XSHG', TIMESTAMP '2025-01-02 09:31', 1.0",
        )
        with pytest.raises(UsageError, match="缺少列 open, high, low, volume"):
            LocalStore(tmp_path)

    def test_times_as_text_are_refused_and_not_guessed(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, "'600519.XSHG', '20250102', 1, 1, 1, 1, 1, 1, 1")
        with pytest.raises(UsageError, match="列 date 类型是 VARCHAR，应为 DATE"):
            LocalStore(tmp_path)

    def test_a_code_in_another_spelling_is_refused_when_securities_are_asked_for(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "1 1 1 1", code="600519.SH"))
        with pytest.raises(DataError, match=r"600519\.SH。应写成 600519\.XSHG"):
            LocalStore(tmp_path).securities()

    def test_a_file_that_vanishes_while_the_store_is_open_is_a_data_error(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 11 9 10"))
        store = LocalStore(tmp_path)
        (tmp_path / "bars_1d.parquet").unlink()
        with pytest.raises(DataError, match=r"失败.*data check"):
            store.daily(MOUTAI, date(2025, 1, 1), date(2025, 1, 31))

    def test_odd_signs_in_the_path_are_taken_by_the_letter(self, tmp_path):
        odd = tmp_path / "it's [1] data"
        odd.mkdir()
        (tmp_path / "it's 1 data").mkdir()
        plain = tmp_path / "bars_1d.parquet"
        write(plain, DAILY_COLUMNS, daily("2025-01-02", "10 11 9 10"))
        plain.rename(odd / "bars_1d.parquet")
        assert LocalStore(odd).coverage() == (date(2025, 1, 2), date(2025, 1, 2))


class TestMinutes:
    def test_a_full_day_has_240_bars_and_row_i_ends_at_minute_i_plus_1(self, tmp_path):
        rows = [
            minute(f"2025-01-02 {stamp}", price)
            for stamp, price in (("09:31", 10), ("11:30", 11), ("13:01", 12), ("15:00", 13))
        ]
        write(tmp_path / "bars_1m.parquet", MINUTE_COLUMNS, *rows)
        bars = LocalStore(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        assert len(bars.close) == 240
        assert [bars.close[i] for i in (0, 119, 120, 239)] == [10, 11, 12, 13]
        assert bars.volume.sum() == 400

    def test_a_gap_repeats_the_last_close_without_volume(self, tmp_path):
        rows = (minute("2025-01-02 09:31", 10), minute("2025-01-02 09:34", 12))
        write(tmp_path / "bars_1m.parquet", MINUTE_COLUMNS, *rows)
        bars = LocalStore(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        for prices in (bars.open, bars.high, bars.low, bars.close):
            assert prices[:4].tolist() == [10, 10, 10, 12]
        assert bars.volume[:4].tolist() == [100, 0, 0, 100]
        assert bars.money[:4].tolist() == [1000, 0, 0, 1200]

    def test_before_the_first_trade_stands_the_reference_price(self, tmp_path):
        write(tmp_path / "bars_1m.parquet", MINUTE_COLUMNS, minute("2025-01-02 09:33", 12))
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "12 12 12 12", prev_close="11.5"))
        bars = LocalStore(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        assert bars.close[:3].tolist() == [11.5, 11.5, 12]

    def test_of_a_duplicate_the_main_file_counts_then_the_first_by_name(self, tmp_path):
        for name, price in (("bars_1m_b", 12), ("bars_1m", 10), ("bars_1m-a", 11)):
            write(tmp_path / f"{name}.parquet", MINUTE_COLUMNS, minute("2025-01-02 09:31", price))
        write(tmp_path / "bars_1m_c.parquet", MINUTE_COLUMNS, minute("2025-01-02 09:32", 13))
        bars = LocalStore(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        assert bars.close[:2].tolist() == [10, 13]
        assert bars.volume.sum() == 200

    def test_bars_outside_the_sessions_and_bars_without_a_price_are_left_out(self, tmp_path):
        rows = [
            minute(f"2025-01-02 {stamp}", price)
            for stamp, price in (("09:30", 8), ("09:31", 10), ("09:32", 0), ("11:31", 9), ("15:05", 9))
        ]
        write(tmp_path / "bars_1m.parquet", MINUTE_COLUMNS, *rows)
        bars = LocalStore(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        assert np.unique(bars.close).tolist() == [10]
        assert bars.volume.sum() == 100

    def test_a_suspended_day_and_an_unknown_code_have_none(self, tmp_path):
        write(
            tmp_path / "bars_1m.parquet",
            MINUTE_COLUMNS,
            minute("2025-01-02 09:31", 10),
            minute("2025-01-03 09:31", 10, 0),
        )
        store = LocalStore(tmp_path)
        assert store.minutes(MOUTAI, date(2025, 1, 3)) is None
        assert store.minutes(MOUTAI, date(2025, 4, 3)) is None
        assert store.minutes(FUND, date(2025, 1, 2)) is None
        assert store.minute_source(FUND, date(2025, 1, 2)) is None

    def test_what_callers_get_cannot_be_changed(self, tmp_path):
        write(tmp_path / "bars_1m.parquet", MINUTE_COLUMNS, minute("2025-01-02 09:31", 10))
        bars = LocalStore(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        with pytest.raises(ValueError, match="read-only"):
            bars.close[0] = 1


class TestMinutesMadeOfADailyBar:
    def store(self, path: Path, volume: int = 1001) -> LocalStore:
        write(path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 12 9 11", volume))
        return LocalStore(path)

    def test_it_trades_at_the_open_and_at_the_close_only(self, tmp_path):
        bars = self.store(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        assert bars.volume[[0, 239]].tolist() == [500, 501]
        assert bars.volume[1:239].sum() == 0
        assert bars.close[:239].tolist() == [10] * 239
        assert bars.close[239] == 11

    def test_no_bar_shows_a_high_or_low_whose_moment_is_unknown(self, tmp_path):
        bars = self.store(tmp_path).minutes(MOUTAI, date(2025, 1, 2))
        assert bars is not None
        assert (bars.high.max(), bars.low.min()) == (11, 10)
        assert (bars.high[239], bars.low[239]) == (11, 11)

    def test_the_caller_can_tell_it_from_real_minutes(self, tmp_path):
        store = self.store(tmp_path)
        assert store.minute_source(MOUTAI, date(2025, 1, 2)) == "daily"
        assert store.minute_source(MOUTAI, date(2025, 1, 3)) is None

    def test_a_suspended_day_has_none(self, tmp_path):
        assert self.store(tmp_path, volume=0).minutes(MOUTAI, date(2025, 1, 2)) is None


class TestDaily:
    def test_a_day_that_only_the_minutes_know_is_put_together_from_them(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 11 9 10"))
        write(
            tmp_path / "bars_1m.parquet",
            MINUTE_COLUMNS,
            minute("2025-01-03 09:31", 99, 0),
            minute("2025-01-03 09:32", 11),
            minute("2025-01-03 10:00", 14),
            minute("2025-01-03 14:00", 10),
            minute("2025-01-03 15:00", 13),
        )
        bars = LocalStore(tmp_path).daily(MOUTAI, date(2025, 1, 3), date(2025, 12, 31))
        assert bars.days.astype(str).tolist() == ["2025-01-03"]
        found = [bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0], bars.money[0]]
        assert found == [11, 14, 10, 13, 400, 4800]
        assert bars.prev_close[0] == 10

    @pytest.mark.parametrize(
        ("cash", "ratio", "expected"),
        [
            (23.957, 1.0, 1407.04),  # Moutai 2025-12-19: 1431.00 - 23.957, to the fen
            (0.0, 1.5, 954.00),  # 10送5
            (1.0, 1.1, 1300.00),
        ],
    )
    def test_a_missing_reference_price_is_the_last_close_after_corporate_actions(self, tmp_path, cash, ratio, expected):
        rows = (daily("2025-12-18", "1431 1431 1431 1431"), daily("2025-12-19", "1400 1400 1400 1400"))
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, *rows)
        columns = "code, ex_date, kind, cash_per_unit, ratio"
        write(
            tmp_path / "corporate_actions.parquet",
            columns,
            f"'{MOUTAI}', DATE '2025-12-19', 'cash', {cash}, {ratio}",
        )
        bars = LocalStore(tmp_path).daily(MOUTAI, date(2025, 12, 18), date(2025, 12, 19))
        assert np.isnan(bars.prev_close[0])
        assert bars.prev_close[1] == expected

    def test_a_suspended_row_repeats_the_last_close(self, tmp_path):
        rows = (daily("2025-01-02", "10 11 9 10.5"), daily("2025-01-03", "0 0 0 0", volume=0))
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, *rows)
        bars = LocalStore(tmp_path).daily(MOUTAI, date(2025, 1, 1), date(2025, 1, 31))
        assert bars.paused.tolist() == [False, True]
        assert [bars.open[1], bars.high[1], bars.low[1], bars.close[1]] == [10.5] * 4

    def test_an_index_without_volume_is_not_suspended(self, tmp_path):
        write(
            tmp_path / "bars_1d.parquet",
            DAILY_COLUMNS,
            daily("2025-01-02", "3000 3010 2990 3005.5", 0, code="000001.XSHG"),
        )
        bars = LocalStore(tmp_path).daily(Code("000001.XSHG"), date(2025, 1, 1), date(2025, 1, 31))
        assert bars.paused.tolist() == [False]
        assert bars.high[0] == 3010

    def test_unknown_money_is_nan_and_a_row_without_a_price_is_left_out(self, tmp_path):
        rows = (daily("2025-01-02", "10 11 9 10"), daily("2025-01-03", "10 11 9 'nan'"))
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, *rows)
        bars = LocalStore(tmp_path).daily(MOUTAI, date(2025, 1, 1), date(2025, 1, 31))
        assert len(bars) == 1
        assert np.isnan(bars.money[0])

    def test_an_unknown_code_has_no_rows(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 11 9 10"))
        assert len(LocalStore(tmp_path).daily(FUND, date(2025, 1, 1), date(2025, 1, 31))) == 0


class TestSecurities:
    def test_without_a_table_the_code_tells_and_the_first_day_without_reference_price_is_the_listing(self, tmp_path):
        rows = (
            daily("2025-01-02", "10 10 10 10"),  # the data begin here: no proof of a listing
            daily("2025-01-03", "1 1 1 1", prev_close="1", code=FUND),
            daily("2025-01-06", "1 1 1 1", code="301001.XSHE"),
            daily("2025-01-07", "1 1 1 1", prev_close="1", code="301001.XSHE"),
        )
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, *rows)
        listed = {s.code: (s.kind, s.list_date) for s in LocalStore(tmp_path).securities()}
        assert listed == {
            "301001.XSHE": (Kind.STOCK, date(2025, 1, 6)),
            "510300.XSHG": (Kind.ETF, date(1990, 12, 19)),
            "600519.XSHG": (Kind.STOCK, date(1990, 12, 19)),
        }

    def test_the_table_says_what_the_code_cannot_tell(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 10 10 10"))
        columns = "code, name, list_date, end_date, st, t0, limit_ratio_percent"
        write(
            tmp_path / "securities.parquet",
            columns,
            "'600001.XSHG', '邯郸钢铁', DATE '1998-01-22', DATE '2009-12-29', true, false, NULL::BIGINT",
            "'588000.XSHG', '科创50ETF', NULL, NULL, NULL, NULL, 20",
        )
        store = LocalStore(tmp_path)
        gone, fund = store.security(Code("600001.XSHG")), store.security(Code("588000.XSHG"))
        assert gone is not None and fund is not None
        assert (gone.name, gone.list_date, gone.end_date, gone.st) == (
            "邯郸钢铁",
            date(1998, 1, 22),
            date(2009, 12, 29),
            True,
        )
        assert fund.limit_ratio_percent == 20
        assert [s.code for s in store.securities()] == ["588000.XSHG", "600001.XSHG", "600519.XSHG"]
        assert store.security(Code("000002.XSHE")) is None

    def test_an_unknown_kind_is_refused(self, tmp_path):
        write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 10 10 10"))
        write(tmp_path / "securities.parquet", "code, kind", "'600519.XSHG', 'share'")
        with pytest.raises(DataError, match=r"kind 是 share。应为 stock, "):
            LocalStore(tmp_path).securities()


class TestReferenceTables:
    def store(self, path: Path) -> LocalStore:
        write(path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 10 10 10"))
        return LocalStore(path)

    def test_cash_and_split_of_one_ex_date_are_one_action_with_the_ratio_as_new_shares(self, tmp_path):
        columns = "code, ex_date, kind, cash_per_unit, ratio"
        write(
            tmp_path / "corporate_actions.parquet",
            columns,
            f"'{FUND}', DATE '2025-06-02', 'cash', 0.5, NULL::DOUBLE",
            f"'{FUND}', DATE '2025-06-02', 'split', NULL, 1.5",
            f"'{FUND}', DATE '2024-06-03', 'cash', 0.25, NULL",
        )
        actions = self.store(tmp_path).corporate_actions(FUND)
        assert [(a.ex_date, a.cash_per_share, a.share_ratio) for a in actions] == [
            (date(2024, 6, 3), 0.25, 0.0),
            (date(2025, 6, 2), 0.5, 0.5),
        ]

    def test_index_members_come_from_the_latest_list_not_after_the_day(self, tmp_path):
        rows = [
            f"'000300.XSHG', DATE '{day}', '{code}'"
            for day, code in (
                ("2025-01-02", "600519.XSHG"),
                ("2025-01-02", "000001.XSHE"),
                ("2025-06-16", FUND),
            )
        ]
        write(tmp_path / "index_members.parquet", '"index", day, code', *rows)
        store, index = self.store(tmp_path), Code("000300.XSHG")
        assert store.index_members(index, date(2025, 1, 1)) == []
        assert store.index_members(index, date(2025, 6, 15)) == ["000001.XSHE", "600519.XSHG"]
        assert store.index_members(index, date(2025, 6, 16)) == [FUND]
        assert store.index_members(Code("000905.XSHG"), date(2025, 6, 16)) == []

    def test_sessions_are_known_only_from_their_own_file(self, tmp_path):
        assert self.store(tmp_path).trading_days() is None
        write(tmp_path / "trading_days.parquet", "date", "DATE '2025-01-03'", "DATE '2025-01-02'")
        assert LocalStore(tmp_path).trading_days() == [date(2025, 1, 2), date(2025, 1, 3)]

    def test_coverage_spans_daily_and_minute_bars(self, tmp_path):
        write(tmp_path / "bars_1m_2026.parquet", MINUTE_COLUMNS, minute("2026-02-03 15:00", 10))
        assert self.store(tmp_path).coverage() == (date(2025, 1, 2), date(2026, 2, 3))


def test_ticks_have_five_levels_best_first_and_empty_ones_are_zero(tmp_path):
    write(tmp_path / "bars_1d.parquet", DAILY_COLUMNS, daily("2025-01-02", "10 10 10 10"))
    columns = "code, datetime, current, volume, money, a1_p, a1_v, a2_p, a2_v, b1_p, b1_v"
    write(
        tmp_path / "ticks.parquet",
        columns,
        f"'{MOUTAI}', TIMESTAMP '2025-01-02 09:30:03', 10.0, 300, 3000.0, 10.01, 5, 10.02, 6, 9.99, 7",
        f"'{MOUTAI}', TIMESTAMP '2025-01-02 09:30:00', 10.0, 100, 1000.0, 10.01, 5, NULL, NULL, 9.99, 7",
    )
    store = LocalStore(tmp_path)
    ticks = store.ticks(MOUTAI, date(2025, 1, 2))
    assert ticks is not None
    assert ticks.times.astype(str).tolist() == ["2025-01-02T09:30:00.000", "2025-01-02T09:30:03.000"]
    assert ticks.ask_price.tolist() == [[10.01, 0, 0, 0, 0], [10.01, 10.02, 0, 0, 0]]
    assert ticks.bid_volume[:, 0].tolist() == [7, 7]
    assert ticks.volume.tolist() == [100, 300]
    assert store.ticks(MOUTAI, date(2025, 1, 3)) is None


@pytest.fixture(scope="module")
def sample() -> LocalStore:
    return LocalStore(SHARED)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"sample data are not at {SHARED}")
class TestSampleData:
    def test_published_closes_and_reference_price_of_moutai(self, sample):
        found = {}
        for day in (date(2025, 12, 31), date(2026, 2, 9)):
            bars = sample.minutes(MOUTAI, day)
            assert bars is not None
            found[day] = bars.close[-1]
        assert found == {date(2025, 12, 31): 1377.18, date(2026, 2, 9): 1524.96}
        ex_day = sample.daily(MOUTAI, date(2025, 12, 19), date(2025, 12, 19))
        assert ex_day.prev_close.tolist() == [1407.04]
        assert sample.corporate_actions(MOUTAI)[-1].cash_per_share == 23.96

    def test_the_newcomer_is_listed_on_its_first_day_and_nobody_else_is(self, sample):
        listed = {s.code: s.list_date for s in sample.securities() if s.list_date > date(1990, 12, 19)}
        assert listed == {"001280.XSHE": date(2025, 12, 3)}

    def test_minutes_equal_what_a_plain_query_finds(self, sample):
        query = f"""SELECT code, CAST(datetime AS DATE), list(close ORDER BY datetime), sum(volume)::BIGINT
                    FROM '{SHARED}/bars_1m.parquet' GROUP BY ALL"""
        with duckdb.connect() as connection:
            expected = connection.execute(query).fetchall()
        assert len(expected) == 848
        for code, day, closes, volume in expected:
            bars = sample.minutes(code, day)
            assert bars.close.tolist() == closes
            assert bars.volume.sum() == volume
            assert sample.minute_source(code, day) == "minute"

    def test_a_fund_with_daily_bars_only_is_served_coarsely(self, sample):
        assert sample.minute_source(FUND, date(2025, 12, 31)) == "daily"

    def test_the_unit_change_of_a_fund_is_new_units_per_old_unit(self, sample):
        first = sample.corporate_actions(FUND)[0]
        assert first.ex_date == date(2012, 5, 15)
        assert first.share_ratio == pytest.approx(0.370949 - 1)

    def test_ticks_cover_the_three_recorded_days(self, sample):
        with duckdb.connect() as connection:
            query = f"SELECT count(*) FROM '{SHARED}/ticks.parquet'"
            ((expected,),) = connection.execute(query).fetchall()
        codes, days = (MOUTAI, Code("000333.XSHE")), (date(2023, 2, 1), date(2023, 2, 2), date(2023, 2, 3))
        ticks = [sample.ticks(code, day) for code in codes for day in days]
        assert sum(len(found) for found in ticks if found is not None) == expected
