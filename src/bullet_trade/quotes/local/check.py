"""`bullet-trade data check`: what is wrong with a store, by code and day. The rules are in check_rules.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import cast

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import price
from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.market.boards import describe
from bullet_trade.market.calendar import TradingCalendar, exchange_calendar
from bullet_trade.market.codes import is_canonical
from bullet_trade.market.price_limit import price_limits
from bullet_trade.market.tick_size import ticks
from bullet_trade.market.timeline import ALWAYS
from bullet_trade.quotes.local import facts
from bullet_trade.quotes.local.check_rules import RULES, Rule
from bullet_trade.quotes.local.columns import TABLES
from bullet_trade.quotes.local.load import ParquetTables

BEYOND_LIMIT = Rule("beyond_limit", "超出涨跌停", "bars_1d", "")
BAD_CODE = Rule("bad_code", "代码写法不对", "", "")

# No daily limit is narrower than 5%: only days that moved further need the exact rule.
_SMALLEST_LIMIT = 0.045

_NO_PRICE = (Kind.INDEX, Kind.REPO, Kind.OTHER)
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
    notes = [f"忽略文件 {path.name}: 文件名不属于任何一种数据" for path in tables.ignored]
    codes, findings = _codes(tables)
    _load_sessions(tables, notes)
    securities = _securities(tables, codes, notes)
    _load_traits(tables, securities)
    for rule in RULES:
        findings += _findings(rule, tables.rows(rule.sql))
    findings += _beyond_limit(tables, securities)
    findings.sort(key=lambda found: (found.code, found.day or date.min, found.rule, found.table))
    return CheckResult([_summary(tables, name) for name in (table.name for table in TABLES)], findings, notes)


def _findings(rule: Rule, rows: Iterable[tuple[object, ...]]) -> list[Finding]:
    return [
        Finding(rule.name, rule.title, rule.table, str(code or ""), cast(date | None, day), int(str(count)), str(text or ""))
        for code, day, count, text in rows
    ]
