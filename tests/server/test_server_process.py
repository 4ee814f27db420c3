"""`bullet-trade server` as a process of its own, on the machine's clock, with real sockets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from served import TOKEN, Peer, limit


@contextmanager
def process(directory: Path) -> Iterator[int]:
    """`bullet-trade server` as a user starts it, killed at the end; its port."""
    command = [
        sys.executable, "-m", "bullet_trade", "server", "--server-type", "simulator", "--listen", "127.0.0.1",
        "--port", "0", "--accounts", "main=123456:stock", "--runtime-dir", str(directory),
    ]  # fmt: skip
    environment = os.environ | {"QMT_SERVER_TOKEN": TOKEN, "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as started:
        assert started.stdout is not None
        try:
            for line in started.stdout:
                found = re.search(r"监听 127\.0\.0\.1:(\d+)", line)
                if found is not None:
                    yield int(found[1])
                    break
            else:
                raise AssertionError("the server does not listen")
        finally:
            started.kill()


def test_a_server_that_was_killed_answers_for_the_order_that_it_had_taken(tmp_path: Path) -> None:
    """A10, B06: SIGKILL after the order, the same key at the next process: one answer, one order at the most."""
    wish = {
        "security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(9.0), "wait_timeout": 0,
        "idempotency_key": "k1", "order_remark": "bt:x:00001",
    }  # fmt: skip
    answers, lists = [], []
    for _ in range(2):
        with process(tmp_path) as port:
            client = Peer(port)
            client.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": []})
            client.receive()
            answer = client.ask("broker.place_order", **wish)
            payload = answer.get("payload", answer)
            answers.append([payload.get(name) for name in ("order_id", "code", "message")])  # type: ignore[attr-defined]
            lists.append([row["order_remark"] for row in client.get("broker.orders")])  # type: ignore[union-attr]
            client.close()
    # At night the exchange refuses the order, and by day it takes it: told twice, and done once, either way.
    assert answers[0] == answers[1]
    assert lists[0] == lists[1]
    assert lists[0] in (["bt:x:00001"], [])
