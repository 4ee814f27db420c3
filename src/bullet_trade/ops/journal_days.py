"""A range of days out of the journal: closes, trades, curves, refusals, and what was wrong.

Orders and their fills go through the same order book as in a restart, so that a trade here is the trade of the run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import Rejected
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import DayClosed, HoldingLine, Recorded
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.recovery import Record, rebuild
from bullet_trade.market.boards import describe
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ops.collector import total
from bullet_trade.ops.result import TradeResult
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.store.inspection import OrderLine, order_lines
from bullet_trade.store.journal import Row
from bullet_trade.store.journal_archive import record_of

Body = Mapping[str, object]


class Remark(msgspec.Struct, frozen=True):
    """Something that was wrong at a moment; `kind` is a stable name."""

    at: datetime
    kind: str
    text: str


@dataclass(slots=True)
class JournalDays:
    """What the journal tells of the range.

    `starting` is the account's value before the range: at the close before it, else where the journal begins, its
    positions at cost. `estimated` are days that were not closed (the process was gone, or the day still runs): the
    account as it was last known, at the last prices that the journal knows. `refused` counts by rule what rules of ours
    kept back; `rejected` by name what broker and exchange did. `orders` are those of the last day alone.
    """

    strategy: str = ""
    broker: str = ""
    data: str = ""
    source: str = ""
    starting: Money | None = None
    closes: dict[date, DayClosed] = field(default_factory=dict)
    estimated: list[date] = field(default_factory=list)
    trades: list[TradeResult] = field(default_factory=list)
    records: dict[str, dict[date, float]] = field(default_factory=dict)
    alarms: list[Remark] = field(default_factory=list)
    differences: list[Remark] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    began_at_cost: bool = False
    orders: tuple[OrderLine, ...] = ()


def days_of(rows: Iterable[Row], first: date, last: date) -> JournalDays:
    """Read `rows`, which begin at or before `first` and go to the end of `last`. Raises `StateError` for a record that
    cannot be read, naming it."""
    reader = _Reader(first, last)
    for row in rows:
        try:
            reader.take(record_of(row))
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            raise StateError(
                f"流水第 {row.seq} 条（{row.kind}）无法读取（{error}）", "流水已损坏，请从备份恢复（docs/recovery.md）"
            ) from error
    reader.end()
    return reader.found


class _Reader:
    """Walks the journal once. Until the range begins only what it builds on is kept."""

    def __init__(self, first: date, last: date) -> None:
        self._first, self._last = first, last
        self._book = OrderBook(Ledger(), TradingTerms(FeeSchedule()), describe)
        self._past: list[Record] | None = []
        self._prices: dict[Code, Price] = {}
        self._names: dict[Code, str] = {}
        self._at = datetime(1990, 1, 1)
        self.found = JournalDays()

    def take(self, record: Record) -> None:
        kind = record.kind
        if kind in ("start", "restart"):
            self._begin(json.loads(record.body))
        if self._past is not None:
            if record.at.date() < self._first:
                self._remember(record, self._past)
                return
            rebuild(self._past, self._book)
            if any(past.kind in _STATED for past in self._past):
                self.stated(record)
            self._past = None
        self._at = record.at
        if kind == "day":
            self._before_day(date.fromisoformat(json.loads(record.body)["day"]))
        if kind == "report":
            self._report(record)
        else:
            rebuild((record,), self._book)
        known = _KINDS.get(kind)
        if known is not None:
            known(self, record)

    def end(self) -> None:
        """The range is over: its last day may still be open."""
        if self._past is None:
            self._before_day(date.max)
            self.found.orders = order_lines(self._book, self._book.day.isoformat())

    def _begin(self, body: Body) -> None:
        found = self.found
        found.strategy, found.broker = str(body.get("strategy", "")), str(body.get("broker", ""))
        found.data, found.source = str(body.get("data", "")), str(body.get("source", ""))

    def _remember(self, record: Record, past: list[Record]) -> None:
        if record.kind == "close":
            closed = _close(record.body)
            self._learn(closed)
            self.found.starting = total(closed)
        if record.kind == "checkpoint":
            past.clear()
        past.append(record)

    def _learn(self, closed: DayClosed) -> None:
        for line in closed.holdings:
            self._prices[line.code] = line.price
            self._names[line.code] = line.name

    def closed(self, record: Record) -> None:
        closed = _close(record.body)
        self._learn(closed)
        self.found.closes[closed.day] = closed

    def stated(self, _: Record) -> None:
        if self.found.starting is None:
            ledger = self._book.ledger
            self.found.starting = Money(ledger.cash + sum(p.average_cost * p.amount for p in ledger))
            self.found.began_at_cost = any(True for _ in ledger)

    def _before_day(self, day: date) -> None:
        """A day that ends without a close is estimated."""
        over = self._book.day
        if over == day or not self._first <= over <= self._last or over in self.found.closes:
            return
        if self.found.starting is None:  # the broker never stated the account
            return
        self.found.closes[over] = self._estimate(over)
        self.found.estimated.append(over)

    def _estimate(self, day: date) -> DayClosed:
        lines = [
            HoldingLine(
                p.code,
                self._names.get(p.code, ""),
                p.amount,
                0,
                p.average_cost,
                self._prices.get(p.code, p.average_cost),
            )
            for p in self._book.ledger
        ]
        sums, ledger = self._book.sums, self._book.ledger
        value = Money(sum(line.price * line.amount for line in lines))
        at = min(self._at, datetime.combine(day, time.max))
        refusals = tuple(sums.refusals.items())
        figures = (ledger.fees_today, sums.bought, sums.sold, sums.orders, sums.refused, refusals)
        return DayClosed(at, day, ledger.cash, tuple(lines), value, *figures, sums.messages, sums.peak)

    def _report(self, record: Record) -> None:
        body = json.loads(record.body)
        order = self._book.by_tag(str(body["tag"]))
        if order is None:
            return
        was_final, filled, turnover, fees = order.is_final, order.filled, order.turnover, order.fees
        rebuild((record,), self._book)
        if order.filled > filled:
            self._prices[order.code] = Price(body["price"])
        if not was_final and order.is_final and body["type"] == Rejected.__name__:
            self.found.rejected[str(body.get("rule") or "broker")] += 1
        if order.is_final and not was_final and order.filled:
            profit = order.profit if order.side is Side.SELL else None
            self._trade(record.at, order.code, order.side, order.filled, order.average_price, order.fees, profit)
        elif was_final and order.filled > filled:  # booked after the order had been reported as over
            amount = order.filled - filled
            price = Price((order.turnover - turnover) // amount)
            self._trade(record.at, order.code, order.side, amount, price, Money(order.fees - fees), None)

    def _trade(
        self, at: datetime, code: Code, side: Side, amount: int, price: Price, fees: Money, profit: Money | None
    ) -> None:
        name = self._names.get(code, "")
        self.found.trades.append(TradeResult(at, code, name, side, amount, price, fees, profit))

    def recorded(self, record: Record) -> None:
        given = _recorded(record.body)
        for name, value in given.values.items():
            self.found.records.setdefault(name, {})[given.day] = value

    def refused(self, record: Record) -> None:
        self.found.refused[str(json.loads(record.body)["rule"])] += 1

    def alarm(self, record: Record) -> None:
        body = json.loads(record.body)
        kind = str(body["kind"]) if record.kind == "alarm" else record.kind
        self.found.alarms.append(Remark(record.at, kind, _WORDS[record.kind](body)))

    def link(self, record: Record) -> None:
        if not json.loads(record.body)["up"]:
            self.alarm(record)

    def difference(self, record: Record) -> None:
        for one in json.loads(record.body)["found"]:
            words = one.get("text") or f"{one['what']} 本地 {one['ours']} 券商 {one['theirs']}"
            self.found.differences.append(Remark(record.at, str(one.get("kind", record.kind)), words))


_WORDS: dict[str, Callable[[Body], str]] = {
    "alarm": lambda body: str(body["text"]),
    "limit_near": lambda body: str(body["text"]),
    "report_ignored": lambda body: str(body["text"]),
    "callback_failed": lambda body: f"{body['callback']} 出错（{body['where']}）：{body['error']}",
    "callback_overdue": lambda body: f"{body['callback']} 运行 {body['seconds']} 秒没有返回（{body['where']}）",
    "task_missed": lambda body: f"{body['task']} 错过 {body['times']} 次，应在 {str(body['due']).replace('T', ' ')}",
    "link": lambda body: f"与券商的连接断开：{body['reason']}",
}

_STATED = ("account", "checkpoint")

_KINDS: dict[str, Callable[[_Reader, Record], None]] = {
    "close": _Reader.closed,
    **dict.fromkeys(_STATED, _Reader.stated),
    "recorded": _Reader.recorded,
    "refused": _Reader.refused,
    "cancel_forbidden": _Reader.refused,
    "difference": _Reader.difference,
    "findings": _Reader.difference,
    **dict.fromkeys(_WORDS, _Reader.alarm),
    "link": _Reader.link,
}

_close = msgspec.json.Decoder(DayClosed).decode
_recorded = msgspec.json.Decoder(Recorded).decode
