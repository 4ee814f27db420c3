"""The strategy's file while it runs: whether it has changed, and whether the change could work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from bullet_trade.ops.strategy_check import check_strategy
from bullet_trade.strategy.registry import Status

LOOK_EVERY = timedelta(seconds=2)


class Stamp(NamedTuple):
    """By what a change of the file is noticed."""

    modified_ns: int
    size: int


def unsupported(path: Path) -> list[str]:
    """What in the file cannot work here, in words. Raises `UsageError` or `StrategyError` when it cannot be read."""
    found = check_strategy(path)
    words = [
        f"第 {used.lines[0]} 行的 {used.name} 不支持（{used.note}）"
        for used in found.names
        if used.status == Status.UNSUPPORTED.value
    ]
    words += [f"第 {line} 行的模块 {name} 没有安装" for name, line in found.missing.items()]
    return words + [f"第 {one.line} 行 {one.what}（{one.remedy}）" for one in found.idioms if not one.works]


class FileWatch:
    """Looks at a file now and then, between callbacks, and reports a change once it has settled."""

    def __init__(self, path: Path, later: Callable[[Callable[[], None]], object], changed: Callable[[], None]) -> None:
        """`later` has what it is given called at the next look."""
        self._path = path
        self._later = later
        self._changed = changed
        self._told = self._before = self._stamp()
        later(self._look)

    def _look(self) -> None:
        stamp = self._stamp()
        if stamp is not None and stamp == self._before and stamp != self._told:  # an editor may write in pieces
            self._told = stamp
            self._changed()
        self._before = stamp
        self._later(self._look)

    def _stamp(self) -> Stamp | None:
        try:
            found = self._path.stat()
        except OSError:  # an editor replaces it just now
            return None
        return Stamp(found.st_mtime_ns, found.st_size)
