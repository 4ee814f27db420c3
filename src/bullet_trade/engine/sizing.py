"""From a strategy's wish to an order that may leave: price, lots, what cash and holdings allow. Pure functions.

Every change made to the wish is listed in words, so that the log can say why 1,050 shares became 1,000.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.money import Money, Price, text
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Security
from bullet_trade.market import lots, order_size, price_limit, tick_size
from bullet_trade.market.price_limit import PriceLimits
from bullet_trade.market.refusal import Refusal
from bullet_trade.ports.terms import TradingTerms


class Wish(NamedTuple):
    """What the strategy asked for, with the facts of the moment that decide what comes of it.

    `limit_price` 0 for a market order without protection; `protection` is then made from the last price.
    """

    security: Security
    side: Side
    amount: int
    order_type: OrderType
    limit_price: Price
    last_price: Price
    limits: PriceLimits | None
    sellable: int
    available: Money


class Sized(NamedTuple):
    """An order ready to leave. `freeze` is the cash it may use at worst; 0 for a sale."""

    amount: int
    limit_price: Price
    freeze: Money
    adjustments: tuple[str, ...]


def protection_price(side: Side, last: Price, percent: float, tick: Price, limits: PriceLimits | None) -> Price:
    """The worst price a market order accepts: `percent` (a fraction) beyond the last price, inside the day's limits."""
    raw = Price(round(last * (1 + percent)))
    price = tick_size.floor_to_tick(raw, tick) if side is Side.BUY else tick_size.ceil_to_tick(raw, tick)
    if limits is None:
        return price
    return Price(min(price, limits.high)) if side is Side.BUY else Price(max(price, limits.low))


def size(wish: Wish, day: date, terms: TradingTerms, protection: Price) -> Sized | Refusal:
    """The order that the wish becomes, or the rule that forbids it."""
    adjustments: list[str] = []
    limit = _limit_on_tick(wish, day, adjustments) if wish.order_type is OrderType.LIMIT else protection
    refusal = (
        price_limit.check_price_limit(wish.security, limit, wish.limits) if wish.order_type is OrderType.LIMIT else None
    )
    if refusal is not None:
        return refusal
    if wish.side is Side.SELL:
        return _size_sale(wish, day, limit, adjustments)
    return _size_purchase(wish, day, limit, terms, adjustments)


def _limit_on_tick(wish: Wish, day: date, adjustments: list[str]) -> Price:
    # Never worse than what was asked for: a buy limit goes down to the grid, a sell limit up.
    tick = tick_size.tick_size(wish.security, day)
    to_grid = tick_size.floor_to_tick if wish.side is Side.BUY else tick_size.ceil_to_tick
    limit = to_grid(wish.limit_price, tick)
    if limit != wish.limit_price:
        adjustments.append(f"限价 {text(wish.limit_price, 4)} 调整到最小价位 {text(limit, 3)}")
    return limit


def _size_sale(wish: Wish, day: date, limit: Price, adjustments: list[str]) -> Sized | Refusal:
    if wish.sellable <= 0:
        return Refusal(
            "closeable_amount",
            f"可卖数量 {wish.sellable}",
            "大于 0",
            "T+1 当日买入的要下一交易日才能卖出；先确认持仓和未完成的卖单",
        )
    amount = lots.sell_amount(wish.security, min(wish.amount, wish.sellable), wish.sellable, day)
    if amount <= 0:
        return lots.check_lot(wish.security, Side.SELL, wish.amount, wish.sellable, day) or _nothing(wish)
    if amount != wish.amount:
        adjustments.append(f"卖出数量 {wish.amount} 调整为 {amount}（可卖 {wish.sellable}）")
    return _within_order_size(wish, amount, day) or Sized(amount, limit, Money(0), tuple(adjustments))


def _size_purchase(wish: Wish, day: date, limit: Price, terms: TradingTerms, adjustments: list[str]) -> Sized | Refusal:
    amount = lots.buy_amount(wish.security, wish.amount, day)
    if amount <= 0:
        return lots.check_lot(wish.security, Side.BUY, wish.amount, 0, day) or _nothing(wish)
    if amount != wish.amount:
        adjustments.append(f"买入数量 {wish.amount} 按整手调整为 {amount}")
    needed = _cash_needed(wish.security, amount, limit, day, terms)
    if needed > wish.available:
        affordable = _affordable(wish, limit, day, terms)
        if affordable <= 0:
            return Refusal(
                "available_cash",
                f"买入 {amount} 股约需 {text(needed)} 元",
                f"可用资金 {text(wish.available)} 元",
                "减少买入金额，或等卖出成交后再买",
            )
        adjustments.append(f"买入数量 {amount} 按可用资金 {text(wish.available)} 元调整为 {affordable}")
        amount, needed = affordable, _cash_needed(wish.security, affordable, limit, day, terms)
    return _within_order_size(wish, amount, day) or Sized(amount, limit, needed, tuple(adjustments))


def _cash_needed(security: Security, amount: int, limit: Price, day: date, terms: TradingTerms) -> Money:
    turnover = Money(amount * limit)
    return Money(turnover + terms.order_fee(security, Side.BUY, turnover, day))


def _affordable(wish: Wish, limit: Price, day: date, terms: TradingTerms) -> int:
    # Fees are a small part: start from what the price alone allows and step down lot by lot.
    if limit <= 0:
        return 0
    amount = lots.buy_amount(wish.security, min(wish.amount, wish.available // limit), day)
    while amount > 0 and _cash_needed(wish.security, amount, limit, day, terms) > wish.available:
        amount = lots.buy_amount(wish.security, amount - 1, day)
    return amount


def _within_order_size(wish: Wish, amount: int, day: date) -> Refusal | None:
    most = order_size.max_order_amount(wish.security, wish.order_type, day)
    if amount <= most:
        return None
    return Refusal("max_order_size", f"委托数量 {amount}", f"单笔上限 {most}", "把委托拆成几笔")


def _nothing(wish: Wish) -> Refusal:
    return Refusal("lot_size", f"委托数量 {wish.amount}", "至少一手", "增加委托数量")
