"""Market order styles: which exchange knows which since when, their QMT constants, and who may use them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from bullet_trade.domain.securities import BONDS, Board, Exchange, Kind, Security
from bullet_trade.market.refusal import Refusal


class MarketStyle(StrEnum):
    """What a market order does at the exchange."""

    BEST5_CANCEL = "best5_cancel"  # 最优五档即时成交剩余撤销
    BEST5_TO_LIMIT = "best5_to_limit"  # 最优五档即时成交剩余转限价
    OWN_BEST = "own_best"  # 本方最优
    COUNTERPARTY_BEST = "counterparty_best"  # 对手方最优
    FILL_AND_CANCEL = "fill_and_cancel"  # 即时成交剩余撤销
    FILL_OR_KILL = "fill_or_kill"  # 全额成交或撤销


class QmtType(NamedTuple):
    """A price type of `xtquant.xtconstant`: its name there and its value."""

    constant: str
    value: int


FIX_PRICE = QmtType("FIX_PRICE", 11)

_SH_CANCEL = QmtType("MARKET_SH_CONVERT_5_CANCEL", 42)
_SH_LIMIT = QmtType("MARKET_SH_CONVERT_5_LIMIT", 43)
_PEER = QmtType("MARKET_PEER_PRICE_FIRST", 44)
_MINE = QmtType("MARKET_MINE_PRICE_FIRST", 45)

# Source: the exchanges' trading rules for what exists, the QMT manual for the values.
STYLES: dict[Exchange, dict[MarketStyle, QmtType]] = {
    Exchange.SSE: {
        MarketStyle.BEST5_CANCEL: _SH_CANCEL,
        MarketStyle.BEST5_TO_LIMIT: _SH_LIMIT,
        MarketStyle.OWN_BEST: _MINE,
        MarketStyle.COUNTERPARTY_BEST: _PEER,
    },
    Exchange.SZSE: {
        MarketStyle.BEST5_CANCEL: QmtType("MARKET_SZ_CONVERT_5_CANCEL", 47),
        MarketStyle.OWN_BEST: _MINE,
        MarketStyle.COUNTERPARTY_BEST: _PEER,
        MarketStyle.FILL_AND_CANCEL: QmtType("MARKET_SZ_INSTBUSI_RESTCANCEL", 46),
        MarketStyle.FILL_OR_KILL: QmtType("MARKET_SZ_FULL_OR_CANCEL", 48),
    },
    Exchange.BSE: {
        MarketStyle.BEST5_CANCEL: _SH_CANCEL,
        MarketStyle.BEST5_TO_LIMIT: _SH_LIMIT,
        MarketStyle.OWN_BEST: _MINE,
        MarketStyle.COUNTERPARTY_BEST: _PEER,
    },
}

_FOUR_STYLES_SINCE = date(2023, 4, 10)
"""Outside STAR, Shanghai had only the two best-five styles before."""
_SSE_NEW = frozenset({MarketStyle.OWN_BEST, MarketStyle.COUNTERPARTY_BEST})

# The worst price that the client accepts must travel with the order; on QMT the price field holds it, and 0
# lets the terminal fill in the daily limit.
PROTECTION_REQUIRED = frozenset({Exchange.SSE})
QMT_FILLS_DAILY_LIMIT = "daily_limit"

_WITHOUT_MARKET_ORDERS = BONDS | {Kind.REPO}


def qmt_type(security: Security, style: MarketStyle, day: date) -> QmtType | None:
    """The QMT price type of `style` for the security; None where its exchange has no such style on `day`."""
    late = (
        security.exchange is Exchange.SSE
        and style in _SSE_NEW
        and security.board is not Board.STAR
        and day < _FOUR_STYLES_SINCE
    )
    return None if late else STYLES[security.exchange].get(style)


def protection_when_zero(exchange: Exchange) -> str | None:
    """What QMT puts in where a market order carries no protection price; None where none is required."""
    return QMT_FILLS_DAILY_LIMIT if exchange in PROTECTION_REQUIRED else None


def check_market_order(security: Security, *, has_limits: bool) -> Refusal | None:
    """No for a market order in a security that takes none on a day with or without a daily price limit.

    Without a limit only STAR is known to take market orders; a limit order inside the cage works everywhere.
    """
    if security.kind in _WITHOUT_MARKET_ORDERS:
        return Refusal("market_order", f"{security.code} 市价委托", "债券与回购不接受市价委托", "请改用限价委托")
    if not has_limits and security.board is not Board.STAR:
        return Refusal(
            "market_order", f"{security.code} 市价委托", "当日无涨跌幅限制，不接受市价委托", "请改用限价委托"
        )
    return None
