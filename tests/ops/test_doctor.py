"""`doctor`: each check says what it saw, what that means and what to do; the exit code is for scripts."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.cli.main import app
from bullet_trade.domain.errors import BulletTradeError, DataError, UsageError
from bullet_trade.domain.money import Money, money
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import WallClock
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ops.doctor import configuration, directories, machine, server, terminal
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.here import greet, known_days, look_at
from bullet_trade.ops.doctor.site import DayBar, Site, Snapshot, TerminalLook
from bullet_trade.ops.doctor.table import CHECKS, examine
from bullet_trade.ops.doctor.xtdata import XtDataQuotes
from bullet_trade.ops.settings import Settings, Source
from bullet_trade.quotes.qmt.terminal import Terminal
from bullet_trade.quotes.qmt.terms import QuoteTerms
from bullet_trade.remote.errors import RemoteError
from bullet_trade.remote.line import LineError
from bullet_trade.remote.messages import HandshakeAck
from bullet_trade.store import runtime_dir

NOW = datetime(2025, 12, 3, 10, 0, 0)
RICH = AccountSnapshot(NOW, money(50_000), Money(0), ())
POOR = AccountSnapshot(NOW, Money(0), Money(0), ())
ACK = HandshakeAck("s1", 20.0, 1, ("data", "broker"), server_time=NOW)


class Quotes(NamedTuple):
    """What a terminal's quotes answer."""

    now: Snapshot | None = Snapshot(NOW - timedelta(seconds=3), 10.0, 10.2, 9.9, 1000.0, 1_005_000.0)
    bars: Sequence[DayBar] = (DayBar("20251202", 10.2, 9.9, 1000.0, 1_005_000.0),)

    def snapshot(self, code: Code) -> Snapshot | None:
        return self.now

    def day_bars(self, code: Code) -> Sequence[DayBar]:
        return self.bars


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A machine on which everything is as it should be."""
    terminal_dir = tmp_path / "国金QMT交易端" / "userdata_mini"
    terminal_dir.mkdir(parents=True)
    (terminal_dir / "up_queue_xtquant").touch()
    return Site(
        settings=Settings(qmt_data_path=terminal_dir, qmt_account_id="8800123456"),
        sources=[],
        broker="simulator",
        directory=tmp_path / "runtime",
        log_dir=tmp_path / "logs",
        python=(3, 12, 1),
        system="Windows AMD64",
        offset=timedelta(hours=8),
        now=lambda: NOW,
        free_bytes=lambda _: 50 << 30,
        installed=lambda _: "1.0",
        calendar=lambda: TradingCalendar([date(2025, 12, 3), date(2026, 12, 31)], "测试"),
        load_xtquant=lambda: None,
        connect=lambda _: TerminalLook(RICH, ""),
        quotes=Quotes,
        greet=lambda _: ACK,
    )


def raising(error: BulletTradeError) -> Callable[..., object]:
    def call(*_: object) -> object:
        raise error

    return call


@pytest.mark.parametrize("broker", ["simulator", "qmt", "qmt-remote"])
def test_a_machine_as_it_should_be_is_all_ok(broker: str, site: Site) -> None:
    assert [one for one in examine(replace(site, broker=broker)) if one.level is not Level.OK] == []


def test_the_broker_decides_which_checks_are_run(site: Site) -> None:
    names = {broker: {one.name for one in examine(replace(site, broker=broker))} for broker in ("qmt", "qmt-remote")}
    assert names["qmt"] - names["qmt-remote"] == {"xtquant", "data_path", "terminal", "account", "quotes", "history"}
    assert names["qmt-remote"] - names["qmt"] == {"server", "token"}


def test_the_checks_of_the_morning_touch_neither_terminal_nor_network(site: Site) -> None:
    broken = raising(AssertionError("asked"))  # type: ignore[arg-type]
    shut = replace(site, connect=broken, quotes=broken, greet=broken, load_xtquant=broken)
    for broker in ("simulator", "qmt", "qmt-remote"):
        assert list(examine(replace(shut, broker=broker), morning=True))


def test_each_check_is_in_the_table_once() -> None:
    assert len({check.run for check in CHECKS}) == len(CHECKS)


DAY_AHEAD = TradingCalendar([date(2025, 12, 3), date(2025, 12, 5)], "测试")
PAST = TradingCalendar([date(2025, 1, 3), date(2025, 1, 6)], "测试")
OLD = Quotes(Snapshot(NOW - timedelta(seconds=90), 10.0, 10.2, 9.9, 1.0, 1.0))
FUTURE = Quotes(Snapshot(NOW + timedelta(seconds=30), 10.0, 10.2, 9.9, 1.0, 1.0))

CASES: list[tuple[Callable[[Site], object], dict[str, object], str, Level, str]] = [
    (machine.python, {"python": (3, 9, 0)}, "python", Level.WARNING, "3.11"),
    (
        machine.packages,
        {"installed": lambda name: None if name == "duckdb" else "1"},
        "packages",
        Level.FAILED,
        "pip install duckdb",
    ),
    (machine.time_zone, {"offset": timedelta(0)}, "time_zone", Level.OK, "不受影响"),
    (machine.time_zone, {"offset": timedelta(0), "broker": "qmt"}, "time_zone", Level.WARNING, "北京时间"),
    (machine.disk, {"free_bytes": lambda _: 100 << 20}, "disk", Level.FAILED, "清理磁盘"),
    (machine.disk, {"free_bytes": lambda _: 500 << 20}, "disk", Level.WARNING, "500 MB"),
    (configuration.calendar, {"calendar": lambda: DAY_AHEAD}, "calendar", Level.WARNING, "HOLIDAY_FILE"),
    (configuration.calendar, {"calendar": lambda: PAST}, "calendar", Level.FAILED, "节假日文件"),
    (
        configuration.calendar,
        {"calendar": raising(UsageError("找不到节假日文件", "检查路径"))},
        "calendar",
        Level.FAILED,
        "检查路径",
    ),
    (configuration.limits, {"settings": Settings(max_order_value=0)}, "limits", Level.WARNING, "MAX_ORDER_VALUE"),
    (configuration.limits, {"settings": Settings(risk_whitelist="abc")}, "limits", Level.FAILED, "RISK_WHITELIST"),
    (
        terminal.xtquant,
        {"load_xtquant": raising(UsageError("没有安装 xtquant", "pip install"))},
        "xtquant",
        Level.FAILED,
        "pip install",
    ),
    (
        terminal.account,
        {"connect": lambda _: TerminalLook(None, "没有返回账户")},
        "terminal",
        Level.FAILED,
        "占用 xtquant",
    ),
    (terminal.account, {"connect": lambda _: TerminalLook(POOR, "")}, "account", Level.FAILED, "QMT_ACCOUNT_ID"),
    (terminal.account, {"connect": raising(UsageError("没有安装 xtquant", "安装"))}, "terminal", Level.FAILED, "安装"),
    (terminal.quotes, {"quotes": lambda: Quotes(now=None)}, "quotes", Level.FAILED, "没有快照"),
    (terminal.quotes, {"quotes": lambda: Quotes(bars=())}, "history", Level.WARNING, "下载日线"),
    (terminal.quotes, {"quotes": raising(DataError("没有返回", "再试"))}, "quotes", Level.FAILED, "再试"),
    (terminal.quotes, {"quotes": lambda: OLD}, "clock", Level.FAILED, "90 秒"),
    (terminal.quotes, {"quotes": lambda: FUTURE}, "clock", Level.FAILED, "慢 30 秒"),
    (terminal.quotes, {"now": lambda: NOW.replace(hour=20)}, "clock", Level.SKIPPED, "不在交易时间"),
    (server.server, {"greet": raising(LineError("无法连接 10.0.0.8:58620：拒绝"))}, "server", Level.FAILED, "防火墙"),
    (server.server, {"greet": raising(RemoteError("AUTH_FAILED", "token 无效"))}, "token", Level.FAILED, "--token"),
    (server.server, {"greet": raising(RemoteError("SERVER_BUSY", "太多连接"))}, "token", Level.FAILED, "SERVER_BUSY"),
    (
        server.server,
        {"greet": lambda _: HandshakeAck("s", 20.0, 1, ("data",))},
        "server_broker",
        Level.FAILED,
        "--enable-broker",
    ),
    (server.server, {"greet": lambda _: HandshakeAck("s", 20.0, 1, ("broker",))}, "clock", Level.SKIPPED, "不报时间"),
    (server.server, {"now": lambda: NOW + timedelta(seconds=9)}, "clock", Level.WARNING, "快 9.0 秒"),
]


@pytest.mark.parametrize(("check", "change", "name", "level", "told"), CASES)
def test_what_is_wrong_is_told_with_its_remedy(
    check: Callable[[Site], object], change: dict[str, object], name: str, level: Level, told: str, site: Site
) -> None:
    found = {one.name: one for one in check(replace(site, **change))}  # type: ignore[arg-type, attr-defined]
    assert found[name].level is level
    assert told in found[name].text


@pytest.mark.parametrize(
    ("make", "level", "told"),
    [
        (lambda base: None, Level.FAILED, "没有设置 QMT_DATA_PATH"),
        (lambda base: base / "missing" / "userdata_mini", Level.FAILED, "不是存在的目录"),
        (lambda base: base / "xuserdata", Level.WARNING, "不叫 userdata_mini"),
        (lambda base: base / "🚀" / "userdata_mini", Level.FAILED, "GBK"),
        (lambda base: base / "bare" / "userdata_mini", Level.WARNING, "up_queue_xtquant"),
    ],
)
def test_the_terminals_directory(
    make: Callable[[Path], Path | None], level: Level, told: str, site: Site, tmp_path: Path
) -> None:
    path = make(tmp_path)
    if path is not None and "missing" not in path.parts:
        path.mkdir(parents=True)
    settings = site.settings.model_copy(update={"qmt_data_path": path})
    (found,) = terminal.data_path(replace(site, settings=settings))
    assert (found.level, told in found.text) == (level, True)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_a_name_that_nothing_reads_is_told_with_the_nearest_one(site: Site) -> None:
    file = Source(
        ".env ", {"MAX_ORDER_VALU": "5", "SIMULATOR_CASH": "1", "TUSHARE_TOKEN": "x", "RUNTIME_DIR": "r"}, True
    )
    found = list(configuration.variables(replace(site, sources=[file])))
    assert {one.level for one in found} == {Level.FAILED, Level.WARNING}
    (slip,) = [one for one in found if one.level is Level.FAILED]
    assert "'MAX_ORDER_VALU'" in slip.what
    assert "MAX_ORDER_VALUE" in slip.remedy
    assert len(found) == 2  # the data source of another program is no affair of ours


def test_each_value_in_force_is_shown_with_its_origin_and_no_secret_is(site: Site) -> None:
    given = {"LOG_LEVEL": "DEBUG", "QMT_ACCOUNT_ID": "8800123456", "JQDATA_PASSWORD": "hush"}
    settings = Settings(log_level="DEBUG", qmt_account_id="8800123456", jqdata_password=SecretStr("hush"))
    (found,) = configuration.variables(replace(site, settings=settings, sources=[Source(".env ", given, True)]))
    assert {"LOG_LEVEL=DEBUG（.env）", "QMT_ACCOUNT_ID=…56（.env）", "JQDATA_PASSWORD=***（.env）"} == set(
        found.what.split()
    )


def test_two_places_that_disagree_are_told_with_the_one_that_counts(site: Site) -> None:
    places = [Source(".env ", {"RUNTIME_DIR": "a"}, True), Source("环境", {"runtime_dir": "b"}, False)]
    (found,) = configuration.variables(replace(site, sources=places))
    assert found.level is Level.WARNING
    assert "生效的是环境的值" in found.meaning


# -- directories -------------------------------------------------------------------------------------------------------


def test_looking_leaves_nothing_behind(site: Site) -> None:
    list(examine(site))
    assert not site.directory.exists()
    assert not site.log_dir.exists()


def test_a_directory_that_is_a_file_is_told(site: Site) -> None:
    site.directory.write_text("x")
    (found,) = directories.runtime(site)
    assert found.level is Level.FAILED
    assert "RUNTIME_DIR" in found.remedy


def test_an_engine_that_runs_in_the_directory_is_named(site: Site) -> None:
    site.directory.mkdir()
    held = runtime_dir.lock(site.directory, "2025-12-03 09:00:00")
    try:
        (found,) = directories.lock(site)
    finally:
        held.release()
    assert found.level is Level.WARNING
    assert "2025-12-03 09:00:00" in found.what
    assert [one.level for one in directories.lock(site)] == [Level.OK]


@pytest.mark.parametrize(("name", "content"), [("live_state.json", b"{"), ("g.pkl", b"x"), ("journal.db", b"nonsense")])
def test_state_that_is_damaged_fails_with_the_ways_out(name: str, content: bytes, site: Site) -> None:
    site.directory.mkdir()
    (site.directory / name).write_bytes(content)
    (found,) = directories.state(site)
    assert found.level is Level.FAILED
    assert "--restore" in found.remedy


# -- the edges ---------------------------------------------------------------------------------------------------------


class Adapter:
    """A broker that tells what it is given."""

    label = "QMT（尾号 3456）"

    def __init__(self, *reports: object) -> None:
        self.reports = reports
        self.closed = False

    def connect(self, sink: Callable[[object], None]) -> None:
        for report in self.reports:
            sink(report)

    def close(self) -> None:
        self.closed = True


def test_the_terminal_is_let_go_after_the_look() -> None:
    adapter = Adapter(RICH)
    assert look_at(adapter, WallClock()).account == RICH  # type: ignore[arg-type]
    assert adapter.closed


def test_a_terminal_that_says_nothing_is_given_up_after_the_deadline() -> None:
    look = look_at(Adapter(), WallClock(), limit_s=0.05)  # type: ignore[arg-type]
    assert look.account is None
    assert "没有返回账户" in look.reason


def test_a_port_where_nobody_listens_is_a_line_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = Settings(qmt_server_port=free.getsockname()[1], qmt_server_token=SecretStr("x"))
        with pytest.raises(LineError, match="无法连接"):
            greet(settings)


def test_without_a_token_nothing_is_tried(site: Site) -> None:
    (found,) = server.server(replace(site, greet=greet))
    assert found.level is Level.FAILED
    assert "QMT_SERVER_TOKEN" in found.text


AT_MS = 1764727197000  # 2025-12-03 09:59:57 in Beijing


class Vendor:
    """Stands in for the vendor's `xtdata`."""

    def get_full_tick(self, code_list: list[str]) -> dict[str, dict[str, float]]:
        figures = {"lastPrice": 10, "high": 11, "low": 9, "volume": 5, "amount": 5e3}
        return {code: {"time": AT_MS, **figures} for code in code_list}

    def download_history_data2(self, *given: object) -> None:
        """Nothing to fetch."""

    def get_market_data_ex(
        self, field_list: list[str], stock_list: list[str], **given: object
    ) -> dict[str, dict[str, list[float]]]:
        known = {"time": [AT_MS], "high": [10.2], "low": [9.9], "volume": [7.0], "amount": [7e3]}
        return {name: {field: known.get(field, [10.0]) for field in field_list} for name in stock_list}


