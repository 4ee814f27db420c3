"""The manual is true: its commands exist, its links lead somewhere, its tables of codes are the program's."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from manual_blocks import PAGES, ROOT, blocks_of, prose_of

from bullet_trade.cli.main import app
from bullet_trade.engine.brake import BrakeMode
from bullet_trade.remote.actions import ADMIN_ACTIONS, BROKER_ACTIONS, DATA_ACTIONS
from bullet_trade.remote.errors import ErrorCode
from bullet_trade.remote.features import EXTENSIONS
from bullet_trade.server.venues import SERVER_TYPES

SOURCE = ROOT / "src" / "bullet_trade"
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PROGRAM = re.compile(r"^(?:\S*[/\\])?bullet-trade(?:\.exe)?\s+(.*)$")


class Line(NamedTuple):
    """A command line as a page shows it."""

    page: str
    text: str


def command_lines() -> Iterator[Line]:
    for page in PAGES:
        fenced = [line for block in blocks_of(page) for line in block.body.replace("\\\n", " ").splitlines()]
        for line in [*fenced, *_INLINE.findall(prose_of(page))]:
            for part in re.split(r"\s+&&\s+|;\s+", line.strip()):
                if found := _PROGRAM.match(part.strip()):
                    yield Line(page.name, found.group(1).split(" #")[0].strip())


LINES = sorted(set(command_lines()))
PROGRAM = typer.main.get_command(app)


def unknown(words: list[str]) -> str:
    """What the program does not know in the words of a command line, '' when it knows all."""
    command = PROGRAM
    for place, word in enumerate(words):
        subcommands = getattr(command, "commands", {})
        if word.startswith("-"):
            known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
            if word.split("=")[0] not in known | {"--help"}:
                return word
        elif subcommands and word not in ("...", "…"):
            if word not in subcommands:
                return "" if place and words[place - 1].startswith("-") else word
            command = subcommands[word]
    return ""


def words_of(text: str) -> list[str]:
    plain = re.sub(r"[\[\]|]", " ", text.split("，", maxsplit=1)[0].split("；", maxsplit=1)[0].replace("^", " "))
    try:
        return shlex.split(plain, posix=False)
    except ValueError:
        return plain.split()


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.page}: {line.text[:60]}")
def test_every_command_line_of_the_manual_is_one_that_the_program_has(line: Line) -> None:
    assert unknown(words_of(line.text)) == "", f"{line.page}: bullet-trade {line.text}"


def test_a_command_line_with_an_option_that_does_not_exist_is_found() -> None:
    assert unknown(words_of("live 策略.py --nonsense")) == "--nonsense"
    assert unknown(words_of("state shew")) == "shew"
    assert unknown(words_of("state show --day 2025-12-01")) == ""


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in _LINK.findall(prose_of(page)):
            if not re.match(r"[a-z]+:", target):
                yield page, target


def slug(heading: str) -> str:
    """The anchor of a heading as the site makes it."""
    plain = re.sub(r"[`*]", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def test_every_internal_link_leads_to_a_page_and_a_heading() -> None:
    lost = []
    for page, target in links():
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        headings = (
            re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            if file.suffix == ".md" and file.exists()
            else []
        )
        if not file.exists() or (anchor and anchor not in {slug(one) for one in headings}):
            lost.append(f"{page.name}: {target}")
    assert lost == []


def table_after(page: str, heading: str) -> set[str]:
    """The codes in the first column of the table under a heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    part = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE))


@cache
def trees() -> tuple[ast.Module, ...]:
    files = [file for file in SOURCE.rglob("*.py") if "server" not in file.relative_to(SOURCE).parts]
    return tuple(ast.parse(file.read_text(encoding="utf-8")) for file in files)  # the server's refusals are frames


def test_the_table_of_rules_names_every_rule_that_refuses_and_no_other() -> None:
    named = {
        call.args[0].value
        for tree in trees()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Refusal"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    brakes = {mode.value for mode in BrakeMode} - {"running"}
    assert table_after("faq.md", "拒绝的规则") == named | brakes


def test_the_table_of_error_codes_names_every_code_and_no_other() -> None:
    codes = {
        line.value.value
        for tree in trees()
        for kind in ast.walk(tree)
        if isinstance(kind, ast.ClassDef)
        for line in kind.body
        if isinstance(line, ast.Assign)
        and isinstance(line.value, ast.Constant)
        and str(line.value.value).startswith("BT_")
    }
    assert table_after("faq.md", "错误代码") == codes
    assert table_after("faq.md", "远程服务的错误代码") == {code.value for code in ErrorCode}


def test_the_page_of_the_protocol_names_every_extension_and_action() -> None:
    assert table_after("protocol.md", "扩展") == set(EXTENSIONS)
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    for family, actions in (("data.", DATA_ACTIONS), ("broker.", BROKER_ACTIONS), ("admin.", ADMIN_ACTIONS)):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{family}` |"))
        assert set(re.findall(r"`(\w+)`", row)) == set(actions)


def test_the_page_of_the_server_names_its_types() -> None:
    page = (ROOT / "docs" / "qmt-server.md").read_text(encoding="utf-8")
    named = re.search(r"^本版本可用的服务类型：(.+)$", page, re.MULTILINE)
    assert named is not None
    assert named.group(1).split("、") == list(SERVER_TYPES)


def test_every_page_stands_in_the_navigation_and_asks_nothing_of_other_machines() -> None:
    plan = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert {page.name for page in ROOT.glob("docs/*.md")} == set(re.findall(r": (\S+\.md)$", plan, re.MULTILINE))
    assert "font: false" in plan
    assert not re.search(r"https?://", plan)
    assert "strict: true" in plan
