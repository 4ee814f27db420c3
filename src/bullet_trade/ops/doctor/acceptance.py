"""The acceptance of a terminal: what no stand-in can prove, tried step by step where the terminal is, and written down.

Orders are sent with a person's consent alone: one of 100 shares, so far below the market that it rests, and cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bullet_trade.domain.errors import BulletTradeError, DataError, UsageError
from bullet_trade.domain.money import SCALE, Price, price, text
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    LinkDown,
    LinkUp,
    NoAnswer,
    OrderReport,
    Rejected,
    Report,
)
from bullet_trade.domain.securities import Code
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import Snapshot, TerminalQuotes
from bullet_trade.ports.broker import Broker, OrderTicket

ACCOUNT_S, ANSWER_S, CANCEL_S, RECONNECT_S = 30.0, 20.0, 30.0, 120.0
AMOUNT = 100
BELOW = 5
"""Percent below the last price: far enough to rest for seconds, near enough to be inside the day's limits."""

LOT = 100
"""Shares per unit of volume that the terminal is expected to count in."""

Wait = Callable[[Callable[[], bool], float], bool]
"""Lets the world go on until the condition holds, at most so many seconds; whether it holds."""


@dataclass
class Bench:
    """What is accepted. `probe` is the security whose quotes are looked at; `order_in` the one that an order is placed
    in, None for no order. `reconnect` has a person restart the terminal and returns when that is done, None to leave
    the step out."""

    broker: Broker
    quotes: Callable[[], TerminalQuotes]
    wait: Wait
    now: Callable[[], datetime]
    probe: Code
    tag: str
    order_in: Code | None = None
    reconnect: Callable[[], None] | None = None
    reports: list[Report] = field(default_factory=list)

    def of(self, *kinds: type[Report]) -> list[Report]:
        """The reports of these kinds so far."""
        return [one for one in self.reports if isinstance(one, kinds)]


def accept(bench: Bench) -> Iterator[Finding]:
    """Take the steps in order; those that need an earlier one that failed are skipped. The broker is closed after."""
    try:
        connected = _connect(bench)
        yield connected
        yield from _quotes(bench)
        usable = connected.level is Level.OK
        for name, title, step in (("order", "挂单和撤单", _order), ("reconnect", "断线重连", _reconnect)):
            yield from step(bench) if usable else iter([Finding(name, title, Level.SKIPPED, "没有连接")])
    finally:
        bench.broker.close()


def _connect(bench: Bench) -> Finding:
    title = "连接和订阅"
    try:
        bench.broker.connect(bench.reports.append)
    except UsageError as error:
        return Finding("connect", title, Level.FAILED, error.text, "不能交易", error.remedy)
    if not bench.wait(lambda: bool(bench.of(AccountSnapshot)), ACCOUNT_S):
        reasons = [one.reason for one in bench.reports if isinstance(one, LinkDown)]
        reason = reasons[-1] if reasons else f"{ACCOUNT_S:g} 秒内没有返回账户"
        return Finding("connect", title, Level.FAILED, reason, "不能交易", "先运行 bullet-trade doctor --broker qmt")
    account = [one for one in bench.reports if isinstance(one, AccountSnapshot)][-1]
    money = (account.available + account.frozen) / SCALE
    words = f"{bench.broker.label}，资金 {money:,.2f} 元，持仓 {len(account.holdings)} 只；请与终端核对"
    return Finding("connect", title, Level.OK, words)


# -- quotes ------------------------------------------------------------------------------------------------------------


def _quotes(bench: Bench) -> Iterator[Finding]:
    try:
        source = bench.quotes()
        now = source.snapshot(bench.probe)
        bars = source.day_bars(bench.probe)
    except BulletTradeError as error:
        yield Finding("quotes", "行情", Level.FAILED, error.text, "策略没有价格可用", error.remedy)
        return
    if now is None:
        yield Finding("quotes", "行情", Level.FAILED, f"{bench.probe} 没有快照", "策略没有价格可用")
    else:
        yield Finding("quotes", "行情", Level.OK, f"{bench.probe} {now.price:g} 元，{now.at:%Y-%m-%d %H:%M:%S}")
        yield unit("tick_unit", "快照成交量单位", now.volume, now.money, now.low, now.high)
    if not bars:
        yield Finding("history", "历史行情", Level.FAILED, f"{bench.probe} 没有日线", "取历史数据的策略会出错")
        return
    last = bars[-1]
    yield Finding("history", "历史行情", Level.OK, f"{len(bars)} 根日线，最后一根 {last.day}")
    yield unit("bar_unit", "日线成交量单位", last.volume, last.money, last.low, last.high)


def unit(name: str, title: str, volume: float, money: float, low: float, high: float) -> Finding:
    """Whether `volume` counts lots of 100 shares: the day's average price has to lie between low and high."""
    if volume <= 0 or money <= 0:
        return Finding(name, title, Level.SKIPPED, "没有成交，无法判断")
    lots, shares = money / (volume * LOT), money / volume
    if _inside(lots, low, high):
        return Finding(name, title, Level.OK, f"手（均价 {lots:.3f} 在 {low:g} 到 {high:g} 之间）")
    if _inside(shares, low, high):
        words = f"股（均价 {shares:.3f} 在 {low:g} 到 {high:g} 之间）"
        return Finding(
            name, title, Level.FAILED, words, "本程序按手换算，成交量会大 100 倍", "把报告发给维护者，先不要实盘"
        )
    words = f"金额除以量得 {shares:.3f}，不论按手按股都不在 {low:g} 到 {high:g} 之间"
    return Finding(name, title, Level.FAILED, words, "成交量或成交额不可信", "把报告发给维护者，先不要实盘")


def _inside(average: float, low: float, high: float) -> bool:
    return low * 0.999 <= average <= high * 1.001


