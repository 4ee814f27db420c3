"""A running engine's state as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bullet_trade.engine.commands import SaleLine
from bullet_trade.ops.control.brake_file import told
from bullet_trade.ops.control.messages import Reply
from bullet_trade.ops.status import OrderLine, StatusView

STALE_S = 3.0
"""An engine that is not busy publishes once a second."""

OVERDUE_S = 5.0

STATES = {
    "in_flight": "已发出",
    "working": "排队",
    "cancelling": "撤单中",
    "unknown": "结果未知",
    "not_sent": "未发出",
    "filled": "成交",
    "cancelled": "已撤",
    "rejected": "被拒",
}
SIDES = {"buy": "买入", "sell": "卖出"}
LINKS = {"up": "已连接", "down": "断开", "unknown": "未知"}


def status_page(reply: Reply) -> RenderableType:
    """The whole page."""
    parts: list[RenderableType] = []
    held = told(reply.brake) if reply.brake is not None else ""
    if held:
        parts.append(Text(held, style="bold red"))
    if reply.running is not None:
        style = "bold yellow" if reply.running.seconds >= OVERDUE_S else ""
        parts.append(Text(f"策略函数 {reply.running.callback} 已运行 {reply.running.seconds:.0f} 秒", style=style))
    view = reply.status
    if view is None:
        return Group(*parts, Text(reply.text))
    if reply.age_s >= STALE_S:
        parts.append(Text(f"以下是 {reply.age_s:.0f} 秒前的状态，引擎正忙", style="yellow"))
    parts.append(_summary(view))
    if view.positions:
        parts.append(_positions(view))
    if view.orders:
        parts.append(orders_table(view.orders))
    if view.tasks:
        parts.append(Text("接下来  " + "  ".join(f"{task.at:%H:%M:%S} {task.label}" for task in view.tasks)))
    return Group(*parts)


def _summary(view: StatusView) -> Table:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    about = view.about
    rows.add_row("策略", f"{about.strategy}  {about.mode}  进程 {about.pid}")
    rows.add_row("券商", f"{about.broker}  {LINKS[view.link]}")
    open_now = view.session == view.at.date()
    day = f"交易日 {view.session}" if open_now else f"休市，下一个交易日 {view.next_session or '未知'}"
    rows.add_row("时间", f"{view.at:%Y-%m-%d %H:%M:%S}  {day}")
    rows.add_row("总资产", f"{view.value:,.2f}  可用 {view.cash:,.2f}  冻结 {view.frozen:,.2f}")
    rows.add_row("今日", f"委托 {view.orders_today}  成交 {view.fills_today}  拒单 {view.refused_today}")
    rows.add_row("保存", f"{view.saved_at:%H:%M:%S}" if view.saved_at is not None else "还没有")
    return rows


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in ("代码", "名称", "时间", "方向", "状态", "说明") else "right")
    return table


def _positions(view: StatusView) -> Table:
    table = _table("持仓", ("代码", "名称", "数量", "可卖", "成本", "现价", "市值"))
    for line in view.positions:
        prices = (f"{line.cost:.3f}", f"{line.price:.3f}", f"{line.value:,.2f}")
        table.add_row(line.code, line.name, str(line.amount), str(line.closeable), *prices)
    return table


def orders_table(orders: Iterable[OrderLine]) -> Table:
    """Orders of the day, the open ones marked."""
    table = _table("今日委托", ("编号", "时间", "代码", "名称", "方向", "数量", "成交", "均价", "状态"))
    for line in orders:
        shown = f"{line.average:.3f}" if line.filled else ""
        state = f"{STATES.get(line.state, line.state)} {line.reason}".strip()
        row = (str(line.number), f"{line.at:%H:%M:%S}", line.code, line.name, SIDES[line.side])
        table.add_row(*row, str(line.amount), str(line.filled), shown, state, style="bold" if line.open else "")
    return table


def plan_table(plan: Iterable[SaleLine]) -> Table:
    """What selling out comes to."""
    table = _table("卖出计划", ("代码", "名称", "数量", "现在可卖", "现价", "说明"))
    for line in plan:
        table.add_row(line.code, line.name, str(line.amount), str(line.sellable), f"{line.price:.3f}", line.obstacle)
    return table
