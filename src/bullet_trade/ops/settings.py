"""Settings from the environment and `.env`, parsed once into a frozen value. No other module reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import time
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import NamedTuple, TypeVar

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bullet_trade.domain.errors import UsageError
from bullet_trade.market.programmatic import HIGH_FREQUENCY_PER_SECOND
from bullet_trade.ops.config_words import complaint, shown_input
from bullet_trade.ops.spelling import LONG, misspelt

M = TypeVar("M", bound=BaseSettings)

LEVEL = "(?i)^(debug|info|warn|warning|error|critical|)$"
"""Words for how much is shown, of old installations too; empty where another variable decides."""


class Settings(BaseSettings):
    """Every variable that the program reads, with its default. Names are those of the manual, in any case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True)

    default_broker: str = "simulator"
    live_mode: str = Field("live", pattern="^(live|dry_run)$")
    dry_run_fill: bool = False
    runtime_dir: Path = Path("runtime")
    log_dir: Path = Path("logs")
    log_level: str = Field("INFO", pattern=LEVEL)
    log_level_order: str = Field("", pattern=LEVEL)
    log_level_system: str = Field("", pattern=LEVEL)
    log_level_strategy: str = Field("", pattern=LEVEL)
    log_keep_days: int = Field(30, ge=0)
    strategy_name: str = ""
    trade_max_wait_time: float = Field(16.0, ge=0)
    market_buy_price_percent: float = Field(0.015, ge=0, lt=1)
    market_sell_price_percent: float = Field(-0.015, le=0, gt=-1)
    g_autosave_enabled: bool = True
    g_autosave_interval: float = Field(60.0, ge=1)
    simulator_initial_cash: float = Field(1_000_000.0, gt=0)
    simulator_initial_positions: str = ""
    declared_capital: float = Field(0.0, ge=0)
    declared_capital_factor: float = Field(2.0, gt=1)
    declared_capital_action: str = Field("warn", pattern="^(warn|refuse)$")
    simulator_report_delay: float = Field(0.5, ge=0)
    qmt_data_path: Path | None = None
    qmt_account_id: str = ""
    qmt_account_type: str = "stock"
    qmt_session_id: int | None = Field(None, ge=1)
    qmt_auto_subscribe: bool = True
    qmt_market_orders: str = Field("market", pattern="^(market|limit)$")
    qmt_server_host: str = "127.0.0.1"
    qmt_server_port: int = Field(58620, ge=1, le=65535)
    qmt_server_token: SecretStr = SecretStr("")
    qmt_server_tls_cert: Path | None = None
    qmt_server_account_key: str = ""
    qmt_server_sub_account: str = ""
    qmt_server_rpc_timeout: float = Field(60.0, gt=0)
    qmt_place_order_timeout_margin: float = Field(30.0, ge=0)
    rules_file: Path | None = None
    holiday_file: Path | None = None
    closed_days_file: Path | None = None
    calendar_conflict: str = Field("follow", pattern="^(follow|refuse)$")
    default_data_provider: str = ""
    jqdata_username: str = ""
    jqdata_password: SecretStr = SecretStr("")
    research_data_dir: Path | None = None
    research_dir: Path = Path("research")
    daily_report: bool = True
    preflight_time: time = time(8, 30)
    preflight_blocks: bool = False
    event_time_out: float = Field(60.0, gt=0)
    strategy_reload: str = Field("manual", pattern="^(auto|manual|off)$")
    account_sync_interval: float = Field(60.0, ge=0)
    journal_sync: str = Field("normal", pattern="^(normal|full)$")
    journal_keep_days: int = Field(400, ge=2)
    state_keep_days: int = Field(10, ge=0)
    bullet_trade_home: Path | None = None
    max_order_value: Decimal = Field(Decimal(100_000), ge=0)
    max_daily_trade_value: Decimal = Field(Decimal(500_000), ge=0)
    max_daily_trades: int = Field(100, ge=0)
    max_stock_count: int = Field(20, ge=0)
    max_position_ratio: Decimal = Field(Decimal(20), ge=0)
    min_buy_order_value: Decimal = Field(Decimal(0), ge=0)
    max_daily_loss: str = Field("", pattern=r"^(\s*\d+(\.\d+)?\s*%?\s*)?$")
    max_price_deviation: Decimal = Field(Decimal(0), ge=0)
    duplicate_order_seconds: float = Field(0.0, ge=0, le=86_400)
    max_consecutive_rejects: int = Field(0, ge=0)
    risk_whitelist: str = ""
    risk_blacklist: str = ""
    max_daily_cancels: int = Field(0, ge=0)
    min_cancel_interval_seconds: float = Field(0.0, ge=0, le=86_400)
    max_cancel_per_order: int = Field(0, ge=0)
    max_daily_messages: int = Field(15_000, ge=0)
    max_order_rate: int = Field(50, ge=0, lt=HIGH_FREQUENCY_PER_SECOND)
    daily_message_warning: int = Field(10_000, ge=0)
    stale_quote_seconds: float = Field(120.0, ge=0)
    risk_check_enabled: bool = False
    risk_check_interval: float = Field(60.0, ge=1)
    stop_loss_ratio: float = Field(5.0, ge=0, le=100)
    max_drawdown_ratio: float = Field(10.0, ge=0, le=100)
    resting_order_seconds: float = Field(600.0, ge=0)
    notify_urls: SecretStr = SecretStr("")
    message_key: SecretStr = SecretStr("")
    wechat_message_key: SecretStr = SecretStr("")
    notify_events: str = ""
    notify_quiet: str = ""
    notify_quiet_alarms: bool = True
    notify_interval: float = Field(20.0, ge=1, le=3_600)
    notify_repeat: float = Field(300.0, ge=0, le=86_400)
    metrics_port: int = Field(0, ge=0, le=65_535)
    metrics_host: str = "127.0.0.1"


