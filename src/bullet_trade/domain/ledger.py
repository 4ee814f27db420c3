"""The engine's own book of one account: cash, what is frozen, and positions. Updated from fills at once.

The broker is the truth about money; `differences` compares, and nothing here is papered over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from bullet_trade.domain.errors import InvariantError
from bullet_trade.domain.money import ZERO, Money, Price, divide_half_up, text
from bullet_trade.domain.orders import Order, Side
from bullet_trade.domain.reports import AccountSnapshot, Entitlement
from bullet_trade.domain.securities import Code


class Position(msgspec.Struct, kw_only=True):
    """Holding of one security.

    `amount` counts all shares held; `bought_today` those that T+1 keeps from sale until the next session;
    `locked` those offered by own open sell orders. `cost` is what the shares held were bought for, fees included;
    sales take a proportional part out. `invested` is all money ever put in less all taken out (cumulative cost).
    """

    code: Code
    amount: int = 0
    bought_today: int = 0
    locked: int = 0
    cost: Money = Money(0)
    invested: Money = Money(0)
    opened_at: datetime | None = None
    traded_at: datetime | None = None
    previous_close: Price = Price(0)

    def closeable(self, t0: bool) -> int:
        """Shares that may be sold now."""
        return max(0, self.amount - self.locked - (0 if t0 else self.bought_today))

    @property
    def average_cost(self) -> Price:
        """Cost per share held, rounded half up; 0 for an empty position."""
        return Price(divide_half_up(self.cost, self.amount)) if self.amount else Price(0)


class Difference(msgspec.Struct, frozen=True):
    """One disagreement between this ledger and the broker: what, ours, theirs (texts for a person)."""

    what: str
    ours: str
    theirs: str


NEVER = datetime(1, 1, 1)
"""Before any account was stated."""


class Ledger:
    """Cash and positions of one account. Owned by the engine thread."""

    def __init__(self, cash: Money = ZERO) -> None:
        self.cash = cash
        self.frozen = Money(0)
        self.sold_today = Money(0)
        self.fees_today = Money(0)
        self.positions: dict[Code, Position] = {}
        self.stated_at = NEVER
        """The moment of the broker's account that was taken over last: it holds every trade before it."""
        self.version = 0
        """Grows with every change, so that readers can keep a view until it moves."""
        self._unbooked: dict[Code, int] = {}
        """Shares that came with the broker's account and with no trade known here, less late news of such trades."""
        self._belied: set[Code] = set()
        """Holdings that agreed with the broker's, although a trade of ours was missing here: others moved as much."""

    @property
    def available(self) -> Money:
        """Cash that an order may use now; proceeds of today's sales included."""
        return Money(self.cash - self.frozen)

    def freeze(self, order: Order, cash: Money) -> None:
        """Set aside what a new order may use: `cash` for a purchase, its shares for a sale."""
        self.version += 1
        if order.side is Side.BUY:
            order.frozen_cash = cash
            self.frozen = Money(self.frozen + cash)
        else:
            self.positions[order.code].locked += order.amount

    def release(self, order: Order) -> None:
        """Give back what a finished order had set aside and not used."""
        self.version += 1
        if order.side is Side.BUY:
            self.frozen = Money(self.frozen - order.frozen_cash)
            order.frozen_cash = Money(0)
            return
        position = self.positions.get(order.code)
        if position is not None:
            position.locked -= order.amount - order.filled
            self._forget_if_empty(position)

    def fill(self, order: Order, amount: int, price: Price, fee: Money, at: datetime) -> None:
        """Book `amount` shares of `order` at `price` with the fee of this fill."""
        self.version += 1
        turnover = price * amount
        self.fees_today = Money(self.fees_today + fee)
        if order.side is Side.BUY:
            self._buy(order, amount, Money(turnover + fee), at)
        else:
            self._sell(order, amount, Money(turnover - fee), at)

    def settle(self, order: Order, amount: int, price: Price, fee: Money) -> None:
        """A fill that the account taken over from the broker holds already: only what the order had set aside for it
        is given back. Where that account showed nothing of it, `differences` names the holding."""
        self.version += 1
        if not self._unbooked.get(order.code):
            self._belied.add(order.code)
        self._unbooked[order.code] = self._unbooked.get(order.code, 0) - order.side * amount
        self.fees_today = Money(self.fees_today + fee)
        position = self.positions.get(order.code)
        if order.side is Side.BUY:
            released = min(order.frozen_cash, price * amount + fee) if not order.is_final else order.frozen_cash
            order.frozen_cash = Money(order.frozen_cash - released)
            self.frozen = Money(self.frozen - released)
        else:
            self.sold_today = Money(self.sold_today + price * amount - fee)
            if position is not None and order.finished_at is None:
                position.locked -= amount

    def _buy(self, order: Order, amount: int, paid: Money, at: datetime) -> None:
        released = min(order.frozen_cash, paid) if not order.is_final else order.frozen_cash
        order.frozen_cash = Money(order.frozen_cash - released)
        self.frozen = Money(self.frozen - released)
        self.cash = Money(self.cash - paid)
        position = self.positions.get(order.code)
        if position is None:
            position = self.positions[order.code] = Position(code=order.code, opened_at=at)
        elif position.amount == 0:
            position.opened_at = at
        position.amount += amount
        position.bought_today += amount
        position.cost = Money(position.cost + paid)
        position.invested = Money(position.invested + paid)
        position.traded_at = at

    def _sell(self, order: Order, amount: int, received: Money, at: datetime) -> None:
        position = self.positions.get(order.code)
        if position is None or position.amount < amount:
            held = position.amount if position else 0
            raise InvariantError(f"{order.code} 持有 {held} 股，却收到卖出成交 {amount} 股（订单 {order.order_id}）")
        part = Money(divide_half_up(position.cost * amount, position.amount))
        position.cost = Money(position.cost - part)
        position.invested = Money(position.invested - received)
        position.amount -= amount
        if order.finished_at is None:  # a fill that comes after "cancelled" finds its lock released already
            position.locked -= amount
        position.bought_today = min(position.bought_today, position.amount)
        position.traded_at = at
        self.cash = Money(self.cash + received)
        self.sold_today = Money(self.sold_today + received)
        self._forget_if_empty(position)

    def _forget_if_empty(self, position: Position) -> None:
        if position.amount == 0 and position.locked <= 0:
            del self.positions[position.code]

    def book(self, entitlement: Entitlement) -> None:
        """Book a corporate action: the cost of the holding falls by the cash, the shares are free to sell."""
        self.version += 1
        self.cash = Money(self.cash + entitlement.cash)
        position = self.positions.get(entitlement.code)
        if position is None:
            return
        position.amount += entitlement.shares
        position.cost = Money(position.cost - entitlement.cash)
        position.invested = Money(position.invested - entitlement.cash)

    def open_day(self) -> None:
        """A new trading date: yesterday's purchases become sellable, the day's sums start at zero."""
        self.version += 1
        self.sold_today = Money(0)
        self.fees_today = Money(0)
        for position in self.positions.values():
            position.bought_today = 0

    def adopt(self, snapshot: AccountSnapshot) -> None:
        """Take cash and positions from the broker; what only we know (opening times) is kept."""
        self.version += 1
        if self.stated_at != NEVER:  # what was held before the first statement is nobody's news
            ours, theirs = self._held(), _stated(snapshot)
            for code in ours.keys() | theirs.keys():
                self._unbooked[code] = self._unbooked.get(code, 0) + theirs.get(code, 0) - ours.get(code, 0)
        self._belied.clear()
        self.stated_at = snapshot.at
        self.cash = Money(snapshot.available + snapshot.frozen)
        known = self.positions
        self.positions = {}
        for row in snapshot.holdings:
            old = known.get(row.code)
            position = old if old is not None and old.amount == row.amount else Position(code=row.code)
            if position is not old:
                position.amount = row.amount
                position.cost = position.invested = Money(row.cost * row.amount)
                position.opened_at = old.opened_at if old else None
                position.traded_at = old.traded_at if old else None
                position.locked = old.locked if old else 0
                position.bought_today = min(old.bought_today, row.amount) if old else 0
            fresh = max(0, row.amount - position.locked - row.closeable)
            # What an open sale has set aside may not have reached the broker: its figure alone would free too much.
            position.bought_today = max(fresh, position.bought_today) if position.locked else fresh
            self.positions[row.code] = position
        for code, old in known.items():
            if old.locked > 0 and code not in self.positions:  # its own open sale still refers to it
                self.positions[code] = Position(code=code, locked=old.locked)

    def differences(self, snapshot: AccountSnapshot) -> list[Difference]:
        """Where the broker's account and this ledger disagree, exactly; empty when they agree.

        A holding that agrees only because others moved as much as a trade of ours that was missing here counts as a
        difference until `adopt`.
        """
        found: list[Difference] = []
        total = snapshot.available + snapshot.frozen
        if total != self.cash:
            found.append(Difference("现金", text(self.cash), text(total)))
        ours, theirs = self._held(), _stated(snapshot)
        for code in sorted(theirs.keys() | ours.keys() | self._belied):
            mine, other = ours.get(code, 0), theirs.get(code, 0)
            if mine == other and code in self._belied:
                mine -= self._unbooked[code]  # what we should hold by our own trades
            if mine != other:
                found.append(Difference(f"{code} 持仓", f"{mine} 股", f"{other} 股"))
        return found

    def _held(self) -> dict[Code, int]:
        return {code: position.amount for code, position in self.positions.items() if position.amount}

    def check(self, open_orders: Iterable[Order]) -> None:
        """Raise `InvariantError` when cash or shares set aside do not equal what open orders hold."""
        orders = list(open_orders)
        frozen = sum(order.frozen_cash for order in orders)
        if frozen != self.frozen:
            raise InvariantError(f"冻结资金 {text(self.frozen)} 与未完成买单合计 {text(frozen)} 不符")
        for position in self.positions.values():
            selling = sum(o.open_amount for o in orders if o.side is Side.SELL and o.code == position.code)
            if selling != position.locked or position.amount < 0:
                raise InvariantError(
                    f"{position.code} 持仓 {position.amount} 股，锁定 {position.locked} 股，未完成卖单合计 {selling} 股"
                )

    def __iter__(self) -> Iterator[Position]:
        return iter(self.positions.values())


def _stated(snapshot: AccountSnapshot) -> dict[Code, int]:
    return {row.code: row.amount for row in snapshot.holdings if row.amount}
