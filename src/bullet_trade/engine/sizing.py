"""From a strategy's wish to orders that may leave: style, price, lots, what cash and holdings allow. Pure.

Every change made to the wish is listed in words, so that the log can say why 1,050 shares became 1,000. What the
exchange would refuse is refused here first, with the rule's name.
"""

from __future__ import annotations

from datetime import date, time
from typing import NamedTuple

from bullet_trade.domain.money import ZERO, Money, Price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Security
from bullet_trade.market.buying_power import max_affordable, purchase_cost
from bullet_trade.market.lots import check_lot
from bullet_trade.market.market_orders import check_market_order
from bullet_trade.market.price_cage import Book, check_price_cage, price_cage
from bullet_trade.market.price_limit import PriceLimits, check_price_limit
from bullet_trade.market.refusal import Refusal, show_price
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.market.sessions import Phase, phase_at
from bullet_trade.market.settlement import check_sellable
from bullet_trade.market.st_cap import check_st_cap
from bullet_trade.market.tick_size import ceil_to_tick, floor_to_tick, tick_size
from bullet_trade.ports.terms import TradingTerms

CONTINUOUS_FROM, CLOSING_CALL = time(9, 30), time(14, 57)
"""Between these no exchange holds an auction; a quick test that spares most orders the look into the day plan."""

AUCTIONS = frozenset({Phase.OPENING_CALL, Phase.OPENING_CALL_NO_CANCEL, Phase.CLOSING_CALL})


class Wish(NamedTuple):
    """What the strategy asked for, with the facts of the moment that decide what comes of it.

    `limit_price` is the limit of a limit order; `protection` the fraction of the last price that a market order may
    give way (positive for a purchase). `bought` and `buying` count today's purchases of the security, done and open.
    """

    security: Security
    side: Side
    amount: int
    order_type: OrderType
    limit_price: Price
    protection: float
    last_price: Price
    prev_close: Price
    limits: PriceLimits | None
    sellable: int
    available: Money
    bought: int
    buying: int


class Sized(NamedTuple):
    """Orders ready to leave, as amounts that add up to what is traded; all of one type and price.

    `cash` is what the whole may cost at worst, fees included (0 for a sale).
    """

    amounts: tuple[int, ...]
    cash: Money
    order_type: OrderType
    limit_price: Price
    adjustments: tuple[str, ...]


def size(wish: Wish, day: date, at: time, rules: RuleBook, terms: TradingTerms) -> Sized | Refusal:
    """What the wish becomes at `at` on `day`, or the rule that forbids it."""
    notes: list[str] = []
    if wish.order_type is OrderType.MARKET:
        order_type, price = _market_terms(wish, day, at, notes)
    else:
        order_type, price = OrderType.LIMIT, _on_tick(wish, wish.limit_price, day, notes)
        refusal = _check_limit(wish, price, day, at)
        if refusal is not None:
            return refusal
    if wish.side is Side.SELL:
        traded = _sale(wish, day, rules, notes)
    else:
        traded = _purchase(wish, price, day, rules, terms, notes)
    if isinstance(traded, Refusal):
        return traded
    amount, cash = traded
    most = rules.max_order(wish.security, order_type, day)
    if amount <= most:
        return Sized((amount,), cash, order_type, price, tuple(notes))
    parts = rules.split(wish.security, wish.side, amount, order_type, day)
    notes.append(f"超过单笔上限 {most}，拆成 {len(parts)} 笔")
    return Sized(tuple(parts), cash, order_type, price, tuple(notes))


def _market_terms(wish: Wish, day: date, at: time, notes: list[str]) -> tuple[OrderType, Price]:
    """A market order's protection price; where the exchange takes none, a limit order at that price says the same."""
    price = protection_price(wish.side, wish.last_price, wish.protection, tick_size(wish.security, day), wish.limits)
    if check_market_order(wish.security, has_limits=wish.limits is not None) is not None:
        notes.append("该品种当日不接受市价委托，改为保护价限价委托")
    elif not CONTINUOUS_FROM <= at < CLOSING_CALL and phase_at(wish.security, day, at) in AUCTIONS:
        notes.append("集合竞价时段不接受市价委托，改为保护价限价委托")
    else:
        return OrderType.MARKET, price
    return OrderType.LIMIT, price


