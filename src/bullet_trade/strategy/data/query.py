"""`query(...)`, `valuation.market_cap` and their like: what a strategy asks for, kept as data (`ports.research`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from bullet_trade.domain.errors import StrategyError
from bullet_trade.ports.research import ColumnRef, Node, Operation, Operator, Ordering, Query, Selected


class Expression:
    """A column, or something computed of columns: compare it, calculate with it, pass it to `query` and `filter`."""

    __slots__ = ("label_", "node")

    def __init__(self, node: Node, label: str = "") -> None:
        self.node = node
        self.label_ = label

    def _with(self, operator: Operator, *others: object) -> Expression:
        return Expression(Operation(operator, (self.node, *(node_of(other) for other in others))))

    def _after(self, operator: Operator, first: object) -> Expression:
        return Expression(Operation(operator, (node_of(first), self.node)))

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]  # a condition, as in SQLAlchemy
        return self._with("==", other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return self._with("!=", other)

    __hash__ = object.__hash__

    def __lt__(self, other: object) -> Expression:
        return self._with("<", other)

    def __le__(self, other: object) -> Expression:
        return self._with("<=", other)

    def __gt__(self, other: object) -> Expression:
        return self._with(">", other)

    def __ge__(self, other: object) -> Expression:
        return self._with(">=", other)

    def __add__(self, other: object) -> Expression:
        return self._with("+", other)

    def __sub__(self, other: object) -> Expression:
        return self._with("-", other)

    def __mul__(self, other: object) -> Expression:
        return self._with("*", other)

    def __truediv__(self, other: object) -> Expression:
        return self._with("/", other)

    def __radd__(self, other: object) -> Expression:
        return self._after("+", other)

    def __rsub__(self, other: object) -> Expression:
        return self._after("-", other)

    def __rmul__(self, other: object) -> Expression:
        return self._after("*", other)

    def __rtruediv__(self, other: object) -> Expression:
        return self._after("/", other)

    def __neg__(self) -> Expression:
        return self._with("neg")

    def __and__(self, other: object) -> Expression:
        return self._with("&", other)

    def __or__(self, other: object) -> Expression:
        return self._with("|", other)

    def __invert__(self) -> Expression:
        return self._with("~")

    def __bool__(self) -> bool:
        raise StrategyError(
            "查询条件不能用 and、or、not 连接", "用 &、|、~，并给每个条件加括号；或在 filter 里用逗号分开"
        )

    def in_(self, values: Iterable[object]) -> Expression:
        """Whether the value is among `values`."""
        return self._with("in", *values)

    def notin_(self, values: Iterable[object]) -> Expression:
        """Whether the value is not among `values`."""
        return self._with("not in", *values)

    not_in = notin_

    def between(self, low: object, high: object) -> Expression:
        """Whether low <= value <= high."""
        return self._with("between", low, high)

    def like(self, pattern: str) -> Expression:
        """Whether the text has the form of `pattern` (``%`` any text, ``_`` any letter)."""
        return self._with("like", pattern)

    def is_(self, value: None) -> Expression:
        """Whether the value is missing."""
        return self._with("==", value)

    def isnot(self, value: None) -> Expression:
        """Whether the value is not missing."""
        return self._with("!=", value)

    is_not = isnot

    def asc(self) -> Ordering:
        """Sort by this, smallest first."""
        return Ordering(self.node, descending=False)

    def desc(self) -> Ordering:
        """Sort by this, largest first."""
        return Ordering(self.node, descending=True)

    def label(self, name: str) -> Expression:
        """The same under another name in the result."""
        return Expression(self.node, name)

    @property
    def name(self) -> str:
        """The name of its column in the result."""
        return self.label_ or (self.node.name if isinstance(self.node, ColumnRef) else "anon_1")


class DataTable:
    """A table: its attributes are its columns, whatever their names; the provider knows which exist."""

    def __init__(self, name: str) -> None:
        self.table_name = name

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):
            raise AttributeError(name)
        return Expression(ColumnRef(self.table_name, name))

    def __repr__(self) -> str:
        return self.table_name


class QueryBuilder:
    """A query in the making; each method returns a new one, so that one may serve as the stem of several."""

    def __init__(self, query: Query) -> None:
        self.query = query

    def filter(self, *conditions: object) -> QueryBuilder:
        """Keep rows for which all conditions hold."""
        added = tuple(node_of(condition) for condition in conditions)
        return QueryBuilder(replace(self.query, conditions=self.query.conditions + added))

    def order_by(self, *keys: object) -> QueryBuilder:
        """Sort by the keys, the first one first."""
        added = tuple(key if isinstance(key, Ordering) else Ordering(node_of(key), descending=False) for key in keys)
        return QueryBuilder(replace(self.query, order=self.query.order + added))

    def limit(self, count: int) -> QueryBuilder:
        """At most `count` rows."""
        return QueryBuilder(replace(self.query, limit=int(count)))

    def offset(self, count: int) -> QueryBuilder:
        """Skip the first `count` rows."""
        return QueryBuilder(replace(self.query, offset=int(count)))


def query(*wanted: object) -> QueryBuilder:
    """Ask for columns (``valuation.code``), calculations on them, or whole tables (``valuation``)."""
    selected = tuple(Selected(one.node, one.name) for one in wanted if isinstance(one, Expression))
    whole = tuple(one.table_name for one in wanted if isinstance(one, DataTable))
    if not wanted or len(selected) + len(whole) != len(wanted):
        raise StrategyError(
            f"query{wanted!r} 无效", "写成 query(valuation.code, valuation.market_cap) 或 query(valuation)"
        )
    return QueryBuilder(Query(selected, whole))


def query_of(value: object) -> Query:
    """The query that a function was given. Raises `StrategyError` for anything else."""
    if isinstance(value, QueryBuilder):
        return value.query
    raise StrategyError(
        f"{value!r} 不是查询", "先用 query(...) 构造，例如 query(valuation).filter(valuation.code == code)"
    )


def node_of(value: object) -> Node:
    """The node of an expression or of a plain value."""
    if isinstance(value, Expression):
        return value.node
    if isinstance(value, pd.Timestamp):
        found: date = value.to_pydatetime()
        return found
    if isinstance(value, np.generic):
        return node_of(value.item())
    if value is None or isinstance(value, str | int | float | date):
        return value
    raise StrategyError(f"查询里不能用 {value!r}", "用数字、文字、日期或数据表的列")
