"""The operator's commands on the command line, against a socket with prepared answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest

from bullet_trade.cli.main import main
from bullet_trade.engine.brake import BrakeMode, BrakeState
from bullet_trade.engine.commands import SaleLine
from bullet_trade.ops.control.endpoint import Place
from bullet_trade.ops.control.messages import Reply, Request
from bullet_trade.ops.control.server import ControlServer
from bullet_trade.ops.status import About, OrderLine, StatusView

AT = datetime(2025, 6, 3, 10)
SOLD = OrderLine(7, "t", AT, "600000.XSHG", "甲", "sell", 300, 300, "market", 9.8, 9.99, "filled", "", False)
ABOUT = About(11, "s.py", "模拟券商", "实时", "/rt")
VIEW = StatusView(ABOUT, AT, AT.date(), None, "up", 1.0, 1.0, 0.0, (), (SOLD,), 1, 1, 0, (), None)
PLAN = (SaleLine("600000.XSHG", "甲", 300, 300, 10.0, ""), SaleLine("600001.XSHG", "乙", 100, 0, 9.0, "停牌，不可卖"))

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[list[Request]]:
    """What reaches the engine of the directory ``rt``."""
    requests: list[Request] = []
    replies = {
        "status": Reply(True, "status", "", status=VIEW, brake=BrakeState(BrakeMode.HALTED, "li", "异常")),
        "flatten-plan": Reply(True, "plan", "", plan=PLAN),
        "flatten": Reply(True, "selling", "已发出 1 笔卖出委托", (7,)),
        "reload": Reply(False, "kept_old", "没有重新加载，旧代码继续运行：语法错误"),
    }

    async def handle(request: Request) -> Reply:
        requests.append(request)
        return replies.get(request.command, Reply(True, "done", "好"))

    (tmp_path / "rt").mkdir()
    server = ControlServer(Place(tmp_path / "rt"), handle)
    server.start()
    yield requests
    server.close()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in the test's directory: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--runtime-dir", "rt"])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.mark.parametrize("command", ["pause", "resume", "halt", "cancel-all", "stop"])
def test_a_command_reaches_the_engine_with_its_reason(command: str, asked: list[Request], cli: Cli) -> None:
    assert cli(command, "--why", "试试")[:2] == (0, "好\n")
    assert [(request.command, request.why) for request in asked] == [(command, "试试")]
    assert asked[0].who.pid > 0


def test_what_the_engine_did_not_do_ends_with_an_exit_code(asked: list[Request], cli: Cli) -> None:
    code, out, _ = cli("reload")
    assert (code, out) == (1, "没有重新加载，旧代码继续运行：语法错误\n")


def test_status_as_a_page_and_for_programs(asked: list[Request], cli: Cli) -> None:
    code, out, _ = cli("status")
    assert code == 0
    assert "急停有效（li）：异常" in out
    assert "600000.XSHG" in out
    document = json.loads(cli("status", "--json")[1])
    assert document["status"]["orders"][0]["state"] == "filled"
    assert document["brake"]["mode"] == "halted"


@pytest.mark.parametrize(("command", "code", "name"), [("halt", 0, "done"), ("reload", 1, "kept_old")])
def test_a_script_reads_the_answer_as_json(command: str, code: int, name: str, asked: list[Request], cli: Cli) -> None:
    ended, out, _ = cli(command, "--json")
    answer = json.loads(out)
    assert (ended, answer["code"], answer["ok"]) == (code, name, code == 0)


def test_a_script_that_flattens_has_to_agree_beforehand(asked: list[Request], cli: Cli) -> None:
    code, out, err = cli("flatten", "--json")
    assert (code, out, asked) == (2, "", [])
    assert "--yes" in err
    code, out, _ = cli("flatten", "--json", "--yes")
    document = json.loads(out)
    assert (code, document["orders"], len(document["plan"])) == (0, [7], 2)


def test_a_page_that_refreshes_is_no_document(asked: list[Request], cli: Cli) -> None:
    code, out, err = cli("status", "--watch", "--json")
    assert (code, out) == (2, "")
    assert "去掉 --watch" in err


def test_flatten_shows_the_plan_and_wants_a_yes(asked: list[Request], cli: Cli) -> None:
    code, out, err = cli("flatten")
    assert code == 2
    assert "停牌，不可卖" in out
    assert "--yes" in err
    assert [request.command for request in asked] == ["flatten-plan"]


class Terminal(StringIO):
    """A terminal at which somebody has typed."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "sells"), [("y", True), ("YES", True), ("n", False), ("", False), ("什么", False)])
def test_flatten_asks_once_and_anything_but_a_yes_sells_nothing(
    typed: str, sells: bool, asked: list[Request], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    code, _, err = cli("flatten")
    assert (code, "已取消" in err) == ((0, False) if sells else (1, True))
    assert ("flatten" in [request.command for request in asked]) is sells


def test_flatten_with_a_yes_sells_and_shows_what_came_of_it(asked: list[Request], cli: Cli) -> None:
    code, out, _ = cli("flatten", "--yes")
    assert code == 0
    assert [request.command for request in asked] == ["flatten-plan", "flatten", "status"]
    assert "已发出 1 笔卖出委托" in out
    assert "9.990" in out


def test_without_an_engine_the_error_says_so(tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("halt")
    assert code == 2
    assert "没有正在运行的引擎" in err
    assert err.count("\n") == 1
