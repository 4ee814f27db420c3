"""The built-in exchange, seen from a strategy: whole days over bars written down here."""

from __future__ import annotations

from datetime import date, datetime, time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.money import money
from bullet_trade.engine.events import AccountDiffers, DayClosed, Entitled, OrderFinished, OrderRefused
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import Day, FakeMarket, Minute

CODE = "600000.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
HEAD = (
    "from jqdata import *\nCODE = '600000.XSHG'\n"
    "def free(context):\n    set_slippage(FixedSlippage(0)); set_option('order_volume_ratio', 1.0)\n"
    "    set_order_cost(OrderCost(0, 0, 0, 0, 0, 0), type='stock')\n"
)


def minutes(**changes: Minute) -> list[Minute]:
    """A day at 10.00, with other minutes where named by their start: ``m1000=(o, h, l, c, v)``."""
    day: list[Minute] = [10.0] * 240
    for name, row in changes.items():
        start = int(name[1:3]) * 60 + int(name[3:])
        day[start - 570 if start < 720 else start - 780 + 120] = row
    return day


def run(
    body: str, day: Day = 10.0, after: Day = 10.0, *, at: str = "10:00", last: date = DAY, **more: object
) -> DaysRun:
    """`body` runs once, at `at` of the first day, without fees and slippage."""
    market = FakeMarket().add(CODE, {DAY: day, NEXT: after}, prev_close=10.0, **more)  # type: ignore[arg-type]
    source = HEAD + f"def initialize(context):\n    free(context); run_daily(task, {at!r})\n"
    source += "def task(context):\n    if hasattr(g, 'done'): return\n    g.done = 1\n"
    source += "".join(f"    {line}\n" for line in body.splitlines())
    ran = run_days(source, market, DAY, last, cash=100_000)
    assert ran.recorder.of(AccountDiffers) == []
    return ran


def ends(ran: DaysRun) -> list[tuple[str, str, int, float]]:
    """For each order: when it ended, how, filled shares, average price."""
    return [
        (f"{e.at:%H:%M}", e.order.state.value, e.order.filled, e.order.average_price / 10_000)
        for e in ran.recorder.of(OrderFinished)
    ]


class TestMarketOrders:
    def test_it_fills_at_once_at_the_first_price_of_the_running_minute(self) -> None:
        assert ends(run("order(CODE, 1000)", minutes(m1000=(10.02, 10.1, 9.9, 10.0, 10**6)))) == [
            ("10:00", "filled", 1000, 10.02)
        ]

    @pytest.mark.parametrize(
        ("slippage", "expected"),
        [("FixedSlippage(0.04)", 10.02), ("PriceRelatedSlippage(0.002)", 10.01), ("FixedSlippage(0.4)", 10.05)],
    )
    def test_slippage_is_half_on_each_side_and_never_leaves_the_minutes_range(
        self, slippage: str, expected: float
    ) -> None:
        day = minutes(m1000=(10.0, 10.05, 9.95, 10.0, 10**6))
        assert ends(run(f"set_slippage({slippage})\norder(CODE, 1000)", day))[0][3] == pytest.approx(expected)

    def test_the_default_slippage_is_the_platforms(self) -> None:
        market = FakeMarket().add(CODE, {DAY: minutes(m1000=(10.0, 10.5, 9.5, 10.0, 10**6))}, prev_close=10.0)
        ran = run_days(
            "from jqdata import *\ndef initialize(context): run_daily(task, '10:00')\n"
            "def task(context): order('600000.XSHG', 100)\n",
            market,
            DAY,
            DAY,
        )
        # 10.00 x 0.123% = 0.0123, up to the next fen.
        assert ends(ran)[0][3] == 10.02

    def test_more_than_the_minute_trades_is_cancelled(self) -> None:
        day = minutes(m1000=(10.0, 10.0, 10.0, 10.0, 1250))
        assert ends(run("order(CODE, 3000)", day)) == [("10:00", "cancelled", 1200, 10.0)]

    def test_the_share_of_the_volume_counts_for_all_orders_of_the_minute_together(self) -> None:
        day = minutes(m1000=(10.0, 10.0, 10.0, 10.0, 8000))
        body = "set_option('order_volume_ratio', 0.25)\norder(CODE, 1500)\norder(CODE, 1500)\norder(CODE, 100)"
        assert [(state, filled) for _, state, filled, _ in ends(run(body, day))] == [
            ("filled", 1500),
            ("cancelled", 500),
            ("cancelled", 0),
        ]

    @pytest.mark.parametrize(
        ("price", "call", "prev_close"),
        [(11.0, "order(CODE, 100)", 10.0), (9.0, "order(CODE, -100)", 10.0)],
    )
    def test_against_a_sealed_limit_it_is_cancelled_at_once(self, price: float, call: str, prev_close: float) -> None:
        market = FakeMarket().add(CODE, {DAY: 10.0, NEXT: price}, prev_close=prev_close)
        source = HEAD + (
            "def initialize(context):\n    free(context); run_daily(task, '10:00')\n"
            "def task(context):\n"
            "    if not hasattr(g, 'x'):\n        g.x = order(CODE, 1000)\n"
            f"    else:\n        o = {call}; log.info('%s %d' % (o.status, o.filled))\n"
        )
        ran = run_days(source, market, DAY, NEXT)
        assert [text for _, text in ran.recorder.said()] == ["canceled 0"]

    def test_at_the_limit_the_other_side_still_trades(self) -> None:
        market = FakeMarket().add(CODE, {DAY: 10.0, NEXT: 11.0}, prev_close=10.0)
        source = HEAD + (
            "def initialize(context):\n    free(context); run_daily(task, '10:00')\n"
            "def task(context):\n    o = order_target(CODE, 0 if CODE in context.portfolio.positions else 1000)\n"
            "    log.info(str(o.status))\n"
        )
        assert [t for _, t in run_days(source, market, DAY, NEXT).recorder.said()] == ["held", "held"]


