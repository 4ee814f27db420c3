"""`bullet-trade server-book`: the books of a server's sub-accounts, and corrections of them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, EnvFile
from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from bullet_trade.domain.money import Money
    from bullet_trade.server.book_corrections import BookShown

app = typer.Typer(help="远程服务的子账户账本：查看、更正。", no_args_is_help=True)

Directory = Annotated[
    Path | None,
    typer.Option("--runtime-dir", help="服务端的运行目录，例如 runtime（默认取 RUNTIME_DIR；文件在其下 server 目录）"),
]


@app.command()
def show(runtime_dir: Directory = None, env_file: EnvFile = None, as_json: AsJson = False) -> None:
    """显示各子账户的现金、持仓、今天的委托、待核对的成交。

    服务运行时也可以看。例：bullet-trade server-book show
    """
    from bullet_trade.engine.clock import WallClock
    from bullet_trade.server.book_corrections import books_shown

    found = books_shown(_directory(runtime_dir, env_file), WallClock().now().date())
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("没有记账的子账户。在 QMT_SERVER_SUB_ACCOUNTS 里给子账户写上 cash= 后启动服务")
    else:
        for book in found:
            _show(book)


@app.command()
def adjust(
    account: Annotated[str, typer.Option("--account", help="账户，例如 main")],
    sub: Annotated[str, typer.Option("--sub", help="子账户，例如 demo")],
    reason: Annotated[str, typer.Option("--reason", help="原因，随更正一起保存，例如 划入原有持仓")],
    security: Annotated[str, typer.Option("--security", help="证券，例如 600000.XSHG")] = "",
    amount: Annotated[int, typer.Option("--amount", help="加多少股，负数为减，例如 1000 或 -200")] = 0,
    price: Annotated[str, typer.Option("--price", help="加入的股份每股成本，元，例如 10.50（默认 0）")] = "0",
    cash: Annotated[str, typer.Option("--cash", help="加多少现金，元，负数为减，例如 5000 或 -10505.25")] = "0",
    runtime_dir: Directory = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """更正一个子账户的账本；先停下服务。

    股份和现金互不影响：漏记一笔买入，股份写 --amount，花掉的钱写 --cash -金额。只写 --security 表示核对过，没有变化。
    例：bullet-trade server-book adjust --account main --sub demo --security 600000.XSHG --amount 1000 --price 10.50
    --reason 划入原有持仓
    """
    from bullet_trade.domain.money import Price
    from bullet_trade.engine.clock import WallClock
    from bullet_trade.market.codes import normalize
    from bullet_trade.server.book_corrections import correct
    from bullet_trade.server.bookings import Correction

    code = normalize(security) if security else None
    moved, cost = _money("--cash", cash), _money("--price", price)
    if amount and code is None:
        raise UsageError(f"写了 --amount {amount}，没有写 --security", "写上证券，例如 600000.XSHG")
    if cost < 0 or not reason.strip():
        raise UsageError(f"--price {price} 或 --reason {reason!r} 无效", "成本不能是负数，原因不能空着")
    if code is None and not moved:
        raise UsageError("没有写要更正什么", "写 --security 和 --amount，或 --cash")
    correction = Correction(code, amount, Price(cost), moved, reason.strip())
    book = correct(_directory(runtime_dir, env_file), account, sub, correction, WallClock().now())
    if as_json:
        print_json(book)
    else:
        typer.echo("已更正")
        _show(book)


def _directory(given: Path | None, env_file: Path | None) -> Path:
    from bullet_trade.ops.settings import load_settings

    return (given or load_settings(env_file).runtime_dir) / "server"


def _money(option: str, text: str) -> Money:
    from bullet_trade.domain.money import money

    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > 10**12:
        raise UsageError(f"{option} {text!r} 无效", "写成数，单位元，例如 5000")
    return money(value)


def _show(book: BookShown) -> None:
    typer.echo(
        f"账户 {book.account}  子账户 {book.sub_account}  现金 {book.cash:,.2f}（含未成交买单占用）  "
        f"分配 {book.allotted:,.2f}"
    )
    for held in book.holdings:
        typer.echo(f"  持仓 {held.security} {held.amount} 股  成本 {held.cost:.3f}")
    for order in book.orders:
        state = "结束" if order.over else "未结束"
        typer.echo(
            f"  委托 {order.time} {order.side} {order.security} {order.amount} 股 @ {order.price:.3f}  "
            f"成交 {order.filled}  {state}"
        )
    for question in book.open_questions:
        typer.secho(f"  待核对 {question}", fg=typer.colors.YELLOW)
