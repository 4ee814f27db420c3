"""Frames: four bytes of unsigned big-endian length, then so many bytes of body."""

from __future__ import annotations

from bullet_trade.remote.errors import FrameError

HEADER_BYTES = 4
FRAME_LIMIT = 32 * 1024 * 1024
"""Largest body of an established session; deployed clients and servers have the same limit."""
HANDSHAKE_LIMIT = 16 * 1024
"""Largest body before a peer has shown its token."""


def frame(body: bytes) -> bytes:
    """The frame around `body`. Raises `FrameError` for a body that no peer would accept."""
    size = len(body)
    if not 0 < size <= FRAME_LIMIT:
        raise FrameError(f"报文长度 {size} 字节，超出 1 到 {FRAME_LIMIT} 的范围", "缩小查询范围后重试")
    return size.to_bytes(HEADER_BYTES) + body


class FrameDecoder:
    """Cuts a byte stream into bodies, however it is chopped up. `limit` may be changed between two bodies."""

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._wanted = 0
        """Length of the body that is being received; 0 while its header is not complete."""

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take what has arrived."""
        self._buffer += data

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def take(self) -> bytes | None:
        """The next complete body, None when more bytes are needed.

        Raises `FrameError` as soon as a header announces an empty body or one above the limit.
        """
        buffer = self._buffer
        if not self._wanted:
            if len(buffer) < HEADER_BYTES:
                return None
            size = int.from_bytes(buffer[:HEADER_BYTES])
            if not 0 < size <= self.limit:
                raise FrameError(f"对端报文长度 {size} 字节，允许 1 到 {self.limit}", "检查对端程序和端口是否正确")
            self._wanted = size
        end = HEADER_BYTES + self._wanted
        if len(buffer) < end:
            return None
        body = bytes(memoryview(buffer)[HEADER_BYTES:end])
        del buffer[:end]
        self._wanted = 0
        return body
