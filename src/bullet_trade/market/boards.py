"""What a code and a name say about a security: kind, board, risk warning, T+0, 20% limit of growth funds."""

from __future__ import annotations

import re
from datetime import date
from typing import TypedDict, Unpack

import msgspec

from bullet_trade.domain.securities import BONDS, FUNDS, Board, Code, Exchange, Kind, Security
from bullet_trade.market.codes import exchange_of
from bullet_trade.market.fund_types import T0_TYPES, fund_type, holds_growth_boards_only
from bullet_trade.market.segments import segment

# Marks may stand before it: N listing day, C days 2-5, XD/XR/DR ex-day, S without share reform.
_RISK_WARNING = re.compile(r"(?:N|C|XD|XR|DR)?S?\*?ST")

GROWTH_FUND_LIMIT_PERCENT = 20

_UNITS = {Board.FUND: "份", Board.BOND: "张", Board.REPO: "张"}


_BOARDS_OF_KINDS: dict[Kind, Board] = {
    **dict.fromkeys(FUNDS, Board.FUND),
    **dict.fromkeys(BONDS, Board.BOND),
    Kind.REPO: Board.REPO,
    Kind.INDEX: Board.INDEX,
}


class Facts(TypedDict, total=False):
    """Fields of `Security` that a data source or the user knows better than the code does."""

    exchange: Exchange
    kind: Kind
    board: Board
    list_date: date
    end_date: date
    st: bool
    t0: bool
    limit_ratio_percent: int | None


def describe(code: Code, name: str = "", **facts: Unpack[Facts]) -> Security:
    """The security as its code and name describe it; `facts` override what they say.

    Raises `UsageError` for a code that is not in the inside form.
    """
    exchange = exchange_of(code)
    kind, board = segment(exchange, code[:6])
    if "kind" in facts:
        kind = facts["kind"]
        board = _BOARDS_OF_KINDS.get(kind, board)
    described = Security(
        code=code,
        name=name,
        exchange=exchange,
        kind=kind,
        board=board,
        st=_RISK_WARNING.match(name) is not None,
        t0=kind in BONDS or fund_type(code, name) in T0_TYPES.get(kind, ()),
        limit_ratio_percent=_wide_limit(code, name, kind),
    )
    return msgspec.structs.replace(described, **facts) if facts else described


def unit(security: Security) -> str:
    """What one piece is called: 股, 份 (funds) or 张 (bonds, 100 yuan face)."""
    return _UNITS.get(security.board, "股")


def rule_group(security: Security) -> Board | Kind:
    """The key of tables that treat all stocks of a board alike, and funds and bonds by their kind."""
    board = security.board
    return security.kind if board is Board.FUND or board is Board.BOND else board


def _wide_limit(code: Code, name: str, kind: Kind) -> int | None:
    if kind in T0_TYPES and holds_growth_boards_only(code, name):
        return GROWTH_FUND_LIMIT_PERCENT
    return None
