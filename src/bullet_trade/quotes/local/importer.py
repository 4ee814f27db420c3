"""`bullet-trade data import`: files of any layout into the store, all of them or none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from filelock import FileLock, Timeout

from bullet_trade.domain.errors import UsageError
from bullet_trade.quotes.local.columns import BARS_1M, Table
from bullet_trade.quotes.local.convert import convert
from bullet_trade.quotes.local.labels import refuse_other_frequency, settle_labels
from bullet_trade.quotes.local.merge import Merge, prepare_merge, take_distinct
from bullet_trade.quotes.local.options import ImportOptions
from bullet_trade.quotes.local.sources import Source, expand, stage
from bullet_trade.quotes.local.units import check_units
from bullet_trade.quotes.local.values import MACROS

LOCK_NAME = ".import.lock"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did to one table. Counts are rows; `columns` is the first file's mapping, standard -> source."""

    table: str
    path: Path
    files: int
    read: int
    added: int
    replaced: int
    changed: int
    codes: int
    first: date | None
    last: date | None
    columns: Mapping[str, str]
    remarks: Sequence[str]


def import_files(patterns: Sequence[str], target: Path, options: ImportOptions) -> list[ImportReport]:
    """Imports the files that `patterns` name into the store at `target`, which is made if need be.

    Everything is read and written aside first; only then do the new files take the places of the old ones, one by
    one. Raises UsageError, with nothing changed, for a file, row or option that cannot be used.
    """
    paths = expand(patterns)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(target / LOCK_NAME, timeout=0),
            TemporaryDirectory(prefix=".import-", dir=target, ignore_cleanup_errors=True) as work,
        ):
            reports, moves = _prepare(paths, target, options, Path(work))
            for prepared, final in moves:
                _to_disk(prepared)
                os.replace(prepared, final)
    except Timeout as error:
        raise UsageError(f"另一个导入正在写 {target}", "请等它结束后再试") from error
    except OSError as error:
        raise UsageError(f"无法写入数据目录 {target}：{error.strerror}", "请检查权限、磁盘空间和路径") from error
    return reports


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _prepare(
    paths: Sequence[Path], target: Path, options: ImportOptions, work: Path
) -> tuple[list[ImportReport], list[tuple[Path, Path]]]:
    reports: list[ImportReport] = []
    moves: list[tuple[Path, Path]] = []
    spill = work / "spill"
    config = {"temp_directory": str(spill), "autoinstall_known_extensions": False}
    with duckdb.connect(config=config) as connection:
        for macro in MACROS:
            connection.execute(macro)
        for table, sources in stage(connection, paths, options, work).items():
            remarks = _settle(connection, table, sources, options)
            merge = prepare_merge(connection, table, target, work)
            moves += merge.moves
            reports.append(_report(connection, table, sources, target, merge, remarks))
    return reports, moves


def _settle(
    connection: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source], options: ImportOptions
) -> list[str]:
    """Makes the typed rows of a table fit for the store; returns what the user should know about it."""
    remarks = convert(connection, table, sources, options)
    check_units(connection, table)
    if table is BARS_1M:
        refuse_other_frequency(connection, sources)
    twice = take_distinct(connection, table, sources)
    counted = [(twice, "条内容相同的重复数据只留一条")]
    if table is BARS_1M:
        merged = settle_labels(connection, sources, options.time_label)
        counted += [
            (merged.auction, "条集合竞价数据并入 09:31"),
            (merged.outside, "条交易时段外的空数据略去"),
        ]
    return remarks + [f"{count} {text}" for count, text in counted if count]


def _report(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    sources: Sequence[Source],
    target: Path,
    merge: Merge,
    remarks: Sequence[str],
) -> ImportReport:
    time = table.time_column
    span = f'CAST(min("{time.name}") AS DATE), CAST(max("{time.name}") AS DATE)' if time else "NULL, NULL"
    codes = "count(DISTINCT code)" if table.column("code") else "0"
    query = f"SELECT {codes}, {span} FROM typed_{table.name}"
    number, first, last = connection.execute(query).fetchall()[0]
    read = connection.execute(f"SELECT count(*) FROM raw_{table.name}").fetchall()[0][0]
    return ImportReport(
        table=table.name,
        path=target / f"{table.name}.parquet",
        files=len(sources),
        read=read,
        added=merge.added,
        replaced=merge.replaced,
        changed=merge.changed,
        codes=number,
        first=first,
        last=last,
        columns={name: sources[0].headers[position] for name, position in sources[0].columns.items()},
        remarks=remarks,
    )
