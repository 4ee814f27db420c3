"""`bullet-trade logs`: the log, read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bullet_trade.cli.main import main, with_optional_values
from bullet_trade.domain.money import price
from bullet_trade.domain.orders import OrderState
from bullet_trade.engine import events
from bullet_trade.ops.log_files import DayFiles
from bullet_trade.ops.log_reading import new_records
from bullet_trade.ops.logbook import FileLines
from sample_order import BUY, CODE

AT = datetime(2025, 12, 1, 9, 35)
FILLED = msgspec.structs.replace(BUY, state=OrderState.FILLED, filled=1000, average_price=price("10"))
LATER = AT + timedelta(seconds=16)
NEXT = datetime(2025, 12, 2, 9, 31)


def tell(folder: Path, *told: events.Event, label: str = "demo", per_day: bool = True) -> None:
    file = FileLines(DayFiles(folder, label, 0, per_day))
    for event in told:
        file.tell(event)
    file.close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two days of a strategy's log, and one day of another's."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "logs"
    tell(
        folder,
        events.OrderPlaced(AT, BUY, ()),
        events.StrategySaid(AT, "info", "在等"),
        events.OrderWaitEnded(LATER, BUY, 16.0),
        events.Saved(LATER, "定时", ()),
        events.OrderFinished(NEXT, FILLED, 86_000.0, None),
        events.LinkChanged(NEXT, False, "超时"),
    )
    tell(folder, events.OrderPlaced(NEXT, BUY, ()), label="other")
    return folder


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main(["logs", *arguments])
    captured = capsys.readouterr()
    assert (ended.value.code or 0, captured.err) == (0, "")
    return captured.out.splitlines()


def test_an_order_is_followed_over_the_days_with_the_seconds_since_it_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(capsys, "--order", "#7", "--strategy", "demo")
    assert [line.split()[0] for line in lines] == ["+0.0s", "+16.0s", "+86160.0s"]
    assert [word in line for word, line in zip(("委托 #7", "等待 16 秒", "成交 #7"), lines, strict=True)] == [True] * 3


def test_the_last_day_is_shown_unless_another_one_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert {line[:10] for line in shown(capsys)} == {"2025-12-02"}
    assert {line[:10] for line in shown(capsys, "--day", "2025-12-01")} == {"2025-12-01"}


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 3),
        (("--level", "error"), 1),
        (("--level", "debug", "--day", "2025-12-01"), 4),
        (("--part", "strategy", "--day", "2025-12-01"), 1),
        (("--code", "600000"), 2),
        (("--strategy", "other"), 1),
    ],
)
def test_what_is_asked_for_is_shown(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], count: int) -> None:
    assert len(shown(capsys, *arguments)) == count


def test_an_order_that_the_log_does_not_know_is_said_to_be_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "--order", "99999") == ["没有符合条件的记录"]
    assert shown(capsys, "--order", "99999", "--json") == []


def test_json_is_one_record_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in shown(capsys, "--json", "--strategy", "demo")]
    assert [row["kind"] for row in rows] == ["order_finished", "link_changed"]
    assert rows[0]["code"] == CODE


def test_the_last_replay_is_shown_on_request(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    tell(folder, events.StateNote(AT, "回放"), per_day=False)
    assert shown(capsys, "--replay") == ["2025-12-01 09:35:00 [警告] 回放"]
    assert with_optional_values(["logs", "--replay"]) == ["logs", "--replay"]


def test_a_line_that_a_power_failure_cut_off_is_left_out(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with (folder / "demo.2025-12-02.jsonl").open("ab") as file:
        file.write(b'\x00\x00\n{"at":"2025-12-02T09')
    assert len(shown(capsys, "--strategy", "demo")) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--day", "2025-13-01"), "日期 '2025-13-01' 无效"),
        (("--day", "2020-01-02"), "里没有 2020-01-02 的日志"),
        (("--order", "x"), "委托编号 'x' 无效"),
        (("--level", "loud"), "可用：debug、info、warning、error"),
        (("--log-dir", "nowhere"), "nowhere 里没有日志"),
    ],
)
def test_a_mistake_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["logs", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_following_shows_what_is_added_also_to_the_files_of_a_new_day(folder: Path) -> None:
    steps: list[events.Event] = [
        events.StateNote(NEXT, "甲"),
        events.StateNote(NEXT + timedelta(days=1), "乙"),
    ]

    def pauses() -> Iterator[bool]:
        for step in steps:
            tell(folder, step)
            yield True
        yield False

    going = pauses()
    found = [one.text for one in new_records(folder, "*", lambda: next(going))]
    assert found == ["甲", "乙"]
