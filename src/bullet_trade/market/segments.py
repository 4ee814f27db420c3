"""Code segments: what the first three digits of a code say about kind and board, per exchange.

Source: the exchanges' code allotment, see docs/rules.md. A segment that is not listed here is `Kind.OTHER`:
subscription codes, third-board stocks, products that cannot be traded by auction.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.securities import Board, Exchange, Kind


class Segment(NamedTuple):
    """Kind and board of the codes with one prefix."""

    kind: Kind
    board: Board


_SSE, _SZSE, _BSE = Exchange.SSE, Exchange.SZSE, Exchange.BSE
OTHER = Segment(Kind.OTHER, Board.OTHER)

# Prefixes have three digits; "510-518" is a range.
_ROWS: tuple[tuple[Exchange, str, Kind, Board], ...] = (
    (_SSE, "600 601 603 605", Kind.STOCK, Board.SSE_MAIN),
    (_SSE, "688", Kind.STOCK, Board.STAR),
    (_SSE, "689", Kind.CDR, Board.STAR),
    (_SSE, "900", Kind.B_SHARE, Board.SSE_B),
    (_SSE, "000", Kind.INDEX, Board.INDEX),
    (_SSE, "510-518 520-539 550-569 580-589", Kind.ETF, Board.FUND),
    (_SSE, "500-502 505 506", Kind.LOF, Board.FUND),  # 500, 505: closed-end funds, traded like LOFs
    (_SSE, "508", Kind.REIT, Board.FUND),
    (_SSE, "110 111 113 118", Kind.CONVERTIBLE, Board.BOND),
    (_SSE, "132 137", Kind.EXCHANGEABLE, Board.BOND),
    (_SSE, "010 018 019 120-130 136 138-158 170-189 240-249", Kind.BOND, Board.BOND),
    (_SSE, "204", Kind.REPO, Board.REPO),
    (_SZSE, "000-004", Kind.STOCK, Board.SZSE_MAIN),
    (_SZSE, "300-302", Kind.STOCK, Board.CHINEXT),
    (_SZSE, "200", Kind.B_SHARE, Board.SZSE_B),
    (_SZSE, "399 970 980", Kind.INDEX, Board.INDEX),
    (_SZSE, "158 159", Kind.ETF, Board.FUND),
    (_SZSE, "150 160-169 184", Kind.LOF, Board.FUND),  # 150: graded funds until 2020, 184: closed-end funds
    (_SZSE, "180", Kind.REIT, Board.FUND),
    (_SZSE, "123 125 127 128", Kind.CONVERTIBLE, Board.BOND),
    (_SZSE, "117 120", Kind.EXCHANGEABLE, Board.BOND),
    (_SZSE, "100-109 111 112 114-116 118 119 133-135 148 149", Kind.BOND, Board.BOND),
    (_SZSE, "131", Kind.REPO, Board.REPO),
    (_BSE, "920 430-439 830-839 870-889", Kind.STOCK, Board.BSE),
    (_BSE, "899", Kind.INDEX, Board.INDEX),
)

_RETIRED = ("43", "83", "87", "88")
_RETIRED_SINCE = date(2025, 10, 9)


def _expand(prefixes: str) -> list[str]:
    found = []
    for part in prefixes.split():
        first, _, last = part.partition("-")
        found += [f"{number:03d}" for number in range(int(first), int(last or first) + 1)]
    return found


_TABLE: dict[Exchange, dict[str, Segment]] = {exchange: {} for exchange in Exchange}
for _exchange, _prefixes, _kind, _board in _ROWS:
    for _prefix in _expand(_prefixes):
        _TABLE[_exchange][_prefix] = Segment(_kind, _board)


def segment(exchange: Exchange, digits: str) -> Segment:
    """What the six `digits` are on `exchange`; `OTHER` for a segment that is not known."""
    return _TABLE[exchange].get(digits[:3], OTHER)


def is_retired(exchange: Exchange, digits: str, day: date) -> bool:
    """Whether this Beijing code was replaced by a 920 code on or before `day` (all were on 2025-10-09)."""
    return exchange is Exchange.BSE and day >= _RETIRED_SINCE and digits.startswith(_RETIRED)