class TestLimitOrders:
    def test_within_reach_it_fills_at_once_at_the_market_not_at_its_limit(self) -> None:
        assert ends(run("order(CODE, 1000, 10.1)")) == [("10:00", "filled", 1000, 10.0)]

    def test_it_rests_until_the_price_goes_through_it(self) -> None:
        day = minutes(m1005=(9.95, 10.0, 9.9, 9.95, 10**6), m1007=(9.9, 9.9, 9.89, 9.9, 10**6))
        assert ends(run("order(CODE, 1000, 9.9, wait_timeout=0)", day)) == [("10:08", "filled", 1000, 9.9)]

    def test_a_minute_that_opens_beyond_the_limit_fills_at_its_opening_price(self) -> None:
        day = minutes(m1005=(9.8, 9.9, 9.8, 9.85, 10**6))
        assert ends(run("order(CODE, 1000, 9.9, wait_timeout=0)", day)) == [("10:06", "filled", 1000, 9.8)]

    def test_what_the_running_minute_still_does_is_no_reason_to_fill(self) -> None:
        # The low of the minute in which the order arrived may lie before its arrival.
        day = minutes(m1000=(10.0, 10.0, 9.5, 10.0, 10**6))
        ran = run("order(CODE, 1000, 9.9, wait_timeout=0)", day, at="10:00:30")
        assert ends(ran) == [("15:00", "cancelled", 0, 0.0)]

    def test_it_fills_in_parts_as_the_volume_allows(self) -> None:
        day = minutes(m1005=(9.8, 9.8, 9.8, 9.8, 400), m1006=(9.8, 9.8, 9.8, 9.8, 900))
        assert ends(run("order(CODE, 1000, 9.9, wait_timeout=0)", day)) == [("10:07", "filled", 1000, 9.8)]

    def test_unfilled_at_the_close_it_expires_and_its_cash_is_free(self) -> None:
        ran = run("order(CODE, 1000, 9.9, wait_timeout=0)")
        assert ends(ran) == [("15:00", "cancelled", 0, 0.0)]
        assert ran.session.engine.ledger.frozen == 0
        assert ran.account.frozen == 0

    def test_cancelled_it_stops_at_once(self) -> None:
        day = minutes(m1007=(9.8, 9.8, 9.8, 9.8, 10**6))
        ran = run("o = order(CODE, 1000, 9.9, wait_timeout=0)\nlog.info(str(cancel_order(o).status))", day)
        assert [text for _, text in ran.recorder.said()] == ["canceled"]
        assert ends(ran) == [("10:00", "cancelled", 0, 0.0)]