# -- an order ----------------------------------------------------------------------------------------------------------


def _order(bench: Bench) -> Iterator[Finding]:
    title, code = "挂单和撤单", bench.order_in
    if code is None:
        yield Finding("order", title, Level.SKIPPED, "没有要求；加 --with-order 代码")
        return
    try:
        limit = far_below(bench.quotes().snapshot(code), code)
    except BulletTradeError as error:
        yield Finding("order", title, Level.FAILED, error.text, "没有发出委托", error.remedy)
        return
    began = len(bench.reports)
    bench.broker.submit(OrderTicket(bench.tag, code, Side.BUY, AMOUNT, OrderType.LIMIT, limit))
    what = f"{code} 买入 {AMOUNT} 股 限价 {text(limit, 3)}"
    try:
        bench.wait(lambda: bool(_about(bench, began, Accepted, Rejected, Filled, NoAnswer)), ANSWER_S)
        yield _placed(bench, began, what)
    except BaseException:  # Ctrl+C must not leave the order in the market
        bench.broker.cancel(bench.tag)
        raise
    if not _about(bench, began, Rejected, Filled):
        yield _cancel(bench, began, what)


def far_below(quote: Snapshot | None, code: Code) -> Price:
    """A price at which a purchase rests: `BELOW` percent under the last one, to the fen. Raises `DataError`."""
    if quote is None or not quote.price > 0:
        raise DataError(f"{code} 没有最新价，无法定出远离市价的价格", "换一只正在交易的股票")
    return price(int(quote.price * (100 - BELOW)) / 100)


def _placed(bench: Bench, began: int, what: str) -> Finding:
    title, advice = "挂单", "到终端核对这笔委托"
    rejected = [one.reason for one in _about(bench, began, Rejected) if isinstance(one, Rejected)]
    if rejected:
        return Finding(
            "place", title, Level.FAILED, f"{what} 被拒：{rejected[0]}", "没有委托留在市场", "按拒绝原因处理"
        )
    if _about(bench, began, Filled):
        return Finding("place", title, Level.FAILED, f"{what} 成交了", "价格没有远离市价", advice)
    if _about(bench, began, Accepted):
        return Finding("place", title, Level.OK, f"{what} 已报；请在终端确认备注为 {bench.tag}")
    return Finding("place", title, Level.FAILED, f"{what} 在 {ANSWER_S:g} 秒内没有应答", "可能已经发出", advice)


def _cancel(bench: Bench, began: int, what: str) -> Finding:
    title, advice = "撤单", "立刻到终端手工撤单并核对"
    bench.broker.cancel(bench.tag)
    bench.wait(lambda: bool(_about(bench, began, Cancelled, CancelRefused, Filled)), CANCEL_S)
    if _about(bench, began, Cancelled):
        return Finding("cancel", title, Level.OK, f"{what} 已撤")
    refused = [one.reason for one in _about(bench, began, CancelRefused) if isinstance(one, CancelRefused)]
    words = f"撤单被拒：{refused[0]}" if refused else f"{CANCEL_S:g} 秒内没有确认撤单"
    return Finding("cancel", title, Level.FAILED, words, "委托可能还在市场", advice)


def _about(bench: Bench, began: int, *kinds: type[OrderReport]) -> list[OrderReport]:
    later = bench.reports[began:]
    return [one for one in later if isinstance(one, kinds) and one.tag == bench.tag]


# -- losing the terminal -----------------------------------------------------------------------------------------------


def _reconnect(bench: Bench) -> Iterator[Finding]:
    title = "断线重连"
    if bench.reconnect is None:
        yield Finding("reconnect", title, Level.SKIPPED, "没有人在终端前重启 QMT")
        return
    began = len(bench.reports)
    bench.reconnect()
    if bench.wait(lambda: _back(bench.reports[began:]), RECONNECT_S):
        yield Finding("reconnect", title, Level.OK, "发现断线，重新登录后自动连上并重新取得账户")
    else:
        seen = "发现了断线，没有连上" if bench.of(LinkDown) else "没有发现断线"
        yield Finding("reconnect", title, Level.FAILED, seen, "断线后不能自动恢复", "把报告发给维护者，先不要实盘")


def _back(reports: list[Report]) -> bool:
    kinds = [type(one) for one in reports]
    return LinkDown in kinds and LinkUp in kinds[kinds.index(LinkDown) :] and kinds[-1] is not LinkDown


# -- the report --------------------------------------------------------------------------------------------------------

_WORDS = {Level.OK: "通过", Level.WARNING: "警告", Level.FAILED: "不通过", Level.SKIPPED: "未做"}


def report(findings: list[Finding], at: datetime, facts: dict[str, str]) -> str:
    """The outcome as a Markdown page; `facts` name the versions."""
    lines = ["# QMT 验收报告", "", f"时间：{at:%Y-%m-%d %H:%M:%S}（北京时间）", ""]
    lines += [f"- {name}：{value}" for name, value in facts.items()]
    lines += ["", "| 项目 | 结果 | 看到的 | 含义和处理 |", "| --- | --- | --- | --- |"]
    for one in findings:
        todo = "。".join(part for part in (one.meaning, one.remedy) if part)
        cells = (one.title, _WORDS[one.level], one.what, todo)
        lines.append(f"| {' | '.join(cell.replace('|', '／') for cell in cells)} |")
    bad = sum(one.level is Level.FAILED for one in findings)
    undone = sum(one.level is Level.SKIPPED for one in findings)
    verdict = "有项目不通过，先不要实盘。" if bad else "做过的项目全部通过。"
    lines += ["", f"结论：{verdict}不通过 {bad} 项，未做 {undone} 项。", ""]
    return "\n".join(lines)
