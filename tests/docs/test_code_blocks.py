"""Every code block of the manual is used as its reader would: commands and programs run, settings are read by the
program, and a block of which nobody has said what it is fails."""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from threading import Event

import duckdb
import pytest
from manual_blocks import BLOCKS, PAGES, ROOT, Block, prose_of

from bullet_trade.brokers.simulator.drills import load_drill
from bullet_trade.cli.main import main
from bullet_trade.engine.clock import WallClock
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.rule_files import read_holidays, read_overrides
from bullet_trade.ops.settings import Settings, load_settings
from bullet_trade.server.settings import ServerSettings
from bullet_trade.testing.simulated_world import SimulatedWorld

PORT = "58620"
"""The port that the pages use; here it becomes a free one."""

TAKES_ITS_TIME = {"--watch", "--follow", "--speed"}
"""Lines with these go on until they are interrupted, or for hours: only their words are checked."""

RUN_ELSEWHERE = {"trade-support.md": "tests/helpers/test_page_blocks.py"}
READY_S = 30.0
MINE = """from jqdata import *

def initialize(context):
    run_daily(buy, '9:31')

def buy(context):
    order('600519.XSHG', 100)
"""
ORDERS = "code,side,amount,price\n600519.XSHG,sell,100,15\n"
READERS: dict[str, Callable[[Path], object]] = {
    "holidays.toml": read_holidays,
    "rules.toml": read_overrides,
    "周五.toml": lambda path: load_drill(str(path)),
    ".env": load_settings,
}


def test_every_block_is_run_or_read_or_says_why_not() -> None:
    unknown = []
    for block in BLOCKS:
        try:
            block.handling  # noqa: B018 - it raises
        except KeyError as error:
            unknown.append(f"{block.page}:{block.line} {error}")
    assert unknown == []


def test_a_block_of_an_unknown_kind_is_found() -> None:
    for language, mark in (("", ""), ("yaml", ""), ("bash", "run"), ("python", "by hand: x"), ("bash", "file: x")):
        with pytest.raises(KeyError):
            Block("page.md", 1, language, mark, "").handling  # noqa: B018 - it raises


def test_no_code_hides_in_an_indented_block_or_in_a_shown_text() -> None:
    hidden = [
        f"{page.name}: {line}"
        for page in PAGES
        for line in re.findall(r"\n\n((?: {4,}|\t)[!-~].*)", prose_of(page))  # prose of a list begins with 汉字
    ]
    hidden += [
        f"{block.page}: {line}"
        for block in BLOCKS
        if block.language == "text"
        for line in block.body.splitlines()
        if line.startswith("bullet-trade ") and not re.search(r"\[\S+\]", line)  # a synopsis
    ]
    assert hidden == []


# -- a page as its reader follows it -----------------------------------------------------------------------------------


