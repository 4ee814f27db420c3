"""`bullet-trade service print`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bullet_trade.cli.main import main


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["service", "print", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "轮动 v1.py").write_text("", encoding="utf-8")
    return tmp_path


def test_the_unit_runs_this_python_in_this_directory(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, err = printed(capsys, "轮动 v1.py", "--systemd", "--broker", "qmt-remote")
    assert code == 0
    assert f"WorkingDirectory={folder}\n" in out
    assert f'ExecStart={sys.executable} -m bullet_trade live "轮动 v1.py" --broker qmt-remote\n' in out
    assert "/bullet-trade-轮动_v1.service" in out
    assert "--yes" in err


def test_without_a_strategy_it_is_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = printed(capsys, "--systemd", "--name", "quotes")
    assert "bullet_trade server\n" in out
    assert "/quotes.service" in out
    assert err == ""


def test_windows_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        'nssm set bullet-trade-轮动_v1 AppParameters "-m bullet_trade live'
        in printed(capsys, "轮动 v1.py", "--windows")[1]
    )


@pytest.mark.parametrize("arguments", [("none.py",), ("轮动 v1.py", "--systemd", "--windows")])
def test_mistakes_end_with_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code, out, err = printed(capsys, *arguments)
    assert (code, out, err.startswith("错误 [BT_USAGE]")) == (2, "", True)
