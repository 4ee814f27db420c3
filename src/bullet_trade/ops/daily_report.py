"""The account's day after the close: a page in `reports/` of the runtime directory, and a short text for a message.

Both are made from the journal, so that a restart in the session loses nothing of the day. The page is written by a
thread of its own: the engine only starts it.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from html import escape
from pathlib import Path
from threading import Thread

import msgspec

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.domain.money import Money
from bullet_trade.engine.events import Audience, Audiences, DayClosed, Event, StateNote
from bullet_trade.ops.collector import total
from bullet_trade.ops.journal_days import Remark
from bullet_trade.ops.journal_report import counts, read_days, remarks, table
from bullet_trade.ops.performance import growth
from bullet_trade.ops.report_html import card, document, write_page
from bullet_trade.ops.report_text import DASH, percent, price, yuan
from bullet_trade.store.inspection import OrderLine

REPORTS = "reports"

LOOK_BACK = timedelta(days=30)
"""How far back the close before is looked for: longer than any holiday."""

END_WAIT_S = 10.0
"""The end of the run waits this long for a page that is being written."""


class DailyFacts(msgspec.Struct, frozen=True):
    """One day of the account. `before` is its value at the close before, None where the journal does not know it;
    `rejected` counts what broker and exchange refused, by rule."""

    strategy: str
    broker: str
    synthetic: bool
    close: DayClosed
    before: Money | None
    rejected: tuple[tuple[str, int], ...]
    alarms: tuple[Remark, ...]
    differences: tuple[Remark, ...]
    orders: tuple[OrderLine, ...]


def read_facts(directory: Path, close: DayClosed) -> DailyFacts:
    """The day of `close` from the journal of its run. Raises `StateError` when it cannot be read."""
    found = read_days(directory, close.day, close.day, close.day - LOOK_BACK)
    return DailyFacts(
        found.strategy.removesuffix(".py"),
        found.broker,
        found.source.partition(":")[0] == "synthetic",
        close,
        found.starting,
        tuple(found.rejected.most_common()),
        tuple(found.alarms),
        tuple(found.differences),
        found.orders,
    )


def daily_text(facts: DailyFacts) -> str:
    """The day in a few lines, for a phone."""
    close, value = facts.close, total(facts.close)
    change = growth(facts.before, value) if facts.before is not None else None
    gained = yuan(value - facts.before, signed=True) if facts.before is not None else DASH
    exposure = close.positions_value / value if value > 0 else None
    lines = [
        f"{close.day:%Y-%m-%d} 收盘 总资产 {yuan(value)}，当日 {percent(change, signed=True)}（{gained}）",
        f"持仓 {len(close.holdings)} 只 市值 {yuan(close.positions_value)}（{percent(exposure, places=0)}），"
        f"现金 {yuan(close.cash)}",
        f"委托 {close.orders} 笔，买入 {yuan(close.bought)} 卖出 {yuan(close.sold)} 费用 {yuan(close.fees)}",
        f"申报加撤单 {close.messages} 笔，峰值每秒 {close.peak} 笔",
    ]
    if close.refusals:
        lines.append(f"规则拒绝 {_counted(close.refusals)}")
    if facts.rejected:
        lines.append(f"券商拒绝 {_counted(facts.rejected)}")
    if facts.alarms:
        kinds = Counter(one.kind for one in facts.alarms)
        lines.append(f"告警 {_counted(tuple(kinds.most_common()))}")
    if facts.differences:
        lines.append(f"与券商的差异 {len(facts.differences)} 处：{facts.differences[-1].text}")
    return "\n".join(lines)


def daily_page(facts: DailyFacts) -> str:
    """The day as one HTML page that opens offline."""
    close = facts.close
    text = [line.split("，", 1) for line in daily_text(facts).splitlines()]
    origin = f"交易通道 {facts.broker}。本页由流水生成；曲线和区间统计用 bullet-trade report。"
    body = [
        card(escape(f"{facts.strategy} {close.day:%Y-%m-%d}"), table(("", ""), [(*line, "")[:2] for line in text])),
        card("持仓", _holdings(close)),
        card("委托", _orders(facts.orders)),
        card("被规则拒绝", counts(close.refusals)),
        card("被券商或交易所拒绝", counts(facts.rejected)),
        card("告警", remarks(facts.alarms)),
        card("与券商的差异", remarks(facts.differences)),
        f'<ul class="notes"><li>{escape(origin)}</li></ul>',
    ]
    return document(f"{facts.strategy} {close.day:%Y-%m-%d}", body, facts.synthetic)


def _counted(rows: tuple[tuple[str, int], ...]) -> str:
    return "  ".join(f"{name} {count}" for name, count in rows)


def _holdings(close: DayClosed) -> str:
    value = total(close)
    rows = [
        (
            line.code,
            line.name,
            f"{line.amount:,}",
            f"{line.closeable:,}",
            price(line.cost),
            price(line.price),
            yuan(line.price * line.amount),
            percent(line.price * line.amount / value if value > 0 else None, places=1),
            yuan((line.price - line.cost) * line.amount, signed=True) if line.cost else DASH,
        )
        for line in close.holdings
    ]
    return table(("代码", "名称", "数量", "可卖", "成本", "现价", "市值", "仓位", "盈亏"), rows)


def _orders(orders: tuple[OrderLine, ...]) -> str:
    rows = [
        (
            one.at[11:19],
            f"#{one.order_id}",
            one.code,
            one.side,
            f"{one.amount:,}",
            f"{one.filled:,}",
            yuan(one.turnover),
            one.state,
            one.reason,
        )
        for one in orders
    ]
    return table(("时间", "编号", "代码", "方向", "数量", "成交", "金额", "状态", "原因"), rows)


class DailyReports:
    """An `Audience` that has each close written to ``reports/YYYY-MM-DD.html``. `log` is told what goes wrong, from
    another thread."""

    def __init__(self) -> None:
        self.log: Audience = Audiences()
        self._directory: Path | None = None
        self._writer: Thread | None = None

    def begin(self, directory: Path) -> None:
        """The run has a directory now."""
        self._directory = directory

    def tell(self, event: Event) -> None:
        if isinstance(event, DayClosed) and self._directory is not None:
            self._writer = Thread(target=self._write, args=(self._directory, event), name="daily-report", daemon=True)
            self._writer.start()

    def words(self, close: DayClosed) -> str:
        """The day's text; what the close itself says where the journal cannot be read. Any thread."""
        if self._directory is not None:
            try:
                return daily_text(read_facts(self._directory, close))
            except BulletTradeError as error:
                self.log.tell(StateNote(close.at, f"日结消息没有读到流水：{error}"))
        return daily_text(DailyFacts("", "", False, close, None, (), (), (), ()))

    def close(self) -> None:
        """Wait, for a while, for a page that is being written."""
        if self._writer is not None:
            self._writer.join(END_WAIT_S)

    def _write(self, directory: Path, close: DayClosed) -> None:
        try:
            write_page(daily_page(read_facts(directory, close)), report_path(directory, close.day))
        except BulletTradeError as error:
            self.log.tell(StateNote(close.at, f"当日报告没有写成：{error}"))


def report_path(directory: Path, day: date) -> Path:
    """Where the page of a day stands."""
    return directory / REPORTS / f"{day.isoformat()}.html"
