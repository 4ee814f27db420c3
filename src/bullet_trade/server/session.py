"""One connection: handshake, requests in flight, answers, pushes. Runs on the event loop's thread.

Requests of a session run beside each other; a client of an old version gets its pongs only after the answers to what it
asked before, as it always did. A client that does not read is dropped before it costs memory.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime
from threading import get_ident
from typing import Protocol

import msgspec

from bullet_trade.remote import body, features, messages
from bullet_trade.remote.errors import ErrorCode, FrameError, RemoteError
from bullet_trade.remote.frames import FRAME_LIMIT, HANDSHAKE_LIMIT, FrameDecoder, frame
from bullet_trade.remote.messages import KEEPALIVE_S, Handshake, HandshakeAck, Ping, Request, Resumed, Unsupported
from bullet_trade.server.access import Grant

log = logging.getLogger("bullet_trade.server")

HANDSHAKE_WAIT_S = 10.0
IDLE_S = 3.0 * KEEPALIVE_S
"""A client that is silent this long, with nothing in flight, is gone."""
STALL_S = 30.0
"""A client that takes nothing for this long is dropped."""
IN_FLIGHT = 64
"""Requests that are worked on at a time; more wait in the socket."""
HIGH_WATER = 256 * 1024
MOST_BUFFERED = 2 * FRAME_LIMIT
"""Bytes that may wait for one client."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the server says to a right token: `refusal` when it cannot take the session all the same."""

    grant: Grant
    modules: tuple[str, ...]
    stream: str
    accounts: tuple[str, ...]
    now: datetime


class Host(Protocol):
    """The server, as a session sees it."""

    loop_thread: int

    def admits(self, session: Session) -> bool:
        """Whether the address may connect at all."""

    def open(self, session: Session, handshake: Handshake) -> Opening:
        """Check the token and take the session in. Raises `RemoteError`."""

    def opened(self, session: Session) -> tuple[Resumed, ...]:
        """How far the reports that the client has missed can be told; called before the acknowledgement leaves."""

    def catch_up(self, session: Session) -> None:
        """Send the missed reports; called after the acknowledgement."""

    def rejected(self, session: Session) -> None:
        """The peer sent something that is no handshake."""

    def begin(self, session: Session, request: Request) -> None:
        """Work on a request; the answer goes to `Session.reply`."""

    def caught_up(self, session: Session) -> None:
        """The client reads again after it was slow."""

    def closed(self, session: Session) -> None:
        """The connection is gone."""

    def now(self) -> datetime:
        """Exchange time."""


class PendingReply:
    """The answer to one request, given once, from any thread."""

    __slots__ = ("_number", "_session", "action", "began", "code", "done", "shown", "timer")

    def __init__(self, session: Session, request: Request, began: float) -> None:
        self._session = session
        self._number = request.id
        self.action = request.action
        self.began = began
        self.timer: asyncio.TimerHandle | None = None
        self.done = False
        self.code = ""
        self.shown = b""
        """The beginning of the answer, for the audit trail."""

    @property
    def peer(self) -> str:
        return self._session.peer

    @property
    def dead(self) -> bool:
        return self._session.gone

    def answer(self, payload: bytes) -> None:
        session = self._session
        if get_ident() == session.host.loop_thread:
            self._finish(payload, None)
        else:
            session.loop.call_soon_threadsafe(self._finish, payload, None)

    def refuse(self, error: RemoteError) -> None:
        session = self._session
        if get_ident() == session.host.loop_thread:
            self._finish(b"", error)
        else:
            session.loop.call_soon_threadsafe(self._finish, b"", error)

    def _finish(self, payload: bytes, error: RemoteError | None) -> None:
        if self.done:
            return
        self.done = True
        if self.timer is not None:
            self.timer.cancel()
        session, number = self._session, self._number
        if error is None and len(payload) + messages.ID_LIMIT + 64 > FRAME_LIMIT:
            text = f"结果 {len(payload)} 字节，超过一个报文的上限，请缩小查询范围"
            error = RemoteError(ErrorCode.RESPONSE_TOO_LARGE, text)
        if error is not None:
            self.code = str(error.code)
            self.shown = error.text.encode("utf-8", "replace")[:2000]
            session.write(messages.error_body(number, error.code, error.text, error.broker_called))
        else:
            self.shown = payload[:2000]
            if bytes(number) not in (b"", b"null"):
                session.write(messages.response_body(number, payload))
        session.finished(self)