def load_settings(env_file: Path | None) -> Settings:
    """Settings from, in rising order: defaults, `.env` of the working directory, environment, `env_file`.

    `BT_ENV_FILE` names the file where `env_file` is None. Raises `UsageError` naming the variable and the value.
    """
    given = sources(env_file)
    refuse_misspelt(given)
    return validated(Settings, values_for(Settings, given))


def read_settings(env_file: Path | None) -> Settings:
    """As `load_settings`, for a command that tells misspelt names itself."""
    return validated(Settings, read_variables(Settings, env_file))


class Source(NamedTuple):
    """Where variables come from. `ours`: a file of this program, not the environment of all. `stray` names its lines
    that set nothing."""

    title: str
    values: dict[str, str]
    ours: bool
    stray: tuple[str, ...] = ()


def refuse_misspelt(given: Iterable[Source]) -> None:
    """Raise `UsageError` for a line that sets nothing, or a variable that is nearly one of ours: its default would
    stay in force without a word."""
    for source in given:
        for line in source.stray:
            raise UsageError(f"{source.title}{line}不是 变量=值，不会生效", "改正或删除后重新启动")
        for name, meant in misspelt(source.values, Settings.model_fields, 0 if source.ours else LONG):
            words = f"{source.title}里的变量 {name!r} 不存在，不会生效"
            raise UsageError(words, f"是否应为 {meant}？改正或删除后重新启动")


def read_variables(model: type[BaseSettings], env_file: Path | None) -> dict[str, object]:
    """The variables that `model` knows, by field name, from the sources of `load_settings`."""
    return values_for(model, sources(env_file))


def values_for(model: type[BaseSettings], given: Iterable[Source]) -> dict[str, object]:
    """The variables that `model` knows, by field name; `given` in rising order."""
    values = {name: value for source in given for name, value in source.values.items()}
    return {name: values[key] for key in values if (name := key.lower()) in model.model_fields and values[key]}


def sources(env_file: Path | None) -> list[Source]:
    """Where variables come from, in rising order. Raises `UsageError` for a named file that is not there."""
    named = env_file or (Path(os.environ["BT_ENV_FILE"]) if os.environ.get("BT_ENV_FILE") else None)
    if named is not None and not named.is_file():
        raise UsageError(f"找不到环境文件 {named}", "检查 --env-file 或 BT_ENV_FILE 的路径")
    found = [_file(Path(".env")), Source("环境", dict(os.environ), False)]
    return [*found, _file(named)] if named else found


def validated(model: type[M], values: dict[str, object]) -> M:
    """The settings. Raises `UsageError` naming the first variable that is wrong; a secret's value is not shown."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        shown = shown_input(model, field, first["input"])
        raise UsageError(
            f"变量 {field.upper()}={shown} 无效：{complaint(first)}", "修正 .env 或环境变量后重新启动"
        ) from error


def _file(path: Path) -> Source:
    if not path.is_file():
        return Source(f"{path} ", {}, True)
    lines = list(parse_stream(StringIO(_text(path))))
    readable = StringIO("".join(line.original.string for line in lines if not line.error))
    values = {key: value for key, value in dotenv_values(stream=readable).items() if value is not None}
    nothing = (line.original for line in lines if line.error or (line.key and line.value is None))
    stray = tuple(f"第 {one.line} 行 {_first_word(one.string)!r} " for one in nothing)
    return Source(f"{path} ", values, True, stray)


def _first_word(line: str) -> str:
    # What follows may be a secret.
    return re.split(r"[\s:=]", line.strip(), maxsplit=1)[0]


def _text(path: Path) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return path.read_text(encoding=encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"环境文件 {path} 的编码无法识别", "请用 UTF-8 编码保存")
