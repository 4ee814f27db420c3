"""Reads the records of a log again: chosen ones, the life of one order, and new ones as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.log_files import RECORDS, REPLAY, days_of
from bullet_trade.ops.log_record import LogRecord
from bullet_trade.ops.logbook import LEVELS, plain

_decode = msgspec.json.Decoder(LogRecord).decode


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which records are wanted. `order` 0, `part` and `code` '' mean any."""

    least: str = "debug"
    order: int = 0
    part: str = ""
    code: str = ""

    def admits(self, one: LogRecord) -> bool:
        """Whether the record is wanted."""
        return (
            LEVELS[one.level] >= LEVELS[self.least]
            and (not self.order or self.order in one.orders)
            and (not self.part or one.part == self.part)
            and (not self.code or one.code == self.code)
        )


def record_files(directory: Path, label: str = "*", day: date | None = None, replay: bool = False) -> list[Path]:
    """The files of records of that day, by default of the last one that there is; those of replays with `replay`.

    Raises `UsageError` where there are none.
    """
    if replay:
        found = sorted(directory.glob(f"{label}.{REPLAY}{RECORDS}"), key=lambda path: path.stat().st_mtime)[-1:]
    else:
        dated = days_of(directory, label)
        day = day or max(dated.values(), default=None)
        found = [path for path, its_day in dated.items() if its_day == day]
    if not found:
        what = "回放的日志" if replay else f" {day} 的日志" if day is not None else "日志"
        remedy = "检查 --log-dir（或 LOG_DIR）和 --day；回放的日志用 --replay 看"
        raise UsageError(f"{directory} 里没有{what}", remedy)
    return found


def all_files(directory: Path, label: str = "*") -> list[Path]:
    """The files of records of all days, the oldest first. Raises `UsageError` where there are none."""
    return list(days_of(directory, label)) or record_files(directory, label)


def read_records(path: Path) -> Iterator[LogRecord]:
    """The records of a file in their order; a last line that is cut off is left out."""
    with path.open("rb") as file:
        for line in file:
            one = _record(line)
            if one is not None:
                yield one


def _record(line: bytes) -> LogRecord | None:
    if not line.endswith(b"\n"):
        return None  # being written, or the machine stopped while it was
    try:
        return _decode(line)
    except msgspec.DecodeError:
        return None  # what a power failure left


def story(records: Iterable[LogRecord]) -> Iterator[str]:
    """The life of an order, with the seconds since its first record before each line."""
    begin = None
    for one in records:
        begin = begin or one.at
        elapsed = f"+{(one.at - begin).total_seconds():.1f}s"
        yield f"{elapsed:>9}  {plain(one)}"


def new_records(directory: Path, label: str, pause: Callable[[], bool]) -> Iterator[LogRecord]:
    """Records that are added from now on, also to the files of a new day; `pause` waits, and says whether to go on."""
    known = {path: path.stat().st_size for path in days_of(directory, label)}
    while pause():
        for path in days_of(directory, label):
            with path.open("rb") as file:
                file.seek(known.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    known[path] = known.get(path, 0) + len(line)
                    one = _record(line)
                    if one is not None:
                        yield one
