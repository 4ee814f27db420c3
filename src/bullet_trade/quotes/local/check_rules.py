"""The rules of `bullet-trade data check` as SQL over the store's tables and three that the check adds.

`sessions(day)`; `traits(code, priced)`: priced is false for points and rates, whose money is not volume x price;
`grid(code, first, last, tick)`: the price step in 1/10,000 yuan by period, no row for codes without one.
"""

from __future__ import annotations

from dataclasses import dataclass

from bullet_trade.quotes.local.columns import BARS_1D, BARS_1M, TABLES, TICKS, ColumnType, Table
from bullet_trade.quotes.local.labels import IN_SESSION


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong. `sql` gives (code, day, number of rows, an example in words) per code and day."""

    name: str
    title: str
    table: str
    sql: str


_DAY = {BARS_1M: "CAST(datetime AS DATE)", BARS_1D: "date", TICKS: "CAST(datetime AS DATE)"}
_PRICES = ("open", "high", "low", "close")


def _days(table: Table, where: str, example: str) -> str:
    day = _DAY[table]
    return (
        f"SELECT code, {day} AS day, count(*), min_by({example}, file_row) FROM {table.name} WHERE {where} "
        f"GROUP BY code, day"
    )


def _when(table: Table) -> str:
    return "strftime(datetime, '%H:%M:%S') || ' '" if table is not BARS_1D else "''"


def _duplicates(table: Table) -> Rule:
    key = ", ".join(f'"{name}"' for name in table.key)
    time = table.time_column
    day = f'CAST("{time.name}" AS DATE)' if time else "NULL"
    code = "code" if table.column("code") else "''"
    # An exchange may send two snapshots in one second; one second in two files is a mistake.
    extra = "count(DISTINCT file_rank) > 1" if table.repeats else "count(*) > 1"
    return Rule(
        "duplicate",
        "重复",
        table.name,
        f"SELECT code, day, sum(more), '同一代码同一时间有 ' || max(more + 1) || ' 条' FROM ("
        f"SELECT {code} AS code, {day} AS day, count(*) - 1 AS more FROM {table.name} "
        f"GROUP BY {key}, {code}, {day} HAVING {extra}) GROUP BY code, day",
    )


def _off_grid(table: Table, columns: tuple[str, ...]) -> Rule:
    checks = " UNION ALL ".join(
        f"SELECT code, {_DAY[table]} AS day, {_when(table)} AS moment, '{name}' AS name, \"{name}\" AS price "
        f'FROM {table.name} WHERE "{name}" > 0'
        for name in columns
    )
    return Rule(
        "off_grid",
        "价格不在最小变动单位上",
        table.name,
        f"SELECT p.code, p.day, count(*), min(moment || p.name || ' ' || p.price) FROM ({checks}) p "
        "JOIN grid g ON g.code = p.code AND p.day BETWEEN g.first AND g.last "
        "WHERE isfinite(p.price) AND abs(p.price * 10000 - round(p.price * 10000 / g.tick) * g.tick) > 0.05 "
        "GROUP BY p.code, p.day",
    )


def _impossible(table: Table) -> Rule:
    bad_price = " OR ".join(f'"{name}" IS NULL OR NOT isfinite("{name}") OR "{name}" < 0' for name in _PRICES)
    where = (
        f"{bad_price} OR volume IS NULL OR volume < 0 OR money < 0 OR high < low OR open > high OR open < low "
        "OR close > high OR close < low OR (volume > 0 AND low <= 0)"
    )
    shown = " || ' ' || ".join(f"'{name[0].upper()}=' || coalesce(CAST({name} AS VARCHAR), '空')" for name in _PRICES)
    example = f"{_when(table)} || {shown} || ' 量=' || coalesce(CAST(volume AS VARCHAR), '空')"
    return Rule("impossible", "价格或成交量不可能", table.name, _days(table, where, example))


def _vwap(table: Table) -> Rule:
    """By day also for minute bars: one minute's extremes come from snapshots and may miss its dearest trade.

    Tolerance: a step, and the lot to which a source may have rounded the day's volume.
    """
    day = _DAY[table]
    return Rule(
        "vwap",
        "均价在最高最低之外",
        table.name,
        f"""SELECT code, day, 1, '均价 ' || round(vwap, 4) || '，范围 ' || low || ' - ' || high FROM (
              SELECT b.code, {day} AS day, max(high) AS high, min(low) AS low, sum(money) / sum(volume) AS vwap,
                     coalesce(max(tick), 100) / 10000.0 + max(high) * 100 / sum(volume) AS tolerance
              FROM {table.name} b JOIN traits t ON t.code = b.code AND t.priced
              LEFT JOIN grid g ON g.code = b.code AND {day} BETWEEN g.first AND g.last
              WHERE volume > 0 AND money > 0 GROUP BY b.code, {day})
            WHERE vwap < low - tolerance OR vwap > high + tolerance""",
    )


def _missing_sessions(table: Table) -> Rule:
    day = _DAY[table]
    # Where daily bars cover the time, a day that they lack too is reported there.
    covered = (
        ""
        if table is BARS_1D
        else (
            " AND (EXISTS (FROM bars_1d d WHERE d.code = r.code AND d.date = s.day AND d.volume > 0)"
            " OR NOT EXISTS (FROM (SELECT code, min(date) AS low, max(date) AS high FROM bars_1d GROUP BY code) d"
            " WHERE d.code = r.code AND s.day BETWEEN d.low AND d.high))"
        )
    )
    return Rule(
        "missing_session",
        "缺交易日",
        table.name,
        "SELECT r.code, s.day, 1, '若是停牌，应有成交量为 0 的行' FROM ("
        f"SELECT code, file_rank, min({day}) AS low, max({day}) AS high "
        f"FROM {table.name} GROUP BY code, file_rank) r JOIN sessions s ON s.day BETWEEN r.low AND r.high "
        f"WHERE NOT EXISTS (FROM (SELECT DISTINCT code, {day} AS day FROM {table.name}) b "
        f"WHERE b.code = r.code AND b.day = s.day){covered} GROUP BY r.code, s.day",
    )


def _not_a_session(table: Table) -> Rule:
    day = _DAY[table]
    where = f"{day} BETWEEN (SELECT min(day) FROM sessions) AND (SELECT max(day) FROM sessions) "
    where += f"AND {day} NOT IN (SELECT day FROM sessions)"
    return Rule("not_a_session", "不是交易日", table.name, _days(table, where, "''"))


_MISSING_MINUTES = Rule(
    "missing_minutes",
    "缺分钟",
    BARS_1M.name,
    f"""SELECT code, CAST(datetime AS DATE) AS day, 240 - count(DISTINCT datetime) AS missing,
               '有 ' || count(DISTINCT datetime) || ' 根，应为 240 根'
        FROM bars_1m WHERE {IN_SESSION} GROUP BY code, day HAVING missing > 0""",
)
_WRONG_LABEL = Rule(
    "wrong_label",
    "时间不是交易时段的分钟结束",
    BARS_1M.name,
    _days(BARS_1M, f"NOT ({IN_SESSION})", "CAST(CAST(datetime AS TIME) AS VARCHAR)"),
)
# Volume may be rounded to lots in one source and not in the other, money to any unit.
_DAILY_AND_MINUTES = Rule(
    "daily_minutes_differ",
    "日线与分钟线不一致",
    BARS_1D.name,
    """WITH m AS (SELECT code, CAST(datetime AS DATE) AS day, arg_min(open, datetime) AS open, max(high) AS high,
                         min(low) AS low, arg_max(close, datetime) AS close, sum(volume) AS volume, sum(money) AS money
                  FROM bars_1m WHERE volume > 0 GROUP BY code, day),
            c AS (SELECT d.code, d.date AS day, unnest([
                    {'name': '开', 'd': d.open, 'm': m.open, 'bound': 1e-6},
                    {'name': '高', 'd': d.high, 'm': m.high, 'bound': 1e-6},
                    {'name': '低', 'd': d.low, 'm': m.low, 'bound': 1e-6},
                    {'name': '收', 'd': d.close, 'm': m.close, 'bound': 1e-6},
                    {'name': '量', 'd': CAST(d.volume AS DOUBLE), 'm': CAST(m.volume AS DOUBLE),
                     'bound': 100 + 1e-4 * d.volume},
                    {'name': '额', 'd': d.money, 'm': m.money, 'bound': 1e-4 * d.money}]) AS pair
                  FROM bars_1d d JOIN m ON m.code = d.code AND m.day = d.date)
       SELECT code, day, count(*), min(printf('%s：日线 %.12g，分钟 %.12g', pair.name, pair.d, pair.m)) FROM c
       WHERE abs(pair.d - pair.m) > pair.bound GROUP BY code, day""",
)
_TICK_VOLUME = Rule(
    "tick_volume_falls",
    "当日累计成交量或成交额减少",
    TICKS.name,
    """SELECT code, day, count(*), min(strftime(datetime, '%H:%M:%S') || ' 量 ' || before || ' -> ' || volume) FROM (
         SELECT *, CAST(datetime AS DATE) AS day, lag(volume) OVER w AS before, lag(money) OVER w AS money_before
         FROM ticks WINDOW w AS (PARTITION BY code, CAST(datetime AS DATE) ORDER BY datetime, file_rank, file_row))
       WHERE volume < before OR money < money_before OR volume < 0 GROUP BY code, day""",
)
_BOOK_PRICES = tuple(
    c.name for c in TICKS.columns if c.type is ColumnType.REAL and c.name not in {"money", "prev_close"}
)

RULES: tuple[Rule, ...] = (
    *(_duplicates(table) for table in TABLES),
    *(rule(table) for rule in (_missing_sessions, _not_a_session, _impossible, _vwap) for table in (BARS_1M, BARS_1D)),
    _MISSING_MINUTES,
    _WRONG_LABEL,
    _off_grid(BARS_1M, _PRICES),
    _off_grid(BARS_1D, (*_PRICES, "prev_close")),
    _off_grid(TICKS, _BOOK_PRICES),
    _DAILY_AND_MINUTES,
    _TICK_VOLUME,
)
