"""Reads CSV and Parquet files of any layout into one staging table of texts per kind of data."""

from __future__ import annotations

import csv
import glob
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bullet_trade.domain.errors import UsageError
from bullet_trade.market.codes import normalize
from bullet_trade.quotes.local.columns import TABLES, Table
from bullet_trade.quotes.local.headers import guess_table, map_headers
from bullet_trade.quotes.local.load import quote_path, read_schema
from bullet_trade.quotes.local.options import Encoding, ImportOptions

SUFFIXES = (".csv", ".txt", ".parquet")
_DELIMITERS = (",", "\t", ";", "|")
_PEEK_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """One file: `relation` is SQL whose columns c0, c1, ... are the file's, as texts, in the order of `headers`."""

    path: Path
    headers: tuple[str, ...]
    relation: str
    columns: Mapping[str, int]  # standard name -> position
    code: str | None  # of all rows, in any spelling, where no column says it


def expand(patterns: Iterable[str]) -> list[Path]:
    """The files that paths, directories (not their subdirectories) and globs name; raises UsageError for nothing."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            files = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES)
        elif path.exists():
            files = [path]
            if path.suffix.lower() not in SUFFIXES:
                raise UsageError(f"不支持文件 {path} 的格式", f"支持 {', '.join(SUFFIXES)}；Excel 请另存为 CSV")
        else:
            files = sorted(Path(name) for name in glob.glob(pattern))
        if not files:
            raise UsageError(f"没有找到可导入的文件：{pattern}", f"支持 {', '.join(SUFFIXES)}；请检查路径或通配符")
        found.update(dict.fromkeys(files))
    return list(found)


def stage(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], options: ImportOptions, work: Path
) -> dict[Table, list[Source]]:
    """Fills `raw_<table>`: file (position in the list), row (1-based, without header), and texts or NULL.

    `work` takes re-encoded copies. Raises UsageError for a file that cannot be read or whose kind is not clear.
    """
    staged: dict[Table, list[Source]] = {}
    for path in paths:
        source = _open(connection, path, options, work)
        table = options.kind or _guess(connection, source)
        _require_columns(table, source)
        sources = staged.setdefault(table, [])
        if not sources:
            texts = "".join(f', "{name}" VARCHAR' for name in raw_columns(table))
            connection.execute(f"CREATE TABLE raw_{table.name} (file INTEGER, row BIGINT{texts})")
        with readable(path):
            connection.execute(
                f"INSERT INTO raw_{table.name} SELECT {len(sources)}, row_number() OVER (), "
                + ", ".join(_text(source, name) for name in raw_columns(table))
                + f" FROM {source.relation}"
            )
        sources.append(source)
    return staged


def raw_columns(table: Table) -> list[str]:
    """The text columns of the staging table: the table's own, and two from which its time may come."""
    names = [column.name for column in table.columns]
    return names + [name for name in ("date", "datetime") if name not in names]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns DuckDB's complaint about a file into a UsageError that names it."""
    try:
        yield
    except duckdb.Error as error:
        lines = str(error).strip().splitlines()
        what = " ".join(lines[:2]) if "Line:" in lines[0] else lines[0]
        wrong_encoding = "utf-8" in str(error) or "unicode" in str(error).lower()
        remedy = "文件不是 UTF-8 编码，请加 --encoding gbk" if wrong_encoding else "请改正或去掉该行后重新导入"
        raise UsageError(f"文件 {path} 无法读取：{what}", remedy) from error


def _open(connection: duckdb.DuckDBPyConnection, path: Path, options: ImportOptions, work: Path) -> Source:
    if path.suffix.lower() == ".parquet":
        schema = read_schema(connection, path)
        headers, relation = tuple(schema), _parquet_relation(path, schema)
    else:
        headers, relation = _csv_relation(path, options.encoding, work)
    columns = map_headers(headers, options.columns)
    if "code" not in columns:
        return Source(path, headers, relation, columns, options.code or _code_in_name(path))
    source = Source(path, headers, relation, columns, options.code)
    if options.code is not None:
        _require_one_code(connection, source)
    return source


