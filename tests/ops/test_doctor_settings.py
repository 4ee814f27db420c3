"""A variable that is nearly ours would leave a default in force without a word: the start is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.settings import Settings, load_settings
from bullet_trade.ops.spelling import ELSEWHERE, LONG, misspelt, unknown
from bullet_trade.server.settings import ServerSettings

KNOWN = Settings.model_fields


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("MAX_ORDER_VALUE ", "MAX_ORDER_VALUE"),
        (" MAX_ORDER_VALUE", "MAX_ORDER_VALUE"),
        ("MAX_ORDER _VALUE", "MAX_ORDER_VALUE"),
        ("MAX_ORDER_VALU", "MAX_ORDER_VALUE"),
        ("MAX_ORDER_VALUES", "MAX_ORDER_VALUE"),
        ("MAX_ORDER_VALEU", "MAX_ORDER_VALUE"),
        ("MAX_0RDER_VALUE", "MAX_ORDER_VALUE"),
        ("MAXORDER_VALUE", "MAX_ORDER_VALUE"),
        ("MAXORDERVALUE", "MAX_ORDER_VALUE"),
        ("max_order_valu", "MAX_ORDER_VALUE"),
        ("AX_ORDER_VALUE", "MAX_ORDER_VALUE"),
        ("QMT_ACOUNT_ID", "QMT_ACCOUNT_ID"),
        ("QMT_SERVER_TOKE", "QMT_SERVER_TOKEN"),
    ],
)
def test_one_slip_of_the_pen_is_seen(given: str, meant: str) -> None:
    assert misspelt([given], KNOWN) == [(given, meant)]


@pytest.mark.parametrize(
    "given",
    [
        "MAX_ORDER_VALUE",
        "Max_Order_Value",
        "PATH",
        "HTTP_PROXY",
        "MAX_VALUE",
        "QMT_SERVER_TOKENS",
        "QMT_SERVER_SUB_ACCOUNT",
    ],
)
def test_right_names_and_those_of_others_are_left_alone(given: str) -> None:
    assert misspelt([given], KNOWN) == []


def test_every_variable_of_the_server_is_known() -> None:
    assert set(ServerSettings.model_fields) - set(KNOWN) - ELSEWHERE == set()


def test_short_names_in_the_environment_may_be_another_programs() -> None:
    assert misspelt(["LOGDIR"], KNOWN) == [("LOGDIR", "LOG_DIR")]
    assert misspelt(["LOGDIR"], KNOWN, LONG) == []


def test_names_of_a_file_that_nothing_reads_are_told_with_the_nearest() -> None:
    names = ["SIMULATOR_CASH_INITIAL", "SOMETHING", "TUSHARE_TOKEN", "MINIQMT_MARKET", "LOG_DIR", "STOP_LOSS_RATIO"]
    assert [one.given for one in unknown(names, KNOWN)] == ["SIMULATOR_CASH_INITIAL", "SOMETHING"]


def test_the_variables_of_deployed_installations_are_no_slips() -> None:
    assert misspelt([name.upper() for name in ELSEWHERE], KNOWN) == []


@pytest.mark.parametrize("line", ["MAX_ORDER_VALU=1", "'MAX_ORDER_VALUE '=1", "RUNTIME_DR=x"])
def test_a_file_with_a_slip_is_refused_with_a_suggestion(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    with pytest.raises(UsageError, match=r"不会生效.*是否应为 (MAX_ORDER_VALUE|RUNTIME_DIR)"):
        load_settings(None)


def test_a_slip_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_INITIAL_CSH", "5")
    with pytest.raises(UsageError, match="SIMULATOR_INITIAL_CASH"):
        load_settings(None)


def test_the_example_file_has_no_name_that_nothing_reads() -> None:
    example = Path(__file__).resolve().parents[2] / "env.live.example"
    lines = [line.removeprefix("# ") for line in example.read_text(encoding="utf-8").splitlines()]
    names = [line.partition("=")[0] for line in lines if "=" in line and line[:1].isupper()]
    assert len(names) > 10
    assert unknown(names, KNOWN) == []
