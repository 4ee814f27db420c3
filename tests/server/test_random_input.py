"""Nonsense never ends the server, starts an order or leaves a session behind. `--frames` in the benchmark's long form:

python tests/server/test_random_input.py 100000
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path

from served import TOKEN, EndedError, Peer, Served

ACTIONS = [
    "broker.account", "broker.positions", "broker.orders", "broker.trades", "broker.order_status", "broker.place_order",
    "broker.cancel_order", "broker.resolve_submission", "broker.snapshot", "data.history", "data.snapshot",
    "data.live_current", "data.trade_days", "data.security_info", "data.ensure_cache", "data.get_all_securities",
    "data.get_index_stocks", "data.get_split_dividend", "data.subscribe", "data.unsubscribe", "admin.health",
    "admin.print_account", "broker.__init__", "data.history.x", "", "admin.",
]  # fmt: skip
KEYS = [
    "security", "account_key", "sub_account_id", "start", "end", "count", "frequency", "fields", "securities", "types",
    "order_id", "idempotency_key", "write_action", "request_payload", "limit", "date", "index_symbol", "filters", "fq",
]  # fmt: skip
VALUES: list[object] = [
    None, True, 0, -1, 10**30, 1e308, "", "x" * 300, "000001.XSHE", "main", "2026-01-05", "\ud800", "\0", "中文", [],
    {}, [[]], ["000001.XSHE", None], {"a": 1}, "broker.place_order", "1m", "9999-99-99", float("nan"), float("inf"),
]  # fmt: skip


def body(dice: random.Random) -> bytes:
    """One body: noise, broken JSON, or a message with wrong contents. Never a complete order."""
    kind = dice.random()
    if kind < 0.1:
        return dice.randbytes(dice.randrange(1, 60))
    payload = {dice.choice(KEYS): dice.choice(VALUES) for _ in range(dice.randrange(4))}
    message: dict[str, object] = {
        "type": dice.choice(["request", "request", "request", "ping", "handshake", "hello", None, 5, []]),
        "id": dice.choice(VALUES),
        "action": dice.choice(ACTIONS),
        "payload": dice.choice([payload, payload, payload, None, [], "x", 5]),
    }
    encoded = json.dumps(message, ensure_ascii=dice.random() < 0.9).encode("utf-8", "surrogatepass")
    if kind < 0.2:
        place = dice.randrange(len(encoded))
        encoded = encoded[:place] + dice.randbytes(1) + encoded[place + 1 :]
    return encoded


def attack(served: Served, frames: int, seed: int) -> int:
    """Send `frames` frames over as many connections as it takes; how many connections that were."""
    dice = random.Random(seed)
    connections = 0
    peer: Peer | None = None
    for _ in range(frames):
        if peer is None:
            peer = Peer(served.port)
            peer.send({"type": "handshake", "token": TOKEN})
            peer.receive()
            connections += 1
        try:
            data = body(dice)
            header = len(data) if dice.random() < 0.99 else dice.randrange(2**32)
            peer.send_bytes(header.to_bytes(4, "big") + data)
            peer.send({"type": "ping", "id": "alive"})
            while peer.receive().get("id") != "alive":
                pass
        except (EndedError, OSError):
            peer.close()
            peer = None
        except TimeoutError:
            raise AssertionError("the server neither answers nor closes") from None
    if peer is not None:
        peer.close()
    return connections


async def _empty(served: Served) -> None:
    while served.server.sessions:
        await asyncio.sleep(0.002)


def check(served: Served, frames: int, seed: int) -> int:
    """Attack, then see that a good client is served and nothing was left behind."""
    connections = attack(served, frames, seed)
    served.call(_empty(served))
    good = served.client()
    assert good.get("broker.positions") == []
    good.close()
    assert served.broker.submitted == []
    return connections


def test_random_frames_do_no_harm(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        check(served, 1_500, seed=20260105)
    finally:
        served.stop()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    running = Served(Path(tempfile.mkdtemp()))
    made = check(running, count, seed=1)
    print(f"{count} frames over {made} connections: no harm")  # noqa: T201
    running.stop()
