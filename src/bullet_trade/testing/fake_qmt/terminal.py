"""A terminal on this machine: sessions, requests, answers, pushes, and one thread that does all of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from threading import Thread
from typing import TypeVar

from bullet_trade.brokers.simulator.orders import CounterOrder
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import TradeRow
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import normalize
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.client import Client
from bullet_trade.testing.fake_qmt.forms import LIMIT_TYPE, Forms
from bullet_trade.testing.fake_qmt.records import RECORDS, Record

T = TypeVar("T")

REMARK_BYTES = 24
POLL_S = 0.005
MARKER = "up_queue_xtquant"
"""A file that a terminal makes where the account may trade through programs."""
_QUERIES = frozenset({"queryStockAsset", "queryStockOrders", "queryStockTrades", "queryStockPositions"})
_SIDES = {23: Side.BUY, 24: Side.SELL}


class FakeTerminal:
    """Serves one account. `do` runs things on the terminal's thread; everything else is called from there, or from the
    native clients."""

    def __init__(
        self, directory: Path, account_id: str, book: Book, now: Callable[[], datetime], seed: int = 1
    ) -> None:
        self.directory = directory
        self.account_id = account_id
        self.book = book
        self.behaviour = Behaviour()
        self.requests: list[str] = []
        """Names of all requests that arrived."""
        self.errors: list[str] = []
        """What the Python layer raised into the native side."""
        self.account_status = 0
        self.running = True
        self.clients: list[Client] = []
        self._subscribed: list[Client] = []
        self._dropped: list[Client] = []
        self._rested: dict[int, datetime] = {}
        self._now = now
        self._draw = Random(seed)
        self._forms = Forms(account_id)
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._shuffled: list[Callable[[], None]] = []
        self._last_query = datetime(1, 1, 1)
        self._trades_pushed = 0
        self._held_pushes: list[Callable[[], None]] | None = None
        (directory / MARKER).touch()
        book.order_changed = self._push_order
        book.traded = self._push_trade
        self._thread = Thread(target=self._live, name="fake-qmt", daemon=True)
        self._thread.start()

    # -- the thread ------------------------------------------------------------------------------------------------

    def do(self, action: Callable[[], T]) -> T:
        """Run `action` on the terminal's thread and wait for it."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(action())
            except Exception as error:  # noqa: BLE001  # raised where it was asked for
                future.set_exception(error)

        self._work.put(work)
        return future.result(20.0)

    def settle(self) -> None:
        """Wait until everything that is due was done and worked off by the Python layer."""
        self.do(self._settle)

    def _settle(self) -> None:
        # On this thread: the last reference to a client may go here, and a trader must not end on the main thread.
        self._catch_up()
        for client in self.clients + self._dropped:
            client.flush()
        self._dropped.clear()

    def next_due(self) -> datetime | None:
        """When the terminal does something by itself."""
        return self._agenda[0][0] if self._agenda else None

    def close(self) -> None:
        """End the thread."""
        self._work.put(None)
        self._thread.join(10.0)

    def _live(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=POLL_S if self._agenda else None)
            except Empty:
                self._catch_up()
                continue
            if work is None:
                return
            work()

    def _catch_up(self) -> None:
        while self._agenda and self._agenda[0][0] <= self._now():
            heappop(self._agenda)[2]()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        if seconds <= 0.0:
            action()
        else:
            heappush(self._agenda, (self._now() + timedelta(seconds=seconds), next(self._numbers), action))

    # -- sessions --------------------------------------------------------------------------------------------------

    def attach(self, client: Client) -> int:
        """A client connects; called on its thread."""
        self._hang("connect")
        return self.do(lambda: self._attach(client))

    def _attach(self, client: Client) -> int:
        if self.behaviour.refuse_connections > 0:
            self.behaviour.refuse_connections -= 1
            return -1
        rested = self._rested.get(client.session)
        early = rested is not None and self._now() - rested < timedelta(seconds=self.behaviour.rest_s)
        doubled = any(other.session == client.session for other in self.clients)
        if not self.running or early or doubled or not (self.directory / MARKER).exists():
            return -1
        (self.directory / f"down_queue_win_{client.session}").touch()
        self.clients.append(client)
        return 0

    def detach(self, client: Client) -> None:
        """A client stops; called on its thread."""
        self.do(lambda: self._detach(client))

    def _detach(self, client: Client) -> None:
        if client in self.clients:
            self.clients.remove(client)
            self._rested[client.session] = self._now()
        if client in self._subscribed:
            self._subscribed.remove(client)
        if client in self._dropped:
            self._dropped.remove(client)

    def shut_down(self) -> None:
        """The terminal ends: everybody is told, and nobody can connect."""
        self.do(self._shut_down)

    def _shut_down(self) -> None:
        self.running = False
        clients, self.clients, self._subscribed = self.clients, [], []
        self._dropped += clients
        for client in clients:
            client.connected = False
            self._rested[client.session] = self._now()
            self._call_back(client, "bindOnDisconnectedCallback")

    def start_again(self) -> None:
        """The terminal is started again; clients have to connect anew."""
        self.running = True

    def tell_status(self, status: int) -> None:
        """The state of the account changes."""
        self.account_status = status
        self.do(lambda: self._push("bindOnUpdateAccountStatusCallback", self._forms.status(status)))

    # -- requests --------------------------------------------------------------------------------------------------

    def request(self, client: Client, name: str, seq: int, arguments: tuple[object, ...]) -> None:
        """A request comes in, on the client's thread."""
        self._hang(name)
        if not self.behaviour.deaf:
            self._work.put(partial(self._serve, client, name, seq, arguments))

    def _hang(self, name: str) -> None:
        event = self.behaviour.hang.get(name)
        if event is not None:
            event.wait(60.0)

    def _serve(self, client: Client, name: str, seq: int, arguments: tuple[object, ...]) -> None:
        self.requests.append(name)
        (request,) = arguments
        assert isinstance(request, Record)
        if name in _QUERIES:
            self._query(client, name, seq)
        elif name == "orderStock":
            self._order(client, seq, request)
        elif name == "cancelOrderStock":
            self._cancel(client, seq, request)
        elif name == "subscribe":
            self._subscribe(client, seq, request)
        elif name == "queryAccountStatus":
            self._answer(
                client, name, "bindOnQueryAccountStatusCallback", seq, [self._forms.status(self.account_status)]
            )

    def _subscribe(self, client: Client, seq: int, request: Record) -> None:
        result = self.behaviour.subscribe_result if request.account_id == self.account_id else -1
        self._answer(client, "subscribe", "bindOnSubscribeRespCallback", seq, result)
        if result != 0:
            return
        self._subscribed.append(client)
        if self.behaviour.push_day_again:
            self.push_day_again()

    def _query(self, client: Client, name: str, seq: int) -> None:
        behaviour, now = self.behaviour, self._now()
        too_soon = (now - self._last_query).total_seconds() < behaviour.query_gap_s
        self._last_query = now
        if too_soon:
            return
        rows = self._rows(name)
        answer: list[Record] | None
        if name in behaviour.failing:
            answer = None if name != "queryStockAsset" else []
        else:
            answer = None if not rows and behaviour.none_for_empty else rows
        binding = f"bindOn{name[0].upper()}{name[1:]}Callback"
        self._after(behaviour.query_delay_s, lambda: self._answer(client, name, binding, seq, answer))

    def _rows(self, name: str) -> list[Record]:
        book, forms = self.book, self._forms
        match name:
            case "queryStockOrders":
                return [forms.order(order) for order in book.orders]
            case "queryStockTrades":
                return [forms.trade(trade) for trade in book.account.trades]
            case "queryStockPositions":
                return [forms.position(row, book.market[row.code].price) for row in book.snapshot().holdings]
            case _:
                return [forms.asset(book.snapshot(), {code: one.price for code, one in book.market.items()})]

    def _order(self, client: Client, seq: int, request: Record) -> None:
        behaviour = self.behaviour
        ticket = self._ticket(request)
        reason = self.book.objection(ticket)
        if ticket.order_type is OrderType.MARKET and not behaviour.market_types:
            reason = "该账号不支持的报价类型"
        if reason and not behaviour.rejects_as_junk:
            self._refuse(client, seq, request, reason)
            return
        if behaviour.no_order:
            self._answer_order(client, seq, request, self.book.account.number(), "")
            return
        self._held_pushes = [] if not behaviour.pushes_first else None
        order = self.book.junk(ticket, reason) if reason else self.book.enter(ticket)
        if not reason:
            self.book.match(order)
        held, self._held_pushes = self._held_pushes, None
        self._answer_order(client, seq, request, int(order.broker_id), "")
        for push in held or ():
            push()
        if reason:
            self._error(client, seq, request, int(order.broker_id), reason)

    def _ticket(self, request: Record) -> OrderTicket:
        remark = str(request.order_remark).encode()[:REMARK_BYTES].decode(errors="ignore")
        return OrderTicket(
            remark,
            normalize(str(request.stock_code)),
            _SIDES[int(request.order_type)],
            int(request.order_volume),
            OrderType.LIMIT if request.price_type == LIMIT_TYPE else OrderType.MARKET,
            price(float(request.price)),
        )

    def _refuse(self, client: Client, seq: int, request: Record, reason: str) -> None:
        if self.behaviour.error_first:
            self._error(client, seq, request, -1, reason)
            self._answer_order(client, seq, request, -1, reason)
        else:
            self._answer_order(client, seq, request, -1, reason)
            self._error(client, seq, request, -1, reason)

    def _answer_order(self, client: Client, seq: int, request: Record, number: int, reason: str) -> None:
        if not self.behaviour.no_answer_to_orders:
            answer = self._forms.order_answer(request, number, reason)
            self._answer(client, "orderStock", "bindOnOrderStockRespCallback", seq, answer)

    def _error(self, client: Client, seq: int, request: Record, number: int, reason: str) -> None:
        if not self.behaviour.mute:
            error = self._forms.order_error(request, seq, number, reason)
            self._call_back(client, "bindOnOrderErrorCallback", error)

    def _cancel(self, client: Client, seq: int, request: Record) -> None:
        behaviour = self.behaviour
        order = self.book.account.orders.get(str(request.order_id))
        can = order is not None and order.alive
        result = 0 if can is not behaviour.cancel_results_inverted else -1
        reason = "" if result == 0 else "委托不可撤"
        answer = RECORDS["CancelOrderStockResp"](
            m_strAccountID=self.account_id,
            m_nCancelResult=result,
            m_nOrderID=request.order_id,
            m_strErrorMsg=reason,
        )
        self._answer(client, "cancelOrderStock", "bindOnCancelOrderStockRespCallback", seq, answer)
        if result != 0 and not behaviour.mute:
            error = RECORDS["XtCancelError"](
                account_id=self.account_id, order_id=request.order_id, error_id=-62, error_msg=reason
            )
            self._call_back(client, "bindOnCancelErrorCallback", error)
        if order is not None and can and not behaviour.lose_cancels:
            self.book.cancelling(order)
            if not behaviour.hold_cancels:
                self.book.cancelled(order)

    def _answer(self, client: Client, name: str, binding: str, seq: int, answer: object) -> None:
        if not self.behaviour.mute and name not in self.behaviour.mute_requests:
            self._call_back(client, binding, seq, answer)

    # -- what people and exchanges do ------------------------------------------------------------------------------

    def fill(self, remark: str, amount: int, at_price: float) -> None:
        """Let `amount` shares of the order trade."""
        self.do(lambda: self.book.fill(self.book.order(remark), amount, price(at_price)))

    def fill_everything(self) -> None:
        """All that is open trades, at its limit."""
        self.do(self._fill_everything)

    def _fill_everything(self) -> None:
        for order in self.book.orders:
            if order.alive:
                self.book.fill(order, order.rest, order.ticket.limit_price)

    def move_market(self, code: Code, to: float) -> None:
        """The price in the market moves; what it reaches trades."""
        self.do(lambda: self._move_market(code, price(to)))

    def _move_market(self, code: Code, to: Price) -> None:
        self.book.market[code].price = to
        for order in self.book.orders:
            if order.ticket.code == code and order.alive:
                self.book.match(order)

    def enter_by_hand(self, code: Code, side: Side, amount: int, at_price: float, remark: str = "") -> None:
        """A person trades at the terminal."""
        ticket = OrderTicket(remark, code, side, amount, OrderType.LIMIT, price(at_price))
        self.do(lambda: self.book.match(self.book.enter(ticket, by_hand=not remark)))

    def change(self, remark: str, action: Callable[[CounterOrder], None]) -> None:
        """Do something to the order with this remark."""
        self.do(lambda: action(self.book.order(remark)))

    # -- pushes ----------------------------------------------------------------------------------------------------

    def push_day_again(self) -> None:
        """All orders and trades of the day are pushed once more, in any order."""
        forms = self._forms
        again = [partial(self._push, "bindOnStockOrderCallback", forms.order(order)) for order in self.book.orders]
        again += [partial(self._push, "bindOnStockTradeCallback", forms.trade(t)) for t in self.book.account.trades]
        self._draw.shuffle(again)
        for push in again:
            push()

    def push_record(self, binding: str, record: Record) -> None:
        """Push this very record."""
        self.do(lambda: self._push(binding, record))

    def push_error(self, remark: str, reason: str) -> None:
        """Push an error about an order, whatever its state."""
        self.do(lambda: self._push("bindOnOrderErrorCallback", self._forms.late_error(self.book.order(remark), reason)))

    def order_record(self, remark: str, status: int | None = None) -> Record:
        """The order as it would be pushed, in another state if wanted."""
        record = self.do(lambda: self._forms.order(self.book.order(remark)))
        if status is not None:
            record.spoil("order_status", status)
        return record

    def _push_order(self, order: CounterOrder) -> None:
        record = self._forms.order(order)
        self._bare(record)
        self._later_push("bindOnStockOrderCallback", record)

    def _push_trade(self, _order: CounterOrder, trade: TradeRow) -> None:
        self._trades_pushed += 1
        every = self.behaviour.drop_every
        if every and self._trades_pushed % every == 0:
            return
        record = self._forms.trade(trade)
        self._bare(record)
        self._later_push("bindOnStockTradeCallback", record)

    def _bare(self, record: Record) -> None:
        if self.behaviour.bare_pushes:
            record.spoil("order_remark", "")
            record.spoil("stock_code", str(record.stock_code)[:6])

    def _later_push(self, binding: str, record: Record) -> None:
        push = partial(self._push, binding, record)
        if self._held_pushes is not None:
            self._held_pushes.append(partial(self._time, push))
        else:
            self._time(push)

    def _time(self, push: Callable[[], None]) -> None:
        behaviour = self.behaviour
        for _ in range(behaviour.pushes):
            if behaviour.shuffle_s:
                if not self._shuffled:
                    self._after(behaviour.shuffle_s, self._push_shuffled)
                self._shuffled.append(push)
            else:
                self._after(behaviour.push_delay_s, push)

    def _push_shuffled(self) -> None:
        pushes, self._shuffled = self._shuffled, []
        self._draw.shuffle(pushes)
        for push in pushes:
            push()

    def _push(self, binding: str, record: Record) -> None:
        if not self.behaviour.mute:
            for client in list(self._subscribed):
                self._call_back(client, binding, record)

    def _call_back(self, client: Client, binding: str, *arguments: object) -> None:
        try:
            client.call_back(binding, *arguments)
        except Exception as error:  # noqa: BLE001  # a native thread has nobody to raise to
            self.errors.append(f"{type(error).__name__}: {error}")