def _require_one_code(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """--code renames the rows of one security; it must not throw those of several together."""
    with readable(source.path):
        query = (
            f"SELECT DISTINCT filled(c{source.columns['code']}) AS code FROM {source.relation} ORDER BY code LIMIT 2"
        )
        found = [str(row[0]) for row in connection.execute(query).fetchall()]
    if len(found) > 1:
        raise UsageError(f"文件 {source.path} 含多个代码（{'、'.join(found)} 等），不能用 --code", "请去掉 --code")


def _parquet_relation(path: Path, schema: Mapping[str, str]) -> str:
    def as_text(name: str, type_: str) -> str:
        column = '"' + name.replace('"', '""') + '"'
        if type_ == "TIMESTAMP WITH TIME ZONE":  # a moment of the world: the store keeps Beijing time
            return f"CAST(make_timestamp(epoch_us({column})) + INTERVAL 8 HOUR AS VARCHAR)"
        return f"CAST({column} AS VARCHAR)"

    columns = ", ".join(f"{as_text(name, type_)} AS c{i}" for i, (name, type_) in enumerate(schema.items()))
    return f"(SELECT {columns} FROM read_parquet({quote_path(path)}))"


def _csv_relation(path: Path, encoding: Encoding, work: Path) -> tuple[tuple[str, ...], str]:
    readable_path = path
    if encoding is Encoding.GBK:
        readable_path = work / f"{len(list(work.iterdir()))}.csv"
        _recode(path, readable_path)
    try:
        with readable_path.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline()
    except UnicodeDecodeError as error:
        raise UsageError(f"文件 {path} 不是 UTF-8 编码", "请加 --encoding gbk") from error
    if not first.strip():
        raise UsageError(f"文件 {path} 没有表头", "第一行应是列名，见 docs/data-format.md")
    delimiter = max(_DELIMITERS, key=first.count)
    headers = tuple(next(csv.reader([first], delimiter=delimiter)))
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(headers)))
    return headers, (
        f"read_csv({quote_path(readable_path)}, auto_detect = false, header = true, delim = '{delimiter}', "
        f"quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _recode(path: Path, target: Path) -> None:
    try:
        # GB 18030 contains GBK and GB 2312.
        with (
            path.open(encoding="gb18030", newline="") as source,
            target.open("w", encoding="utf-8", newline="") as copy,
        ):
            shutil.copyfileobj(source, copy)
    except UnicodeDecodeError as error:
        raise UsageError(f"文件 {path} 不是 GBK 编码", "请去掉 --encoding gbk，或用 --encoding utf-8") from error


def _code_in_name(path: Path) -> str | None:
    """The security that a file is named after: 600519.SH.csv, sh600519_1m.csv, 000001.XSHE.parquet."""
    found = re.search(
        r"(?i)(?<![a-z0-9])(?:[a-z]{2}\.?)?[0-9]{6}(?:\.(?:XSHG|XSHE|XBSE|SH|SS|SZ|BJ))?(?![0-9])", path.name
    )
    if found is None:
        return None
    try:
        normalize(found.group())
    except UsageError:
        return None  # six digits that are no code, e.g. a year and month
    return found.group()


def _guess(connection: duckdb.DuckDBPyConnection, source: Source) -> Table:
    with readable(source.path):
        peek = f"(SELECT * FROM {source.relation} LIMIT {_PEEK_ROWS})"
        day, time = (_text(source, name) for name in ("date", "datetime"))
        row = connection.execute(
            f"SELECT count(clock({time})) FILTER (moment({time}) IS NULL) "
            f"+ count(*) FILTER (CAST(coalesce(moment({time}), moment({day})) AS TIME) <> TIME '00:00') FROM {peek}"
        ).fetchone()
    table = guess_table(source.columns, intraday=row is not None and row[0] > 0)
    if table is None:
        what = f"看不出文件 {source.path} 是哪一种数据，列：{', '.join(source.headers)}"
        raise UsageError(what, f"请用 --kind 指定（{'、'.join(t.name for t in TABLES)}），或用 --columns 原名=标准名")
    return table


def _require_columns(table: Table, source: Source) -> None:
    times = {"date", "datetime"}
    have = set(source.columns) | ({"code"} if source.code else set())
    missing = [
        column.name
        for column in table.columns
        if column.required and column.name not in have and not (column is table.time_column and have & times)
    ]
    if missing:
        what = f"文件 {source.path} 缺少 {table.name} 的列 {', '.join(missing)}，现有列：{', '.join(source.headers)}"
        raise UsageError(
            what, "请用 --columns 原名=标准名 指明" + ("；代码可用 --code 指定" if "code" in missing else "")
        )


def _text(source: Source, name: str) -> str:
    """SQL for the text of a standard column, NULL where it is blank or the file has none."""
    if name == "code" and source.code is not None:
        return f"'{source.code}'"
    position = source.columns.get(name)
    return "NULL" if position is None else f"filled(c{position})"
