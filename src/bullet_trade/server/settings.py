"""The server's settings: the variables of deployed installations, and the flags that come before them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bullet_trade.ops.settings import read_variables, validated


class ServerSettings(BaseSettings):
    """Every variable of the server with its default. Durations in seconds.

    `qmt_server_tokens` are further tokens with narrower grants, see `access.parse_tokens`. `qmt_server_data` is the
    simulator's source of prices. The two spellings of a time limit are both in use; the longer name wins.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True)

    qmt_server_type: str = "qmt"
    qmt_server_listen: str = "0.0.0.0"
    qmt_server_port: int = Field(58620, ge=0, le=65535)
    qmt_server_token: SecretStr = SecretStr("")
    qmt_server_tokens: SecretStr = SecretStr("")
    qmt_server_enable_data: bool = True
    qmt_server_enable_broker: bool = True
    qmt_server_tls_cert: Path | None = None
    qmt_server_tls_key: Path | None = None
    qmt_server_allowlist: str = ""
    qmt_server_max_connections: int = Field(64, ge=1)
    qmt_server_max_subscriptions: int = Field(200, ge=1)
    qmt_server_accounts: str = ""
    qmt_server_sub_accounts: str = ""
    qmt_server_log_file: Path | None = None
    qmt_server_log_account: bool = False
    qmt_server_access_log: bool = True
    qmt_server_order_risk_enabled: bool = False
    qmt_server_request_timeout: float | None = None
    qmt_server_request_timeout_seconds: float | None = None
    qmt_server_place_order_timeout_margin: float | None = None
    qmt_server_place_order_timeout_margin_seconds: float | None = None
    qmt_server_data: str = "synthetic"
    qmt_account_id: str = ""
    qmt_account_type: str = "stock"
    qmt_data_path: str = ""

    @field_validator(
        "qmt_server_request_timeout",
        "qmt_server_request_timeout_seconds",
        "qmt_server_place_order_timeout_margin",
        "qmt_server_place_order_timeout_margin_seconds",
    )
    @classmethod
    def _positive(cls, value: float | None) -> float | None:
        return value if value is not None and value > 0 else None

    @property
    def request_timeout_s(self) -> float:
        """The most that a request may take; 60 unless set."""
        return self.qmt_server_request_timeout_seconds or self.qmt_server_request_timeout or 60.0

    @property
    def place_margin_s(self) -> float:
        """What an order may take beyond its own wait; 30 unless set."""
        found = self.qmt_server_place_order_timeout_margin_seconds or self.qmt_server_place_order_timeout_margin
        return found or 30.0


def load_server_settings(env_file: Path | None, flags: dict[str, object]) -> ServerSettings:
    """Settings from the variables, and above them the flags that were given (None: not given).

    Raises `UsageError` naming the variable and the value.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    return validated(ServerSettings, {**read_variables(ServerSettings, env_file), **given})
