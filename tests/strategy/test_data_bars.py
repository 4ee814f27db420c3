"""get_bars: standard bars of every length, aligned to day, week and month, on the recorded market."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import numpy as np
import pandas as pd
import pytest
from data_probe import RECORDED, ask, needs_recorded

from bullet_trade.domain.errors import StrategyError
from bullet_trade.quotes.local.store import LocalStore

pytestmark = needs_recorded
CODE = "600036.XSHG"


@pytest.fixture(scope="module")
def market() -> LocalStore:
    return LocalStore(RECORDED)


@pytest.fixture(scope="module")
def minutes() -> pd.DataFrame:
    file = RECORDED / "bars_1m.parquet"
    return duckdb.sql(f"SELECT * FROM '{file}' WHERE code = '{CODE}' ORDER BY datetime").df().set_index("datetime")


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    file = RECORDED / "bars_1d.parquet"
    return duckdb.sql(f"SELECT * FROM '{file}' WHERE code = '{CODE}' ORDER BY date").df().set_index("date")


def expected(rows: pd.DataFrame) -> tuple[float, ...]:
    return rows["open"].iloc[0], rows["high"].max(), rows["low"].min(), rows["close"].iloc[-1], rows["volume"].sum()


FIELDS = "['date', 'open', 'high', 'low', 'close', 'volume']"


def test_daily_bars_are_a_structured_array_with_dates(market: LocalStore, days: pd.DataFrame) -> None:
    bars = ask(market, "2025-12-18 10:00", f"get_bars('{CODE}', 3)")
    assert bars.dtype.names == ("date", "open", "high", "low", "close")
    assert [str(bars.dtype[name]) for name in bars.dtype.names] == ["object"] + ["float64"] * 4
    assert bars["date"].tolist() == [date(2025, 12, 15), date(2025, 12, 16), date(2025, 12, 17)]
    assert bars["close"].tolist() == days.loc["2025-12-15":"2025-12-17", "close"].tolist()


@pytest.mark.parametrize(
    ("unit", "time", "labels"),
    [
        ("1m", "10:00", ["09:59", "10:00"]),
        ("5m", "10:00", ["09:55", "10:00"]),
        ("5m", "10:03", ["09:55", "10:00"]),
        ("15m", "13:20", ["11:30", "13:15"]),
        ("30m", "13:00", ["11:00", "11:30"]),
        ("60m", "14:30", ["11:30", "14:00"]),
        ("120m", "15:00", ["11:30", "15:00"]),
        ("50m", "15:00", ["14:20", "15:00"]),  # 240 minutes in bars of 50: the fifth has 40
        ("7m", "09:44", ["09:37", "09:44"]),
    ],
)
def test_minute_bars_are_cut_from_the_opening_on(
    market: LocalStore, minutes: pd.DataFrame, unit: str, time: str, labels: list[str]
) -> None:
    bars = ask(market, f"2025-12-18 {time}", f"get_bars('{CODE}', 2, '{unit}', {FIELDS})")
    assert [f"{label:%H:%M}" for label in bars["date"]] == labels
    assert all(type(label) is datetime for label in bars["date"])
    today = minutes.loc["2025-12-18"]
    size = int(unit[:-1])
    for bar in bars:
        end = today.index.get_loc(pd.Timestamp(bar["date"]))
        first = end // size * size
        assert tuple(bar)[1:] == expected(today.iloc[first : end + 1])


def test_the_unfinished_minute_bar_is_made_of_the_ended_minutes(market: LocalStore, minutes: pd.DataFrame) -> None:
    bars = ask(market, "2025-12-18 10:03", f"get_bars('{CODE}', 2, '5m', {FIELDS}, include_now=True)")
    assert [f"{label:%H:%M}" for label in bars["date"]] == ["10:00", "10:03"]
    assert tuple(bars[-1])[1:] == expected(minutes.loc["2025-12-18 10:01":"2025-12-18 10:03"])


@pytest.mark.parametrize("unit", ["1m", "5m", "1d", "1w", "1M"])
def test_at_the_open_the_unfinished_bar_has_the_opening_price_alone(
    market: LocalStore, minutes: pd.DataFrame, unit: str
) -> None:
    # 2025-12-01 was a Monday and the first session of its month.
    bar = ask(market, "2025-12-01 09:30", f"get_bars('{CODE}', 1, '{unit}', {FIELDS}, include_now=True)")[-1]
    opening = minutes.loc["2025-12-01", "open"].iloc[0]
    assert tuple(bar)[1:] == (opening, opening, opening, opening, 0.0)


@pytest.mark.parametrize(
    ("unit", "when", "now", "last"),
    [
        ("1d", "2025-12-17 14:59", False, "2025-12-16"),
        ("1d", "2025-12-17 15:00", False, "2025-12-17"),
        ("1d", "2025-12-17 09:05", True, "2025-12-16"),
        ("1d", "2025-12-17 10:00", True, "2025-12-17"),
        ("1w", "2025-12-17 10:00", False, "2025-12-12"),
        ("1w", "2025-12-19 14:59", False, "2025-12-12"),
        ("1w", "2025-12-19 15:00", False, "2025-12-19"),
        ("1w", "2025-12-22 09:05", False, "2025-12-19"),
        ("1w", "2025-12-17 10:00", True, "2025-12-17"),
        ("1w", "2025-09-30 15:30", False, "2025-09-30"),  # a Tuesday; the rest of the week is a holiday
        ("1M", "2025-09-30 15:30", False, "2025-09-30"),
        ("1M", "2025-12-17 10:00", False, "2025-11-28"),
        ("1M", "2025-12-17 10:00", True, "2025-12-17"),
        ("1M", "2025-12-31 15:00", False, "2025-12-31"),
    ],
)
def test_a_day_ends_at_15_00_a_week_and_a_month_with_their_last_session(
    market: LocalStore, unit: str, when: str, now: bool, last: str
) -> None:
    bars = ask(market, when, f"get_bars('{CODE}', 2, '{unit}', include_now={now})")
    assert str(bars["date"][-1]) == last


def test_weeks_and_months_are_added_up_from_days(market: LocalStore, days: pd.DataFrame) -> None:
    weeks, months = ask(
        market,
        "2025-12-17 10:00",
        f"get_bars('{CODE}', 2, '1w', {FIELDS}, fq_ref_date=None)",
        f"get_bars('{CODE}', 2, '1M', {FIELDS}, fq_ref_date=None)",
    )
    spans = [("2025-12-01", "2025-12-05"), ("2025-12-08", "2025-12-12")]
    assert [tuple(bar)[1:] for bar in weeks] == [expected(days.loc[first:last]) for first, last in spans]
    spans = [("2025-10-01", "2025-10-31"), ("2025-11-01", "2025-11-30")]
    assert [tuple(bar)[1:] for bar in months] == [expected(days.loc[first:last]) for first, last in spans]


def test_the_reference_day_of_adjustment(market: LocalStore, days: pd.DataFrame) -> None:
    # 600036 paid 1.01 on 2026-01-16.
    now, none, before, after = ask(
        market,
        "2026-01-20 10:00",
        f"get_bars('{CODE}', 4)['close'].tolist()",
        f"get_bars('{CODE}', 4, fq_ref_date=None)['close'].tolist()",
        f"get_bars('{CODE}', 4, fq_ref_date='2026-01-15')['close'].tolist()",
        f"get_bars('{CODE}', 4, fq_ref_date=context.current_dt)['close'].tolist()",
    )
    rows = days.loc["2026-01-14":"2026-01-19"]
    step = rows.loc["2026-01-16", "prev_close"] / rows.loc["2026-01-15", "close"]
    closes = rows["close"].tolist()
    assert none == closes
    assert now == after == [round(close * step, 2) for close in closes[:2]] + closes[2:]
    assert before == closes[:2] + [round(close / step, 2) for close in closes[2:]]


def test_suspended_days_are_never_among_the_bars(market: LocalStore) -> None:
    # 002049 was suspended from 2025-12-30 to 2026-01-14.
    bars = ask(market, "2026-01-16 10:00", "get_bars('002049.XSHE', 3)")
    assert [str(day) for day in bars["date"]] == ["2025-12-26", "2025-12-29", "2026-01-15"]
    minutes = ask(market, "2026-01-15 09:35", "get_bars('002049.XSHE', 2, '5m')")
    assert [f"{label:%m-%d %H:%M}" for label in minutes["date"]] == ["12-29 15:00", "01-15 09:35"]


def test_a_bare_end_day_is_its_end_and_a_time_is_that_instant(market: LocalStore) -> None:
    whole, noon = ask(
        market,
        "2025-12-18 10:00",
        f"get_bars('{CODE}', 1, end_dt=context.previous_date)",
        f"get_bars('{CODE}', 1, end_dt='2025-12-17 12:00:00', include_now=True)",
    )
    assert whole["date"][0] == noon["date"][0] == date(2025, 12, 17)
    assert whole["close"][0] != noon["close"][0]


def test_several_codes_give_a_dict_or_a_frame_by_code_and_number(market: LocalStore) -> None:
    arrays, frame, single = ask(
        market,
        "2025-12-18 10:00",
        f"get_bars(['{CODE}', '600519.XSHG'], 2)",
        f"get_bars(['{CODE}', '600519.XSHG'], 2, df=True)",
        f"get_bars('{CODE}', 2, df=True)",
    )
    assert list(arrays) == [CODE, "600519.XSHG"]
    assert frame.index.tolist() == [(CODE, 0), (CODE, 1), ("600519.XSHG", 0), ("600519.XSHG", 1)]
    assert frame.loc[CODE]["close"].tolist() == arrays[CODE]["close"].tolist() == single["close"].tolist()
    assert single.index.tolist() == [0, 1]
    assert isinstance(frame["date"].iloc[0], date)


def test_several_days_in_one_bar_are_refused(market: LocalStore) -> None:
    assert isinstance(ask(market, "2025-12-18 10:00", f"get_bars('{CODE}', 2, '5d')"), StrategyError)


def test_history_of_weeks_shows_those_that_are_over_before_today(market: LocalStore, days: pd.DataFrame) -> None:
    frame = ask(market, "2025-12-22 10:00", f"attribute_history('{CODE}', 2, '1w', ['close'])")
    assert np.array_equal(frame.index.values, np.array(["2025-12-12", "2025-12-19"], dtype="datetime64[ns]"))
    assert frame["close"].tolist() == days.loc[["2025-12-12", "2025-12-19"], "close"].tolist()
