"""The rules of one security on one day, looked up once and kept as plain numbers: an order is checked against them in a
few comparisons, and only a refusal asks the rule book for its words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time

from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.market.lots import Lot, check_lot, lot_rule
from bullet_trade.market.market_orders import check_market_order
from bullet_trade.market.order_size import check_order_size, max_order_amount
from bullet_trade.market.price_cage import CAGES, Book, check_price_cage, price_cage
from bullet_trade.market.price_limit import PriceLimits, check_price_limit
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sessions import Phase, schedule
from bullet_trade.market.settlement import is_t0
from bullet_trade.market.st_cap import check_st_cap
from bullet_trade.market.tick_size import check_tick, tick_size
from bullet_trade.market.timeline import in_force
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.quotes import DayFacts

CLOSE = time(15, 0)
"""The simulated exchange closes for all; what trades later elsewhere (fixed price, repo) does not trade here."""

_UNTRADED = frozenset({Kind.INDEX, Kind.OTHER})


@dataclass(slots=True)
class DayRules:
    """`limits` None: no daily price limit, and `high` and `low` 0.

    `used` counts the shares that own orders took of the minute `used_at`.
    """

    security: Security
    day: date
    limits: PriceLimits | None
    low: Price
    high: Price
    paused: bool
    tick: Price
    lot: Lot
    t0: bool
    caged: bool
    takes_market: bool
    largest_limit: int
    largest_market: int
    starts: list[time]
    phases: list[Phase]
    used_at: datetime | None = None
    used: int = 0
    taken: dict[tuple[Side, Price], int] = field(default_factory=dict)
    """Shares that own orders took out of levels which the book still shows."""

    def phase(self, at: time) -> Phase:
        """The phase that `at` belongs to."""
        return self.phases[bisect_right(self.starts, at) - 1]

    def phase_before(self, at: time) -> Phase:
        """The phase that was on until `at`."""
        return self.phases[bisect_left(self.starts, at) - 1]

    def refusal(self, ticket: OrderTicket, sellable: int) -> Refusal | None:
        """The first rule that forbids the order whatever the hour, or None. Money and shares are not looked at."""
        if self._is_plain(ticket):
            return None
        security, amount = self.security, ticket.amount
        market = ticket.order_type is OrderType.MARKET
        largest = self.largest_market if market else self.largest_limit
        refusal = (
            (check_market_order(security, has_limits=self.limits is not None) if market else None)
            or check_lot(security, ticket.side, amount, sellable, self.day, lot=self.lot)
            or check_order_size(security, amount, largest)
        )
        if refusal is not None or (market and not ticket.limit_price):
            return refusal
        return check_tick(security, ticket.limit_price, self.day) or check_price_limit(
            security, ticket.limit_price, self.limits
        )

    def _is_plain(self, ticket: OrderTicket) -> bool:
        """Whether nothing can be wrong with it; False only means that the rules have to be asked one by one."""
        limit, amount, lot, limits = ticket.limit_price, ticket.amount, self.lot, self.limits
        if ticket.order_type is OrderType.MARKET:
            if not self.takes_market or amount > self.largest_market:
                return False
        elif amount > self.largest_limit:
            return False
        return (
            limit > 0
            and limit % self.tick == 0
            and (limits is None or limits.low <= limit <= limits.high)
            and 0 < lot.minimum <= amount
            and (amount - lot.minimum) % lot.step == 0
        )

    def cage_refusal(self, ticket: OrderTicket, book: Book) -> Refusal | None:
        """No for a limit order past the price cage. To be asked in continuous trading only."""
        cage = price_cage(self.security, ticket.side, self.day, book, self.limits)
        return check_price_cage(self.security, ticket.side, ticket.limit_price, cage)

    def cap_refusal(self, ticket: OrderTicket, bought: int, pending: int) -> Refusal | None:
        """No for a purchase past the day's cap on risk-warning shares."""
        return check_st_cap(self.security, ticket.amount, self.day, bought, pending)


def day_rules(security: Security, day: date, facts: DayFacts) -> DayRules:
    """The rules of `security` on the session `day`; `facts` are the day's reference price, limits and suspension."""
    limits = PriceLimits(price(facts.low_limit), price(facts.high_limit)) if facts.high_limit > 0 else None
    windows = [window for window in schedule(security, day) if window.start < CLOSE]
    cages = CAGES.get(security.board)
    return DayRules(
        security=security,
        day=day,
        limits=limits,
        low=limits.low if limits else Price(0),
        high=limits.high if limits else Price(0),
        paused=facts.paused,
        tick=tick_size(security, day),
        lot=lot_rule(security, day),
        t0=is_t0(security, day),
        caged=cages is not None and in_force(cages, day) is not None,
        takes_market=check_market_order(security, has_limits=limits is not None) is None,
        largest_limit=max_order_amount(security, OrderType.LIMIT, day),
        largest_market=max_order_amount(security, OrderType.MARKET, day),
        starts=[*(window.start for window in windows), CLOSE],
        phases=[*(window.phase for window in windows), Phase.CLOSED],
    )


class RulesOfTheDay:
    """`DayRules` by code, made when first asked for."""

    def __init__(self, securities: Callable[[Code], Security | None], facts: Callable[[Code], DayFacts]) -> None:
        self._securities = securities
        self._facts = facts
        self._day = date.min
        self._known: dict[Code, DayRules | None] = {}

    def of(self, code: Code, day: date) -> DayRules | None:
        """The rules of `code` on `day`; None for a code that is unknown, not listed then, or not traded at all."""
        if day != self._day:
            self._day = day
            self._known.clear()
        if code in self._known:
            return self._known[code]
        security = self._securities(code)
        tradable = security is not None and security.kind not in _UNTRADED and security.listed_on(day)
        rules = day_rules(security, day, self._facts(code)) if security is not None and tradable else None
        self._known[code] = rules
        return rules
