"""`bullet-trade live` as a person uses it: what it says, what it writes, how it fails."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from bullet_trade.cli.main import main, with_optional_values
from bullet_trade.engine.events import Event, Waiting
from bullet_trade.engine.inbox import Inbox, Message, StopRequested
from bullet_trade.ops.compose import compose
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings

QUIET = "def initialize(context):\n    pass\n"
RANGE = "2025-12-01:2025-12-03"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        (["live", "s.py", "--replay"], ["live", "s.py", "--replay", "auto"]),
        (["live", "--replay", "s.py"], ["live", "--replay", "auto", "s.py"]),
        (["live", "--replay", "--quiet", "s.py"], ["live", "--replay", "auto", "--quiet", "s.py"]),
        (["live", "--replay", "2025-12-01", "s.py"], ["live", "--replay", "2025-12-01", "s.py"]),
        (["live", "s.py", "--replay", RANGE], ["live", "s.py", "--replay", RANGE]),
    ],
)
def test_replay_takes_a_range_or_stands_alone(given: list[str], understood: list[str]) -> None:
    assert with_optional_values(given) == understood


def test_a_replay_tells_its_story_and_leaves_a_report(
    capsys: pytest.CaptureFixture[str], working_directory: Path
) -> None:
    strategy = working_directory / "one.py"
    strategy.write_text(
        "from jqdata import *\n"
        "def initialize(context):\n    run_daily(buy, '10:00')\n"
        "def buy(context):\n    order('600519.XSHG', 100)\n",
        encoding="utf-8",
    )
    code, out, err = run(capsys, "live", "one.py", "--broker", "simulator", "--replay", RANGE)
    assert (code, err) == (0, "")
    assert "合成行情" in out
    assert "成交 #1 买入 600519.XSHG" in out
    assert "总收益" in out
    directory = working_directory / "runtime" / "replays" / "one"
    assert {"report.html", "journal.db", "live_state.json", "g.pkl"} <= {file.name for file in directory.iterdir()}
    assert "合成行情" in (directory / "report.html").read_text(encoding="utf-8")


MISTAKES: list[tuple[str, list[str], str, str]] = [
    ("missing file", ["live", "none.py", "--replay"], "找不到策略文件 none.py", "检查路径"),
    ("unknown broker", ["live", "ok.py", "--broker", "x", "--replay"], "未知的券商 'x'", "simulator"),
    ("syntax error", ["live", "broken.py", "--replay", RANGE], "broken.py 第 2 行有语法错误", "改正"),
    ("no callback", ["live", "empty.py", "--replay", RANGE], "没有定义 initialize", "至少定义"),
    ("import fails", ["live", "imports.py", "--replay", RANGE], "imports.py:1", "ModuleNotFoundError"),
    ("initialize fails", ["live", "fails.py", "--replay", RANGE], "initialize 执行失败", "修正"),
    ("bad date", ["live", "ok.py", "--replay=2025-13-01"], "日期 '2025-13-01' 无法识别", "2025-12-01"),
    ("future range", ["live", "ok.py", "--replay=2099-01-01"], "没有交易日", "过去"),
    ("bad speed", ["live", "ok.py", "--replay", "--speed", "fast"], "回放速度 'fast' 无效", "60"),
    ("no data directory", ["live", "ok.py", "--replay", "--data", "nowhere"], "nowhere", "目录"),
    ("bad seed", ["live", "ok.py", "--replay", "--data", "synthetic:x"], "种子 'x' 无效", "synthetic:7"),
    ("no env file", ["live", "ok.py", "--env-file", "none.env"], "找不到环境文件", "--env-file"),
    ("runtime is a file", ["live", "ok.py", "--replay", RANGE, "--runtime-dir", "ok.py"], "运行目录", "--runtime-dir"),
    ("log is a file", ["live", "ok.py", "--replay", RANGE, "--log-dir", "ok.py"], "日志目录", "--log-dir"),
]


@pytest.mark.parametrize(("mistake", "arguments", "cause", "remedy"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_each_mistake_ends_with_one_sentence_of_cause_and_remedy(
    mistake: str,
    arguments: list[str],
    cause: str,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
    working_directory: Path,
) -> None:
    sources = {
        "ok.py": QUIET,
        "broken.py": "x = 1\ndef initialize(context)\n    pass\n",
        "empty.py": "x = 1\n",
        "imports.py": "import no_such_module_anywhere\n" + QUIET,
        "fails.py": "def initialize(context):\n    raise ValueError('no')\n",
    }
    for name, source in sources.items():
        (working_directory / name).write_text(source, encoding="utf-8")
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert err.startswith("错误 [BT_")
    assert err.count("\n") == 1
    assert cause in err
    assert remedy in err
    assert "Traceback" not in err


def test_a_second_engine_on_the_same_directory_is_told_to_stay_out(
    capsys: pytest.CaptureFixture[str], working_directory: Path
) -> None:
    (working_directory / "ok.py").write_text(QUIET, encoding="utf-8")
    request = RunRequest(Path("ok.py"), "simulator", RANGE, None, "synthetic", Path("runtime"), False)
    first = compose(request, load_settings(None), Told())
    try:
        code, _, err = run(capsys, "live", "ok.py", "--replay", RANGE)
    finally:
        first.session.parts.journal.close()
        first.held.release()
    assert code == 3
    assert "正被另一个引擎使用" in err


class Told:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


class StoppedClock:
    """A wall clock that stands at one instant and is asked to stop when the engine begins to wait."""

    virtual = False

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._waits = 0

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return 0.0

    def take_step(self) -> float:
        return 0.0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        return inbox.get() or StopRequested("测试结束")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-22 03:00", "2026-11-23 09:30"),  # a Sunday
        ("2026-09-30 16:00", "2026-10-08 09:30"),  # before the National Day holiday
        ("2026-11-23 08:00", "2026-11-23 09:30"),
        ("2026-11-23 15:00", "2026-11-24 09:30"),
    ],
)
def test_outside_the_session_it_says_in_one_line_when_the_next_one_begins(
    now: str, until: str, working_directory: Path
) -> None:
    (working_directory / "ok.py").write_text(QUIET, encoding="utf-8")
    request = RunRequest(Path("ok.py"), "simulator", None, None, "synthetic", Path("runtime"), False)
    told = Told()
    run_ = compose(
        request,
        load_settings(None).model_copy(update={"simulator_report_delay": 0.0}),
        told,
        StoppedClock(datetime.fromisoformat(now)),
    )
    run_.session.run()
    run_.held.release()
    waits = [event for event in told.events if isinstance(event, Waiting)]
    assert [wait.until for wait in waits] == [datetime.fromisoformat(until)]
