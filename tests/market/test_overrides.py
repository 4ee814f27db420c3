"""The user's own terms: what they change, and how a wrong file is refused."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Money, money
from bullet_trade.domain.securities import Board, Code, Kind
from bullet_trade.market.boards import describe
from bullet_trade.market.fees import Commission, CommissionPlan
from bullet_trade.market.holiday_file import parse_holidays
from bullet_trade.market.lots import Lot
from bullet_trade.market.overrides import parse_overrides

FILE = """
[commission]
net = true
[commission.stock]
buy = 0.00025
sell = 0.0003
minimum = 0
[commission.bond]
buy = 0.00005

[security."159915.SZ"]
t0 = true
limit_percent = 10
[security."sh600001"]
st = true
lot_minimum = 200
lot_step = 1
max_order = 50000
[security."112001.XSHE"]
kind = "convertible"
"""


def test_a_full_file_is_read_exactly() -> None:
    found = parse_overrides(FILE)
    plan = found.commission
    assert plan.stock == Commission(buy=25_000, sell=30_000, minimum=Money(0))
    assert plan.bond.buy == 5_000
    assert plan.bond.minimum == CommissionPlan().bond.minimum
    assert plan.fund == CommissionPlan().fund
    assert plan.net
    assert found.of(Code("600001.XSHG")).lot == Lot(200, 1)
    assert found.of(Code("600001.XSHG")).max_order == 50_000


def test_facts_of_the_user_come_before_those_of_the_source() -> None:
    found = parse_overrides(FILE)
    fund = found.apply(describe(Code("159915.XSHE")))
    assert (fund.t0, fund.limit_ratio_percent) == (True, 10)
    stock = found.apply(describe(Code("600001.XSHG"), list_date=date(2020, 1, 2)))
    assert (stock.st, stock.list_date) == (True, date(2020, 1, 2))
    bond = found.apply(describe(Code("112001.XSHE")))
    assert (bond.kind, bond.board, bond.t0) == (Kind.CONVERTIBLE, Board.BOND, True)
    other = describe(Code("600519.XSHG"))
    assert found.apply(other) is other


def test_an_unknown_segment_becomes_tradable_by_kind_and_board() -> None:
    found = parse_overrides('[security."606001.SH"]\nkind = "stock"\nboard = "sse_main"')
    stock = found.apply(describe(Code("606001.XSHG")))
    assert (stock.kind, stock.board) == (Kind.STOCK, Board.SSE_MAIN)


def test_an_empty_file_changes_nothing() -> None:
    assert parse_overrides("").commission == CommissionPlan()


def test_a_step_without_its_own_minimum_repeats_the_minimum() -> None:
    found = parse_overrides('[security."600001.SH"]\nlot_minimum = 50')
    assert found.of(Code("600001.XSHG")).lot == Lot(50, 50)


def test_minimum_commission_is_money() -> None:
    assert parse_overrides("[commission.fund]\nminimum = 0.10").commission.fund.minimum == money("0.10")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[commission", "TOML"),
        ("[fees]", "fees"),
        ("commission = 3", "commission"),
        ("[commission]\nnet = 1", "commission.net"),
        ("[commission.stocks]", "commission.stocks"),
        ("[commission.stock]\nrate = 0.1", "commission.stock.rate"),
        ("[commission.stock]\nbuy = 0.025", "commission.stock.buy"),
        ("[commission.stock]\nbuy = '0.0003'", "commission.stock.buy"),
        ("[commission.stock]\nbuy = 0.000000001", "commission.stock.buy"),
        ("[commission.stock]\nbuy = nan", "commission.stock.buy"),
        ("[commission.stock]\nbuy = -0.0003", "commission.stock.buy"),
        ("[commission.stock]\nminimum = 0.001", "commission.stock.minimum"),
        ("[commission.stock]\nminimum = true", "commission.stock.minimum"),
        ('[security."600519"]\nt_plus = 0', "security.600519.t_plus"),
        ('[security."600519"]\nt0 = "yes"', "security.600519.t0"),
        ('[security."600519"]\nkind = "option"', "security.600519.kind"),
        ('[security."600519"]\nboard = "fund"', "security.600519.board"),
        ('[security."000001"]\nt0 = true', "security.000001"),
        ('[security."600519"]\nlimit_percent = 100', "security.600519.limit_percent"),
        ('[security."600519"]\nlot_minimum = 0', "security.600519.lot_minimum"),
        ('[security."600519"]\nlot_minimum = 100\nlot_step = 10', "security.600519.lot_step"),
        ('[security."600519"]\nlot_step = 10', "security.600519.lot_step"),
        ('[security."600519"]\nlot_minimum = 100\nmax_order = 100', "security.600519.max_order"),
        ('[security."茅台"]\nt0 = true', "茅台"),
        ("[security]\n600519 = 3", "security.600519"),
    ],
)
def test_a_wrong_file_is_refused_with_the_path_of_the_wrong_key(text: str, path: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_overrides(text)
    assert path in str(caught.value)
    assert caught.value.remedy


def test_the_examples_of_the_manual_are_accepted() -> None:
    manual = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
    holidays, overrides = re.findall(r"```toml\n(.*?)```", manual.read_text(encoding="utf-8"), re.DOTALL)
    assert len(parse_holidays(holidays).sessions()) == 20
    assert parse_overrides(overrides).commission.stock.buy == 25_000


def test_the_same_security_written_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="600519"):
        parse_overrides('[security."600519.SH"]\nt0 = true\n[security."sh600519"]\nt0 = false')
