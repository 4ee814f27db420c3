"""Trading days, descriptions of securities, index members, industries and concepts."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from data_probe import ask

from bullet_trade.domain.errors import DataError, StrategyError
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.strategy.data.moments import FutureDataError
from bullet_trade.testing.fake_market import FakeMarket

STOCK, FUND, INDEX, OLD, NEW = "600000.XSHG", "510300.XSHG", "000300.XSHG", "000005.XSHE", "301001.XSHE"
DAY = date(2025, 6, 4)
WHEN = "2025-06-04 10:00"


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    actions = [
        CorporateAction(date(2024, 7, 18), 0.321, 0.0),
        CorporateAction(date(2025, 6, 5), 0.41, 0.5),
        CorporateAction(date(2025, 6, 20), 0.1, 0.0),
    ]
    return (
        FakeMarket()
        .add(STOCK, {DAY: 10.0}, name="浦发银行", list_date=date(1999, 11, 10), actions=actions)
        .add(FUND, {DAY: 4.0}, name="300ETF", actions=[CorporateAction(date(2024, 7, 18), 0.088, 1.0)])
        .add(OLD, {DAY: 1.0}, name="*ST世纪", list_date=date(1990, 12, 10), end_date=date(2024, 4, 26))
        .add(NEW, {DAY: 30.0}, name="新股", list_date=date(2025, 6, 10))
        .add_index(INDEX, [STOCK])
    )


def test_securities_have_the_platform_s_columns(market: FakeMarket) -> None:
    frame = ask(market, WHEN, "get_all_securities()")
    assert list(frame.columns) == ["display_name", "name", "start_date", "end_date", "type"]
    assert list(frame.index) == [OLD, STOCK]  # delisted ones included, those to come not
    assert frame.loc[STOCK].tolist() == [
        "浦发银行",
        "浦发银行",
        pd.Timestamp("1999-11-10"),
        pd.Timestamp("2200-01-01"),
        "stock",
    ]
    assert frame["start_date"].dtype == frame["end_date"].dtype == "datetime64[ns]"


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ("'stock', date=context.current_dt", [STOCK]),
        ("['stock'], '2024-01-02'", [OLD, STOCK]),
        ("'etf'", [FUND]),
        ("['etf', 'index']", [INDEX, FUND]),
        ("'fund'", [FUND]),
        ("['futures']", []),
    ],
)
def test_types_are_a_name_or_a_list_and_a_date_gives_those_listed_then(
    market: FakeMarket, arguments: str, codes: list[str]
) -> None:
    assert list(ask(market, WHEN, f"get_all_securities({arguments})").index) == codes


def test_the_description_of_one_security(market: FakeMarket) -> None:
    info, unknown = ask(market, WHEN, f"get_security_info('{OLD}')", "get_security_info('600001.XSHG')")
    assert (info.code, info.display_name, info.start_date, info.end_date, info.type) == (
        OLD,
        "*ST世纪",
        date(1990, 12, 10),
        date(2024, 4, 26),
        "stock",
    )
    assert unknown is None


@pytest.mark.parametrize(
    ("call", "days"),
    [
        ("get_trade_days('2025-05-29', '2025-06-04')", ["2025-05-29", "2025-05-30", "2025-06-03", "2025-06-04"]),
        ("get_trade_days(end_date=context.previous_date, count=2)", ["2025-05-30", "2025-06-03"]),
        ("get_trade_days(count=1)", ["2025-06-04"]),
        ("get_trade_days(end_date='2025-06-08', count=1)", ["2025-06-06"]),  # days to come are public
        ("get_trade_days(start_date='2025-06-04')", ["2025-06-04"]),
    ],
)
def test_trade_days_are_dates_with_both_ends(market: FakeMarket, call: str, days: list[str]) -> None:
    found = ask(market, WHEN, call)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [date.fromisoformat(day) for day in days]


def test_all_trade_days_reach_to_the_end_of_what_is_known(market: FakeMarket) -> None:
    days = ask(market, WHEN, "get_all_trade_days()")
    assert days[0] == date(2005, 1, 4)
    assert days[-1] == exchange_calendar().sessions(date(2026, 12, 1), date(2026, 12, 31))[-1]


def test_an_instant_belongs_to_its_day_or_the_next_session(market: FakeMarket) -> None:
    day, weekend = ask(
        market,
        WHEN,
        f"get_trade_day('{STOCK}', '2025-06-04 21:00:00')",
        f"get_trade_day(['{STOCK}'], '2025-06-07 10:00:00')",
    )
    assert day == {STOCK: date(2025, 6, 4)}
    assert weekend == {STOCK: date(2025, 6, 9)}


@pytest.mark.parametrize(
    ("given", "code"),
    [("'000001'", "000001.XSHE"), ("'SZ000001'", "000001.XSHE"), ("600000", STOCK), ("'600000.SH'", STOCK)],
)
def test_codes_are_normalised_from_any_spelling(market: FakeMarket, given: str, code: str) -> None:
    one, several = ask(market, WHEN, f"normalize_code({given})", f"normalize_code(({given}, {given}))")
    assert one == code
    assert several == [code, code]


def test_risk_warnings_are_a_frame_of_bools(market: FakeMarket) -> None:
    call = f"get_extras('is_st', ['{STOCK}', '{OLD}'], start_date='2025-06-03', end_date='2025-06-04'"
    frame, arrays = ask(market, WHEN, f"{call})", f"{call}, df=False)")
    assert frame[OLD].tolist() == [True, True]
    assert frame[STOCK].tolist() == [False, False]
    assert frame.dtypes.tolist() == [np.dtype(bool)] * 2
    assert frame.index.tolist() == [pd.Timestamp("2025-06-03"), pd.Timestamp("2025-06-04")]
    assert arrays[OLD].tolist() == [True, True]


def test_distributions_are_told_per_ten_shares_or_one_unit_up_to_the_next_session(market: FakeMarket) -> None:
    stock, fund, early = ask(
        market,
        WHEN,
        f"get_split_dividend('{STOCK}', '2024-01-01', '2025-12-31')",
        f"get_split_dividend('{FUND}')",
        f"get_split_dividend('{STOCK}', '2024-01-01', '2024-12-31')",
    )
    assert [(row["date"], row["scale_factor"], row["bonus_pre_tax"], row["per_base"]) for row in stock] == [
        (date(2024, 7, 18), 1.0, 3.21, 10),
        (date(2025, 6, 5), 1.5, 4.1, 10),
    ]
    assert [(row["scale_factor"], row["bonus_pre_tax"], row["per_base"]) for row in fund] == [(2.0, 0.088, 1)]
    assert len(early) == 1


def test_members_of_an_index(market: FakeMarket) -> None:
    members, unknown = ask(market, WHEN, f"get_index_stocks('{INDEX}')", "get_index_stocks('000905.XSHG')")
    assert members == [STOCK]
    assert unknown == []


@pytest.mark.parametrize(
    "call", ["get_index_stocks('000300.XSHG', '2025-06-05')", "get_all_securities(date='2030-01-01')"]
)
def test_a_date_to_come_is_cut_with_a_warning_or_refused(market: FakeMarket, call: str) -> None:
    cut = ask(market, WHEN, call)
    assert len(cut) >= 1
    refused = ask(market, WHEN, call, setup="set_option('avoid_future_data', True)")
    assert isinstance(refused, FutureDataError)
    assert "2025-06-04 10:00:00" in str(refused)


def test_a_source_without_industries_says_what_is_missing(market: FakeMarket) -> None:
    for call in ("get_industry_stocks('801780')", f"get_industry('{STOCK}')", "get_concepts()"):
        error = ask(market, WHEN, call)
        assert isinstance(error, DataError)
        assert call.partition("(")[0] in str(error)
        assert "RESEARCH_DATA_DIR" in str(error)


@pytest.fixture(scope="module")
def synthetic() -> SyntheticMarket:
    calendar = exchange_calendar()
    return SyntheticMarket(1, sessions=calendar.sessions(date(2020, 1, 2), date(2025, 12, 31)))


def test_industries_of_the_synthetic_market_agree_with_each_other(synthetic: SyntheticMarket) -> None:
    table, members, one, concept = ask(
        synthetic,
        WHEN,
        "get_industries('sw_l1')",
        "{code: get_industry_stocks(code) for code in get_industries('sw_l1').index}",
        "get_industry(['600519.XSHG'])",
        "get_concept('600519.XSHG')",
    )
    assert len(table) == 31
    assert list(table.columns) == ["name", "start_date"]
    assert table.loc["801780", "name"] == "银行I"
    owned = [code for codes in members.values() for code in codes]
    assert len(owned) == len(set(owned)) > 700
    own = one["600519.XSHG"]["sw_l1"]["industry_code"]
    assert "600519.XSHG" in members[own]
    assert all(set(row) == {"concept_code", "concept_name"} for row in concept["600519.XSHG"]["jq_concept"])


def test_weights_of_an_index_add_up_to_a_hundred(synthetic: SyntheticMarket) -> None:
    weights, members = ask(synthetic, WHEN, "get_index_weights('000300.XSHG')", "get_index_stocks('000300.XSHG')")
    assert list(weights.columns) == ["display_name", "date", "weight"]
    assert list(weights.index) == members
    assert weights["weight"].sum() == pytest.approx(100, abs=0.2)


def test_both_a_start_and_a_count_are_refused(market: FakeMarket) -> None:
    for call in (
        "get_trade_days('2025-01-01', count=3)",
        f"get_extras('is_st', ['{STOCK}'], start_date='2025-01-01', end_date='2025-01-02', count=2)",
    ):
        assert isinstance(ask(market, WHEN, call), StrategyError)