class TestOutsideTheSessions:
    @pytest.mark.parametrize(
        ("at", "filled"),
        [("08:00", ("09:25", "09:30")), ("09:29", ("09:30",)), ("11:30", ("13:00",)), ("12:30", ("13:00",))],
    )
    @pytest.mark.parametrize("call", ["order(CODE, 1000)", "order(CODE, 1000, 10.05)"])
    def test_an_order_is_matched_when_trading_begins(self, call: str, at: str, filled: tuple[str, ...]) -> None:
        """A limit order of the morning may trade in the opening auction already."""
        ran = run(f"log.info(str({call}.status))", at=at)
        assert [text for _, text in ran.recorder.said()] == ["open"]
        ((when, *what),) = ends(ran)
        assert when in filled
        assert what == ["filled", 1000, 10.0]

    @pytest.mark.parametrize("at", ["15:00", "15:30", "20:00"])
    def test_after_the_close_there_is_no_market(self, at: str) -> None:
        ran = run("o = order(CODE, 1000)\nlog.info(str(o is None or o.filled))", at=at)
        assert [text for _, text in ran.recorder.said()][-1] in ("True", "0")
        assert ran.recorder.of(DayClosed)[-1].holdings == ()
        assert ran.session.engine.ledger.frozen == 0


class TestReportsTakeTime:
    def test_a_delay_is_what_the_strategy_waits(self) -> None:
        market = FakeMarket().add(CODE, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0)
        source = HEAD + (
            "def initialize(context): run_daily(task, '10:00')\n"
            "def task(context): log.info(str(order(CODE, 1000).status))\n"
        )
        ran = run_days(source, market, DAY, NEXT, report_delay_s=0.5)
        assert [(f"{at:%d %H:%M:%S.%f}"[:13], text) for at, text in ran.recorder.said()] == [
            ("03 10:00:00.5", "held"),
            ("04 10:00:00.5", "held"),
        ]
        assert ran.recorder.of(AccountDiffers) == []


class TestCorporateActions:
    @pytest.mark.parametrize(("cash", "ratio", "shares"), [(0.38, 0.0, 1000), (0.0, 0.5, 1500), (0.12, 0.3, 1300)])
    @pytest.mark.parametrize("delay", [0.0, 0.5])
    def test_both_sides_book_it_at_the_start_of_the_ex_day(
        self, cash: float, ratio: float, shares: int, delay: float
    ) -> None:
        market = FakeMarket().add(
            CODE,
            {DAY: 10.0, NEXT: 9.0},
            prev_close=10.0,
            actions=[CorporateAction(NEXT, cash, ratio)],
            references={NEXT: 9.0},
        )
        source = HEAD + (
            "def initialize(context):\n    free(context); run_daily(task, '10:00')\n"
            "def task(context):\n    if not context.portfolio.positions: order(CODE, 1000)\n"
            "def before_trading_start(context):\n"
            "    for x in context.portfolio.positions.values(): log.info('%d' % x.closeable_amount)\n"
        )
        ran = run_days(source, market, DAY, NEXT, cash=100_000, report_delay_s=delay)
        assert ran.recorder.of(AccountDiffers) == []
        (entitled,) = ran.recorder.of(Entitled)
        assert entitled.at.date() == NEXT
        assert entitled.at.time() < time(9, 15)
        assert [text for _, text in ran.recorder.said()] == [str(shares)]
        closed = ran.recorder.of(DayClosed)[-1]
        assert closed.holdings[0].amount == shares == ran.account.holdings[CODE].amount
        assert closed.cash == ran.account.cash
        # Tax on dividends may be kept back, at most a fifth.
        received = Fraction(closed.cash - money("90000"), 10_000)
        assert Fraction(str(cash)) * 1000 * Fraction(4, 5) <= received <= Fraction(str(cash)) * 1000

    def test_who_buys_on_the_ex_day_gets_nothing(self) -> None:
        market = FakeMarket().add(
            CODE, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0, actions=[CorporateAction(DAY, 1.0, 0.0)]
        )
        source = HEAD + (
            "def initialize(context):\n    free(context); run_daily(task, '10:00')\n"
            "def task(context): order_target(CODE, 1000)\n"
        )
        ran = run_days(source, market, DAY, NEXT, cash=100_000)
        assert ran.recorder.of(Entitled) == []
        assert ran.recorder.of(DayClosed)[-1].cash == money("90000")


