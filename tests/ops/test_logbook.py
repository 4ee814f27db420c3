"""Console and log files: what is shown, where it goes, what never stands in it."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import msgspec
import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.orders import OrderState, Side
from bullet_trade.engine import events
from bullet_trade.ops.config_origin import secrets_of
from bullet_trade.ops.log_files import DayFiles, file_label
from bullet_trade.ops.log_masking import masking
from bullet_trade.ops.logbook import ConsoleLines, FileLines, Least, least_levels, safe_console
from bullet_trade.ops.settings import Settings
from sample_order import BUY, CODE

AT = datetime(2025, 12, 1, 9, 35)
FILLED = msgspec.structs.replace(
    BUY, state=OrderState.FILLED, filled=1000, average_price=price("10.025"), fees=money("5.1")
)
REJECTED = msgspec.structs.replace(BUY, state=OrderState.REJECTED, reason="资金不足")
ALL: list[events.Event] = [
    events.OrderPlaced(AT, BUY, ()),
    events.OrderWaitEnded(AT, BUY, 16.0),
    events.OrderFinished(AT, FILLED, 0.5, None),
    events.OrderFinished(AT, REJECTED, 0.1, None),
    events.OrderRefused(AT, CODE, "浦发银行", Side.BUY, 100, "suspended", "停牌"),
    events.StrategySaid(AT, "info", "本周目标"),
    events.StrategySaid(AT, "debug", "细节"),
    events.Saved(AT, "定时", ()),
    events.LinkChanged(AT, False, "超时"),
    events.Waiting(AT, "2025-12-03 交易日", datetime(2025, 12, 3, 9, 15)),
]
EVERYTHING = Least("debug", "debug", "debug")


def shown(least: Least, colour: bool = False, waits: bool = True) -> list[str]:
    out = StringIO()
    lines = ConsoleLines(lambda: out, least, colour, waits)
    for event in ALL:
        lines.tell(event)
    return out.getvalue().splitlines()


def written(folder: Path, *told: events.Event, label: str = "demo", **options: bool) -> dict[str, str]:
    """The files after those events, by name."""
    file = FileLines(DayFiles(folder, label, 30, **options))
    for event in told:
        file.tell(event)
    file.close()
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


class TestConsole:
    def test_one_event_is_one_line_with_exchange_time_and_level_in_columns(self) -> None:
        lines = shown(EVERYTHING)
        assert len(lines) == len(ALL)
        assert {(line[:19], line[20], line[23]) for line in lines} == {("2025-12-01 09:35:00", "[", "]")}

    def test_a_quick_fill_and_a_wait_that_ran_out_tell_their_seconds(self) -> None:
        text = "\n".join(shown(EVERYTHING))
        assert "费用 5.10 用时 0.5秒" in text
        assert "等待 16 秒未完成，继续跟踪" in text

    @pytest.mark.parametrize(
        ("settings", "quiet", "least"),
        [
            ({}, False, Least("info", "info", "info")),
            ({}, True, Least("warning", "warning", "warning")),
            ({"log_level": "ERROR"}, False, Least("error", "error", "error")),
            ({"log_level": "Warn", "log_level_strategy": "DEBUG"}, False, Least("warning", "warning", "debug")),
            ({"log_level_order": "critical", "log_level_system": "warning"}, False, Least("error", "warning", "info")),
        ],
    )
    def test_each_part_has_a_level_of_its_own(self, settings: dict[str, object], quiet: bool, least: Least) -> None:
        assert least_levels(Settings.model_validate(settings), quiet) == least

    def test_only_lines_of_the_level_and_above(self) -> None:
        text = "\n".join(shown(Least("warning", "info", "debug")))
        assert "细节" in text
        assert "委托 #7" not in text
        assert "拒单 买入" in text
        assert "状态已保存" not in text

    def test_an_unknown_level_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ValueError, match="log_level"):
            Settings.model_validate({"log_level": "loud"})

    def test_refusals_and_failures_end_with_how_to_ask_why_and_nothing_else_does(self) -> None:
        asked = [line for line in shown(EVERYTHING) if "bullet-trade why" in line]
        assert [line.rpartition("原因：")[2] for line in asked] == [
            "bullet-trade why '#7'",
            "bullet-trade why 600000.XSHG --at 09:35",
        ]

    def test_a_replay_that_jumps_has_no_waits_and_no_hints(self) -> None:
        text = "\n".join(shown(EVERYTHING, waits=False))
        assert "等待 2025-12-03" not in text
        assert "bullet-trade why" not in text

    def test_colour_only_where_a_person_watches(self) -> None:
        assert not any("\x1b[" in line for line in shown(EVERYTHING))
        assert any(line.startswith("\x1b[31m2025-12-01") for line in shown(EVERYTHING, colour=True))

    def test_a_gbk_console_shows_what_it_can_instead_of_raising(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Chinese Windows: an emoji in a strategy's line."""
        raw = BytesIO()
        console = TextIOWrapper(raw, encoding="gbk")
        monkeypatch.setattr(sys, "stdout", console)
        monkeypatch.setattr(sys, "stderr", TextIOWrapper(BytesIO(), encoding="gbk"))
        safe_console()
        ConsoleLines(lambda: console, EVERYTHING, False, True).tell(events.StrategySaid(AT, "info", "买入🚀完成"))
        console.flush()
        assert "买入?完成" in raw.getvalue().decode("gbk")


