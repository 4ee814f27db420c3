"""Opens a directory of Parquet files as SQL tables of fixed columns, and reads them as numpy arrays."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.quotes.local.columns import BARS_1D, BARS_1M, TABLES, Table, table_of_file

Parameter = str | int | float | date | datetime | Sequence[date]
Arrays = dict[str, NDArray[np.generic]]

REPAIR = "请用 bullet-trade data import 重新导入，或删除该文件"


def quote_path(path: Path) -> str:
    """A file's path as an SQL literal that DuckDB takes by the letter (quotes and glob signs escaped)."""
    return "'" + glob.escape(str(path)).replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """The line of a DuckDB message that says what happened; the rest repeats the SQL."""
    return str(error).strip().splitlines()[0]


def read_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    """Column name -> DuckDB type of one Parquet file; raises UsageError when it cannot be read."""
    try:
        rows = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({quote_path(path)})").fetchall()
    except duckdb.Error as error:
        raise UsageError(f"数据文件 {path} 无法读取：{first_line(error)}", REPAIR) from error
    return {str(row[0]): str(row[1]) for row in rows}


def check_schema(table: Table, path: Path, schema: dict[str, str]) -> None:
    """Raises UsageError when a required column is missing, or a column has a type the store cannot read."""
    missing = [c.name for c in table.columns if c.required and c.name not in schema]
    if missing:
        text = f"数据文件 {path} 缺少列 {', '.join(missing)}"
        raise UsageError(text, f"{table.name} 的列见 docs/data-format.md；{REPAIR}")
    for column in table.columns:
        found = schema.get(column.name)
        if found is not None and not column.type.accepts(found):
            text = f"数据文件 {path} 的列 {column.name} 类型是 {found}，应为 {column.type.sql}"
            raise UsageError(text, REPAIR)


class ParquetTables:
    """One SQL view per table over all its files of the directory; an absent table is an empty view.

    Each view has the table's columns (NULL where a file lacks an optional one), `file_rank`, `file_row`: of
    two rows with the same key the lower pair counts; the file `<table>.parquet` itself comes first.
    """

    def __init__(self, directory: Path) -> None:
        """Raises UsageError when the directory is missing, has no bars, or has a broken file."""
        if not directory.is_dir():
            raise UsageError(f"数据目录 {directory} 不存在", "请检查路径，或用 bullet-trade data import 建立")
        self.directory = directory
        self.files: dict[str, list[Path]] = {table.name: [] for table in TABLES}
        self.ignored: list[Path] = []
        for path in sorted(directory.glob("*.parquet"), key=lambda found: found.stem):
            table = table_of_file(path.stem)
            (self.ignored if table is None else self.files[table.name]).append(path)
        if not (self.files[BARS_1M.name] or self.files[BARS_1D.name]):
            text = f"数据目录 {directory} 里没有 bars_1m*.parquet 或 bars_1d*.parquet"
            raise UsageError(text, "请检查路径，或用 bullet-trade data import 导入行情")
        # No extension is ever fetched from the network: what the store needs is built in.
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": False})
        for table in TABLES:
            self._create_view(table)

    def _create_view(self, table: Table) -> None:
        parts = [self._select(table, path, rank) for rank, path in enumerate(self.files[table.name])]
        if not parts:
            nothing = ", ".join(f'CAST(NULL AS {c.type.sql}) AS "{c.name}"' for c in table.columns)
            parts = [f"SELECT {nothing}, 0 AS file_rank, 0 AS file_row WHERE false"]
        self._connection.execute(f"CREATE VIEW {table.name} AS {' UNION ALL '.join(parts)}")

    def _select(self, table: Table, path: Path, rank: int) -> str:
        schema = read_schema(self._connection, path)
        check_schema(table, path, schema)
        columns = ", ".join(
            # TRY_CAST: some files hold NaN as a volume; that is an unknown volume, not an unreadable file.
            f'TRY_CAST({_source(c.name, schema)} AS {c.type.sql}) AS "{c.name}"'
            if schema.get(c.name) != c.type.sql
            else f'"{c.name}"'
            for c in table.columns
        )
        source = f"read_parquet({quote_path(path)}, file_row_number = true)"
        return f"SELECT {columns}, {rank} AS file_rank, file_row_number AS file_row FROM {source}"

    def rows(self, sql: str, parameters: Sequence[Parameter] = ()) -> list[tuple[object, ...]]:
        """The result of a query as Python values; raises DataError when a file cannot be read any more."""
        try:
            return list(self._connection.execute(sql, parameters).fetchall())
        except duckdb.Error as error:
            raise self._failure(error) from error

    def arrays(self, sql: str, parameters: Sequence[Parameter] = ()) -> Arrays:
        """The result of a query, one array per column. NULL is NaN in a float column and occurs nowhere else.

        Raises DataError when a file cannot be read any more.
        """
        try:
            found = self._connection.execute(sql, parameters).fetchnumpy()
        except duckdb.Error as error:
            raise self._failure(error) from error
        return {str(name): _plain(values) for name, values in found.items()}

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        """Adds rows to a table that the caller made beside the views."""
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def _failure(self, error: duckdb.Error) -> DataError:
        return DataError(
            f"读取数据目录 {self.directory} 失败：{first_line(error)}",
            "文件可能在运行中被移走或改坏；请用 bullet-trade data check 检查",
        )


def _source(name: str, schema: dict[str, str]) -> str:
    return f'"{name}"' if name in schema else "NULL"


def _plain(values: NDArray[np.generic]) -> NDArray[np.generic]:
    if isinstance(values, np.ma.MaskedArray):
        return np.ascontiguousarray(values.filled(np.nan) if values.dtype.kind == "f" else values.filled())
    return np.ascontiguousarray(values)
