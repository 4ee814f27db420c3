"""What the terminal shows: figures in their places, within the width, on any Chinese console."""

from __future__ import annotations

import io
import math
from datetime import date, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from bullet_trade.domain.money import ZERO, Price, money, price
from bullet_trade.domain.securities import Code
from bullet_trade.ops.performance import measure
from bullet_trade.ops.result import DayResult, PositionLine, RunResult
from bullet_trade.ops.summary import POSITION_ROWS, day_line, day_table, run_table

DAY = DayResult(
    day=date(2024, 1, 31),
    cash=money(204_152.37),
    positions_value=money(842_952.46),
    fees=money(41.16),
    bought=money(137_190.0),
    sold=ZERO,
    orders=12,
    refused=0,
    benchmark=math.nan,
)
BEFORE = money(1_000_000.0)


def _line(code: str, name: str, amount: int, cost: Price, close: float) -> PositionLine:
    return PositionLine(Code(code), name, amount, amount // 2, cost, price(close))


MAOTAI = _line("600519.XSHG", "贵州茅台", 200, price(1_500.0), 1_530.0)
ETF = _line("510300.XSHG", "沪深300ETF华泰柏瑞", 120_000, price(4.0), 3.9)
GIFT = _line("000001.XSHE", "平安银行", 100, Price(0), 11.0)


def _run(sessions: int = 30, strategy: str = "双均线.py") -> RunResult:
    days = [
        DayResult(
            day=date(2024, 1, 2) + timedelta(days=at),
            cash=money(1_000_000.0 + 1_000 * at),
            positions_value=ZERO,
            fees=ZERO,
            bought=ZERO,
            sold=ZERO,
            orders=0,
            refused=0,
            benchmark=math.nan,
        )
        for at in range(sessions)
    ]
    return RunResult(strategy, "simulator", "synthetic", True, money(1_000_000.0), "000300.XSHG", days, [], {})


def _shown(what: RenderableType, width: int = 80, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None)
    console.print(what)
    return out.getvalue()


def _closing(run: RunResult) -> RenderableType:
    return run_table(run, measure(run))


def test_a_close_is_one_line_of_80_columns() -> None:
    shown = _shown(day_line(DAY, BEFORE, BEFORE)).splitlines()
    assert shown == ["2024-01-31 资产   1,047,104.83 当日  +4.71% 累计   +4.71% 仓位  81% 委托 12"]


def test_refusals_are_counted_when_there_are_any() -> None:
    refused = DayResult(DAY.day, DAY.cash, DAY.positions_value, ZERO, ZERO, ZERO, 3, 2, math.nan)
    assert _shown(day_line(refused, BEFORE, BEFORE)).rstrip().endswith("委托 3 拒 2")


def test_a_day_without_a_value_before_has_a_dash_for_its_return() -> None:
    assert "当日       — 累计        —" in _shown(day_line(DAY, ZERO, ZERO))


def test_positions_stand_largest_first_with_profit_from_cost() -> None:
    rows = [line for line in _shown(day_table(DAY, [MAOTAI, GIFT, ETF], BEFORE, BEFORE)).splitlines() if ".X" in line]
    assert [row.split()[0] for row in rows] == ["510300.XSHG", "600519.XSHG", "000001.XSHE"]
    assert rows[0].split()[2:] == ["120,000", "60,000", "4.000", "3.900", "-12,000.00", "-2.50%"]
    assert rows[1].split()[2:] == ["200", "100", "1,500.000", "1,530.000", "+6,000.00", "+2.00%"]
    assert rows[2].split()[2:] == ["100", "50", "—", "11.000", "—", "—"]


def test_wide_terminals_also_show_value_and_weight() -> None:
    shown = _shown(day_table(DAY, [MAOTAI], BEFORE, BEFORE), width=120)
    assert "306,000.00" in shown
    assert "29.2%" in shown  # 306,000 of 1,047,104.83


def test_more_positions_than_fit_are_counted() -> None:
    many = [_line(f"{600000 + at}.XSHG", "某股", 100, price(1.0), 1.0) for at in range(POSITION_ROWS + 3)]
    shown = _shown(day_table(DAY, many, BEFORE, BEFORE))
    assert shown.count(".XSHG") == POSITION_ROWS
    assert "另有 3 只持仓未列出" in shown


def test_no_position_is_said() -> None:
    assert "空仓" in _shown(day_table(DAY, [], BEFORE, BEFORE))


def test_the_closing_table_names_the_run_and_its_figures() -> None:
    shown = _shown(_closing(_run()))
    for text in (
        "双均线.py",
        "2024-01-02 至 2024-01-31，30 个交易日",
        "合成行情 — 价格为程序生成，不是真实市场",
        "+2.90%",
        "1,029,000.00",
        "000300.XSHG",
    ):
        assert text in shown


def test_a_run_without_days_is_shown_with_dashes() -> None:
    shown = _shown(_closing(_run(sessions=0)))
    assert "没有完成任何交易日" in shown
    assert "—" in shown
    assert "nan" not in shown.lower()


def test_gains_are_red_and_losses_green() -> None:
    shown = _shown(day_table(DAY, [MAOTAI, ETF], BEFORE, BEFORE), colour=True)
    assert "\x1b[31m+2.00%" in shown
    assert "\x1b[32m-2.50%" in shown


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("what", ["day", "run"])
def test_lines_stay_within_the_terminal(width: int, what: str) -> None:
    shown = day_table(DAY, [MAOTAI, GIFT, ETF], BEFORE, BEFORE) if what == "day" else _closing(_run())
    lines = _shown(shown, width).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    assert not [line for line in lines if "…" in line and "ETF" not in line and "沪深" not in line]


@pytest.mark.parametrize("width", [80, 120])
def test_a_gbk_console_can_write_every_character(width: int) -> None:
    odd = _line("600001.XSHG", "[red]㊗🚀股", 100, price(1.0), 2.0)
    for shown in (
        _shown(day_table(DAY, [MAOTAI, ETF, GIFT, odd], BEFORE, BEFORE), width, colour=True),
        _shown(_closing(_run(strategy="策略🚀[bold].py")), width, colour=True),
    ):
        shown.encode("gbk")
        assert "?" in shown  # the characters that GBK lacks


def test_brackets_in_names_are_shown_as_they_are() -> None:
    assert "s[bold].py" in _shown(_closing(_run(strategy="s[bold].py")))
