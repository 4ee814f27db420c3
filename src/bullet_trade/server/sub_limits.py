"""What a sub-account may do: its limits, and with books of its own what it owns. On the account's thread, before
anything is written or sent."""

from __future__ import annotations

from bullet_trade.domain.money import Money, Price, text, yuan
from bullet_trade.domain.orders import Order, Side
from bullet_trade.server.accounts import SubAccount
from bullet_trade.server.books import OrderSeen
from bullet_trade.server.sub_assets import SubAssets


def refusal(seen: OrderSeen, assets: SubAssets) -> str:
    """Why an order of a sub-account may not leave, '' where it may."""
    sub = seen.sub
    if sub is None:
        return ""
    if sub.limit is not None and seen.amount * seen.price > sub.limit:
        return f"子账户 {sub.name} 超过额度限制 {yuan(sub.limit):g}"
    today = list(assets.today(sub.name))
    reason = _too_often(sub, seen, len(today)) or _too_much(sub, seen, today)
    return reason or (_beyond_own(sub, seen, assets) if sub.cash is not None else "")


def _too_often(sub: SubAccount, seen: OrderSeen, left: int) -> str:
    if sub.orders is None:
        return ""
    if left + seen.parts <= sub.orders:
        return ""
    parts = f"，这一笔要拆成 {seen.parts} 笔" if seen.parts > 1 else ""
    return f"子账户 {sub.name} 今天已有 {left} 笔委托{parts}，每日上限 {sub.orders} 笔。次日再下单，或加大 orders"


def _too_much(sub: SubAccount, seen: OrderSeen, today: list[Order]) -> str:
    """Over what a day may trade, open orders at their worst price included."""
    if sub.daily is None:
        return ""
    used = 0
    for order in today:
        worst = _worst(order.side, order.limit_price, seen.books.last_price(order.code))
        used += order.turnover + order.open_amount * worst
    value = seen.amount * _worst(seen.side, seen.price, seen.books.last_price(seen.security.code))
    if used + value <= sub.daily:
        return ""
    return (
        f"子账户 {sub.name} 今天成交和未成交的委托共 {text(Money(used))} 元，加上这一笔 {text(Money(value))} 元，"
        f"超过每日上限 {text(sub.daily)} 元（daily）。减少数量、撤掉未成交的委托，或加大 daily"
    )


def _worst(side: Side, limit: Price, last: Price) -> Price:
    """The highest price that an order is expected to trade at: a sale may do better than its limit."""
    return limit if side is Side.BUY else max(limit, last)


def _beyond_own(sub: SubAccount, seen: OrderSeen, assets: SubAssets) -> str:
    code = seen.security.code
    if seen.side is Side.SELL:
        closeable = assets.closeable(sub.name, code)
        if seen.amount <= closeable:
            return ""
        return (
            f"子账户 {sub.name} 卖出 {code} {seen.amount} 股，本子账户可卖 {closeable} 股（当日买入和未成交卖单除外）。"
            f"减少数量；账户里不属于它的持仓由运营者用 bullet-trade server-book adjust 划入"
        )
    turnover = Money(seen.amount * seen.price)
    needed = Money(turnover + seen.parts * assets.fee(code, Side.BUY, Money(turnover // seen.parts)))
    available, _ = assets.cash(sub.name)
    if needed <= available:
        return ""
    return (
        f"子账户 {sub.name} 买入 {code} {seen.amount} 股约需 {text(needed)} 元（含费用），"
        f"本子账户可用 {text(available)} 元。减少数量或撤掉未成交的买单"
    )
