"""How the panels of the report look: quiet axes, one font, one margin, a box of figures under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bokeh.models import GlyphRenderer, NumeralTickFormatter, Range1d, Span
    from bokeh.plotting import figure

FONT = "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Source Han Sans SC', sans-serif"
INK, MUTED, HAIRLINE = "#1d2733", "#7a8594", "#e8ebef"
ACCENT, GAIN, LOSS = "#24507f", "#c8372d", "#1b8a5a"
"""The colours of `report_page.css`; charts are drawn on a canvas, which style sheets do not reach."""

_LEFT_PX = 70  # one margin for all panels, so that their time axes align


def new_panel(title: str, height: int, axis: Range1d, cursor: Span) -> figure:
    """An empty panel over the shared time `axis`; `cursor` is the line that all panels move together."""
    from bokeh.models import BoxZoomTool, CrosshairTool
    from bokeh.plotting import figure

    zoom = BoxZoomTool(dimensions="width")
    panel = figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        x_range=axis,
        toolbar_location=None,
        tools=[zoom, CrosshairTool(overlay=cursor)],
        active_drag=zoom,
        title=title,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        min_border_left=_LEFT_PX,
        min_border_right=16,
        min_border_top=4,
        min_border_bottom=8,
    )
    zoom.overlay.update(fill_color=ACCENT, fill_alpha=0.08, line_color=ACCENT, line_alpha=0.4, line_width=1)
    panel.title.update(text_font=FONT, text_font_size="12px", text_font_style="normal", text_color=MUTED)
    for axis_drawn in (panel.xaxis[0], panel.yaxis[0]):
        axis_drawn.update(
            axis_line_color=None,
            major_tick_line_color=None,
            minor_tick_line_color=None,
            major_label_text_color=MUTED,
            major_label_text_font=FONT,
            major_label_text_font_size="11px",
        )
    panel.xaxis.visible = False
    panel.xgrid.grid_line_color = None
    panel.ygrid.grid_line_color = HAIRLINE
    panel.yaxis.ticker.desired_num_ticks = max(3, height // 55)
    return panel


def show_dates(panel: figure) -> None:
    """Dates below the last panel only: all panels share the axis."""
    from bokeh.models import DatetimeTickFormatter

    panel.xaxis.visible = True
    panel.xaxis.formatter = DatetimeTickFormatter(days="%m-%d", months="%Y-%m", years="%Y", hours="%m-%d")
    panel.xaxis.axis_line_color = HAIRLINE
    panel.height += 24


def place_legend(panel: figure) -> None:
    """A quiet legend in one row above the curves; a click on an entry hides its curve."""
    legend = panel.legend[0]
    panel.add_layout(legend, "above")
    legend.update(
        location="left",
        orientation="horizontal",
        click_policy="hide",
        border_line_color=None,
        background_fill_color=None,
        label_text_font=FONT,
        label_text_font_size="12px",
        label_text_color=INK,
        glyph_width=18,
        spacing=14,
        padding=0,
        margin=0,
    )


def mark_zero(panel: figure) -> None:
    """A line at zero, a little stronger than the grid."""
    from bokeh.models import Span

    panel.add_layout(Span(location=0, dimension="width", line_color="#b9c1cb", line_width=1, level="underlay"))


def percent_ticks() -> NumeralTickFormatter:
    """Axis labels for fractions: 0.05 -> ``5%``."""
    from bokeh.models import NumeralTickFormatter

    return NumeralTickFormatter(format="0,0[.]0%")


def show_on_hover(panel: figure, renderer: GlyphRenderer, rows: Sequence[tuple[str, str]]) -> None:
    """A box with the session's date and `rows` (label, column) at the nearest session under the pointer."""
    from bokeh.models import HoverTool

    lines = "".join(
        f"<span style='color:{MUTED}'>{label}</span>"
        f"<span style='text-align:right;font-variant-numeric:tabular-nums'>@{column}</span>"
        for label, column in rows
    )
    box = (
        f'<div style="font:12px {FONT};color:{INK};padding:2px 4px"><b>@day_text</b>'
        f"<div style='display:grid;grid-template-columns:auto auto;gap:2px 16px;margin-top:4px'>{lines}</div>"
        "</div>"
    )
    panel.add_tools(
        HoverTool(
            renderers=[renderer],
            mode="vline",
            tooltips=box,
            point_policy="snap_to_data",
            line_policy="nearest",
        )
    )
