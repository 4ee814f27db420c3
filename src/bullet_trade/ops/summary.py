"""What the terminal shows after each close and at the end of a run, fitted to its width.

Everything is writable on a GBK console: characters of names that GBK lacks are shown as `?`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from bullet_trade.domain.money import Money
from bullet_trade.ops.performance import Performance, growth
from bullet_trade.ops.report_figures import Figure, FigureGroup, Tone, groups, headline, tone
from bullet_trade.ops.report_text import SYNTHETIC_NOTICE, percent, price, yuan
from bullet_trade.ops.report_text import day as day_text
from bullet_trade.ops.result import DayResult, PositionLine, RunResult

POSITION_ROWS = 20
"""Positions listed after a close; the rest is counted in one line, so that a day fits on one screen."""

_WIDE = 100
"""From this many columns on there is room for market values and weights."""

_FOUR_GROUPS = 120
"""From this many columns on all groups of figures stand side by side."""

_WIDEST = 150
"""Wider terminals leave the rest empty: figures far from their labels are hard to read."""

_STYLES: dict[Tone, str] = {"gain": "red", "loss": "green", "plain": ""}


class _Fitted:
    """A renderable that is built for the width it is given."""

    def __init__(self, build: Callable[[int], RenderableType]) -> None:
        self._build = build

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._build(options.max_width)


def day_line(day: DayResult, previous_total: Money, starting: Money) -> Text:
    """One close in one line: value, the day's and the whole return, share of positions, orders.

    `previous_total` is the value at the close before, `starting` the value the run began with.
    """
    today, whole = growth(previous_total, day.total), growth(starting, day.total)
    exposure = day.positions_value / day.total if day.total > 0 else None
    return Text.assemble(
        (day.day.isoformat(), "bold"),
        f" 资产 {yuan(day.total):>14}",
        " 当日 ",
        (f"{percent(today, signed=True):>7}", _STYLES[tone(today)]),
        " 累计 ",
        (f"{percent(whole, signed=True):>8}", _STYLES[tone(whole)]),
        f" 仓位 {percent(exposure, places=0):>4}",
        f" 委托 {day.orders}",
        (f" 拒 {day.refused}", "bold") if day.refused else "",
    )


def day_table(
    day: DayResult, positions: Sequence[PositionLine], previous_total: Money, starting: Money, activity: bool = False
) -> RenderableType:
    """One close in full: the line of `day_line`, money and trading of the day, and the largest positions.

    `activity` adds what an account's report on programmatic trading asks for.
    """
    parts: list[RenderableType] = [day_line(day, previous_total, starting), _day_money(day)]
    if activity:
        parts.append(Text(f"申报加撤单 {day.messages} 笔  峰值每秒 {day.peak} 笔", style="dim"))
    if day.refusals:
        kept = "  ".join(f"{rule} {count}" for rule, count in day.refusals)
        parts.append(Text(f"规则拒绝  {kept}", style="dim"))
    if positions:
        ranked = sorted(positions, key=lambda line: (-line.price * line.amount, line.code))
        parts.append(_Fitted(lambda width: _positions_table(ranked[:POSITION_ROWS], day.total, width)))
        if len(ranked) > POSITION_ROWS:
            parts.append(Text(f"另有 {len(ranked) - POSITION_ROWS} 只持仓未列出", style="dim"))
    else:
        parts.append(Text("空仓", style="dim"))
    return Group(*parts)


def run_table(result: RunResult, performance: Performance) -> RenderableType:
    """The closing table of a run: what it was, and its figures by theme."""
    return _Fitted(lambda width: _run(result, performance, width))


def _day_money(day: DayResult) -> Text:
    items = (
        ("现金", day.cash),
        ("市值", day.positions_value),
        ("买入", day.bought),
        ("卖出", day.sold),
        ("费用", day.fees),
    )
    return Text("  ".join(f"{label} {yuan(amount)}" for label, amount in items), style="dim")


def _positions_table(lines: Sequence[PositionLine], total: Money, width: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("代码", no_wrap=True)
    table.add_column("名称", no_wrap=True, max_width=10 if width >= _WIDE else 8)
    wide = ("市值", "仓位") if width >= _WIDE else ()
    for title in ("数量", "可卖", "成本", "现价", *wide, "盈亏", "盈亏率"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in lines:
        value = line.price * line.amount
        profit = (line.price - line.cost) * line.amount if line.cost else None
        style = _STYLES[tone(profit)]
        share = value / total if total > 0 else None
        table.add_row(
            line.code,
            _writable(line.name),
            f"{line.amount:,}",
            f"{line.closeable:,}",
            price(line.cost),
            price(line.price),
            *((yuan(value), percent(share, places=1)) if wide else ()),
            Text(yuan(profit, signed=True), style=style),
            Text(percent(growth(line.cost, line.price), signed=True), style=style),
        )
    return table


def _run(result: RunResult, performance: Performance, width: int) -> RenderableType:
    title = Text.assemble((_writable(result.strategy).plain, "bold"), f"  {_period(result)}")
    origin = f"交易 {result.broker}  行情 {result.data}  基准 {result.benchmark or '无'}"
    parts: list[RenderableType] = [title, _writable(origin, "dim")]
    if result.synthetic:
        parts.append(Text(SYNTHETIC_NOTICE, style="bold yellow"))
    across = 4 if width >= _FOUR_GROUPS else 2
    shown = groups(performance)
    blocks = [shown[start : start + across] for start in range(0, len(shown), across)]
    parts += [Text(), _headline(headline(performance), width), Text()]
    for block in blocks:
        parts += [_groups_table(block, width), Text()]
    return Group(*parts)


def _headline(figures: Sequence[Figure], width: int) -> Table:
    table = Table(box=None, padding=0, pad_edge=False, header_style="dim", width=min(width, _WIDEST))
    for figure in figures:
        table.add_column(figure.label, ratio=1, no_wrap=True)
    table.add_row(*(Text(figure.value, style=f"bold {_STYLES[figure.tone]}".strip()) for figure in figures))
    return table


def _groups_table(shown: Sequence[FigureGroup], width: int) -> Table:
    """Groups side by side, each as a column of labels and a column of values."""
    table = Table(box=None, padding=0, pad_edge=False, header_style="bold", width=min(width, _WIDEST))
    for place, group in enumerate(shown):
        if place:
            table.add_column("", width=4)
        table.add_column(group.title, no_wrap=True, min_width=9)
        table.add_column("", justify="right", ratio=1, no_wrap=True)
    for figures in zip(*(group.figures for group in shown), strict=True):
        cells: list[RenderableType] = []
        for place, figure in enumerate(figures):
            cells += [""] if place else []
            cells += [Text(figure.label, style="dim"), Text(_with_detail(figure), style=_STYLES[figure.tone])]
        table.add_row(*cells)
    return table


def _with_detail(figure: Figure) -> str:
    return f"{figure.detail} {figure.value}" if figure.detail else figure.value


def _period(result: RunResult) -> str:
    if not result.days:
        return "没有完成任何交易日"
    return f"{day_text(result.days[0].day)} 至 {day_text(result.days[-1].day)}，{len(result.days):,} 个交易日"


def _writable(text: str, style: str = "") -> Text:
    return Text(text.encode("gbk", "replace").decode("gbk"), style=style)
