"""Snapshots on the recorded market: 600519 and 000333, 2023-02-01 to 2023-02-03."""

from __future__ import annotations

from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pytest
from data_probe import RECORDED, ask, needs_recorded

from bullet_trade.domain.errors import StrategyError
from bullet_trade.quotes.local.store import LocalStore

pytestmark = needs_recorded
CODE = "600519.XSHG"
WHEN = "2023-02-02 10:00"


@pytest.fixture(scope="module")
def market() -> LocalStore:
    return LocalStore(RECORDED)


def recorded(condition: str) -> pd.DataFrame:
    return duckdb.sql(
        f"SELECT * FROM '{RECORDED / 'ticks.parquet'}' WHERE code = '{CODE}' AND {condition} ORDER BY datetime"
    ).df()


def test_the_current_tick_is_the_newest_not_later_than_now(market: LocalStore) -> None:
    tick = ask(market, WHEN, f"get_current_tick('{CODE}')")
    row = recorded("datetime <= '2023-02-02 10:00:00' AND datetime >= '2023-02-02'").iloc[-1]
    assert tick.datetime == row["datetime"]
    assert tick.current == row["current"]
    assert (tick.a1_p, tick.b5_v, tick["volume"]) == (row["a1_p"], row["b5_v"], row["volume"])
    assert tick.get("current") == row["current"]
    assert tick.get("no_such_field") is None


def test_current_ticks_of_several_codes_and_of_an_earlier_instant(market: LocalStore) -> None:
    several, earlier, table, none = ask(
        market,
        WHEN,
        f"get_current_tick(['{CODE}', '000001.XSHE'])",
        f"get_current_tick('{CODE}', dt='2023-02-01 14:00:00').datetime",
        f"get_current_tick(['{CODE}'], df=True)",
        f"get_current_tick('{CODE}', dt='2023-02-01 09:00:00')",
    )
    assert set(several) == {CODE, "000001.XSHE"}
    assert earlier <= datetime(2023, 2, 1, 14)
    assert table["code"].tolist() == [CODE]
    assert "a1_p" in table.columns
    assert none is None


def test_ticks_are_a_structured_array_of_snapshots_with_trade(market: LocalStore) -> None:
    ticks = ask(market, WHEN, f"get_ticks('{CODE}', context.current_dt, count=5)")
    rows = recorded("datetime <= '2023-02-02 10:00:00' AND datetime >= '2023-02-02'")
    traded = rows[rows["volume"].diff().fillna(rows["volume"]) != 0].tail(5)
    assert ticks.dtype.names == ("time", "current", "high", "low", "volume", "money")
    assert [pd.Timestamp(time) for time in ticks["time"]] == traded["datetime"].tolist()
    assert type(ticks["time"][0]) is datetime
    for name in ("current", "high", "low", "volume", "money"):
        assert ticks[name].dtype == np.float64
        assert ticks[name].tolist() == traded[name].tolist()


def test_all_snapshots_between_two_instants_across_days(market: LocalStore) -> None:
    frame = ask(
        market,
        WHEN,
        f"get_ticks('{CODE}', '2023-02-02 09:20:00', '2023-02-01 14:59:00', fields=['time', 'a1_p', 'b1_v'], "
        "skip=False, df=True)",
    )
    rows = recorded("datetime BETWEEN '2023-02-01 14:59:00' AND '2023-02-02 09:20:00'")
    assert pd.to_datetime(frame["time"]).tolist() == rows["datetime"].tolist()
    assert frame["a1_p"].tolist() == rows["a1_p"].tolist()
    assert frame["b1_v"].tolist() == rows["b1_v"].tolist()


def test_a_count_of_ticks_reaches_into_the_days_before(market: LocalStore) -> None:
    ticks = ask(market, "2023-02-02 09:20", f"get_ticks('{CODE}', context.current_dt, count=3)")
    assert {time.date().isoformat() for time in ticks["time"]} == {"2023-02-01"}


def test_ticks_need_a_start_or_a_count(market: LocalStore) -> None:
    assert isinstance(ask(market, WHEN, f"get_ticks('{CODE}', context.current_dt)"), StrategyError)


def test_unknown_tick_fields_are_named(market: LocalStore) -> None:
    error = ask(market, WHEN, f"get_ticks('{CODE}', context.current_dt, count=1, fields=['a9_p'])")
    assert "'a9_p'" in str(error)


def test_the_auction_has_a_row_per_day_once_it_is_over(market: LocalStore) -> None:
    call = f"get_call_auction('{CODE}', '2023-02-01', '2023-02-02')"
    before, after = ask(market, "2023-02-02 09:24", call), ask(market, "2023-02-02 09:26", call)
    rows = recorded("datetime BETWEEN '2023-02-01 09:25:00' AND '2023-02-01 09:29:59' AND current > 0")
    assert list(after.columns[:5]) == ["code", "time", "current", "volume", "money"]
    assert before["current"].tolist() == [rows.iloc[0]["current"]]
    rows = recorded("datetime BETWEEN '2023-02-02 09:25:00' AND '2023-02-02 09:29:59' AND current > 0")
    assert after["current"].iloc[1] == rows.iloc[0]["current"]
    assert after["volume"].iloc[1] == rows.iloc[0]["volume"]
    assert after["code"].tolist() == [CODE, CODE]


def test_chosen_auction_fields_come_with_code_and_time(market: LocalStore) -> None:
    frame = ask(market, WHEN, f"get_call_auction(['{CODE}'], '2023-02-02', '2023-02-02', fields=['current', 'volume'])")
    assert list(frame.columns) == ["code", "time", "current", "volume"]
