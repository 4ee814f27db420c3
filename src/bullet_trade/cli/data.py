"""`bullet-trade data`: fill the local data store, and check what it holds."""

from __future__ import annotations

from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson
from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from bullet_trade.quotes.local.check import CheckResult
    from bullet_trade.quotes.local.importer import ImportReport

app = typer.Typer(name="data", help="本地数据：导入与检查。", no_args_is_help=True)

EXIT_FINDINGS = 1
"""Exit code of `data check` where something is wrong with the data."""


class TableName(StrEnum):
    """`--kind`: the tables of the store."""

    BARS_1M = "bars_1m"
    BARS_1D = "bars_1d"
    TICKS = "ticks"
    SECURITIES = "securities"
    CORPORATE_ACTIONS = "corporate_actions"
    INDEX_MEMBERS = "index_members"
    TRADING_DAYS = "trading_days"


class VolumeChoice(StrEnum):
    """`--volume-unit`."""

    SHARE = "share"
    LOT = "lot"


class MoneyChoice(StrEnum):
    """`--money-unit`."""

    YUAN = "yuan"
    THOUSAND = "thousand"
    WAN = "wan"


class LabelChoice(StrEnum):
    """`--time-label`."""

    END = "end"
    START = "start"


class EncodingChoice(StrEnum):
    """`--encoding`."""

    UTF_8 = "utf-8"
    GBK = "gbk"


@app.command("import")
def import_(
    sources: Annotated[list[str], typer.Argument(help="CSV 或 Parquet 文件、目录或通配符", metavar="来源...")],
    to: Annotated[Path, typer.Option(help="数据目录，例如 data；没有就新建", metavar="目录")],
    kind: Annotated[TableName | None, typer.Option(help="数据种类，例如 bars_1d（默认由列名判断）")] = None,
    columns: Annotated[
        list[str] | None, typer.Option(help="列名对应，例如 成交股数=volume，可重复", metavar="原名=标准名")
    ] = None,
    code: Annotated[str, typer.Option(help="文件里没有代码列时的证券代码，例如 600519.XSHG")] = "",
    volume_unit: Annotated[
        VolumeChoice, typer.Option(help="成交量单位：股（份、张）或手，例如 lot")
    ] = VolumeChoice.SHARE,
    money_unit: Annotated[MoneyChoice, typer.Option(help="成交额单位：元、千元或万元，例如 wan")] = MoneyChoice.YUAN,
    time_label: Annotated[LabelChoice, typer.Option(help="分钟线的时间是结束还是开始，例如 start")] = LabelChoice.END,
    encoding: Annotated[EncodingChoice, typer.Option(help="CSV 的编码，例如 gbk")] = EncodingChoice.UTF_8,
    as_json: AsJson = False,
) -> None:
    """导入 CSV 或 Parquet。

    例：bullet-trade data import 600519.csv --to data --volume-unit lot
    """
    from bullet_trade.market.codes import normalize
    from bullet_trade.quotes.local.columns import TABLES
    from bullet_trade.quotes.local.importer import import_files
    from bullet_trade.quotes.local.options import Encoding, ImportOptions, MoneyUnit, TimeLabel, VolumeUnit

    options = ImportOptions(
        kind=next((table for table in TABLES if table.name == kind), None),
        code=normalize(code) if code else None,
        columns=dict(_pair(text) for text in columns or ()),
        volume_unit=VolumeUnit(volume_unit),
        money_unit=MoneyUnit(money_unit),
        time_label=TimeLabel(time_label),
        encoding=Encoding(encoding),
    )
    reports = import_files(sources, to, options)
    if as_json:
        print_json(reports)
        return
    for report in reports:
        _show_import(report)


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="数据目录", metavar="目录")],
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 输出，按代码和日期逐条列出")] = False,
) -> None:
    """检查缺口、价格单位、重复和不可能的数值。有问题时退出码为 1。

    例：bullet-trade data check data --json
    """
    from bullet_trade.quotes.local.check import check_store

    result = check_store(directory)
    if as_json:
        print_json(result)
    else:
        _show_check(result)
    if result.findings:
        raise typer.Exit(EXIT_FINDINGS)


def _pair(text: str) -> tuple[str, str]:
    source, equals, standard = text.rpartition("=")
    if not (source and equals and standard):
        raise UsageError(f"--columns {text} 无法理解", "请写成 原名=标准名，例如 --columns 成交股数=volume")
    return source, standard.strip()


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def _days(first: object, last: object) -> str:
    return "" if first is None else f"{first}" if first == last else f"{first} 至 {last}"


def _show_import(report: ImportReport) -> None:
    console = _console()
    renamed = "，".join(f"{source}→{name}" for name, source in report.columns.items() if source != name)
    console.print(
        f"{report.table}：{report.files} 个文件，{report.read} 条，{report.codes} 个代码，"
        f"{_days(report.first, report.last)}",
        markup=False,
    )
    same = report.replaced - report.changed
    console.print(
        f"  新增 {report.added} 条，替换 {report.replaced} 条（其中 {same} 条内容相同）→ {report.path}", markup=False
    )
    if renamed:
        console.print(f"  列名对应：{renamed}", markup=False)
    for remark in report.remarks:
        console.print(f"  {remark}", markup=False)


def _show_check(result: CheckResult) -> None:
    from rich.table import Table

    from bullet_trade.quotes.local.check import grouped

    console = _console()
    held = Table("数据", "文件", "行数", "代码", "日期", box=None, pad_edge=False)
    for summary in result.tables:
        if summary.files:
            numbers = (str(summary.files), f"{summary.rows:,}", str(summary.codes))
            held.add_row(summary.table, *numbers, _days(summary.first, summary.last))
    console.print(held)
    for note in result.notes:
        console.print(f"注意：{note}", markup=False)
    groups = grouped(result.findings)
    if not groups:
        console.print("没有发现问题")
        return
    for (table, title), members in groupby(groups, key=lambda group: (group.table, group.title)):
        console.print(f"\n{table or '数据目录'}：{title}", style="bold", markup=False)
        wrong = Table(box=None, pad_edge=False)
        for heading in ("代码", "日期"):
            wrong.add_column(heading, no_wrap=True)
        for heading in ("天数", "条数"):
            wrong.add_column(heading, justify="right")
        wrong.add_column("例", overflow="fold")
        for group in members:
            counts = (str(group.days), str(group.rows))
            wrong.add_row(group.code, _days(group.first, group.last), *counts, group.example)
        console.print(wrong)
    console.print(f"\n{len(groups)} 项问题；逐日明细用 --json")
