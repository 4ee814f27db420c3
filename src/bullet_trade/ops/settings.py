"""Settings from the environment and `.env`, parsed once into a frozen value. No other module reads the environment."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bullet_trade.domain.errors import UsageError


class Settings(BaseSettings):
    """Every variable that the program reads, with its default. Names are those of the manual, in any case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True)

    default_broker: str = "simulator"
    runtime_dir: Path = Path("runtime")
    log_dir: Path = Path("logs")
    log_level: str = "INFO"
    strategy_name: str = ""
    trade_max_wait_time: float = Field(16.0, ge=0)
    market_buy_price_percent: float = Field(0.015, ge=0, lt=1)
    market_sell_price_percent: float = Field(-0.015, le=0, gt=-1)
    g_autosave_enabled: bool = True
    g_autosave_interval: float = Field(60.0, ge=1)
    simulator_initial_cash: float = Field(1_000_000.0, gt=0)
    simulator_initial_positions: str = ""
    simulator_report_delay: float = Field(0.5, ge=0)
    rules_file: Path | None = None
    holiday_file: Path | None = None
    default_data_provider: str = ""
    jqdata_username: str = ""
    jqdata_password: SecretStr = SecretStr("")
    research_data_dir: Path | None = None
    research_dir: Path = Path("research")
    journal_sync: str = Field("normal", pattern="^(normal|full)$")


def load_settings(env_file: Path | None) -> Settings:
    """Settings from, in rising order: defaults, `.env` of the working directory, environment, `env_file`.

    `BT_ENV_FILE` names the file where `env_file` is None. Raises `UsageError` naming the variable and the value.
    """
    named = env_file or (Path(os.environ["BT_ENV_FILE"]) if os.environ.get("BT_ENV_FILE") else None)
    if named is not None and not named.is_file():
        raise UsageError(f"找不到环境文件 {named}", "检查 --env-file 或 BT_ENV_FILE 的路径")
    values = {**_read(Path(".env")), **os.environ, **(_read(named) if named else {})}
    known = {name: values[key] for key in values if (name := key.lower()) in Settings.model_fields and values[key]}
    try:
        return Settings.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise UsageError(
            f"变量 {name}={first['input']!r} 无效：{first['msg']}", "修正 .env 或环境变量后重新启动"
        ) from error


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return {key: value for key, value in dotenv_values(path, encoding=encoding).items() if value is not None}
        except UnicodeDecodeError:
            continue
    raise UsageError(f"环境文件 {path} 的编码无法识别", "请用 UTF-8 编码保存")
