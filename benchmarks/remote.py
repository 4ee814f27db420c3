"""Print figures of the remote server on the loopback. Run: python benchmarks/remote.py [--quick].

Server: a process of its own, simulated account, synthetic quotes, no access log. Clients: plain blocking sockets, JSON
by the standard library, in this process (the rates therefore include the clients' own work on the same machine).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

TOKEN = "benchmark-token-0123456789"
SYMBOLS, FAN_OUT_CLIENTS = 200, 100
MADE_HERE = 1e6
"""The benchmark's own ticks carry the time at which they were made as their price; the source's own are left out."""
START = datetime(2026, 1, 5, 10, 0)


def serve(pipe: multiprocessing.connection.Connection, fan_out: bool) -> None:
    """The server's process. Sends its port; with `fan_out` then 200 ticks a second; answers "cpu" with seconds used."""
    import asyncio

    from bullet_trade.domain.securities import Code
    from bullet_trade.engine.clock import BEIJING, WallClock
    from bullet_trade.ops.settings import Settings
    from bullet_trade.ports.quotes import Tick
    from bullet_trade.server.compose import compose
    from bullet_trade.server.run import SWITCH_INTERVAL_S
    from bullet_trade.server.settings import ServerSettings

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    offset_s = START.replace(tzinfo=BEIJING).timestamp() - time.monotonic()
    clock = WallClock(lambda: offset_s + time.monotonic())
    mine = ServerSettings.model_validate(
        {
            "qmt_server_type": "simulator",
            "qmt_server_listen": "127.0.0.1",
            "qmt_server_port": 0,
            "qmt_server_token": TOKEN,
            "qmt_server_max_connections": 500,
        }
    )
    server, _ = compose(mine, Settings(), Path(tempfile.mkdtemp()), clock)

    def tick(code: str) -> Tick:
        now = time.time()
        at = datetime.fromtimestamp(now, BEIJING).replace(tzinfo=None)
        book = tuple(10.0 + step / 100 for step in range(5))
        amounts = (100, 200, 300, 400, 500)
        return Tick(
            code=Code(code), datetime=at, current=now, ask_prices=book, ask_volumes=amounts,
            bid_prices=book, bid_volumes=amounts,
        )  # fmt: skip

    async def run() -> None:
        pipe.send(await server.start())
        loop = asyncio.get_running_loop()
        asked: asyncio.Queue[str] = asyncio.Queue()
        threading.Thread(
            target=lambda: [loop.call_soon_threadsafe(asked.put_nowait, pipe.recv()) for _ in iter(int, 1)], daemon=True
        ).start()
        quotes = server._hub.desk if server._hub is not None else None
        while True:
            try:
                word = await asyncio.wait_for(asked.get(), 1.0)
            except TimeoutError:
                if fan_out and quotes is not None:
                    for code in symbols():
                        quotes.put(tick(code))
                continue
            if word == "stop":
                break
            pipe.send(sum(os.times()[:2]))
        await server.stop()

    asyncio.run(run())


def symbols() -> list[str]:
    """Codes that the fan-out uses."""
    return [f"{600000 + number}.XSHG" for number in range(SYMBOLS)]


class Client:
    """One blocking connection."""

    def __init__(self, port: int, features: tuple[str, ...] = ()) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": list(features)})
        assert json.loads(self.receive())["type"] == "handshake_ack"

    def send(self, message: object) -> None:
        body = json.dumps(message).encode()
        self.socket.sendall(len(body).to_bytes(4, "big") + body)

    def receive(self) -> bytes:
        buffer = self._buffer
        while len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[:4], "big"):
            part = self.socket.recv(1 << 20)
            if not part:
                raise EOFError
            buffer += part
        end = 4 + int.from_bytes(buffer[:4], "big")
        self._buffer = buffer[end:]
        return buffer[4:end]

    def waiting(self) -> bool:
        return len(self._buffer) >= 4 and len(self._buffer) >= 4 + int.from_bytes(self._buffer[:4], "big")

    def ask(self, action: str, payload: dict[str, object]) -> None:
        self.send({"type": "request", "id": "1", "action": action, "payload": payload})
        json.loads(self.receive())


