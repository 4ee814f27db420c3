"""Quantities that an order may have: lots, steps, and odd remainders on selling (交易单位、零股)."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Board, Exchange, Security
from bullet_trade.market.boards import unit
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sources import (
    BOND_RULES_2022,
    BOTH_RULES,
    BSE_RULES,
    CONVERTIBLE_RULES,
    NOT_TRADED,
    OLD_RULES,
    SSE_RULES,
    SZSE_RULES,
)
from bullet_trade.market.timeline import ALWAYS, BSE_OPENED, STAR_OPENED, Since, Timeline, always, in_force


class Lot(NamedTuple):
    """An order has at least `minimum` pieces, and beyond that whole `step`s.

    A sale may be smaller or odd where it takes the remainder of the holding in one piece. `minimum` 0: not
    tradable.
    """

    minimum: int
    step: int

    def buy(self, wanted: int) -> int:
        """The largest quantity not above `wanted` that may be bought; 0 if none."""
        minimum, step = self
        if wanted < minimum or minimum == 0:
            return 0
        return wanted - (wanted - minimum) % step

    def sell(self, wanted: int, sellable: int) -> int:
        """The largest quantity not above `wanted` and `sellable` that may be sold; 0 if none."""
        minimum, step = self
        wanted = min(wanted, sellable)
        if wanted <= 0 or minimum == 0:
            return 0
        if step < minimum:  # at least `minimum`, or the whole balance below it
            return wanted if wanted >= minimum or wanted == sellable else 0
        odd = sellable % step
        attached = wanted - (wanted - odd) % step if wanted >= odd else 0
        return max(wanted - wanted % step, attached)


_ROUND_100, _NOT_TRADABLE = Lot(100, 100), Lot(0, 1)

LOTS: dict[Board, Timeline[Lot]] = {
    Board.SSE_MAIN: always(_ROUND_100, f"{SSE_RULES} 3.3.8"),
    Board.STAR: always(Lot(200, 1), SSE_RULES, STAR_OPENED),
    Board.SSE_B: always(_ROUND_100, f"{SSE_RULES} 3.3.8"),
    Board.SZSE_MAIN: always(_ROUND_100, f"{SZSE_RULES} 3.3.8"),
    Board.CHINEXT: always(_ROUND_100, f"{SZSE_RULES} 3.3.8"),
    Board.SZSE_B: always(_ROUND_100, f"{SZSE_RULES} 3.3.8"),
    Board.BSE: always(Lot(100, 1), BSE_RULES, BSE_OPENED),
    Board.FUND: always(_ROUND_100, f"{BOTH_RULES} 3.3.8"),
    Board.BOND: (
        Since(date(2022, 8, 1), Lot(10, 10), CONVERTIBLE_RULES),
        Since(ALWAYS, Lot(10, 10), OLD_RULES),
    ),
    Board.REPO: always(Lot(10, 10), BOND_RULES_2022),
    Board.INDEX: always(_NOT_TRADABLE, NOT_TRADED),
    Board.OTHER: always(_NOT_TRADABLE, NOT_TRADED),
}
SSE_REPO_LOTS: Timeline[Lot] = (
    Since(date(2022, 5, 16), Lot(10, 10), BOND_RULES_2022),
    Since(ALWAYS, Lot(1000, 1000), OLD_RULES),
)


def lots(security: Security) -> Timeline[Lot]:
    """The dated lot rules that apply to the security."""
    if security.board is Board.REPO and security.exchange is Exchange.SSE:
        return SSE_REPO_LOTS
    return LOTS[security.board]


def lot_rule(security: Security, day: date) -> Lot:
    """The lot rule in force on `day`."""
    rows = lots(security)
    row = in_force(rows, day) or rows[-1]
    return row.value


def buy_amount(security: Security, wanted: int, day: date) -> int:
    """The largest quantity not above `wanted` that one may buy; 0 if none (or if it is not tradable)."""
    return lot_rule(security, day).buy(wanted)


def sell_amount(security: Security, wanted: int, sellable: int, day: date) -> int:
    """The largest quantity not above `wanted` that one may sell out of `sellable`; 0 if none."""
    return lot_rule(security, day).sell(wanted, sellable)


def check_lot(
    security: Security, side: Side, amount: int, sellable: int, day: date, *, lot: Lot | None = None
) -> Refusal | None:
    """No for a quantity that the exchange would not take; `lot` replaces the rule of the board.

    For a sale `sellable` tells which odd remainder exists; a sale of more is refused by `settlement`.
    """
    lot = lot or lot_rule(security, day)
    if lot.minimum == 0:
        return Refusal(
            "tradable",
            f"{security.code}",
            "指数或未知代码段，不能买卖",
            "请核对代码；确可交易时在规则覆盖文件中写明 kind 与 board",
        )
    largest = lot.buy(amount) if side is Side.BUY else lot.sell(amount, max(sellable, amount))
    if amount > 0 and largest == amount:
        return None
    piece = unit(security)
    bound = f"每笔至少 {lot.minimum} {piece}" if lot.step == 1 else f"须为 {lot.step} {piece}的整数倍"
    if side is Side.SELL:
        bound += f"，不足的零头只能一次卖出（可卖 {sellable} {piece}）"
    smallest = lot.minimum if side is Side.BUY else min(sellable, sellable % lot.step or lot.minimum)
    remedy = f"请改为 {largest or smallest} {piece}" if largest or smallest else "没有可卖数量"
    verb = "买入" if side is Side.BUY else "卖出"
    return Refusal("lot_size", f"{security.code} {verb} {amount} {piece}", bound, remedy)
