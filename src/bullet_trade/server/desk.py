"""One account on the server: its broker, its orders, and everybody who waits for them. Runs on the account's thread.

Reads are answered from the broker's own snapshot (`account_views`), never older than the last write or report. Reports
are numbered without gaps, so that a client that was away can ask for what it missed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Order, OrderId, OrderState, OrderType
from bullet_trade.domain.reports import (
    AccountSnapshot,
    Entitlement,
    Filled,
    LinkDown,
    LinkUp,
    NoAnswer,
    OrderRow,
    Report,
)
from bullet_trade.domain.securities import Code
from bullet_trade.engine.recovery import reconcile
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.server.account_views import AccountViews, View, ViewReader
from bullet_trade.server.accounts import AccountSpec, SubAccount, Target
from bullet_trade.server.books import CancelCheck, OrderCheck, no_limit
from bullet_trade.server.owner import Owner
from bullet_trade.server.pacing import Pace
from bullet_trade.server.records import Record, Waiter
from bullet_trade.server.sub_books import CLOSED, SubBooks
from bullet_trade.server.submission_file import CancelNote, SubmissionFile
from bullet_trade.server.submissions import Submission, Undelivered, remembered
from bullet_trade.server.venue import World

log = logging.getLogger("bullet_trade.server")

_NO_LABEL = "\0"

Publish = Callable[[str, str, int, Report], None]
"""Takes an account's key, the name of a sub-account ('' for those who see the whole account), a number, and a report.
Numbers are gapless for each."""


@dataclass(frozen=True, slots=True)
class DeskTerms:
    """How the desk works. Waits in seconds; percentages are fractions of the last price. `account_age_s` is how old the
    account may be that an order is checked against, None where the checks do not look at it; without `check_cancel`
    cancels are not counted. `rate`: orders and cancels within a second, 0 for any."""

    order_wait_s: float = 16.0
    accept_wait_s: float = 10.0
    buy_percent: float = 0.015
    sell_percent: float = -0.015
    check: OrderCheck = no_limit
    check_cancel: CancelCheck | None = None
    account_age_s: float | None = None
    rate: int = 0


@dataclass(slots=True)
class Desk:
    """The account. Everything but `views.young`, `ask` and `start` is for the owner's thread only."""

    spec: AccountSpec
    owner: Owner
    make_world: Callable[[], World]
    open_file: Callable[[], SubmissionFile]
    terms: DeskTerms
    publish: Publish
    """Takes each numbered report; called on the account's thread, returns at once."""
    subs: tuple[SubAccount, ...] = ()
    """Those of this account."""
    world: World = field(init=False)
    file: SubmissionFile = field(init=False)
    sub_books: SubBooks = field(init=False)
    views: AccountViews = field(init=False)
    pace: Pace = field(init=False)
    connected: bool = False
    down_reason: str = "尚未连接"
    losses: int = 0
    """How often the connection to the broker was lost since the start; then the last time."""
    last_loss: LinkDown | None = None
    records: dict[str, Record] = field(default_factory=dict)
    """By tag."""
    by_broker_id: dict[str, Record] = field(default_factory=dict)
    submissions: dict[tuple[str, str], Submission] = field(default_factory=dict)
    undelivered: list[Undelivered] = field(default_factory=list)
    """Orders without a key that are not answered yet, or whose client went away before the answer."""
    cancels: list[CancelNote] = field(default_factory=list)
    last: AccountSnapshot | None = None
    seq: int = 0
    sub_seqs: dict[str, int] = field(default_factory=dict)
    """The numbers of what the clients of a sub-account with books of its own were told."""
    _quotes_failed: bool = False
    _opened: bool = False
    _file_opened: bool = False

    def __post_init__(self) -> None:
        self.views = AccountViews(self.owner, self._ask_broker)
        self.pace = Pace(self.owner, self.terms.rate)

    def _ask_broker(self) -> None:
        self.world.broker.request_snapshot()

    # -- beginning and end -----------------------------------------------------------------------------------------

    def start(self, ready: Callable[[str], None]) -> None:
        """Open the file and connect the broker on the owner's thread; `ready` gets '' or the reason of a failure."""
        self.owner.post(partial(self._start, ready))
        self.owner.start()

    def _start(self, ready: Callable[[str], None]) -> None:
        try:
            self.file = self.open_file()
            self._file_opened = True
            known = remembered(self.file.load())
            self.submissions, self.records, self.cancels = known.submissions, known.records, known.cancels
            self.world = self.make_world()
            self.owner.instant = self.world.quotes.advance
            self.world.quotes.advance(self.owner.clock.now())
            self.sub_books = SubBooks(
                self.subs, self.file, self.world, self.owner.clock.now, lambda: self.records, self._number_for
            )
            self._open_day()
            self._opened = True
            self.world.broker.connect(lambda report: self.owner.post(partial(self.report, report)))
        except BulletTradeError as error:
            ready(str(error))
            return
        ready("")

    def _open_day(self) -> None:
        """Show today's quotes, forget the orders that are over, and come again at midnight."""
        now = self.owner.clock.now()
        self.records = {
            tag: one for tag, one in self.records.items() if not one.over or one.order.created_at.date() == now.date()
        }
        self.by_broker_id = {one.order.broker_id: one for one in self.records.values() if one.order.broker_id}
        self.cancels = [note for note in self.cancels if note.at.date() == now.date()]
        if self.world.calendar.is_session(now.date()):
            self.world.quotes.open_day(now.date())
        if any(self.sub_books.names()):
            self._look_after_the_close(now)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        self.owner.timers.at(tomorrow, Rank.MARKET, self._open_day)

    def _look_after_the_close(self, now: datetime) -> None:
        """The list after the close tells what became of the day's orders; tomorrow's does not."""
        closed = datetime.combine(now.date(), CLOSED)
        if now < closed:
            self.owner.timers.at(closed, Rank.MARKET, self._look)

    def _look(self) -> None:
        self.read(lambda _view, _reason: None, fresh=True)

    def close(self) -> None:
        """Let go of the broker and the file, then end the thread."""
        self.owner.post(self._close)
        self.owner.stop()

    def _close(self) -> None:
        if self._opened:
            self.world.broker.close()
        if self._file_opened:
            self.file.close()

    # -- reports ---------------------------------------------------------------------------------------------------

    def report(self, report: Report) -> None:
        """Take in what the broker tells."""
        if isinstance(report, AccountSnapshot):
            self._snapshot(report)
            return
        if isinstance(report, LinkUp):
            self.connected, self.down_reason = True, ""
        elif isinstance(report, LinkDown):
            self.connected, self.down_reason = False, report.reason or "与券商的连接中断"
            self.losses, self.last_loss = self.losses + 1, report
            self.views.fail(self.down_reason)
        elif isinstance(report, Entitlement):
            self.sub_books.entitled(report)
            if any(self.sub_books.names()):
                self.owner.post(self._look)  # they are shared out once the account is stated
        self._tell(report)

    def _tell(self, report: Report) -> None:
        """Book a report and tell everybody. Whoever is answered because of it must already read the new account, so
        the view goes first and the answers last."""
        self.views.drop()
        record = None
        if not isinstance(report, LinkUp | LinkDown | Entitlement | AccountSnapshot):
            record = self.records.get(report.tag)
            if record is not None:
                if isinstance(report, Filled):
                    self.sub_books.filled(record, report)
                record.apply(report)
                self.sub_books.settled(record)
        self._number(report, record)
        if record is not None:
            self.touch(record)

    def _number(self, report: Report, record: Record | None) -> None:
        self.seq += 1
        self.publish(self.spec.key, "", self.seq, report)
        if isinstance(report, LinkUp | LinkDown):
            for sub in self.sub_books.names():
                self._number_for(sub, report)
        elif record is not None and self.sub_books.owns(record.sub):
            self._number_for(record.sub, report)

    def _number_for(self, sub: str, report: Report) -> None:
        """Tell the clients of one sub-account."""
        self.views.drop()
        number = self.sub_seqs[sub] = self.sub_seqs.get(sub, 0) + 1
        self.publish(self.spec.key, sub, number, report)

    def touch(self, record: Record) -> None:
        """Tell everybody who waits for the order that it changed."""
        if record.order.broker_id:
            self.by_broker_id[record.order.broker_id] = record
        record.waiters = [waiter for waiter in record.waiters if not waiter(record)]

    def wait_for(self, record: Record, waiter: Waiter, seconds: float, late: Callable[[], None]) -> None:
        """Have `waiter` called now and at every change until it is content; `late` when it is not within `seconds`."""
        if waiter(record):
            return

        def give_up() -> None:
            if waiter in record.waiters:
                record.waiters.remove(waiter)
                late()

        record.waiters.append(waiter)
        when = self.owner.clock.now() + timedelta(seconds=seconds)
        self.owner.timers.at(when, Rank.MARKET, give_up)

    # -- the broker's own account ----------------------------------------------------------------------------------

    def ask(self, reader: ViewReader) -> None:
        """Have `reader` called with a view that is no older than this call; from any thread."""
        self.owner.post(partial(self.read, reader))

    def read(self, reader: ViewReader, fresh: bool = False) -> None:
        """As `ask`, on the owner's thread; a view that is young enough serves unless it must be `fresh`."""
        view = self.views.young()
        if view is not None and not fresh:
            reader(view, "")
        elif not self.connected:
            reader(None, self.down_reason)
        else:
            self.views.wait(reader)

    def _snapshot(self, snapshot: AccountSnapshot) -> None:
        self.last = snapshot
        self.sub_books.stated(snapshot, self._shown_prices)
        ours = [record.order for record in self.records.values() if not record.over]
        for report in reconcile(ours, snapshot, _NO_LABEL, 1).reports:
            self._tell(report)
        for row in snapshot.orders:
            record = self.records.get(row.tag)
            if record is not None:
                record.order.broker_id = record.order.broker_id or row.broker_id
                self.by_broker_id[row.broker_id] = record
        prices = self._shown_prices([row.code for row in snapshot.holdings])
        self.views.show(View(snapshot, prices, self.owner.clock.monotonic(), self.seq, {}))

    def seen_by(self, target: Target, view: View) -> View:
        """What of the account the target may see."""
        return self.sub_books.assets.view(target.own_books, view, self._shown_prices) if target.own_books else view

    def _shown_prices(self, codes: Iterable[Code]) -> dict[Code, float]:
        """As `price_now` for those who read the account, which is stated also while a source of quotes fails."""
        found, failure = {}, ""
        for code in codes:
            try:
                found[code] = self.price_now(code)
            except BulletTradeError as error:
                found[code], failure = 0.0, str(error)
        if failure and not self._quotes_failed:
            log.warning("读取行情失败，账户里的现价暂时按未知处理，恢复前不再提示：%s", failure)
        self._quotes_failed = bool(failure)
        return found

    def price_now(self, code: Code) -> float:
        """The last price in yuan, 0.0 where none is known."""
        price = self.world.quotes.last_price(code)
        return price if price > 0 else 0.0

    # -- orders ----------------------------------------------------------------------------------------------------

    def send(self, record: Record) -> None:
        """Hand an order that is written down to the broker."""
        order = record.order
        self.records[order.tag] = record
        self.views.drop()
        self.pace.sent()
        ticket = OrderTicket(order.tag, order.code, order.side, order.amount, order.order_type, order.limit_price)
        try:
            self.world.broker.submit(ticket)
        except BulletTradeError as error:
            # Whether it left is not known: the list of the day decides, as after any lost answer.
            self.report(NoAnswer(order.tag, str(error), self.owner.clock.now()))

    def adopt(self, row: OrderRow) -> Record:
        """Follow an order that came from elsewhere, so that its cancel can be waited for."""
        order = Order(
            order_id=OrderId(0),
            parent_id=OrderId(0),
            tag=row.tag,
            code=row.code,
            side=row.side,
            amount=row.amount,
            order_type=OrderType.LIMIT,
            limit_price=Price(0),
            created_at=self.owner.clock.now(),
            state=OrderState.WORKING,
            broker_id=row.broker_id,
            filled=row.filled,
            turnover=Money(0),
        )
        record = Record(order=order, remark=row.tag, key="", sub="", wanted=row.amount, asked_price=None)
        self.records[row.tag] = self.by_broker_id[row.broker_id] = record
        return record
