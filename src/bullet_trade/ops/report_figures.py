"""Which figures of a run are shown, in which group, under which name: one table for page and terminal."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from bullet_trade.ops.performance import SESSIONS_TO_ANNUALISE, DayReturn, Drawdown, Performance
from bullet_trade.ops.report_text import DASH, day, percent, ratio, yuan
from bullet_trade.ops.result import RunResult

Tone = Literal["gain", "loss", "plain"]


class Figure(msgspec.Struct, frozen=True):
    """One figure as shown; `tone` colours gains red and losses green; `detail` is small print beside it."""

    label: str
    value: str
    tone: Tone = "plain"
    detail: str = ""


class FigureGroup(msgspec.Struct, frozen=True):
    """Figures under one heading."""

    title: str
    figures: list[Figure]


def headline(figures: Performance) -> list[Figure]:
    """The six figures that a reader looks for first."""
    return [
        _change("总收益", figures.total_return),
        _change("年化收益", figures.annual_return),
        Figure("最大回撤", percent(figures.max_drawdown), "loss" if figures.drawdown else "plain"),
        Figure("夏普比率", ratio(figures.sharpe)),
        _change("基准收益", figures.benchmark_return),
        _change("超额收益", figures.excess_return),
    ]


def groups(figures: Performance) -> list[FigureGroup]:
    """The figures below the headline, by theme."""
    return [
        FigureGroup(
            "收益",
            [
                Figure("期初资产", yuan(figures.starting_value)),
                Figure("期末资产", yuan(figures.final_value)),
                _amount("总盈亏", figures.final_value - figures.starting_value),
                _day_figure("最好一日", figures.best_day),
                _day_figure("最差一日", figures.worst_day),
            ],
        ),
        FigureGroup(
            "风险",
            [
                Figure("年化波动", percent(figures.volatility)),
                Figure("回撤起点", _high(figures.drawdown)),
                Figure("回撤最低", day(figures.drawdown.trough) if figures.drawdown else DASH),
                Figure("回撤修复", _recovery(figures.drawdown)),
                Figure("平均仓位", percent(figures.exposure)),
            ],
        ),
        FigureGroup(
            "交易",
            [
                Figure("委托 / 拒绝", f"{figures.orders:,} / {figures.refused:,}"),
                Figure("成交 / 卖出", f"{figures.trades:,} / {figures.sales:,}"),
                Figure("卖出胜率", percent(figures.win_rate)),
                Figure("盈亏比", ratio(figures.profit_loss_ratio)),
                _amount("已实现盈亏", figures.realised_profit),
            ],
        ),
        FigureGroup(
            "换手与费用",
            [
                Figure("成交金额", yuan(figures.traded_value)),
                Figure("换手", ratio(figures.turnover, " 倍")),
                Figure("年化换手", ratio(figures.annual_turnover, " 倍")),
                Figure("费用", yuan(figures.fees)),
                Figure("费用占成交", percent(figures.fee_share, places=4)),
            ],
        ),
    ]


def definitions(result: RunResult, figures: Performance) -> list[str]:
    """How the figures are defined, one sentence each, and what this run cannot support."""
    notes = [
        "金额单位为元。红色为盈，绿色为亏。",
        "年化按一年 242 个交易日；夏普比率的无风险利率取 0；波动为日收益样本标准差的年化值。",
        "超额收益 = 总收益 - 基准收益。回撤按收盘资产相对此前最高收盘资产（含期初）计算。",
        "胜率与盈亏比只看卖出，盈亏已扣费用；盈亏比 = 平均盈利 / 平均亏损。",
        "换手 = 买卖成交金额合计 / 平均收盘资产。仓位 = 收盘持仓市值 / 收盘资产。",
    ]
    if 0 < figures.sessions < SESSIONS_TO_ANNUALISE:
        notes.append(f"不足 {SESSIONS_TO_ANNUALISE} 个交易日，不计算年化指标、波动与夏普比率。")
    if result.benchmark and not math.isfinite(result.benchmark_base):
        notes.append("缺少首日之前的基准收盘，基准自首日收盘起算，比账户少一日。")
    return notes


def tone(value: float | None) -> Tone:
    """The colour of a change."""
    if not value:
        return "plain"
    return "gain" if value > 0 else "loss"


def _change(label: str, value: float | None) -> Figure:
    return Figure(label, percent(value, signed=True), tone(value))


def _amount(label: str, value: int) -> Figure:
    return Figure(label, yuan(value, signed=True), tone(value))


def _day_figure(label: str, item: DayReturn | None) -> Figure:
    if item is None:
        return Figure(label, DASH)
    return Figure(label, percent(item.value, signed=True), tone(item.value), item.day.isoformat())


def _high(drawdown: Drawdown | None) -> str:
    return day(drawdown.peak, "期初") if drawdown else DASH


def _recovery(drawdown: Drawdown | None) -> str:
    return day(drawdown.recovered, "尚未修复") if drawdown else DASH
