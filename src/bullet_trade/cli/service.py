"""`bullet-trade service`: definitions that start the program with the machine and after a failure."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bullet_trade.cli.options import EnvFile, RuntimeDir
from bullet_trade.domain.errors import UsageError

app = typer.Typer(help="作为系统服务运行。", no_args_is_help=True)


@app.callback()
def root() -> None:
    """作为系统服务运行，说明见 docs/service.md。"""


@app.command(name="print")
def show(
    strategy: Annotated[
        Path | None, typer.Argument(help="策略文件；不写就是 bullet-trade server", metavar="策略文件.py")
    ] = None,
    systemd: Annotated[bool, typer.Option("--systemd", help="Linux 的 systemd 单元（Linux 上默认）")] = False,
    windows: Annotated[bool, typer.Option("--windows", help="Windows 的做法（Windows 上默认）")] = False,
    broker: Annotated[str, typer.Option(help="券商，例如 qmt（默认取 DEFAULT_BROKER）")] = "",
    runtime_dir: RuntimeDir = None,
    env_file: EnvFile = None,
    name: Annotated[str, typer.Option(help="服务名，例如 bullet-trade-demo")] = "",
    directory: Annotated[Path, typer.Option("--directory", help="工作目录，例如 D:/trade（默认当前目录）")] = Path("."),
) -> None:
    """打印服务定义，不改动系统。

    例：bullet-trade service print strategies/demo_strategy.py --systemd
    """
    from bullet_trade.ops.log_files import file_label
    from bullet_trade.ops.service import Service, systemd_unit, windows_text

    if systemd and windows:
        raise UsageError("--systemd 和 --windows 只能选一个", "去掉一个；都不写时按本机的系统")
    directory = directory.expanduser().resolve()
    if strategy is not None and not (directory / strategy).is_file():
        raise UsageError(f"找不到策略文件 {directory / strategy}", "检查路径，或用 --directory 指定工作目录")
    options = {"--broker": broker if strategy else "", "--runtime-dir": runtime_dir, "--env-file": env_file}
    what = ["live", str(strategy)] if strategy is not None else ["server"]
    given = [word for option, value in options.items() if value for word in (option, str(value))]
    service = Service(
        name=name or f"bullet-trade-{file_label(strategy.stem) if strategy is not None else 'server'}",
        title=f"bullet-trade {' '.join(what)}",
        command=[sys.executable, "-m", "bullet_trade", *what, *given],
        directory=directory,
        user=getpass.getuser(),
    )
    made = windows_text if windows or (os.name == "nt" and not systemd) else systemd_unit
    typer.echo(made(service), nl=False)
    if strategy is not None:
        typer.echo("真实账户要先在终端里手工启动一次并确认（或加 --yes），之后的启动不再询问。", err=True)
