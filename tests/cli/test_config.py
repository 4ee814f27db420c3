"""`bullet-trade config`: what holds and why, and everything that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bullet_trade.cli.config import models
from bullet_trade.cli.main import main
from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.settings import load_settings
from bullet_trade.ops.spelling import LIMIT_NAMES

MARK = "marked-secret-0815"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No `.env` and no variable of ours."""
    monkeypatch.chdir(tmp_path)
    for model in models().values():
        for name in (*model.model_fields, "bt_env_file"):
            monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["config", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out + captured.err


def row(out: str, name: str) -> str:
    return next(line for line in out.splitlines() if line.split()[0] == name)


class TestShow:
    def test_each_value_names_the_place_that_decided_it(
        self, capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """K01: a value in a place that another one overrides."""
        (folder / ".env").write_text("log_level=debug\nSTRATEGY_NAME=a\nQMT_ACCOUNT_TYPE=stock\n")
        (folder / "more.env").write_text("STRATEGY_NAME=c\n")
        monkeypatch.setenv("STRATEGY_NAME", "b")
        code, out = run(capsys, "show", "--env-file", "more.env")
        assert code == 0
        assert row(out, "LOG_LEVEL").split(maxsplit=1)[1] == "debug  [.env]"
        assert row(out, "STRATEGY_NAME").split(maxsplit=1)[1] == "c  [more.env，盖过 .env、环境]"
        assert row(out, "MAX_ORDER_VALUE").split(maxsplit=1)[1] == "100000  [默认]"
        assert row(out, "QMT_SERVER_LISTEN").split(maxsplit=1)[1] == "0.0.0.0  [默认]"

    def test_only_what_was_changed(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        (folder / ".env").write_text("LOG_LEVEL=debug\nSTRATEGY_NAME=\n")
        assert run(capsys, "show", "--changed")[1].splitlines() == ["LOG_LEVEL  debug  [.env]"]

    @pytest.mark.parametrize("form", [(), ("--json",), ("--changed",)])
    def test_no_secret_is_shown(self, capsys: pytest.CaptureFixture[str], folder: Path, form: tuple[str, ...]) -> None:
        """P04: marked secrets in every setting that is one."""
        secrets = [
            name
            for model in models().values()
            for name, field in model.model_fields.items()
            if "Secret" in str(field.annotation)
        ]
        assert len(secrets) >= 5
        lines = [f"{name.upper()}={MARK}" for name in secrets]
        (folder / ".env").write_text("\n".join([*lines, "QMT_ACCOUNT_ID=87654321"]))
        _, out = run(capsys, "show", *form)
        assert MARK not in out
        assert "87654321" not in out
        assert "…21" in out
        assert "***" in out

    def test_json_is_for_programs(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = json.loads(run(capsys, "show", "--json")[1])
        assert {"name": "LIVE_MODE", "value": "live", "origin": "默认", "hidden": []} in rows


class TestCheck:
    def test_all_problems_are_told_at_once(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        """K01, K02: section, line of another format, slip of the pen, bad values, a name that nothing reads."""
        (folder / ".env").write_text(
            "[qmt]\nQMT_ACCOUNT_ID: 1\nMAX_ORDER_VALEU=1\nLOG_LEVEL=loud\nTRADE_MAX_WAIT_TIME=soon\n"
            "QMT_SERVER_PORT=99999\nFOO=1\n"
        )
        code, out = run(capsys, "check")
        assert code == 2
        for part in (
            "第 1 行 '[qmt]' 不是 变量=值",
            "第 2 行 'QMT_ACCOUNT_ID' 不是",
            "'MAX_ORDER_VALEU' 不存在，不会生效。是否应为 MAX_ORDER_VALUE？",
            "LOG_LEVEL='loud' 无效：可用：debug、info",
            "TRADE_MAX_WAIT_TIME='soon' 无效：不是数字",
            "QMT_SERVER_PORT='99999' 无效：不能大于 65535",
            "警告  .env 里的变量 'FOO' 没有被使用",
        ):
            assert part in out

    def test_files_and_what_the_broker_needs_are_looked_at(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        (folder / ".env").write_text("RULES_FILE=none.toml\nRISK_BLACKLIST=xyz\nNOTIFY_QUIET=late\n")
        code, out = run(capsys, "check", "--broker", "qmt")
        assert code == 2
        for part in ("找不到规则文件 none.toml", "RISK_BLACKLIST 有误", "NOTIFY_QUIET='late'", "QMT_ACCOUNT_ID"):
            assert part in out
        assert "QMT_SERVER_TOKEN" in run(capsys, "check", "--broker", "qmt-remote")[1]
        assert "未知的券商 'tdx'" in run(capsys, "check", "--broker", "tdx")[1]

    def test_what_nothing_reads_is_a_warning_only(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        (folder / ".env").write_text("HTTP_PROXY_OF_MINE=x\n")
        assert run(capsys, "check")[0] == 0

    def test_a_clean_configuration(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "check") == (0, "配置没有问题\n")

    def test_json_is_for_programs(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        (folder / ".env").write_text("LOG_LEVEL=loud\n")
        code, out = run(capsys, "check", "--json")
        assert (code, [one["fatal"] for one in json.loads(out)]) == (2, [True])

    def test_a_refused_secret_is_not_shown(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        """P04: what follows a name without a "=" may be one."""
        (folder / ".env").write_text(f"QMT_SERVER_TOKEN: {MARK}\nJQDATA_PASWORD={MARK}\n")
        code, out = run(capsys, "check")
        assert (code, MARK in out) == (2, False)


def slips(name: str) -> dict[str, str]:
    upper = name.upper()
    return {
        "blank behind": f"{upper} ",
        "letter off": upper[:-2] + ("X" if upper[-2] != "X" else "Y") + upper[-1],
        "letter missing": upper[:3] + upper[4:],
        "letters swapped": upper[1] + upper[0] + upper[2:],
    }


@pytest.mark.parametrize("name", sorted(LIMIT_NAMES))
@pytest.mark.parametrize("slip", ["blank behind", "letter off", "letter missing", "letters swapped"])
def test_a_limit_with_a_slip_of_the_pen_stops_the_start(
    name: str, slip: str, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """K02: a blank at the end, one letter off. The environment keeps the blank that a file would lose."""
    monkeypatch.setenv(slips(name)[slip], "1")
    with pytest.raises(UsageError, match=f"是否应为 {name.upper()}？"):
        load_settings(None)


@pytest.mark.parametrize("name", ["max_order_value", "Max_Order_Value", "MAX_ORDER_VALUE"])
def test_a_limit_in_another_case_holds(name: str, folder: Path) -> None:
    """K02: the case of letters does not matter, so nothing is lost and nothing is refused."""
    (folder / ".env").write_text(f"{name} =5\n")
    assert load_settings(None).max_order_value == 5


@pytest.mark.parametrize("line", ["[qmt]", "QMT_ACCOUNT_ID: 1", "QMT_ACCOUNT_ID"])
def test_a_line_that_sets_nothing_stops_the_start(line: str, folder: Path) -> None:
    """K01: a setting in a form that nobody reads."""
    (folder / ".env").write_text(f"LOG_LEVEL=debug\n{line}\n")
    with pytest.raises(UsageError, match=r"第 2 行 .* 不是 变量=值"):
        load_settings(None)


def test_a_start_says_what_is_set_and_where(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K01: the effective value and its origin."""
    (folder / ".env").write_text("QMT_ACCOUNT_ID=12345678\nUNREAD_THING=1\n")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    with pytest.raises(SystemExit):
        main(["live", "none.py"])
    told = capsys.readouterr()
    assert "设置  LOG_LEVEL=ERROR（环境）  QMT_ACCOUNT_ID=…78（.env）" in told.out
    assert "'UNREAD_THING' 没有被使用" in told.err
