"""Descriptions of securities for strategies. The source knows a security's latest state, not its history of names."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bullet_trade.domain.securities import FUNDS, Kind, Security
from bullet_trade.strategy.current import session
from bullet_trade.strategy.data.arguments import Codes, securities_of
from bullet_trade.strategy.data.moments import day_of, known_day

TYPES: dict[str, frozenset[Kind]] = {
    "stock": frozenset({Kind.STOCK, Kind.CDR}),
    "etf": frozenset({Kind.ETF}),
    "lof": frozenset({Kind.LOF}),
    "reits": frozenset({Kind.REIT}),
    "fund": FUNDS,
    "index": frozenset({Kind.INDEX}),
    "conbond": frozenset({Kind.CONVERTIBLE}),
    "bond": frozenset({Kind.BOND, Kind.EXCHANGEABLE}),
    "b_share": frozenset({Kind.B_SHARE}),
}
"""JoinQuant's types of securities, narrow ones before those that contain them."""

_NO_TYPE_HERE = frozenset(
    {"futures", "options", "fja", "fjb", "fjm", "open_fund", "bond_fund", "stock_fund", "money_market_fund"}
)
"""Types of the platform that an A-share account does not trade: they give no rows."""

STOCKS_PER_BASE, FUNDS_PER_BASE = 10, 1
"""Distributions are told per ten shares, and per one fund unit."""


class SecurityInfo:
    """What `get_security_info` returns. Days are `date`s; the open end is 2200-01-01."""

    def __init__(self, security: Security) -> None:
        self.code = str(security.code)
        self.display_name = security.name
        self.name = security.name
        self.start_date = security.list_date
        self.end_date = security.end_date
        self.type = type_of(security)
        self.parent: str | None = None

    def __repr__(self) -> str:
        return f"SecurityInfo({self.code}, {self.display_name})"


def type_of(security: Security) -> str:
    """JoinQuant's name for the kind of a security."""
    return next((name for name, kinds in TYPES.items() if security.kind in kinds), str(security.kind))


def get_security_info(code: str, date: object = None) -> SecurityInfo | None:
    """Name, listing days and type of a security, None for an unknown one. `date` changes nothing: see the module."""
    run = session()
    security = run.parts.securities(run.code(code))
    return SecurityInfo(security) if security is not None else None


def get_all_securities(types: Sequence[str] | str = (), date: str | datetime.date | None = None) -> pd.DataFrame:
    """Securities by code with display_name, name, start_date, end_date, type; those listed on `date` if it is given.

    No type means stocks. Without `date` delisted ones are included, and those not listed yet are not. Days are
    datetime64[ns].
    """
    run = session()
    wanted = [types] if isinstance(types, str) else list(types or ("stock",))
    unknown = [name for name in wanted if name not in TYPES and name not in _NO_TYPE_HERE]
    if unknown:
        run.log.warning(f"get_all_securities 不认识的类型：{'、'.join(unknown)}；可用：{'、'.join(TYPES)}")
    kinds = frozenset().union(*(TYPES.get(name, frozenset()) for name in wanted))
    today = run.logical_now().date()
    day = known_day(run, "get_all_securities", "date", date) if date is not None else None
    rows = [
        security
        for security in run.data.securities()
        if security.kind in kinds and (security.listed_on(day) if day is not None else security.list_date <= today)
    ]
    names = [security.name for security in rows]
    return pd.DataFrame(
        {
            "display_name": names,
            "name": names,
            "start_date": _days([security.list_date for security in rows]),
            "end_date": _days([security.end_date for security in rows]),
            "type": [type_of(security) for security in rows],
        },
        index=pd.Index([str(security.code) for security in rows], dtype=object),
    )


def _days(days: list[datetime.date]) -> np.ndarray:
    return np.array(days, dtype="datetime64[D]").astype("datetime64[ns]")


def normalize_code(code: str | int | Iterable[str | int]) -> str | list[str]:
    """The code, or codes, in JoinQuant form."""
    run = session()
    if isinstance(code, str | int):
        return run.code(code)
    return [run.code(one) for one in code]


def st_flags(
    codes: Codes, start: object, end: object, count: int | None
) -> tuple[pd.DatetimeIndex, dict[str, np.ndarray]]:
    """For `get_extras('is_st')`: trading days through `end` (at most today), and a bool array over them by code.

    The source knows only whether a security is under risk warning now; days before the listing are False.
    """
    run = session()
    axis, last = run.history.axis, known_day(run, "get_extras", "end_date", end)
    stop = axis.through(last)
    first = max(0, stop - count) if count is not None else axis.before(day_of(start or "2015-01-01"))
    flags = {
        name: (axis.days64[first:stop] >= np.datetime64(one.list_date, "D")) & one.st
        for name, one in securities_of(run, codes).items()
    }
    return axis.index[first:stop], flags


def get_split_dividend(
    security: str, start_date: str | datetime.date | None = None, end_date: str | datetime.date | None = None
) -> list[dict[str, object]]:
    """Distributions and splits with an ex-date between two days, both included, at most the next session's.

    `scale_factor` is 1 plus the new shares per share; `bonus_pre_tax` is yuan per `per_base` (10 shares, 1 fund unit)
    before tax. Tomorrow's ex-date is public today; later ones are not shown.
    """
    run = session()
    found = run.history.security(run.code(security))
    today = run.logical_now().date()
    latest = run.parts.calendar.next_session(today)
    first = day_of(start_date) if start_date is not None else datetime.date.min
    last = min(day_of(end_date), latest) if end_date is not None else latest
    per_base = FUNDS_PER_BASE if found.kind in FUNDS else STOCKS_PER_BASE
    return [
        {
            "security": security,
            "date": action.ex_date,
            "security_type": "fund" if found.kind in FUNDS else "stock",
            "scale_factor": 1.0 + action.share_ratio,
            "bonus_pre_tax": round(action.cash_per_share * per_base, 10),
            "per_base": per_base,
        }
        for action in run.data.corporate_actions(found.code)
        if first <= action.ex_date <= last
    ]
