"""The files of a log: one set a day and strategy, old ones removed. No file is ever renamed, so that a reader who has
one open (on Windows nobody can rename it then) does not stop the log.

``demo.2025-12-01.log`` orders and system, ``demo.2025-12-01.strategy.log`` what the strategy says,
``demo.2025-12-01.jsonl`` both, as records. A replay has one set, ``demo.replay.*``, written anew each time.
"""

from __future__ import annotations

import re
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import IO

from bullet_trade.domain.errors import UsageError

PLAIN, STRATEGY, RECORDS = ".log", ".strategy.log", ".jsonl"
SUFFIXES = (PLAIN, STRATEGY, RECORDS)
REPLAY = "replay"

_UNFIT = re.compile(r'[\\/:*?"<>|\s.]+')


def file_label(strategy: str) -> str:
    """The strategy's name as the beginning of a file name."""
    return _UNFIT.sub("_", strategy).strip("_") or "strategy"


class DayFiles:
    """Appends lines to the set of files of their day. `kept_days` 0 keeps everything; `label` is a file label.

    `per_day` false writes one set for all days, from its beginning; `prompt` has each line in the file at once. Raises
    `UsageError` when the directory cannot be
    written at the start; later a line that cannot be written is told on stderr, once until it works again.
    """

    def __init__(self, directory: Path, label: str, kept_days: int, per_day: bool = True, prompt: bool = True) -> None:
        self._directory = directory
        self._label = label
        self._kept_days = kept_days
        self._per_day = per_day
        self._prompt = prompt
        self._period = ""
        self._open: dict[str, IO[str]] = {}
        self._failing = False
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / f".{label}.probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"日志目录 {directory} 不可用：{error.strerror}", "换一个目录（--log-dir 或 LOG_DIR）"
            ) from error

    def write(self, day: date, lines: dict[str, str]) -> None:
        """Append to the files of `day`: `lines` by suffix."""
        try:
            self._turn_to(day)
            for suffix, line in lines.items():
                file = self._open[suffix]
                file.write(f"{line}\n")
                if self._prompt:
                    file.flush()
        except OSError as error:
            self._tell(error)
        else:
            self._failing = False

    def _tell(self, error: OSError) -> None:
        if not self._failing:
            print(f"日志无法写入 {self._directory}：{error.strerror}，交易不受影响", file=sys.stderr)  # noqa: T201
        self._failing = True

    def _turn_to(self, day: date) -> None:
        period = f"{day:%Y-%m-%d}" if self._per_day else REPLAY
        if period <= self._period:
            return  # a line of an earlier moment, or a clock that was set back, does not open yesterday's files again
        self.close()
        mode = "a" if self._per_day else "w"
        for suffix in SUFFIXES:
            path = self._directory / f"{self._label}.{period}{suffix}"
            self._open[suffix] = path.open(mode, encoding="utf-8", newline="\n")
        self._period = period
        if self._per_day and self._kept_days:
            for old in outdated(self._directory, self._label, day - timedelta(days=self._kept_days)):
                old.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the files."""
        while self._open:
            self._open.popitem()[1].close()
        self._period = ""


def days_of(directory: Path, label: str = "*") -> dict[Path, date]:
    """The files of records with the day of each, the oldest first; those of a replay are not among them."""
    return _dated(directory, label, (RECORDS,))


def outdated(directory: Path, label: str, before: date) -> list[Path]:
    """The files of `label` whose day is before `before`."""
    return [path for path, day in _dated(directory, label, SUFFIXES).items() if day < before]


def _dated(directory: Path, label: str, suffixes: tuple[str, ...]) -> dict[Path, date]:
    found: dict[Path, date] = {}
    for path in directory.glob(f"{label}.*"):
        _, _, rest = path.name.partition(".")
        if rest[10:] in suffixes:
            try:
                found[path] = date.fromisoformat(rest[:10])
            except ValueError:
                continue  # somebody else's file
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0].name)))
