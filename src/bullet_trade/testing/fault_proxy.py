"""A bad network between a client and a server of the wire protocol: a TCP proxy that does what it is told.

It forwards whole messages and can cut the line before, in or after any of them, swallow, hold up or repeat one or some
of its bytes, hand the bytes on in small pieces, stop forwarding with both sockets open (a half-open line), or turn new
connections away. What it draws comes from the generator that it is given.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from random import Random
from threading import Event, Lock, Thread
from typing import NamedTuple

from bullet_trade.remote.frames import FrameDecoder, frame

PATIENCE_S = 10.0


class Act(Enum):
    """What becomes of a message."""

    PASS = "pass"
    DROP = "drop"
    """It is swallowed; the line stays."""
    TWICE = "twice"
    CUT = "cut"
    """It does not arrive, and the line breaks."""
    LAST = "last"
    """It arrives, and then the line breaks."""
    TORN = "torn"
    """Half of it arrives, and the line breaks."""
    STUTTER = "stutter"
    """Some of its bytes arrive twice, so that nothing after them can be read."""
    LATE = "late"
    """It is held up, and with it what follows."""


BREAKING = frozenset({Act.CUT, Act.LAST, Act.TORN})


def _sent(act: Act, whole: bytes) -> bytes:
    """What leaves of a message."""
    middle = len(whole) // 2
    match act:
        case Act.DROP | Act.CUT:
            return b""
        case Act.TWICE:
            return whole * 2
        case Act.TORN:
            return whole[:middle]
        case Act.STUTTER:
            return whole[:middle] + whole[middle // 2 :]
        case _:
            return whole


class Passage(NamedTuple):
    """A message on its way. `up` is towards the server; `number` counts those of its direction, from 1, over all
    connections; `connection` counts from 1."""

    up: bool
    number: int
    connection: int
    body: bytes


Rule = Callable[[Passage], Act]


def fair(_: Passage) -> Act:
    """Everything passes."""
    return Act.PASS


class FaultProxy:
    """Listens on a free port of the loopback and forwards to `target`. `pieces` chops what it forwards; a message that
    is late is so by at most `late_s` seconds.

    `rule` may be set at any time, from any thread; it is asked on the proxy's threads.
    """

    def __init__(self, target: int, draw: Random, pieces: bool = False, rule: Rule = fair, late_s: float = 0.3) -> None:
        self.rule = rule
        self.connections = 0
        self._target = target
        self._draw = draw
        self._pieces = pieces
        self._late_s = late_s
        self._ended = Event()
        self._numbers = {True: 0, False: 0}
        self._lock = Lock()
        self._lines: list[tuple[socket.socket, socket.socket]] = []
        self._flows = {True: Event(), False: Event()}
        for flow in self._flows.values():
            flow.set()
        self._away = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._door = Thread(target=self._accept, daemon=True)
        self._door.start()

    # -- faults ----------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Break all connections now."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            _break(line)

    def turn_away(self, away: bool = True) -> None:
        """Break new connections as soon as they are made, or take them again."""
        self._away = away

    def freeze(self, up: bool = True, down: bool = True) -> None:
        """Forward nothing more in these directions; the sockets stay open."""
        for direction, frozen in ((True, up), (False, down)):
            if frozen:
                self._flows[direction].clear()

    def thaw(self) -> None:
        """Forward again, what has waited first."""
        for flow in self._flows.values():
            flow.set()

    def close(self) -> None:
        """End."""
        self._ended.set()
        # Closing a socket does not wake a thread that accepts on it.
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE_S):
            self._door.join(PATIENCE_S)
        self._listener.close()
        self.thaw()
        self.cut()

    # -- forwarding ------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._away or self._ended.is_set():
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), PATIENCE_S)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            line = (client, server)
            for end in line:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                number = self.connections
                self._lines.append(line)
            for up in (True, False):
                Thread(target=self._forward, args=(line, up, number), daemon=True).start()

    def _forward(self, line: tuple[socket.socket, socket.socket], up: bool, connection: int) -> None:
        source, to = line if up else line[::-1]
        decoder = FrameDecoder()
        with suppress(OSError):
            while chunk := source.recv(65536):
                decoder.feed(chunk)
                while (body := decoder.take()) is not None:
                    self._flows[up].wait()
                    if not self._hand_on(to, up, connection, body):
                        _break(line)
                        return
        _break(line)

    def _hand_on(self, to: socket.socket, up: bool, connection: int, body: bytes) -> bool:
        """Whether the line goes on after this message."""
        with self._lock:
            self._numbers[up] += 1
            act = self.rule(Passage(up, self._numbers[up], connection, body))
            late_s = self._draw.uniform(0.0, self._late_s) if act is Act.LATE else 0.0
        self._ended.wait(late_s)
        for piece in self._chopped(_sent(act, frame(body))):
            to.sendall(piece)
        return act not in BREAKING

    def _chopped(self, data: bytes) -> list[bytes]:
        if not self._pieces:
            return [data] if data else []
        found: list[bytes] = []
        place = 0
        while place < len(data):
            with self._lock:
                size = self._draw.choice((1, 2, 3, 7, 64, 1024))
            found.append(data[place : place + size])
            place += size
        return found


def _break(line: tuple[socket.socket, socket.socket]) -> None:
    for end in line:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
