"""The simulated broker: takes orders, matches them against the market's minutes, and reports like a counter does.

Runs on the engine thread, driven by the engine's timers; reports go through the inbox like those of any broker, after
`report_delay_s` of exchange time. Minutes in which nothing rests cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from bullet_trade.brokers.simulator.account import Account
from bullet_trade.brokers.simulator.matching import Match, share_of, take_at_once, trade_through
from bullet_trade.domain.money import ZERO, Money, Price, money, price, text
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    Cancelled,
    CancelRefused,
    Entitlement,
    Filled,
    LinkUp,
    Rejected,
    Report,
)
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market import lots
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.settlement import is_t0
from bullet_trade.market.tick_size import tick_size
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.exchange_feed import Bar, ExchangeFeed
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.quotes import Quotes
from bullet_trade.ports.terms import TradingTerms

OPEN, NOON, AFTERNOON, CLOSE = time(9, 30), time(11, 30), time(13, 0), time(15, 0)
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Resting:
    """A working order at the exchange. `since`: it takes part in minutes that begin at or after this instant."""

    ticket: OrderTicket
    security: Security
    since: datetime
    reserved: Money
    arrived: bool = False
    filled: int = 0
    turnover: Money = ZERO
    fees: Money = ZERO

    @property
    def rest(self) -> int:
        """Shares not filled yet."""
        return self.ticket.amount - self.filled


@dataclass(frozen=True, slots=True)
class Market:
    """Where the simulated exchange looks: trading minutes, quotes, reference data, the calendar."""

    feed: ExchangeFeed
    quotes: Quotes
    data: MarketData
    calendar: TradingCalendar
    securities: Callable[[Code], Security | None]


@dataclass(slots=True)
class SimulatedBroker:
    """One simulated account. `persist` is called after every change of the account, to save it."""

    market: Market
    timers: Timers
    terms: TradingTerms
    account: Account
    report_delay_s: float = 0.0
    persist: Callable[[Account], None] = lambda _: None
    label: str = "模拟券商"
    _sink: ReportSink | None = None
    _working: dict[str, Resting] = field(default_factory=dict)
    _used: dict[tuple[Code, datetime], int] = field(default_factory=dict)
    _sweep_armed: bool = False
    _roll_armed: bool = False

    # -- the broker port -------------------------------------------------------------------------------------------

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self._roll()
        sink(LinkUp(self.timers.now()))
        self.request_snapshot()

    def submit(self, ticket: OrderTicket) -> None:
        self._roll()
        now = self.timers.now()
        security = self.market.securities(ticket.code)
        refusal = self._refusal(ticket, security, now)
        if refusal or security is None:
            self._report(Rejected(ticket.tag, refusal or f"证券代码 {ticket.code} 不存在", now))
            return
        reserved = self._reserve_for(ticket, security)
        shortage = self.account.reserve(ticket.side, ticket.code, ticket.amount, reserved)
        if shortage:
            self._report(Rejected(ticket.tag, shortage, now))
            return
        order = Resting(ticket, security, now, reserved)
        self._working[ticket.tag] = order
        self._report(Accepted(ticket.tag, str(self._number()), now))
        bar = self.market.feed.bar_in_progress(ticket.code)
        if bar is not None:
            self._arrive(order, bar, now)
        if self._working:
            self._arm_sweep()
        self.persist(self.account)

    def cancel(self, tag: str) -> None:
        now = self.timers.now()
        order = self._working.get(tag)
        if order is None:
            self._report(CancelRefused(tag, "委托已经结束", now))
            return
        self._end(order, "已撤单", now)
        self.persist(self.account)

    def request_snapshot(self) -> None:
        self._roll()
        self._report(self.account.snapshot(self.timers.now()))

    def close(self) -> None:
        self._sink = None
        self.persist(self.account)

    # -- reports ---------------------------------------------------------------------------------------------------

    def _report(self, report: Report) -> None:
        if self.report_delay_s <= 0:
            self._deliver(report)
            return
        when = self.timers.now() + timedelta(seconds=self.report_delay_s)
        self.timers.at(when, Rank.MARKET, lambda: self._deliver(report))

    def _deliver(self, report: Report) -> None:
        if self._sink is not None:
            self._sink(report)

    def _number(self) -> int:
        number = self.account.next_number
        self.account.next_number += 1
        return number

    # -- order entry -----------------------------------------------------------------------------------------------

    def _refusal(self, ticket: OrderTicket, security: Security | None, now: datetime) -> str:
        if security is None:
            return f"证券代码 {ticket.code} 不存在"
        if not self.market.calendar.is_session(now.date()) or now.time() >= CLOSE:
            return "非交易时段，交易所不接受委托"
        facts = self.market.quotes.facts(ticket.code)
        if facts.paused:
            return "证券停牌"
        if (
            facts.high_limit
            and not facts.low_limit <= ticket.limit_price / 10_000 <= facts.high_limit
            and ticket.limit_price
        ):
            return f"委托价格 {text(ticket.limit_price, 3)} 超出涨跌停 {facts.low_limit}-{facts.high_limit}"
        return ""

    def _reserve_for(self, ticket: OrderTicket, security: Security) -> Money:
        if ticket.side is Side.SELL:
            return Money(0)
        worst = ticket.limit_price
        if not worst:
            facts = self.market.quotes.facts(ticket.code)
            worst = price(facts.high_limit or self.market.quotes.last_price(ticket.code) * 1.1)
        turnover = Money(worst * ticket.amount)
        return Money(turnover + self.terms.order_fee(security, Side.BUY, turnover, self.timers.now().date()))

    def _arrive(self, order: Resting, bar: Bar, now: datetime) -> None:
        """The order meets the market: what can trade at once does; of a market order the rest is cancelled."""
        order.arrived = True
        ticket = order.ticket
        tick = tick_size(order.security, now.date())
        facts = self.market.quotes.facts(ticket.code)
        slip = Price(0)
        if ticket.order_type is OrderType.MARKET:
            slip = price(self.terms.slippage_of(order.security).per_side(bar.open))
        match = take_at_once(
            ticket.side, bar, ticket.limit_price, slip, tick, price(facts.high_limit), price(facts.low_limit)
        )
        amount = self._fill(order, match, bar, now) if match.amount else 0
        if order.rest and ticket.order_type is OrderType.MARKET:
            self._end(order, match.reason or f"成交 {amount} 股后对手盘不足，剩余撤销", now)

    def _fill(self, order: Resting, match: Match, bar: Bar, now: datetime) -> int:
        """Fill what the minute's volume allows at the match's price; the shares filled."""
        ticket = order.ticket
        key = (ticket.code, bar.start)
        used = self._used.get(key, 0)
        possible = min(order.rest, share_of(bar.volume, self.terms.volume_share, used))
        if possible < order.rest:
            possible = lots.buy_amount(order.security, possible, now.date())
        if possible <= 0:
            return 0
        self._used[key] = used + possible
        order.filled += possible
        order.turnover = Money(order.turnover + match.price * possible)
        total = self.terms.order_fee(order.security, ticket.side, order.turnover, now.date())
        fee = Money(total - order.fees)
        order.fees = total
        self._book(order, possible, match.price, fee)
        trade_id = str(self._number())
        self._report(Filled(ticket.tag, trade_id, possible, match.price, now, fee))
        if not order.rest:
            self._forget(order)
        return possible

    def _book(self, order: Resting, amount: int, at: Price, fee: Money) -> None:
        turnover = at * amount
        if order.ticket.side is Side.SELL:
            self.account.sell(order.ticket.code, amount, Money(turnover - fee))
            return
        paid = Money(turnover + fee)
        released = order.reserved if not order.rest else min(order.reserved, paid)
        order.reserved = Money(order.reserved - released)
        self.account.buy(order.ticket.code, amount, paid, released, is_t0(order.security, self.timers.now().date()))
        self._arm_roll()

    def _end(self, order: Resting, reason: str, now: datetime) -> None:
        self._forget(order)
        self._report(Cancelled(order.ticket.tag, reason, now))

    def _forget(self, order: Resting) -> None:
        del self._working[order.ticket.tag]
        self.account.unreserve(order.ticket.side, order.ticket.code, order.rest, order.reserved)

    # -- resting orders --------------------------------------------------------------------------------------------

    def _arm_sweep(self) -> None:
        if self._sweep_armed:
            return
        when = next_minute_mark(self.timers.now())
        if when is not None:
            self._sweep_armed = True
            self.timers.at(when, Rank.MARKET, self._sweep)

    def _sweep(self) -> None:
        """A minute has ended (or trading begins): resting orders meet it in the order in which they came."""
        self._sweep_armed = False
        now = self.timers.now()
        for order in list(self._working.values()):
            self._meet(order, now)
        if now.time() >= CLOSE:
            for order in list(self._working.values()):
                self._end(order, "收盘未成交，自动撤单", now)
        if self._working:
            self._arm_sweep()
        self._used = {key: used for key, used in self._used.items() if key[1] >= now - _MINUTE}
        self.persist(self.account)

    def _meet(self, order: Resting, now: datetime) -> None:
        code = order.ticket.code
        if not order.arrived:
            bar = self.market.feed.bar_in_progress(code)
            if bar is not None:
                self._arrive(order, bar, now)
            return
        bar = self.market.feed.finished_bar(code)
        if bar is None or bar.start < order.since or bar.end != now:
            return
        match = trade_through(order.ticket.side, order.ticket.limit_price, bar)
        if match.amount:
            self._fill(order, match, bar, now)

    # -- the change of day -----------------------------------------------------------------------------------------

    def _arm_roll(self) -> None:
        if not self._roll_armed:
            self._roll_armed = True
            tomorrow = datetime.combine(self.timers.now().date() + timedelta(days=1), time())
            self.timers.at(tomorrow, Rank.MARKET, self._tomorrow)

    def _tomorrow(self) -> None:
        self._roll_armed = False
        self._roll()

    def _roll(self) -> None:
        """Settle once per trading date: T+1 shares become free, entitlements of the date are booked."""
        today = self.timers.now().date()
        if self.account.day != today.isoformat() and self.market.calendar.is_session(today):
            since = date.fromisoformat(self.account.day) if self.account.day else today
            self.account.settle()
            self.account.day = today.isoformat()
            self._entitle(since, today)
            self.persist(self.account)
        if self.account.holdings:
            self._arm_roll()

    def _entitle(self, since: date, today: date) -> None:
        now = self.timers.now()
        for code, holding in self.account.holdings.items():
            for action in self.market.data.corporate_actions(Code(code)):
                if not since < action.ex_date <= today:
                    continue
                cash = Money(money(action.cash_per_share * holding.amount) // 100 * 100)
                shares = int(holding.amount * action.share_ratio)
                self.account.cash = Money(self.account.cash + cash)
                holding.free += shares
                words = f"除权除息：每股派现 {action.cash_per_share:g} 元，每股送转 {action.share_ratio:g} 股"
                self._report(Entitlement(Code(code), cash, shares, now, words))


def next_minute_mark(now: datetime) -> datetime | None:
    """The next instant at which resting orders may trade: an end of a trading minute, or the start of a session.

    None after the close.
    """
    at = now.time()
    if at >= CLOSE:
        return None
    if at < OPEN:
        return datetime.combine(now.date(), OPEN)
    if NOON <= at < AFTERNOON:
        return datetime.combine(now.date(), AFTERNOON)
    return now.replace(second=0, microsecond=0) + _MINUTE
