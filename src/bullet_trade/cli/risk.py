"""`bullet-trade risk`: the limits and what today has used of them; `risk test`: orders tried against them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, EnvFile, RuntimeDir
from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from bullet_trade.engine.order_book import OrderBook
    from bullet_trade.ops.risk_report import RiskReport, Verdict

app = typer.Typer(help="风控限额：查看今日用量，试算一批委托。", invoke_without_command=True)


EXIT_REFUSED = 1
"""At least one of the orders would be refused."""


@app.callback()
def risk(
    context: typer.Context, runtime_dir: RuntimeDir = None, env_file: EnvFile = None, as_json: AsJson = False
) -> None:
    """显示各项限额、今日已用和剩余。

    例：bullet-trade risk
    """
    if context.invoked_subcommand is not None:
        return

    from bullet_trade.ops.risk_report import report
    from bullet_trade.ops.risk_settings import risk_limits
    from bullet_trade.ops.settings import load_settings

    settings = load_settings(env_file)
    found = report(risk_limits(settings), _account(runtime_dir or settings.runtime_dir))
    if as_json:
        print_json(found)
    else:
        _show(found)


@app.command()
def test(
    file: Annotated[Path, typer.Argument(help="委托清单 CSV：代码,方向,数量,价格", metavar="文件.csv")],
    cash: Annotated[float | None, typer.Option("--cash", help="按这笔现金（元）试算，例如 500000；不读流水")] = None,
    positions: Annotated[str, typer.Option("--positions", help="按这些持仓试算，例如 600519:100@1500")] = "",
    runtime_dir: RuntimeDir = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """试算一批委托能否通过限额，不下单；有被拒的退出码 1。

    例：bullet-trade risk test 委托.csv --cash 500000
    """

    from bullet_trade.engine.clock import WallClock
    from bullet_trade.ops.order_list import read_order_list
    from bullet_trade.ops.risk_report import NEEDS_QUOTES, account_given, exchange_parts, try_orders
    from bullet_trade.ops.risk_settings import risk_limits
    from bullet_trade.ops.settings import load_settings

    if cash is not None and cash < 0:
        raise UsageError(f"现金 {cash:g} 无效", "--cash 不能是负数")
    settings = load_settings(env_file)
    limits, now = risk_limits(settings), WallClock().now()
    orders = read_order_list(file)
    if cash is not None or positions:
        book = account_given(cash or 0.0, positions, now.date())
    else:
        directory = runtime_dir or settings.runtime_dir
        book = _account(directory)
        if not book.ledger.cash and not book.ledger.positions:
            raise UsageError(f"{directory} 的流水里没有账户", "加 --cash 500000（按这笔现金试算），或先启动一次引擎")
    verdicts = try_orders(orders, limits, book, exchange_parts(now.date()), now)
    if as_json:
        print_json([_plain(one) for one in verdicts])
    else:
        for one in verdicts:
            typer.echo(_line(one))
        unchecked = [name.upper() for name in NEEDS_QUOTES if limits.on(name)]
        if unchecked:
            typer.echo(f"未检查（需要行情）：{'、'.join(unchecked)}")
    if any(one.refusal is not None for one in verdicts):
        raise typer.Exit(EXIT_REFUSED)


def _account(directory: Path) -> OrderBook:
    from bullet_trade.engine.clock import WallClock
    from bullet_trade.ops.risk_report import account_of
    from bullet_trade.store.inspection import JOURNAL_FILE

    return account_of(directory / JOURNAL_FILE, WallClock().now().date())


def _words(verdict: Verdict) -> str:
    from bullet_trade.engine.risk_rules import WORDS
    from bullet_trade.market.refusal import show_price

    order = verdict.order
    return f"第 {order.line} 行 {WORDS[order.side]} {order.code} {order.amount} 股 {show_price(order.price)}"


def _line(verdict: Verdict) -> str:
    refusal = verdict.refusal
    return f"{_words(verdict)}  {'通过' if refusal is None else f'拒绝 {refusal.text()}'}"


def _plain(verdict: Verdict) -> dict[str, object]:
    from bullet_trade.domain.money import yuan

    order, refusal = verdict.order, verdict.refusal
    return {
        "line": order.line,
        "code": order.code,
        "side": order.side.name.lower(),
        "amount": order.amount,
        "price": yuan(order.price),
        "passed": refusal is None,
        "rule": refusal.rule if refusal is not None else None,
        "text": refusal.text() if refusal is not None else "",
    }


def _show(found: RiskReport) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("限额", "上限", "已用", "剩余", "变量"):
        table.add_column(title, justify="right" if title in ("已用", "剩余") else "left")
    for line in found.limits:
        used, left = (f"{value:,.10g}" if value is not None else "" for value in (line.used, line.left))
        table.add_row(line.title, line.limit, used, left, line.variable, style="dim" if line.limit == "不限" else "")
    console = Console(highlight=False)
    console.print(f"交易日 {found.day}")
    console.print(table)
    if found.refusals:
        console.print("今日拒绝  " + "  ".join(f"{rule} {count}" for rule, count in found.refusals.items()))
