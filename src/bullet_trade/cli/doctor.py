"""`bullet-trade doctor`: is everything there that a run needs, and what to do where it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade import __version__
from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, Debug, EnvFile, LogDir, RuntimeDir

if TYPE_CHECKING:
    from bullet_trade.ops.doctor.finding import Finding
    from bullet_trade.ops.doctor.site import Site

EXIT_FAILED = 1
"""At least one check failed."""

WORDS = {
    "ok": ("ok  ", "green"),
    "warning": ("警告", "yellow"),
    "failed": ("失败", "red"),
    "skipped": ("略过", "bright_black"),
}
"""Each four columns wide."""


def doctor(
    broker: Annotated[
        str, typer.Option(help="券商：simulator、qmt 或 qmt-remote，例如 qmt（默认取 DEFAULT_BROKER）")
    ] = "",
    runtime_dir: RuntimeDir = None,
    log_dir: LogDir = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
    acceptance: Annotated[
        bool, typer.Option("--acceptance", help="在装有 QMT 的机器上逐项验收，写出报告；不下单")
    ] = False,
    with_order: Annotated[
        str,
        typer.Option(
            "--with-order", help="验收时在这只证券上挂 100 股远离市价的买单再撤掉，例如 600000", metavar="代码"
        ),
    ] = "",
    report: Annotated[Path, typer.Option("--report", help="验收报告写到哪里，例如 qmt.md")] = Path("acceptance.md"),
    yes: Annotated[bool, typer.Option("--yes", help="不再询问：确认发出验收用的委托")] = False,
    debug: Debug = False,
) -> None:
    """逐项检查环境、设置、目录和券商连接；有失败项时退出码为 1。

    例：bullet-trade doctor --broker qmt
    """
    from bullet_trade.domain.errors import UsageError
    from bullet_trade.ops.doctor.here import BROKERS, this_site
    from bullet_trade.ops.doctor.table import examine
    from bullet_trade.ops.settings import read_settings

    settings = read_settings(env_file)  # a name that is nearly right is a finding here, and no end
    chosen = broker or settings.default_broker
    if chosen not in BROKERS:
        raise UsageError(f"未知的券商 {chosen!r}", f"可用：{'、'.join(BROKERS)}")
    site = this_site(settings, env_file, chosen, runtime_dir or settings.runtime_dir, log_dir or settings.log_dir)
    if acceptance or with_order:
        _accept(site, with_order, report, yes, as_json)
        return
    findings: list[Finding] = []
    for finding in examine(site):
        findings.append(finding)
        if not as_json:
            _show(finding)
    _end(findings, as_json)


def _show(finding: Finding) -> None:
    word, colour = WORDS[finding.level]
    typer.echo(f"{typer.style(word, fg=colour)}  {finding.text}")


def _end(findings: list[Finding], as_json: bool) -> None:

    from bullet_trade.ops.doctor.finding import failed
    from bullet_trade.ops.doctor.table import counted

    if as_json:
        print_json(findings)
    else:
        typer.echo(counted(findings))
    if failed(findings):
        raise typer.Exit(EXIT_FAILED)


def _accept(site: Site, with_order: str, report: Path, yes: bool, as_json: bool) -> None:
    from bullet_trade.domain.errors import UsageError
    from bullet_trade.engine.clock import WallClock
    from bullet_trade.market.codes import normalize
    from bullet_trade.ops.doctor import acceptance
    from bullet_trade.ops.doctor.here import bench

    if site.broker != "qmt":
        raise UsageError(f"--acceptance 验收本机的 QMT，不适用于 {site.broker}", "加 --broker qmt")
    code = normalize(with_order) if with_order else None
    attended = sys.stdin.isatty()
    if code is not None and not yes:
        _agree(code, attended)
    made = bench(site, WallClock(), code, _restart if attended else None)
    findings: list[Finding] = []
    for finding in acceptance.accept(made):
        findings.append(finding)
        if not as_json:
            _show(finding)
    facts = {
        "系统": site.system,
        "Python": ".".join(str(part) for part in site.python),
        "bullet-trade": __version__,
        "xtquant": site.installed("xtquant") or "版本未知",
        "账户": made.broker.label,
    }
    try:
        report.write_text(acceptance.report(findings, site.now(), facts), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"无法写入 {report}：{error.strerror}", "用 --report 指定别的位置") from error
    typer.echo(f"报告 {report}", err=as_json)
    _end(findings, as_json)


def _agree(code: str, attended: bool) -> None:
    from bullet_trade.domain.errors import UsageError

    if not attended:
        raise UsageError("验收要发出一笔真实委托，但没有终端可以确认", "确认无误后加 --yes")
    question = f"将发出一笔真实委托：{code} 买入 100 股，限价低于市价 5%，随后撤单。输入 yes 继续"
    if typer.prompt(question, err=True) != "yes":
        raise UsageError("没有确认，未发出委托", "去掉 --with-order 可以只做不下单的项目")


def _restart() -> None:
    typer.prompt("请退出 QMT，等 30 秒再启动并登录，然后按回车", default="", show_default=False, err=True)
