"""The charts of the report page, as one Bokeh document in JSON: curves over a shared time axis.

Bokeh is imported only when a report is written: it takes half a second. Its object ids come from a counter of
the process; they are renumbered, so that the same run always gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from bullet_trade.domain.money import Money, yuan
from bullet_trade.ops import report_text
from bullet_trade.ops.performance import benchmark_curve, daily_returns, drawdowns, growth, position_shares
from bullet_trade.ops.report_panels import (
    ACCENT,
    GAIN,
    LOSS,
    MUTED,
    mark_zero,
    new_panel,
    percent_ticks,
    place_legend,
    show_dates,
    show_on_hover,
)
from bullet_trade.ops.result import RunResult

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource, Range1d, Span
    from bokeh.plotting import figure

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
Column = list[float] | list[str]

TARGET_ID = "charts"
"""The id of the page element that the charts are drawn into."""

RANGE_NAME = "sessions"
"""The name of the shared time axis, by which the page's buttons find it."""

_RECORD_COLOUR = "#a86f1b"

DAY_MS = 86_400_000
_WAN = 10_000  # bars are drawn in units of ten thousand yuan
_POINTS_WITH_MARKERS = 40
_DAY_ROWS = [
    ("总资产", "total_text"),
    ("累计收益", "account_text"),
    ("当日收益", "day_return_text"),
    ("基准", "index_text"),
    ("回撤", "fall_text"),
    ("买入", "bought_text"),
    ("卖出", "sold_text"),
]
_EPOCH = date(1970, 1, 1).toordinal()


def charts_json(result: RunResult) -> str:
    """The charts as the JSON text that ``Bokeh.embed.embed_item`` takes; `result` has at least one day."""
    from bokeh.embed import json_item
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, Range1d, Span

    times = [_milliseconds(day.day) for day in result.days]
    first, last = time_span(result)
    time_axis = Range1d(first, last, bounds=(first, last), name=RANGE_NAME)
    cursor = Span(dimension="height", line_color=MUTED, line_dash="dotted", line_width=1)
    source = ColumnDataSource(_columns(result, times))
    panels = [
        _returns_panel(result, source, time_axis, cursor),
        _drawdown_panel(source, time_axis, cursor),
        _position_panel(source, time_axis, cursor),
    ]
    if any(day.bought or day.sold for day in result.days):
        panels.append(_traded_panel(source, time_axis, cursor))
    for name, points in result.records.items():
        panels.append(_record_panel(name, points, time_axis, cursor))
    show_dates(panels[-1])
    item = json_item(column(*panels, sizing_mode="stretch_width", spacing=0), TARGET_ID)
    return json.dumps(_renumbered(item), ensure_ascii=False, separators=(",", ":"))


def time_span(result: RunResult) -> tuple[int, int]:
    """The ends of the time axis in milliseconds: a day before the first session, a day after the last."""
    return _milliseconds(result.days[0].day) - DAY_MS, _milliseconds(result.days[-1].day) + DAY_MS


def _columns(result: RunResult, times: list[int]) -> dict[str, list[int] | Column]:
    """One entry per session. Texts are made here, so that figures look as they do elsewhere."""
    days = result.days
    returns = [growth(result.starting_cash, day.total) for day in days]
    index = benchmark_curve(result)
    falls = drawdowns(result)
    shares = position_shares(result)
    return {
        "time": times,
        "account": [math.nan if value is None else value for value in returns],
        "index": index,
        "fall": falls,
        "share": shares,
        "bought": [yuan(day.bought) / _WAN or math.nan for day in days],  # NaN draws no bar
        "sold": [-yuan(day.sold) / _WAN or math.nan for day in days],
        "day_text": [day.day.isoformat() for day in days],
        "total_text": [report_text.yuan(day.total) for day in days],
        "account_text": [report_text.percent(value, signed=True) for value in returns],
        "day_return_text": [report_text.percent(value, signed=True) for value in daily_returns(result)],
        "index_text": [report_text.percent(_known(value), signed=True) for value in index],
        "fall_text": [report_text.percent(value) for value in falls],
        "share_text": [report_text.percent(_known(value)) for value in shares],
        "bought_text": [_traded(day.bought) for day in days],
        "sold_text": [_traded(day.sold) for day in days],
    }


