"""The engine's limits over what this server passed on (`QMT_SERVER_ORDER_RISK_ENABLED`).

The rules are those of `engine.risk_rules`. What they are compared with is drawn up anew for each order from the
account's records, which a restart finds again in the submission file, and from the broker's last statement.
Sub-accounts count together: the limits are those of the account.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import ZERO, Money, Price
from bullet_trade.domain.orders import Order, OrderId, Side
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.domain.securities import Code
from bullet_trade.engine.order_book import OrderBook, Trade
from bullet_trade.engine.risk import RiskGate
from bullet_trade.engine.risk_counters import Counters
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.engine.risk_rules import CANCEL_RULES, ORDER_RULES, Proposal
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.refusal import Refusal
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.server.books import Books, OrderSeen

ENFORCED = (*(rule.name for rule in ORDER_RULES), *(rule.name for rule in CANCEL_RULES), "max_order_rate")
"""The names of the limits that a server keeps; the last one is kept by `pacing`."""

ACCOUNT_AGE_S = 60.0
"""How old the broker's statement of the account may be that an order is measured against. What this server's orders
traded since is added; what was traded elsewhere is seen this much later at most."""


class OrderRisk:
    """The limits of every account of a server. Called on the thread of the account."""

    def __init__(self, limits: RiskLimits) -> None:
        self._limits = limits

    def order(self, seen: OrderSeen) -> str:
        """Why the order may not leave, '' where it may."""
        books = seen.books
        if seen.side is Side.BUY and not books.account_is_young(ACCOUNT_AGE_S):
            return f"券商没有说明账户，服务端限额无法核对，不买入 {seen.security.code}。确认券商连接正常后再下单"
        proposal = Proposal(
            seen.security.code,
            seen.side,
            seen.amount,
            seen.parts,
            seen.price,
            books.last_price(seen.security.code) or seen.price,
            books.at,
        )
        try:
            return _text(self._gate(books).order(proposal))
        except BulletTradeError as error:
            return f"服务端限额无法核对：{error}"

    def cancel(self, order: Order, books: Books) -> str:
        """Why the cancel may not leave, '' where it may."""
        gate = self._gate(books)
        asked = sum(note.tag == order.tag for note in books.cancels)
        gate.counters.book.sums.cancels_of = {order.order_id: asked}
        return _text(gate.cancel(order, books.at))

    def _gate(self, books: Books) -> RiskGate:
        return RiskGate(self._limits, Counters(book_of(books), books.last_price, books.previous_close))


def _text(refusal: Refusal | None) -> str:
    return refusal.text() if refusal is not None else ""


def book_of(books: Books) -> OrderBook:
    """The day as the limits' counters read it."""
    book = OrderBook(Ledger(), TradingTerms(FeeSchedule()), lambda _: None)
    book.day = today = books.at.date()
    if books.snapshot is not None:
        _take_over(book, books.snapshot)
    for late in _filled_since(books, today):
        _book(book, late)
    book.orders = {order.order_id: order for order in books.orders}
    _sum_up(book, books, today)
    return book


class _Late(NamedTuple):
    """What an order traded after the broker's statement."""

    order: Order
    amount: int
    price: Price


def _take_over(book: OrderBook, snapshot: AccountSnapshot) -> None:
    book.ledger.adopt(snapshot)
    book.trades = [
        Trade(row.trade_id, OrderId(0), row.code, row.side, row.amount, row.price, row.at) for row in snapshot.trades
    ]
    book.ledger.fees_today = Money(sum(row.fee or ZERO for row in snapshot.trades))


def _filled_since(books: Books, today: date) -> list[_Late]:
    listed = {row.tag: row.filled for row in books.snapshot.orders} if books.snapshot is not None else {}
    late = ((order, order.filled - listed.get(order.tag, 0)) for order in _of_day(books, today))
    return [_Late(order, amount, order.average_price) for order, amount in late if amount > 0]


def _book(book: OrderBook, late: _Late) -> None:
    order, ledger = late.order, book.ledger
    position = _position(ledger, order.code)
    position.amount = max(0, position.amount + order.side * late.amount)
    ledger.cash = Money(ledger.cash - order.side * late.amount * late.price)
    book.trades.append(
        Trade(f"{order.tag}+", order.order_id, order.code, order.side, late.amount, late.price, order.created_at)
    )


def _position(ledger: Ledger, code: Code) -> Position:
    return ledger.positions.setdefault(code, Position(code=code))


def _sum_up(book: OrderBook, books: Books, today: date) -> None:
    sums = book.sums
    for order in _of_day(books, today):
        sums.orders += 1
        if order.side is Side.BUY:
            sums.bought = Money(sums.bought + order.turnover)
        else:
            sums.sold = Money(sums.sold + order.turnover)
    sums.cancels = len(books.cancels)
    sums.last_cancel = max((note.at for note in books.cancels), default=None)


def _of_day(books: Books, today: date) -> list[Order]:
    return [order for order in books.orders if order.created_at.date() == today]
