"""Fundamentals, factors and their like: from a directory of tables, from jqdatasdk, or one clear error."""

from __future__ import annotations

import pickle
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import duckdb
import pandas as pd
import pytest
from data_probe import ask

from bullet_trade.domain.errors import DataError, StrategyError, UsageError
from bullet_trade.quotes.research.jqdata import JqData
from bullet_trade.quotes.research.tables import ResearchTables
from bullet_trade.strategy.data.moments import FutureDataError
from bullet_trade.strategy.data.provider_functions import indicator, valuation
from bullet_trade.strategy.data.query import query
from bullet_trade.testing.fake_market import FakeMarket

BANK, LIQUOR, OIL = "600000.XSHG", "600519.XSHG", "601857.XSHG"
WHEN = "2025-06-04 10:00"

TABLES = {
    "valuation": f"""
        SELECT * FROM (VALUES
          ('{BANK}', DATE '2025-05-30', 5.0, 300.0), ('{LIQUOR}', DATE '2025-05-30', 25.0, 2000.0),
          ('{BANK}', DATE '2025-06-03', 5.1, 310.0), ('{LIQUOR}', DATE '2025-06-03', 24.0, 1900.0),
          ('{OIL}', DATE '2025-06-03', NULL, 1500.0),
          ('{BANK}', DATE '2025-06-04', 9.9, 999.0)) t(code, day, pe_ratio, market_cap)""",
    "indicator": f"""
        SELECT * FROM (VALUES
          ('{BANK}', DATE '2024-12-31', DATE '2025-03-28', 9.0), ('{BANK}', DATE '2025-03-31', DATE '2025-04-29', 2.5),
          ('{LIQUOR}', DATE '2025-03-31', DATE '2025-04-30', 10.0),
          ('{LIQUOR}', DATE '2025-06-30', DATE '2025-08-20', 18.0)) t(code, statDate, pubDate, roe)""",
    "indicator_year": f"""
        SELECT '{BANK}' AS code, DATE '2024-12-31' AS statDate, DATE '2025-03-28' AS pubDate, 9.5 AS roe""",
    "finance.STK_XR_XD": f"""
        SELECT * FROM (VALUES
          ('{BANK}', DATE '2025-03-28', 0.41), ('{BANK}', DATE '2025-06-04', 0.10))
          t(code, board_plan_pub_date, bonus_amount_rmb)""",
    "factors": f"""
        SELECT * FROM (VALUES
          ('{BANK}', DATE '2025-05-30', 1.0), ('{BANK}', DATE '2025-06-03', 2.0), ('{BANK}', DATE '2025-06-04', 3.0))
          t(code, day, beta)""",
    "money_flow": f"""
        SELECT * FROM (VALUES
          (DATE '2025-05-30', '{BANK}', 1.5), (DATE '2025-06-03', '{BANK}', 2.5), (DATE '2025-06-04', '{BANK}', 3.5))
          t(date, sec_code, net_amount_main)""",
    "industry_members": f"""
        SELECT * FROM (VALUES
          ('sw_l1', '801780', '银行I', '{BANK}', DATE '2014-02-21', NULL),
          ('sw_l1', '801120', '食品饮料I', '{OIL}', DATE '2014-02-21', DATE '2020-01-01'))
          t(classification, industry_code, industry_name, code, start_date, end_date)""",
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> ResearchTables:
    directory = tmp_path_factory.mktemp("research")
    for name, sql in TABLES.items():
        duckdb.sql(f"COPY ({sql}) TO '{directory / name}.parquet' (FORMAT parquet)")
    return ResearchTables(directory)


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    market = FakeMarket()
    for code in (BANK, LIQUOR, OIL):
        market.add(code, {date(2025, 6, 3): 10.0, date(2025, 6, 4): 10.0})
    return market


def test_without_a_provider_the_call_says_what_is_missing_and_what_to_do(market: FakeMarket) -> None:
    for call in (
        "get_fundamentals(query(valuation).filter(valuation.code == '600000.XSHG'))",
        "finance.run_query(query(finance.STK_XR_XD))",
        "get_factor_values(['600000.XSHG'], ['beta'], count=1)",
        "get_extras('unit_net_value', ['510300.XSHG'], end_date=context.previous_date, count=1)",
    ):
        error = ask(market, WHEN, call)
        assert isinstance(error, DataError)
        assert "DEFAULT_DATA_PROVIDER=jqdata" in str(error)
        assert "RESEARCH_DATA_DIR" in str(error)


def test_valuations_are_those_of_yesterday_filtered_sorted_and_limited(
    market: FakeMarket, tables: ResearchTables
) -> None:
    frame = ask(
        market,
        WHEN,
        "get_fundamentals(query(valuation.code, valuation.market_cap).filter(valuation.market_cap > 300, "
        "valuation.code.in_(['600000.XSHG', '600519.XSHG', '601857.XSHG']))"
        ".order_by(valuation.market_cap.desc()).limit(2))",
        research=tables,
    )
    assert list(frame.columns) == ["code", "market_cap"]
    assert frame.to_numpy().tolist() == [[LIQUOR, 1900.0], [OIL, 1500.0]]


def test_reports_are_those_published_by_yesterday(market: FakeMarket, tables: ResearchTables) -> None:
    now, earlier, quarter, year = ask(
        market,
        WHEN,
        "get_fundamentals(query(indicator.code, indicator.roe).order_by(indicator.code))",
        "get_fundamentals(query(indicator.code, indicator.roe), date='2025-04-01')",
        "get_fundamentals(query(indicator.roe).filter(indicator.code == '600000.XSHG'), statDate='2025q1')",
        "get_fundamentals(query(indicator.roe), statDate='2024')",
        research=tables,
    )
    assert now.to_numpy().tolist() == [[BANK, 2.5], [LIQUOR, 10.0]]
    assert earlier.to_numpy().tolist() == [[BANK, 9.0]]
    assert quarter["roe"].tolist() == [2.5]
    assert year["roe"].tolist() == [9.5]
    future = ask(market, WHEN, "get_fundamentals(query(indicator.roe), statDate='2025q2')", research=tables)
    assert len(future) == 0


def test_tables_are_joined_by_code_and_columns_can_be_calculated(market: FakeMarket, tables: ResearchTables) -> None:
    frame, whole = ask(
        market,
        WHEN,
        "get_fundamentals(query(valuation.code, (indicator.roe / valuation.pe_ratio).label('quality')).filter("
        "(valuation.pe_ratio.between(1, 30)) & ~(indicator.roe < 1)).order_by(valuation.code.asc()))",
        "get_fundamentals(query(valuation, indicator).filter(valuation.code == '600000.XSHG'))",
        research=tables,
    )
    assert frame["quality"].tolist() == pytest.approx([2.5 / 5.1, 10.0 / 24.0])
    assert list(whole.columns) == ["code", "day", "pe_ratio", "market_cap", "statDate", "pubDate", "roe"]
    assert whole["pubDate"].tolist() == [date(2025, 4, 29)]


def test_a_date_to_come_is_refused_under_avoid_future_data(market: FakeMarket, tables: ResearchTables) -> None:
    call = "get_fundamentals(query(valuation.code), date='2025-06-05')"
    option = "set_option('avoid_future_data', True)"
    assert isinstance(ask(market, WHEN, call, setup=option, research=tables), FutureDataError)
    assert len(ask(market, WHEN, call, research=tables)) == 3


def test_rows_of_other_tables_published_later_are_left_out(market: FakeMarket, tables: ResearchTables) -> None:
    frame = ask(
        market,
        WHEN,
        "finance.run_query(query(finance.STK_XR_XD).filter(finance.STK_XR_XD.code == '600000.XSHG'))",
        research=tables,
    )
    assert frame["bonus_amount_rmb"].tolist() == [0.41]


def test_factors_are_frames_of_days_by_codes(market: FakeMarket, tables: ResearchTables) -> None:
    values = ask(
        market,
        WHEN,
        "get_factor_values(['600000.XSHG', '600519.XSHG'], ['beta'], end_date=context.previous_date, count=2)",
        research=tables,
    )
    frame = values["beta"]
    assert list(frame.columns) == [BANK, LIQUOR]
    assert frame.index.tolist() == [pd.Timestamp("2025-05-30"), pd.Timestamp("2025-06-03")]
    assert frame[BANK].tolist() == [1.0, 2.0]


def test_daily_tables_end_yesterday(market: FakeMarket, tables: ResearchTables) -> None:
    flow, caps, periods = ask(
        market,
        WHEN,
        "get_money_flow('600000.XSHG', end_date=context.current_dt, count=1, fields=['net_amount_main'])",
        "get_valuation(['600000.XSHG'], end_date=context.previous_date, count=2, fields=['market_cap'])",
        "get_history_fundamentals('600000.XSHG', [indicator.roe], count=4)",
        research=tables,
    )
    assert flow.to_numpy().tolist() == [[BANK, date(2025, 6, 3), 2.5]]
    assert caps["market_cap"].tolist() == [300.0, 310.0]
    assert periods["roe"].tolist() == [9.0, 2.5]


def test_fundamentals_of_several_days_are_a_panel(market: FakeMarket, tables: ResearchTables) -> None:
    panel = ask(
        market,
        WHEN,
        "get_fundamentals_continuously(query(valuation.code, valuation.market_cap), end_date='2025-06-03', count=2)",
        research=tables,
    )
    assert panel["market_cap"].loc["2025-06-03", LIQUOR] == 1900.0
    assert len(panel.major_axis) == 2


def test_industries_come_from_the_tables_where_the_market_has_none(market: FakeMarket, tables: ResearchTables) -> None:
    stocks, past, own = ask(
        market,
        WHEN,
        "get_industry_stocks('801780')",
        "get_industry_stocks('801120')",
        "get_industry('600000.XSHG')",
        research=tables,
    )
    assert stocks == [BANK]
    assert past == []
    assert own[BANK]["sw_l1"] == {"industry_code": "801780", "industry_name": "银行I"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("get_fundamentals(query(income.net_profit))", ("income.parquet", "docs/data-format.md")),
        ("get_fundamentals(query(valuation.no_such_column))", ("no_such_column", "market_cap")),
        ("get_mtss('600000.XSHG', count=1)", ("mtss.parquet",)),
        ("get_margincash_stocks()", ("get_margincash_stocks", "DEFAULT_DATA_PROVIDER=jqdata")),
        ("get_factor_values(['600000.XSHG'], ['momentum'], count=1)", ("momentum",)),
    ],
)
def test_what_a_directory_does_not_have_is_named(
    market: FakeMarket, tables: ResearchTables, call: str, words: tuple[str, ...]
) -> None:
    error = ask(market, WHEN, call, research=tables)
    assert isinstance(error, DataError)
    assert all(word in str(error) for word in words)


