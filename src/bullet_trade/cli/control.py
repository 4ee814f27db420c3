"""`bullet-trade status | pause | resume | halt | cancel-all | flatten | reload | stop`: the operator's hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, RuntimeDir
from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from bullet_trade.ops.control.messages import Reply

Why = Annotated[str, typer.Option("--why", help="原因，例如 行情异常；写进流水和日志")]

EXIT_NOT_DONE = 1
"""The engine has answered, and has not done it."""

YES = ("y", "yes")
WATCH_EVERY_S = 1.0
FOLLOWED_S = 20.0


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for name, function in (
        ("status", status),
        ("pause", pause),
        ("resume", resume),
        ("halt", halt),
        ("cancel-all", cancel_all),
        ("flatten", flatten),
        ("reload", reload),
        ("stop", stop),
    ):
        app.command(name)(function)


def status(
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="每秒刷新，Ctrl+C 结束")] = False,
) -> None:
    """显示正在运行的引擎：账户、持仓、委托、任务、刹车。

    策略卡住时也能用。例：bullet-trade status --watch
    """
    from rich.console import Console

    from bullet_trade.ops.status_text import status_page

    if watch and as_json:
        raise UsageError("--watch 和 --json 不能同时用", "去掉 --watch，需要时重复执行")
    directory = _directory(runtime_dir)
    if watch:
        _watch(directory)
        return
    reply = _ask(directory, "status")
    if as_json:
        print_json(reply)
    else:
        Console(highlight=False).print(status_page(reply))


def pause(runtime_dir: RuntimeDir = None, why: Why = "", as_json: AsJson = False) -> None:
    """暂停策略：不调用定时函数，不下新单；回报、对账照常。

    例：bullet-trade pause --why 检查信号
    """
    _show(_ask(_directory(runtime_dir), "pause", why), as_json)


def resume(runtime_dir: RuntimeDir = None, why: Why = "", as_json: AsJson = False) -> None:
    """解除暂停或急停。

    例：bullet-trade resume
    """
    _show(_ask(_directory(runtime_dir), "resume", why), as_json)


def halt(runtime_dir: RuntimeDir = None, why: Why = "", as_json: AsJson = False) -> None:
    """急停：立即拒绝一切新委托，重启后仍有效，直到 resume。

    例：bullet-trade halt --why 行情异常
    """
    _show(_ask(_directory(runtime_dir), "halt", why), as_json)


def cancel_all(
    runtime_dir: RuntimeDir = None,
    why: Why = "",
    everything: Annotated[bool, typer.Option("--all", help="也撤其他来源的委托（券商接口支持时）")] = False,
    as_json: AsJson = False,
) -> None:
    """撤销本策略全部未完成的委托。

    例：bullet-trade cancel-all
    """
    _show(_ask(_directory(runtime_dir), "cancel-all", why, everything), as_json)


def flatten(
    runtime_dir: RuntimeDir = None,
    why: Why = "",
    yes: Annotated[bool, typer.Option("--yes", help="不再询问，直接卖出")] = False,
    as_json: AsJson = False,
) -> None:
    """卖出全部可卖的持仓；先列计划，确认后执行。急停下也能用。

    例：bullet-trade flatten
    """
    from msgspec.structs import replace
    from rich.console import Console

    from bullet_trade.ops.status_text import plan_table

    if as_json and not yes:
        raise UsageError("flatten 需要确认，--json 不询问", "确认无误后加 --yes")
    directory = _directory(runtime_dir)
    planned = _ask(directory, "flatten-plan", why)
    if not planned.plan:
        _show(planned, as_json)
        return
    if not as_json:
        Console(highlight=False).print(plan_table(planned.plan))
    if not any(line.sellable for line in planned.plan):
        _show(replace(planned, ok=False, text="现在没有可以卖出的持仓"), as_json)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("flatten 会以市价卖出全部持仓，需要确认，但这里没有终端", "确认无误后加 --yes")
        if typer.prompt("按计划以市价卖出？输入 y 继续", default="", show_default=False).strip().lower() not in YES:
            raise typer.Abort
    reply = replace(_ask(directory, "flatten", why), plan=planned.plan)
    if not as_json:
        typer.echo(reply.text)
        _follow(directory, set(reply.orders))
    _end(reply, as_json)


def reload(runtime_dir: RuntimeDir = None, why: Why = "", as_json: AsJson = False) -> None:
    """重新加载策略文件：g 和定时任务保留，出错时旧代码继续运行。

    例：bullet-trade reload
    """
    _show(_ask(_directory(runtime_dir), "reload", why), as_json)


def stop(runtime_dir: RuntimeDir = None, why: Why = "", as_json: AsJson = False) -> None:
    """保存状态并退出；未完成的委托留在券商。

    例：bullet-trade stop
    """
    _show(_ask(_directory(runtime_dir), "stop", why), as_json)


def _directory(given: Path | None) -> Path:
    from bullet_trade.ops.settings import load_settings

    return (given if given is not None else load_settings(None).runtime_dir).expanduser().resolve()


def _ask(directory: Path, command: str, why: str = "", everything: bool = False) -> Reply:
    from bullet_trade.ops.control.client import ask

    return ask(directory, command, why, everything)


def _show(reply: Reply, as_json: bool) -> None:
    if not as_json:
        typer.secho(reply.text, fg=None if reply.ok else typer.colors.RED)
    _end(reply, as_json)


def _end(reply: Reply, as_json: bool) -> None:
    if as_json:
        print_json(reply)
    if not reply.ok:
        raise typer.Exit(EXIT_NOT_DONE)


def _watch(directory: Path) -> None:
    from threading import Event

    from rich.console import Console
    from rich.live import Live

    from bullet_trade.ops.status_text import status_page

    pause_between = Event()
    with Live(console=Console(highlight=False), auto_refresh=False) as page:
        try:
            while True:
                page.update(status_page(_ask(directory, "status")), refresh=True)
                pause_between.wait(WATCH_EVERY_S)
        except KeyboardInterrupt:
            return


def _follow(directory: Path, numbers: set[int]) -> None:
    """Show what becomes of the orders, for a while."""
    from threading import Event

    from rich.console import Console

    from bullet_trade.ops.status_text import orders_table

    if not numbers:
        return
    pause_between, waited_s = Event(), 0.0
    while True:
        view = _ask(directory, "status").status
        lines = [line for line in view.orders if line.number in numbers] if view is not None else []
        if waited_s >= FOLLOWED_S or (len(lines) == len(numbers) and not any(line.open for line in lines)):
            break
        pause_between.wait(WATCH_EVERY_S)
        waited_s += WATCH_EVERY_S
    Console(highlight=False).print(orders_table(lines))
    if any(line.open for line in lines):
        typer.echo("还有委托没有完成，用 bullet-trade status 继续查看")
