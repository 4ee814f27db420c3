"""A server as it is deployed (wire document, sections 8 to 15), scripted: what a test writes down is what it answers.

It announces no extensions, works on one request after the other, and answers a heartbeat only between two of them.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

Answer = Callable[[dict[str, object]], object]
"""From the payload to the answer's payload; an `OopsError` becomes an error frame, `SILENCE` no answer at all."""

SILENCE = object()
PATIENCE_S = 10.0


class OopsError(Exception):
    """An error frame."""

    def __init__(self, code: str, text: str, **more: object) -> None:
        super().__init__(text)
        self.frame = {"code": code, "message": text, **more}


def raising(code: str, text: str, **more: object) -> Answer:
    def answer(_: dict[str, object]) -> object:
        raise OopsError(code, text, **more)

    return answer


class Counterparty:
    """The account behind the server: money, orders and trades as rows of the wire."""

    def __init__(self) -> None:
        self.orders: list[dict[str, object]] = []
        self.trades: list[dict[str, object]] = []

    def place(self, payload: dict[str, object]) -> dict[str, object]:
        number = str(1082131200 + len(self.orders))
        self.orders.append(
            {
                "order_id": number, "security": payload["security"], "amount": payload["amount"], "filled": 0,
                "price": 0.0, "status": "open", "raw_status": 50, "is_buy": payload["side"] == "BUY",
                "order_remark": payload["order_remark"], "strategy_name": "bullet-trade",
            }
        )  # fmt: skip
        return {"order_id": number, "status": "submitted", "async_tracking": True, "timed_out": False}

    def fill(self, place: int, amount: int, price: float) -> None:
        row = self.orders[place]
        row["filled"] = int(row["filled"]) + amount
        row["status"], row["raw_status"] = ("filled", 56) if row["filled"] == row["amount"] else ("filling", 55)
        self.trades.append(
            {
                "trade_id": f"t{len(self.trades) + 1}", "order_id": row["order_id"], "security": row["security"],
                "amount": amount, "price": price, "time": 1767578400, "order_remark": row["order_remark"],
            }
        )  # fmt: skip

    def end(self, place: int, word: str, number: int) -> None:
        self.orders[place]["status"], self.orders[place]["raw_status"] = word, number

    def cancel(self, payload: dict[str, object]) -> dict[str, object]:
        for place, row in enumerate(self.orders):
            if row["order_id"] == payload["order_id"]:
                self.end(place, "canceled", 54)
        return {"dtype": "dict", "value": True, "timed_out": False, "status": "canceled"}

    @property
    def actions(self) -> dict[str, Answer]:
        money = {"available_cash": 100000.0, "total_value": 110000.0}
        held = [{"security": "000001.XSHE", "amount": 1000, "closeable_amount": 1000, "avg_cost": 9.5,
                 "current_price": 10.0, "market_value": 10000.0}]  # fmt: skip
        return {
            "broker.account": lambda _: {"dtype": "dict", "value": {**money, "positions": held}},
            "broker.positions": lambda _: held,
            "broker.orders": lambda _: self.orders,
            "broker.trades": lambda _: self.trades,
            "broker.place_order": self.place,
            "broker.cancel_order": self.cancel,
            "broker.resolve_submission": raising("REQUEST_FAILED", "券商接口 resolve_submission 未实现"),
        }


class OldServer:
    """Listens on a free port of the loopback. `actions` may be changed at any time."""

    def __init__(
        self, actions: Mapping[str, Answer], token: str = "token-of-the-old-one", context: object = None
    ) -> None:
        self.actions = dict(actions)
        self.received: Counter[str] = Counter()
        self.requests: list[dict[str, object]] = []
        self.handshakes: list[dict[str, object]] = []
        self.token = token
        self.modules = ["data", "broker"]
        self._context = context
        self._heard = threading.Condition()
        self._lines: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closed = False
        self._door = threading.Thread(target=self._accept, daemon=True)
        self._door.start()

    def wait(self, done: Callable[[], bool]) -> bool:
        """Wait until `done()`, which is looked at after each request."""
        with self._heard:
            return self._heard.wait_for(done, PATIENCE_S)

    def push(self, message: object) -> None:
        """Send something to every client."""
        for line in list(self._lines):
            _write(line, message)

    def push_bytes(self, data: bytes) -> None:
        for line in list(self._lines):
            line.sendall(len(data).to_bytes(4, "big") + data)

    def cut(self) -> None:
        lines, self._lines = self._lines, []
        for line in lines:
            with suppress(OSError):  # the client was first
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no more connections, and break those that there are."""
        if not self._closed:
            self._closed = True
            # Closing a socket does not wake a thread that accepts on it.
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE_S):
                self._door.join(PATIENCE_S)
            self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                if self._closed:
                    client.close()
                    return
                line = self._context.wrap_socket(client, server_side=True) if self._context else client
            except OSError:  # a client that gives up during the TLS handshake
                continue
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            hello = _read(line)
            with self._heard:
                self.handshakes.append(hello)
                self._heard.notify_all()
            if hello.get("token") != self.token:
                _write(line, {"type": "error", "code": "AUTH_FAILED", "message": "token 不匹配"})
                line.close()
                return
            _write(line, {"type": "handshake_ack", "session_id": "s1", "keepalive": 20, "protocol": 1,
                          "features": self.modules})  # fmt: skip
            self._lines.append(line)
            while True:
                self._answer(line, _read(line))
        except (OSError, EOFError):
            line.close()

    def _answer(self, line: socket.socket, message: dict[str, object]) -> None:
        if message["type"] == "ping":
            _write(line, {"type": "pong", "id": message["id"]})
            return
        action = str(message["action"])
        with self._heard:
            self.received[action] += 1
            self.requests.append(message)
            self._heard.notify_all()
        try:
            answer = self.actions[action](message["payload"])
            shown: dict[str, object] = {"type": "response", "id": message["id"], "payload": answer}
        except OopsError as oops:
            answer, shown = None, {"type": "error", "id": message["id"], **oops.frame}
        if answer is not SILENCE:
            _write(line, shown)


def _write(line: socket.socket, message: object) -> None:
    data = json.dumps(message, ensure_ascii=False).encode()
    line.sendall(len(data).to_bytes(4, "big") + data)


def _read(line: socket.socket) -> dict[str, object]:
    size = int.from_bytes(_exactly(line, 4), "big")
    found: dict[str, object] = json.loads(_exactly(line, size))
    return found


def _exactly(line: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = line.recv(size - len(got))
        if not part:
            raise EOFError
        got += part
    return got
