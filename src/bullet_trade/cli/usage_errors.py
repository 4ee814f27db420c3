"""Why a command line is refused, in Chinese: typer says it in English, in an exception for each kind of mistake."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import NamedTuple

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from bullet_trade.domain.errors import UsageError

PROGRAM = "bullet-trade"

REFUSALS = tuple(
    kind for kind in typer.BadParameter.__mro__ if issubclass(kind, Exception) and kind.__name__ == "UsageError"
)
"""The base of typer's refusals. Which module holds it depends on the version of typer."""

HELP_SHOWN = "NoArgsIsHelpError"
"""Raised where a group of commands stands alone: its page has been printed by then."""


class Line(NamedTuple):
    """The command that a command line names, as far as it could be followed; `stray` is the word that names none."""

    path: str
    command: TyperCommand | TyperGroup
    stray: str

    @property
    def page(self) -> str:
        """Where to read more."""
        return f"全部写法见 {self.path} --help"

    @property
    def example(self) -> str:
        """The example of the command's help."""
        _, found, example = (self.command.help or "").partition("例：")
        return f"例：{example}" if found else self.page


def explained(refusal: Exception, root: object, arguments: list[str]) -> UsageError | None:
    """The refusal of `arguments` by `root` with cause and remedy; None where the help has been shown instead."""
    kinds = [kind.__name__ for kind in type(refusal).__mro__]
    if HELP_SHOWN in kinds:
        return None
    explain = next(EXPLANATIONS[kind] for kind in kinds if kind in EXPLANATIONS)
    cause, remedy = explain(refusal, _followed(root, arguments))
    return UsageError(cause, remedy)


def _followed(root: object, arguments: list[str]) -> Line:
    assert isinstance(root, TyperGroup)
    command: TyperCommand | TyperGroup = root
    path, words = [PROGRAM], iter(arguments)
    for word in words:
        if not isinstance(command, TyperGroup):
            break
        if word.startswith("-"):
            option = _option(command, word)
            if option is not None and not option.is_flag:
                next(words, None)
            continue
        below = command.commands.get(word)
        if not isinstance(below, TyperCommand | TyperGroup):
            return Line(" ".join(path), command, word)
        command = below
        path.append(word)
    return Line(" ".join(path), command, "")


def _option(command: TyperCommand | TyperGroup, name: str) -> TyperOption | None:
    options = (one for one in command.params if isinstance(one, TyperOption))
    return next((one for one in options if name in (*one.opts, *one.secondary_opts)), None)


def _nearest(name: str, names: Iterable[str], line: Line) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f"是否应为 {near[0]}？{line.page}" if near else line.page


def _no_such_option(refusal: Exception, line: Line) -> tuple[str, str]:
    name = str(getattr(refusal, "option_name", ""))
    options = (one for one in line.command.params if isinstance(one, TyperOption))
    names = [spelt for one in options for spelt in (*one.opts, *one.secondary_opts)]
    return f"{line.path} 没有选项 {name}", _nearest(name, [*names, "--help"], line)


def _value_or_none(refusal: Exception, line: Line) -> tuple[str, str]:
    name = str(getattr(refusal, "option_name", ""))
    option = _option(line.command, name)
    if option is None or option.is_flag:
        return f"选项 {name} 不带值", f"只写 {name}"
    return f"选项 {name} 缺少值", _told(option)


def _missing(refusal: Exception, line: Line) -> tuple[str, str]:
    return f"{line.path} 缺少{_named(_parameter(refusal))}", line.example


def _bad_value(refusal: Exception, line: Line) -> tuple[str, str]:
    from pydantic import ValidationError

    from bullet_trade.ops.config_words import complaint

    parameter = _parameter(refusal)
    choices = getattr(getattr(parameter, "type_descriptor", None), "choices", None)
    first = refusal.__cause__.errors()[0] if isinstance(refusal.__cause__, ValidationError) else None
    value = f" {first['input']!r} " if first is not None else ""
    why = f"：{complaint(first)}" if first is not None and not choices else ""
    remedy = _told(parameter) if isinstance(parameter, TyperOption) else line.page
    return f"{_named(parameter)} 的值{value}无效{why}", f"可用：{'、'.join(choices)}" if choices else remedy


def _wrong_words(refusal: Exception, line: Line) -> tuple[str, str]:
    if not isinstance(line.command, TyperGroup):
        extra = re.search(r" \((.*)\)", str(getattr(refusal, "message", "")), re.DOTALL)
        return f"{line.path} 多出了 {extra[1] if extra else '参数'}", f"有空格的内容要加引号。{line.example}"
    if line.stray:
        return f"{line.path} 没有命令 {line.stray}", _nearest(line.stray, line.command.commands, line)
    return f"{line.path} 之后缺少命令", line.page


def _parameter(refusal: Exception) -> object:
    return getattr(refusal, "param", None)


def _named(parameter: object) -> str:
    if isinstance(parameter, TyperArgument):
        return f"参数 {parameter.metavar}"
    return f"选项 {parameter.opts[0]}" if isinstance(parameter, TyperOption) else "参数"


def _told(option: TyperOption) -> str:
    return f"{option.opts[0]}：{option.help}"


EXPLANATIONS: dict[str, Callable[[Exception, Line], tuple[str, str]]] = {
    "NoSuchOption": _no_such_option,
    "BadOptionUsage": _value_or_none,
    "MissingParameter": _missing,
    "BadParameter": _bad_value,
    "UsageError": _wrong_words,
}
"""By the name of typer's exception; cause and remedy."""
