"""The server's log: console and file, with every secret masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import Clock

FILE_BYTES, FILES_KEPT = 10 * 1024 * 1024, 5
ROOT = "bullet_trade.server"
_WORDS = {"DEBUG": "调试", "INFO": "信息", "WARNING": "警告", "ERROR": "错误", "CRITICAL": "错误"}


class Masking(logging.Formatter):
    """``2026-01-05 09:35:00 [信息] text`` in exchange time, without the secrets, also in stacks of errors."""

    def __init__(self, clock: Clock, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s [%(word)s] %(message)s")
        self._clock = clock
        self._secrets = sorted((one for one in secrets if one), key=len, reverse=True)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's name)
        now: datetime = self._clock.now()
        return f"{now:%Y-%m-%d %H:%M:%S}"

    def format(self, record: logging.LogRecord) -> str:
        record.word = _WORDS.get(record.levelname, record.levelname)
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def set_up(clock: Clock, file: Path | None, access: bool, secrets: Iterable[str]) -> list[logging.Handler]:
    """Attach the handlers; `access` turns a line per request on. Raises `UsageError` for a file that cannot be
    written. The handlers are given back so that they can be taken off again."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"日志文件 {file} 无法写入：{error.strerror}", "换一个路径（--log-file）") from error
    formatter = Masking(clock, secrets)
    root = logging.getLogger(ROOT)
    root.setLevel(logging.INFO)
    root.propagate = False
    logging.getLogger(f"{ROOT}.access").setLevel(logging.INFO if access else logging.WARNING)
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    return handlers


def take_down(handlers: Iterable[logging.Handler]) -> None:
    """Undo `set_up`."""
    root = logging.getLogger(ROOT)
    for handler in handlers:
        root.removeHandler(handler)
        handler.close()
    root.propagate = True
