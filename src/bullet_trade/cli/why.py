"""`bullet-trade why`: the chain of causes behind an order, or behind its absence."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, EnvFile, RuntimeDir
from bullet_trade.domain.errors import UsageError


def why(
    target: Annotated[
        str, typer.Argument(help="证券代码（600519 或 600519.XSHG），或委托编号（#12）", metavar="代码或编号")
    ],
    at: Annotated[str, typer.Option("--at", help="时刻，例如 10:31；不写就看全天")] = "",
    day: Annotated[str, typer.Option("--day", help="日期，例如 2025-12-03；默认流水的最后一天")] = "",
    runtime_dir: RuntimeDir = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """为什么下了这笔单，或为什么没有下单。

    例：bullet-trade why 600519 --at 10:31
    """

    from bullet_trade.market.codes import normalize
    from bullet_trade.ops.settings import load_settings
    from bullet_trade.ops.why import Question, explain
    from bullet_trade.store.inspection import JOURNAL_FILE
    from bullet_trade.store.journal import read_journal

    directory = runtime_dir if runtime_dir is not None else load_settings(env_file).runtime_dir
    rows = list(read_journal(directory / JOURNAL_FILE))
    if not rows:
        raise UsageError(f"{directory} 的流水还没有记录", "等引擎运行起来再问，或检查 --runtime-dir")
    wanted = _day(day) if day else rows[-1].at[:10]
    number = _number(target)
    stories = explain(rows, Question("" if number else normalize(target), number, wanted, _moment(wanted, at)))
    if as_json:
        print_json(stories)
        return
    for story in stories:
        typer.secho(story.title, bold=True)
        for line in story.lines:
            typer.echo(f"  {line}")


def _number(target: str) -> int:
    text = target.removeprefix("#")
    return int(text) if text.isdecimal() and (target.startswith("#") or len(text) < 6) else 0


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"日期 {text!r} 无效", "写成 2025-12-03") from error


def _moment(day: str, at: str) -> datetime | None:
    if not at:
        return None
    try:
        return datetime.fromisoformat(f"{day}T{at.zfill(5)}")
    except ValueError as error:
        raise UsageError(f"时刻 {at!r} 无效", "写成 10:31 或 10:31:05") from error
