"""`bullet-trade data check`: what is wrong with a store, by code and day. The rules are in check_rules.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import cast

import msgspec

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.market.boards import describe
from bullet_trade.market.calendar import TradingCalendar, exchange_calendar
from bullet_trade.market.codes import is_canonical
from bullet_trade.market.price_limit import price_limits
from bullet_trade.market.tick_size import ticks
from bullet_trade.market.timeline import ALWAYS
from bullet_trade.quotes.local import facts
from bullet_trade.quotes.local.check_rules import RULES, Rule
from bullet_trade.quotes.local.columns import TABLES, Table
from bullet_trade.quotes.local.load import ParquetTables

BEYOND_LIMIT = Rule("beyond_limit", "超出涨跌停", "bars_1d", "")
BAD_CODE = Rule("bad_code", "代码写法不对", "", "")

# No daily limit is narrower than 5%: only days that moved further need the exact rule.
_SMALLEST_LIMIT = 0.045

# Well beyond the five sessions for which a new listing has limits of its own.
_LISTING_DAYS = 60

_NO_PRICE = (Kind.INDEX, Kind.REPO)
_NO_STEP = (Kind.INDEX, Kind.OTHER)
_FAR = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken by one code on one day (None: not a matter of a day) in `rows` rows; `example` shows one."""

    rule: str
    title: str
    table: str
    code: str
    day: date | None
    rows: int
    example: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a table holds."""

    table: str
    files: int
    rows: int
    codes: int
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Findings by code, day and rule; notes are what the check left out, and why."""

    tables: Sequence[Summary]
    findings: Sequence[Finding]
    notes: Sequence[str]


def check_store(directory: Path) -> CheckResult:
    """Checks every table of the store at `directory`; raises UsageError when it cannot be opened."""
    tables = ParquetTables(directory)
    notes = [
        f"忽略文件 {path.name}：文件名不属于任何一种数据（只用 1 分钟线、日线等，见 docs/data-format.md）"
        for path in tables.ignored
    ]
    codes, findings = _codes(tables)
    _load_sessions(tables, notes)
    securities = _securities(tables, codes, findings)
    _load_traits(tables, securities)
    for rule in RULES:
        findings += _findings(rule, tables.rows(rule.sql))
    findings += _beyond_limit(tables, securities)
    findings.sort(key=lambda found: (found.code, found.day or date.min, found.rule, found.table))
    return CheckResult([_summary(tables, table) for table in TABLES], findings, notes)


def _findings(rule: Rule, rows: Iterable[tuple[object, ...]]) -> list[Finding]:
    return [
        Finding(
            rule.name,
            rule.title,
            rule.table,
            str(code or ""),
            cast(date | None, day),
            int(str(count)),
            str(text or ""),
        )
        for code, day, count, text in rows
    ]


def _codes(tables: ParquetTables) -> tuple[list[Code], list[Finding]]:
    """The codes of all tables, and a finding for each that is not in the inside form."""
    good: set[Code] = set()
    findings: list[Finding] = []
    for table in TABLES:
        if table.column("code") is None:
            continue
        for code, count in tables.rows(f"SELECT coalesce(code, ''), count(*) FROM {table.name} GROUP BY ALL"):
            if is_canonical(str(code)):
                good.add(Code(str(code)))
            else:
                example = "应写成 600519.XSHG 的形式"
                rows = int(str(count))
                findings.append(Finding(BAD_CODE.name, BAD_CODE.title, table.name, str(code), None, rows, example))
    return sorted(good), findings


def _calendar(tables: ParquetTables, notes: list[str]) -> Sequence[date]:
    """The sessions of the exchange's calendar, continued by the store's own trading days."""
    calendar: TradingCalendar = exchange_calendar()
    known = list(calendar.sessions(calendar.first, calendar.last))
    own = facts.known_sessions(tables) or []
    later = [day for day in own if day > calendar.last]
    covered = facts.bar_range(tables)
    end = max(calendar.last, *later) if later else calendar.last
    if covered is not None and covered[1] > end:
        notes.append(f"交易日历只到 {end}，之后的日子没有检查是否缺交易日")
    return known + later


def _load_sessions(tables: ParquetTables, notes: list[str]) -> None:
    days = _calendar(tables, notes)
    tables.rows("CREATE TABLE sessions AS SELECT unnest(CAST(? AS DATE[])) AS day", [days])


