"""The terminal's description of a security in our terms. Pure.

Fields as in the vendor's manual: `OpenDate` and `ExpireDate` are the first and last day, `TradingDay` the day for which
limits and reference price hold, `InstrumentStatus` the number of days of a suspension (0 or less: it trades).
"""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.securities import OPEN_END, Code, Security
from bullet_trade.market.boards import Facts, describe
from bullet_trade.quotes.live import Details
from bullet_trade.quotes.qmt.moments import read_day
from bullet_trade.quotes.qmt.xtdata import Row

EARLIEST = date(1990, 12, 1)
"""Dates before the exchanges opened stand for "not known"."""
NO_LIMIT = 100_000.0
"""Terminals write a price that nobody reaches where there is no limit."""


def security_of(code: Code, row: Row) -> Security:
    """The security."""
    facts: Facts = {}
    listed, ends = read_day(row.get("OpenDate")), read_day(row.get("ExpireDate"))
    if listed is not None and listed >= EARLIEST:
        facts["list_date"] = listed
    if ends is not None and ends >= EARLIEST:
        facts["end_date"] = min(ends, OPEN_END)
    name = row.get("InstrumentName")
    return describe(code, name if isinstance(name, str) and name else code, **facts)


def day_details(row: Row, today: date) -> Details:
    """What holds today. A description that is still yesterday's says only the name."""
    name = row.get("InstrumentName")
    title = name if isinstance(name, str) else ""
    day = read_day(row.get("TradingDay"))
    if day is not None and day != today:
        return Details(name=title)
    high, low = _price(row.get("UpStopPrice")), _price(row.get("DownStopPrice"))
    limited = high is not None and high < NO_LIMIT
    return Details(
        prev_close=_price(row.get("PreClose")),
        high_limit=high if limited else None,
        low_limit=low if limited else None,
        paused=is_paused(row),
        name=title,
    )


def is_paused(row: Row) -> bool:
    """Whether the security is suspended."""
    status = row.get("InstrumentStatus")
    return isinstance(status, int | float) and status >= 1


def _price(value: object) -> float | None:
    return round(float(value), 4) if isinstance(value, int | float) and value > 0 else None
