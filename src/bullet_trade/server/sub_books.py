"""The books of an account's sub-accounts while the server runs. On the account's thread.

A sub-account with money allotted to it owns what the orders that left under its name have traded. That is booked when
the broker tells it, or when the day's list shows what was not told, each trade once; what open orders hold is read off
the orders themselves. Nothing here is known better than by the broker: where the two disagree, people are told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, time

from bullet_trade.domain.errors import BulletTradeError, StateError
from bullet_trade.domain.money import FEN, Money
from bullet_trade.domain.orders import Order, Side
from bullet_trade.domain.reports import AccountSnapshot, Entitlement, Filled, Report, TradeRow
from bullet_trade.domain.securities import Code
from bullet_trade.server.accounts import SubAccount
from bullet_trade.server.bookings import (
    Allotted,
    Announced,
    Booking,
    Doubt,
    Ended,
    Fact,
    Fill,
    Share,
    SharedOut,
    SubLedger,
    Traded,
    order_key,
)
from bullet_trade.server.records import Record
from bullet_trade.server.sub_assets import PricesOf, SubAssets
from bullet_trade.server.sub_comparison import Comparison
from bullet_trade.server.submission_file import SubmissionFile
from bullet_trade.server.venue import World

log = logging.getLogger("bullet_trade.server")

CLOSED = time(15, 31)
"""Nothing trades any more, the fixed-price time after the close included."""


class SubBooks:
    """The books by name; only sub-accounts with money allotted have any. `records` are the account's orders by tag,
    `tell` takes what only the clients of one sub-account are told."""

    def __init__(
        self,
        subs: Iterable[SubAccount],
        file: SubmissionFile,
        world: World,
        now: Callable[[], datetime],
        records: Callable[[], Mapping[str, Record]],
        tell: Callable[[str, Report], None],
    ) -> None:
        """Open the books as the file has them. Raises `StateError`."""
        self._file = file
        self._now = now
        self._records = records
        self._tell = tell
        self._ledgers: dict[str, SubLedger] = {one.name: SubLedger() for one in subs if one.cash is not None}
        self.assets = SubAssets(self._ledgers, world, now, records)
        self._comparison = Comparison(self._ledgers, self.assets)
        self._unwritten: list[Booking] = []
        self._announced: dict[str, Announced] = {}
        self._last_sale: dict[Code, tuple[str, Filled]] = {}
        self._odd: set[tuple[str, str]] = set()
        """Trades that cannot be booked and were told to people, by order and number."""
        if self._ledgers:
            self._open({one.name: one.cash for one in subs if one.cash is not None})

    def _open(self, allotted: dict[str, Money]) -> None:
        for booking in self._file.bookings():
            self._take(booking)
        now = self._now()
        changed = [
            Booking(now, name, f"allotted/{now.isoformat()}", Allotted(cash))
            for name, cash in allotted.items()
            if self._ledgers[name].allotted != cash
        ]
        for booking in self._file.book(changed):
            self._take(booking)
        for name, ledger in self._ledgers.items():
            for one in ledger.doubts.values():
                log.warning("%s", doubt_text(name, one))

    def _take(self, booking: Booking) -> None:
        match booking.fact:
            case Announced() as announced:
                self._announced[booking.key] = announced
            case SharedOut(key):
                self._announced.pop(key, None)
            case _ if booking.sub in self._ledgers:
                self._ledgers[booking.sub].take(booking)

    def _book(self, facts: Iterable[tuple[str, str, Fact]]) -> list[Booking]:
        """Book facts by sub-account and key; those that were new and could be written. What could not is tried again
        with the next statement of the account."""
        now = self._now()
        return self._write([Booking(now, *one) for one in facts])

    def _write(self, bookings: list[Booking]) -> list[Booking]:
        try:
            new = self._file.book(bookings)
        except StateError as error:
            log.warning("子账户账本没有写盘，等下一次账户查询再记：%s", error)
            self._unwritten += bookings
            return []
        for booking in new:
            self._take(booking)
        return new

    # -- what happens --------------------------------------------------------------------------------------------------

    def filled(self, record: Record, report: Filled) -> None:
        """An order has traded."""
        order = record.order
        if order.side is Side.SELL:
            self._last_sale[order.code] = (record.sub, report)
        ledger = self._ledger_of(record)
        if ledger is None or report.amount <= 0:
            return
        key = order_key(order.created_at, order.tag)
        known = ledger.traded(key)
        if report.trade_id in known.trades:
            return
        if known.amount + report.amount > order.amount or key in ledger.cleared:
            if (key, report.trade_id) not in self._odd:
                self._odd.add((key, report.trade_id))
                why = "已由人工更正" if key in ledger.cleared else "成交超过委托"
                log.warning("子账户 %s 的委托 %s 的成交没有记账（%s），请核对：%s", record.sub, key, why, report)
            return
        try:
            fee = report.fee if report.fee is not None else self._fee_of(record, known, report)
        except BulletTradeError as error:
            log.warning("子账户 %s 的成交算不出费用，等下一次账户查询再记：%s", record.sub, error)
            return
        fill = Fill(
            key, report.trade_id, order.code, order.side, report.amount, report.price, fee, report.at.date()
        )  # fmt: skip
        self._comparison.moved(order.code, self._now())
        self._book([(record.sub, f"fill/{key}/{report.trade_id}", fill)])

    def settled(self, record: Record) -> None:
        """An order is over, by the broker's own word."""
        ledger, order = self._ledger_of(record), record.order
        if ledger is None or not record.over:
            return
        key = order_key(order.created_at, order.tag)
        if key not in ledger.ended and ledger.traded(key).amount < order.amount:
            self._book([(record.sub, f"end/{key}", Ended(key))])

    def entitled(self, report: Entitlement) -> None:
        """A corporate action was booked to the account. The tax on a sale is the seller's; all else is shared out once
        the account is stated."""
        seller, sale = self._last_sale.get(report.code, ("", None))
        if report.cash < 0 and not report.shares:
            if sale is not None and sale.at == report.at and seller in self._ledgers:
                share = Share(report.code, report.cash, 0, report.text)
                self._share(seller, f"tax/{sale.tag}/{sale.trade_id}", share, report.at)
            return
        held = {name: amount for name, amount in self.assets.held(report.code).items() if amount > 0}
        if held:
            key = f"event/{report.code}/{report.at:%Y%m%d}/{report.cash}/{report.shares}"
            self._book([("", key, Announced(report, held))])

    def stated(self, snapshot: AccountSnapshot, prices: PricesOf) -> None:
        """The broker has stated the account."""
        if not self._ledgers:
            return
        if self._unwritten:
            again, self._unwritten = self._unwritten, []
            self._write(again)
        for trade in snapshot.trades:
            record = self._record_of(trade)
            if record is not None and _is_execution(trade, record.order):
                told = Filled(record.order.tag, trade.trade_id, trade.amount, trade.price, trade.at, trade.fee)
                self.filled(record, told)
        self._close_orders(snapshot)
        held = {row.code: row.amount for row in snapshot.holdings}
        for key, announced in list(self._announced.items()):
            self._share_out(key, announced, held.get(announced.entitlement.code, 0))
        self._comparison.compare(snapshot, prices)

    def _record_of(self, trade: TradeRow) -> Record | None:
        if trade.tag:
            return self._records().get(trade.tag)
        today = (one for one in self._records().values() if one.order.created_at.date() == trade.at.date())
        return next((one for one in today if one.order.broker_id == trade.broker_id), None)

    def _close_orders(self, snapshot: AccountSnapshot) -> None:
        """After the close the day's list has the last word on its orders. What was still open when its day ended
        without that, nobody can tell any more."""
        listed = {row.tag: row.filled for row in snapshot.orders}
        for record in self._records().values():
            ledger, order = self._ledger_of(record), record.order
            if ledger is None or record.over:
                continue
            key = order_key(order.created_at, order.tag)
            traded = ledger.traded(key).amount
            if key in ledger.ended:
                continue
            if order.created_at.date() == snapshot.at.date():
                if snapshot.at.time() >= CLOSED and listed.get(order.tag) == traded < order.amount:
                    self._book([(record.sub, f"end/{key}", Ended(key))])
            elif order.created_at.date() < snapshot.at.date() and traded < order.amount:
                doubt = Doubt(key, order.code, order.side, order.amount - traded)
                if self._book([(record.sub, f"end/{key}", doubt)]):
                    log.warning("%s", doubt_text(record.sub, doubt))

    # -- corporate actions -----------------------------------------------------------------------------------------

    def _share_out(self, key: str, announced: Announced, amount: int) -> None:
        """Book everybody's part, rounded down; `amount` is what the account holds, the new shares included."""
        event = announced.entitlement
        before = max(amount - event.shares, sum(announced.held.values()))
        parts = {
            name: Share(
                event.code, Money(event.cash * held // before // FEN * FEN), event.shares * held // before, event.text
            )
            for name, held in announced.held.items()
        }
        facts: list[tuple[str, str, Fact]] = [(name, key, part) for name, part in parts.items()]
        for booking in self._book([*facts, ("", f"{key}/done", SharedOut(key))]):
            self._tell_share(booking, event.at)

    def _share(self, sub: str, key: str, share: Share, at: datetime) -> None:
        for booking in self._book([(sub, key, share)]):
            self._tell_share(booking, at)

    def _tell_share(self, booking: Booking, at: datetime) -> None:
        part = booking.fact
        if isinstance(part, Share) and booking.sub in self._ledgers and (part.cash or part.shares):
            self._tell(booking.sub, Entitlement(part.code, part.cash, part.shares, at, part.text))

    # -- whose is what ----------------------------------------------------------------------------------------------

    def names(self) -> Iterator[str]:
        """Those who have books of their own."""
        return iter(self._ledgers)

    def owns(self, sub: str) -> bool:
        """Whether the sub-account has books of its own."""
        return sub in self._ledgers

    def _fee_of(self, record: Record, traded: Traded, report: Filled) -> Money:
        # The minimum commission counts once per order: charge the whole turnover and take off what is charged already.
        turnover = Money(traded.turnover + report.price * report.amount)
        return Money(self.assets.fee(record.order.code, record.order.side, turnover) - traded.fees)

    def _ledger_of(self, record: Record) -> SubLedger | None:
        """The books that an order belongs to; None where it left before they were opened."""
        ledger = self._ledgers.get(record.sub)
        if ledger is None or ledger.opened_at is None or record.order.created_at < ledger.opened_at:
            return None
        return ledger


def _is_execution(trade: TradeRow, order: Order) -> bool:
    """Some counters list transfers and bonus shares among the trades."""
    return trade.price > 0 and (trade.code, trade.side) == (order.code, order.side)


def doubt_text(sub: str, doubt: Doubt) -> str:
    """What a person has to find out."""
    word = "买入" if doubt.side is Side.BUY else "卖出"
    return (
        f"子账户 {sub} 的委托 {doubt.order} {word} {doubt.code} 还有 {doubt.amount} 股结果不明（跨日时服务没有运行），"
        f"没有记账。在券商的历史成交里核对后，用 bullet-trade server-book adjust 更正"
    )
