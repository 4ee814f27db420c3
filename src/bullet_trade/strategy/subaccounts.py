"""Sub-portfolios: the one account at the broker, split into books of the strategy's own.

Each book follows the orders that were given with its `pindex`. Whatever else moves the account (dividends, trades by
hand, differences that the broker states) falls to book 0, so that the books always add up to the account. The index of
an order is journaled before the order leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import msgspec

from bullet_trade.domain.errors import StateError, StrategyError
from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import ZERO, Money, divide_half_up, text, yuan
from bullet_trade.domain.orders import Order, OrderId, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.desk import Purse
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.recovery import Record
from bullet_trade.ports.journal import Journal

ASSIGNED = "subportfolio_order"
"""Kind of the journal record that says to which book an order belongs."""

STOCK = "stock"
CASH_ONLY = ("index_futures", "futures", "stock_margin")


class SubPortfolioConfig:
    """One sub-portfolio: its cash in yuan and its type."""

    def __init__(self, cash: float, type: str = STOCK) -> None:
        if type not in (STOCK, *CASH_ONLY):
            raise StrategyError(f"子账户类型 {type!r} 无效", f"可用：{'、'.join((STOCK, *CASH_ONLY))}")
        if not cash >= 0:
            raise StrategyError(f"子账户资金 {cash!r} 无效", "资金不能为负数")
        self.cash = float(cash)
        self.type = type


class _Assigned(msgspec.Struct):
    parent_id: OrderId
    pindex: int


class _Seen(msgspec.Struct):
    """How much of an order is in its book already."""

    filled: int = 0
    turnover: int = 0
    fees: int = 0


class _SavedPosition(msgspec.Struct):
    amount: int
    cost: int
    invested: int
    today: int


class _SavedBook(msgspec.Struct):
    type: str
    given: int
    cash: int
    positions: dict[str, _SavedPosition]
    orders: dict[str, tuple[int, int, int, int]]


class Book:
    """One sub-portfolio: a ledger of its own. `given` is what was put in less what was taken out."""

    def __init__(self, type: str, cash: Money) -> None:
        self.type = type
        self.given = cash
        self.ledger = Ledger(cash)


class SubAccounts:
    """The books, none of them until `open` is called. Engine thread only."""

    def __init__(self, account: OrderBook, journal: Journal) -> None:
        self._account = account
        self._journal = journal
        self.books: list[Book] = []
        self._index: dict[OrderId, int] = {}
        self._seen: dict[OrderId, _Seen] = {}
        self._orders: dict[OrderId, Order] = {}
        self._version = -1
        self._day = date.min

    def open(self, configs: Sequence[SubPortfolioConfig]) -> None:
        """Split the account. Raises `StrategyError` where the other books would take more cash than there is."""
        if not configs:
            raise StrategyError(
                "set_subportfolios 需要至少一个子账户", "写成 [SubPortfolioConfig(cash=..., type='stock')]"
            )
        others = sum(round(config.cash * 10_000) for config in configs[1:])
        if others > self._account.ledger.available:
            raise StrategyError(
                f"子账户资金合计 {text(Money(others))} 元，超过账户可用资金 {text(self._account.ledger.available)} 元",
                "减少各子账户的 cash，合计不能超过它",
            )
        self.books = [Book(config.type, Money(round(config.cash * 10_000))) for config in configs]
        self._version = -1
        self.settle()
        self.books[0].given = self.books[0].ledger.cash

    def book(self, pindex: int) -> Book:
        """One book, up to date. Raises `StrategyError` for an index that does not exist."""
        if not 0 <= pindex < len(self.books):
            raise StrategyError(f"pindex={pindex} 不存在：共有 {max(1, len(self.books))} 个子账户", "检查 pindex")
        self.settle()
        return self.books[pindex]

    def index_of(self, parent: OrderId) -> int:
        """The book of an order."""
        return self._index.get(parent, 0)

    def assign(self, parent: OrderId, pindex: int, now: datetime) -> None:
        """Write down that orders under this number belong to a book, before they leave."""
        self._journal.append(now, ASSIGNED, {"parent_id": parent, "pindex": pindex})
        self._index[parent] = pindex

    def purse(self, pindex: int, code: Code) -> Purse | None:
        """What the book may use now; None without sub-portfolios."""
        if not self.books:
            return None
        book = self.book(pindex)
        if book.type != STOCK:
            raise StrategyError(f"{pindex} 号子账户是 {book.type} 类型，只能放现金", "用 stock 类型的子账户下单")
        position = book.ledger.positions.get(code)
        shares = position.closeable(self._account.t0(code)) if position is not None else 0
        return Purse(book.ledger.available, shares)

    def follow(self, orders: Iterable[Order]) -> None:
        """Orders that were placed: their fills count even when they are over before the books are looked at."""
        if self.books:
            self._orders |= {order.order_id: order for order in orders}

    def transfer(self, source: int, target: int, cash: Money) -> None:
        """Move cash from one book to another at once."""
        giver, taker = self.book(source), self.book(target)
        if not ZERO < cash <= giver.ledger.available:
            raise StrategyError(
                f"从 {source} 号子账户划转 {yuan(cash):g} 元无效：可用 {text(giver.ledger.available)} 元",
                "金额要大于 0 且不超过可用资金",
            )
        for book, amount in ((giver, -cash), (taker, cash)):
            book.ledger.cash = Money(book.ledger.cash + amount)
            book.given = Money(book.given + amount)
            book.ledger.version += 1

    # -- following the account -------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Bring the books up to the account."""
        if not self.books or self._version == self._account.ledger.version:
            return
        self._version = self._account.ledger.version
        self._orders |= self._account.orders
        for order in self._orders.values():
            self._follow(order)
        self._take_rest()
        for number, book in enumerate(self.books):
            self._set_aside(book, [o for o in self._account.open_orders() if self.index_of(o.parent_id) == number])

    def open_day(self, day: date) -> None:
        """A date begins: what was bought before may be sold, finished orders are forgotten. A restart opens its date
        again, which changes nothing."""
        self.settle()
        if day == self._day:
            return
        self._day = day
        for book in self.books:
            book.ledger.open_day()
        self._orders = {number: order for number, order in self._orders.items() if not order.is_final}
        self._seen = {number: seen for number, seen in self._seen.items() if number in self._orders}

    def _follow(self, order: Order) -> None:
        seen = self._seen.setdefault(order.order_id, _Seen())
        if order.filled == seen.filled and order.fees == seen.fees:
            return
        shares, turnover = order.filled - seen.filled, Money(order.turnover - seen.turnover)
        fees = Money(order.fees - seen.fees)
        seen.filled, seen.turnover, seen.fees = order.filled, order.turnover, order.fees
        number = self.index_of(order.parent_id)
        book = self.books[number if number < len(self.books) else 0].ledger
        book.version += 1
        at = order.finished_at or order.created_at
        position = book.positions.setdefault(order.code, Position(code=order.code, opened_at=at))
        position.traded_at = at
        if order.side is Side.BUY:
            paid = turnover + fees
            position.amount += shares
            position.bought_today += shares
            position.cost, position.invested = Money(position.cost + paid), Money(position.invested + paid)
            book.cash = Money(book.cash - paid)
            return
        received = turnover - fees
        if position.amount:
            part = divide_half_up(position.cost * min(shares, position.amount), position.amount)
            position.cost = Money(position.cost - part)
        position.invested = Money(position.invested - received)
        position.amount -= shares
        position.bought_today = max(0, min(position.bought_today, position.amount))
        book.cash = Money(book.cash + received)
        book.sold_today = Money(book.sold_today + received)

    def _take_rest(self) -> None:
        whole, first = self._account.ledger, self.books[0].ledger
        first.cash = Money(whole.cash - sum(book.ledger.cash for book in self.books[1:]))
        codes = set(whole.positions) | {code for book in self.books for code in book.ledger.positions}
        for code in codes:
            self._share_out(code, whole.positions.get(code))
        first.version += 1

    def _share_out(self, code: Code, real: Position | None) -> None:
        held = real.amount if real is not None else 0
        missing = held - sum(b.ledger.positions[code].amount for b in self.books if code in b.ledger.positions)
        for book in self.books if missing < 0 else self.books[:1]:
            position = book.ledger.positions.get(code)
            if position is None and missing > 0 and real is not None:
                position = book.ledger.positions[code] = Position(code=code, opened_at=real.opened_at)
            if position is not None and missing:
                change = missing if missing > 0 else -min(position.amount, -missing)
                _resize(position, change, real)
                missing -= change
        for book in self.books:
            position = book.ledger.positions.get(code)
            if position is not None and real is not None:
                position.previous_close = real.previous_close
            if position is not None and position.amount == 0:
                del book.ledger.positions[code]

    def _set_aside(self, book: Book, orders: list[Order]) -> None:
        book.ledger.frozen = Money(sum(order.frozen_cash for order in orders))
        for position in book.ledger.positions.values():
            position.locked = sum(o.open_amount for o in orders if o.side is Side.SELL and o.code == position.code)

    # -- saving ----------------------------------------------------------------------------------------------------

    def document(self) -> list[dict[str, object]]:
        """The books for the state file; `restore` takes them up again."""
        self.settle()
        return [
            {
                "type": book.type,
                "given": book.given,
                "cash": book.ledger.cash,
                "positions": {
                    p.code: {"amount": p.amount, "cost": p.cost, "invested": p.invested, "today": p.bought_today}
                    for p in book.ledger
                },
                "orders": {
                    str(order.order_id): [seen.filled, seen.turnover, seen.fees, order.parent_id]
                    for order in self._orders.values()
                    if self.index_of(order.parent_id) == number and (seen := self._seen.get(order.order_id))
                },
            }
            for number, book in enumerate(self.books)
        ]

    def restore(self, rows: object, records: Iterable[Record], saved_on: date) -> OrderId:
        """Take up saved books, then what the journal says of later orders; the highest number seen, 0 for none.

        Raises `StateError` where the saved books cannot be read.
        """
        highest = OrderId(0)
        try:
            books = msgspec.convert(rows or [], list[_SavedBook])
        except msgspec.ValidationError as error:
            raise StateError(f"状态文件里的子账户无法读取（{error}）", "从备份恢复 live_state.json") from error
        for number, row in enumerate(books):
            self._restore_book(number, row)
        self._day = saved_on
        for _, kind, body in records:
            if kind == ASSIGNED:
                found = msgspec.json.decode(body, type=_Assigned)
                self._index[found.parent_id] = found.pindex
                highest = max(highest, found.parent_id)
        return highest

    def _restore_book(self, number: int, row: _SavedBook) -> None:
        book = Book(row.type, Money(row.given))
        book.ledger.cash = Money(row.cash)
        for code, p in row.positions.items():
            book.ledger.positions[Code(code)] = Position(
                code=Code(code),
                amount=p.amount,
                cost=Money(p.cost),
                invested=Money(p.invested),
                bought_today=p.today,
            )
        self.books.append(book)
        for order_id, (filled, turnover, fees, parent) in row.orders.items():
            self._seen[OrderId(int(order_id))] = _Seen(filled, turnover, fees)
            self._index[OrderId(parent)] = number


def _resize(position: Position, change: int, real: Position | None) -> None:
    """Shares that no order of ours explains: bought at the account's average cost, given up at the book's own."""
    if change > 0 and real is not None:
        cost = divide_half_up(real.cost * change, real.amount)
    else:
        cost = divide_half_up(position.cost * change, position.amount) if position.amount else 0
    position.amount += change
    position.cost = Money(position.cost + cost)
    position.invested = Money(position.invested + cost)
    position.bought_today = min(position.bought_today, position.amount)
