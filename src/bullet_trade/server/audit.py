"""The trail of trading requests: one JSON line each, who asked for what and what came of it. Never a token.

Written by a thread of its own, so that a slow disk holds nobody up; what must survive is in the submission file before
the broker is called.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import msgspec

from bullet_trade.domain.errors import UsageError

log = logging.getLogger("bullet_trade.server")

LONGEST = 2_000
"""Bytes of a request or answer that are kept."""


class AuditLine(msgspec.Struct, omit_defaults=True):
    """One trading request. `request` and `answer` are JSON texts, cut to `LONGEST`."""

    at: datetime
    session: str
    peer: str
    token: str
    action: str
    account: str
    request: str
    answer: str
    milliseconds: float
    code: str = ""


class AuditTrail:
    """Appends lines to a file. Raises `UsageError` when it cannot be opened."""

    def __init__(self, path: Path, failed: Callable[[str], None] = log.error) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise UsageError(f"审计日志 {path} 无法写入：{error.strerror}", "检查目录权限") from error
        self._failed = failed
        self._queue: SimpleQueue[AuditLine | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def put(self, line: AuditLine) -> None:
        """Have a line written; from any thread."""
        self._queue.put(line)

    def close(self) -> None:
        """Write what waits, then release the file."""
        self._queue.put(None)
        self._thread.join(10.0)
        self._file.close()

    def _run(self) -> None:
        encode = msgspec.json.Encoder().encode
        while (line := self._queue.get()) is not None:
            try:
                self._file.write(encode(line) + b"\n")
                if self._queue.empty():
                    self._file.flush()
            except OSError as error:
                self._failed(f"审计日志写入失败：{error}")


def cut(text: bytes) -> str:
    """The beginning of a JSON text."""
    return text[:LONGEST].decode(errors="replace")
