"""`bullet-trade init`: from nothing to a first replay."""

from __future__ import annotations

import stat
import sys
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bullet_trade.cli.main import main
from bullet_trade.ops.working_directory import demo_strategy

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["init", *arguments])
    captured = capsys.readouterr()
    assert (ended.value.code or 0, captured.err) == (0, "")
    return captured.out


class Terminal(StringIO):
    """Somebody sits there who gives these answers."""

    def isatty(self) -> bool:
        return True


def test_everything_that_a_first_run_needs_is_there(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    out = made(capsys, "new dir", "--yes")
    folder = here / "new dir"
    assert {path.name for path in folder.iterdir()} == {".env", ".gitignore", "strategies", "runtime", "logs"}
    assert dotenv_values(folder / ".env")["DEFAULT_BROKER"] == "simulator"
    assert ".env" in (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
    steps = out.partition("接下来：\n")[2].splitlines()
    assert [step.split()[:2] for step in steps] == [
        ["cd", '"new'],
        ["bullet-trade", "config"],
        ["bullet-trade", "live"],
        ["bullet-trade", "doctor"],
    ]


def test_the_three_commands_that_it_names_work(capsys: pytest.CaptureFixture[str]) -> None:
    steps = made(capsys, "--yes").partition("接下来：\n")[2].splitlines()
    assert len(steps) == 3
    for step in steps[:2]:
        words = step.split()[1:]
        short = [word.replace("2026-01-30", "2025-12-02") for word in words]
        with pytest.raises(SystemExit) as ended:
            main(short)
        assert not ended.value.code


def test_nothing_that_is_there_is_touched(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "strategies").mkdir()
    mine = {".env": "DEFAULT_BROKER=qmt\n", ".gitignore": "x\n", "strategies/demo_strategy.py": "mine\n"}
    for name, text in mine.items():
        (here / name).write_text(text)
    out = made(capsys)
    assert {name: (here / name).read_text() for name in mine} == mine
    assert out.count("已有，未动") == 3


def test_a_second_time_changes_nothing(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    made(capsys, "--yes")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    made(capsys, "--yes")
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_at_a_terminal_it_asks_for_what_the_broker_needs(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ("qtm", "qmt", '"C:\\国金 QMT\\userdata_mini"', "12345678")
    monkeypatch.setattr(sys, "stdin", Terminal("\n".join(answers) + "\n"))
    made(capsys)
    values = dotenv_values(here / ".env")
    assert values["DEFAULT_BROKER"] == "qmt"
    assert values["QMT_DATA_PATH"] == "C:\\国金 QMT\\userdata_mini"
    assert values["QMT_ACCOUNT_ID"] == "12345678"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_nobody_else_may_read_the_settings(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    made(capsys, "--yes")
    assert stat.S_IMODE((here / ".env").stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_made_is_named(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "file").write_text("")
    with pytest.raises(SystemExit) as ended:
        main(["init", "file/below", "--yes"])
    assert ended.value.code == 2
    assert "below" in capsys.readouterr().err


def test_the_strategy_that_is_shipped_is_the_one_of_the_manual() -> None:
    """``cp strategies/demo_strategy.py src/bullet_trade/ops/demo_strategy.txt`` after a change."""
    assert demo_strategy() == (ROOT / "strategies" / "demo_strategy.py").read_text(encoding="utf-8")
