"""`bullet-trade check` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bullet_trade.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = 0
    try:
        main(["check", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().out


def test_a_strategy_that_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "s.py"
    file.write_text("def initialize(context): run_daily(f, 'open')\ndef f(context): order('600000.XSHG', 100)\n")
    code, out = run(capsys, str(file))
    assert code == 0
    assert "run_daily" in out
    assert out.rstrip().endswith("可以运行")


def test_one_that_must_be_changed_exits_with_1_and_says_where(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "s.py"
    file.write_text("def initialize(context):\n    print 'x'\n    margincash_open('600000.XSHG', 100)\n")
    code, out = run(capsys, str(file))
    assert code == 1
    assert "Python 2" in out
    assert "margincash_open" in out


def test_json_is_for_programs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "s.py"
    file.write_text("df = df.ix[0]\nget_valuation('x')\n")
    code, out = run(capsys, str(file), "--json")
    found = json.loads(out)
    assert (code, found["runs"], found["python_2"]) == (0, True, False)
    assert [(name["name"], name["status"], name["lines"]) for name in found["names"]] == [
        ("get_valuation", "需要数据源", [2])
    ]
    assert found["idioms"][0]["line"] == 1
