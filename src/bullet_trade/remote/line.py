"""One connection of a client: connect, encrypt, shake hands, then send and receive frames without ever blocking.

`send` may be called from any thread, the rest belongs to one. A connection object of the `ssl` module must not be read
and written at the same time, so both happen under one lock; what the socket does not take at once is kept and sent by
`flush`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from bullet_trade.domain.errors import BulletTradeError, UsageError
from bullet_trade.remote import body
from bullet_trade.remote.errors import FrameError, RemoteError
from bullet_trade.remote.frames import FRAME_LIMIT, HANDSHAKE_LIMIT, FrameDecoder, frame
from bullet_trade.remote.messages import ErrorFrame, Handshake, HandshakeAck, read_from_server

_CHUNK = 256 * 1024
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Address(NamedTuple):
    """Where the server is. `context` encrypts, None sends plain text."""

    host: str
    port: int
    context: ssl.SSLContext | None = None


class LineError(BulletTradeError):
    """The connection could not be made, or is gone."""

    code = "BT_LINK"


def client_context(certificate: Path) -> ssl.SSLContext:
    """TLS that trusts `certificate` (the server's own or its issuer's) and nothing else; the host name is checked.

    Raises `UsageError` for a file that is none.
    """
    try:
        return ssl.create_default_context(cafile=str(certificate))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"QMT_SERVER_TLS_CERT={certificate} 无法使用：{error}", "换成服务端 --make-cert 生成的 server.crt"
        ) from error


class Line:
    """An open connection. Made by `opened`."""

    def __init__(self, connected: socket.socket, decoder: FrameDecoder, ack: HandshakeAck) -> None:
        self.ack = ack
        self._socket = connected
        self._decoder = decoder
        self._unsent = bytearray()
        self._lock = Lock()
        self._closed = False
        connected.setblocking(False)

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    @property
    def waits_to_send(self) -> bool:
        """Whether bytes are left that the socket did not take."""
        return bool(self._unsent)

    def send(self, frame_body: bytes) -> bool:
        """Send one message; False when a part of it is left for `flush`. Raises `LineError` once the line is gone."""
        data = frame(frame_body)
        with self._lock:
            if self._closed:
                raise LineError("连接已断开")
            if self._unsent:
                self._unsent += data
                return False
            taken = self._give(data)
            if taken < len(data):
                self._unsent += data[taken:]
            return taken == len(data)

    def flush(self) -> None:
        """Send what is left. Raises `LineError`."""
        with self._lock:
            if self._unsent and not self._closed:
                del self._unsent[: self._give(bytes(self._unsent))]

    def _give(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except _NOT_NOW:
            return 0
        except OSError as error:
            raise LineError(f"连接中断：{error.strerror or error}") from error

    def receive(self) -> list[bytes]:
        """The messages that have arrived. Raises `LineError` when the other side is gone, `FrameError` for bytes that
        are no messages."""
        found: list[bytes] = []
        try:
            while self._take_chunk():
                while (one := self._decoder.take()) is not None:
                    found.append(one)
        except (LineError, FrameError):
            if not found:  # what came before the end counts; the end is seen the next time
                raise
        return found

    def _take_chunk(self) -> bool:
        with self._lock:
            if self._closed:
                raise LineError("连接已断开")
            try:
                chunk = self._socket.recv(_CHUNK)
            except _NOT_NOW:
                return False
            except OSError as error:
                raise LineError(f"连接中断：{error.strerror or error}") from error
        if not chunk:
            raise LineError("服务端关闭了连接")
        self._decoder.feed(chunk)
        return True

    def close(self) -> None:
        """Let go of the socket."""
        with self._lock:
            self._closed = True
            self._socket.close()


def opened(
    address: Address, handshake: Handshake, limit_s: float, seen: Callable[[socket.socket], None] = lambda _: None
) -> Line:
    """A connection with a finished handshake; each step may take `limit_s` seconds. `seen` gets the socket early, so
    that another thread can end the attempt.

    Raises `LineError` for a server that cannot be reached, `RemoteError` for one that refuses, `FrameError` for one
    that speaks something else.
    """
    try:
        raw = socket.create_connection((address.host, address.port), limit_s)
    except OSError as error:
        raise LineError(f"无法连接 {address.host}:{address.port}：{error.strerror or error}") from error
    connected = raw
    try:
        seen(raw)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if address.context is not None:
            connected = address.context.wrap_socket(raw, server_hostname=address.host)
        connected.settimeout(limit_s)
        connected.sendall(frame(body.encode(handshake)))
        decoder = FrameDecoder(HANDSHAKE_LIMIT)
        return Line(connected, decoder, _answer(connected, decoder))
    except (TimeoutError, ssl.SSLError, OSError) as error:
        connected.close()
        raise _explained(address, error, limit_s) from error
    except BaseException:
        connected.close()
        raise


def _answer(connected: socket.socket, decoder: FrameDecoder) -> HandshakeAck:
    while (frame_body := decoder.take()) is None:
        chunk = connected.recv(4096)
        if not chunk:
            raise LineError("服务端没有接受握手就关闭了连接（可能不在允许的地址内，或令牌多次错误被暂时拒绝）")
        decoder.feed(chunk)
    decoder.limit = FRAME_LIMIT
    message = read_from_server(frame_body)
    if isinstance(message, ErrorFrame):
        raise RemoteError(message.code, message.message)
    if not isinstance(message, HandshakeAck):
        raise FrameError("服务端对握手的应答无效", "检查 QMT_SERVER_HOST 和 QMT_SERVER_PORT 是否正确")
    return message


def _explained(address: Address, error: Exception, limit_s: float) -> LineError:
    where = f"{address.host}:{address.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return LineError(f"{where} 的 TLS 证书未通过验证：{error.verify_message}", "检查 QMT_SERVER_TLS_CERT")
    if isinstance(error, ssl.SSLError):
        return LineError(f"与 {where} 的 TLS 握手失败", "服务端可能没有启用 TLS，或证书不匹配")
    if isinstance(error, TimeoutError):
        return LineError(f"{where} 在 {limit_s:g} 秒内没有应答握手", "服务端若启用了 TLS，请设置 QMT_SERVER_TLS_CERT")
    return LineError(f"与 {where} 握手时连接中断：{getattr(error, 'strerror', None) or error}")
