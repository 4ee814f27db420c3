"""One connection to the terminal after the other.

The wheel's trader connects once in its life and never says honestly whether it is still connected. So each attempt
makes a new one with the next session number and stops the one before; a timed query tells whether it is alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import cast

from bullet_trade.brokers.qmt.agenda import Agenda, Entry
from bullet_trade.brokers.qmt.callbacks import answer_to, callback_object
from bullet_trade.brokers.qmt.calls import Caller
from bullet_trade.brokers.qmt.messages import Answered, Call, Called, Post, Query, Rows, Subscribed
from bullet_trade.brokers.qmt.terms import POOL, QmtTerms
from bullet_trade.brokers.qmt.wheel import Trader, Wheel, subscribe

MOST_STUCK = 4
"""So many hung calls are left behind before no further connection is tried: each keeps threads of the wheel."""
MISSES = 2
"""Unanswered heartbeats in a row that mean that the terminal is gone."""
CONNECT_ADVICE = (
    "请依次检查：QMT 已用极简模式（独立交易）登录；QMT_DATA_PATH 指向 userdata_mini 且可写；"
    "没有别的程序占用同一会话号；目录中有 up_queue_xtquant（没有则账户未开通接口权限）"
)


@dataclass(slots=True)
class Line:
    """Holds the only reference to a trader, so that it is freed where it was stopped: freed on the main thread, it
    would change that thread's event loop."""

    trader: Trader | None

    def use(self) -> Trader:
        """The trader. Raises `ConnectionError` once it was stopped."""
        if self.trader is None:
            raise ConnectionError("连接已断开")
        return self.trader


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that waits for its answer."""

    done: Callable[[Rows | None], None]
    failed: Callable[[str], None]
    deadline: Entry


@dataclass(frozen=True, slots=True)
class OrderCall:
    """An order in the terminal's terms (`price` in yuan), and who hears what became of the call: `sent` with the
    number of the request, `failed` with words; `dropped` where it was certainly not sent, `hung` where nobody knows."""

    code: str
    order_type: int
    amount: int
    price_type: int
    price: float
    remark: str
    sent: Callable[[object], None]
    failed: Callable[[str], None]
    dropped: Callable[[], None]
    hung: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of connections: `opened` when one stands and may be asked, `lost` with the reason, `status` with each
    number of the account's state."""

    opened: Callable[[], None]
    lost: Callable[[str], None]
    status: Callable[[int], None]


