"""Where lines go: the console, coloured when a person watches, and the files under the log directory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple, TextIO

import msgspec

from bullet_trade.engine.events import Event, Waiting
from bullet_trade.ops.log_files import PLAIN, RECORDS, STRATEGY, DayFiles
from bullet_trade.ops.log_masking import Mask, unmasked
from bullet_trade.ops.log_record import LogRecord, hint, record
from bullet_trade.ops.narration import Line, narrate
from bullet_trade.ops.settings import Settings

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_COLOURS = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_RESET = "\x1b[0m"
_WORDS = {"debug": "调试", "info": "信息", "warning": "警告", "error": "错误"}
_OLD_WORDS = {"warn": "warning", "critical": "error"}


def safe_console() -> None:
    """Make a console of any encoding (GBK on Windows) show what it can instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


class Least(NamedTuple):
    """The least level that is shown of each part."""

    order: str
    system: str
    strategy: str

    def admits(self, line: Line) -> bool:
        """Whether the line is shown."""
        least: str = getattr(self, line.source)
        return LEVELS[line.level] >= LEVELS[least]


def least_levels(settings: Settings, quiet: bool = False) -> Least:
    """What the settings want to see; `quiet` shows warnings and errors only."""
    if quiet:
        return Least("warning", "warning", "warning")
    usual = settings.log_level or "info"
    parts = (settings.log_level_order, settings.log_level_system, settings.log_level_strategy)
    return Least(*(_level(part or usual) for part in parts))


def _level(word: str) -> str:
    return _OLD_WORDS.get(word.lower(), word.lower())


class ConsoleLines:
    """Writes lines to a stream. A replay that jumps has no use for what it waits for, nor for hints (`waits`)."""

    def __init__(
        self, stream: Callable[[], TextIO], least: Least, colour: bool, waits: bool, mask: Mask = unmasked
    ) -> None:
        self._stream = stream
        self._least = least
        self._colour = colour
        self._waits = waits
        self._mask = mask
        self._writing = Lock()

    def tell(self, event: Event) -> None:
        if isinstance(event, Waiting) and not self._waits:
            return
        line = narrate(event)
        if line is None or not self._least.admits(line):
            return
        shown = self._mask(formatted(line, hint(event) if self._waits else ""))
        if self._colour and line.level in _COLOURS:
            shown = f"{_COLOURS[line.level]}{shown}{_RESET}"
        with self._writing:  # the watchdog writes from its own thread
            print(shown, file=self._stream())


class FileLines:
    """Writes every line to the files of its day: as text, the strategy's apart from the others, and as a record."""

    def __init__(self, files: DayFiles, mask: Mask = unmasked, hints: bool = True) -> None:
        self._files = files
        self._hints = hints
        self._mask = mask
        self._writing = Lock()
        self._encode = msgspec.json.Encoder().encode

    def tell(self, event: Event) -> None:
        kept = record(event)
        if kept is None:
            return
        if not self._hints:
            kept = msgspec.structs.replace(kept, hint="")
        suffix = STRATEGY if kept.part == "strategy" else PLAIN
        texts = {suffix: self._mask(plain(kept)), RECORDS: self._mask(self._encode(kept).decode())}
        with self._writing:  # the watchdog writes from its own thread
            self._files.write(kept.at.date(), texts)

    def close(self) -> None:
        """Release the files."""
        with self._writing:
            self._files.close()


def formatted(line: Line, hint: str = "") -> str:
    """``2025-12-01 09:35:00 [信息] text``, and the hint behind it."""
    more = f"  原因：{hint}" if hint else ""
    return f"{line.at:%Y-%m-%d %H:%M:%S} [{_WORDS[line.level]}] {line.text}{more}"


def plain(kept: LogRecord) -> str:
    """A record as a line for people."""
    return formatted(Line(kept.at, kept.level, kept.part, kept.text), kept.hint)
