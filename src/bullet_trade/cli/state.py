"""`bullet-trade state`: what the runtime directory holds, whether it is sound, and its journal for other programs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.domain.errors import StateError, UsageError

if TYPE_CHECKING:
    from bullet_trade.store.inspection import Inspection

app = typer.Typer(help="运行目录：查看、校验、导出。", no_args_is_help=True)

Directory = Annotated[Path | None, typer.Option("--runtime-dir", help="运行目录（默认取 RUNTIME_DIR，runtime）")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


def _directory(given: Path | None) -> Path:
    from bullet_trade.ops.settings import load_settings

    return given if given is not None else load_settings(None).runtime_dir


@app.command()
def show(runtime_dir: Directory = None, as_json: AsJson = False) -> None:
    """显示已保存的各代状态、流水概况、最近一个交易日的委托。例：bullet-trade state show"""
    import msgspec

    from bullet_trade.store.inspection import inspect

    found = inspect(_directory(runtime_dir))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        _show(found)


@app.command()
def verify(runtime_dir: Directory = None) -> None:
    """校验状态文件和流水；有问题时退出码 3。例：bullet-trade state verify"""
    from bullet_trade.store.inspection import inspect

    found = inspect(_directory(runtime_dir))
    if found.problems:
        raise StateError(f"发现 {len(found.problems)} 个问题：{'；'.join(found.problems)}", "见 docs/recovery.md")
    typer.echo(f"状态 {len(found.generations)} 份完好，流水 {found.records} 条连续，委托标记无重复")


@app.command()
def export(
    runtime_dir: Directory = None,
    to: Annotated[Path | None, typer.Option("--to", help="写入的文件；不写就输出到屏幕")] = None,
    form: Annotated[str, typer.Option("--format", help="jsonl 或 csv")] = "jsonl",
    kind: Annotated[str, typer.Option("--kind", help="只要某类记录，例如 intent、report")] = "",
) -> None:
    """导出流水。例：bullet-trade state export --kind intent --format csv --to 委托.csv"""
    from bullet_trade.store.inspection import JOURNAL_FILE
    from bullet_trade.store.journal import read_journal

    if form not in ("jsonl", "csv"):
        raise UsageError(f"格式 {form!r} 不支持", "用 --format jsonl 或 --format csv")
    rows = (row for row in read_journal(_directory(runtime_dir) / JOURNAL_FILE) if kind in ("", row.kind))
    out = to.open("w", encoding="utf-8", newline="") if to is not None else sys.stdout
    try:
        if form == "csv":
            table = csv.writer(out)
            table.writerow(("seq", "at", "kind", "body"))
            table.writerows((row.seq, row.at, row.kind, row.body.decode()) for row in rows)
        else:
            for row in rows:
                line = {"seq": row.seq, "at": row.at, "kind": row.kind, "body": json.loads(row.body)}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
    finally:
        if to is not None:
            out.close()


def _show(found: Inspection) -> None:
    from rich.console import Console
    from rich.table import Table

    from bullet_trade.domain.money import SCALE

    console = Console(highlight=False)
    console.print(f"运行目录 {found.directory}")
    saved = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("状态", "代", "保存时间", "状态字节", "g 字节", ""):
        saved.add_column(title, justify="right" if "字节" in title or title == "代" else "left")
    for line in found.generations:
        number = "" if line.number is None else str(line.number)
        damage = f"[red]{line.damage}[/]" if line.damage else "完好"
        saved.add_row(line.place, number, line.saved_at[:19], f"{line.state_bytes:,}", f"{line.g_bytes:,}", damage)
    console.print(saved)
    console.print(f"流水 {found.records} 条  {found.first_at[:19]} 至 {found.last_at[:19]}")
    orders = Table(title=f"委托 {found.day}", title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("编号", "时间", "代码", "方向", "委托", "成交", "均价", "状态"):
        orders.add_column(title, justify="right" if title in ("编号", "委托", "成交", "均价") else "left")
    for order in found.orders:
        price = f"{order.turnover / order.filled / SCALE:.3f}" if order.filled else ""
        state = f"{order.state} {order.reason}".strip()
        row = (str(order.order_id), order.at[11:19], order.code, order.side, str(order.amount), str(order.filled))
        orders.add_row(*row, price, state)
    if found.orders:
        console.print(orders)
    for problem in found.problems:
        console.print(f"[red]问题[/] {problem}")
