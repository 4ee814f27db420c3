"""The few words of the command line that come with typer, in Chinese: titles, kinds of values, and the options that it
adds itself."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from bullet_trade.domain.errors import UsageError

INSTALL = "--install-completion"
ADDED = {
    "--help": "显示这段说明",
    INSTALL: "为当前 shell 安装命令补全",
    "--show-completion": "打印命令补全脚本",
}
"""The options that typer adds by itself, and what is said of them."""

KINDS = {"<str>": "文字", "<int>": "整数", "<float>": "数字", "<path>": "路径", "<list[str]>": "文字", "<bool>": ""}
"""What typer calls a kind of value; a switch takes none."""


def help_is_wanted(arguments: list[str]) -> bool:
    """A page of help may be shown: only then are the words worth the import that they cost."""
    return "--help" in arguments or INSTALL in arguments or len(arguments) < 2


def speak_chinese(command: object) -> None:
    """Give the panels and the added options of `command`, which typer made, and of all below it, Chinese words."""
    from typer import rich_utils

    rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
    rich_utils.OPTIONS_PANEL_TITLE = "选项"
    rich_utils.COMMANDS_PANEL_TITLE = "命令"
    rich_utils.REQUIRED_LONG_STRING = "[必填]"
    rich_utils.DEFAULT_STRING = "[默认 {}]"
    typer.Context.formatter_class.write_usage.__defaults__ = ("", "用法：")  # of `args` and `prefix`
    _name_added(command)


def _name_added(command: object) -> None:
    if not isinstance(command, TyperCommand | TyperGroup):
        return
    context = command.context_class(command)
    command.options_metavar = "[选项]"
    for parameter in command.get_params(context):
        if isinstance(parameter, TyperOption):
            parameter.help = ADDED.get(parameter.opts[0], parameter.help)
            parameter.metavar = parameter.metavar or KINDS.get(parameter.display_type(context))
            if parameter.opts[0] == INSTALL:
                parameter.callback = _install_completion
        elif isinstance(parameter, TyperArgument):
            parameter.display_type_rich = lambda ctx: None  # type: ignore[method-assign]  # its name says it
    if isinstance(command, TyperGroup):
        command.subcommand_metavar = "命令 [参数]..."
        for below in command.commands.values():
            _name_added(below)


def _install_completion(_context: object, _option: object, shell: str | bool | None) -> None:
    from typer._completion_shared import install

    if not shell:
        return
    try:
        with redirect_stdout(StringIO()):  # where it says in English that it does not know the shell
            name, path = install(shell if isinstance(shell, str) else None)
    except typer.Exit:
        raise UsageError("当前的 shell 不支持命令补全", "支持 bash、zsh、fish 和 powershell") from None
    typer.echo(f"{name} 的命令补全已写入 {path}，重新打开终端后生效")
    raise typer.Exit
