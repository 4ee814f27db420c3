"""`bullet-trade check`: what of a strategy file works here, read without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, Debug

if TYPE_CHECKING:
    from bullet_trade.ops.strategy_check import Checked

EXIT_TO_CHANGE = 1
"""Something in the file must be changed before it runs."""

SHOWN_LINES = 6
COLOURS = {"不支持": "red", "需要数据源": "yellow", "支持": "green"}


def check(
    strategy: Annotated[Path, typer.Argument(help="策略文件", metavar="策略文件.py")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """检查策略用到的函数和写法是否支持，不运行策略。

    有必须修改的内容时退出码为 1。例：bullet-trade check 我的策略.py
    """

    from bullet_trade.ops.strategy_check import check_strategy

    checked = check_strategy(strategy)
    if as_json:
        print_json(checked)
    else:
        _show(checked)
    if not checked.runs:
        raise typer.Exit(EXIT_TO_CHANGE)


def _show(checked: Checked) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bullet_trade.engine.host import how_to_install

    console = Console(highlight=False)
    if checked.python_2:
        console.print("[red]这是 Python 2 的策略[/]：本引擎使用 Python 3，请按下表修改语法后再检查")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("名字", "状态", "行", "说明"):
        table.add_column(title, no_wrap=title in ("名字", "状态"), overflow="fold")
    for used in checked.names:
        table.add_row(used.name, Text(used.status, style=COLOURS[used.status]), _lines(used.lines), used.note)
    console.print(table)
    if checked.idioms:
        old = Table("行", "旧写法", "处理", box=None, padding=(0, 2, 0, 0))
        for idiom in checked.idioms:
            advice = f"可以运行；建议{idiom.remedy}" if idiom.works else f"必须修改：{idiom.remedy}"
            old.add_row(str(idiom.line), idiom.what, Text(advice, style="" if idiom.works else "red"))
        console.print(old)
    for module, line in checked.missing.items():
        console.print(
            Text(f"第 {line} 行导入的模块 {module} 没有安装", style="red"),
            how_to_install(module),
            sep="：",
            markup=False,
        )
    needs = any(used.status == "需要数据源" for used in checked.names)
    if checked.runs and needs:
        from bullet_trade.strategy.registry import PROVIDER_REMEDY

        console.print(f"可以运行，但用到行情以外的数据：{PROVIDER_REMEDY}")
    else:
        console.print("可以运行" if checked.runs else "[red]有必须修改的内容，见上[/]")


def _lines(lines: list[int]) -> str:
    shown = "、".join(str(line) for line in lines[:SHOWN_LINES])
    return f"{shown} 等 {len(lines)} 处" if len(lines) > SHOWN_LINES else shown
