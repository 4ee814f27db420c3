"""Selling everything out: what T+1, halts and limits allow, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bullet_trade.domain.ledger import Position
from bullet_trade.domain.money import price, yuan
from bullet_trade.engine.commands import SaleLine

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine


def sale_plan(engine: Engine) -> tuple[SaleLine, ...]:
    """One line for each position, in the order of their codes. A line with `sellable` 0 is not sold."""
    return tuple(_line(engine, position) for position in sorted(engine.ledger, key=lambda held: held.code))


def _line(engine: Engine, position: Position) -> SaleLine:
    code = position.code
    security = engine.security(code)
    last = engine.quotes.last_price(code) if engine.quotes.known(code) else 0.0
    closed = _closed(engine, position, last)
    sellable = 0 if closed else engine.book.sellable(code)
    return SaleLine(
        code,
        security.name if security is not None else "",
        position.amount,
        sellable,
        yuan(price(last)) if last > 0 else 0.0,
        closed or _kept_back(position, sellable),
    )


def _closed(engine: Engine, position: Position, last: float) -> str:
    """Why nothing of it can be sold now, '' when something can."""
    if not engine.quotes.known(position.code) or not last > 0:
        return "没有行情"
    facts = engine.quotes.facts(position.code)
    if facts.paused:
        return "停牌，不可卖"
    if facts.low_limit > 0 and price(last) <= price(facts.low_limit):
        return "跌停，卖不出"
    return ""


def _kept_back(position: Position, sellable: int) -> str:
    rest = position.amount - sellable
    if not rest:
        return ""
    parts = []
    if position.locked:
        parts.append(f"{position.locked} 股被未完成的卖单占用，可先 cancel-all")
    if rest > position.locked:
        parts.append(f"{rest - position.locked} 股今日买入，T+1 不可卖")
    return "；".join(parts)
