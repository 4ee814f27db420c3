"""`bullet-trade config`: what is set, where it comes from, and what is wrong with it.

``python -m bullet_trade.cli.config docs/config.md`` writes the page, any other name the file to begin with.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, EnvFile

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

app = typer.Typer(help="查看和检查配置。", no_args_is_help=True)

EXIT_PROBLEMS = 2


def models() -> dict[str, type[BaseSettings]]:
    """Who reads variables, and which."""
    from bullet_trade.ops.settings import Settings
    from bullet_trade.server.settings import ServerSettings

    return {"live": Settings, "server": ServerSettings}


@app.command()
def show(
    env_file: EnvFile = None,
    changed: Annotated[bool, typer.Option("--changed", help="只看不是默认值的")] = False,
    as_json: AsJson = False,
) -> None:
    """每个变量生效的值和来源；密码显示为 ***。

    例：bullet-trade config show --changed
    """

    from bullet_trade.ops.config_origin import DEFAULT, Effective, effective
    from bullet_trade.ops.settings import sources, validated, values_for

    given = sources(env_file)
    found: dict[str, Effective] = {}
    for model in models().values():
        for one in effective(validated(model, values_for(model, given)), given):
            found.setdefault(one.name, one)
    lines = [one for one in found.values() if not changed or one.origin != DEFAULT]
    if as_json:
        print_json(lines)
        return
    width = max((len(one.name) for one in lines), default=0)
    for one in lines:
        over = f"，盖过 {'、'.join(one.hidden)}" if one.hidden else ""
        typer.echo(f"{one.name:<{width}}  {one.value or '（空）'}  [{one.origin}{over}]")


@app.command()
def check(
    env_file: EnvFile = None,
    broker: Annotated[str, typer.Option(help="按这个券商检查，例如 qmt（默认取 DEFAULT_BROKER）")] = "",
    as_json: AsJson = False,
) -> None:
    """一次列出配置的全部问题；有问题时退出码 2。

    不连接券商（那是 bullet-trade doctor）。例：bullet-trade config check --broker qmt
    """

    from bullet_trade.ops.config_check import deeper_problems, name_problems, value_problems
    from bullet_trade.ops.settings import Settings, sources, validated, values_for

    given = sources(env_file)
    problems = list(name_problems(given, list(models().values())))
    values = [one for m in models().values() for one in value_problems(m, values_for(m, given))]
    problems += dict.fromkeys(values)
    if not values:
        settings = validated(Settings, values_for(Settings, given))
        problems += deeper_problems(settings, broker or settings.default_broker)
    fatal = any(one.fatal for one in problems)
    if as_json:
        print_json([one._asdict() for one in problems])
    elif not problems:
        typer.echo("配置没有问题")
    else:
        for one in problems:
            word, colour = ("错误", typer.colors.RED) if one.fatal else ("警告", typer.colors.YELLOW)
            typer.secho(f"{word}  {one.words}。{one.remedy}", fg=colour)
        if values:
            typer.echo("改正无效的值之后请再检查一次：文件和券商的设置还没有检查")
    if fatal:
        raise typer.Exit(EXIT_PROBLEMS)


if __name__ == "__main__":
    from bullet_trade.ops.config_page import config_page, env_example

    file = Path(sys.argv[1])
    made = config_page(models()) if file.suffix == ".md" else env_example(models())
    file.write_text(made, encoding="utf-8", newline="\n")
