"""A report over any range of days, made from the journal alone: the page of a replay's report, with what a live account
has besides: refusals, alarms, differences, activity, holding times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Money
from bullet_trade.domain.securities import Code
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ops.collector import day_result
from bullet_trade.ops.holding_times import HoldingTimes, holding_times
from bullet_trade.ops.journal_days import JournalDays, Remark, days_of
from bullet_trade.ops.performance import Performance, measure
from bullet_trade.ops.report_html import card, write_report
from bullet_trade.ops.report_text import DASH
from bullet_trade.ops.result import RunResult
from bullet_trade.ports.market_data import MarketData
from bullet_trade.store.inspection import JOURNAL_FILE
from bullet_trade.store.journal import check_readable
from bullet_trade.store.journal_archive import read_all

REMARK_ROWS = 200
"""Alarms and differences shown on the page, the latest ones."""


class Benchmark(msgspec.Struct, frozen=True):
    """The index's closes by day. `base`: its close on the session before the range, NaN where unknown."""

    code: str
    closes: Mapping[date, float]
    base: float


class JournalReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report. `refused` and `rejected` are counted by rule, the most frequent first; `peak` is the most orders and
    cancels within one second of any day."""

    result: RunResult
    figures: Performance
    holding: HoldingTimes
    refused: tuple[tuple[str, int], ...]
    rejected: tuple[tuple[str, int], ...]
    alarms: tuple[Remark, ...]
    differences: tuple[Remark, ...]
    messages: int
    busiest_day: int
    peak: int
    notes: tuple[str, ...]


def read_days(directory: Path, first: date, last: date, since: date = date.min) -> JournalDays:
    """The range as the journal of a runtime directory tells it, archived days included; may be called while the engine
    runs. Nothing before `since` is looked at. Raises `StateError` without a readable journal."""
    journal = directory / JOURNAL_FILE
    check_readable(journal)
    after = (last + timedelta(days=1)).isoformat()
    return days_of(read_all(journal, since.isoformat(), after), first, last)


def journal_report(
    directory: Path,
    first: date,
    last: date,
    calendar: TradingCalendar,
    benchmark: Callable[[date, date], Benchmark] | None = None,
) -> JournalReport:
    """Read the range and measure it; `benchmark` gives the index from the first to the last day that the journal has.
    Raises `UsageError` when the journal has no day in the range, `StateError` when it cannot be read."""
    if first > last:
        raise UsageError(f"区间 {first} 至 {last} 是倒的", "--from 要早于 --to")
    found = read_days(directory, first, last)
    if not found.closes:
        raise UsageError(
            f"{directory} 的流水里没有 {first} 至 {last} 的交易日", "用 bullet-trade state show 看有哪些日子"
        )
    index = benchmark(min(found.closes), max(found.closes)) if benchmark is not None else None
    return report_of(found, calendar, index)


def report_of(found: JournalDays, calendar: TradingCalendar, benchmark: Benchmark | None = None) -> JournalReport:
    """The report of what the journal tells; at least one day."""
    closes = [found.closes[day] for day in sorted(found.closes)]
    index = benchmark or Benchmark("", {}, math.nan)
    result = RunResult(
        strategy=found.strategy.removesuffix(".py"),
        broker=found.broker,
        data=found.data,
        synthetic=found.source.partition(":")[0] == "synthetic",
        starting_cash=found.starting if found.starting is not None else Money(0),
        benchmark=index.code,
        days=[day_result(close, index.closes.get(close.day, math.nan)) for close in closes],
        trades=found.trades,
        records={name: sorted(values.items()) for name, values in found.records.items()},
        benchmark_base=index.base,
    )
    return JournalReport(
        result=result,
        figures=measure(result),
        holding=holding_times(found.trades, lambda bought, sold: len(calendar.sessions(bought, sold)) - 1),
        refused=tuple(found.refused.most_common()),
        rejected=tuple(found.rejected.most_common()),
        alarms=tuple(found.alarms),
        differences=tuple(found.differences),
        messages=sum(close.messages for close in closes),
        busiest_day=max(close.messages for close in closes),
        peak=max(close.peak for close in closes),
        notes=tuple(_notes(found)),
    )


def read_benchmark(code: Code, data: MarketData, calendar: TradingCalendar, first: date, last: date) -> Benchmark:
    """The closes of an index over the range and on the session before it. Raises `DataError`."""
    before = calendar.previous_session(first)
    bars = data.daily(code, before, last)
    closes = dict(zip(bars.days.astype("datetime64[D]").astype(object), bars.close.tolist(), strict=True))
    return Benchmark(code, closes, closes.get(before, math.nan))


def write_journal_report(report: JournalReport, path: Path) -> None:
    """Write the page. Raises `UsageError` where the place cannot be written."""
    write_report(report.result, report.figures, path, sections(report), report.notes)


def as_plain(report: JournalReport) -> bytes:
    """The report as JSON: money in 1/10,000 yuan, ratios as fractions, unknown figures null."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def sections(report: JournalReport) -> list[str]:
    """What the page has besides the figures of a replay."""
    held = report.holding
    facts = [
        ("申报加撤单", f"{report.messages:,} 笔"),
        ("最多一日", f"{report.busiest_day:,} 笔"),
        ("峰值每秒", f"{report.peak:,} 笔"),
        ("平均持有", f"{held.mean:,.1f} 个交易日" if held.mean is not None else DASH),
        ("最短 / 最长持有", f"{held.shortest} / {held.longest}" if held.shares else DASH),
    ]
    return [
        card("申报与持有", table(("项目", "数值"), facts)),
        card("被规则拒绝", counts(report.refused)),
        card("被券商或交易所拒绝", counts(report.rejected)),
        card("告警", remarks(report.alarms)),
        card("与券商的差异", remarks(report.differences)),
    ]


def counts(rows: Sequence[tuple[str, int]]) -> str:
    """Refusals by rule."""
    return table(("规则", "次数"), [(rule, f"{count:,}") for rule, count in rows])


def remarks(found: Sequence[Remark]) -> str:
    """The latest of them, the newest last."""
    rows = [(f"{one.at:%Y-%m-%d %H:%M:%S}", one.kind, one.text) for one in found[-REMARK_ROWS:]]
    more = f'<p class="hint">另有更早的 {len(found) - REMARK_ROWS:,} 条</p>' if len(found) > REMARK_ROWS else ""
    return more + table(("时间", "种类", "内容"), rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    if not rows:
        return '<p class="empty">没有。</p>'
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _notes(found: JournalDays) -> list[str]:
    notes = [
        "本页由流水生成。券商没有逐笔给出的费用按默认费率估计；当日费用合计以收盘记录为准。",
        "出入金没有单独记录，会计入收益；每次与券商的差异见上表。持有时间按先进先出计算。",
    ]
    if found.began_at_cost:
        notes.append("期初持仓按成本计价：流水里没有更早的收盘价。")
    if found.estimated:
        days = "、".join(day.isoformat() for day in found.estimated)
        notes.append(f"没有收盘记录、按最后已知价格估计的交易日：{days}。")
    return notes


def whole_range(first: str, last: str, now: datetime) -> tuple[date, date]:
    """The range of `--from` and `--to`; '' stands for all there is. Raises `UsageError`."""
    return _date(first, date.min + timedelta(days=1)), _date(last, now.date())


def _date(text: str, missing: date) -> date:
    if not text:
        return missing
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"日期 {text!r} 无效", "写成 2025-12-03") from error
