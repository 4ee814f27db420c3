"""What the answers to the platform's functions need of a directory of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Protocol, TypeAlias

import pandas as pd

Parameter: TypeAlias = str | int | float | date | Sequence[str] | None
Arguments = Mapping[str, object]


class Tables(Protocol):
    """A directory of tables."""

    def source(self, table: str) -> str:
        """A table as an SQL relation. Raises `DataError` where it is missing."""

    def columns(self, table: str) -> tuple[str, ...]:
        """The names of a table's columns."""

    def frame(self, sql: str, parameters: Sequence[Parameter]) -> pd.DataFrame:
        """The result of a statement; days are `date` objects."""


Answer = Callable[[Tables, Arguments, date], object]
"""Directory, the function's arguments by name, the last day whose publications may be seen."""
