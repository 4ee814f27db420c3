"""`bullet-trade server` as a process of its own, in trading hours, with real sockets."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from day_clock import DayClock
from day_server import command, environment
from served import TOKEN, Peer, limit


@contextmanager
def process(directory: Path, clock: Path) -> Iterator[int]:
    """`bullet-trade server` as a user starts it, killed at the end; its port."""
    with subprocess.Popen(
        command(directory, clock),
        cwd=directory,
        env=environment(),
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
        "security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(40.0), "wait_timeout": 0,
        "idempotency_key": "k1", "order_remark": "bt:x:00001",
    }  # fmt: skip
    clock = tmp_path / "clock"
    DayClock.begin(clock, datetime(2026, 1, 5, 10, 0))
    answers, lists = [], []
    for _ in range(2):
        with process(tmp_path, clock) as port:
            client = Peer(port)
            client.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": []})
            client.receive()
            answer = client.ask("broker.place_order", **wish)
            answers.append((answer["type"], answer["payload"]["order_id"], answer["payload"]["status"]))  # type: ignore[index]
            lists.append([row["order_remark"] for row in client.get("broker.orders")])  # type: ignore[union-attr]
            client.close()
    assert answers == [("response", "1", "submitted")] * 2
    assert lists == [["bt:x:00001"]] * 2
