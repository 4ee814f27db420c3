"""The platform's functions over daily tables, as a directory of tables answers them."""

from __future__ import annotations

from datetime import date
from typing import cast

import pandas as pd

from bullet_trade.domain.errors import DataError
from bullet_trade.quotes.research.memberships import MEMBERSHIPS
from bullet_trade.quotes.research.reading import Answer, Arguments, Parameter, Tables
from bullet_trade.quotes.research.sql import quoted

FIRST_DAY = date(2005, 1, 1)


def _by_day(table: str, code: str, day: str, asked: str) -> Answer:
    """A long table of codes by days: the rows of the codes in `asked`, in the range of days."""

    def answer(tables: Tables, arguments: Arguments, known_by: date) -> pd.DataFrame:
        fields = cast("list[str] | None", arguments.get("fields"))
        wanted = "*" if fields is None else ", ".join(quoted(n) for n in dict.fromkeys([code, day, *fields]))
        conditions, parameters = _days(tables, table, day, arguments, known_by)
        codes = cast("list[str] | None", arguments[asked])
        if codes is not None:
            conditions.append(f"{quoted(code)} IN (SELECT unnest(?))")
            parameters.append(codes)
        text = f"SELECT {wanted} FROM {tables.source(table)} WHERE {' AND '.join(conditions)} ORDER BY {code}, {day}"
        return tables.frame(text, parameters)

    return answer


def _days(
    tables: Tables, table: str, day: str, arguments: Arguments, known_by: date
) -> tuple[list[str], list[Parameter]]:
    last = min(cast("date | None", arguments.get("end_date")) or known_by, known_by)
    count = cast("int | None", arguments.get("count"))
    first = cast("date | None", arguments.get("start_date")) or FIRST_DAY
    if count is not None:
        days = tables.frame(
            f"SELECT DISTINCT {day} AS day FROM {tables.source(table)} WHERE {day} <= ? ORDER BY day DESC LIMIT ?",
            [last, count],
        )
        first = days["day"].iloc[-1] if len(days) else last
    return [f"{day} >= ?", f"{day} <= ?"], [first, last]


def _factor_values(tables: Tables, arguments: Arguments, known_by: date) -> dict[str, pd.DataFrame]:
    factors, codes = cast("list[str]", arguments["factors"]), cast("list[str]", arguments["securities"])
    missing = [name for name in factors if name not in tables.columns("factors")]
    if missing:
        raise DataError(
            f"数据表 factors 没有列 {'、'.join(missing)}", "补上该因子的列，或改用 DEFAULT_DATA_PROVIDER=jqdata"
        )
    rows = _by_day("factors", "code", "day", "securities")(tables, {**arguments, "fields": factors}, known_by)
    assert isinstance(rows, pd.DataFrame)
    rows["day"] = pd.to_datetime(rows["day"])
    return {
        name: rows.pivot(index="day", columns="code", values=name).reindex(columns=codes).rename_axis(None)
        for name in factors
    }


def _history_fundamentals(tables: Tables, arguments: Arguments, known_by: date) -> pd.DataFrame:
    if arguments["stat_by_year"] or arguments["interval"] not in ("1q", "3m"):
        raise DataError("数据表目录只提供按季度的 get_history_fundamentals", "去掉 stat_by_year，interval 用 '1q'")
    by_table: dict[str, list[str]] = {}
    for field in cast("list[str]", arguments["fields"]):
        table, _, name = field.partition(".")
        by_table.setdefault(table, []).append(name)
    watched = min(cast("date | None", arguments["watch_date"]) or known_by, known_by)
    result: pd.DataFrame | None = None
    for table, names in by_table.items():
        rows = tables.frame(
            f"""SELECT code, statDate, {", ".join(quoted(name) for name in names)} FROM (
                  SELECT * FROM {tables.source(table)} WHERE pubDate <= ? AND code IN (SELECT unnest(?))
                  QUALIFY row_number() OVER (PARTITION BY code, statDate ORDER BY pubDate DESC) = 1)
                QUALIFY row_number() OVER (PARTITION BY code ORDER BY statDate DESC) <= ? ORDER BY code, statDate""",
            [watched, cast("list[str]", arguments["security"]), cast(int, arguments["count"])],
        )
        result = rows if result is None else result.merge(rows, on=["code", "statDate"], how="outer")
    assert result is not None
    return result


FUNCTIONS: dict[str, Answer] = {
    "get_valuation": _by_day("valuation", "code", "day", "security"),
    "get_factor_values": _factor_values,
    "get_history_fundamentals": _history_fundamentals,
    "get_money_flow": _by_day("money_flow", "sec_code", "date", "security_list"),
    "get_mtss": _by_day("mtss", "sec_code", "date", "security_list"),
    "get_billboard_list": _by_day("billboard_list", "code", "day", "stock_list"),
    **MEMBERSHIPS,
}
