"""`bullet-trade logs`: the log, read again by order, day, level."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.options import EnvFile, LogDir
from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from bullet_trade.ops.log_reading import Chosen
    from bullet_trade.ops.log_record import LogRecord

POLL_S = 0.5
LEVELS = ("debug", "info", "warning", "error")
PARTS = ("order", "system", "strategy")


def logs(
    order: Annotated[str, typer.Option(help="只看这笔委托，从委托到结束，例如 12 或 #12", metavar="编号")] = "",
    code: Annotated[str, typer.Option(help="只看这只证券，例如 600519")] = "",
    day: Annotated[str, typer.Option(help="日期，例如 2025-12-03；默认最后一天（--order 默认全部日期）")] = "",
    level: Annotated[str, typer.Option(help=f"最低级别：{'、'.join(LEVELS)}，例如 warning")] = "info",
    part: Annotated[str, typer.Option(help="只看一部分：order 委托、system 系统、strategy 策略，例如 order")] = "",
    strategy: Annotated[str, typer.Option(help="策略名，例如 demo；默认这个目录里的全部")] = "",
    replay: Annotated[bool, typer.Option("--replay", help="看最近一次回放的日志")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="持续显示新的日志，Ctrl+C 结束")] = False,
    log_dir: LogDir = None,
    env_file: EnvFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="每行一条 JSON")] = False,
) -> None:
    """查看日志。

    例：bullet-trade logs --order 12；bullet-trade logs --level warning --follow
    """
    from heapq import merge

    from bullet_trade.market.codes import normalize
    from bullet_trade.ops.log_files import file_label
    from bullet_trade.ops.log_reading import Chosen, all_files, read_records, record_files, story
    from bullet_trade.ops.logbook import plain
    from bullet_trade.ops.settings import load_settings

    directory = (log_dir or load_settings(env_file).log_dir).expanduser()
    label = file_label(strategy) if strategy else "*"
    number = _number(order)
    least = "debug" if number else _one_of("级别", level, LEVELS)
    wanted = Chosen(least, number, _one_of("部分", part, PARTS) if part else "", normalize(code) if code else "")
    if follow:
        _follow(directory, label, wanted, as_json)
        return
    if number and not day and not replay:
        files = all_files(directory, label)
    else:
        files = record_files(directory, label, _day(day), replay)
    found = merge(*(filter(wanted.admits, read_records(file)) for file in files), key=lambda one: one.at)
    if as_json:
        for one in found:
            typer.echo(_json(one))
        return
    none = True
    for line in story(found) if number else map(plain, found):
        none = False
        typer.echo(line)
    if none:
        typer.echo("没有符合条件的记录")


def _follow(directory: Path, label: str, wanted: Chosen, as_json: bool) -> None:
    from threading import Event

    from bullet_trade.ops.log_reading import new_records
    from bullet_trade.ops.logbook import plain

    waiting = Event()
    try:
        for one in new_records(directory, label, lambda: not waiting.wait(POLL_S)):
            if wanted.admits(one):
                typer.echo(_json(one) if as_json else plain(one))
    except KeyboardInterrupt:
        return


def _json(one: LogRecord) -> str:
    import msgspec

    return msgspec.json.encode(one).decode()


def _number(text: str) -> int:
    bare = text.removeprefix("#")
    if text and not bare.isdecimal():
        raise UsageError(f"委托编号 {text!r} 无效", "写成 12 或 #12")
    return int(bare or 0)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"日期 {text!r} 无效", "写成 2025-12-03") from error


def _one_of(what: str, text: str, allowed: tuple[str, ...]) -> str:
    if text.lower() not in allowed:
        raise UsageError(f"{what} {text!r} 无效", f"可用：{'、'.join(allowed)}")
    return text.lower()
