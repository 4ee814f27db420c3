"""The account's limits under every path that an order can take: whole days against a broker that answers as written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from bullet_trade.brokers.dry_run import DryRunBroker
from bullet_trade.domain.money import money
from bullet_trade.domain.orders import OrderId, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import CancelForbidden, DayClosed, OrderRefused
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.engine.risk_rules import CANCEL_RULES, ORDER_RULES
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, cancel_refused, cancelled, filled, rejected
from bullet_trade.testing.fake_market import FakeMarket

DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
A, B, C = "600000.XSHG", "000001.XSHE", "600010.XSHG"
TEN = [f"60001{number}.XSHG" for number in range(1, 10)] + ["600020.XSHG"]
CASH = 5_000_000.0
HOLDINGS = {A: 20_000, B: 1_000}
"""Worth 200,000 and 20,000 yuan; A closed at 11 and stands at 10, so that the account has lost 20,000 today."""

HEAD = (
    "from jqdata import *\n"
    f"A, B, C = {A!r}, {B!r}, {C!r}\n"
    f"TEN = {TEN!r}\n"
    "def limit(code, amount, price, **more):\n"
    "    return order(code, amount, LimitOrderStyle(price), **more)\n"
)


@cache
def a_market() -> FakeMarket:
    market = FakeMarket().add(A, {DAY: 10.0, NEXT: 10.0}, prev_close=11.0).add(B, {DAY: 20.0, NEXT: 20.0})
    market.add(C, {DAY: 1.0, NEXT: 1.0})
    for code in TEN:
        market.add(code, {DAY: 10.0, NEXT: 10.0})
    return market


def a_strategy(*moments: tuple[str, str]) -> str:
    """A strategy that runs these statements at these times."""
    lines = [HEAD, "def initialize(context):\n"]
    lines += [f"    run_daily(task_{number}, {at!r})\n" for number, (at, _) in enumerate(moments)]
    for number, (_, statements) in enumerate(moments):
        lines.append(f"def task_{number}(context):\n    {statements}\n")
    return "".join(lines)


def live(
    limits: RiskLimits,
    *moments: tuple[str, str],
    broker: ScriptedBroker | None = None,
    directory: Path | None = None,
    start: time = time(9, 0),
    until: time | None = None,
    last: date = DAY,
    holdings: dict[str, int] | None = None,
    **more: object,
) -> tuple[DaysRun, ScriptedBroker]:
    """One life of the engine, and its broker."""
    broker = broker or ScriptedBroker(CASH, HOLDINGS if holdings is None else holdings, 10.0)
    run = run_days(
        a_strategy(*moments),
        a_market(),
        DAY,
        last,
        broker=broker.on,
        directory=directory,
        start=datetime.combine(DAY, start),
        stop_at=datetime.combine(DAY, until) if until is not None else None,
        limits=limits,
        **more,  # type: ignore[arg-type]
    )
    return run, broker


def refused(run: DaysRun) -> list[str]:
    return [event.rule for event in run.recorder.of(OrderRefused)]


# -- every limit, every way --------------------------------------------------------------------------------------------

BUY = "limit(A, 6000, 10.0)"
SELL = "limit(A, -6000, 10.0)"
CLOSE_OUT = "order_target(A, 0, LimitOrderStyle(10.0))"
SPLIT = "limit(C, 1500000, 1.0)"
"""Two parts, of 1,000,000 and 500,000 yuan."""
TEN_AT_ONCE = "[limit(code, 1000, 10.0, wait_timeout=0) for code in TEN]"
AGAIN = "limit(TEN[0], 15000, 10.0)"
"""150,000 yuan, before a restart and after it."""

WAYS = {"buy": BUY, "sell": SELL, "close out": CLOSE_OUT, "split": SPLIT, "ten at once": TEN_AT_ONCE}

EVERYTHING_ELSE = frozenset(map(Code, [B]))
ALL_BUT_B = frozenset(map(Code, [A, C, *TEN]))

# Limits; orders that leave by: buy, sell, close-out, split, ten at once, the same before and after a restart.
MATRIX: list[tuple[str, RiskLimits, tuple[int, int, int, int, int, int]]] = [
    ("max_order_value", RiskLimits(max_order_value=money(59_999)), (0, 0, 0, 0, 10, 0)),
    ("max_order_value", RiskLimits(max_order_value=money(1_200_000)), (1, 1, 1, 0, 10, 2)),
    ("max_daily_trade_value", RiskLimits(max_daily_trade_value=money(59_999)), (0, 0, 0, 0, 5, 0)),
    ("max_daily_trade_value", RiskLimits(max_daily_trade_value=money(299_999)), (1, 1, 1, 0, 10, 1)),
    ("max_daily_trades", RiskLimits(max_daily_trades=1), (1, 1, 1, 0, 1, 1)),
    ("max_stock_count", RiskLimits(max_stock_count=2), (1, 1, 1, 0, 0, 0)),
    ("max_stock_count", RiskLimits(max_stock_count=5), (1, 1, 1, 2, 3, 2)),
    ("max_position_ratio", RiskLimits(max_position_ratio=Fraction(4, 100)), (0, 1, 1, 0, 10, 1)),
    ("min_buy_order_value", RiskLimits(min_buy_order_value=money(20_000)), (1, 1, 1, 2, 0, 2)),
    ("max_daily_loss", RiskLimits(max_daily_loss=money(20_000)), (0, 1, 1, 0, 0, 0)),
    ("max_daily_loss", RiskLimits(max_daily_loss=money(20_001)), (1, 1, 1, 2, 10, 2)),
    # 20,000 of 5,240,000 at the last close is 0.3817 %
    ("max_daily_loss", RiskLimits(max_daily_loss=Fraction(381, 100_000)), (0, 1, 1, 0, 0, 0)),
    ("max_daily_loss", RiskLimits(max_daily_loss=Fraction(382, 100_000)), (1, 1, 1, 2, 10, 2)),
    ("risk_whitelist", RiskLimits(risk_whitelist=EVERYTHING_ELSE), (0, 1, 1, 0, 0, 0)),
    ("risk_blacklist", RiskLimits(risk_blacklist=ALL_BUT_B), (0, 1, 1, 0, 0, 0)),
    ("duplicate_order_seconds", RiskLimits(duplicate_order_seconds=timedelta(hours=2)), (1, 1, 1, 2, 10, 1)),
    ("max_price_deviation", RiskLimits(max_price_deviation=Fraction(1, 100)), (1, 1, 1, 2, 10, 2)),
    ("max_consecutive_rejects", RiskLimits(max_consecutive_rejects=1), (1, 1, 1, 2, 10, 2)),
    ("max_daily_messages", RiskLimits(max_daily_messages=1), (1, 1, 1, 0, 1, 1)),
]


def test_every_order_limit_is_in_the_matrix() -> None:
    assert {row[0] for row in MATRIX} == {rule.name for rule in ORDER_RULES}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("rule", "limits", "leaving"), MATRIX)
def test_a_limit_holds_however_the_order_comes(
    rule: str, limits: RiskLimits, leaving: tuple[int, ...], way: str
) -> None:
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    if way == "ten at once":
        broker.usual = (accepted(),)
    run, _ = live(limits, ("10:00", WAYS[way]), broker=broker, order_wait_s=1.0, until=time(10, 1))
    assert len(broker.submitted) == leaving[list(WAYS).index(way)]
    assert set(refused(run)) <= {rule}
    assert bool(refused(run)) is (len(broker.submitted) < {"split": 2, "ten at once": 10}.get(way, 1))


@pytest.mark.parametrize(("rule", "limits", "leaving"), MATRIX)
def test_a_restart_forgets_nothing_of_the_day(
    rule: str, limits: RiskLimits, leaving: tuple[int, ...], tmp_path: Path
) -> None:
    """V05: what was used before a crash is used after it."""
    moments = (("10:00", AGAIN), ("11:00", AGAIN))
    _, broker = live(limits, *moments, directory=tmp_path, until=time(10, 30))
    again, _ = live(limits, *moments, directory=tmp_path, broker=broker, start=time(10, 31), until=time(11, 1))
    assert len(broker.submitted) == leaving[5]
    assert set(refused(again)) <= {rule}


@pytest.mark.parametrize(("rule", "limits", "leaving"), MATRIX)
def test_a_dry_run_meets_the_same_limits(rule: str, limits: RiskLimits, leaving: tuple[int, ...]) -> None:
    """What would leave gets as far as the journal and stops before the broker."""
    recorded = ScriptedBroker(CASH, HOLDINGS, 10.0)
    run = run_days(
        a_strategy(("10:00", BUY)),
        a_market(),
        DAY,
        DAY,
        broker=lambda timers: DryRunBroker(recorded.on(timers), timers.now),
        stop_at=datetime.combine(DAY, time(10, 1)),
        limits=limits,
    )
    assert sum(row.kind == "intent" for row in run.rows) == leaving[0]
    assert refused(run) == [rule] * (1 - leaving[0])
    assert not recorded.submitted


def test_the_next_trading_date_begins_at_zero() -> None:
    """V05: the counters roll over with the trading date."""
    limits = RiskLimits(max_daily_trades=1, max_daily_trade_value=money(60_000), max_daily_messages=1)
    run, broker = live(limits, ("10:00", BUY), ("11:00", BUY), last=NEXT)
    assert len(broker.submitted) == 2
    assert refused(run) == ["max_daily_trades"] * 2


def test_a_refusal_names_rule_value_limit_and_remedy_and_is_journaled() -> None:
    run, _ = live(RiskLimits(max_order_value=money(50_000)), ("10:00", f"log.info(str({BUY}))"))
    (told,) = run.recorder.of(OrderRefused)
    for part in ("60,000.00 元", "50,000.00 元", "MAX_ORDER_VALUE", "规则 max_order_value"):
        assert part in told.text
    (row,) = [row for row in run.rows if row.kind == "refused"]
    assert b'"rule":"max_order_value"' in row.body
    assert "单笔上限 50,000.00 元" in row.body.decode()
    assert run.recorder.said()[-1][1] == "None"


def test_the_close_tells_refusals_by_rule_and_the_number_of_messages() -> None:
    limits = RiskLimits(max_order_value=money(50_000), max_daily_trades=1)
    run, _ = live(
        limits, ("10:00", BUY), ("10:01", BUY), ("10:02", "limit(A, 100, 10.0)"), ("10:03", "limit(A, 200, 10.0)")
    )
    (closed,) = run.recorder.of(DayClosed)
    assert closed.refusals == (("max_order_value", 2), ("max_daily_trades", 1))
    assert (closed.messages, closed.peak) == (1, 1)


CALLS = {
    "order": "order(A, 6000)",
    "order, limit": "order(A, 6000, LimitOrderStyle(10.0))",
    "order_value": "order_value(A, 60000)",
    "order_target": "order_target(A, 26000)",
    "order_target_value": "order_target_value(A, 260000)",
    "order_target_percent": "order_target_percent(A, 0.05)",
    "batch_submit_orders": "batch_submit_orders([{'security': A, 'amount': 6000}])",
    "stop order": "order(A, 6000, StopMarketOrderStyle('stop_loss', 9.0))",
    "sale": "order(A, -6000)",
    "sale by value": "order_value(A, -60000)",
    "close-out": "order_target(A, 0)",
}


@pytest.mark.parametrize("call", CALLS)
def test_every_way_to_order_meets_the_same_limit(call: str) -> None:
    """V06: one order over the limit through each call of the strategy is refused with the same code."""
    run, broker = live(RiskLimits(max_order_value=money(50_000)), ("10:00", CALLS[call]), until=time(10, 5))
    assert refused(run) == ["max_order_value"]
    assert not broker.submitted


def test_a_reducing_sale_passes_when_every_purchase_limit_is_used_up() -> None:
    """V09: nothing that protects against buying keeps a holding from being sold."""
    limits = RiskLimits(
        max_stock_count=1,
        max_position_ratio=Fraction(1, 10_000),
        min_buy_order_value=money(10_000_000),
        max_daily_loss=money(1),
        risk_blacklist=frozenset([Code(A)]),
        risk_whitelist=EVERYTHING_ELSE,
    )
    run, broker = live(limits, ("10:00", BUY), ("10:01", CLOSE_OUT))
    assert [ticket.side for ticket in broker.submitted] == [Side.SELL]
    assert refused(run) == ["risk_whitelist"]


def test_a_cancelled_sale_gives_back_its_value_and_its_shares() -> None:
    """I10: sell, cancel, sell of the whole holding: the second one leaves as soon as the cancel is final."""
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.usual = (accepted(),)
    task = f"one = {CLOSE_OUT[:-1]}, wait_timeout=0); cancel_order(one); {CLOSE_OUT[:-1]}, wait_timeout=0)"
    run, _ = live(RiskLimits(max_daily_trade_value=money(200_000)), ("10:00", task), broker=broker)
    assert [ticket.amount for ticket in broker.submitted] == [20_000, 20_000]
    assert refused(run) == []


def test_an_order_of_unknown_fate_counts() -> None:
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.usual = ()
    limits = RiskLimits(max_daily_trade_value=money(100_000))
    run, _ = live(limits, ("10:00", "limit(B, 3000, 20.0)"), ("10:10", BUY), broker=broker, order_wait_s=1.0)
    assert len(broker.submitted) == 1
    assert refused(run) == ["max_daily_trade_value"]


def test_ten_purchases_of_one_security_count_together() -> None:
    """4 % of 5,220,000 yuan are 208,800: six open orders of 30,000, not seven."""
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.usual = (accepted(),)
    task = "[limit(TEN[0], 3000, 10.0, wait_timeout=0) for _ in range(10)]"
    run, _ = live(RiskLimits(max_position_ratio=Fraction(4, 100)), ("10:00", task), broker=broker)
    assert len(broker.submitted) == 6
    assert refused(run) == ["max_position_ratio"] * 4


@pytest.mark.parametrize("answer", [rejected(), cancelled()])
def test_what_came_to_nothing_is_no_duplicate(answer: object) -> None:
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.answers.append((accepted(), answer))  # type: ignore[arg-type]
    limits = RiskLimits(duplicate_order_seconds=timedelta(minutes=10))
    run, _ = live(limits, ("10:00", BUY), ("10:01", BUY), ("10:02", BUY), ("10:03", SELL), broker=broker)
    assert [int(ticket.side) for ticket in broker.submitted] == [1, 1, -1]
    assert refused(run) == ["duplicate_order_seconds"]


def test_a_duplicate_may_leave_when_the_time_is_over() -> None:
    limits = RiskLimits(duplicate_order_seconds=timedelta(minutes=1))
    run, broker = live(limits, ("10:00", BUY), ("10:01", BUY))
    assert len(broker.submitted) == 2
    assert refused(run) == []


@pytest.mark.parametrize(
    ("price", "side", "leaves"),
    [(20.2, 1, True), (20.21, 1, False), (19.8, -1, True), (19.79, -1, False), (19.0, 1, False)],
)
def test_a_price_far_from_the_last_one_is_refused(price: float, side: int, leaves: bool) -> None:
    limits = RiskLimits(max_price_deviation=Fraction(1, 100))
    run, broker = live(limits, ("10:00", f"limit(B, {side * 100}, {price})"), until=time(10, 1))
    assert bool(broker.submitted) is leaves
    assert refused(run) == ([] if leaves else ["max_price_deviation"])


def test_a_broker_that_refuses_everything_is_not_asked_all_day() -> None:
    """M03: after N refusals in a row the security is left alone for the day, in that direction; others are not."""
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.usual = (rejected("资金不足"),)
    moments = [(f"10:{minute:02}", "limit(A, 100, 10.0)") for minute in range(6)]
    run, _ = live(
        RiskLimits(max_consecutive_rejects=3),
        *moments,
        ("10:30", "limit(A, -100, 10.0)"),
        ("10:31", "limit(B, 100, 20.0)"),
        broker=broker,
    )
    assert [ticket.code for ticket in broker.submitted] == [A, A, A, A, B]
    assert refused(run) == ["max_consecutive_rejects"] * 3


def test_the_daily_number_holds_against_a_loop_of_refused_orders() -> None:
    """M03: the daily cap counts what the broker refused."""
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.usual = (rejected("资金不足"),)
    moments = [(f"10:{minute:02}", "limit(A, 100, 10.0)") for minute in range(6)]
    run, _ = live(RiskLimits(max_daily_trades=4), *moments, broker=broker)
    assert len(broker.submitted) == 4
    assert refused(run) == ["max_daily_trades"] * 2


class CountingBroker(ScriptedBroker):
    """Counts the requests for the account."""

    asked = 0

    def request_snapshot(self) -> None:
        self.asked += 1
        super().request_snapshot()


def test_a_day_of_orders_asks_the_broker_for_the_account_a_few_times() -> None:
    """M05: 50 orders in 10 securities with the holdings that follow: one request at the start, one at the close."""
    broker = CountingBroker(CASH, HOLDINGS, 10.0)
    moments = [(f"10:{minute:02}", "[limit(code, 100, 10.0) for code in TEN]") for minute in range(0, 50, 10)]
    live(RiskLimits(max_daily_trades=50), *moments, broker=broker)
    assert len(broker.submitted) == 50
    assert broker.asked <= 2


# -- cancels -----------------------------------------------------------------------------------------------------------

REST = "g.one = limit(A, 100, 9.9, wait_timeout=0).order_id"
CANCEL = "cancel_order(g.one)"
CANCEL_MATRIX: list[tuple[str, RiskLimits, Sequence[tuple[str, str]], int]] = [
    ("max_daily_cancels", RiskLimits(max_daily_cancels=2), [("10:00", CANCEL)] * 4, 2),
    ("max_cancel_per_order", RiskLimits(max_cancel_per_order=3), [("10:00", CANCEL)] * 4, 3),
    (
        "min_cancel_interval_seconds",
        RiskLimits(min_cancel_interval_seconds=timedelta(seconds=60)),
        [("10:00", CANCEL), ("10:00:59", CANCEL), ("10:01", CANCEL)],
        2,
    ),
]


def test_every_cancel_limit_is_in_the_matrix() -> None:
    assert [row[0] for row in CANCEL_MATRIX] == [rule.name for rule in CANCEL_RULES]


def stubborn() -> ScriptedBroker:
    """A broker with which orders rest and cancels fail."""
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.usual = (accepted(),)
    broker.cancel_answers.extend([(cancel_refused(),)] * 20)
    return broker


@pytest.mark.parametrize(("rule", "limits", "moments", "asked"), CANCEL_MATRIX)
def test_a_cancel_limit_keeps_the_cancel_back_and_the_order_as_it_is(
    rule: str, limits: RiskLimits, moments: Sequence[tuple[str, str]], asked: int
) -> None:
    broker = stubborn()
    run, _ = live(limits, ("9:31", REST), *moments, broker=broker, until=time(10, 30))
    assert len(broker.cancels) == asked
    forbidden = run.recorder.of(CancelForbidden)
    assert [event.rule for event in forbidden] == [rule] * (len(moments) - asked)
    assert all(event.order.state.value == "working" for event in forbidden)
    assert sum(row.kind == "cancel_forbidden" for row in run.rows) == len(forbidden)
    assert run.session.engine.book.sums.refusals == {rule: len(forbidden)}
    assert run.session.engine.book.sums.refused == 0


@pytest.mark.parametrize(("rule", "limits", "moments", "asked"), CANCEL_MATRIX)
def test_cancels_of_before_a_restart_count(
    rule: str, limits: RiskLimits, moments: Sequence[tuple[str, str]], asked: int, tmp_path: Path
) -> None:
    """V05: the cancels of the day come back with the journal."""
    broker = stubborn()
    first = [("9:31", REST), ("9:59:50", CANCEL), ("9:59:55", CANCEL), ("9:59:58", CANCEL), ("10:00:10", CANCEL)]
    before, _ = live(limits, *first, broker=broker, directory=tmp_path, until=time(10, 0))
    sent = len(broker.cancels)
    assert sent == {"max_daily_cancels": 2, "max_cancel_per_order": 3, "min_cancel_interval_seconds": 1}[rule]
    again, _ = live(
        limits,
        *first,
        broker=broker,
        directory=tmp_path,
        start=time(10, 0, 5),
        until=time(10, 1),
    )
    assert len(broker.cancels) == sent
    sums, kept = again.session.engine.book.sums, before.session.engine.book.sums
    assert (sums.cancels, sums.cancels_of, sums.peak) == (kept.cancels, kept.cancels_of, kept.peak)
    assert sums.refusals[rule] == kept.refusals.get(rule, 0) + 1


@pytest.mark.parametrize(("rule", "limits", "moments", "asked"), CANCEL_MATRIX)
def test_the_operator_cancels_whatever_the_limits_say(
    rule: str, limits: RiskLimits, moments: Sequence[tuple[str, str]], asked: int
) -> None:
    broker = stubborn()

    def by_hand(session: Session) -> None:
        def act() -> None:
            engine = session.engine
            for order in engine.book.open_orders():
                engine.desk.cancel(order, engine.now(), by_operator=True)

        session.parts.timers.add(datetime.combine(DAY, time(10, 20)), Rank.DAY, act)

    run, _ = live(limits, ("9:31", REST), *moments, broker=broker, until=time(10, 30), prepare=by_hand)
    assert len(broker.cancels) == asked + 1
    assert run.session.engine.book.sums.cancels == asked + 1


def test_the_operator_sells_whatever_the_limits_say() -> None:
    limits = RiskLimits(max_order_value=money(1), max_daily_trades=1, max_daily_trade_value=money(1))
    placed: list[OrderId] = []

    def by_hand(session: Session) -> None:
        def act() -> None:
            engine = session.engine
            orders = engine.desk.place(
                Code(A),
                Side.SELL,
                20_000,
                OrderType.LIMIT,
                money(10.0),
                engine.now(),
                by_operator=True,  # type: ignore[arg-type]
            )
            placed.extend(order.order_id for order in orders)

        session.parts.timers.add(datetime.combine(DAY, time(10, 20)), Rank.DAY, act)

    run, broker = live(limits, ("10:00", SELL), broker=None, until=time(10, 30), prepare=by_hand)
    assert refused(run) == ["max_order_value"]
    assert [ticket.amount for ticket in broker.submitted] == [20_000]
    assert len(placed) == 1


def test_a_target_is_not_traded_on_top_of_an_order_whose_cancel_is_forbidden() -> None:
    broker = stubborn()
    limits = RiskLimits(max_cancel_per_order=1)
    run, _ = live(limits, ("9:31", REST), ("10:00", CANCEL), ("10:10", "order_target(A, 0)"), broker=broker)
    assert len(broker.submitted) == 1
    assert len(run.recorder.of(CancelForbidden)) == 1


def test_partial_fills_count_once() -> None:
    """600 shares done and 400 open are 10,000 yuan, not more and not less."""
    broker = ScriptedBroker(CASH, HOLDINGS, 10.0)
    broker.answers.append((accepted(), filled(600, 10.0)))
    run, _ = live(
        RiskLimits(max_daily_trade_value=money(20_000)),
        ("10:00", "limit(A, 1000, 10.0, wait_timeout=0)"),
        ("10:01", "limit(TEN[0], 1100, 10.0)"),
        ("10:02", "limit(TEN[0], 1000, 10.0)"),
        broker=broker,
    )
    assert [ticket.amount for ticket in broker.submitted] == [1000, 1000]
    assert refused(run) == ["max_daily_trade_value"]
