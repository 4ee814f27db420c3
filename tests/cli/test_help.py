"""The help of every command: a stranger's first page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

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
    "notify test",
    "state verify",
    "state replay",
    "data import",
    "pause",
    "resume",
    "halt",
    "cancel-all",
    "flatten",
    "reload",
    "stop",
)

EXAMPLE = re.compile(r"例如 ?\S|\d|[\w.]+/|“")
"""A value to start from."""

SYNTAX = re.compile(r"bullet-trade[ -~]*|--?[\w/-]+")
ENGLISH = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}|<\w+>")
"""Two words in a row that are no command, or what typer calls a kind of value."""


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


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_with_a_value_shows_an_example_of_one(path: str) -> None:
    options = [one for one in COMMANDS[path].params if isinstance(one, TyperOption) and not one.is_flag]
    assert [one.opts[0] for one in options if not EXAMPLE.search(one.help or "")] == []


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
    for english in ("Usage", "OPTIONS", "Options ─", "Commands ─", "Arguments ─", "ARGS", "[required]", "[default"):
        assert english not in page
    for english in ("<str>", "<path>", "<bool>", "Show this", "Install comp"):
        assert english not in page


@pytest.mark.parametrize("path", COMMANDS)
def test_no_page_holds_an_english_phrase(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main([*path.split(), "--help"])
    page = SYNTAX.sub("", capsys.readouterr().out)
    assert "用法：" in page
    assert ENGLISH.findall(page) == []


@pytest.fixture
def no_guess_of_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


@pytest.mark.usefixtures("no_guess_of_the_shell")
def test_the_completion_is_installed_with_a_word_of_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--install-completion", "bash"])
    assert (ended.value.code, list(tmp_path.iterdir()) != []) == (0, True)
    assert "的命令补全已写入" in capsys.readouterr().out
