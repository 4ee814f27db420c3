"""One account on the server: its broker, its orders, and everybody who waits for them. Runs on the account's thread.

Reads are answered from the broker's own snapshot, at most `FRESH_S` old and never older than the last write or report.
Reports are numbered without gaps, so that a client that was away can ask for what it missed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol

from bullet_trade.domain.errors import BulletTradeError, StateError
from bullet_trade.domain.money import Money, Price, price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.reports import (
    AccountSnapshot,
    Entitlement,
    LinkDown,
    LinkUp,
    NoAnswer,
    OrderRow,
    Rejected,
    Report,
)
from bullet_trade.domain.securities import Code, Security
from bullet_trade.engine.recovery import reconcile
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ports.broker import Broker, OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.quotes import Quotes
from bullet_trade.remote.errors import ErrorCode, RemoteError
from bullet_trade.server.accounts import AccountSpec, SubAccount
from bullet_trade.server.owner import Owner
from bullet_trade.server.records import Record, Waiter
from bullet_trade.server.submission_file import CancelNote, Refusal, SubmissionFile

log = logging.getLogger("bullet_trade.server")

FRESH_S = 0.2
"""A snapshot this old still answers a read, when no order or report came since."""
SNAPSHOT_WAIT_S = 15.0
"""How long a broker may take to state the account."""
_NO_LABEL = "\0"


class Reply(Protocol):
    """Where an answer goes. Both methods may be called from any thread; only the first call counts."""

    @property
    def peer(self) -> str:
        """The address of the client."""

    @property
    def dead(self) -> bool:
        """Whether the client is gone, so that no answer can reach it."""

    def answer(self, payload: bytes) -> None:
        """Answer with a payload that is JSON."""

    def refuse(self, error: RemoteError) -> None:
        """Answer with an error frame."""


class Books(NamedTuple):
    """An account as the server's own limits see it. `orders` are those that left through this server and are of today
    or alive, `cancels` those of today; prices are 0 where none is known."""

    at: datetime
    snapshot: AccountSnapshot | None
    orders: tuple[Order, ...]
    cancels: tuple[CancelNote, ...]
    last_price: Callable[[Code], Price]
    previous_close: Callable[[Code], Price]

    def account_is_young(self, seconds: float) -> bool:
        """Whether the broker stated the account within the last `seconds`."""
        return self.snapshot is not None and self.at - self.snapshot.at <= timedelta(seconds=seconds)


class OrderSeen(NamedTuple):
    """An order as the server's own limits see it, before it leaves. `price` is 0 where none is known."""

    account_key: str
    sub: SubAccount | None
    security: Security
    side: Side
    amount: int
    price: Price
    books: Books


OrderCheck = Callable[[OrderSeen], str]
"""A limit of the server: '' lets the order pass, anything else is the reason why not. Called on the account's thread,
after the key was found to be new and before anything is written down."""


CancelCheck = Callable[[Order, Books], str]
"""As `OrderCheck`, for a cancel."""


def no_limit(_: OrderSeen) -> str:
    """The server has no limits of its own."""
    return ""


class View(NamedTuple):
    """The account at a moment, with the last price of each holding in yuan (0.0 unknown). Never changed; readable from
    any thread."""

    snapshot: AccountSnapshot
    prices: dict[Code, float]
    taken_at: float
    """Monotonic seconds."""
    seq: int
    """The number of the last report that it includes."""
    cache: dict[str, bytes]
    """Answers that were made of it, by what was asked."""


@dataclass(frozen=True, slots=True)
class World:
    """What an account needs around it. All of it belongs to the account's thread."""

    broker: Broker
    quotes: Quotes
    rules: RuleBook
    calendar: TradingCalendar
    securities: Callable[[Code], Security | None]


@dataclass(frozen=True, slots=True)
class DeskTerms:
    """How the desk works. Waits in seconds; percentages are fractions of the last price. `account_age_s` is how old the
    account may be that an order is checked against, None where the checks do not look at it; without `check_cancel`
    cancels are not counted."""

    order_wait_s: float = 16.0
    accept_wait_s: float = 10.0
    buy_percent: float = 0.015
    sell_percent: float = -0.015
    check: OrderCheck = no_limit
    check_cancel: CancelCheck | None = None
    account_age_s: float | None = None


