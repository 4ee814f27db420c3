"""`bullet-trade rules`: what the exchange's rules say of one security on one day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, Debug
from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from bullet_trade.domain.securities import Security
    from bullet_trade.market.rulebook import RuleSummary

SHARES = {
    "sse_main": "上海主板",
    "star": "科创板",
    "sse_b": "上海 B 股",
    "szse_main": "深圳主板",
    "chinext": "创业板",
    "szse_b": "深圳 B 股",
    "bse": "北交所",
}
"""Boards of shares, as people call them."""

OTHERS = {
    "cdr": "存托凭证",
    "etf": "ETF",
    "lof": "LOF",
    "reit": "REIT",
    "convertible": "可转债",
    "exchangeable": "可交换债",
    "bond": "债券",
    "repo": "回购",
    "index": "指数",
    "other": "其他",
}
"""Kinds of everything else."""


def rules(
    code: Annotated[str, typer.Argument(help="证券代码，任何常见写法", metavar="代码")],
    day: Annotated[str, typer.Option("--date", help="日期，例如 2025-12-01；默认今天")] = "",
    prev_close: Annotated[
        float | None, typer.Option("--prev-close", help="前收盘价，例如 120.5；给出后计算涨跌停价")
    ] = None,
    name: Annotated[str, typer.Option(help="证券名称，例如 *ST某某；用来识别 ST 和基金品种")] = "",
    list_date: Annotated[str, typer.Option("--list-date", help="上市日期，例如 2025-11-28；用来识别新股")] = "",
    rules_file: Annotated[
        Path | None, typer.Option("--rules", help="规则覆盖文件，例如 rules.toml（默认取 RULES_FILE）")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """显示一只证券当日适用的交易规则。

    例：bullet-trade rules 688981 --date 2025-12-01 --prev-close 120
    """
    from bullet_trade.domain.money import price
    from bullet_trade.engine.clock import WallClock
    from bullet_trade.market.boards import Facts, describe
    from bullet_trade.market.calendar import exchange_calendar, extended
    from bullet_trade.market.codes import normalize
    from bullet_trade.market.fees import FeeSchedule
    from bullet_trade.market.rulebook import RuleBook
    from bullet_trade.ops.rule_files import read_holidays, read_overrides
    from bullet_trade.ops.settings import load_settings

    if prev_close is not None and prev_close <= 0:
        raise UsageError(f"前收盘价 {prev_close:g} 无效", "--prev-close 要大于 0")
    settings = load_settings(None)
    overrides = read_overrides(rules_file or settings.rules_file)
    calendar = extended(exchange_calendar(), None, "", read_holidays(settings.holiday_file))
    book = RuleBook(overrides, FeeSchedule(overrides.commission), calendar)
    known: Facts = {"list_date": _date(list_date)} if list_date else {}
    security = describe(normalize(code), name, **known)
    when = _date(day) if day else WallClock().now().date()
    summary = book.rules_for(security, when, price(prev_close) if prev_close is not None else None)
    if as_json:
        print_json(_plain(summary))
    else:
        _show(summary)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"日期 {text!r} 无法识别", "写成 2025-12-01") from error


def _plain(summary: RuleSummary) -> dict[str, object]:
    from bullet_trade.domain.money import yuan

    limits = summary.limits
    return {
        "code": summary.security.code,
        "board": summary.security.board,
        "kind": summary.security.kind,
        "date": summary.day.isoformat(),
        "is_session": summary.is_session,
        "listed_days": summary.listed_days,
        "limits": {"low": yuan(limits.low), "high": yuan(limits.high)} if limits is not None else None,
        "rules": [
            {
                "rule": line.rule,
                "text": line.text,
                "since": line.since.isoformat() if line.since else None,
                "source": line.source,
            }
            for line in summary.lines
        ],
    }


def _show(summary: RuleSummary) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bullet_trade.market.refusal import show_price
    from bullet_trade.market.rule_lines import RULE_NAMES

    security = summary.security
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in summary.lines:
        since = f"{line.since} 起  " if line.since else ""
        origin = Text(f"{line.rule}  {since}{line.source}", style="dim")
        table.add_row(RULE_NAMES[line.rule], Text.assemble(line.text, "\n", origin))
    if summary.limits is not None:
        prices = f"跌停 {show_price(summary.limits.low)}，涨停 {show_price(summary.limits.high)}"
        table.add_row("涨跌停价", prices)
    console = Console(highlight=False)
    session = "交易日" if summary.is_session else "休市"
    words = " ".join(filter(None, (security.name, _kind(security))))
    console.print(f"[bold]{security.code}[/] {words}  {summary.day} {session}")
    console.print(table)


def _kind(security: Security) -> str:
    return " ".join(filter(None, (SHARES.get(security.board), OTHERS.get(security.kind))))
