"""The tables of the report page: monthly returns as a heat table, notable sales, all trades."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from bullet_trade.domain.money import FEN, divide_half_up, to_fen
from bullet_trade.domain.orders import Side
from bullet_trade.ops.performance import MonthReturn, Performance
from bullet_trade.ops.report_figures import tone
from bullet_trade.ops.report_text import percent, price, yuan
from bullet_trade.ops.result import TradeResult

SIDE_NAMES = {Side.BUY: "买入", Side.SELL: "卖出"}

_GAIN_RGB, _LOSS_RGB = "200,55,45", "27,138,90"
_PALEST, _STRONGEST = 0.06, 0.5
_FULL_COLOUR_AT = 0.10
"""A month of 10 % or more has the strongest colour: shades stay comparable between reports."""

_MILLI = 10  # 0.001 yuan in units of `Price`
_COLUMNS = (
    ("时间", None),
    ("代码", None),
    ("名称", None),
    ("方向", None),
    ("数量", 0),
    ("均价", 3),
    ("金额", 2),
    ("费用", 2),
    ("盈亏", 2),
)
"""Heading, and decimal places of the whole numbers below it (None: text)."""


def months_table(figures: Performance) -> str:
    """One row per year, one cell per month; months without a session are empty."""
    cells = {(item.year, item.month): item for item in figures.months}
    heads = "".join(f"<th>{month} 月</th>" for month in range(1, 13))
    rows = []
    for year in figures.years:
        months = "".join(_month_cell(cells.get((year.year, month))) for month in range(1, 13))
        rows.append(
            f'<tr><th class="year">{year.year}</th>{months}'
            f'<td class="year {tone(year.value)}">{percent(year.value, signed=True)}</td></tr>'
        )
    return (
        '<div class="scroll"><table class="months">'
        f'<thead><tr><th></th>{heads}<th class="year">全年</th></tr></thead><tbody>'
        f"{''.join(rows)}</tbody></table></div>"
    )


def notable_table(trades: Sequence[TradeResult]) -> str:
    """A few sales with their profit, largest first."""
    if not trades:
        return '<p class="empty">没有这样的卖出。</p>'
    rows = "".join(
        f"<tr><td>{trade.at.date().isoformat()}</td><td>{escape(trade.name or trade.code)}</td>"
        f'<td class="number">{trade.amount:,}</td><td class="number">{price(trade.price)}</td>'
        f'<td class="number {tone(trade.profit)}">{yuan(trade.profit, signed=True)}</td></tr>'
        for trade in trades
    )
    numbers = "".join(f'<th class="number">{title}</th>' for title in ("数量", "均价", "盈亏"))
    heads = f"<th>日期</th><th>名称</th>{numbers}"
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def trades_frame() -> str:
    """The empty table that the page's script fills, a page at a time: thousands of rows open at once."""
    heads = "".join(
        f'<th tabindex="0"{_sorted_first(place)}>{title}</th>'
        if places is None
        else f'<th tabindex="0" class="number" data-places="{places}">{title}</th>'
        for place, (title, places) in enumerate(_COLUMNS)
    )
    return f'<div class="scroll"><table id="trades"><thead><tr>{heads}</tr></thead><tbody></tbody></table></div>'


def trades_json(trades: Sequence[TradeResult]) -> str:
    """All trades as JSON rows in the order of the table's columns, money and prices as whole numbers."""
    rows = [
        [
            trade.at.isoformat(" ", "seconds"),
            trade.code,
            trade.name,
            SIDE_NAMES[trade.side],
            trade.amount,
            divide_half_up(trade.price, _MILLI),
            _fen(trade.price * trade.amount),
            _fen(trade.fees),
            None if trade.profit is None else _fen(trade.profit),
        ]
        for trade in trades
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _month_cell(item: MonthReturn | None) -> str:
    if item is None:
        return "<td></td>"
    value = item.value or 0.0
    strength = _PALEST + (_STRONGEST - _PALEST) * min(abs(value) / _FULL_COLOUR_AT, 1)
    colour = f"rgba({_GAIN_RGB if value > 0 else _LOSS_RGB},{strength:.3f})" if value else "#f1f3f5"
    return f'<td style="background:{colour}">{percent(item.value, signed=True)}</td>'


def _sorted_first(place: int) -> str:
    return ' aria-sort="ascending"' if place == 0 else ""


def _fen(amount: int) -> int:
    return to_fen(amount) // FEN
