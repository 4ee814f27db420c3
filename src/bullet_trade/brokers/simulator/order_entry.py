"""The counter's checks before an order goes on: the hour, the rules of the day, then money and shares."""

from __future__ import annotations

from datetime import datetime

from bullet_trade.brokers.simulator.account import Account
from bullet_trade.brokers.simulator.day_rules import CLOSE, DayRules
from bullet_trade.brokers.simulator.orders import CounterOrder
from bullet_trade.domain.money import Money, price, text
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sessions import Phase, check_session
from bullet_trade.market.settlement import check_sellable
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.quotes import Quotes
from bullet_trade.ports.terms import TradingTerms

HELD_PHASES = frozenset({Phase.PRE_OPEN, Phase.PRE_CONTINUOUS_GAP, Phase.LUNCH_BREAK})
"""Phases in which the counter keeps what is handed in until the exchange takes it."""

_OPENING_CALLS = frozenset({Phase.OPENING_CALL, Phase.OPENING_CALL_NO_CANCEL})
_ABOVE_LAST = 1.1
"""A market order without protection, on a day without limits, may cost so much more than the last price."""


def unknown(code: Code) -> Refusal:
    """No for a code that cannot be traded today."""
    return Refusal("unknown_security", f"证券代码 {code}", "不存在、当日未上市或不能交易", "请核对代码与日期")


def closed(ticket: OrderTicket, now: datetime) -> Refusal:
    """No for any order on a day that is no session."""
    return Refusal("trading_day", f"{ticket.code} 在 {now.date()}", "不是交易日", "请等到下一个交易日")


def refusal(ticket: OrderTicket, rules: DayRules, phase: Phase, now: datetime, account: Account) -> Refusal | None:
    """The rule that forbids the order at this moment, in the rule book's order; money and shares apart."""
    if rules.paused:
        return Refusal("suspended", f"{ticket.code} 停牌", "交易所不接受委托", "请等复牌后再下单")
    if phase is not Phase.CONTINUOUS and not _is_held(phase, ticket.order_type):
        at = now.time()
        hours = check_session(rules.security, rules.day, at, ticket.order_type)
        if hours is not None:
            return hours
        if at >= CLOSE:
            return Refusal("session", f"{ticket.code} 在 {now}", "模拟交易所 15:00 收市", "请等到下一个交易日")
    sellable = account.sellable(ticket.code) if ticket.side is Side.SELL else 0
    found = rules.refusal(ticket, sellable)
    if found is None and rules.security.st and ticket.side is Side.BUY:
        return rules.cap_refusal(ticket, *_bought_today(account, ticket.code))
    return found


def reserve(
    order: CounterOrder, rules: DayRules, account: Account, terms: TradingTerms, quotes: Quotes
) -> Refusal | None:
    """Set aside what the order may use at worst, or say what is missing. Gives every purchase a worst price."""
    ticket = order.ticket
    needed = Money(0)
    if ticket.side is Side.BUY:
        if not order.worst:
            order.worst = rules.high or price(quotes.last_price(ticket.code) * _ABOVE_LAST) // rules.tick * rules.tick
        turnover = Money(order.worst * ticket.amount)
        needed = Money(turnover + terms.order_fee(rules.security, Side.BUY, turnover, rules.day))
    if account.reserve(ticket.side, ticket.code, ticket.amount, needed):
        order.reserved = needed
        return None
    if ticket.side is Side.SELL:
        return check_sellable(rules.security, ticket.amount, account.sellable(ticket.code))
    return Refusal(
        "available_cash",
        f"{ticket.code} 买入 {ticket.amount} 需要资金 {text(needed)} 元",
        f"可用资金 {text(account.cash)} 元",
        "请减少数量，或等卖出成交后再买",
    )


def _is_held(phase: Phase, order_type: OrderType) -> bool:
    """Whether the counter keeps the order until the exchange takes it."""
    return phase in HELD_PHASES or (phase in _OPENING_CALLS and order_type is OrderType.MARKET)


def _bought_today(account: Account, code: Code) -> tuple[int, int]:
    """Shares of `code` bought today, and still open in purchases."""
    orders = [o for o in account.orders.values() if o.ticket.code == code and o.ticket.side is Side.BUY]
    pending = sum(order.rest for order in orders if order.alive and order.reserved)
    return sum(order.filled for order in orders), pending