def asked(vendor: Vendor, limit_s: float = 5.0) -> XtDataQuotes:
    terms = QuoteTerms(call_s=limit_s, history_s=limit_s)
    return XtDataQuotes(Terminal(vendor, WallClock(), terms))  # type: ignore[arg-type]


def test_a_snapshot_is_in_exchange_time_whatever_the_machines_zone() -> None:
    found = asked(Vendor()).snapshot(Code("600000.XSHG"))
    assert found == Snapshot(datetime(2025, 12, 3, 9, 59, 57), 10, 11, 9, 5, 5e3)


def test_a_daily_bar_keeps_the_unit_in_which_the_terminal_counts() -> None:
    assert asked(Vendor()).day_bars(Code("600000.XSHG")) == [DayBar("20251203", 10.2, 9.9, 7.0, 7e3)]


def test_a_snapshot_without_a_field_is_named() -> None:
    class Older(Vendor):
        def get_full_tick(self, code_list: list[str]) -> dict[str, dict[str, float]]:
            return {code: {"time": AT_MS, "lastPrice": 10} for code in code_list}

    with pytest.raises(DataError, match="high"):
        asked(Older()).snapshot(Code("600000.XSHG"))


def test_what_the_vendors_module_raises_is_told() -> None:
    class Down(Vendor):
        def download_history_data2(self, *given: object) -> None:
            raise RuntimeError("无法连接行情服务")

    with pytest.raises(DataError, match="download_history_data2 失败：无法连接行情服务"):
        asked(Down()).day_bars(Code("600000.XSHG"))


