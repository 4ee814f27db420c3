"""Settings: where a value comes from, and what happens to a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.settings import Settings, load_settings

NAME = "STRATEGY_NAME"


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No `.env` and no variable of ours, whatever the machine has."""
    monkeypatch.chdir(tmp_path)
    for name in (*Settings.model_fields, "bt_env_file"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_defaults_are_those_of_the_manual() -> None:
    settings = load_settings(None)
    assert settings.default_broker == "simulator"
    assert settings.trade_max_wait_time == 16
    assert (settings.market_buy_price_percent, settings.market_sell_price_percent) == (0.015, -0.015)
    assert (settings.g_autosave_enabled, settings.g_autosave_interval) == (True, 60)
    assert (settings.runtime_dir, settings.log_dir) == (Path("runtime"), Path("logs"))


@pytest.mark.parametrize(
    ("places", "winner"),
    [
        ("dotenv", "dotenv"),
        ("dotenv environment", "environment"),
        ("dotenv environment file", "file"),
        ("dotenv file", "file"),
        ("environment file", "file"),
        ("dotenv named", "named"),
        ("environment named", "named"),
        ("named file", "file"),
    ],
)
def test_precedence_from_the_lowest_to_the_highest(
    places: str, winner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = None
    for place in places.split():
        line = f"{NAME}={place}\n"
        if place == "dotenv":
            (tmp_path / ".env").write_text(line)
        elif place == "environment":
            monkeypatch.setenv(NAME, place)
        elif place == "named":
            (tmp_path / "named.env").write_text(line)
            monkeypatch.setenv("BT_ENV_FILE", str(tmp_path / "named.env"))
        else:
            file = tmp_path / "file.env"
            file.write_text(line)
    assert load_settings(file).strategy_name == winner


def test_names_count_in_any_case(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("strategy_name=x\nTrade_Max_Wait_Time=3\n")
    settings = load_settings(None)
    assert (settings.strategy_name, settings.trade_max_wait_time) == ("x", 3)


@pytest.mark.parametrize("place", ["dotenv", "environment"])
def test_an_empty_value_means_the_default(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "dotenv":
        (tmp_path / ".env").write_text("SIMULATOR_INITIAL_CASH=\n")
    else:
        monkeypatch.setenv("SIMULATOR_INITIAL_CASH", "")
    assert load_settings(None).simulator_initial_cash == 1_000_000


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", "TRUE", "Yes"])
def test_words_for_yes(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("G_AUTOSAVE_ENABLED", word)
    assert load_settings(None).g_autosave_enabled


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_file_saved_on_a_chinese_windows_is_read(encoding: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("# 策略名\nSTRATEGY_NAME=轮动策略\n".encode(encoding))
    assert load_settings(None).strategy_name == "轮动策略"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRADE_MAX_WAIT_TIME", "soon"),
        ("TRADE_MAX_WAIT_TIME", "-1"),
        ("G_AUTOSAVE_INTERVAL", "0"),
        ("G_AUTOSAVE_ENABLED", "maybe"),
        ("MARKET_BUY_PRICE_PERCENT", "1.5"),
        ("MARKET_SELL_PRICE_PERCENT", "0.015"),
        ("SIMULATOR_INITIAL_CASH", "0"),
        ("JOURNAL_SYNC", "maybe"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"变量 {name}='{value}' 无效"):
        load_settings(None)


def test_variables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOMETHING_ELSE=1\nSTRATEGY_NAME=x\n")
    assert load_settings(None).strategy_name == "x"


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_a_missing_file_is_named(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing.env"
    if how == "variable":
        monkeypatch.setenv("BT_ENV_FILE", str(missing))
    with pytest.raises(UsageError, match=r"找不到环境文件 .*missing\.env"):
        load_settings(missing if how == "argument" else None)


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings(None).strategy_name = "x"  # type: ignore[misc]
