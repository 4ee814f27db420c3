"""`bullet-trade state`: the operator looks into a runtime directory."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from bullet_trade.cli.main import main

STRATEGY = (
    "from jqdata import *\n"
    "def initialize(context):\n    run_daily(buy, '10:00')\n    run_daily(sell, '10:01')\n"
    "def buy(context):\n    order('600519.XSHG', 100)\n"
    "def sell(context):\n    order('600519.XSHG', -100)\n"
)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The directory of a finished replay of three days."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text(STRATEGY, encoding="utf-8")
    assert run(capsys, "live", "s.py", "--replay", "2025-12-01:2025-12-03", "--quiet")[0] == 0
    return str(tmp_path / "runtime" / "replays" / "s")


def test_show_lists_generations_and_the_last_days_orders(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "state", "show", "--runtime-dir", directory)
    assert code == 0
    assert "完好" in out
    assert "委托 2025-12-03" in out
    assert "买入" in out


def test_show_speaks_to_scripts_too(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "state", "show", "--json", "--runtime-dir", directory)
    found = json.loads(out)
    assert found["kinds"]["intent"] == 5  # three purchases, and sales on the second and third day (T+1)
    assert [order["state"] for order in found["orders"]] == ["已成", "已成"]
    assert found["problems"] == []


def test_verify_is_satisfied_with_a_sound_directory(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "state", "verify", "--runtime-dir", directory)[0] == 0


def test_verify_names_the_damage(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(directory) / "g.pkl").write_bytes(b"?")
    code, _, err = run(capsys, "state", "verify", "--runtime-dir", directory)
    assert code == 3
    assert "g.pkl 校验和不符" in err


def test_the_journal_leaves_as_json_lines_and_as_csv(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = run(capsys, "state", "export", "--runtime-dir", directory, "--kind", "intent")
    assert [json.loads(line)["body"]["order_id"] for line in lines.splitlines()] == [1, 2, 3, 4, 5]
    _, table, _ = run(capsys, "state", "export", "--runtime-dir", directory, "--kind", "intent", "--format", "csv")
    assert len(list(csv.reader(io.StringIO(table)))) == 6


def test_an_empty_directory_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "state", "show", "--runtime-dir", str(tmp_path))
    assert code == 3
    assert "没有状态文件和流水" in err
