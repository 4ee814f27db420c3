"""What the limits are compared with: today's orders, turnover and cancels, holdings and what they are worth.

Everything is read from the order book, which a restart rebuilds from the journal. Nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bullet_trade.domain.ledger import Position
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Order, OrderId, OrderState, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.order_book import OrderBook

PriceOf = Callable[[Code], Price]
"""A price of a security now, 0 where none is known."""

NOT_ANSWERED = frozenset({OrderState.IN_FLIGHT, OrderState.UNKNOWN})
NOTHING_LEFT = frozenset({OrderState.NOT_SENT, OrderState.CANCELLED, OrderState.REJECTED})


class Counters:
    """The figures of one account. Open orders count with what they may still trade, at the worst price."""

    def __init__(self, book: OrderBook, last: PriceOf, previous_close: PriceOf) -> None:
        self.book = book
        self._last = last
        self._previous_close = previous_close

    # -- the day ---------------------------------------------------------------------------------------------------

    def orders(self) -> int:
        """Orders that left today, each part of a split one; those that were refused outside or are unknown, too."""
        return self.book.sums.orders

    def cancels(self) -> int:
        """Cancels asked for today."""
        return self.book.sums.cancels

    def messages(self) -> int:
        """Orders and cancels of today."""
        return self.book.sums.messages

    def turnover(self) -> Money:
        """What was traded today, and what open orders may still trade."""
        sums = self.book.sums
        return Money(sums.bought + sums.sold + sum(self._at_worst(order) for order in self.book.open_orders()))

    def profit(self) -> Money:
        """What the account has gained since the last close, fees taken off; negative for a loss.

        Holdings of the morning count from their previous close (on an ex-day the exchange's reference price), today's
        trades from their own price, so that money paid in or out changes nothing.
        """
        book = self.book
        overnight = {code: position.amount for code, position in book.ledger.positions.items()}
        gained = -int(book.ledger.fees_today)
        for trade in book.trades:
            overnight[trade.code] = overnight.get(trade.code, 0) - trade.side * trade.amount
            gained -= trade.side * trade.amount * trade.price
        for code, amount in overnight.items():
            position = book.ledger.positions.get(code)
            now = self.price(code)
            gained += now * (position.amount if position is not None else 0)
            gained -= (self._previous_close(code) or now) * amount
        return Money(gained)

    def rejected_in_a_row(self, code: Code, side: Side) -> int:
        """Today's orders of one security and direction that were refused outside, since the last that was not."""
        count = 0
        for order in reversed(self.book.orders.values()):
            if order.code != code or order.side is not side or order.state in NOT_ANSWERED:
                continue
            if order.state is not OrderState.REJECTED or order.filled:
                break
            count += 1
        return count

    def twin(self, code: Code, side: Side, amount: int, since: datetime, parent: OrderId | None) -> Order | None:
        """An order for the same that was made after `since` and has traded or may still trade; `parent` is left out.

        Parts of a split order count as the one order that was wanted.
        """
        wanted: dict[OrderId, int] = {}
        alive: dict[OrderId, Order] = {}
        for order in self.book.orders.values():
            if order.code != code or order.side is not side or order.created_at <= since or order.parent_id == parent:
                continue
            wanted[order.parent_id] = wanted.get(order.parent_id, 0) + order.amount
            if order.state not in NOTHING_LEFT or order.filled:
                alive[order.parent_id] = order
        return next((order for number, order in alive.items() if wanted[number] == amount), None)

    # -- the account -----------------------------------------------------------------------------------------------

    def price(self, code: Code) -> Price:
        """The last price; where there is none, the last close, else what the holding cost."""
        position = self.book.ledger.positions.get(code)
        return self._last(code) or self._previous_close(code) or (_kept_price(position) if position else Price(0))

    def total(self) -> Money:
        """Cash and positions."""
        ledger = self.book.ledger
        return Money(ledger.cash + sum(self.price(one.code) * one.amount for one in ledger))

    def exposure(self, code: Code) -> Money:
        """What is held of a security, and what open orders may still buy of it."""
        position = self.book.ledger.positions.get(code)
        held = self.price(code) * position.amount if position is not None else 0
        return Money(held + sum(self._at_worst(one) for one in self.book.open_orders(code) if one.side is Side.BUY))

    def securities(self) -> set[Code]:
        """Securities that are held or being bought."""
        held = {code for code, position in self.book.ledger.positions.items() if position.amount > 0}
        return held | {order.code for order in self.book.open_orders() if order.side is Side.BUY}

    # -- cancels ---------------------------------------------------------------------------------------------------

    def cancels_of(self, order: Order) -> int:
        """Cancels of one order that were asked for today."""
        return self.book.sums.cancels_of.get(order.order_id, 0)

    def since_last_cancel(self, now: datetime) -> timedelta | None:
        """Time since the last cancel of any order today; None before the first one."""
        last = self.book.sums.last_cancel
        return now - last if last is not None else None

    def _at_worst(self, order: Order) -> int:
        reference = order.reference_price or self.price(order.code)
        return order.open_amount * worst_price(order.side, order.limit_price, reference)


def worst_price(side: Side, limit: Price, last: Price) -> Price:
    """The price at which an order counts: a purchase at its limit or protection price, a sale at that or at the last
    price, whichever is higher. An order without a limit counts at the last price."""
    if not limit:
        return last
    return limit if side is Side.BUY else max(limit, last)


def _kept_price(position: Position) -> Price:
    return position.previous_close or position.average_cost
