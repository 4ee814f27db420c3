"""Snapshots of one code and day from the `ticks` table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import Ticks
from bullet_trade.quotes.local.columns import BOOK_DEPTH, TICKS, ColumnType
from bullet_trade.quotes.local.load import Arrays, ParquetTables


@dataclass(frozen=True, slots=True)
class TickDay:
    """The snapshots of one code and day, or the knowledge that there are none."""

    ticks: Ticks | None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        if self.ticks is None:
            return 0
        return sum(getattr(self.ticks, field.name).nbytes for field in fields(Ticks))


def load_ticks(tables: ParquetTables, code: Code, day: date) -> TickDay:
    """All snapshots of the day; in file order; a time that two files have counts in the first. Unknown is 0."""
    chosen = ", ".join(
        f'coalesce("{column.name}", 0) AS "{column.name}"'
        for column in TICKS.columns
        if column.type in (ColumnType.REAL, ColumnType.COUNT)
    )
    arrays = tables.arrays(
        f"""SELECT datetime, file_rank, {chosen} FROM ticks WHERE code = ? AND datetime >= ? AND datetime < ?
            ORDER BY datetime, file_rank, file_row""",
        (code, day, day + timedelta(days=1)),
    )
    times = arrays.pop("datetime").astype("datetime64[ms]")
    if len(times) == 0:
        return TickDay(None)
    rank = arrays.pop("file_rank")
    first_of_time = np.searchsorted(times, times)
    keep = rank == rank[first_of_time]
    rows = {name: values[keep] for name, values in arrays.items()}
    ticks = Ticks(
        times=times[keep],
        last=rows["current"].astype(np.float64),
        open=rows["open"].astype(np.float64),
        high=rows["high"].astype(np.float64),
        low=rows["low"].astype(np.float64),
        volume=rows["volume"].astype(np.int64),
        money=rows["money"].astype(np.float64),
        ask_price=_book(rows, "a", "p").astype(np.float64),
        ask_volume=_book(rows, "a", "v").astype(np.int64),
        bid_price=_book(rows, "b", "p").astype(np.float64),
        bid_volume=_book(rows, "b", "v").astype(np.int64),
    )
    for field in fields(Ticks):
        getattr(ticks, field.name).flags.writeable = False  # callers share what the cache holds
    return TickDay(ticks)


def _book(rows: Arrays, side: str, what: str) -> NDArray[np.generic]:
    """Shape (n, 5), best level first."""
    return np.column_stack([rows[f"{side}{level}_{what}"] for level in range(1, BOOK_DEPTH + 1)])
