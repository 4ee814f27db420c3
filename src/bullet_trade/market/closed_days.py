"""The user's file of days that the exchanges close at short notice (a storm, a mourning): one date per line.

It is read again before each trading day, so that a day can be closed while the program runs.
"""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.errors import UsageError


def parse_closed_days(text: str) -> frozenset[date]:
    """The dates of the file; ``#`` begins a remark. Raises `UsageError` naming the line that is no date."""
    found: set[date] = set()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        try:
            found.add(date.fromisoformat(words))
        except ValueError as error:
            raise UsageError(
                f"临时休市文件第 {number} 行 {words!r} 不是日期", "每行写一个日期，例如 2026-09-10，# 之后是备注"
            ) from error
    return frozenset(found)