def test_a_directory_without_tables_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="RESEARCH_DATA_DIR"):
        ResearchTables(tmp_path)


def test_a_query_survives_saving() -> None:
    built = query(valuation.code).filter(valuation.market_cap > 5).limit(3)
    assert pickle.loads(pickle.dumps(built)).query == built.query


def test_conditions_joined_with_and_are_refused() -> None:
    with pytest.raises(StrategyError, match="&"):
        assert (valuation.market_cap > 5) and (indicator.roe > 1)


JQDATASDK = '''
"""Stands in for jqdatasdk: remembers what it was asked."""
asked = []

class Column:
    def __init__(self, text): self.text = text
    def __gt__(self, other): return Column(f"{self.text} > {other}")
    def __le__(self, other): return Column(f"{self.text} <= {other}")
    def in_(self, values): return Column(f"{self.text} in {values}")
    def desc(self): return Column(f"{self.text} desc")

class Table:
    def __init__(self, name, *columns):
        for column in columns: setattr(self, column, Column(f"{name}.{column}"))

class Query:
    def __init__(self, *columns): self.said = ["query " + ", ".join(c.text for c in columns)]
    def filter(self, *conditions): self.said += ["filter " + c.text for c in conditions]; return self
    def order_by(self, key): self.said.append("order_by " + key.text); return self
    def limit(self, count): self.said.append(f"limit {count}"); return self

class finance:
    STK_XR_XD = Table("finance.STK_XR_XD", "code", "pub_date")
    @staticmethod
    def run_query(query): asked.append(query.said); return "rows"

valuation = Table("valuation", "code", "market_cap", "day")
query = Query
def auth(user, password): asked.append((user, password))
def get_fundamentals(query, date=None, statDate=None): asked.append((query.said, date, statDate)); return "frame"
def get_money_flow(**arguments): asked.append(arguments); return "flow"
'''