def _securities(tables: ParquetTables, codes: Sequence[Code], findings: list[Finding]) -> dict[Code, Security]:
    try:
        known = facts.load_securities(tables)
    except DataError as error:
        findings.append(Finding("bad_security", "证券资料不能用", "securities", "", None, 1, error.text))
        known = {}
    return {code: known.get(code) or describe(code) for code in codes}


def _load_traits(tables: ParquetTables, securities: dict[Code, Security]) -> None:
    """Fills `traits` and `grid`, as the rules expect them."""
    tables.rows("CREATE TABLE traits (code VARCHAR, priced BOOLEAN)")
    tables.rows('CREATE TABLE grid (code VARCHAR, "first" DATE, "last" DATE, tick INTEGER)')
    traits: list[list[object]] = []
    grid: list[list[object]] = []
    for code, security in securities.items():
        traits.append([code, security.kind not in _NO_PRICE])
        if security.kind in _NO_STEP:
            continue
        last = _FAR
        for row in ticks(security):
            grid.append([code, row.day, last, row.value])
            last = row.day - timedelta(days=1)
    tables.insert("traits", traits)
    tables.insert("grid", grid)


def _beyond_limit(tables: ParquetTables, securities: dict[Code, Security]) -> list[Finding]:
    """Days whose high or low lies beyond the daily limits.

    Of risk warnings only today's state is known, so a stock is given the wider limits of one without; a breach of
    the 5% that applied to it then is not seen.
    """
    rows = tables.rows(
        f"""SELECT code, date, high, low, prev_close FROM bars_1d
            WHERE prev_close > 0 AND volume > 0 AND low > 0 AND isfinite(high)
              AND (high > prev_close * {1 + _SMALLEST_LIMIT} OR low < prev_close * {1 - _SMALLEST_LIMIT})"""
    )
    calendar = exchange_calendar()
    found: list[Finding] = []
    for text, day_, *prices in rows:
        security, day = securities.get(Code(str(text))), cast(date, day_)
        if security is None or not calendar.knows(day) or not calendar.is_session(day):
            continue
        high, low, before = (price(cast(float, value)) for value in prices)
        plain = msgspec.structs.replace(security, st=False)
        limits = price_limits(plain, day, before, _listed_days(security, day, calendar))
        if limits is not None and not limits.low <= low <= high <= limits.high:
            example = f"最低 {yuan(low)} 最高 {yuan(high)}，范围 {yuan(limits.low)} - {yuan(limits.high)}"
            found.append(
                Finding(BEYOND_LIMIT.name, BEYOND_LIMIT.title, BEYOND_LIMIT.table, security.code, day, 1, example)
            )
    return found


def _listed_days(security: Security, day: date, calendar: TradingCalendar) -> int | None:
    """How many sessions since listing, 1 on the first; None when that was long ago or is not known."""
    if security.list_date <= ALWAYS or (day - security.list_date).days > _LISTING_DAYS:
        return None
    return len(calendar.sessions(security.list_date, day))


def _summary(tables: ParquetTables, table: Table) -> Summary:
    time = table.time_column
    span = f'CAST(min("{time.name}") AS DATE), CAST(max("{time.name}") AS DATE)' if time else "NULL, NULL"
    codes = "count(DISTINCT code)" if table.column("code") else "0"
    ((rows, number, first, last),) = tables.rows(f"SELECT count(*), {codes}, {span} FROM {table.name}")
    return Summary(
        table=table.name,
        files=len(tables.files[table.name]),
        rows=int(str(rows)),
        codes=int(str(number)),
        first=cast(date | None, first),
        last=cast(date | None, last),
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one table, rule and code taken together, for display."""

    table: str
    title: str
    code: str
    first: date | None
    last: date | None
    days: int
    rows: int
    example: str


def grouped(findings: Sequence[Finding]) -> list[Group]:
    """One entry per table, rule and code, in that order, with the range of days and the first example."""

    def key(finding: Finding) -> tuple[str, str, str, str]:
        return finding.table, finding.rule, finding.title, finding.code

    groups: list[Group] = []
    for (table, _, title, code), members_ in groupby(sorted(findings, key=key), key=key):
        members = list(members_)
        days = sorted(member.day for member in members if member.day is not None)
        first, last = (days[0], days[-1]) if days else (None, None)
        rows = sum(member.rows for member in members)
        groups.append(Group(table, title, code, first, last, len(set(days)), rows, members[0].example))
    return groups