def quotes() -> str:
    """Daily bars of a month as a file of somebody else has them; every weekday of that month was a session."""
    days = (date(2025, 12, 1) + timedelta(days=number) for number in range(31))
    rows = [f"600519.SH,{day},10.0,10.2,9.9,10.1,1000000,10100000" for day in days if day.weekday() < 5]
    return "\n".join(["代码,日期,开盘,最高,最低,收盘,成交量,成交额", *rows, ""])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Reader:
    """Somebody who follows a page: types its commands into a directory, keeps its files, starts what goes on running
    in a terminal of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = str(free_port())
        self.names: dict[str, object] = {"__name__": "page", "MyWorld": SimulatedWorld}
        self.running: list[subprocess.Popen[bytes]] = []

    def follow(self, block: Block) -> None:
        body = block.body.replace(PORT, self.port)
        os.chdir(self.directory)
        match block.language:
            case "bash":
                for line in body.replace("\\\n", " ").splitlines():
                    self.type(line)
            case "python":
                self._python(body)
            case "sql":
                with duckdb.connect() as database:
                    columns = "'600519.XSHG' code, TIMESTAMP '2025-12-01 09:31:00' datetime, 10.0 open, 10.0 high"
                    database.execute(
                        f"CREATE TABLE 我的表 AS SELECT {columns}, 10.0 low, 10.0 close, 0 volume, 0 money"
                    )
                    database.execute(body)
            case "toml" | "dotenv":
                self._file(block, body)

    def leave(self) -> None:
        for process in self.running:
            process.kill()
            process.wait(READY_S)

    def type(self, line: str) -> None:
        for part in line.split(" && "):
            words = shlex.split(part, comments=True)
            if words:
                self._command([name for word in words for name in (sorted(glob.glob(word)) or [word])])

    def _command(self, words: list[str]) -> None:
        program, *arguments = words
        if ">" in arguments:
            arguments = arguments[: arguments.index(">")]
        match Path(program).name:
            case "bullet-trade" if TAKES_ITS_TIME & {*arguments}:
                pass
            case "bullet-trade" if arguments[0] == "server" or (arguments[0] == "live" and "--replay" not in arguments):
                self._start(arguments)
            case "bullet-trade":
                said = StringIO()
                with redirect_stdout(said), pytest.raises(SystemExit) as ended:
                    main(arguments)
                assert not ended.value.code, f"{arguments}: {said.getvalue()}"
                # A strategy that fails does not end the program; a drill has errors on purpose.
                assert "[错误]" not in said.getvalue() or "--drill" in arguments, said.getvalue()
            case "cd":
                self.directory /= arguments[0]
                os.chdir(self.directory)
            case "mkdir":
                (self.directory / arguments[0]).mkdir()
            case "cp":
                shutil.copy(*arguments)
            case _:
                pytest.fail(f"a block that is run holds {program}; mark it by hand")

    def _start(self, arguments: list[str]) -> None:
        said = self.directory / "said.txt"
        with said.open("wb") as kept:
            process = subprocess.Popen([sys.executable, "-m", "bullet_trade", *arguments], stdout=kept, stderr=kept)
        self.running.append(process)
        control, nap, deadline = self.directory / "runtime" / "control.json", Event(), time.monotonic() + READY_S
        while not (self._listening() if arguments[0] == "server" else control.exists()):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{arguments}: {said.read_text(encoding='utf-8', errors='replace')}")
            nap.wait(0.02)

    def _listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.port))) == 0

    def _python(self, body: str) -> None:
        if re.search(r"^def initialize\(", body, re.MULTILINE):
            (self.directory / "page.py").write_text(body, encoding="utf-8")
            self._command(["bullet-trade", "live", "page.py", "--replay", "2025-12-01:2025-12-01"])
        else:
            exec(compile(body, "page", "exec"), self.names)
            for test in re.findall(r"^def (test_\w+)\(", body, re.MULTILINE):
                self.names[test]()  # type: ignore[operator]

    def _file(self, block: Block, body: str) -> None:
        path = self.directory / (block.file or f"{block.line}.{block.language}")
        path.write_text(body, encoding="utf-8")
        if block.language == "dotenv":
            load_settings(path)
            names = {line.partition("=")[0].lower() for line in body.splitlines()}
            assert names <= {*Settings.model_fields, *ServerSettings.model_fields}
        else:
            tomllib.loads(body)
            READERS[path.name](path)


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a reader's own files, in which an engine has run."""
    if WallClock().now().date() > exchange_calendar().last:
        pytest.skip("the packaged calendar ends before today: no engine starts without a newer one")
    directory = tmp_path_factory.mktemp("lived_in")
    shutil.copytree(ROOT / "strategies", directory / "strategies", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "env.live.example", directory)
    (directory / "我的行情").mkdir()
    for name in ("行情.csv", "我的行情/行情.csv"):
        (directory / name).write_text(quotes(), encoding="utf-8")
    (directory / "我的策略.py").write_text(MINE, encoding="utf-8")
    (directory / "委托.csv").write_text(ORDERS, encoding="utf-8")
    reader = Reader(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        reader.type("bullet-trade live strategies/demo_strategy.py")
        reader.type("bullet-trade stop")
        reader.running[0].wait(READY_S)
    return directory


@pytest.fixture
def reader(lived_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    for name in [name for name in os.environ if name.lower() in Settings.model_fields and name != "BULLET_TRADE_HOME"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    made = Reader(Path(shutil.copytree(lived_in, tmp_path / "here", ignore=shutil.ignore_patterns("control.*"))))
    yield made
    made.leave()


USED = [block for block in BLOCKS if block.handling in ("run", "read")]
FOLLOWED = sorted({block.page for block in USED} - {*RUN_ELSEWHERE, "README.en.md"})


@pytest.mark.parametrize("page", FOLLOWED)
def test_the_blocks_of_a_page_work_one_after_the_other(page: str, reader: Reader) -> None:
    for block in USED:
        if block.page == page:
            reader.follow(block)


def test_the_english_readme_shows_the_commands_of_the_chinese_one() -> None:
    def commands(page: str) -> list[str]:
        lines = [line for block in USED if block.page == page for line in block.body.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]

    ours = "\n".join(commands("README.md"))
    for theirs, name in (("my_strategy.py", "我的策略.py"), ("quotes.csv", "行情.csv")):
        ours = ours.replace(name, theirs)
    assert commands("README.en.md") == ours.splitlines()


def test_pages_whose_programs_run_elsewhere_do() -> None:
    for page, test in RUN_ELSEWHERE.items():
        assert page in (ROOT / test).read_text(encoding="utf-8")
        assert {block.language for block in USED if block.page == page} == {"python"}