class Session(asyncio.Protocol):
    """One client."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self.host = host
        self.loop = loop
        self.id = f"s{secrets.token_hex(6)}"
        self.peer = "?"
        self.gone = False
        self.grant: Grant | None = None
        self.agreed: frozenset[str] = frozenset()
        self.handshake: Handshake | None = None
        self.writable = True
        self.batches = False
        self._transport: asyncio.Transport | None = None
        self._decoder = FrameDecoder(HANDSHAKE_LIMIT)
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self._flying: dict[PendingReply, None] = {}
        self._pongs: list[tuple[set[PendingReply], msgspec.Raw]] = []
        self._reading = True

    # -- the connection --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if address else "?"
        if not self.host.admits(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._timer = self.loop.call_later(HANDSHAKE_WAIT_S, self.drop, "握手超过时限")

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        for timer in (self._timer, self._stall):
            if timer is not None:
                timer.cancel()
        self._flying.clear()
        self._pongs.clear()
        self.host.closed(self)

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        self._decoder.feed(data)
        self._read()

    def _read(self) -> None:
        try:
            while not self.gone and self._reading:
                frame_body = self._decoder.take()
                if frame_body is None:
                    return
                if self.grant is None:
                    self._greet(frame_body)
                else:
                    self._take(frame_body)
        except FrameError as error:
            if self.grant is None:
                self.host.rejected(self)
            self.drop(error.text)

    def drop(self, reason: str) -> None:
        """Close at once, with nothing said."""
        if not self.gone and self._transport is not None:
            log.info("会话 %s（%s）断开：%s", self.id, self.peer, reason)
            self.gone = True
            self._transport.abort()

    def close(self) -> None:
        """Close after what was written is sent."""
        if not self.gone and self._transport is not None:
            self.gone = True
            self._transport.close()

    # -- handshake -------------------------------------------------------------------------------------------------

    def _greet(self, frame_body: bytes) -> None:
        handshake = messages.read_handshake(frame_body)
        try:
            opening = self.host.open(self, handshake)
        except RemoteError as error:
            self.write(messages.error_body(handshake.id, error.code, error.text))
            self.close()
            return
        agreed = features.agreed(handshake.features)
        self.grant, self.handshake, self.agreed = opening.grant, handshake, frozenset(agreed)
        self.batches = features.TICK_BATCH in self.agreed
        self._decoder.limit = FRAME_LIMIT
        ack = HandshakeAck(self.id, KEEPALIVE_S, messages.PROTOCOL, opening.modules + agreed)
        if features.SERVER_TIME in self.agreed:
            ack.server_time = opening.now
        if features.REPORTS in self.agreed:
            ack.stream, ack.accounts = opening.stream, opening.accounts
            ack.resumed = self.host.opened(self)
        self.write(body.encode(ack))
        self.host.catch_up(self)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(IDLE_S, self._check_idle)

    def _check_idle(self) -> None:
        silent = self.loop.time() - self._heard
        if silent >= IDLE_S and not self._flying:
            self.drop(f"{silent:.0f} 秒没有收到消息")
        else:
            self._timer = self.loop.call_later(max(1.0, IDLE_S - silent), self._check_idle)

    # -- messages --------------------------------------------------------------------------------------------------

    def _take(self, frame_body: bytes) -> None:
        message = messages.read_from_client(frame_body)
        match message:
            case Request():
                self.host.begin(self, message)
            case Ping():
                self._ping(message)
            case Unsupported():
                self.write(messages.error_body(message.id, ErrorCode.UNSUPPORTED, f"不支持的消息类型 {message.type}"))

    def started(self, reply: PendingReply) -> None:
        """A request is in flight."""
        self._flying[reply] = None
        if len(self._flying) >= IN_FLIGHT and self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def finished(self, reply: PendingReply) -> None:
        """A request was answered."""
        self._flying.pop(reply, None)
        while self._pongs:
            waiting, number = self._pongs[0]
            waiting.discard(reply)
            if waiting:
                break
            self._pongs.pop(0)
            self._pong(number)
        for waiting, _ in self._pongs:
            waiting.discard(reply)
        if not self._reading and len(self._flying) < IN_FLIGHT // 2 and not self.gone and self._transport is not None:
            self._reading = True
            self._transport.resume_reading()
            self.loop.call_soon(self._read)

    def _ping(self, ping: Ping) -> None:
        if not self.agreed and self._flying:
            self._pongs.append((set(self._flying), ping.id))
        else:
            self._pong(ping.id)

    def _pong(self, number: msgspec.Raw) -> None:
        self.write(messages.pong_body(number, self.host.now() if features.SERVER_TIME in self.agreed else None))

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self, frame_body: bytes) -> None:
        """Send one message."""
        self.push(frame(frame_body))

    def push(self, frames: bytes) -> None:
        """Send whole frames; a client that reads too little is dropped."""
        if self.gone or self._transport is None:
            return
        self._transport.write(frames)
        if self._transport.get_write_buffer_size() > MOST_BUFFERED:
            self.drop("对端不读取数据，积压过多")

    def pause_writing(self) -> None:
        self.writable = False
        self._stall = self.loop.call_later(STALL_S, self.drop, f"对端 {STALL_S:g} 秒没有读取数据")

    def resume_writing(self) -> None:
        self.writable = True
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if not self.gone:
            self.host.caught_up(self)
