"""A server of the wire protocol that answers as a test writes down, in the manner of the deployed ones."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from contextlib import suppress

from bullet_trade.remote.errors import FrameError
from bullet_trade.remote.frames import FrameDecoder

CUT = "cut"
"""In place of an answer: the connection breaks."""

NOT_IMPLEMENTED = {"code": "REQUEST_FAILED", "message": "券商接口 resolve_submission 未实现"}


class ScriptedServer:
    """`answers` by action: a payload, {"error": {...}}, or `CUT`; lists of them are taken one by one, the last stays.

    `extra` is sent before every answer. `asked` has every request as (action, payload).
    """

    def __init__(self, **answers: object) -> None:
        self.answers = {name.replace("__", "."): deque(one) if isinstance(one, tuple) else deque([one])
                        for name, one in answers.items()}  # fmt: skip
        self.ack: object = {"type": "handshake_ack", "session_id": "s1", "keepalive": 20, "protocol": 1,
                            "features": ["data", "broker"]}  # fmt: skip
        self.extra: list[dict[str, object]] = []
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.handshakes: list[dict[str, object]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def count(self, action: str) -> int:
        """How often an action was asked for."""
        return sum(1 for name, _ in self.asked if name == action)

    def sent(self, action: str) -> dict[str, object]:
        """The last payload of an action."""
        return [payload for name, payload in self.asked if name == action][-1]

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5.0)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, suppress(OSError, FrameError):
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        decoder = FrameDecoder()
        while data := client.recv(65536):
            decoder.feed(data)
            while (body := decoder.take()) is not None:
                message = json.loads(body)
                if message["type"] == "handshake":
                    self.handshakes.append(message)
                    self._send(client, self.ack)
                    continue
                self.asked.append((message["action"], message["payload"]))
                answer = self._answer(message["action"])
                if answer == CUT:
                    return
                for one in self.extra:
                    self._send(client, one)
                if isinstance(answer, dict) and "error" in answer:
                    self._send(client, {"type": "error", "id": message["id"], **answer["error"]})
                else:
                    self._send(client, {"type": "response", "id": message["id"], "payload": answer})

    def _answer(self, action: str) -> object:
        waiting = self.answers.get(action)
        if waiting is None:
            return {"error": {"code": "REQUEST_FAILED", "message": f"{action} 未实现"}}
        answer = waiting.popleft() if len(waiting) > 1 else waiting[0]
        return answer(self) if callable(answer) else answer

    @staticmethod
    def _send(client: socket.socket, message: object) -> None:
        body = json.dumps(message).encode()
        client.sendall(struct.pack(">I", len(body)) + body)
