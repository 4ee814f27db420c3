"""Minimum price step (最小变动单位)."""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.money import Price, divide_half_up
from bullet_trade.domain.securities import Board, Exchange, Security
from bullet_trade.market.refusal import Refusal, show_price
from bullet_trade.market.sources import (
    BOND_RULES_2022,
    BOTH_RULES,
    BSE_RULES,
    NOT_TRADED,
    OLD_RULES,
    SSE_RULES,
    SZSE_RULES,
)
from bullet_trade.market.timeline import ALWAYS, BSE_OPENED, STAR_OPENED, Since, Timeline, always, in_force

_CENT, _MILL, _HALF_CENT = Price(100), Price(10), Price(50)

# A shares keep 0.01 below one yuan; the fund step applies to funds only.
TICKS: dict[Board, Timeline[Price]] = {
    Board.SSE_MAIN: always(_CENT, SSE_RULES),
    Board.STAR: always(_CENT, SSE_RULES, STAR_OPENED),
    Board.SSE_B: always(_MILL, f"{SSE_RULES}（美元）"),
    Board.SZSE_MAIN: always(_CENT, SZSE_RULES),
    Board.CHINEXT: always(_CENT, SZSE_RULES),
    Board.SZSE_B: always(_CENT, f"{SZSE_RULES}（港元）"),
    Board.BSE: always(_CENT, BSE_RULES, BSE_OPENED),
    Board.FUND: always(_MILL, BOTH_RULES),
    Board.BOND: always(_MILL, BOND_RULES_2022),
    Board.REPO: always(_HALF_CENT, BOND_RULES_2022),
    Board.INDEX: always(_CENT, NOT_TRADED),
    Board.OTHER: always(_CENT, NOT_TRADED),
}
SSE_BOND_TICKS: Timeline[Price] = (
    Since(date(2022, 5, 16), _MILL, BOND_RULES_2022),
    Since(ALWAYS, _CENT, OLD_RULES),
)


def ticks(security: Security) -> Timeline[Price]:
    """The dated steps that apply to the security."""
    if security.board is Board.BOND and security.exchange is Exchange.SSE:
        return SSE_BOND_TICKS
    return TICKS[security.board]


def tick_size(security: Security, day: date) -> Price:
    """The step in which prices of the security may move, in 1/10,000 yuan (repo: of a percentage point)."""
    rows = ticks(security)
    row = in_force(rows, day) or rows[-1]
    return row.value


def round_to_tick(price: Price, tick: Price) -> Price:
    """The step nearest to `price`, halves up."""
    return Price(divide_half_up(price, tick) * tick)


def floor_to_tick(price: Price, tick: Price) -> Price:
    """The highest step not above `price`."""
    return Price(price // tick * tick)


def ceil_to_tick(price: Price, tick: Price) -> Price:
    """The lowest step not below `price`."""
    return Price(-(-price // tick) * tick)


def check_tick(security: Security, price: Price, day: date) -> Refusal | None:
    """No for a price that is not positive or lies between two steps."""
    tick = tick_size(security, day)
    if price > 0 and price % tick == 0:
        return None
    below, above = max(floor_to_tick(price, tick), tick), max(ceil_to_tick(price, tick), tick)
    remedy = f"请改为 {show_price(below)}" + (f" 或 {show_price(above)}" if above != below else "")
    return Refusal(
        "tick_size",
        f"{security.code} 价格 {show_price(price)}",
        f"须为正，且为最小变动单位 {show_price(tick)} 的整数倍",
        remedy,
    )
