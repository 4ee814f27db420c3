"""The account's limits with what today has used of them, and orders tried against them without sending any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from bullet_trade.brokers.simulator.initial_positions import VARIABLE, parse_initial_positions
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import ZERO, Money, Price, money, yuan
from bullet_trade.domain.orders import Order, OrderId, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.recovery import rebuild
from bullet_trade.engine.risk import RiskGate
from bullet_trade.engine.risk_counters import Counters
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.engine.risk_rules import CANCEL_RULES, ORDER_RULES, Proposal
from bullet_trade.market.boards import describe
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.order_size import max_order_amount, split
from bullet_trade.market.refusal import Refusal
from bullet_trade.ops.risk_settings import ALL, SHOWN, only, value_text
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.store.journal import read_since_checkpoint

NEEDS_QUOTES = ("max_daily_loss", "max_price_deviation")
"""Limits that cannot be judged without market data."""


class LimitLine(msgspec.Struct, frozen=True):
    """One limit. `used` and `left` are in the limit's unit (yuan, or a count), None where the day uses none of it up,
    or where it takes market data to know."""

    name: str
    variable: str
    title: str
    limit: str
    used: float | None
    left: float | None
    unit: str


class RiskReport(msgspec.Struct, frozen=True):
    """The limits, and what was refused on `day`, by rule."""

    day: str
    limits: tuple[LimitLine, ...]
    refusals: dict[str, int]


class Wanted(NamedTuple):
    """One order of a list: where it stands in the file, and what it is."""

    line: int
    code: Code
    side: Side
    amount: int
    price: Price


class Verdict(NamedTuple):
    """What would become of an order; `refusal` is None when it may leave."""

    order: Wanted
    refusal: Refusal | None


def account_of(journal: Path, today: date) -> OrderBook:
    """Orders, cash and positions as the journal has them; an account that did nothing yet where there is no journal."""
    book = OrderBook(Ledger(), TradingTerms(FeeSchedule()), describe)
    if journal.exists():
        rebuild(read_since_checkpoint(journal), book)
    if today > book.day:
        book.open_day(today)
    return book


def account_given(cash: float, positions: str, today: date) -> OrderBook:
    """An account with this cash (yuan) and these positions, written as for the simulated account."""
    try:
        openings = parse_initial_positions(positions)
    except UsageError as error:
        raise UsageError(error.text.replace(VARIABLE, "--positions"), error.remedy) from error
    ledger = Ledger(money(cash))
    for opening in openings:
        cost = Money(opening.cost * opening.amount)
        ledger.positions[opening.code] = Position(code=opening.code, amount=opening.amount, cost=cost)
    book = OrderBook(ledger, TradingTerms(FeeSchedule()), describe)
    book.open_day(today)
    return book


def report(limits: RiskLimits, book: OrderBook) -> RiskReport:
    """Every limit, those that do not hold too."""
    counters = _counters(book, {})
    used: dict[str, Callable[[Counters], int] | None] = {rule.name: rule.used for rule in ORDER_RULES}
    used |= {rule.name: rule.used for rule in CANCEL_RULES}
    used |= {"max_order_rate": lambda counters: counters.book.sums.peak, "daily_message_warning": Counters.messages}
    lines = tuple(_line(limits, name, used.get(name), counters) for name in SHOWN)
    return RiskReport(book.day.isoformat(), lines, dict(book.sums.refusals))


def _line(limits: RiskLimits, name: str, used: Callable[[Counters], int] | None, counters: Counters) -> LimitLine:
    shown, limit = SHOWN[name], getattr(limits, name)
    line = LimitLine(name, name.upper(), shown.title, value_text(limits, name), None, None, shown.unit)
    if used is None or name in NEEDS_QUOTES:
        return line
    count = used(counters)
    left = max(0, limit - count) if limit else None
    if shown.unit == "元":
        return msgspec.structs.replace(line, used=yuan(count), left=yuan(left) if left is not None else None)
    return msgspec.structs.replace(line, used=count, left=left)


def try_orders(
    orders: Sequence[Wanted],
    limits: RiskLimits,
    book: OrderBook,
    parts_of: Callable[[Wanted], Sequence[int]],
    now: datetime,
) -> list[Verdict]:
    """What the limits say to each order, one after the other: those that may leave count for the ones that follow.

    Holdings are worth the price in the list, else that of today's last trade, else their cost. `parts_of` gives the
    parts that the exchange takes an order in.
    """
    gate = RiskGate(
        only(limits, set(ALL) - set(NEEDS_QUOTES)), _counters(book, {one.code: one.price for one in orders})
    )
    return [Verdict(one, _try(one, gate, book, parts_of(one), now)) for one in orders]


def _try(one: Wanted, gate: RiskGate, book: OrderBook, parts: Sequence[int], now: datetime) -> Refusal | None:
    refusal = gate.order(Proposal(one.code, one.side, one.amount, len(parts), one.price, one.price, now))
    if refusal is None:
        _leave(one, parts, book, now)
    return refusal


def exchange_parts(day: date) -> Callable[[Wanted], Sequence[int]]:
    """The parts in which the exchange takes an order on `day`: more than one beyond its largest order."""

    def parts(one: Wanted) -> Sequence[int]:
        security = describe(one.code)
        most = max_order_amount(security, OrderType.LIMIT, day)
        return split(security, one.side, one.amount, OrderType.LIMIT, day) if 0 < most < one.amount else (one.amount,)

    return parts


def _leave(one: Wanted, parts: Sequence[int], book: OrderBook, now: datetime) -> None:
    book.ledger.positions.setdefault(one.code, Position(code=one.code))  # a sale locks shares of it
    first = max(book.orders, default=0) + 1
    for number, amount in enumerate(parts, first):
        order = Order(
            order_id=OrderId(number),
            parent_id=OrderId(first),
            tag=f"try:{number}",
            code=one.code,
            side=one.side,
            amount=amount,
            order_type=OrderType.LIMIT,
            limit_price=one.price,
            created_at=now,
            reference_price=one.price,
        )
        book.admit(order, ZERO)


def _counters(book: OrderBook, listed: dict[Code, Price]) -> Counters:
    traded = {trade.code: trade.price for trade in book.trades}

    def last(code: Code) -> Price:
        return listed.get(code) or traded.get(code) or Price(0)

    return Counters(book, last, lambda _: Price(0))
