"""From staged texts to typed rows; a text that cannot be read refuses the whole import with its place."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import BONDS, Code, Kind
from bullet_trade.market.boards import describe
from bullet_trade.market.codes import candidates
from bullet_trade.market.tick_size import ticks
from bullet_trade.quotes.local.columns import (
    BARS,
    CORPORATE_ACTIONS,
    SECURITIES,
    TICKS,
    Column,
    ColumnType,
    Table,
)
from bullet_trade.quotes.local.options import ImportOptions, VolumeUnit
from bullet_trade.quotes.local.sources import Source

_STOCK_LOT, _BOND_LOT = 100, 10
_CODE_COLUMNS = ("code", "index")
_NOT_PRICES = ("money", "cash_per_unit", "ratio")

# Prices that went through 32-bit floats, as some terminals export them, are off by one part in 17 million.
_FLOAT32_ERROR = 1.2e-7
_INDEX_DECIMALS, _CENT_DECIMALS, _MILL_DECIMALS = 4, 2, 3
_CENT = 100  # 1/10,000 yuan


def place(sources: Sequence[Source], file: int, row: int) -> str:
    """Where a row stands, for people."""
    return f"{sources[file].path} 第 {row} 条数据（不含表头）"


def convert(
    connection: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source], options: ImportOptions
) -> list[str]:
    """Fills `typed_<table>` (file, row, and the table's columns) from `raw_<table>`; returns remarks for the user.

    Rows of bars without any price are left out: exports write them for days without trading. Raises UsageError for
    the first text that cannot be read, is missing, or is negative.
    """
    raw = f"raw_{table.name}"
    if table in BARS:
        prices = "coalesce(open, high, low, close)"
        connection.execute(f"DELETE FROM {raw} WHERE {prices} IS NULL")
    remarks = _load_codes(connection, table, sources, options.volume_unit)
    if table is SECURITIES:
        remarks += _drop_unknown_kinds(connection)
    joins = "".join(
        f' LEFT JOIN codes AS "{name}_codes" ON "{name}_codes".text = r."{name}"'
        for name in _CODE_COLUMNS
        if table.column(name) is not None
    )
    values = {column.name: _value(table, column, options) for column in table.columns}
    columns = ", ".join(f'{sql} AS "{name}"' for name, sql in values.items())
    connection.execute(f"CREATE TABLE typed_{table.name} AS SELECT file, row, {columns} FROM {raw} AS r{joins}")
    for column in table.columns:
        _refuse_bad(connection, table, column, sources)
    return remarks


def _load_codes(
    connection: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source], unit: VolumeUnit
) -> list[str]:
    """Fills `codes`: each spelling in the staged rows, its code, the shares in a volume unit, and price decimals."""
    connection.execute("CREATE OR REPLACE TABLE codes (text VARCHAR, code VARCHAR, lot INTEGER, decimals INTEGER)")
    unclear: list[str] = []
    for name in (name for name in _CODE_COLUMNS if table.column(name) is not None):
        texts = connection.execute(f'SELECT DISTINCT "{name}" FROM raw_{table.name} WHERE "{name}" IS NOT NULL')
        for (text,) in sorted(texts.fetchall()):
            try:
                code, *others = candidates(text)
            except UsageError as error:
                query = f'SELECT file, row FROM raw_{table.name} WHERE "{name}" = ? ORDER BY ALL LIMIT 1'
                file, row = connection.execute(query, [text]).fetchall()[0]
                raise UsageError(f"{place(sources, file, row)}：{error.text}", error.remedy) from error
            if others:
                unclear.append(f"{text} 按 {code}")
            connection.execute("INSERT INTO codes VALUES (?, ?, ?, ?)", [text, code, *_scale(code, unit)])
    if not unclear:
        return []
    more = f" 等 {len(unclear)} 个" if len(unclear) > 1 else ""
    return [f"代码没有写交易所：{unclear[0]}{more}导入；若指另一个市场的证券，请用 --code 或带交易所的代码"]


def _scale(code: Code, unit: VolumeUnit) -> tuple[int, int]:
    security = describe(code)
    lot = 1 if unit is VolumeUnit.SHARE else _BOND_LOT if security.kind in BONDS else _STOCK_LOT
    if security.kind is Kind.INDEX:
        return lot, _INDEX_DECIMALS
    newest = ticks(security)[0].value
    return lot, _CENT_DECIMALS if newest % _CENT == 0 else _MILL_DECIMALS


def _drop_unknown_kinds(connection: duckdb.DuckDBPyConnection) -> list[str]:
    known = tuple(str(kind) for kind in Kind)
    rows = connection.execute(f"SELECT DISTINCT kind FROM raw_securities WHERE kind NOT IN {known} ORDER BY kind")
    unknown = [str(row[0]) for row in rows.fetchall()]
    connection.execute(f"UPDATE raw_securities SET kind = NULL WHERE kind NOT IN {known}")
    return [f"不认识的品种 {', '.join(unknown)} 已留空，由代码判断"] if unknown else []


def _value(table: Table, column: Column, options: ImportOptions) -> str:
    """SQL for the value of a column of the staged row `r`; NULL where the text cannot be read."""
    text = f'r."{column.name}"'
    if column.name in _CODE_COLUMNS:
        return f'"{column.name}_codes".code'
    if column is table.time_column:
        return _time(column)
    if column.type is ColumnType.COUNT:
        lots = " * code_codes.lot" if table in (*BARS, TICKS) else ""
        return f"count_of(number({text}){lots})"
    if column.type is ColumnType.REAL:
        if column.name == "money":
            return f"number({text}) * {options.money_unit.yuan}"
        return _on_grid(f"number({text})") if column.name not in _NOT_PRICES else f"number({text})"
    if column.type is ColumnType.DAY:
        return f"CAST(moment({text}) AS DATE)"
    if table is CORPORATE_ACTIONS and column.name == "kind":  # part of the key: a second import must find the row
        return f"coalesce({text}, CASE WHEN r.ratio IS NULL THEN 'cash' ELSE 'split' END)"
    return f"flag({text})" if column.type is ColumnType.FLAG else text


def _time(column: Column) -> str:
    if column.type is ColumnType.DAY:
        own = "" if column.name == "date" else f'moment(r."{column.name}"), '
        return f"CAST(coalesce({own}moment(r.date), moment(r.datetime)) AS DATE)"
    return (
        "coalesce(moment(r.datetime), CAST(moment(r.date) AS DATE) + clock(r.datetime), "
        "CASE WHEN r.datetime IS NULL THEN moment(r.date) END)"
    )


def _on_grid(price: str) -> str:
    rounded = f"round({price}, code_codes.decimals)"
    return f"CASE WHEN abs({price} - {rounded}) <= {_FLOAT32_ERROR} * {price} THEN {rounded} ELSE {price} END"


def _refuse_bad(connection: duckdb.DuckDBPyConnection, table: Table, column: Column, sources: Sequence[Source]) -> None:
    name = f'"{column.name}"'
    text = f"r.{name}"
    if column is table.time_column:
        own = "" if column.name in {"date", "datetime"} else f"{text}, "
        text = f"coalesce({own}r.date || ' ' || r.datetime, r.date, r.datetime)"
    bad = f"(t.{name} IS NULL AND {text} IS NOT NULL)"
    if column.required:
        bad += f" OR {text} IS NULL"
    if column.type in (ColumnType.REAL, ColumnType.COUNT):
        bad += f" OR t.{name} < 0"
    row = connection.execute(
        f"SELECT file, row, {text} FROM typed_{table.name} t JOIN raw_{table.name} r USING (file, row) "
        f"WHERE {bad} ORDER BY file, row LIMIT 1"
    ).fetchone()
    if row is None:
        return
    file, number, found = row
    what = f"缺少 {column.name}" if found is None else f"{column.name} 的值 {found!r} 不能用"
    raise UsageError(
        f"{place(sources, file, number)}：{what}，应为{_MEANING[column.type]}",
        "请改正后重新导入；没有写入任何内容",
    )


_MEANING = {
    ColumnType.TEXT: "文字",
    ColumnType.TIME: "时间，如 2025-01-02 09:31",
    ColumnType.DAY: "日期，如 2025-01-02",
    ColumnType.REAL: "不小于 0 的数",
    ColumnType.COUNT: "不小于 0 的整数",
    ColumnType.FLAG: "true 或 false",
}
