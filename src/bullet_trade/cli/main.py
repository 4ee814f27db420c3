"""`bullet-trade`: the commands, and how errors are shown. Heavy imports happen inside the commands."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from bullet_trade import __version__
from bullet_trade.cli import config, control, data, notify, risk, server_book, service, state
from bullet_trade.cli.check import check
from bullet_trade.cli.doctor import doctor
from bullet_trade.cli.init import init
from bullet_trade.cli.logs import logs
from bullet_trade.cli.options import Debug, EnvFile, LogDir, RuntimeDir
from bullet_trade.cli.report import report
from bullet_trade.cli.rules import rules
from bullet_trade.cli.server import server
from bullet_trade.cli.usage_errors import PROGRAM, REFUSALS, explained
from bullet_trade.cli.why import why
from bullet_trade.cli.wording import help_is_wanted, speak_chinese
from bullet_trade.domain.errors import BulletTradeError, InvariantError, StateError, UsageError

if TYPE_CHECKING:
    from bullet_trade.ops.settings import Settings

app = typer.Typer(
    name=PROGRAM,
    help="运行聚宽风格的 A 股策略：回放、模拟盘、实盘。",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
app.add_typer(service.app, name="service")
app.command()(init)
app.add_typer(state.app, name="state")
app.add_typer(risk.app, name="risk")
app.add_typer(notify.app, name="notify")
app.command()(rules)
app.command()(check)
control.add_to(app)
app.command()(why)
app.command()(report)
app.command()(logs)
app.command()(doctor)
app.command()(server)
app.add_typer(server_book.app, name="server-book")

EXIT_ABORTED, EXIT_USAGE, EXIT_STATE, EXIT_DEFECT = 1, 2, 3, 70
"""Exit codes: a question was answered with no; the command, file or setting is wrong; saved state or the journal is not
safe; a defect of ours."""

_RANGE = re.compile(r"(\d{4}-?\d\d-?\d\d)?:?(\d{4}-?\d\d-?\d\d)?")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bullet-trade {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="显示版本", callback=_version, is_eager=True)] = False,
) -> None:
    """运行聚宽风格的 A 股策略：回放、模拟盘、实盘。"""


@app.command()
def live(
    strategy: Annotated[Path, typer.Argument(help="策略文件", metavar="策略文件.py")],
    broker: Annotated[
        str, typer.Option(help="券商：simulator、qmt 或 qmt-remote，例如 qmt（默认取 DEFAULT_BROKER）")
    ] = "",
    replay: Annotated[
        str, typer.Option(help="回放过去的日子：--replay、--replay 2025-12-01 或 --replay 2025-12-01:2026-01-30")
    ] = "",
    speed: Annotated[str, typer.Option(help="回放速度：max，或实际时间的倍数，例如 60")] = "max",
    data: Annotated[
        str, typer.Option(help="行情：数据目录，例如 data；qmt；或 synthetic、synthetic:7（种子）")
    ] = "synthetic",
    runtime_dir: RuntimeDir = None,
    log_dir: LogDir = None,
    env_file: EnvFile = None,
    cash: Annotated[float | None, typer.Option(help="模拟账户初始资金，元，例如 100000")] = None,
    exit_after_close: Annotated[bool, typer.Option("--exit-after-close", help="15:30 退出，不等次日")] = False,
    drill: Annotated[
        str, typer.Option("--drill", help="风控演练：名称，例如 disconnect，或场景文件，见 docs/simulator.md")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="归档已保存的状态，重新开始（流水和账户保留）")] = False,
    restore: Annotated[int | None, typer.Option("--restore", help="退回到第几代已保存的状态，例如 3")] = None,
    catch_up: Annotated[
        float, typer.Option("--catch-up", help="补做停机期间错过的定时任务，最多晚这么多秒，例如 300")
    ] = 0.0,
    risk: Annotated[bool, typer.Option("--risk", help="回放也套用全部限额（实盘和模拟盘总是套用）")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问：确认在真实账户上用 LIVE_MODE=live 交易")] = False,
    open_report: Annotated[bool, typer.Option("--open", help="回放结束后在浏览器里打开报告")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="只显示警告、错误和总结")] = False,
    debug: Debug = False,
) -> None:
    """运行策略。

    例：bullet-trade live strategies/demo_strategy.py --replay 2025-12-01:2026-01-30
    """
    from bullet_trade.ops.live import run_live
    from bullet_trade.ops.run_request import RunRequest
    from bullet_trade.ops.settings import load_settings

    settings = load_settings(env_file)
    if cash is not None:
        if cash <= 0:
            raise UsageError(f"初始资金 {cash:g} 无效", "--cash 要大于 0")
        settings = settings.model_copy(update={"simulator_initial_cash": cash})
    request = RunRequest(
        strategy=strategy,
        broker=broker or settings.default_broker,
        replay=replay or None,
        speed=_speed(speed),
        data=data,
        runtime_dir=runtime_dir or settings.runtime_dir,
        stop_after_close=exit_after_close,
        drill=drill,
        fresh=fresh,
        restore=restore,
        catch_up_s=catch_up,
        confirmed=yes,
        risk=risk,
    )
    if not replay:
        _tell_settings(settings, env_file)
    run_live(request, settings, log_dir or settings.log_dir, quiet, open_report)


def _tell_settings(settings: Settings, env_file: Path | None) -> None:
    """Say what is set and where, and what is written without being read: before money depends on it."""
    from bullet_trade.cli.config import models
    from bullet_trade.ops.config_check import name_problems
    from bullet_trade.ops.config_origin import chosen_line
    from bullet_trade.ops.settings import sources

    given = sources(env_file)
    typer.echo(f"设置  {chosen_line(settings, given) or '全部是默认值'}")
    for one in name_problems(given, list(models().values())):
        typer.secho(f"警告  {one.words}。{one.remedy}", fg=typer.colors.YELLOW, err=True)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise UsageError(f"回放速度 {text!r} 无效", "写成 max 或一个正数，例如 60")
    return speed


def with_optional_values(arguments: list[str]) -> list[str]:
    """`--replay` may stand alone: give it the value ``auto`` unless a date or range follows."""
    result: list[str] = []
    for place, argument in enumerate(arguments):
        result.append(argument)
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        if arguments[0] == "live" and argument == "--replay" and not (following and _RANGE.fullmatch(following)):
            result.append("auto")
    return result


def main(given: list[str] | None = None) -> None:
    """Entry point of the command; `given` stands in for `sys.argv`.

    Errors of ours end with one clear line and exit code 2 or 3; `--debug` shows the stack.
    """
    from bullet_trade.ops.logbook import safe_console

    safe_console()
    arguments = with_optional_values(sys.argv[1:] if given is None else given)
    command = get_command(app)
    if help_is_wanted(arguments):
        speak_chinese(command)
    try:
        ended = command(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except REFUSALS as refusal:
        error = explained(refusal, command, arguments)
        ended = _told(error) if error is not None else EXIT_USAGE
    except typer.Abort:
        typer.echo("已取消", err=True)
        ended = EXIT_ABORTED
    except BulletTradeError as error:
        if "--debug" in arguments:
            raise
        ended = _told(error)
    raise SystemExit(ended)


def _told(error: BulletTradeError) -> int:
    """Say what is wrong. Returns the exit code."""
    typer.secho(f"错误 [{error.code}] {error}", fg=typer.colors.RED, err=True)
    return _exit_code(error)


def _exit_code(error: BulletTradeError) -> int:
    if isinstance(error, InvariantError):
        return EXIT_DEFECT
    return EXIT_STATE if isinstance(error, StateError) else EXIT_USAGE
