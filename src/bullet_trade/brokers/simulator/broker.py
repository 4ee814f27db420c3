"""The simulated broker: the counter in front of the simulated exchange. It keeps the account, answers orders as a QMT
terminal does, and settles at the change of day.

Runs on the engine thread, driven by the engine's timers; reports go through the inbox like those of any broker, after
`report_delay_s` of exchange time. `cancel` may be called from any thread: from another one it is laid into a queue
that the engine thread empties the next time it comes here, at the latest after `attend_s` while orders work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from threading import get_ident

from bullet_trade.brokers.simulator import order_entry, settlement
from bullet_trade.brokers.simulator.account import Account
from bullet_trade.brokers.simulator.day_rules import CLOSE, DayRules, RulesOfTheDay
from bullet_trade.brokers.simulator.exchange import Exchange, Market
from bullet_trade.brokers.simulator.orders import CounterOrder, Status
from bullet_trade.domain.money import ZERO, Money, Price, text
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    Cancelled,
    CancelRefused,
    Entitlement,
    Filled,
    LinkUp,
    OrderReport,
    Rejected,
    Report,
    TradeRow,
)
from bullet_trade.domain.securities import Code
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sessions import check_cancel
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.terms import TradingTerms

__all__ = ["Market", "SimulatedBroker"]

HAND_TAG = "by-hand-"
"""Under tags that begin so, orders entered by hand are kept; reports never carry them."""

AT_MARKET = Price(0)


def _keep_nothing(_: Account) -> None:
    """An account that lives as long as its process."""


@dataclass(slots=True)
class SimulatedBroker:
    """One simulated account.

    `persist` is called after every change of the account, to save it. `report_delay_s`: seconds of exchange time that
    a report needs, and a request to cancel; 0 answers at once. `attend_s`: how often, while orders work, requests from
    other threads are looked for; 0 only when something else happens.
    """

    market: Market
    timers: Timers
    terms: TradingTerms
    account: Account
    report_delay_s: float = 0.0
    persist: Callable[[Account], None] = _keep_nothing
    attend_s: float = 0.0
    label: str = "模拟券商"
    _sink: ReportSink | None = None
    _exchange: Exchange = field(init=False)
    _rules: RulesOfTheDay = field(init=False)
    _today: date = date.min
    _open_today: bool = False
    _roll_armed: bool = False
    _attending: bool = False
    _thread: int = 0
    _requests: deque[Callable[[], None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._exchange = Exchange(self.market, self.timers, self.terms, self)
        self._rules = RulesOfTheDay(self.market.securities, self.market.quotes.facts)

    # -- the broker port -------------------------------------------------------------------------------------------

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._thread = get_ident()
        now = self.timers.now()
        self._roll(now.date())
        self._resume(now)
        sink(LinkUp(now))
        self.request_snapshot()

    def submit(self, ticket: OrderTicket) -> None:
        self._enter(ticket, by_hand=False)

    def cancel(self, tag: str) -> None:
        if get_ident() != self._thread:
            self._requests.append(partial(self._cancel, tag))
            return
        self._attend()
        self._cancel(tag)

    def request_snapshot(self) -> None:
        self._attend()
        self._roll(self.timers.now().date())
        self._report(self.account.snapshot(self.timers.now()))

    def close(self) -> None:
        self._sink = None
        self.persist(self.account)

    # -- from outside ----------------------------------------------------------------------------------------------

    def enter_by_hand(self, code: Code, side: Side, amount: int, limit_price: Price = AT_MARKET) -> None:
        """Enter an order as a person at the terminal would (`limit_price` 0: at market); from any thread.

        It moves the account and stands in the day's list of orders without a tag, a refused one too; no report about
        it is made.
        """
        order_type = OrderType.LIMIT if limit_price else OrderType.MARKET

        def enter() -> None:
            tag = f"{HAND_TAG}{self.account.next_number}"
            self._enter(OrderTicket(tag, code, side, amount, order_type, limit_price), by_hand=True)

        if get_ident() == self._thread or not self._thread:
            enter()
        else:
            self._requests.append(enter)

    # -- order entry -----------------------------------------------------------------------------------------------

    def _enter(self, ticket: OrderTicket, by_hand: bool) -> None:
        if self._requests:
            self._attend()
        now = self.timers.now()
        today = now.date()
        if today != self._today:
            self._roll(today)
        account = self.account
        order = CounterOrder(ticket, str(account.number()), now, Money(0), ticket.limit_price, by_hand=by_hand)
        account.orders[ticket.tag] = order
        rules = self._rules.of(ticket.code, today)
        if rules is None:
            self.refused(order, order_entry.unknown(ticket.code), now)
            self.persist(account)
            return
        phase = rules.phase(now.time())
        refusal = (
            order_entry.refusal(ticket, rules, phase, now, account)
            if self._open_today
            else order_entry.closed(ticket, now)
        ) or order_entry.reserve(order, rules, account, self.terms, self.market.quotes)
        if refusal is not None:
            self.refused(order, refusal, now)
        else:
            if not by_hand:
                self._report(Accepted(ticket.tag, order.broker_id, now))
            self._exchange.enter(order, rules, phase, now)
            if self.attend_s and order.alive:
                self._keep_attending()
        self.persist(account)

    # -- cancelling ------------------------------------------------------------------------------------------------

    def _cancel(self, tag: str) -> None:
        now = self.timers.now()
        order = self.account.orders.get(tag)
        if order is None or not order.alive:
            reason = "没有这笔委托" if order is None else f"委托已经结束（{order.status.words}）"
            self._report(CancelRefused(tag, reason, now))
            return
        if order.status is Status.WAITING or self.report_delay_s <= 0:
            self._cancel_at_exchange(order)
            return
        order.status = Status.PART_CANCELLING if order.filled else Status.CANCELLING
        when = now + timedelta(seconds=self.report_delay_s)
        self.timers.at(when, Rank.MARKET, partial(self._cancel_at_exchange, order))

    def _cancel_at_exchange(self, order: CounterOrder) -> None:
        """The request has reached the exchange; a fill may have been faster."""
        now = self.timers.now()
        tag = order.ticket.tag
        if not order.alive:
            self._say(order, CancelRefused(tag, f"委托已经结束（{order.status.words}）", now))
            return
        rules = self._rules.of(order.ticket.code, now.date())
        refusal = (
            check_cancel(rules.security, now.date(), now.time())
            if rules is not None and order.status is not Status.WAITING
            else None
        )
        if refusal is not None:
            order.status = Status.PART_FILLED if order.filled else Status.REPORTED
            self._say(order, CancelRefused(tag, refusal.text(), now))
        else:
            self._exchange.withdraw(order)
            self.ended(order, "已撤单", now)
        self.persist(self.account)

    def _attend(self) -> None:
        """Do what other threads have asked for."""
        while self._requests:
            self._requests.popleft()()

    def _keep_attending(self) -> None:
        if not self._attending:
            self._attending = True
            when = self.timers.now() + timedelta(seconds=self.attend_s)
            self.timers.at(when, Rank.MARKET, self._attend_again)

    def _attend_again(self) -> None:
        self._attending = False
        self._attend()
        if any(order.alive for order in self.account.orders.values()):
            self._keep_attending()

    # -- what the exchange tells -----------------------------------------------------------------------------------

    def filled(self, order: CounterOrder, rules: DayRules, amount: int, at_price: Price, at: datetime) -> None:
        """Book a trade of `order` and report it."""
        ticket, account = order.ticket, self.account
        turnover = at_price * amount
        order.filled += amount
        order.turnover = Money(order.turnover + turnover)
        total = self.terms.order_fee(rules.security, ticket.side, order.turnover, rules.day)
        fee = Money(total - order.fees)
        order.fees = total
        done = order.filled == ticket.amount
        tax = ZERO
        if ticket.side is Side.BUY:
            paid = Money(turnover + fee)
            released = order.reserved if done else min(order.reserved, paid)
            order.reserved = Money(order.reserved - released)
            account.buy(ticket.code, amount, paid, released, rules.day, rules.t0)
            if not self._roll_armed:
                self._arm_roll()
        else:
            tax = settlement.tax_of_sale(account.holdings[ticket.code], amount, rules.day)
            account.sell(ticket.code, amount, Money(turnover - fee))
        if done:
            order.status = Status.FILLED
        elif order.status not in (Status.CANCELLING, Status.PART_CANCELLING):
            order.status = Status.PART_FILLED
        else:
            order.status = Status.PART_CANCELLING
        tag, trade_id = "" if order.by_hand else ticket.tag, str(account.number())
        account.trades.append(
            TradeRow(tag, order.broker_id, trade_id, ticket.code, ticket.side, amount, at_price, at, fee)
        )
        if tag:
            self._report(Filled(tag, trade_id, amount, at_price, at, fee))
        if tax:
            account.cash = Money(account.cash - tax)
            self._report(Entitlement(ticket.code, Money(-tax), 0, at, f"红利税补缴 {text(tax)} 元（按持股期限）"))

    def ended(self, order: CounterOrder, reason: str, at: datetime) -> None:
        """Give back what the order did not use and report that its rest is gone."""
        self.account.unreserve(order)
        order.status = Status.PART_CANCELLED if order.filled else Status.CANCELLED
        order.reason = reason
        self._say(order, Cancelled(order.ticket.tag, reason, at))

    def refused(self, order: CounterOrder, refusal: Refusal, at: datetime) -> None:
        """Report that the order was not taken, and by which rule."""
        if order.status is not Status.UNREPORTED:
            self.account.unreserve(order)
        order.status = Status.JUNK
        order.reason = refusal.text()
        self._say(order, Rejected(order.ticket.tag, order.reason, at, refusal.rule))

    def moved(self) -> None:
        """Save after orders met the market."""
        self._attend()
        self.persist(self.account)

    # -- reports ---------------------------------------------------------------------------------------------------

    def _say(self, order: CounterOrder, report: OrderReport) -> None:
        if not order.by_hand:
            self._report(report)

    def _report(self, report: Report) -> None:
        if self.report_delay_s <= 0:
            if self._sink is not None:
                self._sink(report)
            return
        when = self.timers.now() + timedelta(seconds=self.report_delay_s)
        self.timers.at(when, Rank.MARKET, partial(self._deliver, report))

    def _deliver(self, report: Report) -> None:
        if self._sink is not None:
            self._sink(report)

    # -- the change of day -----------------------------------------------------------------------------------------

    def _arm_roll(self) -> None:
        self._roll_armed = True
        tomorrow = datetime.combine(self.timers.now().date() + timedelta(days=1), time())
        self.timers.at(tomorrow, Rank.MARKET, self._tomorrow)

    def _tomorrow(self) -> None:
        self._roll_armed = False
        self._roll(self.timers.now().date())

    def _roll(self, today: date) -> None:
        """Settle once per trading date, also after several days' absence: what was left open yesterday is gone, T+1
        shares become free, all actions since the last date are booked."""
        if today != self._today:
            self._today = today
            self._open_today = self.market.calendar.is_session(today)
            if self._open_today and self.account.day != today.isoformat():
                self._settle(today)
                self.persist(self.account)
        if self.account.holdings and not self._roll_armed:
            self._arm_roll()

    def _settle(self, today: date) -> None:
        account, now = self.account, self.timers.now()
        for order in account.orders.values():
            if order.alive:
                self.ended(order, "上一交易日没有成交，已失效", now)
        self._exchange.clear()
        account.orders, account.trades = {}, []
        settlement.free_bought_shares(account)
        since = date.fromisoformat(account.day) if account.day else today
        account.day = today.isoformat()
        booked = settlement.book_actions(
            account,
            since,
            today,
            self.market.data.corporate_actions,
            self.market.securities,
            self.market.calendar.previous_session,
        )
        for one in booked:
            self._report(Entitlement(one.code, one.cash, one.shares, now, one.text))

    def _resume(self, now: datetime) -> None:
        """Working orders that were saved go on; those whose day is over expire."""
        for order in list(self.account.orders.values()):
            if not order.alive:
                continue
            rules = self._rules.of(order.ticket.code, now.date())
            over = self.account.day != now.date().isoformat() or now.time() >= CLOSE
            if rules is None or over:
                self.ended(order, "收盘未成交，自动撤单", now)
            else:
                self._exchange.resume(order, rules, now)
