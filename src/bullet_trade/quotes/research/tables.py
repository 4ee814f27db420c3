"""`ResearchTables`: a directory of Parquet tables answers a strategy's questions. Format: docs/data-format.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.ports.research import PUBLISHED_IN, Query
from bullet_trade.quotes.local.load import quote_path
from bullet_trade.quotes.research import functions
from bullet_trade.quotes.research.reading import Parameter
from bullet_trade.quotes.research.sql import Statement, quoted, tables_of

DAILY = frozenset({"valuation"})
"""Tables of `get_fundamentals` with a row per code and day; the others have one per code and report period."""

MOST_ROWS = {"get_fundamentals": 5000, "run_query": 5000}
_PERIOD = re.compile(r"([0-9]{4})(?:[qQ]([1-4]))?")
_ENDS = ("03-31", "06-30", "09-30", "12-31")


class ResearchTables:
    """`ResearchProvider` over ``<table>.parquet`` files. A table that is missing is an error at the question."""

    def __init__(self, directory: Path) -> None:
        """Raises `UsageError` where the directory is missing or has no table."""
        self._files = {path.stem: path for path in sorted(directory.glob("*.parquet"))}
        if not self._files:
            raise UsageError(f"数据表目录 {directory} 不存在，或里面没有 .parquet 文件", "检查 RESEARCH_DATA_DIR")
        self._directory = directory
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": False})
        self._columns: dict[str, tuple[str, ...]] = {}

    @property
    def label(self) -> str:
        """For people: what and where."""
        return f"数据表目录 {self._directory}"

    def fundamentals(self, query: Query, known_by: date, stat_date: str | None) -> pd.DataFrame:
        tables = tables_of(query)
        sources, parameters = [], list[Parameter]()
        for table in tables:
            self.columns(table)
            text, given = self._as_known(table, known_by, stat_date)
            sources.append(f"({text}) AS {quoted(table)}")
            parameters += given
        joined = sources[0] + "".join(
            f" JOIN {source} ON {quoted(tables[0])}.code = {quoted(table)}.code"
            for table, source in zip(tables[1:], sources[1:], strict=True)
        )
        return self._answer(query, joined, parameters, MOST_ROWS["get_fundamentals"])

    def _as_known(self, table: str, known_by: date, stat_date: str | None) -> tuple[str, list[Parameter]]:
        if table in DAILY:
            day = _period_end(stat_date) if stat_date is not None else known_by
            limit = min(day, known_by)
            file = self.source(table)
            return f"SELECT * FROM {file} WHERE day = (SELECT max(day) FROM {file} WHERE day <= ?)", [limit]
        text = f"SELECT * FROM {self.source(_yearly(table, stat_date))} WHERE pubDate <= ?"
        parameters: list[Parameter] = [known_by]
        if stat_date is not None:
            text += " AND statDate = ?"
            parameters.append(_period_end(stat_date))
        return (
            f"{text} QUALIFY row_number() OVER (PARTITION BY code ORDER BY statDate DESC, pubDate DESC) = 1",
            parameters,
        )

    def table(self, query: Query, known_by: date) -> pd.DataFrame:
        tables = tables_of(query)
        if len(tables) != 1:
            raise DataError(f"run_query 只能查询一张表，查询里有 {'、'.join(tables)}", "分开查询")
        (table,) = tables
        published = next((name for name in PUBLISHED_IN if name in self.columns(table)), None)
        source = f"SELECT * FROM {self.source(table)}"
        if published is not None:
            source += f" WHERE {quoted(published)} <= ?"
        given: list[Parameter] = [known_by] if published is not None else []
        return self._answer(query, f"({source}) AS {quoted(table)}", given, MOST_ROWS["run_query"])

    def call(self, function: str, arguments: Mapping[str, object], known_by: date) -> object:
        answer = functions.FUNCTIONS.get(function)
        if answer is None:
            raise DataError(
                f"{function} 不能由{self.label}提供",
                f"数据表目录支持：{'、'.join(functions.FUNCTIONS)}；其余请设置 DEFAULT_DATA_PROVIDER=jqdata",
            )
        return answer(self, arguments, known_by)

    # -- reading ---------------------------------------------------------------------------------------------------

    def source(self, table: str) -> str:
        """A table as an SQL relation. Raises `DataError` where there is no such file."""
        path = self._files.get(table)
        if path is None:
            raise DataError(
                f"{self.label} 里没有数据表 {table}.parquet",
                f"按 docs/data-format.md 准备该文件；目录里有：{'、'.join(self._files)}",
            )
        return f"read_parquet({quote_path(path)})"

    def columns(self, table: str) -> tuple[str, ...]:
        """The names of a table's columns."""
        if table not in self._columns:
            rows = self._connection.execute(f"DESCRIBE SELECT * FROM {self.source(table)}").fetchall()
            self._columns[table] = tuple(str(row[0]) for row in rows)
        return self._columns[table]

    def frame(self, sql: str, parameters: Sequence[Parameter]) -> pd.DataFrame:
        """The result of a statement; days are `date` objects. Raises `DataError` where it cannot be carried out."""
        try:
            cursor = self._connection.execute(sql, parameters)
            kinds = [str(column[1]) for column in cursor.description or ()]
            frame = cursor.df()
        except duckdb.Error as error:
            raise DataError(
                f"{self.label} 查询失败：{str(error).splitlines()[0]}", "检查查询条件和数据表的列类型"
            ) from error
        for name, kind in zip(frame.columns, kinds, strict=True):
            if kind == "DATE":
                frame[name] = frame[name].dt.date
        return frame

    def _answer(self, query: Query, source: str, parameters: Sequence[Parameter], most: int) -> pd.DataFrame:
        statement = Statement(self._columns)
        sql = statement.build(query, source, parameters)
        return self.frame(f"SELECT * FROM ({sql}) LIMIT {most}", statement.parameters)


def _period_end(stat_date: str) -> date:
    match = _PERIOD.fullmatch(stat_date)
    if match is not None:
        return date.fromisoformat(f"{match[1]}-{_ENDS[int(match[2] or 4) - 1]}")
    try:
        return date.fromisoformat(stat_date[:10])
    except ValueError as error:
        raise DataError(f"statDate={stat_date!r} 无法识别", "写成 '2024q3' 或 '2024'") from error


def _yearly(table: str, stat_date: str | None) -> str:
    # Figures of a whole year are not those of its last quarter: they have a table of their own.
    match = _PERIOD.fullmatch(stat_date) if stat_date is not None else None
    return f"{table}_year" if match is not None and match[2] is None else table
