"""The counter behind a stand-in terminal: the simulator's own account, and orders that trade when the test says so, or
by one rule: what reaches the price that stands in the market trades at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from bullet_trade.brokers.simulator.account import Account, Opening, open_account
from bullet_trade.brokers.simulator.orders import CounterOrder, Status
from bullet_trade.brokers.simulator.settlement import free_bought_shares
from bullet_trade.domain.money import ZERO, Money, Price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, TradeRow
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket

LIMIT_PERCENT = 10
CASH = Money(10_000_000_000)
"""A million yuan."""
FIRST_NUMBER = 1_090_519_040
"""Order numbers of terminals are large."""


@dataclass(slots=True)
class Market:
    """What stands in the market of one security. `base` is yesterday's close; `depth` shares are there per order."""

    base: Price
    price: Price
    depth: int = 1_000_000

    @property
    def limits(self) -> tuple[Price, Price]:
        """Lowest and highest price of the day."""
        return Price(self.base * (100 - LIMIT_PERCENT) // 100), Price(self.base * (100 + LIMIT_PERCENT) // 100)

    def reached_by(self, side: Side, limit: Price) -> bool:
        """Whether an order at `limit` meets the market."""
        return limit >= self.price if side is Side.BUY else limit <= self.price


class Book:
    """One account at a counter. `commission` is charged for each fill."""

    def __init__(
        self,
        now: Callable[[], datetime],
        market: Mapping[Code, Price],
        holdings: Mapping[Code, int] | None = None,
        cash: Money = CASH,
        commission: Money = ZERO,
    ) -> None:
        self._now = now
        self._commission = commission
        self.market = {code: Market(price, price) for code, price in market.items()}
        openings = [Opening(code, amount, market[code]) for code, amount in (holdings or {}).items()]
        self.account: Account = open_account(cash, openings)
        self.account.next_number = FIRST_NUMBER
        self.day = now().date()
        self.order_changed: Callable[[CounterOrder], None] = lambda _: None
        self.traded: Callable[[CounterOrder, TradeRow], None] = lambda _order, _trade: None

    @property
    def orders(self) -> list[CounterOrder]:
        """The day's orders, oldest first."""
        return list(self.account.orders.values())

    def order(self, remark: str) -> CounterOrder:
        """The order with this remark."""
        (found,) = [order for order in self.orders if order.ticket.tag == remark]
        return found

    def snapshot(self) -> AccountSnapshot:
        """The account as it is."""
        return self.account.snapshot(self._now())

    # -- orders ----------------------------------------------------------------------------------------------------

    def objection(self, ticket: OrderTicket) -> str:
        """Why the counter refuses such an order, '' where it takes it."""
        market = self.market.get(ticket.code)
        if market is None:
            return "证券代码不存在"
        low, high = market.limits
        if ticket.limit_price and not low <= ticket.limit_price <= high:
            return "委托价格超出涨跌停限制"
        if ticket.side is Side.BUY and self._cost(ticket) > self.account.cash:
            return "可用资金不足"
        if ticket.side is Side.SELL and ticket.amount > self.account.sellable(ticket.code):
            return "可用股份不足"
        return ""

    def junk(self, ticket: OrderTicket, reason: str) -> CounterOrder:
        """List an order that was refused."""
        order = self._listed(ticket, ZERO)
        order.status, order.reason = Status.JUNK, reason
        self.order_changed(order)
        return order

    def enter(self, ticket: OrderTicket, by_hand: bool = False) -> CounterOrder:
        """Take an order that nothing was objected to."""
        reserved = self._cost(ticket) if ticket.side is Side.BUY else ZERO
        self.account.reserve(ticket.side, ticket.code, ticket.amount, reserved)
        order = self._listed(ticket, reserved)
        order.by_hand = by_hand
        self._move(order, Status.UNREPORTED)
        self._move(order, Status.REPORTED)
        return order

    def match(self, order: CounterOrder) -> None:
        """Let the order meet what stands in the market; the rest of a market order is cancelled."""
        ticket, market = order.ticket, self.market[order.ticket.code]
        reached = ticket.limit_price == 0 or market.reached_by(ticket.side, ticket.limit_price)
        amount = min(order.rest, market.depth) if order.alive and reached else 0
        if amount:
            self.fill(order, amount, market.price)
        if order.alive and ticket.order_type is OrderType.MARKET:
            self.cancelled(order)

    def fill(self, order: CounterOrder, amount: int, at_price: Price) -> None:
        """`amount` shares of the order trade."""
        ticket, account = order.ticket, self.account
        turnover = at_price * amount
        order.filled += amount
        order.turnover = Money(order.turnover + turnover)
        if ticket.side is Side.BUY:
            paid = Money(turnover + self._commission)
            released = order.reserved if not order.rest else min(order.reserved, paid)
            order.reserved = Money(order.reserved - released)
            account.buy(ticket.code, amount, paid, released, self.day, t0=False)
        else:
            account.sell(ticket.code, amount, Money(turnover - self._commission))
        pending = order.status in (Status.CANCELLING, Status.PART_CANCELLING)
        order.status = Status.FILLED if not order.rest else Status.PART_CANCELLING if pending else Status.PART_FILLED
        number = f"T{account.number()}"
        tag, fee = ticket.tag, self._commission
        trade = TradeRow(
            tag, order.broker_id, number, ticket.code, ticket.side, amount, at_price, self._now(), fee or None
        )
        account.trades.append(trade)
        self.order_changed(order)
        self.traded(order, trade)

    def cancelling(self, order: CounterOrder) -> None:
        """A request to cancel is on its way to the exchange."""
        self._move(order, Status.PART_CANCELLING if order.filled else Status.CANCELLING)

    def cancelled(self, order: CounterOrder) -> None:
        """What is left of the order is gone."""
        self.account.unreserve(order)
        self._move(order, Status.PART_CANCELLED if order.filled else Status.CANCELLED)

    def refused(self, order: CounterOrder, reason: str) -> None:
        """The exchange refuses an order that the counter had taken."""
        self.account.unreserve(order)
        order.reason = reason
        self._move(order, Status.JUNK)

    def open_day(self, day: date) -> None:
        """The next trading day: what was open is gone, bought shares are free, lists begin anew."""
        for order in self.orders:
            if order.alive:
                self.cancelled(order)
        free_bought_shares(self.account)
        self.account.orders, self.account.trades, self.day = {}, [], day

    def _listed(self, ticket: OrderTicket, reserved: Money) -> CounterOrder:
        number = str(self.account.number())
        order = CounterOrder(ticket, number, self._now(), reserved, ticket.limit_price)
        self.account.orders[number] = order
        return order

    def _cost(self, ticket: OrderTicket) -> Money:
        worst = ticket.limit_price or self.market[ticket.code].limits[1]
        return Money(worst * ticket.amount + 10 * self._commission)

    def _move(self, order: CounterOrder, status: Status) -> None:
        order.status = status
        self.order_changed(order)
