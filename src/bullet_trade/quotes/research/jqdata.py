"""`JqData`: jqdatasdk answers a strategy's questions, where the user has it. It is imported at the first question."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import ModuleType
from typing import Protocol

import pandas as pd

from bullet_trade.domain.errors import DataError
from bullet_trade.ports.research import PUBLISHED_IN, ColumnRef, Node, Operation, Query
from bullet_trade.quotes.research.sql import tables_of

_OPERATORS: dict[str, Callable[..., object]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "&": operator.and_,
    "|": operator.or_,
    "~": operator.invert,
    "neg": operator.neg,
}
_METHODS = {"between": "between", "like": "like"}
_LISTS = {"in": "in_", "not in": "notin_"}


class _SdkQuery(Protocol):
    """jqdatasdk's query (SQLAlchemy's)."""

    def filter(self, *conditions: object) -> _SdkQuery: ...
    def order_by(self, *keys: object) -> _SdkQuery: ...
    def limit(self, count: int) -> _SdkQuery: ...
    def offset(self, count: int) -> _SdkQuery: ...


class JqData:
    """`ResearchProvider` over jqdatasdk; logs in once, at the first question.

    Raises `DataError` where jqdatasdk or the account is missing, or it has no such function; what jqdatasdk itself
    raises comes through.
    """

    label = "聚宽数据 jqdatasdk"

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._connected: ModuleType | None = None

    def fundamentals(self, query: Query, known_by: date, stat_date: str | None) -> pd.DataFrame:
        sdk = self._sdk()
        if stat_date is None:
            return sdk.get_fundamentals(_translated(sdk, query), date=known_by)
        built = _known(sdk, _filtered(sdk, query), tables_of(query), ("pubDate",), known_by)
        return sdk.get_fundamentals(_cut(built, query), statDate=stat_date)

    def table(self, query: Query, known_by: date) -> pd.DataFrame:
        sdk = self._sdk()
        tables = tables_of(query)
        built = _known(sdk, _filtered(sdk, query), tables, PUBLISHED_IN, known_by)
        return getattr(sdk, tables[0].partition(".")[0]).run_query(_cut(built, query))

    def call(self, function: str, arguments: Mapping[str, object], known_by: date) -> object:
        sdk = self._sdk()
        found = getattr(sdk, function, None)
        if found is None:
            raise DataError(f"jqdatasdk {getattr(sdk, '__version__', '')} 没有 {function}", "升级 jqdatasdk")
        given = {name: value for name, value in arguments.items() if value is not None}
        if "fields" in given and function == "get_history_fundamentals":
            given["fields"] = [_column(sdk, *str(name).rsplit(".", 1)) for name in _listed(given["fields"])]
        return found(**given)

    def _sdk(self) -> ModuleType:
        if self._connected is None:
            try:
                sdk = importlib.import_module("jqdatasdk")
            except ModuleNotFoundError as error:
                raise DataError(
                    "DEFAULT_DATA_PROVIDER=jqdata 需要 jqdatasdk，但没有安装", "运行 pip install jqdatasdk 后重新启动"
                ) from error
            if not (self._username and self._password):
                raise DataError(
                    "DEFAULT_DATA_PROVIDER=jqdata 需要聚宽账号", "在 .env 里设置 JQDATA_USERNAME 和 JQDATA_PASSWORD"
                )
            sdk.auth(self._username, self._password)
            self._connected = sdk
        return self._connected


def _translated(sdk: ModuleType, query: Query) -> object:
    return _cut(_filtered(sdk, query), query)


def _known(sdk: ModuleType, built: _SdkQuery, tables: Sequence[str], names: Sequence[str], known_by: date) -> _SdkQuery:
    # What was published later than the replay's day must not be seen: jqdatasdk itself lives in the present.
    for table in tables:
        found = _table(sdk, table)
        name = next((name for name in names if hasattr(found, name)), None)
        if name is not None:
            built = built.filter(getattr(found, name) <= known_by)
    return built


def _filtered(sdk: ModuleType, query: Query) -> _SdkQuery:
    columns = [_expression(sdk, one.node, one.label) for one in query.selected]
    built: _SdkQuery = sdk.query(*columns, *(_table(sdk, name) for name in query.whole))
    if query.conditions:
        built = built.filter(*(_node(sdk, node) for node in query.conditions))
    for key in query.order:
        node = _node(sdk, key.node)
        built = built.order_by(getattr(node, "desc" if key.descending else "asc")())
    return built


def _cut(built: _SdkQuery, query: Query) -> object:
    if query.offset:
        built = built.offset(query.offset)
    return built.limit(query.limit) if query.limit is not None else built


def _expression(sdk: ModuleType, node: Node, label: str) -> object:
    built = _node(sdk, node)
    if isinstance(node, ColumnRef) and node.name == label:
        return built
    return getattr(built, "label")(label)  # noqa: B009 - the type is jqdatasdk's own


def _node(sdk: ModuleType, node: Node) -> object:
    if isinstance(node, ColumnRef):
        return _column(sdk, node.table, node.name)
    if not isinstance(node, Operation):
        return node
    first, *rest = (_node(sdk, operand) for operand in node.operands)
    if node.operator in _LISTS:
        return getattr(first, _LISTS[node.operator])(rest)
    if node.operator in _METHODS:
        return getattr(first, _METHODS[node.operator])(*rest)
    return _OPERATORS[node.operator](first, *rest)


def _column(sdk: ModuleType, table: str, name: str) -> object:
    return getattr(_table(sdk, table), name)


def _table(sdk: ModuleType, name: str) -> object:
    found: object = sdk
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]