def protection_price(side: Side, last: Price, fraction: float, tick: Price, limits: PriceLimits | None) -> Price:
    """The worst price a market order accepts: `fraction` beyond the last price, on the tick and within limits."""
    raw = Price(round(last * (1 + fraction)))
    if side is Side.BUY:
        price = floor_to_tick(raw, tick)
        return Price(min(price, limits.high)) if limits is not None else price
    price = ceil_to_tick(raw, tick)
    return Price(max(price, limits.low)) if limits is not None else price


def _on_tick(wish: Wish, price: Price, day: date, notes: list[str]) -> Price:
    # Never worse than what was asked for: a buy limit goes down to the grid, a sell limit up.
    to_grid = floor_to_tick if wish.side is Side.BUY else ceil_to_tick
    limit = to_grid(price, tick_size(wish.security, day))
    if limit != price:
        notes.append(f"限价 {show_price(price)} 调整到最小价位 {show_price(limit)}")
    return limit


def _check_limit(wish: Wish, price: Price, day: date, at: time) -> Refusal | None:
    refusal = check_price_limit(wish.security, price, wish.limits)
    if refusal is not None or phase_at(wish.security, day, at) is not Phase.CONTINUOUS:
        return refusal
    book = Book(last=wish.last_price, prev_close=wish.prev_close)
    return check_price_cage(
        wish.security, wish.side, price, price_cage(wish.security, wish.side, day, book, wish.limits)
    )


class Traded(NamedTuple):
    """How many pieces trade, and what cash that may take at worst."""

    amount: int
    cash: Money


def _sale(wish: Wish, day: date, rules: RuleBook, notes: list[str]) -> Traded | Refusal:
    wanted = min(wish.amount, wish.sellable)
    if wanted <= 0:
        return check_sellable(wish.security, wish.amount, wish.sellable) or _no_lot(wish, day, rules)
    amount = rules.lot(wish.security, day).sell(wanted, wish.sellable)
    if amount <= 0:
        return _no_lot(wish, day, rules)
    if amount != wish.amount:
        notes.append(f"卖出数量 {wish.amount} 调整为 {amount}（可卖 {wish.sellable}）")
    return Traded(amount, ZERO)


def _purchase(
    wish: Wish, price: Price, day: date, rules: RuleBook, terms: TradingTerms, notes: list[str]
) -> Traded | Refusal:
    security = wish.security
    lot = rules.lot(security, day)
    amount = lot.buy(wish.amount)
    if amount <= 0:
        return _no_lot(wish, day, rules)
    if amount != wish.amount:
        notes.append(f"买入数量 {wish.amount} 按整手调整为 {amount}")
    if security.st:
        refusal = check_st_cap(security, amount, day, wish.bought, wish.buying)
        if refusal is not None:
            return refusal
    turnover = Money(amount * price)
    needed = Money(turnover + terms.order_fee(security, Side.BUY, turnover, day))
    if needed <= wish.available:
        return Traded(amount, needed)

    def fee_of(turnover: Money) -> Money:
        return terms.order_fee(security, Side.BUY, turnover, day)

    affordable = max_affordable(security, wish.available, price, fee_of, day, lot=lot)
    if affordable <= 0:
        return Refusal(
            "available_cash",
            f"{security.code} 买入 {amount}，按 {show_price(price)} 冻结约 {show_price(needed)} 元",
            f"可用资金只有 {show_price(max(ZERO, wish.available))} 元",
            "请减少买入金额，或等卖出成交后再买",
        )
    notes.append(f"买入数量 {amount} 按可用资金 {show_price(wish.available)} 元调整为 {affordable}")
    return Traded(affordable, purchase_cost(affordable, price, fee_of))


def _no_lot(wish: Wish, day: date, rules: RuleBook) -> Refusal:
    refusal = check_lot(wish.security, wish.side, wish.amount, wish.sellable, day, lot=rules.lot(wish.security, day))
    return refusal or Refusal("lot_size", f"委托数量 {wish.amount}", "至少一手", "请增加委托数量")
