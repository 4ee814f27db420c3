"""docs/config.md and env.live.example say what the program reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from bullet_trade.cli.config import models
from bullet_trade.ops.config_page import config_page, default_text, env_example, readers
from bullet_trade.ops.settings import Settings, sources, validated
from bullet_trade.ops.settings_table import MEANINGS, WRITTEN

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {name for model in models().values() for name in model.model_fields}


def test_every_variable_has_a_meaning_and_every_meaning_a_variable() -> None:
    """A new variable needs a line in ops/settings_table.py."""
    assert set(MEANINGS) == KNOWN


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_a_meaning_is_one_short_line_of_chinese(name: str) -> None:
    words = MEANINGS[name].words
    assert words.isprintable()
    assert len(words) <= 60
    assert any("一" <= sign <= "鿿" for sign in words)


def test_the_page_is_that_of_the_program() -> None:
    """Renew it with ``python -m bullet_trade.cli.config docs/config.md``."""
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == config_page(models())


def test_the_file_to_begin_with_is_that_of_the_program() -> None:
    """Renew it with ``python -m bullet_trade.cli.config env.live.example``."""
    assert (ROOT / "env.live.example").read_text(encoding="utf-8") == env_example(models())


def test_the_file_to_begin_with_works_as_env_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes((ROOT / "env.live.example").read_bytes())
    given = sources(None)[0]
    assert (set(map(str.lower, given.values)), given.stray) == (WRITTEN, ())
    values = {name.lower(): value for name, value in given.values.items()}
    assert validated(Settings, dict(values)) == validated(Settings, {})


def test_each_line_behind_a_sign_names_a_variable_and_a_value_that_is_accepted(tmp_path: Path) -> None:
    lines = env_example(models()).splitlines()
    shown = [line.removeprefix("# ") for line in lines if "=" in line and line.removeprefix("# ")[0].isupper()]
    shown = [line for line in shown if line.partition("=")[0].lower() in KNOWN]
    assert len(shown) == len(KNOWN)
    file = tmp_path / "all.env"
    file.write_text("\n".join(shown), encoding="utf-8")
    values = {str(key).lower(): value for key, value in dotenv_values(file).items() if value}
    assert values["qmt_data_path"] == r"C:\国金QMT交易端\userdata_mini"
    for model in models().values():
        validated(model, {name: value for name, value in values.items() if name in model.model_fields})


def test_defaults_and_readers_are_those_of_the_models() -> None:
    assert default_text("max_order_value", models()) == "100000"
    assert default_text("market_sell_price_percent", models()) == "-0.015"
    assert default_text("qmt_account_id", models()) == ""
    assert default_text("g_autosave_enabled", models()) == "true"
    assert readers("qmt_account_id", models()) == ["live", "server"]
    assert readers("qmt_server_accounts", models()) == ["server"]


def test_answers_stand_in_the_file_as_they_were_given(tmp_path: Path) -> None:
    path = "D:\\my qmt\\new\\userdata_mini\\"
    (tmp_path / ".env").write_text(
        env_example(models(), {"qmt_data_path": path, "default_broker": "qmt"}), encoding="utf-8"
    )
    values = dotenv_values(tmp_path / ".env")
    assert (values["QMT_DATA_PATH"], values["DEFAULT_BROKER"]) == (path, "qmt")
