"""The programs of docs/trade-support.md, as somebody who copies them into JoinQuant: against our own server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from jq_platform import Context, Log, platform_names
from served import TOKEN, Served

from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))
from manual_blocks import BLOCKS

CONFIGURED, EXPLICIT, TAKEOVER = (
    block.body for block in BLOCKS if (block.page, block.language) == ("trade-support.md", "python")
)


def here(body: str, port: int) -> str:
    """The program with this server for the reader's own."""
    for shown, real in (
        ('host="你的公网地址"', 'host="127.0.0.1"'),
        ('host="..."', f'host="127.0.0.1", port={port}'),
        ("port=58620", f"port={port}"),
        ('token="与服务端一致"', f'token="{TOKEN}"'),
        ('token="..."', f'token="{TOKEN}"'),
        ('tls_fingerprint="服务端证书的 SHA-256 指纹",', "wait_timeout=0,"),
        ('tls_fingerprint="...",', ""),
    ):
        body = body.replace(shown, real)
    return body


def followed(body: str, port: int, directory: Path, log: Log, simulated: list[str]) -> dict[str, object]:
    """The names of a strategy with this program in it."""
    names = {
        **platform_names(log, simulated),
        "read_file": lambda name: (directory / name).read_bytes(),
        "write_file": lambda name, content, append=False: (directory / name).write_text(content, encoding="utf-8"),
    }
    exec(compile(here(body, port), "user_code", "exec"), names)
    return names


def test_the_explicit_calls_of_the_page(bt: ModuleType, serve: Callable[..., Served], log: Log, tmp_path: Path) -> None:
    served = serve(brokers={"main": ScriptedBroker(holdings={"000001.XSHE": 1000})})
    served.broker.answers += [[accepted(broker_id=f"B{number}"), filled(100, 10.0)] for number in range(9)]
    names = followed(CONFIGURED + EXPLICIT, served.port, tmp_path, log, [])
    assert names["order"].is_buy is False  # type: ignore[attr-defined]
    assert len(served.broker.submitted) == EXPLICIT.count("= bt.order(") + EXPLICIT.count("\nbt.order_")
    assert (tmp_path / "bullet_trade_state_grid01.json").exists()


def test_the_takeover_of_the_page_sends_the_orders_of_an_unchanged_strategy_to_the_server(
    bt: ModuleType, serve: Callable[..., Served], log: Log, tmp_path: Path
) -> None:
    served = serve()
    served.broker.answers.append([accepted(broker_id="B1"), filled(100, 10.0)])
    simulated: list[str] = []
    names = followed(TAKEOVER, served.port, tmp_path, log, simulated)
    names["process_initialize"](Context())  # type: ignore[operator]
    names["order"]("000001.XSHE", 100)  # type: ignore[operator]
    assert (simulated, len(served.broker.submitted)) == ([], 1)
