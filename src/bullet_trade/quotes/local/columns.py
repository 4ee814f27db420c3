"""The tables of the local store: file name prefixes, columns, types and keys. Manual: docs/data-format.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ColumnType(Enum):
    """What a column holds: the SQL type it is read as, and the Parquet types that qualify."""

    TEXT = ("VARCHAR", ("VARCHAR",))
    TIME = ("TIMESTAMP", ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"))
    DAY = ("DATE", ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"))
    REAL = (
        "DOUBLE",
        (
            "DOUBLE",
            "FLOAT",
            "DECIMAL",
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "UINTEGER",
            "UBIGINT",
            "HUGEINT",
        ),
    )
    COUNT = ("BIGINT", REAL[1])
    FLAG = ("BOOLEAN", ("BOOLEAN",))

    @property
    def sql(self) -> str:
        """The SQL type under which the store reads the column."""
        return str(self.value[0])

    def accepts(self, parquet_type: str) -> bool:
        """Whether a column of this DuckDB type, e.g. ``DECIMAL(10,2)``, can be read without guessing."""
        return parquet_type.partition("(")[0] in self.value[1]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; a file without a required column is refused."""

    name: str
    type: ColumnType
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of file: every ``<name>*.parquet`` of the directory. `key` identifies a row.

    With `repeats` one file may hold several rows of a key, in the order in which they happened: exchanges stamp
    snapshots to the second and may send two in one.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    repeats: bool = False

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def time_column(self) -> Column | None:
        """The column that says when a row was true; None for a table of timeless facts."""
        return next((c for c in self.columns if c.name in self.key and c.type in _TIMES), None)


_TIMES = (ColumnType.TIME, ColumnType.DAY)


def _required(type_: ColumnType, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type_, required=True) for name in names)


def _optional(type_: ColumnType, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type_) for name in names)


_CODE = _required(ColumnType.TEXT, "code")
_PRICES = _required(ColumnType.REAL, "open", "high", "low", "close")
_VOLUME = _required(ColumnType.COUNT, "volume")
_MONEY = _optional(ColumnType.REAL, "money")

BOOK_DEPTH = 5

BARS_1M = Table(
    "bars_1m",
    ("code", "datetime"),
    (*_CODE, *_required(ColumnType.TIME, "datetime"), *_PRICES, *_VOLUME, *_MONEY),
)
BARS_1D = Table(
    "bars_1d",
    ("code", "date"),
    (
        *_CODE,
        *_required(ColumnType.DAY, "date"),
        *_PRICES,
        *_VOLUME,
        *_MONEY,
        *_optional(ColumnType.REAL, "prev_close"),
    ),
)
BARS = (BARS_1M, BARS_1D)
TICKS = Table(
    "ticks",
    ("code", "datetime"),
    (
        *_CODE,
        *_required(ColumnType.TIME, "datetime"),
        *_required(ColumnType.REAL, "current"),
        *_VOLUME,
        *_MONEY,
        *_optional(ColumnType.REAL, "open", "high", "low", "prev_close"),
        *(
            Column(f"{side}{level}_{what}", type_)
            for level in range(1, BOOK_DEPTH + 1)
            for side in "ab"
            for what, type_ in (("p", ColumnType.REAL), ("v", ColumnType.COUNT))
        ),
    ),
    repeats=True,
)
CORPORATE_ACTIONS = Table(
    "corporate_actions",
    ("code", "ex_date", "kind"),
    (
        *_CODE,
        *_required(ColumnType.DAY, "ex_date"),
        *_optional(ColumnType.TEXT, "kind"),
        *_optional(ColumnType.REAL, "cash_per_unit", "ratio"),
    ),
)
SECURITIES = Table(
    "securities",
    ("code",),
    (
        *_CODE,
        *_optional(ColumnType.TEXT, "name", "kind"),
        *_optional(ColumnType.DAY, "list_date", "end_date"),
        *_optional(ColumnType.FLAG, "st", "t0"),
        *_optional(ColumnType.COUNT, "limit_ratio_percent"),
    ),
)
INDEX_MEMBERS = Table(
    "index_members",
    ("index", "day", "code"),
    (*_required(ColumnType.TEXT, "index"), *_required(ColumnType.DAY, "day"), *_CODE),
)
TRADING_DAYS = Table("trading_days", ("date",), _required(ColumnType.DAY, "date"))

TABLES = (BARS_1M, BARS_1D, TICKS, CORPORATE_ACTIONS, SECURITIES, INDEX_MEMBERS, TRADING_DAYS)


def table_of_file(stem: str) -> Table | None:
    """The table that a Parquet file belongs to by its name without suffix; None: the store ignores it."""
    return next((table for table in TABLES if stem.startswith(table.name)), None)
