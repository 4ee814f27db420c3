"""When bought pieces may be sold: T+1 for shares, the same day for the T+0 kinds."""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.securities import Board, Security
from bullet_trade.market.boards import unit
from bullet_trade.market.refusal import Refusal

FUND_T0_SINCE = date(2015, 1, 19)
"""Day trading of bond, gold, money market and cross-border funds; bonds had it before."""


def is_t0(security: Security, day: date) -> bool:
    """Whether pieces bought on `day` may be sold on `day`."""
    return security.t0 and (day >= FUND_T0_SINCE or security.board is not Board.FUND)


def sellable(opening: int, bought_today: int, sold_today: int, pending_sell: int, *, t0: bool, locked: int = 0) -> int:
    """How many pieces may be offered now: never negative.

    `opening` is the holding before today's trades, `pending_sell` what working sell orders still offer,
    `locked` what is pledged or restricted. The broker's own figure is final; it lags fills by up to seconds.
    """
    return max(0, opening - locked + (bought_today if t0 else 0) - sold_today - pending_sell)


def check_sellable(security: Security, amount: int, sellable_amount: int) -> Refusal | None:
    """No for a sale of more than may be sold today."""
    if amount <= sellable_amount:
        return None
    piece = unit(security)
    waiting = "" if security.t0 else "，当日买入的下一交易日才能卖出"
    return Refusal(
        "sellable",
        f"{security.code} 卖出 {amount} {piece}",
        f"可卖数量只有 {sellable_amount} {piece}{waiting}",
        f"请改为不超过 {sellable_amount} {piece}" if sellable_amount > 0 else "请等到下一交易日或先撤掉未成交的卖单",
    )
