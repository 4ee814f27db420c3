"""The help of every command: a stranger's first page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pytest
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from bullet_trade.cli.main import app, main
from bullet_trade.cli.wording import speak_chinese

CHINESE = re.compile(r"[\u4e00-\u9fff]")

LIST_WIDTH = 64
"""Columns that an 80-column terminal leaves for a command's line in the list, beside the longest name."""

READ_BY_SCRIPTS = (
    "rules",
    "check",
    "data check",
    "state show",
    "status",
    "risk",
    "risk test",
    "doctor",
    "config show",
    "config check",
    "logs",
    "report",
    "why",
    "notify outbox",
)


def walk(command: object, path: str = "") -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    assert isinstance(command, TyperCommand | TyperGroup)
    yield path, command
    for name, below in command.commands.items() if isinstance(command, TyperGroup) else ():
        yield from walk(below, f"{path} {name}".strip())


ROOT = get_command(app)
speak_chinese(ROOT)
COMMANDS = dict(walk(ROOT))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, TyperGroup)}


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WFA" else 1 for sign in text)


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_says_in_one_line_of_the_list_what_it_does(path: str) -> None:
    first = (COMMANDS[path].help or "").split("\n\n")[0].strip()
    assert CHINESE.search(first)
    assert columns(first) <= LIST_WIDTH, "the list of commands would cut it off"


@pytest.mark.parametrize("path", LEAVES)
def test_a_command_shows_an_example_of_itself(path: str) -> None:
    assert f"例：bullet-trade {path}" in (LEAVES[path].help or "")


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_and_argument_is_explained_in_chinese(path: str) -> None:
    command = COMMANDS[path]
    told = {one.name: one.help for one in command.params if isinstance(one, TyperOption | TyperArgument)}
    unexplained = [name for name, words in told.items() if not CHINESE.search(words or "")]
    assert not unexplained


@pytest.mark.parametrize("path", READ_BY_SCRIPTS)
def test_what_a_script_reads_comes_as_json(path: str) -> None:
    assert any("--json" in one.opts for one in COMMANDS[path].params)


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [(["--help"], ("选项", "命令")), ([], ("选项", "命令")), (["data", "import", "--help"], ("参数", "选项", "必填"))],
)
def test_the_page_has_no_english_titles(
    arguments: list[str], titles: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    page = "".join(capsys.readouterr())
    assert all(title in page for title in titles)
    assert "显示这段说明" in page
    for english in ("Options ─", "Commands ─", "Arguments ─", "[required]", "[default", "Show this", "Install comp"):
        assert english not in page
