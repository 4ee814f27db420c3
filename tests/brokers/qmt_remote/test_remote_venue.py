"""What a user's settings make of a remote account, before anything trades."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from old_server import OldServer
from remote_world import ExchangeTime

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.remote_venue import link_terms, remote_account, remote_broker, remote_data
from bullet_trade.ops.settings import Settings

CLOCK = ExchangeTime(lambda: datetime(2026, 1, 5, 10, 0))


def settings(**given: object) -> Settings:
    return Settings.model_validate({"qmt_server_token": "t0ken-of-a-decent-length", **given})


def test_a_missing_token_is_named_before_anything_connects() -> None:
    with pytest.raises(UsageError, match="QMT_SERVER_TOKEN"):
        remote_broker(settings(qmt_server_token=" "), "strategy", CLOCK)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="QMT_SERVER_TLS_CERT"):
        remote_broker(settings(qmt_server_tls_cert=tmp_path / "none.crt"), "strategy", CLOCK)


def test_neither_label_nor_account_name_shows_the_token() -> None:
    """I9."""
    given = settings(qmt_server_host="10.0.0.8", qmt_server_account_key="main")
    made = remote_broker(given, "strategy", CLOCK)
    assert made.label == "远程券商 10.0.0.8:58620（main）"
    assert remote_account(given) == "10.0.0.8:58620/main/"
    assert "t0ken" not in repr(given)
    of_a_part = settings(qmt_server_host="10.0.0.8", qmt_server_account_key="main", qmt_server_sub_account="demo")
    assert remote_broker(of_a_part, "strategy", CLOCK).label == "远程券商 10.0.0.8:58620（main/demo）"


@pytest.mark.parametrize(("given", "used"), [(1.0, 5.0), (60.0, 60.0), (90.0, 90.0)])
def test_answers_are_waited_for_at_least_five_seconds(given: float, used: float) -> None:
    assert link_terms(settings(qmt_server_rpc_timeout=given)).rpc_s == used


def test_invented_prices_never_stand_in_for_a_server_without_data() -> None:
    server = OldServer({}, token="t0ken-of-a-decent-length")
    server.modules = ["broker"]
    with pytest.raises(UsageError, match="--enable-data"):
        remote_data(settings(qmt_server_port=server.port), "synthetic", CLOCK)
    server.modules = ["data", "broker"]
    link = remote_data(settings(qmt_server_port=server.port), "synthetic", CLOCK)
    assert link is not None
    link.close()
    server.close()