class Process:
    """The server for one measurement."""

    def __init__(self, fan_out: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, fan_out), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()

    def cpu_s(self) -> float:
        self._pipe.send("cpu")
        used: float = self._pipe.recv()
        return used

    def stop(self) -> None:
        self._pipe.send("stop")
        self._process.join(20)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def round_trips(rounds: int) -> None:
    server = Process()
    client = Client(server.port)
    print(f"sync round trip, one client, {rounds} requests each (p50 / p99 in microseconds):")
    for action, payload in (
        ("broker.account", {}), ("broker.positions", {}), ("data.snapshot", {"security": "000001.XSHE"}),
        ("data.live_current", {"security": "000001.XSHE"}), ("broker.orders", {}), ("broker.snapshot", {}),
    ):  # fmt: skip
        spent = []
        for _ in range(rounds):
            began = time.perf_counter()
            client.ask(action, payload)
            spent.append((time.perf_counter() - began) * 1e6)
        print(f"  {action:<22} {statistics.median(spent):7.0f} / {percentile(spent, 0.99):7.0f}")
    print("same, spaced by 0.25 s so that nothing is answered from the last 0.2 s:")
    for action, payload in (("broker.account", {}), ("data.snapshot", {"security": "000001.XSHE"})):
        spent = []
        for _ in range(20):
            time.sleep(0.25)
            began = time.perf_counter()
            client.ask(action, payload)
            spent.append((time.perf_counter() - began) * 1e6)
        print(f"  {action:<22} {statistics.median(spent):7.0f} / {percentile(spent, 0.99):7.0f}")
    server.stop()


def order_round_trips(rounds: int) -> None:
    server = Process()
    client = Client(server.port)
    spent = []
    for number in range(rounds):
        order = {
            "security": "000001.XSHE", "side": "BUY", "amount": 100, "style": {"type": "limit", "price": 38.0},
            "wait_timeout": 0, "idempotency_key": f"k{number}",
        }  # fmt: skip
        began = time.perf_counter()
        client.ask("broker.place_order", order)
        spent.append((time.perf_counter() - began) * 1e6)
    print(f"limit order, claimed on disk before the broker hears of it: p50 {statistics.median(spent):.0f} us, "
          f"p99 {percentile(spent, 0.99):.0f} us")  # fmt: skip
    server.stop()


def rates(seconds: float) -> None:
    print("requests per second (broker.positions), one request in flight per client:")
    for count in (1, 10, 100):
        server = Process()
        clients = [Client(server.port) for _ in range(count)]
        done = _drive(clients, seconds)
        print(f"  {count:>3} clients {done / seconds:10,.0f}/s")
        server.stop()


def _drive(clients: list[Client], seconds: float) -> int:
    body = json.dumps({"type": "request", "id": "1", "action": "broker.positions", "payload": {}}).encode()
    request = len(body).to_bytes(4, "big") + body
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.socket.sendall(request)
    done, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for key, _ in selector.select(1.0):
            key.data.receive()
            done += 1
            key.data.socket.sendall(request)
    return done


def fan_out(seconds: float) -> None:
    for name, features in (("batches of five levels", ("tick_batch",)), ("single ticks, old clients", ())):
        server = Process(fan_out=True)
        clients = [Client(server.port, features) for _ in range(FAN_OUT_CLIENTS)]
        for client in clients:
            client.ask("data.subscribe", {"securities": symbols()})
        _receive(clients, 2.0, lambda _: None)
        delays: list[float] = []
        cpu, began = server.cpu_s(), time.perf_counter()
        _receive(clients, seconds, delays.append)
        share = (server.cpu_s() - cpu) / (time.perf_counter() - began)
        expected = int(seconds) * FAN_OUT_CLIENTS * SYMBOLS
        print(f"fan-out {FAN_OUT_CLIENTS} clients x {SYMBOLS} symbols at 1 Hz, {name}: p50 "
              f"{statistics.median(delays) * 1e3:.1f} ms, p99 {percentile(delays, 0.99) * 1e3:.1f} ms, server CPU "
              f"{share * 100:.0f} % of a core, {len(delays)} ticks of about {expected}")  # fmt: skip
        server.stop()


def _receive(clients: list[Client], seconds: float, took: Callable[[float], None]) -> None:
    """Read for a while and note when each part arrived; what it says is read afterwards, because a hundred clients
    share this process and would wait for each other's decoding."""
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    arrived: list[tuple[Client, bytes, float]] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        arrived += [(key.data, key.data.socket.recv(1 << 20), time.time()) for key, _ in selector.select(0.1)]
    for client, part, at in arrived:
        client._buffer += part
        while client.waiting():
            for made in _made_at(client.receive()):
                took(at - made)


def _made_at(body: bytes) -> list[float]:
    """When the ticks of a message were made."""
    message = json.loads(body)
    match message.get("event"):
        case "ticks":
            prices = [row[2] for row in message["payload"]["ticks"]]
        case "tick":
            prices = [message["payload"]["last_price"]]
        case _:
            prices = []
    return [price for price in prices if price > MADE_HERE]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds")
    quick = parser.parse_args().quick
    round_trips(500 if quick else 5_000)
    order_round_trips(100 if quick else 1_000)
    rates(1.0 if quick else 5.0)
    fan_out(3.0 if quick else 10.0)


if __name__ == "__main__":
    main()