def test_a_call_that_hangs_is_given_up() -> None:
    over = Event()

    class Hangs(Vendor):
        def get_full_tick(self, code_list: list[str]) -> dict[str, dict[str, float]]:
            over.wait(30.0)
            return {}

    with pytest.raises(DataError, match="get_full_tick 在时限内没有返回"):
        asked(Hangs(), limit_s=0.05).snapshot(Code("600000.XSHG"))
    over.set()


def test_days_closed_at_short_notice_are_no_trading_days(tmp_path: Path) -> None:
    file = tmp_path / "closed.txt"
    file.write_text("2025-12-03\n")
    assert known_days(Settings()).is_session(date(2025, 12, 3))
    assert not known_days(Settings(closed_days_file=file)).is_session(date(2025, 12, 3))


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_prints_a_line_for_each_check_and_ends_with_0(nowhere: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert "ok    运行目录" in done.output
    assert "0 项失败" in done.output


def test_the_command_ends_with_1_where_something_failed(nowhere: Path) -> None:
    (nowhere / ".env").write_text("MAX_ORDER_VALU=1\n")
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    found = {one["name"]: one for one in json.loads(done.output)}
    assert found["variables"]["level"] == "failed"
    assert set(found["variables"]) == {"name", "title", "level", "what", "meaning", "remedy"}


@pytest.mark.parametrize("given", [["--broker", "nobody"], ["--acceptance"], ["--broker", "simulator", "--acceptance"]])
def test_what_cannot_be_done_is_refused(given: list[str], nowhere: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", *given])
    assert isinstance(done.exception, UsageError)


def test_an_order_of_the_acceptance_needs_a_person_or_yes(nowhere: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--broker", "qmt", "--with-order", "600000.XSHG"])
    assert isinstance(done.exception, UsageError)
    assert "--yes" in str(done.exception)


def test_terms_of_the_look_use_session_numbers_of_their_own(site: Site) -> None:
    seen: list[QmtTerms] = []

    def connect(terms: QmtTerms) -> TerminalLook:
        seen.append(terms)
        return TerminalLook(RICH, "")

    findings: list[Finding] = list(terminal.account(replace(site, connect=connect)))
    assert [one.level for one in findings] == [Level.OK, Level.OK]
    assert "8800123456" not in " ".join(one.text for one in findings)
    assert seen[0].tag_prefix.startswith("bt:doctor")