class Session:
    """The present connection, if any. The adapter's thread only."""

    def __init__(
        self,
        terms: QmtTerms,
        wheel: Wheel,
        caller: Caller,
        agenda: Agenda,
        post: Post,
        watching: Callable[[], bool],
        draw: Random,
        ears: Ears,
    ) -> None:
        self._terms = terms
        self._wheel = wheel
        self._caller = caller
        self._agenda = agenda
        self._post = post
        self._watching = watching
        self._draw = draw
        self._ears = ears
        self._account = wheel.account(terms.account_id, "STOCK")
        self._running: dict[Call, Entry] = {}
        self._asked: dict[int, Asked] = {}
        self._numbers = count(1)
        self._place = self._attempts = self._misses = 0
        self._line: Line | None = None
        self._busy = self._closed = False
        self._entries: list[Entry] = []
        self.number = 0
        """The number of the present connection; what bears another one is from before."""
        self.proved = False
        """Whether the terminal has answered on this connection."""

    # -- opening and losing ----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Try to connect, now."""
        self.number += 1
        self._busy = True
        if self._caller.stuck >= MOST_STUCK:
            self.lose(f"{self._caller.stuck} 个 xtquant 调用一直没有返回，请重启 QMT 终端和本程序")
            return
        number, session_id = self.number, self._terms.first_session + self._place % POOL
        self.call(
            "连接",
            lambda: self._connected_line(number, session_id),
            lambda result: self._opened(number, result),
            lambda error: self._failed(number, f"xtquant 连接出错（{error}）"),
        )

    def _connected_line(self, number: int, session_id: int) -> Line | int:
        callback = callback_object(self._wheel.callback, self._post, number, self._terms.account_id)
        line = Line(self._wheel.trader(self._terms.data_path, session_id, callback))
        result = -1
        try:
            trader = line.use()
            trader.set_relaxed_response_order_enabled(True)  # so that answers do not queue behind pushes
            trader.start()
            result = trader.connect()
            del trader
        finally:
            if result != 0:
                _retire(line)
        return line if result == 0 else result

    def _opened(self, number: int, result: object) -> None:
        if not isinstance(result, Line):
            self._failed(number, f"QMT 连接失败（返回 {result}）。{CONNECT_ADVICE}")
            return
        if number != self.number or self._closed:
            self._stop(result)
            return
        self._line = result
        if not self._terms.subscribe:
            self._ears.opened()
            return
        self._later(self._terms.query_s, lambda: self._failed(number, "QMT 没有应答账号订阅"))
        self.call(
            "订阅账号",
            lambda: subscribe(self._wheel, result.use(), self._account, lambda a: self._post(Subscribed(number, a))),
            _nothing,
            lambda error: self._failed(number, f"订阅账号出错（{error}）"),
        )

    def subscribed(self, answer: Subscribed) -> None:
        """The terminal answered the request for pushes."""
        if answer.session != self.number or self.proved:
            return
        self._cancel_entries()
        if answer.result == 0:
            self._ears.opened()
        else:
            self.lose(f"QMT 拒绝订阅账号（返回 {answer.result}），请检查 QMT_ACCOUNT_ID 是否就是终端里登录的账号")

    def prove(self) -> None:
        """The terminal has answered everything that was asked: this connection is good."""
        if not self.proved:
            self.proved, self._attempts, self._misses = True, 0, 0
            self._beat_later()

    def _failed(self, number: int, reason: str) -> None:
        if number == self.number:
            self.lose(reason)

    def lose(self, reason: str) -> None:
        """Give the connection up and try another one after a pause."""
        if self._closed or not self._busy:
            return
        self._drop()
        delay_s = min(self._terms.retry_s * 2 ** min(self._attempts, 16), self._longest_pause_s())
        self._attempts += 1
        self._place += 1  # the terminal wants seconds of rest before it sees the same session number again
        self._later(delay_s * self._draw.uniform(0.75, 1.25), self.open)
        self._ears.lost(reason)

    def close(self) -> None:
        """End for good."""
        self._closed = True
        self._drop()
        self._caller.close()

    def _drop(self) -> None:
        self.number += 1
        self._busy = self.proved = False
        self._cancel_entries()
        for asked in self._asked.values():
            asked.deadline.cancel()
        self._asked.clear()
        line, self._line = self._line, None
        if line is not None:
            self._stop(line)

    def _stop(self, line: Line) -> None:
        self.call("断开", lambda: _retire(line), _nothing, _nothing)

    def _longest_pause_s(self) -> float:
        return self._terms.retry_most_s if self._watching() else self._terms.night_retry_s

    # -- calls -----------------------------------------------------------------------------------------------------

    def call(
        self,
        what: str,
        action: Callable[[], object],
        done: Callable[[object], None],
        failed: Callable[[str], None],
        dropped: Callable[[], None] = lambda: None,
        hung: Callable[[], None] = lambda: None,
    ) -> None:
        """Make a call of the wheel. When it does not return in time, its thread and this connection are given up."""
        call = Call(what, action, done, failed, dropped, hung)
        self._running[call] = self._agenda.after(self._terms.call_s, lambda: self._hung(what))
        self._caller.run(call)

    def called(self, message: Called) -> None:
        """A call has returned."""
        deadline = self._running.pop(message.call, None)
        if deadline is None:  # it was given up long ago
            if isinstance(message.result, Line):
                self._stop(message.result)
            return
        deadline.cancel()
        if message.error:
            message.call.failed(message.error)
        else:
            message.call.done(message.result)

    def _hung(self, what: str) -> None:
        unsent = self._caller.abandon()
        running, self._running = self._running, {}
        for deadline in running.values():
            deadline.cancel()
        for call in running:
            if call not in unsent:
                call.hung()
        for call in unsent:
            call.dropped()
        self.lose(f"xtquant 的“{what}”调用 {self._terms.call_s:g} 秒没有返回")

    def order(self, terms: OrderCall) -> None:
        """Send an order."""
        line = self._line
        self.call(
            "下单",
            lambda: _use(line).order_stock_async(
                self._account,
                terms.code,
                terms.order_type,
                terms.amount,
                terms.price_type,
                terms.price,
                "bullet-trade",
                terms.remark,
            ),
            terms.sent,
            terms.failed,
            terms.dropped,
            terms.hung,
        )

    def cancel(self, order_id: int, failed: Callable[[str], None]) -> None:
        """Ask to cancel the order with this number."""
        line = self._line
        self.call("撤单", lambda: _use(line).cancel_order_stock_async(self._account, order_id), _nothing, failed)

    # -- queries ---------------------------------------------------------------------------------------------------

    def ask(self, query: Query, done: Callable[[Rows | None], None], failed: Callable[[str], None]) -> None:
        """Ask the terminal; exactly one of the functions is called, unless the connection is given up before."""
        number, line = next(self._numbers), self._line
        deadline = self._agenda.after(self._terms.query_s, lambda: self._miss(number))
        self._asked[number] = Asked(done, failed, deadline)
        answer = answer_to(self._post, query, number, self._terms.account_id)
        self.call(
            f"查询{query.value}",
            lambda: self._send_query(_use(line), query, answer),
            _nothing,
            lambda error: self.answered(Answered(number, None, error)),
        )

    def _send_query(self, trader: Trader, query: Query, answer: Callable[[object], None]) -> object:
        match query:
            case Query.ORDERS:
                return trader.query_stock_orders_async(self._account, answer)
            case Query.TRADES:
                return trader.query_stock_trades_async(self._account, answer)
            case Query.FUNDS:
                return trader.query_stock_asset_async(self._account, answer)
            case Query.HOLDINGS:
                return trader.query_stock_positions_async(self._account, answer)
            case Query.STATUS:
                return trader.query_account_status_async(answer)

    def answered(self, answer: Answered) -> None:
        """The terminal answered a query; answers that come too late are passed over."""
        asked = self._asked.pop(answer.number, None)
        if asked is None:
            return
        asked.deadline.cancel()
        if answer.unreadable:
            asked.failed(answer.unreadable)
        else:
            asked.done(answer.rows)

    def _miss(self, number: int) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            asked.failed(f"{self._terms.query_s:g} 秒没有应答")

    # -- heartbeat -------------------------------------------------------------------------------------------------

    def _beat_later(self) -> None:
        terms = self._terms
        every_s = terms.beat_s if self._watching() else terms.night_beat_s
        self._later(every_s if self._misses == 0 else terms.query_gap_s, self._beat)

    def _beat(self) -> None:
        self._entries.clear()
        self.ask(Query.STATUS, self._alive, self._silent)

    def _alive(self, rows: Rows | None) -> None:
        self._misses = 0
        self._beat_later()
        if isinstance(rows, int):
            self._ears.status(rows)

    def _silent(self, reason: str) -> None:
        self._misses += 1
        if self._misses >= MISSES:
            self.lose(f"QMT 终端没有应答心跳（{reason}）")
        else:
            self._beat_later()

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._entries.append(self._agenda.after(seconds, action))

    def _cancel_entries(self) -> None:
        for entry in self._entries:
            entry.cancel()
        self._entries.clear()


def _use(line: Line | None) -> Trader:
    if line is None:
        raise ConnectionError("连接已断开")
    return line.use()


def _nothing(_: object) -> None:
    """Nothing follows from it."""


def _retire(line: Line) -> None:
    """Stop a trader and let go of it. What starts threads is stopped even where it never connected."""
    trader, line.trader = line.use(), None
    try:
        trader.stop()
    finally:
        trader.loop.close()  # made by the wheel for every trader, and closed by nobody
        trader.async_client = cast("object", None)  # breaks the circle through which the trader holds itself