def _returns_panel(result: RunResult, source: ColumnDataSource, axis: Range1d, cursor: Span) -> figure:
    panel = new_panel("", 320, axis, cursor)
    if any(math.isfinite(value) for value in benchmark_curve(result)):
        label = f"基准 {result.benchmark}"
        panel.line("time", "index", source=source, color="#a9b2bd", line_width=1.5, legend_label=label)
    curve = panel.line("time", "account", source=source, color=ACCENT, line_width=2.2, legend_label="账户")
    if len(result.days) <= _POINTS_WITH_MARKERS:
        panel.scatter("time", "account", source=source, color=ACCENT, size=5)
    panel.yaxis.formatter = percent_ticks()
    mark_zero(panel)
    place_legend(panel)
    show_on_hover(panel, curve, _DAY_ROWS)
    return panel


def _drawdown_panel(source: ColumnDataSource, axis: Range1d, cursor: Span) -> figure:
    panel = new_panel("回撤", 130, axis, cursor)
    panel.varea("time", y1="fall", y2=0, source=source, fill_color=LOSS, fill_alpha=0.16)
    curve = panel.line("time", "fall", source=source, color=LOSS, line_width=1.3)
    show_on_hover(panel, curve, [("回撤", "fall_text")])
    panel.y_range.end = 0
    panel.yaxis.formatter = percent_ticks()
    return panel


def _position_panel(source: ColumnDataSource, axis: Range1d, cursor: Span) -> figure:
    from bokeh.models import Range1d

    panel = new_panel("仓位", 100, axis, cursor)
    panel.varea("time", y1="share", y2=0, source=source, fill_color=ACCENT, fill_alpha=0.14)
    curve = panel.line("time", "share", source=source, color=ACCENT, line_width=1, line_alpha=0.7)
    show_on_hover(panel, curve, [("仓位", "share_text")])
    panel.y_range = Range1d(0, 1.05)
    panel.yaxis.ticker = [0, 0.5, 1]
    panel.yaxis.formatter = percent_ticks()
    return panel


def _traded_panel(source: ColumnDataSource, axis: Range1d, cursor: Span) -> figure:
    from bokeh.models import NumeralTickFormatter

    panel = new_panel("买入与卖出（万元）", 130, axis, cursor)
    for name, colour in (("bought", GAIN), ("sold", LOSS)):
        bars = panel.vbar("time", width=0.7 * DAY_MS, top=name, source=source, color=colour, line_width=0.6)
        show_on_hover(panel, bars, [("买入", "bought_text"), ("卖出", "sold_text")])
    panel.yaxis.formatter = NumeralTickFormatter(format="0,0[.]0")
    mark_zero(panel)
    return panel


def _record_panel(name: str, points: Sequence[tuple[date, float]], axis: Range1d, cursor: Span) -> figure:
    """One curve of the strategy's `record()`, in a panel of its own: their units have nothing in common."""
    from bokeh.models import ColumnDataSource

    columns: dict[str, list[int] | Column] = {
        "time": [_milliseconds(day) for day, _ in points],
        "value": [value if math.isfinite(value) else math.nan for _, value in points],
        "day_text": [day.isoformat() for day, _ in points],
        "value_text": [f"{value:,.6g}" for _, value in points],
    }
    panel = new_panel(f"记录：{name}", 110, axis, cursor)
    source = ColumnDataSource(columns)
    curve = panel.line("time", "value", source=source, color=_RECORD_COLOUR, line_width=1.3)
    if len(points) <= _POINTS_WITH_MARKERS:
        panel.scatter("time", "value", source=source, color=_RECORD_COLOUR, size=4)
    show_on_hover(panel, curve, [("数值", "value_text")])
    return panel


def _milliseconds(day: date) -> int:
    return (day.toordinal() - _EPOCH) * DAY_MS


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _traded(amount: Money) -> str:
    return report_text.yuan(amount) if amount else report_text.DASH


def _renumbered(item: Json) -> Json:
    """`item` with Bokeh's object ids replaced by numbers in order of first appearance."""
    numbers: dict[str, str] = {}

    def number(name: str) -> str:
        return numbers.setdefault(name, f"m{len(numbers)}")

    def walk(node: Json) -> Json:
        if isinstance(node, list):
            return [walk(entry) for entry in node]
        if isinstance(node, dict):
            return {
                key: number(value) if key in {"id", "root_id"} and isinstance(value, str) else walk(value)
                for key, value in node.items()
            }
        return node

    return walk(item)
