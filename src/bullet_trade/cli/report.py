"""`bullet-trade report`: a range of days from the journal, as a page, a summary or JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.options import EnvFile, RuntimeDir

if TYPE_CHECKING:
    from bullet_trade.market.calendar import TradingCalendar
    from bullet_trade.ops.journal_report import Benchmark

DEFAULT_BENCHMARK = "000300.XSHG"


def report(
    first: Annotated[str, typer.Option("--from", help="第一天，例如 2025-12-01；默认流水的开头")] = "",
    last: Annotated[str, typer.Option("--to", help="最后一天，例如 2025-12-31；默认今天")] = "",
    runtime_dir: RuntimeDir = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="报告写到哪里，例如 12月.html（默认 运行目录/reports/）")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON，不写页面")] = False,
    benchmark: Annotated[
        str, typer.Option("--benchmark", help="基准指数，例如 000905（默认 000300）；要有 --data")
    ] = "",
    data: Annotated[str, typer.Option("--data", help="基准的行情：数据目录，例如 data，或 synthetic")] = "",
    env_file: EnvFile = None,
) -> None:
    """由流水生成任意区间的报告；引擎运行时也能用。

    例：bullet-trade report --from 2025-12-01 --to 2025-12-31
    """
    from rich.console import Console

    from bullet_trade.domain.errors import UsageError
    from bullet_trade.engine.clock import WallClock
    from bullet_trade.market.calendar import exchange_calendar
    from bullet_trade.ops.journal_report import as_plain, journal_report, whole_range, write_journal_report
    from bullet_trade.ops.settings import load_settings
    from bullet_trade.ops.summary import run_table

    if benchmark and not data:
        raise UsageError(f"基准 {benchmark} 需要行情", "加 --data 目录，或 --data synthetic")
    directory = runtime_dir if runtime_dir is not None else load_settings(env_file).runtime_dir
    begin, end = whole_range(first, last, WallClock().now())
    calendar = exchange_calendar()
    index = _index(benchmark or DEFAULT_BENCHMARK, data, calendar) if data else None
    made = journal_report(directory, begin, end, calendar, index)
    if as_json:
        typer.echo(as_plain(made).decode())
        return
    days = made.result.days
    path = out or directory / "reports" / f"{days[0].day}_{days[-1].day}.html"
    write_journal_report(made, path)
    console = Console(highlight=False)
    console.print(run_table(made.result, made.figures))
    console.print(f"报告 {path}", soft_wrap=True)


def _index(code: str, data: str, calendar: TradingCalendar) -> Callable[[date, date], Benchmark]:
    from bullet_trade.market.codes import normalize
    from bullet_trade.ops.compose import open_data
    from bullet_trade.ops.journal_report import read_benchmark

    return partial(read_benchmark, normalize(code), open_data(data, calendar), calendar)
