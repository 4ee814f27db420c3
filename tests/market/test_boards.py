"""What code and name say about a security, and that facts of a data source come first."""

from __future__ import annotations

from datetime import date

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Board, Code, Exchange, Kind
from bullet_trade.market.boards import describe
from bullet_trade.market.segments import is_retired


@pytest.mark.parametrize(
    ("code", "name", "t0"),
    [
        ("510300.XSHG", "沪深300ETF", False),
        ("510900.XSHG", "H股ETF", True),
        ("511010.XSHG", "国债ETF", True),
        ("511880.XSHG", "银华日利ETF", True),
        ("513100.XSHG", "纳指ETF", True),
        ("517520.XSHG", "黄金股ETF", False),
        ("518880.XSHG", "黄金ETF", True),
        ("159985.XSHE", "豆粕ETF", True),
        ("159740.XSHE", "恒生科技ETF", True),
        ("159792.XSHE", "港股通互联网ETF", True),
        ("159320.XSHE", "恒生A股电网设备ETF", False),
        ("517090.XSHG", "沪港深500ETF", False),
        ("161725.XSHE", "白酒基金LOF", False),
        ("161716.XSHE", "招商双债LOF", False),
        ("501018.XSHG", "南方原油LOF", True),
        ("161226.XSHE", "国投白银LOF", False),
        ("180101.XSHE", "博时蛇口产园REIT", False),
        ("600519.XSHG", "贵州茅台", False),
        ("600547.XSHG", "山东黄金", False),
        ("113050.XSHG", "南银转债", True),
        ("132026.XSHG", "G三峡EB2", True),
        ("019547.XSHG", "16国债19", True),
    ],
)
def test_same_day_sale_follows_what_a_fund_holds(code: str, name: str, t0: bool) -> None:
    assert describe(Code(code), name).t0 is t0


@pytest.mark.parametrize(
    ("name", "warned"),
    [
        ("*ST海投", True),
        ("ST易购", True),
        ("S*ST前锋", True),
        ("XD*ST某", True),
        ("TCL科技", False),
        ("BEST公司", False),
    ],
)
def test_a_risk_warning_stands_at_the_start_of_the_name(name: str, warned: bool) -> None:
    assert describe(Code("000616.XSHE"), name).st is warned


@pytest.mark.parametrize(
    ("code", "name", "percent"),
    [
        ("588000.XSHG", "", 20),
        ("159915.XSHE", "", 20),
        ("159781.XSHE", "科创创业ETF", 20),
        ("159111.XSHE", "科创债ETF", None),
        ("510300.XSHG", "沪深300ETF", None),
        ("300750.XSHE", "宁德时代", None),
    ],
)
def test_funds_on_the_growth_boards_have_the_wide_limit(code: str, name: str, percent: int | None) -> None:
    assert describe(Code(code), name).limit_ratio_percent == percent


def test_facts_of_a_data_source_come_before_code_and_name() -> None:
    known = describe(Code("159792.XSHE"), "ST某", st=False, t0=False, list_date=date(2021, 9, 1))
    assert (known.st, known.t0, known.list_date) == (False, False, date(2021, 9, 1))


def test_a_kind_given_as_fact_brings_its_board_and_settlement() -> None:
    bond = describe(Code("112001.XSHE"), kind=Kind.CONVERTIBLE)
    assert (bond.board, bond.t0) == (Board.BOND, True)


@pytest.mark.parametrize("code", ["730519.XSHG", "080001.XSHE", "400001.XBSE"])
def test_subscription_and_third_board_codes_are_no_exchange_product(code: str) -> None:
    assert describe(Code(code)).kind is Kind.OTHER


def test_a_code_without_exchange_is_refused() -> None:
    with pytest.raises(UsageError, match="600519"):
        describe(Code("600519"))


def test_old_beijing_codes_retired_on_the_day_of_the_switch() -> None:
    assert not is_retired(Exchange.BSE, "430047", date(2025, 9, 30))
    assert is_retired(Exchange.BSE, "430047", date(2025, 10, 9))
    assert not is_retired(Exchange.BSE, "920002", date(2026, 1, 5))
