"""`bullet-trade state`: what the runtime directory holds, whether it is sound, its journal for other programs, and a
recorded day again."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, EnvFile, RuntimeDir
from bullet_trade.domain.errors import StateError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from bullet_trade.ops.day_replay import DayReplay
    from bullet_trade.ops.recorded_day import Decision
    from bullet_trade.store.inspection import Inspection
    from bullet_trade.store.journal import Row

app = typer.Typer(help="运行目录：查看、校验、导出、重放一天。", no_args_is_help=True)


def _directory(given: Path | None) -> Path:
    from bullet_trade.ops.settings import load_settings

    return given if given is not None else load_settings(None).runtime_dir


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"日期 {text!r} 无法识别", "写成 2025-12-03") from error


@app.command()
def show(
    runtime_dir: RuntimeDir = None,
    day: Annotated[
        str, typer.Option("--day", help="哪一天的委托和持仓，例如 2025-12-03（默认最近一天；会读归档）")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="连同归档的流水")] = False,
    as_json: AsJson = False,
) -> None:
    """显示各代状态、流水和归档、一天的委托成交持仓、g 的概况。

    例：bullet-trade state show --day 2025-12-03
    """

    from bullet_trade.store.inspection import inspect

    found = inspect(_directory(runtime_dir), _day(day), everything)
    if as_json:
        print_json(found)
    else:
        _show(found)


@app.command()
def verify(runtime_dir: RuntimeDir = None, as_json: AsJson = False) -> None:
    """校验状态文件、流水和归档；有问题时退出码 3。

    例：bullet-trade state verify
    """
    from bullet_trade.store.inspection import inspect

    found = inspect(_directory(runtime_dir), everything=True)
    if as_json:
        counts = {"generations": len(found.generations), "records": found.records}
        print_json({"directory": found.directory, **counts, "problems": found.problems})
    if found.problems:
        raise StateError(f"发现 {len(found.problems)} 个问题：{'；'.join(found.problems)}", "见 docs/recovery.md")
    if not as_json:
        typer.echo(f"状态 {len(found.generations)} 份完好，流水 {found.records} 条连续，委托标记无重复")


@app.command()
def export(
    runtime_dir: RuntimeDir = None,
    to: Annotated[Path | None, typer.Option("--to", help="写入的文件，例如 委托.csv；不写就输出到屏幕")] = None,
    form: Annotated[str, typer.Option("--format", help="格式：jsonl 或 csv，例如 csv")] = "jsonl",
    kind: Annotated[str, typer.Option("--kind", help="只要某类记录，例如 intent、report")] = "",
    day: Annotated[str, typer.Option("--day", help="只要某一天，例如 2025-12-03（会读归档）")] = "",
    everything: Annotated[bool, typer.Option("--all", help="连同归档的流水")] = False,
) -> None:
    """导出流水。

    例：bullet-trade state export --kind intent --format csv --to 委托.csv
    """
    from bullet_trade.store.inspection import JOURNAL_FILE
    from bullet_trade.store.journal import check_readable
    from bullet_trade.store.journal_archive import read_all, read_file

    if form not in ("jsonl", "csv"):
        raise UsageError(f"格式 {form!r} 不支持", "用 --format jsonl 或 --format csv")
    journal, wanted = _directory(runtime_dir) / JOURNAL_FILE, _day(day)
    check_readable(journal)
    bounds = (f"{wanted}T00", f"{wanted}T99") if wanted is not None else ("", "9")
    read = read_all if everything or wanted is not None else read_file
    rows = (row for row in read(journal, *bounds) if kind in ("", row.kind))
    if to is None:
        _write(rows, form, sys.stdout)
        return
    try:
        with to.open("w", encoding="utf-8", newline="") as file:
            _write(rows, form, file)
    except OSError as error:
        raise UsageError(f"无法写入 {to}：{error.strerror}", "检查目录和磁盘空间") from error


def _write(rows: Iterable[Row], form: str, out: TextIO) -> None:
    if form == "csv":
        table = csv.writer(out)
        table.writerow(("seq", "at", "kind", "body"))
        table.writerows((row.seq, row.at, row.kind, row.body.decode()) for row in rows)
        return
    for row in rows:
        line = {"seq": row.seq, "at": row.at, "kind": row.kind, "body": json.loads(row.body)}
        out.write(json.dumps(line, ensure_ascii=False) + "\n")


@app.command()
def replay(
    day: Annotated[str, typer.Argument(help="哪一天，例如 2025-12-03", metavar="日期")],
    runtime_dir: RuntimeDir = None,
    strategy: Annotated[
        Path | None, typer.Option("--strategy", help="策略文件，例如 改过的.py（默认当日运行的那个）")
    ] = None,
    data: Annotated[
        str, typer.Option("--data", help="行情（默认当日所用）：数据目录，例如 data，或 synthetic、synthetic:7（种子）")
    ] = "",
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """用流水重放一天，报出第一个不同的决定。

    退出码 0 同、1 不同、2 不能。例：bullet-trade state replay 2025-12-03
    """
    from bullet_trade.ops.day_replay import DayRequest, replay_day
    from bullet_trade.ops.settings import load_settings

    wanted = _day(day)
    if wanted is None:
        raise UsageError("没有给出日期", "写成 2025-12-03")
    settings = load_settings(env_file)
    done = replay_day(DayRequest(runtime_dir or settings.runtime_dir, wanted, strategy, data), settings)
    if as_json:
        print_json(_plain(done))
    else:
        _show_replay(done)
    if done.difference is not None:
        raise typer.Exit(1)


def _plain(done: DayReplay) -> dict[str, object]:
    first = done.difference
    different = None
    if first is not None:
        made = {"recorded": first.recorded, "replayed": first.replayed}
        decisions = {
            which: {"at": one.at, "callback": one.callback, "text": one.text} if one is not None else None
            for which, one in made.items()
        }
        different = {"number": first.number, **decisions}
    return {"day": done.day, "same": done.same, "difference": different, "notes": done.notes}


def _show_replay(done: DayReplay) -> None:
    for note in done.notes:
        typer.echo(f"注意 {note}")
    if done.difference is None:
        typer.echo(f"{done.day} 当日 {done.same} 个决定全部一致")
        return
    typer.echo(f"{done.day} 前 {done.same} 个决定一致，第 {done.difference.number} 个不同")
    typer.echo(f"  当日 {_decision(done.difference.recorded)}")
    typer.echo(f"  重放 {_decision(done.difference.replayed)}")


def _decision(made: Decision | None) -> str:
    if made is None:
        return "没有这个决定"
    return f"{made.at:%H:%M:%S} {made.callback or '分钟任务、tick 或条件单'} {made.text}"


def _show(found: Inspection) -> None:
    from rich.console import Console

    from bullet_trade.domain.money import SCALE

    console = Console(highlight=False)
    console.print(f"运行目录 {found.directory}")
    saved = _table("", "状态", "代>", "保存时间", "状态字节>", "g 字节>", "")
    for line in found.generations:
        number = "" if line.number is None else str(line.number)
        damage = f"[red]{line.damage}[/]" if line.damage else "完好"
        saved.add_row(line.place, number, line.saved_at[:19], f"{line.state_bytes:,}", f"{line.g_bytes:,}", damage)
    files = _table("", "流水", "字节>", "记录>", "从", "到")
    for file in found.files:
        times = (file.first_at[:19], file.last_at[:19])
        files.add_row(file.name, f"{file.size_bytes:,}", f"{file.records:,}", *times)
    orders = _table(f"委托 {found.day}", "编号>", "时间", "代码", "方向", "委托>", "成交>", "均价>", "状态")
    for order in found.orders:
        price = f"{order.turnover / order.filled / SCALE:.3f}" if order.filled else ""
        state = f"{order.state} {order.reason}".strip()
        row = (str(order.order_id), order.at[11:19], order.code, order.side, str(order.amount), str(order.filled))
        orders.add_row(*row, price, state)
    fills = _table(f"成交 {found.day}", "时间", "编号>", "代码", "方向", "股数>", "价格>")
    for fill in found.fills:
        price = f"{fill.price / SCALE:.3f}"
        fills.add_row(fill.at[11:19], str(fill.order_id), fill.code, fill.side, str(fill.amount), price)
    held = _table(f"持仓 {found.day}  现金 {found.cash / SCALE:,.2f}", "代码", "股数>", "卖单占用>", "成本>")
    for position in found.positions:
        cost = f"{position.cost / SCALE:.3f}"
        held.add_row(position.code, str(position.amount), str(position.locked), cost)
    g = _table("g", "名称", "类型", "大小")
    for attribute in found.g:
        g.add_row(attribute.name, attribute.type, attribute.size)
    for table in (saved, files, orders, fills, held, g):
        if table.row_count:
            console.print(table)
    for problem in found.problems:
        console.print(f"[red]问题[/] {problem}")


def _table(title: str, *columns: str) -> Table:
    """An open table; a column whose name ends with > holds numbers."""
    from rich.table import Table

    made = Table(
        title=title or None,
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
        pad_edge=False,
    )
    for name in columns:
        made.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left")
    return made
