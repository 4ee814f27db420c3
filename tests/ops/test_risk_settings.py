"""Which limits hold, and in what words: from the variables to the engine, the banner and the manual."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from io import StringIO
from math import inf
from pathlib import Path

import pytest
from rich.console import Console

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import money
from bullet_trade.engine.events import Audiences
from bullet_trade.engine.risk_limits import NO_LIMITS, RiskLimits
from bullet_trade.engine.risk_rules import CANCEL_RULES, ORDER_RULES
from bullet_trade.ops.banner import banner
from bullet_trade.ops.compose import composed
from bullet_trade.ops.risk_page import renewed
from bullet_trade.ops.risk_settings import ALL, SHOWN, limit_text, limits_in_force, quote_age_s, risk_limits
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings, load_settings
from bullet_trade.ops.spelling import LIMIT_NAMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "risk.md"
STRATEGY = "def initialize(context):\n    pass\n"


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No `.env` and no variable of ours, whatever the machine has."""
    monkeypatch.chdir(tmp_path)
    for name in (*Settings.model_fields, "bt_env_file"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def given(text: str) -> Settings:
    Path(".env").write_text(text, encoding="utf-8")
    return load_settings(None)


def test_the_defaults_are_those_of_the_manual() -> None:
    assert risk_limits(given("")) == RiskLimits(
        max_order_value=money(100_000),
        max_daily_trade_value=money(500_000),
        max_daily_trades=100,
        max_stock_count=20,
        max_position_ratio=Fraction(20, 100),
        max_daily_messages=15_000,
        max_order_rate=50,
        daily_message_warning=10_000,
    )


VALUES: list[tuple[str, str, object]] = [
    ("MAX_ORDER_VALUE=0", "max_order_value", 0),
    ("MAX_ORDER_VALUE=0.01", "max_order_value", 100),
    ("MAX_ORDER_VALUE=", "max_order_value", money(100_000)),
    ("max_order_value=5", "max_order_value", money(5)),
    ("MAX_POSITION_RATIO=12.5", "max_position_ratio", Fraction(125, 1000)),
    ("MAX_POSITION_RATIO=0", "max_position_ratio", 0),
    ("MAX_PRICE_DEVIATION=0.5", "max_price_deviation", Fraction(5, 1000)),
    ("MAX_DAILY_LOSS=20000", "max_daily_loss", money(20_000)),
    ("MAX_DAILY_LOSS=3%", "max_daily_loss", Fraction(3, 100)),
    ("MAX_DAILY_LOSS=1.5 %", "max_daily_loss", Fraction(15, 1000)),
    ("MAX_DAILY_LOSS=0", "max_daily_loss", 0),
    ("MAX_DAILY_LOSS=0%", "max_daily_loss", 0),
    ("DUPLICATE_ORDER_SECONDS=2.5", "duplicate_order_seconds", timedelta(seconds=2.5)),
    ("MIN_CANCEL_INTERVAL_SECONDS=1", "min_cancel_interval_seconds", timedelta(seconds=1)),
    ("RISK_BLACKLIST=600519，000001.XSHE, sh600000,", "risk_blacklist", {"600519.XSHG", "000001.XSHE", "600000.XSHG"}),
    ("RISK_WHITELIST=", "risk_whitelist", frozenset()),
]


@pytest.mark.parametrize(("line", "name", "value"), VALUES)
def test_a_variable_becomes_an_exact_limit(line: str, name: str, value: object) -> None:
    assert getattr(risk_limits(given(line + "\n")), name) == value


@pytest.mark.parametrize(
    "line",
    [
        "MAX_ORDER_VALUE=-1",
        "MAX_ORDER_VALUE=many",
        "MAX_ORDER_VALUE=inf",
        "MAX_ORDER_VALUE=nan",
        "MAX_DAILY_TRADES=1.5",
        "MAX_DAILY_LOSS=-3%",
        "MAX_DAILY_LOSS=3%%",
        "MAX_ORDER_RATE=300",
        "RISK_BLACKLIST=600519,贵州茅台",
    ],
)
def test_a_limit_that_cannot_be_read_keeps_the_engine_from_starting(line: str) -> None:
    """O05: a check that fails at the start is not a mere notice."""
    with pytest.raises(UsageError, match=line.partition("=")[0]):
        risk_limits(given(line + "\n"))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("MAX_ORDER_VALU", "MAX_ORDER_VALUE"),
        ("MAX_ORDERVALUE", "MAX_ORDER_VALUE"),
        ("MAX_ORDER_VALUE ", "MAX_ORDER_VALUE"),
        ("MAX_DAILY_TRADE", "MAX_DAILY_TRADES"),
        ("MAX_STOCKS_COUNT", "MAX_STOCK_COUNT"),
        ("RISK_BLACK_LIST", "RISK_BLACKLIST"),
        ("MAX_POSITION_RATIOS", "MAX_POSITION_RATIO"),
        ("STALE_QUOTES_SECONDS", "STALE_QUOTE_SECONDS"),
    ],
)
def test_a_misspelt_limit_is_refused_with_the_name_that_is_meant(
    wrong: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K02: a name with a blank or a letter off must not leave the default in force unseen."""
    monkeypatch.setenv(wrong, "5")
    with pytest.raises(UsageError, match=meant):
        load_settings(None)


def test_a_blank_around_a_name_in_a_file_does_no_harm() -> None:
    """K02: in `.env` blanks around the name are no part of it."""
    assert risk_limits(given("MAX_ORDER_VALUE = 7\n")).max_order_value == money(7)


def test_names_of_limits_are_those_of_the_variables() -> None:
    assert set(LIMIT_NAMES) <= set(Settings.model_fields)
    assert set(ALL) == set(SHOWN)
    assert {rule.name for rule in (*ORDER_RULES, *CANCEL_RULES)} | {"max_order_rate", "daily_message_warning"} == set(
        ALL
    )


def test_a_replay_keeps_only_what_was_set_and_everything_where_wanted() -> None:
    plain, set_by_hand = given(""), given("MAX_DAILY_TRADES=7\nMAX_ORDER_VALUE=0\n")
    assert limits_in_force(plain, replaying=True, wanted=False) == NO_LIMITS
    assert limits_in_force(set_by_hand, replaying=True, wanted=False) == RiskLimits(max_daily_trades=7)
    assert limits_in_force(plain, replaying=True, wanted=True) == risk_limits(plain)
    assert limits_in_force(plain, replaying=False, wanted=False) == risk_limits(plain)


def test_the_age_of_a_quote_is_limited_or_not() -> None:
    assert quote_age_s(given("")) == 120.0
    assert quote_age_s(given("STALE_QUOTE_SECONDS=30\n")) == 30.0
    assert quote_age_s(given("STALE_QUOTE_SECONDS=0\n")) == inf


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("", "max_order_value", "单笔金额 ≤ 100,000 元"),
        ("MAX_ORDER_VALUE=0.5", "max_order_value", "单笔金额 ≤ 0.50 元"),
        ("", "max_position_ratio", "单只占总资产 ≤ 20%"),
        ("MAX_DAILY_LOSS=2.5%", "max_daily_loss", "当日亏损 < 2.5%"),
        ("MAX_DAILY_LOSS=20000", "max_daily_loss", "当日亏损 < 20,000 元"),
        ("MIN_CANCEL_INTERVAL_SECONDS=0.5", "min_cancel_interval_seconds", "撤单间隔 ≥ 0.5 秒"),
        ("RISK_BLACKLIST=600519,000001", "risk_blacklist", "买入黑名单 2 只"),
        ("", "max_cancel_per_order", "每笔撤单 ≤ 不限"),
    ],
)
def test_a_limit_in_a_phrase(line: str, name: str, text: str) -> None:
    assert limit_text(risk_limits(given(line + "\n")), name) == text


@pytest.mark.parametrize(
    ("line", "wanted", "shown"),
    [
        ("", False, "回放不套用限额"),
        ("MAX_DAILY_TRADES=7", False, "当日委托笔数 ≤ 7 笔"),
        ("", True, "单笔金额 ≤ 100,000 元"),
    ],
)
def test_the_banner_says_which_limits_hold(line: str, wanted: bool, shown: str, tmp_path: Path) -> None:
    settings = given(line + "\n")
    strategy = tmp_path / "one.py"
    strategy.write_text(STRATEGY, encoding="utf-8")
    request = RunRequest(strategy, "simulator", "2025-12-01", None, "synthetic", tmp_path / "runtime", risk=wanted)
    console = Console(width=400, file=StringIO())
    with composed(request, settings, Audiences()) as run:
        assert run.session.parts.limits == limits_in_force(settings, replaying=True, wanted=wanted)
        assert (run.session.engine.desk.gate is None) is (run.session.parts.limits == NO_LIMITS)
        console.print(banner(run, request, settings))
        run.session.parts.journal.close()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown in text
    assert ("单笔金额" in text) is wanted


def test_the_table_of_the_manual_is_that_of_the_rules() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "python -m bullet_trade.ops.risk_page docs/risk.md"
