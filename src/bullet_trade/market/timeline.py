"""Rules that change by date: rows of (first day in force, value, source), newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

ALWAYS = date(1990, 12, 19)
"""First trading day of the Shanghai exchange; the start of rules that were never different."""
STAR_OPENED = date(2019, 7, 22)
CHINEXT_REFORMED = date(2020, 8, 24)
BSE_OPENED = date(2021, 11, 15)
REITS_OPENED = date(2021, 6, 21)


class Since(NamedTuple, Generic[T]):
    """`value` holds from `day` on, until a newer row takes over. `source` names who published it."""

    day: date
    value: T
    source: str


Timeline = Sequence[Since[T]]
"""Rows newest first, so that a live day is answered by the first row."""


def in_force(rows: Timeline[T], day: date) -> Since[T] | None:
    """The row that holds on `day`; None before the first one."""
    for row in rows:
        if row.day <= day:
            return row
    return None


def always(value: T, source: str, since: date = ALWAYS) -> Timeline[T]:
    """A rule that has been the same since trading began, or since its board opened."""
    return (Since(since, value, source),)
