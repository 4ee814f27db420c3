"""The largest quantity of one order, and how a larger one is split so that every child is valid."""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Board, Kind, Security
from bullet_trade.market.boards import rule_group, unit
from bullet_trade.market.lots import Lot, lot_rule
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sources import (
    BOTH_RULES,
    BSE_RULES,
    CHINEXT_RULES_2020,
    CONVERTIBLE_RULES,
    NOT_TRADED,
    OLD_RULES,
    REIT_RULES,
    SSE_RULES,
    STAR_RULES_2019,
    SZSE_RULES,
)
from bullet_trade.market.timeline import (
    ALWAYS,
    BSE_OPENED,
    CHINEXT_REFORMED,
    REITS_OPENED,
    STAR_OPENED,
    Since,
    Timeline,
    always,
    in_force,
)

AFTER_HOURS_MAXIMUM = 1_000_000
"""Largest after-hours fixed-price order on every board that has the session."""

_MILLION = (1_000_000, 1_000_000)

# (limit orders, market orders) in pieces. Where a kind has no market orders the size of limit orders stands.
MAXIMA: dict[Board | Kind, Timeline[tuple[int, int]]] = {
    Board.SSE_MAIN: always(_MILLION, SSE_RULES),
    Board.STAR: always((100_000, 50_000), STAR_RULES_2019, STAR_OPENED),
    Board.SSE_B: always(_MILLION, SSE_RULES),
    Board.SZSE_MAIN: always(_MILLION, SZSE_RULES),
    Board.CHINEXT: (
        Since(CHINEXT_REFORMED, (300_000, 150_000), CHINEXT_RULES_2020),
        Since(ALWAYS, _MILLION, OLD_RULES),
    ),
    Board.SZSE_B: always(_MILLION, SZSE_RULES),
    Board.BSE: always(_MILLION, BSE_RULES, BSE_OPENED),
    Kind.ETF: always(_MILLION, BOTH_RULES),
    Kind.LOF: always(_MILLION, BOTH_RULES),
    Kind.REIT: always((100_000_000, 100_000_000), REIT_RULES, REITS_OPENED),
    Kind.CONVERTIBLE: always(_MILLION, CONVERTIBLE_RULES),
    Kind.EXCHANGEABLE: always(_MILLION, CONVERTIBLE_RULES),
    Kind.BOND: always(_MILLION, OLD_RULES),
    Board.REPO: always(_MILLION, OLD_RULES),
    Board.INDEX: always((0, 0), NOT_TRADED),
    Board.OTHER: always((0, 0), NOT_TRADED),
}


def max_order_amount(security: Security, order_type: OrderType, day: date, *, after_hours: bool = False) -> int:
    """The largest quantity of one order; 0 where the security cannot be traded."""
    rows = MAXIMA[rule_group(security)]
    limit, market = (in_force(rows, day) or rows[-1]).value
    if after_hours and limit:
        return AFTER_HOURS_MAXIMUM
    return market if order_type is OrderType.MARKET else limit


def check_order_size(security: Security, amount: int, maximum: int) -> Refusal | None:
    """No for one order larger than `maximum`."""
    if amount <= maximum:
        return None
    piece = unit(security)
    return Refusal("order_size", f"{security.code} 单笔 {amount} {piece}", f"单笔上限 {maximum} {piece}", "请拆成多笔")


def split(
    security: Security,
    side: Side,
    amount: int,
    order_type: OrderType,
    day: date,
    *,
    after_hours: bool = False,
) -> list[int]:
    """The fewest orders that add up to `amount`, each of them valid; largest first.

    `amount` must itself be a valid quantity: for a sale that takes the whole balance the odd remainder
    stays in one child. Raises `UsageError` for a quantity that no valid orders add up to.
    """
    maximum = max_order_amount(security, order_type, day, after_hours=after_hours)
    return split_by(security, side, amount, maximum, lot_rule(security, day))


def split_by(security: Security, side: Side, amount: int, maximum: int, lot: Lot) -> list[int]:
    """As `split`, with the largest order and the lot given."""
    largest = lot.buy(maximum)
    valid = lot.buy(amount) if side is Side.BUY else lot.sell(amount, amount)
    if amount <= 0 or valid != amount or largest == 0:
        raise UsageError(
            f"{security.code} 数量 {amount} 无法拆成有效委托"
            f"（单笔上限 {maximum}，起点 {lot.minimum}，递增 {lot.step}）",
            "请先把数量取整到交易单位",
        )
    whole, rest = divmod(amount, largest)
    children = [largest] * whole
    if rest:
        children.append(rest)
        if lot.step == 1 and rest < lot.minimum and whole:
            # A tail below the minimum would be refused: the order before it gives up what is missing.
            children[-2:] = [largest - (lot.minimum - rest), lot.minimum]
    return children
