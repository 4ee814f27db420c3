"""`bullet-trade init`: a working directory with everything that a first run needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

QUESTIONS = {
    "simulator": (),
    "qmt": (("qmt_data_path", "QMT 的 userdata_mini 目录"), ("qmt_account_id", "资金账号")),
    "qmt-remote": (
        ("qmt_server_host", "服务端地址"),
        ("qmt_server_token", "令牌（QMT_SERVER_TOKEN）"),
        ("qmt_server_account_key", "账户名，没有就回车"),
    ),
}
"""What has to be known for each broker: variable, question."""


def init(
    directory: Annotated[Path, typer.Argument(help="目录，默认当前目录", metavar="目录")] = Path("."),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不询问，全部用默认值")] = False,
) -> None:
    """建一个工作目录：.env、示例策略、日志和运行目录。已有的文件不动。

    例：bullet-trade init 我的策略
    """
    from bullet_trade.cli.config import models
    from bullet_trade.ops.working_directory import make_working_directory, next_steps

    directory = directory.expanduser()
    asks = not yes and sys.stdin.isatty() and not (directory / ".env").exists()
    for made in make_working_directory(directory, models(), _asked() if asks else {}):
        typer.echo(f"{'新建' if made.new else '已有，未动'}  {directory / made.path}")
    typer.echo("\n接下来：")
    for command in next_steps(directory):
        typer.echo(f"  {command}")


def _asked() -> dict[str, str]:
    broker = ""
    while broker not in QUESTIONS:
        broker = _answer(f"券商（{'、'.join(QUESTIONS)}；回车是 simulator）") or "simulator"
    return {"default_broker": broker} | {name: _answer(question) for name, question in QUESTIONS[broker]}


def _answer(question: str) -> str:
    return input(f"{question}：").strip().strip('"')
