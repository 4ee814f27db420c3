"""What `data import` makes of files as terminals and libraries write them, and what it refuses."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.quotes.local import LocalStore
from bullet_trade.quotes.local.columns import INDEX_MEMBERS, SECURITIES, TRADING_DAYS
from bullet_trade.quotes.local.importer import LOCK_NAME, ImportReport, import_files
from bullet_trade.quotes.local.options import Encoding, ImportOptions, MoneyUnit, TimeLabel, VolumeUnit

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def csv(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return str(path)


def rows(path: Path, columns: str = "*") -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM '{path}'").fetchall()


def take(source: str, store: Path, **options) -> ImportReport:
    (report,) = import_files([source], store, ImportOptions(**options))
    return report


DAILY = "code,date,open,high,low,close,volume,money\n600519.XSHG,2025-01-02,10,11,9,10.5,1000,10200\n"


class TestExportsAsTheyAre:
    """One file per vendor layout; the wanted row is the same day of the same stock, as the vendor would write it."""

    WANTED = ("600519.XSHG", date(2025, 1, 2), 1524.0, 1524.49, 1480.0, 1488.0, 5002900, 7490884300.0)

    @pytest.mark.parametrize(
        ("name", "text", "options"),
        [
            (
                "akshare.csv",
                "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,振幅,涨跌幅,涨跌额,换手率\n"
                "2025-01-02,600519,1524.0,1488.0,1524.49,1480.0,50029,7490884300.0,2.92,-2.36,-36.0,0.4\n",
                {"volume_unit": VolumeUnit.LOT},
            ),
            (
                "tushare.csv",
                "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount\n"
                "600519.SH,20250102,1524.0,1524.49,1480.0,1488.0,1524.0,-36.0,-2.36,50029.0,7490884.3\n",
                {"volume_unit": VolumeUnit.LOT, "money_unit": MoneyUnit.THOUSAND},
            ),
            (
                "600519.SH.csv",  # xtquant: the index is the day, `time` is UTC milliseconds of Beijing midnight
                ",time,open,high,low,close,volume,amount,settelementPrice,openInterest,preClose,suspendFlag\n"
                "20250102,1735747200000,1524.0,1524.49,1480.0,1488.0,50029,7490884300.0,0.0,15,1524.0,0\n",
                {"volume_unit": VolumeUnit.LOT},
            ),
            (
                "joinquant 600519.XSHG.csv",
                ",open,close,high,low,volume,money\n2025-01-02,1524.0,1488.0,1524.49,1480.0,5002900.0,7490884300.0\n",
                {},
            ),
            (
                "terminal.txt",
                "证券代码\t交易日期\t开盘价\t最高价\t最低价\t收盘价\t成交量（股）\t成交额(元)\n"
                'SH600519\t2025/1/2\t"1,524.00"\t1524.49\t1480.00\t1488.00\t"5,002,900"\t"7,490,884,300"\n',
                {},
            ),
        ],
        ids=["akshare", "tushare", "xtquant", "joinquant", "terminal"],
    )
    def test_a_daily_bar_of_each_vendor_becomes_the_same_row(self, tmp_path, name, text, options):
        report = take(csv(tmp_path / name, text), tmp_path / "store", **options)
        assert report.table == "bars_1d"
        columns = "code, date, open, high, low, close, volume, money"
        assert rows(tmp_path / "store" / "bars_1d.parquet", columns) == [self.WANTED]

    def test_gbk_is_read_when_said_and_named_when_not(self, tmp_path):
        text = "代码,日期,开盘,最高,最低,收盘,成交量\n600519,2025-01-02,10,11,9,10,100\n"
        source = csv(tmp_path / "gbk.csv", text, "gbk")
        with pytest.raises(UsageError, match="--encoding gbk"):
            take(source, tmp_path / "store")
        assert take(source, tmp_path / "store", encoding=Encoding.GBK).added == 1

    def test_parquet_of_pandas_with_a_time_index_and_another_zone_becomes_beijing_time(self, tmp_path):
        source = tmp_path / "sh600519.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                "COPY (SELECT TIMESTAMPTZ '2025-01-02 01:31:00+00' AS __index_level_0__, 10.0 AS open, 10.0 AS high, "
                f"10.0 AS low, 10.0 AS close, 100::DOUBLE AS volume) TO '{source}'"
            )
        take(str(source), tmp_path / "store")
        found = rows(tmp_path / "store" / "bars_1m.parquet", "code, datetime")
        assert found == [("600519.XSHG", datetime(2025, 1, 2, 9, 31))]

    @pytest.mark.parametrize(
        ("day", "time"),
        [
            ("20250102", "093200"),
            ("2025-01-02", "9:32"),
            ("2025/1/2", "09:32:00"),
            ("20250102", "93200000"),
            ("2025年1月2日", "932"),
            ("", "2025/1/2 09:32"),
            ("", "20250102093200"),
            ("", "1735781520000"),
            ("2025-01-02 09:32", ""),
        ],
    )
    def test_a_minute_is_read_from_one_or_two_columns(self, tmp_path, day, time):
        text = f"code,日期,时间,open,high,low,close,volume\n600519,{day},{time},10,10,10,10,100\n"
        take(csv(tmp_path / "a.csv", text), tmp_path / "store")
        assert rows(tmp_path / "store" / "bars_1m.parquet", "datetime") == [(datetime(2025, 1, 2, 9, 32),)]

    def test_columns_can_be_named_by_hand(self, tmp_path):
        text = "证券,day,O,H,L,C,Q\n000001.SZ,2025-01-02,10,11,9,10,100\n"
        pairs = {"证券": "code", "day": "date", "O": "open", "H": "high", "L": "low", "C": "close", "Q": "volume"}
        report = take(csv(tmp_path / "a.csv", text), tmp_path / "store", columns=pairs)
        assert report.columns["close"] == "C"
        assert rows(report.path, "code, close") == [("000001.XSHE", 10.0)]

    def test_a_code_given_by_hand_wins_and_a_bare_one_is_remarked(self, tmp_path):
        source = csv(tmp_path / "a.csv", DAILY.replace("600519.XSHG", "000001"))
        report = take(source, tmp_path / "store")
        assert "000001 按 000001.XSHE" in report.remarks[0]
        index = take(source, tmp_path / "index", code=Code("000001.XSHG"))
        assert not index.remarks
        assert rows(index.path, "code") == [("000001.XSHG",)]

    def test_a_code_in_the_file_name_counts_and_a_bare_one_is_remarked(self, tmp_path):
        text = DAILY.replace("code,", "").replace("600519.XSHG,", "")
        report = take(csv(tmp_path / "20250102_000300.csv", text), tmp_path / "store")
        assert rows(report.path, "code") == [("000300.XSHE",)]
        assert "000300 按 000300.XSHE" in report.remarks[0]
        report = take(csv(tmp_path / "sh000300_1d.csv", text), tmp_path / "index")
        assert rows(report.path, "code") == [("000300.XSHG",)]
        assert not report.remarks

    def test_float32_noise_goes_and_real_decimals_stay(self, tmp_path):
        text = (
            "code,date,open,high,low,close,volume\n"
            "600519,2025-01-02,1377.1800537109375,1400,1370,1377.185,100\n"
            "510300,2025-01-02,3.9010000228881836,4,3.9,3.901,100\n"
        )
        take(csv(tmp_path / "a.csv", text), tmp_path / "store")
        found = rows(tmp_path / "store" / "bars_1d.parquet", "open, close")
        assert sorted(found) == [(3.901, 3.901), (1377.18, 1377.185)]

    def test_rows_without_any_price_are_left_out(self, tmp_path):
        source = csv(tmp_path / "a.csv", DAILY + "600519.XSHG,2025-01-03,nan,nan,nan,nan,nan,nan\n")
        assert take(source, tmp_path / "store").added == 1


class TestMinuteLabels:
    HEAD = "code,datetime,open,high,low,close,volume,money\n"

    def bars(self, tmp_path: Path, *lines: str, **options) -> list[tuple[object, ...]]:
        text = self.HEAD + "".join(f"600519.XSHG,2025-01-02 {line}\n" for line in lines)
        report = take(csv(tmp_path / "a.csv", text), tmp_path / "store", **options)
        columns = "strftime(datetime, '%H:%M'), open, high, low, close, volume, money"
        return rows(report.path, columns)

    def test_the_auction_bar_of_a_241_bar_day_goes_into_the_first_minute(self, tmp_path):
        found = self.bars(
            tmp_path,
            "09:30,10,10,10,10,100,1000",
            "09:31,10.1,10.2,9.9,10.15,200,2000",
            "09:32,10.1,10.1,10.1,10.1,100,1010",
        )
        assert found == [("09:31", 10, 10.2, 9.9, 10.15, 300, 3000), ("09:32", 10.1, 10.1, 10.1, 10.1, 100, 1010)]

    def test_an_auction_bar_without_a_trade_lends_no_price(self, tmp_path):
        found = self.bars(tmp_path, "09:30,9,9,9,9,0,0", "09:31,10.1,10.2,9.9,10.15,200,2000")
        assert found == [("09:31", 10.1, 10.2, 9.9, 10.15, 200, 2000)]

    def test_start_labels_move_to_the_end_and_closing_auctions_stay(self, tmp_path):
        lines = [f"{time},10,10,10,10,100,1000" for time in ("09:30", "11:29", "13:00", "14:59", "15:00")]
        found = self.bars(tmp_path, *lines, time_label=TimeLabel.START)
        assert [(row[0], row[5]) for row in found] == [("09:31", 100), ("11:30", 100), ("13:01", 100), ("15:00", 200)]

    def test_start_labels_taken_for_end_labels_are_refused(self, tmp_path):
        with pytest.raises(UsageError, match=r"13:00:00 有成交.*--time-label start"):
            self.bars(tmp_path, "13:00,10,10,10,10,100,1000", "13:01,10,10,10,10,100,1000")

    def test_empty_bars_outside_the_sessions_are_left_out(self, tmp_path):
        assert len(self.bars(tmp_path, "09:31,10,10,10,10,1,10", "13:00,10,10,10,10,0,0", "15:05,10,10,10,10,0,0")) == 1

    def test_five_minute_bars_are_no_minute_bars(self, tmp_path):
        lines = [f"10:{minute:02d},10,10,10,10,100,1000" for minute in range(0, 60, 5)]
        with pytest.raises(UsageError, match="不是 1 分钟线"):
            self.bars(tmp_path, *lines)


class TestRefusedWithNothingWritten:
    @pytest.mark.parametrize(
        ("row", "message"),
        [
            (
                "600519.XSHG,2025-02-30,10,11,9,10,100,1000",
                r"a\.csv 第 2 条数据（不含表头）：date 的值 '2025-02-30' 不能用",
            ),
            ("600519.XSHG,2025-01-03,10,1x,9,10,100,1000", "high 的值 '1x' 不能用，应为不小于 0 的数"),
            ("600519.XSHG,2025-01-03,10,11,,10,100,1000", "缺少 low"),
            ("600519.XSHG,2025-01-03,10,11,9,10,-5,1000", "volume 的值 '-5' 不能用"),
            ("600519.XSHG,2025-01-03,10,11,9,10,0.5,5", "volume 的值 '0.5' 不能用，应为不小于 0 的整数"),
            ("60051.XSHG,2025-01-03,10,11,9,10,100,1000", "第 2 条数据（不含表头）：无法识别证券代码 '60051.XSHG'"),
            (",2025-01-03,10,11,9,10,100,1000", "缺少 code"),
            ("600519.XSHG,2025-01-03,10,11,9,10,100", "CSV Error on Line: 3"),
            ("600519.XSHG,2025-01-02,10,11,9,10,1000,10200", "600519.XSHG 2025-01-02 有两条内容不同的数据"),
        ],
    )
    def test_a_bad_row_is_named_by_file_row_and_value(self, tmp_path, row, message):
        store = tmp_path / "store"
        take(csv(tmp_path / "good.csv", DAILY), store)
        before = (store / "bars_1d.parquet").read_bytes()
        with pytest.raises(UsageError, match=message):
            take(csv(tmp_path / "a.csv", f"{DAILY}{row}\n"), store)
        assert (store / "bars_1d.parquet").read_bytes() == before
        assert {path.name for path in store.iterdir()} - {LOCK_NAME} == {"bars_1d.parquet"}

    @pytest.mark.parametrize(
        ("volume", "money", "remedy"),
        [
            (10, 10200, "--volume-unit lot"),
            (10, 10.2, "--volume-unit lot --money-unit thousand"),
            (1000, 10.2, "--money-unit thousand"),
            (1000, 1.02, "--money-unit wan"),
            (1000, 45000, "请导入不复权价格"),
        ],
    )
    def test_units_that_do_not_fit_the_price_are_refused_with_the_likely_cause(self, tmp_path, volume, money, remedy):
        text = DAILY.replace("1000,10200", f"{volume},{money}")
        with pytest.raises(UsageError, match=remedy):
            take(csv(tmp_path / "a.csv", text), tmp_path / "store")

    def test_an_index_may_have_money_that_is_no_volume_times_points(self, tmp_path):
        text = DAILY.replace("600519.XSHG", "000300.XSHG").replace("1000,10200", "1000,500")
        assert take(csv(tmp_path / "a.csv", text), tmp_path / "store").added == 1

    def test_an_unclear_file_asks_for_its_kind(self, tmp_path):
        with pytest.raises(UsageError, match=r"看不出文件 .*a\.csv 是哪一种数据，列：x, y。请用 --kind"):
            take(csv(tmp_path / "a.csv", "x,y\n1,2\n"), tmp_path / "store")

    def test_a_missing_column_is_named(self, tmp_path):
        text = "日期,开盘,最高,最低,收盘\n2025-01-02,1,1,1,1\n"
        with pytest.raises(UsageError, match=r"缺少 bars_1d 的列 code, volume.*--code"):
            take(csv(tmp_path / "a.csv", text), tmp_path / "store")

    def test_a_code_given_by_hand_for_a_file_of_several_codes(self, tmp_path):
        source = csv(tmp_path / "a.csv", DAILY + "000001.XSHE,2025-01-03,10,11,9,10,100,1000\n")
        with pytest.raises(UsageError, match=r"含多个代码（000001\.XSHE、600519\.XSHG 等），不能用 --code"):
            take(source, tmp_path / "store", code=Code("600519.XSHG"))

    def test_a_spreadsheet_asks_for_csv(self, tmp_path):
        with pytest.raises(UsageError, match=r"不支持文件 .*a\.xlsx 的格式.*另存为 CSV"):
            take(csv(tmp_path / "a.xlsx", "PK"), tmp_path / "store")

    def test_no_file_at_all(self, tmp_path):
        with pytest.raises(UsageError, match=r"没有找到可导入的文件：.*\*\.csv"):
            take(str(tmp_path / "*.csv"), tmp_path / "store")

    def test_a_wrong_column_option_names_what_there_is(self, tmp_path):
        source = csv(tmp_path / "a.csv", DAILY)
        with pytest.raises(UsageError, match="列 Z 不在文件里。文件的列：code, date"):
            take(source, tmp_path / "store", columns={"Z": "close"})
        with pytest.raises(UsageError, match="没有标准列 klose"):
            take(source, tmp_path / "store", columns={"close": "klose"})

    def test_a_second_import_at_the_same_time_is_refused(self, tmp_path):
        source, store = csv(tmp_path / "a.csv", DAILY), tmp_path / "store"
        store.mkdir()
        with FileLock(store / LOCK_NAME), pytest.raises(UsageError, match="另一个导入正在写"):
            take(source, store)

    def test_one_bad_file_keeps_all_others_out(self, tmp_path):
        good = csv(tmp_path / "good.csv", DAILY)
        bad = csv(tmp_path / "bad.csv", "code,ex_date,cash_per_unit\n600519,2025-13-01,1\n")
        with pytest.raises(UsageError, match=r"bad\.csv 第 1 条数据"):
            import_files([good, bad], tmp_path / "store", ImportOptions())
        assert not list((tmp_path / "store").glob("*.parquet"))


class TestMerging:
    def test_new_rows_replace_rows_of_the_same_key_and_are_counted(self, tmp_path):
        store = tmp_path / "store"
        take(csv(tmp_path / "a.csv", DAILY + "600519.XSHG,2025-01-03,10,11,9,10,100,1000\n"), store)
        more = DAILY.replace("10.5,1000", "10.6,1000") + (
            "600519.XSHG,2025-01-03,10,11,9,10,100,1000\n600519.XSHG,2025-01-06,10,11,9,10,100,1000\n"
        )
        report = take(csv(tmp_path / "b.csv", more), store)
        assert (report.added, report.replaced, report.changed) == (1, 2, 1)
        found = rows(store / "bars_1d.parquet", "date, close")
        assert found == [(date(2025, 1, 2), 10.6), (date(2025, 1, 3), 10.0), (date(2025, 1, 6), 10.0)]

    def test_a_replaced_row_leaves_the_other_files_of_its_kind_and_notes_stay(self, tmp_path):
        store = tmp_path / "store"
        store.mkdir()
        with duckdb.connect() as connection:
            connection.execute(
                "COPY (SELECT '600519.XSHG' AS code, TIMESTAMP '2025-01-02' + INTERVAL (i) DAY AS date, 9.0 AS open, "
                "9.0 AS high, 9.0 AS low, 9.0 AS close, 100 AS volume, 'note ' || i AS source "
                f"FROM range(2) t(i)) TO '{store}/bars_1d_old.parquet'"
            )
        report = take(csv(tmp_path / "a.csv", DAILY), store)
        assert (report.added, report.replaced) == (0, 1)
        assert rows(store / "bars_1d.parquet", "date, close") == [(date(2025, 1, 2), 10.5)]
        assert rows(store / "bars_1d_old.parquet", "date, source") == [(date(2025, 1, 3), "note 1")]
        assert len(LocalStore(store).daily(Code("600519.XSHG"), date(2025, 1, 1), date(2025, 1, 31))) == 2

    def test_the_same_file_twice_changes_nothing(self, tmp_path):
        source, store = csv(tmp_path / "a.csv", DAILY), tmp_path / "store"
        take(source, store)
        report = take(source, store)
        assert (report.added, report.replaced, report.changed) == (0, 1, 0)

    def test_identical_rows_count_once(self, tmp_path):
        report = take(csv(tmp_path / "a.csv", DAILY + DAILY.splitlines()[1] + "\n"), tmp_path / "store")
        assert (report.read, report.added) == (2, 1)
        assert "重复" in report.remarks[0]


class TestOtherTables:
    def test_securities_of_joinquant_with_kinds_it_alone_knows(self, tmp_path):
        text = (
            "code,display_name,name,start_date,end_date,type\n"
            "600519.XSHG,贵州茅台,GZMT,2001-08-27,2200-01-01,stock\n"
            "510300.XSHG,沪深300ETF,HS300ETF,2012-05-28,2200-01-01,open_fund\n"
        )
        report = take(csv(tmp_path / "a.csv", text), tmp_path / "store", kind=SECURITIES)
        assert report.remarks == ["不认识的品种 open_fund 已留空，由代码判断"]
        take(csv(tmp_path / "d.csv", DAILY), tmp_path / "store")
        moutai = LocalStore(tmp_path / "store").security(Code("600519.XSHG"))
        assert moutai is not None
        assert (moutai.name, moutai.list_date) == ("贵州茅台", date(2001, 8, 27))

    def test_corporate_actions_imported_twice_stay_one(self, tmp_path):
        source = csv(tmp_path / "a.csv", "代码,除权除息日,每股派息\n600519.SH,2025-06-26,27.60\n")
        take(source, tmp_path / "store")
        report = take(source, tmp_path / "store")
        assert (report.table, report.added, report.replaced) == ("corporate_actions", 0, 1)

    def test_index_members_and_trading_days(self, tmp_path):
        text = "index,date,code\n000300.XSHG,2025-01-02,600519.SH\n"
        take(csv(tmp_path / "i.csv", text), tmp_path / "store", kind=INDEX_MEMBERS)
        take(csv(tmp_path / "t.csv", "日期\n20250102\n20250103\n"), tmp_path / "store", kind=TRADING_DAYS)
        take(csv(tmp_path / "d.csv", DAILY), tmp_path / "store")
        store = LocalStore(tmp_path / "store")
        assert store.index_members(Code("000300.XSHG"), date(2025, 1, 2)) == ["600519.XSHG"]
        assert store.trading_days() == [date(2025, 1, 2), date(2025, 1, 3)]

    def test_two_snapshots_of_one_second_are_both_kept_in_order(self, tmp_path):
        text = (
            "code,time,lastPrice,volume,amount,askPrice1,askVol1,bidPrice1,bidVol1\n"
            "600519.SH,1735781403000,10,3,3000,10.01,5,9.99,6\n"
            "600519.SH,1735781403000,10,2,2000,10.02,5,9.99,6\n"
        )
        take(csv(tmp_path / "a.csv", text), tmp_path / "store", volume_unit=VolumeUnit.LOT)
        take(csv(tmp_path / "d.csv", DAILY), tmp_path / "store")
        ticks = LocalStore(tmp_path / "store").ticks(Code("600519.XSHG"), date(2025, 1, 2))
        assert ticks is not None
        assert ticks.volume.tolist() == [300, 200]
        assert ticks.ask_price[:, 0].tolist() == [10.01, 10.02]
        assert ticks.times.astype(str).tolist() == ["2025-01-02T09:30:03.000"] * 2


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"sample data are not at {SHARED}")
def test_the_sample_data_come_through_an_import_unchanged(tmp_path):
    names = ("bars_1m", "bars_1m_2023", "bars_1d", "corporate_actions", "ticks")
    import_files([str(SHARED / f"{name}.parquet") for name in names], tmp_path, ImportOptions())
    with duckdb.connect() as connection:
        for name, time, others in (
            ("bars_1m", "datetime", "open, high, low, close, volume, money"),
            ("bars_1d", "date", "open, high, low, close, volume, money, prev_close"),
            ("ticks", "datetime", "current, open, high, low, volume, money, a1_p, a5_v, b5_p"),
        ):
            columns = f"code, CAST({time} AS TIMESTAMP), {others}"
            both = [f"SELECT {columns} FROM '{folder}/{name}*.parquet'" for folder in (SHARED, tmp_path)]
            query = (
                f"SELECT count(*) FROM (({both[0]} EXCEPT ALL {both[1]}) UNION ALL ({both[1]} EXCEPT ALL {both[0]}))"
            )
            assert connection.execute(query).fetchall() == [(0,)], name
