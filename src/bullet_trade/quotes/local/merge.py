"""Merges typed rows into the files of a store: new rows replace stored rows with the same key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bullet_trade.domain.errors import UsageError
from bullet_trade.quotes.local.columns import Column, ColumnType, Table
from bullet_trade.quotes.local.convert import place
from bullet_trade.quotes.local.load import check_schema, quote_path, read_schema
from bullet_trade.quotes.local.sources import Source


@dataclass(frozen=True, slots=True)
class Merge:
    """Files prepared for a table: (prepared, final) pairs in the order in which they must take their places."""

    moves: tuple[tuple[Path, Path], ...]
    added: int
    replaced: int
    changed: int  # keys whose values differ from the stored ones; not counted for a table that repeats keys


def take_distinct(connection: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source]) -> int:
    """Leaves one of identical rows; returns how many went. Raises UsageError for one key with differing values."""
    keys = ", ".join(_quoted(table.key))
    columns = ", ".join(_quoted(column.name for column in table.columns))
    typed = f"typed_{table.name}"
    conflict = (
        None
        if table.repeats
        else connection.execute(
            f"SELECT {keys} FROM (SELECT DISTINCT {columns} FROM {typed}) GROUP BY ALL HAVING count(*) > 1 "
            "ORDER BY ALL LIMIT 1"
        ).fetchone()
    )
    if conflict is not None:
        same = " AND ".join(f"{name} IS NOT DISTINCT FROM ?" for name in _quoted(table.key))
        query = f"SELECT file, row FROM {typed} WHERE {same} ORDER BY file, row LIMIT 2"
        first, second = connection.execute(query, list(conflict)).fetchall()
        key = " ".join(str(value) for value in conflict)
        raise UsageError(
            f"{key} 有两条内容不同的数据：{place(sources, *first)}，{place(sources, *second)}",
            "请只留一条，或分两次导入（后导入的替换先导入的）；没有写入任何内容",
        )
    before = _count(connection, typed)
    connection.execute(
        f"CREATE OR REPLACE TABLE {typed} AS SELECT min(file) AS file, min(row) AS row, {columns} FROM {typed} "
        f"GROUP BY {columns}"
    )
    return before - _count(connection, typed)


def prepare_merge(connection: duckdb.DuckDBPyConnection, table: Table, target: Path, work: Path) -> Merge:
    """Writes `<table>.parquet` with the new rows into `work`, and without their keys every other file that has some.

    Columns that the store does not know (a note on the source of a row) are kept for the rows that stay.
    """
    new = f"typed_{table.name}"
    main = target / f"{table.name}.parquet"
    others = [path for path in sorted(target.glob(f"{table.name}*.parquet")) if path != main]
    columns = ", ".join(_quoted(column.name for column in table.columns))
    parts = [f"SELECT {columns}, file AS file_rank, row AS file_row FROM {new}"]
    moves: list[tuple[Path, Path]] = []
    _collect_replaced(connection, table, [path for path in (main, *others) if path.exists()])
    if main.exists():
        parts.append(_staying(connection, table, main))
    moves.append((_write(connection, table, " UNION ALL BY NAME ".join(parts), work), main))
    moves += [
        (_write(connection, table, _staying(connection, table, path), work), path)
        for path in others
        if _has_replaced(connection, table, path)
    ]
    replaced = _count(connection, f"{new} n WHERE EXISTS (FROM replaced r WHERE {_same_key(table, 'n', 'r')})")
    changed = _count(connection, "replaced WHERE changed")
    return Merge(tuple(moves), _count(connection, new) - replaced, replaced, changed)


def _collect_replaced(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    """Fills `replaced`: keys that are both stored and new, and whether any stored row has other values."""
    keys = ", ".join(f'n."{name}"' for name in table.key)
    connection.execute(
        f"CREATE OR REPLACE TABLE replaced AS SELECT {keys}, false AS changed FROM typed_{table.name} n LIMIT 0"
    )
    values = [column.name for column in table.columns if column.name not in table.key]
    differs = " OR ".join(f'n."{name}" IS DISTINCT FROM s."{name}"' for name in values)
    if table.repeats or not values:
        differs = "false"
    stored = " UNION ALL ".join(_stored(connection, table, path) for path in files)
    if stored:
        connection.execute(
            f"INSERT INTO replaced SELECT {keys}, bool_or({differs}) FROM ({stored}) s "
            f"JOIN typed_{table.name} n ON {_same_key(table, 's', 'n')} GROUP BY {keys}"
        )


def _stored(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> str:
    schema = read_schema(connection, path)
    check_schema(table, path, schema)
    columns = ", ".join(_cast(column, schema) for column in table.columns)
    return f"SELECT {columns} FROM read_parquet({quote_path(path)})"


def _staying(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> str:
    """SQL for the rows of a file that the import does not replace, with all the file's columns."""
    schema = read_schema(connection, path)
    known = [column for column in table.columns if column.name in schema]
    casts = ", ".join(f"{_cast(column, schema)}" for column in known)
    return (
        f"SELECT * EXCLUDE (file_row_number) REPLACE ({casts}), 0 AS file_rank, file_row_number AS file_row "
        f"FROM read_parquet({quote_path(path)}, file_row_number = true) AS o "
        f"WHERE NOT EXISTS (FROM replaced AS r WHERE {_same_key(table, 'o', 'r')})"
    )


def _has_replaced(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> bool:
    query = (
        f"SELECT 1 FROM ({_stored(connection, table, path)}) s JOIN replaced r ON {_same_key(table, 's', 'r')} LIMIT 1"
    )
    return connection.execute(query).fetchone() is not None


def _write(connection: duckdb.DuckDBPyConnection, table: Table, select: str, work: Path) -> Path:
    """Rows sorted by key, so that reading one code touches a small part of the file, then in the order they had."""
    prepared = work / f"{len(list(work.iterdir()))}.parquet"
    order = ", ".join((*_quoted(table.key), "file_rank", "file_row"))
    rows = f"SELECT * EXCLUDE (file_rank, file_row) FROM ({select}) ORDER BY {order}"
    connection.execute(f"COPY ({rows}) TO {_literal(prepared)} (FORMAT parquet, COMPRESSION zstd)")
    return prepared


def _same_key(table: Table, left: str, right: str) -> str:
    """Text keys may be unknown (`kind` of a corporate action); the others never are."""

    def side(name: str, alias: str) -> str:
        column = table.column(name)
        text = column is not None and column.type is ColumnType.TEXT and not column.required
        return f"coalesce({alias}.\"{name}\", '')" if text else f'{alias}."{name}"'

    return " AND ".join(f"{side(name, left)} = {side(name, right)}" for name in table.key)


def _cast(column: Column, schema: dict[str, str]) -> str:
    source = f'"{column.name}"' if column.name in schema else "NULL"
    return f'TRY_CAST({source} AS {column.type.sql}) AS "{column.name}"'


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])
