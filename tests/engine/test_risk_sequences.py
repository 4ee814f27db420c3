"""No sequence of orders, fills, cancels, price moves and restarts passes a limit, as a second bookkeeper sees it.

The bookkeeper stands at the broker: it knows what was sent to it, what it has answered, and the prices, and nothing of
the engine. It works the account out from the beginning with every order that comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.money import money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import Cancelled, Filled, Rejected, Report
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_broker import (
    Script,
    ScriptedBroker,
    accepted,
    cancel_refused,
    cancelled,
    filled,
    rejected,
)
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2025, 6, 3)
CODES = ("600000.XSHG", "000001.XSHE", "510300.XSHG", "600010.XSHG")
BEFORE = {CODES[0]: 100_000, CODES[1]: 200_000, CODES[2]: 40_000, CODES[3]: 10_000}
"""Yesterday's closes in 1/10,000 yuan; today's prices move within 3 % of them."""
HOLDINGS = {CODES[0]: 2_000, CODES[3]: 30_000}
CASH = 400_000.0
MINUTES = 12

SOURCE = (
    "from jqdata import *\n"
    f"CODES = {CODES!r}\n"
    "def handle_data(context, data):\n"
    "    now = context.current_dt.strftime('%H:%M')\n"
    "    for kind, place, amount, beyond in g.programme.get(now, ()):\n"
    "        code = CODES[place]\n"
    "        if kind == 'cancel':\n"
    "            cancel_all_orders()\n"
    "        elif kind == 'market':\n"
    "            order(code, amount, wait_timeout=0)\n"
    "        else:\n"
    "            limit = round(data[code].close * (1 + beyond / 1000), 3)\n"
    "            order(code, amount, LimitOrderStyle(limit), wait_timeout=0)\n"
)

SCRIPTS: tuple[Script, ...] = (
    (accepted(0.5), filled(after_s=1.0)),
    (accepted(0.5), filled(100, after_s=1.0)),
    (accepted(0.5), filled(100, after_s=1.0), cancelled(after_s=70.0)),
    (accepted(0.5),),
    (accepted(0.5), cancelled(after_s=90.0), filled(100, after_s=95.0)),
    (rejected(after_s=0.5),),
    (),
)
CANCEL_SCRIPTS: tuple[Script, ...] = ((cancelled(after_s=0.5),), (cancel_refused(after_s=0.5),))


@dataclass
class Sent:
    """One order as the broker got it; `reference` is the price when it came."""

    ticket: OrderTicket
    reference: int
    filled: int = 0
    over: bool = False

    @property
    def worst(self) -> int:
        """Price at which its rest counts."""
        limit = self.ticket.limit_price
        return limit if self.ticket.side is Side.BUY else max(limit, self.reference)

    @property
    def rest(self) -> int:
        return 0 if self.over else self.ticket.amount - self.filled


@dataclass
class Bookkeeper:
    """Keeps the account at the broker's side. Money in 1/10,000 yuan."""

    limits: RiskLimits
    prices: Callable[[str], int]
    sent: dict[str, Sent] = field(default_factory=dict)
    cash: int = money(CASH)
    held: dict[str, int] = field(default_factory=lambda: dict(HOLDINGS))
    traded: int = 0
    cancels: list[tuple[str, datetime]] = field(default_factory=list)

    def report(self, report: Report) -> None:
        if isinstance(report, Cancelled | Rejected):
            self.sent[report.tag].over = True
        if isinstance(report, Filled):
            one = self.sent[report.tag]
            sign = int(one.ticket.side)
            one.filled += report.amount
            self.cash -= sign * report.amount * report.price
            self.held[one.ticket.code] = self.held.get(one.ticket.code, 0) + sign * report.amount
            self.traded += report.amount * report.price

    def worth(self, prices: Callable[[str], int] | Mapping[str, int]) -> int:
        price = prices if callable(prices) else prices.__getitem__
        return self.cash + sum(price(code) * amount for code, amount in self.held.items() if amount)

    def check_order(self, ticket: OrderTicket) -> None:
        """Judge the account as if the order were sent; called before it is."""
        limits, buying = self.limits, ticket.side is Side.BUY
        began = money(CASH) + sum(BEFORE[code] * amount for code, amount in HOLDINGS.items())
        worth = self.worth(self.prices)
        one = self.sent[ticket.tag] = Sent(ticket, self.prices(ticket.code))
        if buying:
            assert began - worth < limits.max_daily_loss
        value = one.worst * ticket.amount
        assert value <= limits.max_order_value
        assert len(self.sent) <= limits.max_daily_trades
        assert len(self.sent) + len(self.cancels) <= limits.max_daily_messages
        assert self.traded + sum(each.rest * each.worst for each in self.sent.values()) <= limits.max_daily_trade_value
        if not buying:
            return
        assert value >= limits.min_buy_order_value
        open_buys = [each for each in self.sent.values() if each.ticket.side is Side.BUY and each.rest]
        codes = {code for code, amount in self.held.items() if amount} | {each.ticket.code for each in open_buys}
        had = codes - {ticket.code} | ({ticket.code} if self.held.get(ticket.code) else set())
        if ticket.code not in had and all(each is one or each.ticket.code != ticket.code for each in open_buys):
            assert len(codes) <= limits.max_stock_count
        exposed = self.held.get(ticket.code, 0) * self.prices(ticket.code)
        exposed += sum(each.rest * each.worst for each in open_buys if each.ticket.code == ticket.code)
        assert exposed <= limits.max_position_ratio * worth

    def check_cancel(self, tag: str, now: datetime) -> None:
        limits = self.limits
        if self.cancels:
            assert now - self.cancels[-1][1] >= limits.min_cancel_interval_seconds
        self.cancels.append((tag, now))
        assert len(self.cancels) <= limits.max_daily_cancels
        assert sum(each == tag for each, _ in self.cancels) <= limits.max_cancel_per_order


