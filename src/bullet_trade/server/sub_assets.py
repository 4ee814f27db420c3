"""What sub-accounts with books of their own have now: money, shares, orders, and the account as each sees it.

What open orders hold is read off the orders themselves, so that nothing has to be set aside and given back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from bullet_trade.domain.money import ZERO, Money, Price, divide_half_up
from bullet_trade.domain.orders import Order, Side
from bullet_trade.domain.reports import AccountSnapshot, HoldingRow
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.settlement import is_t0
from bullet_trade.server.account_views import View
from bullet_trade.server.bookings import SubLedger, Traded, order_key
from bullet_trade.server.records import Record
from bullet_trade.server.venue import World

PricesOf = Callable[[Iterable[Code]], dict[Code, float]]
"""The last prices in yuan, 0.0 where none is known."""


class SubAssets:
    """Over the books by name; `records` are the account's orders by tag."""

    def __init__(
        self,
        ledgers: Mapping[str, SubLedger],
        world: World,
        now: Callable[[], datetime],
        records: Callable[[], Mapping[str, Record]],
    ) -> None:
        self._ledgers = ledgers
        self._world = world
        self._now = now
        self._records = records
        self._descriptions: dict[Code, Security] = {}
        self.missing: dict[Code, int] = {}
        """Shares that the sub-accounts hold together and the account does not."""

    def cash(self, sub: str) -> tuple[Money, Money]:
        """What may be used now, and what open purchases hold."""
        frozen = sum(self._reserved(record, traded) for record, traded in self._open_orders(sub, Side.BUY))
        return Money(self._ledgers[sub].cash - frozen), Money(frozen)

    def closeable(self, sub: str, code: Code) -> int:
        """Shares that may be sold now, at most what the account still has of them."""
        ledger = self._ledgers[sub]
        holding = ledger.holdings.get(code)
        if holding is None:
            return 0
        today = self._now().date()
        security = self._security(code)
        free = holding.settled(today, security is not None and is_t0(security, today))
        found = free - self._offered(sub, code)
        if self.missing.get(code):
            offered = sum(self._offered(name, code) for name in self._ledgers)
            found = min(found, sum(self.held(code).values()) - self.missing[code] - offered)
        return max(0, found)

    def view(self, sub: str, view: View, prices: PricesOf) -> View:
        """The account as the sub-account sees it: its own part."""
        ledger, whole = self._ledgers[sub], view.snapshot
        available, frozen = self.cash(sub)
        rows = tuple(
            HoldingRow(
                code, one.amount, self.closeable(sub, code), Price(divide_half_up(one.cost, one.amount))
            )
            for code, one in sorted(ledger.holdings.items())
            if one.amount > 0
        )  # fmt: skip
        own = {tag: record for tag, record in self._records().items() if record.sub == sub}
        numbers = {record.order.broker_id for record in own.values()} - {""}
        snapshot = AccountSnapshot(
            whole.at, available, frozen, rows,
            tuple(row for row in whole.orders if row.tag in own),
            tuple(row for row in whole.trades if row.tag in own or (not row.tag and row.broker_id in numbers)),
            whole.complete,
        )  # fmt: skip
        shown = view.prices | prices([row.code for row in rows if row.code not in view.prices])
        return View(snapshot, shown, view.taken_at, view.seq, {})

    def today(self, sub: str) -> Iterator[Order]:
        """The orders of today that left under the name, whether it has books of its own or not."""
        today = self._now().date()
        orders = (record.order for record in self._records().values() if record.sub == sub)
        return (order for order in orders if order.created_at.date() == today)

    def held(self, code: Code) -> dict[str, int]:
        """The shares of each that has any."""
        return {
            name: holding.amount
            for name, ledger in self._ledgers.items()
            if (holding := ledger.holdings.get(code)) is not None
        }

    def _offered(self, sub: str, code: Code) -> int:
        return sum(
            record.order.amount - traded.amount
            for record, traded in self._open_orders(sub, Side.SELL)
            if record.order.code == code
        )

    def _open_orders(self, sub: str, side: Side) -> Iterator[tuple[Record, Traded]]:
        """Orders of today that may still trade, with what they have traded."""
        ledger, today = self._ledgers[sub], self._now().date()
        for record in self._records().values():
            order = record.order
            if record.sub != sub or order.side is not side or record.over or order.created_at.date() != today:
                continue
            key = order_key(order.created_at, order.tag)
            traded = ledger.traded(key)
            if key not in ledger.ended and traded.amount < order.amount:
                yield record, traded

    def _reserved(self, record: Record, traded: Traded) -> Money:
        """What the rest of a purchase may cost at worst, fees included."""
        order = record.order
        rest = Money((order.amount - traded.amount) * order.limit_price)
        fees = self.fee(order.code, order.side, Money(traded.turnover + rest))
        return Money(rest + max(0, fees - traded.fees))

    def fee(self, code: Code, side: Side, turnover: Money) -> Money:
        """The fees of an order with this turnover, estimated."""
        security = self._security(code)
        if security is None:
            return ZERO
        return self._world.rules.fees.order_fee(security, side, turnover, self._now().date()).total

    def _security(self, code: Code) -> Security | None:
        """Known once, a description serves while its source fails. Raises `DataError`."""
        found = self._descriptions.get(code)
        if found is None and (found := self._world.securities(code)) is not None:
            self._descriptions[code] = found
        return found