class TestFiles:
    def test_orders_and_system_stand_apart_from_what_the_strategy_says_and_records_hold_all(
        self, tmp_path: Path
    ) -> None:
        files = written(tmp_path, *ALL)
        assert set(files) == {"demo.2025-12-01.log", "demo.2025-12-01.strategy.log", "demo.2025-12-01.jsonl"}
        assert "委托 #7" in files["demo.2025-12-01.log"]
        assert "本周目标" not in files["demo.2025-12-01.log"]
        assert files["demo.2025-12-01.strategy.log"].splitlines() == [
            "2025-12-01 09:35:00 [信息] 本周目标",
            "2025-12-01 09:35:00 [调试] 细节",
        ]
        assert len(files["demo.2025-12-01.jsonl"].splitlines()) == len(ALL)

    def test_a_record_names_kind_order_and_seconds(self, tmp_path: Path) -> None:
        rows = [json.loads(line) for line in written(tmp_path, *ALL)["demo.2025-12-01.jsonl"].splitlines()]
        filled = rows[2]
        assert (filled["kind"], filled["part"], filled["orders"]) == ("order_finished", "order", [7])
        assert (filled["facts"]["elapsed_s"], filled["facts"]["average_price"], filled["facts"]["fees"]) == (
            0.5,
            "10.0250",
            "5.10",
        )
        assert rows[1]["facts"]["waited_s"] == 16.0
        assert rows[4]["code"] == "600000.XSHG"
        assert rows[4]["facts"]["rule"] == "suspended"

    def test_the_close_is_in_the_log(self, tmp_path: Path) -> None:
        nothing = Money(0)
        close = events.DayClosed(AT, date(2025, 12, 1), money("100"), (), money("900"), nothing, nothing, nothing, 2, 1)
        assert "收盘 2025-12-01 总资产 1,000.00 现金 100.00" in written(tmp_path, close)["demo.2025-12-01.log"]

    def test_each_day_has_its_files_and_a_line_of_an_earlier_moment_goes_to_those_of_today(
        self, tmp_path: Path
    ) -> None:
        next_day = AT + timedelta(days=1)
        told = [events.StateNote(at, f"在 {at:%d}") for at in (AT, next_day, AT, next_day)]
        files = written(tmp_path, *told)
        assert files["demo.2025-12-01.log"].count("\n") == 1
        assert files["demo.2025-12-02.log"].count("\n") == 3

    def test_a_start_on_the_same_day_goes_on_behind_the_last_line(self, tmp_path: Path) -> None:
        """O02: 50 reconnects and three starts in one process, each line once."""
        for number in range(3):
            reconnects = [events.LinkChanged(AT, up, "") for _ in range(50) for up in (False, True)]
            files = written(tmp_path, *reconnects, events.StateNote(AT, f"第 {number} 次"))
        for name in ("demo.2025-12-01.log", "demo.2025-12-01.jsonl"):
            assert [files[name].count(f"第 {n} 次") for n in range(3)] == [1, 1, 1]
            assert files[name].count("券商连接已恢复") == 150

    def test_a_replay_has_one_set_written_anew(self, tmp_path: Path) -> None:
        later = AT + timedelta(days=400)
        for _ in range(2):
            files = written(tmp_path, events.StateNote(AT, "甲"), events.StateNote(later, "乙"), per_day=False)
        assert files["demo.replay.log"].count("\n") == 2

    def test_old_days_leave_and_files_of_others_stay(self, tmp_path: Path) -> None:
        """LOG_KEEP_DAYS=30."""
        kept = ["demo.2025-11-01.log", "other.2020-01-01.log", "demo.replay.log", "demo.2020-01-01.txt", "demo.log"]
        gone = ["demo.2025-10-31.log", "demo.2025-10-31.strategy.log", "demo.2024-01-01.jsonl"]
        for name in (*kept, *gone):
            (tmp_path / name).write_text("")
        files = written(tmp_path, events.StateNote(AT, "今天"))
        assert set(files) >= set(kept)
        assert not set(files) & set(gone)

    def test_two_strategies_share_a_directory_and_no_file(self, tmp_path: Path) -> None:
        written(tmp_path, events.StateNote(AT, "甲"), label="one")
        files = written(tmp_path, events.StateNote(AT, "乙"), label="two")
        assert "乙" not in files["one.2025-12-01.log"]
        assert "甲" not in files["two.2025-12-01.log"]

    @pytest.mark.parametrize(
        ("strategy", "label"),
        [("轮动 策略", "轮动_策略"), ("a/b\\c:d", "a_b_c_d"), ("v1.2", "v1_2"), ("..", "strategy")],
    )
    def test_any_name_makes_a_file_name(self, strategy: str, label: str) -> None:
        assert file_label(strategy) == label

    def test_a_directory_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UsageError, match=r"日志目录 .*file.* 不可用.*--log-dir"):
            DayFiles(tmp_path / "file" / "logs", "demo", 30)

    def test_a_log_that_cannot_be_written_is_told_once_and_does_not_end_the_run(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "logs"
        file = FileLines(DayFiles(folder, "demo", 30))
        folder.rmdir()
        for _ in range(3):
            file.tell(events.StateNote(AT, "甲"))
        assert capsys.readouterr().err.count("日志无法写入") == 1
        folder.mkdir()
        file.tell(events.StateNote(AT, "乙"))
        file.close()
        assert "乙" in (folder / "demo.2025-12-01.log").read_text(encoding="utf-8")


class TestSecrets:
    MARK = 'sec"ret\\mark'

    def settings(self) -> Settings:
        names = ("jqdata_password", "qmt_server_token", "message_key", "notify_urls")
        return Settings.model_validate({**dict.fromkeys(names, self.MARK), "qmt_account_id": "87654321"})

    def test_secrets_and_the_account_stand_in_no_line(self, tmp_path: Path) -> None:
        """P04, O06: also in the words of an error, at debug level."""
        mask = masking(secrets_of(self.settings()))
        told = [
            events.CallbackFailed(AT, "task", "demo.py:1", f"login({self.MARK!s})", f"Traceback {self.MARK}"),
            events.StrategySaid(AT, "debug", f"账号 87654321 口令 {self.MARK}"),
            events.OrderFinished(AT, msgspec.structs.replace(REJECTED, reason="账户87654321资金不足"), 0.1, None),
        ]
        out, file = StringIO(), FileLines(DayFiles(tmp_path, "demo", 30), mask)
        console = ConsoleLines(lambda: out, EVERYTHING, False, True, mask)
        for event in told:
            console.tell(event)
            file.tell(event)
        file.close()
        texts = [out.getvalue(), *(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())]
        for text in texts:
            assert "ret" not in text
            assert "mark" not in text
            assert "87654321" not in text
        assert "资金不足" in out.getvalue()
        assert all(json.loads(line) for line in (tmp_path / "demo.2025-12-01.jsonl").read_text("utf-8").splitlines())

    def test_an_empty_secret_masks_nothing(self) -> None:
        assert masking(["", "ab"])("xaby") == "x***y"
