"""get_current_data and the data of handle_data."""

from __future__ import annotations

import math
from datetime import date
from statistics import mean, stdev

import pytest
from data_probe import ask

from bullet_trade.quotes.synthetic import industries
from bullet_trade.testing.fake_market import FakeMarket

CODE, HALTED, GONE = "600000.XSHG", "000002.XSHE", "000005.XSHE"
CLOSES = [10.0, 10.5, 10.2, 10.4, 10.8]
DAYS = [date(2025, 5, 27), date(2025, 5, 28), date(2025, 5, 29), date(2025, 5, 30), date(2025, 6, 3)]
TODAY = date(2025, 6, 4)
BARS = [(11.0 + i / 100, 11.05 + i / 100, 10.95 + i / 100, 11.02 + i / 100, 1000 + i) for i in range(240)]


@pytest.fixture
def market() -> FakeMarket:
    past = dict(zip(DAYS, CLOSES, strict=True))
    return (
        FakeMarket()
        .add(CODE, {**past, TODAY: BARS}, prev_close=10.0, name="浦发银行")
        .add(HALTED, {DAYS[-1]: 8.0, TODAY: None}, prev_close=8.0, name="*ST万科")
        .add(GONE, {DAYS[0]: 3.0}, prev_close=3.0, end_date=DAYS[0], name="世纪退")
    )


@pytest.mark.parametrize(
    ("time", "price"),
    [("09:05", 10.8), ("09:30", 11.0), ("09:31", 11.02), ("10:00", 11.31), ("11:45", 12.21), ("15:30", 13.41)],
)
def test_the_last_price_is_that_of_the_ended_minute(market: FakeMarket, time: str, price: float) -> None:
    assert ask(market, f"2025-06-04 {time}", f"get_current_data()['{CODE}'].last_price") == pytest.approx(price)


def test_the_day_of_a_security_is_known_before_its_first_trade(market: FakeMarket) -> None:
    entry = f"get_current_data()['{CODE}']"
    high, low, name, paused, st, opening = ask(
        market,
        "2025-06-04 09:05",
        *(f"{entry}.{field}" for field in ("high_limit", "low_limit", "name", "paused", "is_st", "day_open")),
    )
    assert (high, low, name, paused, st) == (11.88, 9.72, "浦发银行", False, False)
    assert math.isnan(opening)  # not known yet
    assert ask(market, "2025-06-04 09:26", f"{entry}.day_open") == 11.0  # the auction ends at 09:25


def test_what_does_not_trade_today_is_paused(market: FakeMarket) -> None:
    entry = "get_current_data()"
    seen = ask(
        market,
        "2025-06-04 10:00",
        f"{entry}['{HALTED}'].paused",
        f"{entry}['{HALTED}'].is_st",
        f"{entry}['{HALTED}'].last_price",
        f"{entry}['{GONE}'].paused",
        f"{entry}['{GONE}'].name",
    )
    assert seen == [True, True, 8.0, True, "世纪退"]


def test_an_unknown_code_is_a_key_error_and_get_loads_nothing(market: FakeMarket) -> None:
    error, missing = ask(
        market, "2025-06-04 10:00", "get_current_data()['600001.XSHG']", f"get_current_data().get('{CODE}')"
    )
    assert isinstance(error, KeyError)
    assert missing is None


HANDLE = """
from jqdata import *

def initialize(context):
    g.seen = {{}}

def handle_data(context, data):
    bar = data['{code}']
    if context.current_dt.strftime('%H:%M') in ('09:30', '10:00'):
        g.seen[context.current_dt.strftime('%H:%M')] = [{fields}]
"""


def handled(market: FakeMarket, code: str, *fields: str) -> dict[str, list[float]]:
    from bullet_trade.testing.days import run_days

    source = HANDLE.format(code=code, fields=", ".join(f"bar.{field}" for field in fields))
    return run_days(source, market, TODAY, TODAY).session.g.seen


def test_handle_data_receives_the_minute_that_has_just_ended(market: FakeMarket) -> None:
    seen = handled(market, CODE, "open", "close", "high", "low", "volume", "pre_close", "paused", "high_limit")
    assert seen["10:00"] == pytest.approx([11.29, 11.31, 11.34, 11.24, 1029, 11.29, False, 11.88])
    assert seen["09:30"] == pytest.approx([10.8, 10.8, 10.8, 10.8, 1_000_000, 10.8, False, 11.44])


def test_figures_of_days_leave_today_out(market: FakeMarket) -> None:
    seen = handled(market, CODE, "mavg(3)", "vwap(2)", "stddev(3)", "mavg(3, 'open')", "mavg(9)", "returns")
    third = CLOSES[-3:]
    assert seen["10:00"][:4] == pytest.approx([mean(third), mean(CLOSES[-2:]), stdev(third), mean(third)])
    assert math.isnan(seen["10:00"][4])  # the history is shorter
    assert seen["10:00"][5] == pytest.approx(11.31 / 11.29 - 1)


def test_a_suspended_security_keeps_its_last_close(market: FakeMarket) -> None:
    seen = handled(market, HALTED, "close", "volume", "paused", "isnan()")
    assert seen["10:00"] == [8.0, 0.0, True, False]


def test_every_stock_of_the_synthetic_market_has_an_industry() -> None:
    reference = industries.SyntheticReference()
    day = date(2025, 6, 4)
    found = reference.industries_of("600519.XSHG", day)
    assert set(found) == {"sw_l1", "jq_l1", "zjw"}
    for classification, category in found.items():
        assert category in reference.industries(classification, day)
        assert "600519.XSHG" in reference.industry_members(category.code, day)
