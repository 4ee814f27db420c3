"""Tables beyond prices: fundamentals, factors, macro figures, money flow. A provider answers what strategies ask.

A strategy's query is kept as data (`Query`), so that any provider can carry it out in its own way, and so that it can
be pickled. All methods run on the engine thread and may block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, TypeAlias

import pandas as pd

Scalar: TypeAlias = str | int | float | bool | date | None

Operator = Literal[
    "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "&", "|", "~", "neg", "in", "not in", "between", "like"
]


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column: the table's name (``valuation``, ``finance.STK_XR_XD``) and its own."""

    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator over operands; of ``in`` and ``not in`` all after the first are the list, ``between`` has three."""

    operator: Operator
    operands: tuple[Node, ...]


Node: TypeAlias = "ColumnRef | Operation | Scalar"


@dataclass(frozen=True, slots=True)
class Selected:
    """One column of the result; `label` replaces its name."""

    node: Node
    label: str


@dataclass(frozen=True, slots=True)
class Ordering:
    """One key to sort by."""

    node: Node
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What `query(...)` builds. `whole` are tables asked for with all columns; conditions hold all together."""

    selected: tuple[Selected, ...]
    whole: tuple[str, ...]
    conditions: tuple[Node, ...] = ()
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int = 0


PUBLISHED_IN = ("pub_date", "pubDate", "board_plan_pub_date", "report_date", "day", "date", "end_date")
"""Columns that say from which day on a row of a `finance` or `macro` table is known; the first that a table has."""


class ResearchProvider(Protocol):
    """Raises `DataError` where a table is missing or the provider cannot be reached; never answers with a guess.

    `known_by` is the last day whose publications may be seen.
    """

    @property
    def label(self) -> str:
        """What to show a person, in Chinese."""

    def fundamentals(self, query: Query, known_by: date, stat_date: str | None) -> pd.DataFrame:
        """Rows of valuation and report tables: as known by the day, or of one report period (``2024q3``, ``2024``)."""

    def table(self, query: Query, known_by: date) -> pd.DataFrame:
        """Rows of one table of `finance`, `macro` or `opt`."""

    def call(self, function: str, arguments: Mapping[str, object], known_by: date) -> object:
        """The result of another data function of the platform by its name, dates given as `date`."""
