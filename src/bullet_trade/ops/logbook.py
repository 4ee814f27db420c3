"""Where lines go: the console, coloured when a person watches, and a file under the log directory."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.events import Event, Waiting
from bullet_trade.ops.narration import Line, narrate

LOG_FILE = "app.log"
FILE_BYTES, FILES_KEPT = 5 * 1024 * 1024, 5
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_COLOURS = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_RESET = "\x1b[0m"
_WORDS = {"debug": "调试", "info": "信息", "warning": "警告", "error": "错误"}


def safe_console() -> None:
    """Make a console of any encoding (GBK on Windows) show what it can instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


class ConsoleLines:
    """Writes lines of at least `least` level to a stream. A replay that jumps has no use for what it waits for."""

    def __init__(self, stream: Callable[[], TextIO], least: str, colour: bool, waits: bool) -> None:
        self._stream = stream
        self._least = _LEVELS[least]
        self._colour = colour
        self._waits = waits

    def tell(self, event: Event) -> None:
        if isinstance(event, Waiting) and not self._waits:
            return
        line = narrate(event)
        if line is None or _LEVELS[line.level] < self._least:
            return
        shown = formatted(line)
        if self._colour and line.level in _COLOURS:
            shown = f"{_COLOURS[line.level]}{shown}{_RESET}"
        print(shown, file=self._stream())


class FileLines:
    """Writes every line to a rotating file. Raises `UsageError` when the directory cannot be written."""

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._handler = RotatingFileHandler(
                directory / LOG_FILE, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8"
            )
        except OSError as error:
            raise UsageError(
                f"日志目录 {directory} 不可用：{error.strerror}", "换一个目录（--log-dir 或 LOG_DIR）"
            ) from error

    def tell(self, event: Event) -> None:
        line = narrate(event)
        if line is not None:
            record = logging.LogRecord("bullet_trade", _LEVELS[line.level], "", 0, formatted(line), None, None)
            self._handler.emit(record)

    def close(self) -> None:
        """Release the file."""
        self._handler.close()


def formatted(line: Line) -> str:
    """``2025-12-01 09:35:00 [信息] text``."""
    return f"{line.at:%Y-%m-%d %H:%M:%S} [{_WORDS[line.level]}] {line.text}"
