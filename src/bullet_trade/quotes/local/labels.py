"""Minute labels of an import: every bar ends at one of the day's 240 minutes, the auction inside the first one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from bullet_trade.domain.errors import UsageError
from bullet_trade.quotes.local.convert import place
from bullet_trade.quotes.local.options import TimeLabel
from bullet_trade.quotes.local.sources import Source

# Minutes of the day. A label before the first bar belongs to the opening auction (some sources write 09:25).
_AUCTION, _FIRST, _NOON, _AFTERNOON, _CLOSE = 9 * 60 + 15, 9 * 60 + 31, 11 * 60 + 30, 13 * 60 + 1, 15 * 60

# One label that is a multiple of five proves nothing, ten without any other do.
_ENOUGH_LABELS = 10


class Merged(NamedTuple):
    """How many auction bars went into 09:31, and how many empty bars outside the sessions were left out."""

    auction: int
    outside: int


def settle_labels(connection: duckdb.DuckDBPyConnection, sources: Sequence[Source], label: TimeLabel) -> Merged:
    """Rewrites `typed_bars_1m` with end labels of the sessions; raises UsageError for bars that fit no session."""
    if label is TimeLabel.START:
        # A bar that starts when trading ends is the closing auction of that minute: its label stays.
        connection.execute(
            f"""UPDATE typed_bars_1m SET datetime = datetime + INTERVAL 1 MINUTE
                WHERE {_minute("datetime")} NOT IN ({_NOON}, {_CLOSE})"""
        )
    outside = connection.execute(f"DELETE FROM typed_bars_1m WHERE volume = 0 AND NOT ({IN_SESSION})").fetchall()
    row = connection.execute(
        f"""SELECT file, row, datetime FROM typed_bars_1m
            WHERE NOT ({IN_SESSION} OR {_IN_AUCTION}) ORDER BY file, row LIMIT 1"""
    ).fetchone()
    if row is not None:
        what = f"{place(sources, row[0], row[1])}：{row[2]} 有成交，但不是交易时段的分钟（09:31-11:30，13:01-15:00）"
        raise UsageError(what, "若时间是每分钟的开始，请加 --time-label start；盘后成交请先去掉")
    auction = connection.execute(f"SELECT count(*) FROM typed_bars_1m WHERE {_IN_AUCTION}").fetchall()
    _merge_auction(connection)
    return Merged(auction[0][0], outside[0][0])


def _minute(column: str) -> str:
    return f"(hour({column}) * 60 + minute({column}))"


# SQL condition on `datetime`: the end of one of the day's 240 minutes.
IN_SESSION = (
    f"second(datetime) = 0 AND ({_minute('datetime')} BETWEEN {_FIRST} AND {_NOON} "
    f"OR {_minute('datetime')} BETWEEN {_AFTERNOON} AND {_CLOSE})"
)
_IN_AUCTION = f"{_minute('datetime')} BETWEEN {_AUCTION} AND {_FIRST - 1}"


def refuse_other_frequency(connection: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
    """Raises UsageError for a file of `typed_bars_1m` whose labels, before they are settled, are all of 5 minutes."""
    row = connection.execute(
        f"""SELECT file FROM typed_bars_1m GROUP BY file
            HAVING count(*) >= {_ENOUGH_LABELS} AND bool_and(minute(datetime) % 5 = 0) ORDER BY file LIMIT 1"""
    ).fetchone()
    if row is not None:
        raise UsageError(f"{sources[row[0]].path} 不是 1 分钟线：所有时间都是 5 分钟的倍数", "请导入 1 分钟线或日线")


def _merge_auction(connection: duckdb.DuckDBPyConnection) -> None:
    """Joins the auction to 09:31: first open, last close, extremes, sums; an untraded bar only lends its prices."""
    label = f"CASE WHEN {_IN_AUCTION} THEN date_trunc('day', datetime) + INTERVAL {_FIRST} MINUTE ELSE datetime END"
    traded = "FILTER (volume > 0)"
    prices = ", ".join(
        f"coalesce({sql.format(traded)}, {sql.format('')}) AS {name}"
        for name, sql in {
            "open": "arg_min(open, datetime) {}",
            "high": "max(high) {}",
            "low": "min(low) {}",
            "close": "arg_max(close, datetime) {}",
        }.items()
    )
    connection.execute(
        f"""CREATE OR REPLACE TABLE typed_bars_1m AS
            SELECT min(file) AS file, min(row) AS row, code, label AS datetime, {prices},
                   CAST(sum(volume) AS BIGINT) AS volume, sum(money) AS money
            FROM (SELECT *, {label} AS label FROM typed_bars_1m) GROUP BY code, label"""
    )