CALENDAR = exchange_calendar()
CODES = ["000001.XSHE", "600519.XSHG", "300750.XSHE", "688981.XSHG", "510300.XSHG"]


@st.composite
def busy_strategies(draw: st.DrawFn) -> str:
    """Random orders at random minutes of each day."""
    tasks = draw(st.integers(1, 5))
    source = "from jqdata import *\n"
    register = []
    for number in range(tasks):
        hour = draw(st.sampled_from(("9:30", "9:31", "10:07", "11:29", "12:00", "13:00", "14:30", "14:58", "8:50")))
        calls = []
        for _ in range(draw(st.integers(1, 3))):
            code = draw(st.sampled_from(CODES))
            wait = draw(st.sampled_from((0, 16)))
            amount = draw(st.sampled_from((100, 250, 1000, 7000, -100, -333, -5000)))
            value = draw(st.sampled_from((0, 40_000, 150_000, 600_000)))
            ratio = draw(st.sampled_from((0.98, 0.995, 1.0, 1.005, 1.02)))
            calls.append(
                draw(
                    st.sampled_from(
                        (
                            f"order({code!r}, {amount}, wait_timeout={wait})",
                            f"order_target_value({code!r}, {value}, wait_timeout={wait})",
                            f"order({code!r}, {amount}, last({code!r}) * {ratio}, wait_timeout={wait})",
                            f"order_target({code!r}, 0, wait_timeout={wait})",
                            "cancel_all_orders()",
                        )
                    )
                )
            )
        source += f"def task{number}(context):\n" + "".join(f"    {call}\n" for call in calls)
        register.append(f"    run_daily(task{number}, {hour!r})\n")
    source += "def last(code): return max(0.01, get_current_data()[code].last_price)\n"
    return source + "def initialize(context):\n" + "".join(register)


@settings(max_examples=50, deadline=None)
@given(
    source=busy_strategies(),
    seed=st.integers(1, 5),
    start=st.sampled_from((date(2025, 6, 9), date(2025, 7, 7), date(2024, 9, 30))),
    delay=st.sampled_from((0.0, 0.5, 5.0)),
)
def test_random_trading_keeps_both_books_equal_at_every_close(
    source: str, seed: int, start: date, delay: float
) -> None:
    market = SyntheticMarket(seed, sessions=CALENDAR.sessions(date(2024, 1, 1), CALENDAR.last))
    last = CALENDAR.next_session(CALENDAR.next_session(start))
    ran = run_days(source, market, start, last, cash=1_000_000, report_delay_s=delay)
    assert ran.recorder.of(AccountDiffers) == []
    ledger, account = ran.session.engine.ledger, ran.account
    assert (ledger.cash, ledger.frozen) == (account.cash + account.frozen, account.frozen)
    assert {p.code: p.amount for p in ledger} == {code: h.amount for code, h in account.holdings.items()}
    for closed in ran.recorder.of(DayClosed):
        assert closed.cash >= 0
        assert all(line.amount > 0 and 0 <= line.closeable <= line.amount for line in closed.holdings)
    ledger.check(ran.session.engine.book.orders.values())
    assert all(event.rule for event in ran.recorder.of(OrderRefused))


def test_times_are_exchange_times() -> None:
    ran = run("order(CODE, 100)")
    (finished,) = ran.recorder.of(OrderFinished)
    assert finished.at == datetime.combine(DAY, time(10))
