"""The few words of the command line that come with typer, in Chinese: panel titles and the options it adds itself."""

from __future__ import annotations

from typer.core import TyperCommand, TyperGroup, TyperOption

ADDED = {
    "--help": "显示这段说明",
    "--install-completion": "为当前 shell 安装命令补全",
    "--show-completion": "打印命令补全脚本",
}
"""The options that typer adds by itself, and what is said of them."""


def help_is_wanted(arguments: list[str]) -> bool:
    """A page of help may be shown: only then are the words worth the import that they cost."""
    return "--help" in arguments or len(arguments) < 2


def speak_chinese(command: object) -> None:
    """Give the panels and the added options of `command`, which typer made, and of all below it, Chinese words."""
    from typer import rich_utils

    rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
    rich_utils.OPTIONS_PANEL_TITLE = "选项"
    rich_utils.COMMANDS_PANEL_TITLE = "命令"
    rich_utils.REQUIRED_LONG_STRING = "[必填]"
    rich_utils.DEFAULT_STRING = "[默认 {}]"
    _name_added(command)


def _name_added(command: object) -> None:
    if not isinstance(command, TyperCommand | TyperGroup):
        return
    for option in command.get_params(command.context_class(command)):
        if isinstance(option, TyperOption):
            option.help = ADDED.get(option.opts[0], option.help)
    for below in command.commands.values() if isinstance(command, TyperGroup) else ():
        _name_added(below)
