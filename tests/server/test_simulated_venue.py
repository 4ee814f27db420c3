"""The whole server as a user starts it, with the simulated broker on synthetic prices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served import OURS, PATIENCE_S, TOKEN, Machine, Peer
from typer.testing import CliRunner

from bullet_trade.cli.main import app
from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import WallClock
from bullet_trade.ops.settings import Settings
from bullet_trade.server.compose import compose
from bullet_trade.server.settings import ServerSettings, load_server_settings


@contextmanager
def running(directory: Path, machine: Machine) -> Iterator[Peer]:
    """A server in a thread, and a client of it."""
    mine = ServerSettings.model_validate(
        {
            "qmt_server_type": "simulator",
            "qmt_server_listen": "127.0.0.1",
            "qmt_server_port": 0,
            "qmt_server_token": TOKEN,
            "qmt_server_accounts": "main=123456:stock",
        }
    )
    server, warnings = compose(mine, Settings(), directory, WallClock(machine.civil))
    assert warnings == []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE_S * 3)  # type: ignore[arg-type]

    peer = Peer(int(str(call(server.start()))))
    peer.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": OURS})
    peer.ack = peer.receive()
    try:
        yield peer
    finally:
        peer.close()
        call(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


def test_an_order_survives_a_restart_of_the_server_and_is_found_by_its_key(tmp_path: Path) -> None:
    """B06, I1: the same key after a restart is the same order; the simulated account keeps it."""
    machine = Machine()
    with running(tmp_path, machine) as client:
        last = client.get("data.snapshot", security="000001.XSHE")["last_price"]  # type: ignore[index]
        order = {
            "security": "000001.XSHE", "side": "BUY", "amount": 100, "wait_timeout": 0, "idempotency_key": "k1",
            "style": {"type": "limit", "price": round(last * 0.95, 2)}, "order_remark": "bt:x:00001",
        }  # fmt: skip
        first = client.get("broker.place_order", **order)
        assert first["status"] == "submitted"  # type: ignore[index]
        assert client.event("report")["report"]["tag"] == "bt:x:00001"  # type: ignore[index]
    with running(tmp_path, machine) as client:
        again = client.get("broker.place_order", **order)
        assert again["order_id"] == first["order_id"]  # type: ignore[index]
        found = client.get("broker.resolve_submission", idempotency_key="k1", write_action="broker.place_order")
        assert (found["status"], found["order_id"]) == ("accepted", first["order_id"])  # type: ignore[index]
        (row,) = client.get("broker.orders")  # type: ignore[misc]
        assert (row["order_id"], row["order_remark"], row["status"]) == (first["order_id"], "bt:x:00001", "open")
        cancel = client.get("broker.cancel_order", order_id=first["order_id"])  # type: ignore[index]
        assert (cancel["value"], cancel["status"]) == (True, "canceled")  # type: ignore[index]
        assert len(client.get("broker.orders")) == 1  # type: ignore[arg-type]


def test_the_command_refuses_what_is_unsafe_and_makes_certificates(tmp_path: Path) -> None:
    run = CliRunner().invoke
    made = run(app, ["server", "--make-cert", str(tmp_path / "certs"), "--cert-hosts", "10.0.0.8,qmt.local"])
    assert made.exit_code == 0
    assert (tmp_path / "certs" / "server.key").is_file()
    base = ["server", "--server-type", "simulator", "--runtime-dir", str(tmp_path / "run")]
    for arguments, words in (
        ([], "没有设置令牌"),
        (["--token", "secret", "--listen", "8.8.8.8"], "公网地址"),
        (["--token", TOKEN, "--tls-cert", "x"], "只给了一个"),
        (["--token", TOKEN, "--allowlist", "oops"], "允许的地址"),
        (["--token", TOKEN, "--accounts", "main"], "写法无效"),
        (["--token", TOKEN, "--server-type", "nobody"], "没有配置账户"),
        (["--token", TOKEN, "--server-type", "nobody", "--accounts", "main=1"], "未知的服务类型"),
    ):
        result = run(app, base + arguments)
        assert isinstance(result.exception, UsageError), arguments
        assert words in str(result.exception)


def test_flags_come_before_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QMT_SERVER_PORT", "1234")
    monkeypatch.setenv("QMT_SERVER_TOKEN", "from-the-environment")
    monkeypatch.setenv("QMT_SERVER_REQUEST_TIMEOUT", "7")
    monkeypatch.setenv("QMT_SERVER_REQUEST_TIMEOUT_SECONDS", "-3")
    found = load_server_settings(None, {"qmt_server_port": 5678, "qmt_server_token": None})
    assert (found.qmt_server_port, found.request_timeout_s) == (5678, 7.0)
    assert found.qmt_server_token.get_secret_value() == "from-the-environment"
    assert "from-the-environment" not in repr(found)
    monkeypatch.setenv("QMT_SERVER_MAX_CONNECTIONS", "many")
    with pytest.raises(UsageError, match="QMT_SERVER_MAX_CONNECTIONS"):
        load_server_settings(None, {})
