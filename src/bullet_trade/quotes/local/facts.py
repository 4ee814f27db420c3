"""Facts about securities: from their table, or from code and data; corporate actions; index members."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.market.boards import Facts, describe
from bullet_trade.market.codes import is_canonical
from bullet_trade.market.timeline import ALWAYS
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.quotes.local.columns import BARS_1D, BARS_1M
from bullet_trade.quotes.local.load import ParquetTables
from bullet_trade.quotes.reference import corporate_action

FIRST_SESSION = ALWAYS
"""The list date of a security of which nothing better is known: the day when trading began."""


def load_securities(tables: ParquetTables) -> dict[Code, Security]:
    """All that have bars or a row in `securities`, sorted by code; raises DataError for a bad code."""
    found = _recorded(tables)
    listed = _listing_days(tables)
    for code in _codes_with_bars(tables) - set(found):
        found[code] = describe(code, list_date=listed.get(code, FIRST_SESSION))
    return dict(sorted(found.items()))


def _code(text: object, tables: ParquetTables) -> Code:
    if not is_canonical(str(text)):
        what = f"数据目录 {tables.directory} 里有写法不对的证券代码 {text}"
        raise DataError(what, "应写成 600519.XSHG 的形式；请用 bullet-trade data import 重新导入")
    return Code(str(text))


def _codes_with_bars(tables: ParquetTables) -> set[Code]:
    rows = tables.rows("SELECT code FROM bars_1m UNION SELECT code FROM bars_1d")
    return {_code(row[0], tables) for row in rows if row[0] is not None}


def _recorded(tables: ParquetTables) -> dict[Code, Security]:
    rows = tables.rows(
        """SELECT DISTINCT ON (code) code, name, kind, list_date, end_date, st, t0, limit_ratio_percent
           FROM securities WHERE code IS NOT NULL ORDER BY code, file_rank, file_row"""
    )
    found: dict[Code, Security] = {}
    for text, name, kind, *others in rows:
        code = _code(text, tables)
        values = (_kind(kind, code, tables), *others)
        known = {field: value for field, value in zip(_FACTS, values, strict=True) if value is not None}
        found[code] = describe(code, str(name or ""), **cast(Facts, known))
    return found


_FACTS = ("kind", "list_date", "end_date", "st", "t0", "limit_ratio_percent")


def _kind(text: object, code: Code, tables: ParquetTables) -> Kind | None:
    if text is None or text in set(Kind):
        return None if text is None else Kind(str(text))
    what = f"数据目录 {tables.directory} 的 securities 表里 {code} 的 kind 是 {text}"
    raise DataError(what, f"应为 {', '.join(Kind)} 之一，或留空")


def _listing_days(tables: ParquetTables) -> dict[Code, date]:
    """Codes whose first daily bar has no reference price: first days of new listings.

    A bar on the very first day of a file is not taken for one: there the data begin, and a stock wrongly
    believed to be new would be traded without its price limits.
    """
    starts = [
        f"SELECT min({column}) AS day FROM {table.name} GROUP BY file_rank"
        for table, column in ((BARS_1M, "CAST(datetime AS DATE)"), (BARS_1D, "date"))
    ]
    rows = tables.rows(
        f"""SELECT code, min(date) AS first FROM bars_1d WHERE code IS NOT NULL GROUP BY code
            HAVING first < coalesce(min(date) FILTER (prev_close IS NOT NULL), DATE '9999-12-31')
               AND first NOT IN ({" UNION ALL ".join(starts)})"""
    )
    return {Code(str(code)): cast(date, first) for code, first in rows}


def load_actions(tables: ParquetTables, code: Code) -> list[CorporateAction]:
    """The actions of one code, ascending; several records of one ex-date (cash and split) are taken together.

    `ratio` counts units after the action per unit before it; the port counts the new ones.
    """
    rows = tables.rows(
        """SELECT ex_date, sum(coalesce(cash_per_unit, 0)), product(coalesce(ratio, 1)) FROM (
             SELECT DISTINCT ON (ex_date, coalesce(kind, '')) * FROM corporate_actions
             WHERE code = ? AND ex_date IS NOT NULL ORDER BY ex_date, coalesce(kind, ''), file_rank, file_row)
           GROUP BY ex_date ORDER BY ex_date""",
        (code,),
    )
    return [corporate_action(cast(date, day), cast(float, cash), cast(float, ratio) - 1.0) for day, cash, ratio in rows]


def load_index(tables: ParquetTables, index: Code) -> list[tuple[date, list[Code]]]:
    """The recorded member lists of one index, ascending by the day from which each holds; members sorted."""
    rows = tables.rows(
        'SELECT day, list_sort(list(DISTINCT code)) FROM index_members WHERE "index" = ? AND day IS NOT NULL '
        "GROUP BY day ORDER BY day",
        (index,),
    )
    return [(cast(date, day), [Code(str(code)) for code in cast(list[str], codes)]) for day, codes in rows]


def bar_range(tables: ParquetTables) -> tuple[date, date] | None:
    """First and last day with bars."""
    ((first, last),) = tables.rows(
        """SELECT min(low), max(high) FROM (
             SELECT min(datetime) AS low, max(datetime) AS high FROM bars_1m
             UNION ALL SELECT min(date), max(date) FROM bars_1d)"""
    )
    if first is None or last is None:
        return None
    return cast(datetime, first).date(), cast(datetime, last).date()


def known_sessions(tables: ParquetTables) -> list[date] | None:
    """The days of the `trading_days` table; None without one."""
    rows = tables.rows("SELECT DISTINCT date FROM trading_days WHERE date IS NOT NULL ORDER BY date")
    return [cast(date, row[0]) for row in rows] or None
