"""What a security is: code, exchange, kind, board, and the facts that the trading rules depend on."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NewType

import msgspec

Code = NewType("Code", str)
"""A security in the one form used inside: six digits, a dot, the exchange (``600519.XSHG``)."""

OPEN_END = date(2200, 1, 1)
"""`Security.end_date` of a security that is still listed (JoinQuant's convention)."""


class Exchange(StrEnum):
    """The three exchanges of the mainland, by their ISO 10383 codes as JoinQuant writes them."""

    SSE = "XSHG"
    SZSE = "XSHE"
    BSE = "XBSE"


class Kind(StrEnum):
    """Kinds of security; they differ in tick, lot, T+N, limits or fees."""

    STOCK = "stock"
    CDR = "cdr"
    B_SHARE = "b_share"
    ETF = "etf"
    LOF = "lof"
    REIT = "reit"
    CONVERTIBLE = "convertible"
    EXCHANGEABLE = "exchangeable"
    BOND = "bond"
    REPO = "repo"
    INDEX = "index"
    OTHER = "other"


FUNDS = frozenset({Kind.ETF, Kind.LOF, Kind.REIT})
BONDS = frozenset({Kind.CONVERTIBLE, Kind.EXCHANGEABLE, Kind.BOND})


class Board(StrEnum):
    """Where it trades; values are the board tags of the rule vectors."""

    SSE_MAIN = "sse_main"
    STAR = "star"
    SSE_B = "sse_b"
    SZSE_MAIN = "szse_main"
    CHINEXT = "chinext"
    SZSE_B = "szse_b"
    BSE = "bse"
    FUND = "fund"
    BOND = "bond"
    REPO = "repo"
    INDEX = "index"
    OTHER = "other"


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """One security as its data source describes it. What a code alone cannot tell has a field here.

    `list_date` and `end_date` are the first and last trading day (`OPEN_END` while listed). `t0` says whether units
    bought today may be sold today; no code prefix decides that for funds. `limit_ratio_percent` overrides the board's
    daily limit (20 for an ETF on STAR or ChiNext shares); None leaves it to the rules.
    """

    code: Code
    exchange: Exchange
    kind: Kind
    board: Board
    name: str = ""
    list_date: date = date(1990, 12, 19)
    end_date: date = OPEN_END
    st: bool = False
    t0: bool = False
    limit_ratio_percent: int | None = None

    def listed_on(self, day: date) -> bool:
        """Whether `day` lies between the first and the last trading day."""
        return self.list_date <= day <= self.end_date