@dataclass(slots=True)
class Submission:
    """A write by its key. It has a record once it was sent, or a refusal, or neither while it is being decided."""

    key: str
    sub: str
    fingerprint: str
    record: Record | None = None
    refusal: Refusal | None = None


class Undelivered(NamedTuple):
    """An order without a key on its way to an answer, `at` monotonic seconds."""

    reply: Reply
    fingerprint: str
    submission: Submission
    at: float


ViewReader = Callable[[View | None, str], None]
"""Takes the view, or None and the reason why there is none."""


@dataclass(slots=True)
class Desk:
    """The account. Everything but `view`, `ask` and `start` is for the owner's thread only."""

    spec: AccountSpec
    owner: Owner
    make_world: Callable[[], World]
    open_file: Callable[[], SubmissionFile]
    terms: DeskTerms
    publish: Callable[[str, int, Report], None]
    """Takes each numbered report; called on the account's thread, returns at once."""
    world: World = field(init=False)
    file: SubmissionFile = field(init=False)
    view: View | None = None
    connected: bool = False
    down_reason: str = "尚未连接"
    records: dict[str, Record] = field(default_factory=dict)
    """By tag."""
    by_broker_id: dict[str, Record] = field(default_factory=dict)
    submissions: dict[tuple[str, str], Submission] = field(default_factory=dict)
    undelivered: list[Undelivered] = field(default_factory=list)
    """Orders without a key that are not answered yet, or whose client went away before the answer."""
    cancels: list[CancelNote] = field(default_factory=list)
    last: AccountSnapshot | None = None
    seq: int = 0
    _asking: list[ViewReader] = field(default_factory=list)
    _asking_next: list[ViewReader] = field(default_factory=list)
    _round: int = 0
    _opened: bool = False
    _file_opened: bool = False

    # -- beginning and end -----------------------------------------------------------------------------------------

    def start(self, ready: Callable[[str], None]) -> None:
        """Open the file and connect the broker on the owner's thread; `ready` gets '' or the reason of a failure."""
        self.owner.post(partial(self._start, ready))
        self.owner.start()

    def _start(self, ready: Callable[[str], None]) -> None:
        try:
            self.file = self.open_file()
            self._file_opened = True
            self._load()
            self.world = self.make_world()
            self.owner.instant = self.world.quotes.advance
            self.world.quotes.advance(self.owner.clock.now())
            self._open_day()
            self._opened = True
            self.world.broker.connect(lambda report: self.owner.post(partial(self.report, report)))
        except BulletTradeError as error:
            ready(str(error))
            return
        ready("")

    def _load(self) -> None:
        for stored in self.file.load():
            entry = stored.entry
            if entry.cancel is not None:
                self.cancels.append(entry.cancel)
                continue
            submission = Submission(stored.key, stored.sub, stored.fingerprint, None, entry.refusal)
            self.submissions[stored.sub, stored.key] = submission
            if entry.order is not None and (entry.refusal is None or entry.refusal.broker_called):
                record = Record(
                    order=entry.order,
                    remark=entry.remark,
                    key=stored.key,
                    sub=stored.sub,
                    wanted=entry.wanted,
                    asked_price=entry.asked_price,
                )
                submission.record = self.records[record.order.tag] = record
                record.order.apply(OrderEvent.SEND)
                if entry.refusal is not None:
                    record.apply(Rejected(record.order.tag, entry.refusal.text, entry.order.created_at))
                    continue
                # It was written down before it left; whether it left, the broker's list has to show.
                record.apply(NoAnswer(record.order.tag, "服务重启，等待券商清单", entry.order.created_at))

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
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        self.owner.timers.at(tomorrow, Rank.MARKET, self._open_day)

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
            self._fail_readers(self.down_reason)
        self._tell(report)

    def _tell(self, report: Report) -> None:
        """Book a report and tell everybody. Whoever is answered because of it must already read the new account, so
        the view goes first and the answers last."""
        self.view = None
        record = None
        if not isinstance(report, LinkUp | LinkDown | Entitlement | AccountSnapshot):
            record = self.records.get(report.tag)
            if record is not None:
                record.apply(report)
        self._number(report)
        if record is not None:
            self.touch(record)

    def _number(self, report: Report) -> None:
        self.seq += 1
        self.publish(self.spec.key, self.seq, report)

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
        view = self.young_view()
        if view is not None and not fresh:
            reader(view, "")
        elif not self.connected:
            reader(None, self.down_reason)
        elif self._asking:
            self._asking_next.append(reader)
        else:
            self._asking.append(reader)
            self._request()

    def young_view(self) -> View | None:
        """The last view where it may answer a read now; from any thread."""
        view = self.view
        if view is None or self.owner.clock.monotonic() - view.taken_at > FRESH_S:
            return None
        return view

    def _request(self) -> None:
        self._round += 1
        when = self.owner.clock.now() + timedelta(seconds=SNAPSHOT_WAIT_S)
        self.owner.timers.at(when, Rank.MARKET, partial(self._too_late, self._round))
        self.world.broker.request_snapshot()

    def _too_late(self, asked: int) -> None:
        if self._asking and self._round == asked:
            self._fail_readers(f"券商 {SNAPSHOT_WAIT_S:g} 秒内没有回答账户查询")

    def _fail_readers(self, reason: str) -> None:
        readers = self._asking + self._asking_next
        self._asking, self._asking_next = [], []
        for reader in readers:
            reader(None, reason)

    def _snapshot(self, snapshot: AccountSnapshot) -> None:
        self.last = snapshot
        ours = [record.order for record in self.records.values() if not record.over]
        for report in reconcile(ours, snapshot, _NO_LABEL, 1).reports:
            self._tell(report)
        for row in snapshot.orders:
            record = self.records.get(row.tag)
            if record is not None:
                record.order.broker_id = record.order.broker_id or row.broker_id
                self.by_broker_id[row.broker_id] = record
        prices = {row.code: self.price_now(row.code) for row in snapshot.holdings}
        self.view = view = View(snapshot, prices, self.owner.clock.monotonic(), self.seq, {})
        readers, self._asking = self._asking, self._asking_next
        self._asking_next = []
        for reader in readers:
            reader(view, "")
        if self._asking:
            self._request()

    def price_now(self, code: Code) -> float:
        """The last price in yuan, 0.0 where none is known."""
        price = self.world.quotes.last_price(code)
        return price if price > 0 else 0.0

    # -- limits ----------------------------------------------------------------------------------------------------

    def books(self) -> Books:
        """The account as the server's limits see it now."""
        orders = (record.order for record in self.records.values())
        return Books(
            self.owner.clock.now(),
            self.last,
            tuple(order for order in orders if order.order_id),  # adopted ones have no number: they came from elsewhere
            tuple(self.cancels),
            lambda code: price(self.price_now(code)),
            self._previous_close,
        )

    def _previous_close(self, code: Code) -> Price:
        quotes = self.world.quotes
        return price(quotes.facts(code).prev_close) if quotes.known(code) else Price(0)

    def when_account_known(self, act: Callable[[], None]) -> None:
        """Run `act` once the account is young enough for the limits, or cannot be had."""
        age_s = self.terms.account_age_s
        if age_s is None or self.books().account_is_young(age_s):
            act()
        else:
            self.read(lambda _view, _reason: act(), fresh=True)

    def cancel_forbidden(self, record: Record) -> str:
        """Why the order may not be cancelled, '' where it may; then the cancel is counted."""
        if self.terms.check_cancel is None:
            return ""
        reason = self.terms.check_cancel(record.order, self.books())
        if not reason:
            note = CancelNote(record.order.tag, self.owner.clock.now())
            self.cancels.append(note)
            try:
                self.file.note_cancel(record.sub, note)
            except StateError as error:  # a cancel lowers the risk: it leaves all the same
                log.warning("撤单次数没有写盘，重启后会少计：%s", error)
        return reason

    # -- orders ----------------------------------------------------------------------------------------------------

    def send(self, record: Record) -> None:
        """Hand an order that is written down to the broker."""
        order = record.order
        self.records[order.tag] = record
        self.view = None
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


def unavailable(reason: str, write: bool) -> RemoteError:
    """The broker cannot be asked now."""
    return RemoteError(ErrorCode.QMT_UNAVAILABLE, f"券商暂时不可用：{reason}", False if write else None)