class WatchedBroker(ScriptedBroker):
    """Has the bookkeeper look at everything that comes and goes. What the bookkeeper finds is kept: an exception here
    would be the engine's to handle."""

    def __init__(self, bookkeeper: Bookkeeper) -> None:
        super().__init__(CASH, HOLDINGS, 5.0)
        self.bookkeeper = bookkeeper
        self.found: list[AssertionError] = []

    def submit(self, ticket: OrderTicket) -> None:
        self._judge(lambda: self.bookkeeper.check_order(ticket))
        super().submit(ticket)

    def cancel(self, tag: str) -> None:
        self._judge(lambda: self.bookkeeper.check_cancel(tag, self._now()))
        super().cancel(tag)

    def say(self, report: Report) -> None:
        self.bookkeeper.report(report)
        super().say(report)

    def _judge(self, check: Callable[[], None]) -> None:
        try:
            check()
        except AssertionError as error:
            self.found.append(error)


ACTIONS = st.tuples(
    st.sampled_from(["limit", "limit", "market", "cancel"]),
    st.integers(0, len(CODES) - 1),
    st.sampled_from([100, 300, 500, 1_000, 2_500, -100, -2_000]),
    st.integers(-15, 15),
)
LIMITS = st.builds(
    RiskLimits,
    max_order_value=st.sampled_from([20_000, 40_000, 90_000]).map(money),
    max_daily_trade_value=st.sampled_from([50_000, 100_000, 250_000]).map(money),
    max_daily_trades=st.integers(3, 12),
    max_stock_count=st.integers(2, 4),
    max_position_ratio=st.sampled_from([5, 10, 20]).map(lambda percent: Fraction(percent, 100)),
    min_buy_order_value=st.sampled_from([1, 1_500]).map(money),
    max_daily_loss=st.sampled_from([300, 1_000, 5_000]).map(money),
    max_daily_messages=st.integers(5, 15),
    max_daily_cancels=st.integers(1, 6),
    max_cancel_per_order=st.integers(1, 2),
    min_cancel_interval_seconds=st.sampled_from([0.5, 90]).map(lambda seconds: timedelta(seconds=seconds)),
)


def _market(moves: list[list[int]]) -> FakeMarket:
    market = FakeMarket()
    for code, before, move in zip(CODES, BEFORE.values(), moves, strict=True):
        minutes = [round(before * (1000 + step) / 1000 / 100) / 100 for step in move]
        market.add(code, {DAY: [*minutes, *[minutes[-1]] * (240 - MINUTES)]}, prev_close=before / 10_000)
    return market


@settings(max_examples=25, deadline=None)
@given(
    limits=LIMITS,
    programme=st.lists(st.lists(ACTIONS, max_size=4), min_size=MINUTES, max_size=MINUTES),
    moves=st.lists(
        st.lists(st.integers(-30, 30), min_size=MINUTES, max_size=MINUTES), min_size=len(CODES), max_size=len(CODES)
    ),
    scripts=st.lists(st.sampled_from(SCRIPTS), max_size=30),
    cancel_scripts=st.lists(st.sampled_from(CANCEL_SCRIPTS), max_size=10),
    restart=st.none() | st.integers(1, MINUTES - 1),
)
def test_no_sequence_of_events_breaks_a_limit(
    limits: RiskLimits,
    programme: list[list[tuple[str, int, int, int]]],
    moves: list[list[int]],
    scripts: list[Script],
    cancel_scripts: list[Script],
    restart: int | None,
) -> None:
    opens = datetime.combine(DAY, time(9, 30))
    now: list[Session] = []

    def price(code: str) -> int:
        return round(now[-1].parts.quotes.last_price(code) * 10_000)  # type: ignore[arg-type]

    broker = WatchedBroker(Bookkeeper(limits, price))
    broker.answers.extend(scripts)
    broker.cancel_answers.extend(cancel_scripts)
    steps = {f"{opens + timedelta(minutes=n + 1):%H:%M}": actions for n, actions in enumerate(programme)}

    def prepare(session: Session) -> None:
        now.append(session)
        session.g.programme = steps

    end = opens + timedelta(minutes=MINUTES + 2)
    cut = opens + timedelta(minutes=restart, seconds=30) if restart is not None else end
    with TemporaryDirectory() as folder:
        begin = opens - timedelta(minutes=5)
        for first, last in [(begin, cut), (cut + timedelta(seconds=5), end)][: 1 if restart is None else 2]:
            run_days(
                SOURCE,
                _market(moves),
                DAY,
                DAY,
                directory=Path(folder),
                broker=broker.on,
                start=first,
                stop_at=last,
                limits=limits,
                prepare=prepare,
            )
    assert not broker.found, broker.found[0]
