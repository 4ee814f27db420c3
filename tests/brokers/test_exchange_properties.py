"""Random days: nothing is created or destroyed, nothing trades where or when it may not."""

from __future__ import annotations

from datetime import date

from exchange_bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.brokers.simulator.account import read_account, saved_form
from bullet_trade.brokers.simulator.orders import FINAL
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import Cancelled, Entitlement, Filled, Rejected
from bullet_trade.domain.securities import Code
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.testing.fake_market import Day, FakeMarket

DAYS = exchange_calendar().sessions(date(2025, 6, 3), date(2025, 6, 6))
STOCK, STAR, FUND, BOND_FUND = (Code(c) for c in ("600000.XSHG", "688981.XSHG", "510300.XSHG", "511010.XSHG"))
CODES = (STOCK, STAR, FUND, BOND_FUND)
TIMES = (
    "08:30",
    "09:16",
    "09:22",
    "09:27",
    "09:30",
    "09:30:20",
    "10:00",
    "11:29:40",
    "12:10",
    "13:00",
    "14:56",
    "14:58",
    "15:01",
)


@st.composite
def random_days(draw: st.DrawFn) -> Day:
    """Prices that wander inside the limits of 10.00, at times sealed, thin or halted."""
    if draw(st.integers(0, 9)) == 0:
        return None
    seed = draw(st.randoms(use_true_random=False))
    last, rows = 10.0, []
    calm = draw(st.sampled_from((0.01, 0.05, 0.4)))
    for _ in range(240):
        first = last
        last = min(11.0, max(9.0, round(last + seed.uniform(-calm, calm), 2)))
        high = min(11.0, round(max(first, last) + seed.choice((0.0, 0.0, 0.02)), 2))
        low = max(9.0, round(min(first, last) - seed.choice((0.0, 0.0, 0.02)), 2))
        rows.append((first, high, low, last, seed.choice((0, 100, 1000, 50_000))))
    return rows


ACTIONS = st.lists(
    st.builds(
        CorporateAction,
        st.sampled_from(DAYS[1:]),
        st.sampled_from((0.0, 0.1, 0.333)),
        st.sampled_from((0.0, 0.0, 0.3, 1.0)),
    ),
    max_size=1,
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.sampled_from(TIMES),
        st.sampled_from(("buy", "sell", "cancel", "restart", "hand")),
        st.sampled_from(CODES),
        st.sampled_from((100, 150, 200, 1000, 9000)),
        st.one_of(st.none(), st.integers(-30, 30)),
    ),
    min_size=3,
    max_size=25,
)


def the_market(days: list[Day], actions: list[CorporateAction]) -> FakeMarket:
    market = FakeMarket()
    for number, code in enumerate(CODES):
        table = {day: days[(number + i) % len(days)] for i, day in enumerate(DAYS)}
        references = dict.fromkeys(DAYS, 10.0)
        market.add(code, table, prev_close=10.0, actions=actions, references=references)
    return market


def play(market: FakeMarket, steps: list[tuple], delay_s: float) -> tuple[Bench, list]:
    """The steps in order of time; the last world, and all that was reported."""
    world = Bench(market, DAYS[0], delay_s=delay_s)
    said: list = []
    tags: list[str] = []
    for day, at, what, code, amount, fen in sorted(steps, key=lambda step: (step[0], step[1])):
        world.go(at, day)
        sane(world)
        limit = None if fen is None else round(min(11.0, max(9.0, world.feed.last_price(code) + fen / 100)), 2)
        if what == "cancel" and tags:
            world.broker.cancel(tags[-1])
        elif what == "hand":
            world.broker.enter_by_hand(code, Side.BUY, amount, price(limit or 0))
        elif what == "restart" and not delay_s:
            said += world.reports
            account = read_account(saved_form(world.account), "account.json")
            earlier = world
            world = Bench(market, day, account=account, at=at)
            world.go_on_from(earlier)
        elif what in ("buy", "sell"):
            sign = 1 if what == "buy" else -1
            tags.append(world.order(sign * amount, limit, code, protection=round(10.0 + sign * 1.0, 2)))
        sane(world)
    world.go("20:00", DAYS[-1])
    return world, said + world.reports


