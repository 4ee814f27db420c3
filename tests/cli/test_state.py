"""`bullet-trade state`: the operator looks into a runtime directory."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest

from bullet_trade.cli.main import main
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.ops.compose import compose
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.testing.recorder import Recorder

STRATEGY = (
    "from jqdata import *\n"
    "def initialize(context):\n    g.codes = ['a', 'b']\n    run_daily(buy, '10:00')\n    run_daily(sell, '10:01')\n"
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
    code, out, _ = run(capsys, "state", "verify", "--runtime-dir", directory, "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])


def test_verify_names_the_damage(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(directory) / "g.pkl").write_bytes(b"?")
    code, _, err = run(capsys, "state", "verify", "--runtime-dir", directory)
    assert code == 3
    assert "g.pkl 校验和不符" in err
    code, out, _ = run(capsys, "state", "verify", "--runtime-dir", directory, "--json")
    assert code == 3
    assert any("g.pkl 校验和不符" in problem for problem in json.loads(out)["problems"])


def test_the_journal_leaves_as_json_lines_and_as_csv(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = run(capsys, "state", "export", "--runtime-dir", directory, "--kind", "intent")
    assert [json.loads(line)["body"]["order_id"] for line in lines.splitlines()] == [1, 2, 3, 4, 5]
    _, table, _ = run(capsys, "state", "export", "--runtime-dir", directory, "--kind", "intent", "--format", "csv")
    assert len(list(csv.reader(io.StringIO(table)))) == 6


def test_an_empty_directory_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "state", "show", "--runtime-dir", str(tmp_path))
    assert code == 3
    assert "没有状态文件和流水" in err


@pytest.fixture
def live_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The directory of two paper days with few saves, its strategy beside it."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "s.py"
    file.write_text(STRATEGY, encoding="utf-8")
    changes = {"bullet_trade_home": tmp_path, "g_autosave_interval": 3600.0}
    settings = load_settings(None).model_copy(update=changes)
    for day in (3, 4):
        request = RunRequest(file, "simulator", None, None, "synthetic", tmp_path / "rt", stop_after_close=True)
        run_ = compose(request, settings, Recorder(), VirtualClock(datetime(2025, 12, day, 9)))
        run_.session.run()
        run_.held.release()
    return str(tmp_path / "rt")


def test_show_lists_fills_positions_and_what_g_holds(live_directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "state", "show", "--runtime-dir", live_directory, "--day", "2025-12-03")
    assert "成交 2025-12-03" in out
    assert "持仓 2025-12-03" in out
    assert "600519.XSHG" in out
    _, out, _ = run(capsys, "state", "show", "--runtime-dir", live_directory, "--json")
    found = json.loads(out)
    assert [(line["side"], line["amount"]) for line in found["fills"]] == [("买入", 100), ("卖出", 100)]
    assert [(line["code"], line["amount"]) for line in found["positions"]] == [("600519.XSHG", 100)]
    assert found["g"] == [{"name": "codes", "type": "list", "size": "2 项"}]
    assert [file["name"] for file in found["files"]] == ["journal.db"]


def test_archived_days_are_shown_exported_and_verified(live_directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(SqliteJournal(Path(live_directory) / "journal.db")) as journal:
        assert journal.archive(date(2025, 12, 4)) > 0
    _, table, _ = run(capsys, "state", "export", "--runtime-dir", live_directory, "--kind", "intent")
    assert "2025-12-03" not in table
    for wanted in (["--all"], ["--day", "2025-12-03"]):
        _, table, _ = run(capsys, "state", "export", "--runtime-dir", live_directory, "--kind", "intent", *wanted)
        assert "2025-12-03" in table
    _, out, _ = run(capsys, "state", "show", "--runtime-dir", live_directory, "--day", "2025-12-03")
    assert "journal-202512.db" in out
    assert run(capsys, "state", "verify", "--runtime-dir", live_directory)[0] == 0


def test_a_recorded_day_is_replayed(live_directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    same = str(Path(live_directory).parent / "s.py")  # the journal of a virtual clock does not say where it lies
    code, out, err = run(capsys, "state", "replay", "2025-12-04", "--runtime-dir", live_directory, "--strategy", same)
    assert (code, err) == (0, "")
    assert "个决定全部一致" in out
    changed = Path(live_directory).parent / "changed.py"
    changed.write_text(STRATEGY.replace("-100", "-50"), encoding="utf-8")
    code, out, _ = run(
        capsys, "state", "replay", "2025-12-04", "--runtime-dir", live_directory, "--strategy", str(changed)
    )
    assert code == 1
    assert "前 1 个决定一致，第 2 个不同" in out
    assert "当日 10:01:00 sell@10:01 卖出 600519.XSHG 100 股" in out
    code, out, _ = run(
        capsys, "state", "replay", "2025-12-04", "--runtime-dir", live_directory, "--strategy", str(changed), "--json"
    )
    different = json.loads(out)["difference"]
    assert (code, different["number"], different["recorded"]["at"]) == (1, 2, "2025-12-04T10:01:00")
    assert different["replayed"]["text"].startswith("卖出 600519.XSHG 50 股")
    code, _, err = run(capsys, "state", "replay", "2025-12-01", "--runtime-dir", live_directory, "--strategy", same)
    assert code == 2
    assert "没有 2025-12-01 的记录" in err