def test_jqdatasdk_is_asked_the_same_with_the_day_filled_in(
    market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = ModuleType("jqdatasdk")
    exec(JQDATASDK, vars(sdk))
    monkeypatch.setitem(sys.modules, "jqdatasdk", sdk)
    answers = ask(
        market,
        WHEN,
        "get_fundamentals(query(valuation.code).filter(valuation.market_cap > 5, valuation.code.in_(['a'])).order_by("
        "valuation.market_cap.desc()).limit(3))",
        "finance.run_query(query(finance.STK_XR_XD.code))",
        "get_money_flow('600000.XSHG', count=3)",
        "get_mtss('600000.XSHG', count=3)",
        research=JqData("user", "secret"),
    )
    assert answers[:3] == ["frame", "rows", "flow"]
    assert isinstance(answers[3], DataError)
    yesterday = date(2025, 6, 3)
    said = [
        "query valuation.code",
        "filter valuation.market_cap > 5",
        "filter valuation.code in ['a']",
        "order_by valuation.market_cap desc",
        "limit 3",
    ]
    assert sdk.asked == [
        ("user", "secret"),
        (said, yesterday, None),
        ["query finance.STK_XR_XD.code", f"filter finance.STK_XR_XD.pub_date <= {yesterday}"],
        {"end_date": yesterday, "count": 3, "security_list": ["600000.XSHG"]},
    ]


def test_a_missing_jqdatasdk_or_account_is_told_at_the_call(market: FakeMarket) -> None:
    error = ask(market, WHEN, "get_fundamentals(query(valuation))", research=JqData("", ""))
    assert isinstance(error, DataError)
    assert "DEFAULT_DATA_PROVIDER=jqdata" in str(error)
