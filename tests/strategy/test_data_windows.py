"""attribute_history, history and get_price on the recorded market; expected values are computed from the files here."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import duckdb
import numpy as np
import pandas as pd
import pytest
from data_probe import RECORDED, ask, needs_recorded

from bullet_trade.domain.errors import StrategyError
from bullet_trade.quotes.local.store import LocalStore

pytestmark = needs_recorded

MOUTAI, PINGAN, STOPPED, FRESH = "600519.XSHG", "000001.XSHE", "002049.XSHE", "001280.XSHE"


@pytest.fixture(scope="module")
def market() -> LocalStore:
    return LocalStore(RECORDED)


def daily(code: str, first: str, last: str) -> list[dict[str, object]]:
    rows = duckdb.sql(
        f"""SELECT date::DATE AS date, open, close, high, low, volume, money, prev_close
            FROM '{RECORDED / "bars_1d.parquet"}' WHERE code = '{code}' AND date BETWEEN '{first}' AND '{last}'
            ORDER BY date"""
    )
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]


def minutes(code: str, first: str, last: str) -> pd.DataFrame:
    return (
        duckdb.sql(
            f"""SELECT datetime, open, close, high, low, volume, money FROM '{RECORDED / "bars_1m.parquet"}'
                WHERE code = '{code}' AND datetime BETWEEN '{first}' AND '{last}' ORDER BY datetime"""
        )
        .df()
        .set_index("datetime")
    )


def adjusted_closes(rows: list[dict[str, object]], last_factor: float = 1.0) -> list[float]:
    """Closes in the units of the last row: each step back crosses an ex-day by its reference price over the close."""
    factor, closes = last_factor, []
    for row, following in zip(reversed(rows), [None, *reversed(rows[1:])], strict=True):
        if following is not None:
            factor *= following["prev_close"] / row["close"]
        closes.append(round(row["close"] * factor, 2))
    return closes[::-1]


def test_attribute_history_gives_a_float_frame_of_the_days_before_today(market: LocalStore) -> None:
    frame = ask(market, "2025-12-18 10:00", f"attribute_history('{MOUTAI}', 4)")
    rows = daily(MOUTAI, "2025-12-12", "2025-12-17")
    assert list(frame.columns) == ["open", "close", "high", "low", "volume", "money"]
    assert list(frame.index) == [pd.Timestamp(row["date"]) for row in rows]
    assert frame.index.dtype == "datetime64[ns]"
    assert set(frame.dtypes) == {np.dtype("float64")}
    assert frame["open"].tolist() == [row["open"] for row in rows]
    assert frame["volume"].tolist() == [float(row["volume"]) for row in rows]


def test_the_last_close_is_read_with_a_negative_position(market: LocalStore) -> None:
    assert ask(market, "2025-12-18 10:00", f"attribute_history('{MOUTAI}', 4)['close'][-1]") == 1433.10


def test_prices_before_an_ex_day_are_in_units_of_the_current_day(market: LocalStore) -> None:
    # 600519 paid 23.96 on 2025-12-19; its close before was 1431.00, the exchange's reference price 1407.04.
    before, on, after = (
        ask(market, f"{day} 10:00", f"attribute_history('{MOUTAI}', 3, fields=['close', 'volume'])")
        for day in ("2025-12-18", "2025-12-19", "2025-12-23")
    )
    assert before["close"].tolist() == [row["close"] for row in daily(MOUTAI, "2025-12-15", "2025-12-17")]
    rows = daily(MOUTAI, "2025-12-16", "2025-12-18")
    step = 1407.04 / 1431.00
    assert rows[-1]["close"] == 1431.00
    assert on["close"].tolist() == [round(row["close"] * step, 2) for row in rows]
    assert on["volume"].tolist() == [round(row["volume"] / step) for row in rows]
    rows = daily(MOUTAI, "2025-12-18", "2025-12-22")
    assert after["close"].tolist() == adjusted_closes(rows)


def test_unadjusted_and_forward_adjusted_prices(market: LocalStore) -> None:
    plain, forward = ask(
        market,
        "2025-12-23 10:00",
        f"attribute_history('{MOUTAI}', 3, '1d', ['close', 'factor'], fq=None)",
        f"attribute_history('{MOUTAI}', 3, '1d', ['close', 'factor'], fq='post')",
    )
    everything = daily(MOUTAI, "2022-01-04", "2025-12-22")
    growth = 1.0
    for before, row in pairwise(everything):
        growth *= before["close"] / row["prev_close"]
    rows = everything[-3:]
    assert plain["close"].tolist() == [row["close"] for row in rows]
    assert plain["factor"].tolist() == [1.0, 1.0, 1.0]
    assert forward["factor"].iloc[-1] == pytest.approx(growth, rel=1e-12)
    assert forward["close"].iloc[-1] == round(rows[-1]["close"] * growth, 2)


def test_a_fund_is_rounded_to_three_places(market: LocalStore) -> None:
    # 510300 paid 0.123 on 2026-01-19.
    closes = ask(market, "2026-01-20 10:00", "attribute_history('510300.XSHG', 6, '1d', 'close')['close'].tolist()")
    factor, expected = 1.0, []
    rows = daily("510300.XSHG", "2026-01-12", "2026-01-19")
    for row, following in zip(reversed(rows), [None, *reversed(rows[1:])], strict=True):
        factor *= following["prev_close"] / row["close"] if following else 1.0
        expected.append(round(row["close"] * factor, 3))
    assert closes == pytest.approx(expected[::-1], abs=1e-9)
    assert round(closes[0], 3) == closes[0]


def test_suspended_days_are_filled_skipped_or_blank(market: LocalStore) -> None:
    listed = [row["date"] for row in daily(STOPPED, "2025-12-01", "2026-01-31")]
    sessions = ask(market, "2026-02-02 10:00", "list(get_trade_days('2025-12-01', '2026-01-31'))")
    stopped = sorted(set(sessions) - set(listed))
    assert stopped, "the recorded market has suspensions of 002049"
    after = next(day for day in listed if day > stopped[-1])
    count = len([day for day in sessions if stopped[0] <= day < after]) + 1
    call = (
        f"get_price('{STOPPED}', end_date='{after - np.timedelta64(1, 'D').item()}', count={count}, fields=['close', "
    )
    call += "'volume', 'money', 'paused', 'open']"
    filled, blank, skipped, arrays = ask(
        market,
        f"{after} 10:00",
        f"{call})",
        f"{call}, fill_paused=False)",
        f"{call}, skip_paused=True)",
        f"history({count}, '1d', 'close', ['{STOPPED}', '{PINGAN}'], skip_paused=True, df=False)",
    )
    last = daily(STOPPED, "2025-12-01", str(stopped[0]))[-1]
    assert filled.index[0].date() == last["date"]
    assert filled["paused"].tolist() == [0.0] + [1.0] * (count - 1)
    assert filled["close"].tolist() == [last["close"]] * count
    assert filled["volume"].tolist()[1:] == filled["money"].tolist()[1:] == [0.0] * (count - 1)
    assert blank["close"].isna().tolist() == [False] + [True] * (count - 1)
    assert blank["paused"].tolist() == filled["paused"].tolist()
    traded = daily(STOPPED, "2025-03-04", str(stopped[0]))[-count:]
    assert skipped.index[-1].date() == last["date"]
    assert len(skipped) == count
    assert arrays[STOPPED].tolist() == [row["close"] for row in traded]
    assert len(arrays[PINGAN]) == count


def test_days_before_the_listing_are_nan_and_attribute_history_leaves_them_out(market: LocalStore) -> None:
    first = daily(FRESH, "2025-01-01", "2026-12-31")[0]["date"]
    frame, short = ask(
        market,
        f"{first} 15:30",
        f"get_price('{FRESH}', count=3, end_date=context.current_dt, fields=['close', 'paused'])",
        f"attribute_history('{FRESH}', 3)",
    )
    assert frame["close"].isna().tolist() == [True, True, False]
    assert frame["close"].iloc[-1] == daily(FRESH, str(first), str(first))[0]["close"]
    assert len(short) == 0


def test_get_price_between_two_days_includes_both(market: LocalStore) -> None:
    frame = ask(market, "2025-12-17 10:00", f"get_price('{PINGAN}', '2025-12-08', '2025-12-12', fields='close')")
    rows = daily(PINGAN, "2025-12-08", "2025-12-12")
    assert [stamp.date() for stamp in frame.index] == [row["date"] for row in rows]
    assert frame.shape == (5, 1)
    assert frame["close"].tolist() == [row["close"] for row in rows]


def test_get_price_of_several_codes_is_a_panel_or_a_long_frame(market: LocalStore) -> None:
    panel, frame = ask(
        market,
        "2025-12-17 10:00",
        f"get_price(['{PINGAN}', '{MOUTAI}'], end_date=context.previous_date, count=2, fields=['close', 'high'])",
        f"get_price(['{PINGAN}', '{MOUTAI}'], end_date=context.previous_date, count=2, fields=['close'], panel=False)",
    )
    closes = [[row["close"] for row in daily(code, "2025-12-15", "2025-12-16")] for code in (PINGAN, MOUTAI)]
    assert panel["close"][PINGAN].tolist() == closes[0]
    assert panel.close[MOUTAI].tolist() == closes[1]
    assert list(frame.columns) == ["time", "code", "close"]
    assert frame["code"].tolist() == [PINGAN, PINGAN, MOUTAI, MOUTAI]
    assert frame["close"].tolist() == closes[0] + closes[1]
    assert frame["time"].dtype == "datetime64[ns]"
    assert list(frame.index) == [0, 1, 2, 3]


def test_the_current_day_is_shown_as_far_as_it_has_gone(market: LocalStore) -> None:
    fields = "['open', 'close', 'high', 'low', 'volume', 'money', 'pre_close', 'high_limit', 'low_limit']"
    frame = ask(
        market, "2025-12-19 10:00", f"get_price('{MOUTAI}', end_date=context.current_dt, count=1, fields={fields})"
    )
    bars = minutes(MOUTAI, "2025-12-19 09:31", "2025-12-19 10:00")
    assert frame.iloc[0].tolist() == pytest.approx(
        [
            bars["open"].iloc[0],
            bars["close"].iloc[-1],
            bars["high"].max(),
            bars["low"].min(),
            bars["volume"].sum(),
            bars["money"].sum(),
            1407.04,
            1547.74,  # 1407.04 * 1.1 to the fen
            1266.34,
        ]
    )


@pytest.mark.parametrize(
    ("time", "fields", "last"),
    [
        ("09:05", "['close']", "2025-12-18"),
        ("09:05", "['close', 'high_limit']", "2025-12-18"),
        ("09:05", "['high_limit', 'paused']", "2025-12-19"),
        ("09:30", "['close']", "2025-12-19"),
        ("15:30", "['close']", "2025-12-19"),
    ],
)
def test_the_row_of_today_appears_when_all_its_fields_are_known(
    market: LocalStore, time: str, fields: str, last: str
) -> None:
    call = f"get_price('{MOUTAI}', end_date=context.current_dt, count=2, fields={fields})"
    assert str(ask(market, f"2025-12-19 {time}", call).index[-1].date()) == last


def test_at_the_open_all_prices_of_today_are_the_opening_price(market: LocalStore) -> None:
    frame = ask(market, "2025-12-19 09:30", f"get_price('{MOUTAI}', end_date=context.current_dt, count=1)")
    assert frame.iloc[0].tolist() == [1410.0, 1410.0, 1410.0, 1410.0, 0.0, 0.0]


def test_minutes_end_with_the_last_ended_one_and_reach_into_the_day_before(market: LocalStore) -> None:
    frame = ask(market, "2025-12-19 09:32", f"attribute_history('{MOUTAI}', 4, '1m', ['close', 'pre_close'])")
    step = 1407.04 / 1431.00
    last = [round(close * step, 2) for close in minutes(MOUTAI, "2025-12-18 14:58", "2025-12-18 15:00")["close"]]
    today = minutes(MOUTAI, "2025-12-19 09:31", "2025-12-19 09:32")["close"].tolist()
    assert [f"{stamp:%d %H:%M}" for stamp in frame.index] == ["18 14:59", "18 15:00", "19 09:31", "19 09:32"]
    assert frame["close"].tolist() == last[-2:] + today
    assert frame["pre_close"].tolist() == [last[0], last[1], 1407.04, today[0]]


def test_the_current_price_by_history_of_one_minute(market: LocalStore) -> None:
    frame, prices = ask(
        market,
        "2025-12-19 13:31",
        f"history(1, unit='1m', field='close', security_list=['{MOUTAI}', '{PINGAN}'])",
        f"history(1, '1m', 'close', '{MOUTAI}', df=False)",
    )
    expected = minutes(MOUTAI, "2025-12-19 13:31", "2025-12-19 13:31")["close"].iloc[0]
    assert list(frame.columns) == [MOUTAI, PINGAN]
    assert frame[MOUTAI][-1] == prices[MOUTAI][0] == expected


def test_a_bare_end_day_of_minutes_is_its_midnight(market: LocalStore) -> None:
    frame = ask(market, "2025-12-19 10:00", f"get_price('{MOUTAI}', end_date='2025-12-18', count=1, frequency='1m')")
    assert str(frame.index[-1]) == "2025-12-17 15:00:00"


def test_minutes_between_two_times_include_both(market: LocalStore) -> None:
    frame = ask(
        market,
        "2025-12-19 10:00",
        f"get_price('{MOUTAI}', '2025-12-18 14:59:00', '2025-12-19 09:31:00', 'minute', ['close'], fq=None)",
    )
    expected = minutes(MOUTAI, "2025-12-18 14:59", "2025-12-19 09:31")
    assert list(frame.index) == list(expected.index)
    assert frame["close"].tolist() == expected["close"].tolist()


def test_sliding_windows_of_minutes_end_now(market: LocalStore) -> None:
    frame = ask(
        market, "2025-12-17 09:33", f"attribute_history('{MOUTAI}', 2, '5m', ['open', 'close', 'high', 'volume'])"
    )
    bars = minutes(MOUTAI, "2025-12-16 14:50", "2025-12-17 09:33").tail(10)
    older, newer = bars.iloc[:5], bars.iloc[5:]
    assert [str(stamp) for stamp in frame.index] == ["2025-12-16 14:58:00", "2025-12-17 09:33:00"]
    for row, part in zip(frame.itertuples(), (older, newer), strict=True):
        assert row.open == part["open"].iloc[0]
        assert row.close == part["close"].iloc[-1]
        assert row.high == part["high"].max()
        assert row.volume == part["volume"].sum()


def test_sliding_windows_of_days_end_yesterday(market: LocalStore) -> None:
    frame = ask(market, "2025-12-18 10:00", f"attribute_history('{PINGAN}', 2, '5d', ['open', 'close', 'low', 'avg'])")
    rows = daily(PINGAN, "2025-12-04", "2025-12-17")
    for got, part in zip(frame.itertuples(), (rows[:5], rows[5:]), strict=True):
        assert got.Index.date() == part[-1]["date"]
        assert got.open == part[0]["open"]
        assert got.close == part[-1]["close"]
        assert got.low == min(row["low"] for row in part)
        mean = sum(row["money"] for row in part) / sum(row["volume"] for row in part)
        assert got.avg == round(mean, 2)


def test_average_price_is_money_over_volume(market: LocalStore) -> None:
    frame = ask(market, "2025-12-18 10:00", f"history(1, '1d', security_list=['{PINGAN}'])")
    row = daily(PINGAN, "2025-12-17", "2025-12-17")[0]
    assert frame[PINGAN].iloc[0] == round(row["money"] / row["volume"], 2)


@pytest.mark.parametrize(
    ("code", "ratio"), [(MOUTAI, 0.1), ("300750.XSHE", 0.2), ("688981.XSHG", 0.2), ("510300.XSHG", 0.1)]
)
def test_price_limits_come_from_the_reference_price(market: LocalStore, code: str, ratio: float) -> None:
    call = f"get_price('{code}', end_date='2025-12-17', count=1, fields=['high_limit', 'low_limit'])"
    frame = ask(market, "2025-12-18 10:00", call)
    reference = daily(code, "2025-12-17", "2025-12-17")[0]["prev_close"]
    places = 3 if code.startswith("51") else 2
    assert frame.iloc[0].tolist() == [
        round(reference * (1 + ratio) + 1e-9, places),
        round(reference * (1 - ratio) + 1e-9, places),
    ]


def test_the_universe_is_the_default_list_of_history(market: LocalStore) -> None:
    frame = ask(market, "2025-12-18 10:00", "history(2, field='close')", setup=f"set_universe(['{PINGAN}'])")
    assert list(frame.columns) == [PINGAN]


def test_results_are_copies_that_a_strategy_may_write_into(market: LocalStore) -> None:
    call = f"attribute_history('{PINGAN}', 2, df=False)['close']"
    first, _, again = ask(market, "2025-12-18 10:00", call, f"{call}.fill(1.0)", call)
    assert first.tolist() == again.tolist()


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("attribute_history('600519.XSHG', 0)", ("count=0",)),
        ("attribute_history('600519.XSHG', 3, '1x')", ("'1x'",)),
        ("attribute_history('600519.XSHG', 3, '1d', ['clsoe'])", ("'clsoe'",)),
        ("get_price('600519.XSHG', '2025-01-01', '2025-02-01', count=3)", ("start_date", "count")),
        ("get_price('600519.XSHG', count=3, fq='both')", ("'both'",)),
        ("get_price('600519.XSHG', end_date='next week')", ("'next week'",)),
        ("history(1, '1d', 'close', ['600001.XSHG'])", ("600001.XSHG",)),
    ],
)
def test_what_cannot_be_answered_names_the_argument(market: LocalStore, call: str, names: tuple[str, ...]) -> None:
    error = ask(market, "2025-12-18 10:00", call)
    assert isinstance(error, StrategyError)
    assert all(name in str(error) for name in names)


def test_fields_in_the_place_of_the_unit_mean_days(market: LocalStore) -> None:
    frame = ask(market, "2025-12-18 10:00", f"attribute_history('{PINGAN}', 2, ['high', 'low'])")
    assert list(frame.columns) == ["high", "low"]
    assert frame.index[-1].date() == date(2025, 12, 17)