def sane(world: Bench) -> None:
    """What must hold at every instant."""
    account = world.account
    working = [order for order in account.orders.values() if order.status not in FINAL]
    assert account.cash >= 0
    assert account.frozen == sum(order.reserved for order in working) >= 0
    for code, holding in account.holdings.items():
        offered = sum(o.rest for o in working if o.ticket.code == code and o.ticket.side is Side.SELL)
        assert holding.offered == offered
        assert min(holding.free, holding.fresh, holding.offered) >= 0
        assert sum(lot.amount for lot in holding.lots) == holding.amount > 0
    for order in account.orders.values():
        assert 0 <= order.filled <= order.ticket.amount


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(random_days(), min_size=1, max_size=4),
    actions=ACTIONS,
    steps=STEPS,
    delay_s=st.sampled_from((0.0, 0.0, 0.5)),
)
def test_money_and_shares_are_conserved(
    days: list[Day], actions: list[CorporateAction], steps: list[tuple], delay_s: float
) -> None:
    steps = [step for step in steps if step[2] != "hand"]
    world, said = play(the_market(days, actions), steps, delay_s)
    sane(world)
    cash, shares = money(1_000_000), dict.fromkeys(CODES, 0)
    orders = {}
    for report in said:
        if isinstance(report, Entitlement):
            cash += report.cash
            shares[report.code] += report.shares
    tickets = world.tickets
    for report in said:
        if isinstance(report, Filled):
            ticket = tickets[report.tag]
            cash -= ticket.side * report.price * report.amount + (report.fee or 0)
            shares[ticket.code] += ticket.side * report.amount
            orders[report.tag] = orders.get(report.tag, 0) + report.amount
            assert report.amount > 0
            assert orders[report.tag] <= ticket.amount
            if ticket.limit_price:
                assert ticket.side * (report.price - ticket.limit_price) <= 0
    assert world.account.cash + world.account.frozen == cash
    assert {c: h.amount for c, h in world.account.holdings.items()} == {c: n for c, n in shares.items() if n}
    over = [r.tag for r in said if isinstance(r, Cancelled | Rejected)]
    assert len(over) == len(set(over))


@settings(max_examples=60, deadline=None)
@given(days=st.lists(random_days(), min_size=1, max_size=4), steps=STEPS)
def test_fills_lie_in_their_minute_and_t_plus_1_holds(days: list[Day], steps: list[tuple]) -> None:
    market = the_market(days, [])
    world, said = play(market, [step for step in steps if step[2] not in ("restart", "hand")], 0.0)
    fills = [report for report in said if isinstance(report, Filled)]
    for report in fills:
        ticket = world.tickets[report.tag]
        bars = market.minutes(ticket.code, report.at.date())
        assert bars is not None
        around = minutes_around(report.at.hour * 60 + report.at.minute)
        assert any(bars.low[i] - 1e-9 <= report.price / 10_000 <= bars.high[i] + 1e-9 for i in around)
        assert price(9) <= report.price <= price(11)
    for code in (STOCK, STAR, FUND):
        held = 0
        for day in DAYS:
            mine = [
                (world.tickets[r.tag].side, r.amount)
                for r in fills
                if r.at.date() == day and world.tickets[r.tag].code == code
            ]
            assert sum(amount for side, amount in mine if side is Side.SELL) <= held
            held += sum(side * amount for side, amount in mine)


def minutes_around(minute: int) -> list[int]:
    """The bars that a fill at this minute can belong to: the one that begins then, and the one that ended."""
    index = minute - 570 if minute < 780 else minute - 780 + 120
    return [i for i in (index, index - 1) if 0 <= i < 240] or [0]


@settings(max_examples=20, deadline=None)
@given(days=st.lists(random_days(), min_size=1, max_size=4), actions=ACTIONS, steps=STEPS)
def test_the_same_day_plays_the_same(days: list[Day], actions: list[CorporateAction], steps: list[tuple]) -> None:
    first, second = (play(the_market(days, actions), steps, 0.0) for _ in range(2))
    assert first[1] == second[1]
    assert first[0].account == second[0].account
