"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is. `FAILED`: a run would not start, or would trade on something wrong."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True):
    """`name` is stable, for scripts; `title`, `what` was seen, its `meaning` for trading and the `remedy` are
    Chinese, for people. The last two are '' where nothing is to be done."""

    name: str
    title: str
    level: Level
    what: str
    meaning: str = ""
    remedy: str = ""

    @property
    def text(self) -> str:
        """Everything but the level, in one line."""
        meaning = f"，{self.meaning}" if self.meaning else ""
        return f"{self.title}：{self.what}{meaning}{f'。{self.remedy}' if self.remedy else ''}"


def failed(findings: Iterable[Finding]) -> list[Finding]:
    """Those that failed."""
    return [one for one in findings if one.level is Level.FAILED]
