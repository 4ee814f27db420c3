"""`bullet-trade notify` as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bullet_trade.cli.main import main
from bullet_trade.ops.notify.note import Note
from bullet_trade.ops.notify.outbox import OUTBOX_FILE, Outbox

apprise = pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise imports it where there is one


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["notify", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture(autouse=True)
def received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An empty directory to work in, and what arrives at ``cligood://``; ``clibad://`` refuses."""
    from apprise.decorators import notify
    from apprise.manager_plugins import NotificationManager

    monkeypatch.chdir(tmp_path)
    got: list[str] = []

    @notify(on="cligood")
    def good(body: str, title: str, *_: object, **__: object) -> bool:
        got.append(title)
        return True

    @notify(on="clibad")
    def bad(*_: object, **__: object) -> bool:
        return False

    yield got
    NotificationManager().remove("cligood", "clibad")


def test_each_channel_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, received: list[str]
) -> None:
    monkeypatch.setenv("NOTIFY_URLS", "cligood://SECRET1 clibad://SECRET2")
    code, out, err = run(capsys, "test")
    assert (code, err) == (1, "")
    assert received == ["[测试] bullet-trade"]
    first, second, *_ = out.splitlines()
    assert first.startswith("cligood  已送达") and second.startswith("clibad  失败：")
    assert "SECRET" not in out
    code, out, _ = run(capsys, "test", "--json")
    channels = {one["label"]: one["error"] is None for one in json.loads(out)["channels"]}
    assert (code, channels) == (1, {"cligood": True, "clibad": False})


def test_without_a_channel_the_remedy_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "test")
    assert code == 2 and "NOTIFY_URLS" in err


def test_what_waits_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "outbox", "--runtime-dir", str(tmp_path)) == (0, "没有待发消息\n", "")
    outbox = Outbox(tmp_path / OUTBOX_FILE)
    note = Note(datetime(2025, 6, 3, 14, 50), "alarms", "t", "k", "没有行情")
    outbox.add(["wecombot"], [note, note])
    code, out, _ = run(capsys, "outbox", "--runtime-dir", str(tmp_path))
    assert (code, out.splitlines()) == (0, ["06-03 14:50:00  wecombot  [告警] 没有行情 ×2", "待发 1 条"])
    _, out, _ = run(capsys, "outbox", "--runtime-dir", str(tmp_path), "--json")
    assert json.loads(out)[0]["times"] == 2
    outbox.close()


def test_a_damaged_outbox_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / OUTBOX_FILE).write_bytes(b"no database at all" * 100)
    code, _, err = run(capsys, "outbox", "--runtime-dir", str(tmp_path))
    assert code == 3 and OUTBOX_FILE in err
