"""What the simulated exchange takes at which hour, and what becomes of it: calls, windows, held orders, cancels."""

from __future__ import annotations

from datetime import date
from threading import Thread

import pytest
from exchange_bench import CODE, DAY, Bench, clock, minutes

from bullet_trade.brokers.simulator.orders import Status
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import Accepted, Cancelled, CancelRefused, Filled
from bullet_trade.testing.fake_market import FakeMarket

FUND = "510300.XSHG"


def bench(day: object = 10.0, **more: object) -> Bench:
    return Bench(FakeMarket().add(CODE, {DAY: day}, prev_close=10.0), **more)  # type: ignore[dict-item,arg-type]


OPENING = minutes(m0930=(10.1, 10.2, 10.0, 10.1, 8000))
"""The opening call sets 10.10; the first minute has 8000 shares in all."""

CLOSING = minutes(
    m1457=(10.0, 10.0, 10.0, 10.0, 0), m1458=(10.0, 10.0, 10.0, 10.0, 0), m1459=(9.9, 9.9, 9.9, 9.9, 40_000)
)
"""The closing call sets 9.90."""


class TestWhatIsTakenWhen:
    @pytest.mark.parametrize(
        ("at", "limit", "status", "filled"),
        [
            ("08:00", 10.15, Status.WAITING, [("09:25:00", 1000, 10.1)]),
            ("08:00", None, Status.WAITING, [("09:30:00", 1000, 10.1)]),
            ("09:15", 10.15, Status.REPORTED, [("09:25:00", 1000, 10.1)]),
            ("09:16", None, Status.WAITING, [("09:30:00", 1000, 10.1)]),
            ("09:22", 10.15, Status.REPORTED, [("09:25:00", 1000, 10.1)]),
            ("09:25", 10.15, Status.WAITING, [("09:30:00", 1000, 10.1)]),
            ("09:27", None, Status.WAITING, [("09:30:00", 1000, 10.1)]),
            ("09:30", None, Status.FILLED, [("09:30:00", 1000, 10.1)]),
            ("11:30", 10.15, Status.WAITING, [("13:00:00", 1000, 10.0)]),
            ("12:59:59", None, Status.WAITING, [("13:00:00", 1000, 10.0)]),
            ("14:56:59", None, Status.FILLED, [("14:56:59", 1000, 10.0)]),
        ],
    )
    def test_an_order_waits_for_its_window(
        self, at: str, limit: float | None, status: Status, filled: list[tuple[str, int, float]]
    ) -> None:
        world = bench(OPENING).go(at)
        tag = world.order(1000, limit, protection=10.2)
        assert world.kept(tag).status is status
        assert len(world.of(Accepted, tag)) == 1
        world.go("15:00")
        assert world.fills(tag) == filled
        assert world.kept(tag).status is Status.FILLED

    @pytest.mark.parametrize(
        ("at", "limit", "words"),
        [
            ("14:57", None, "市价委托只在连续竞价时段接受"),
            ("14:59:59", None, "市价委托只在连续竞价时段接受"),
            ("15:00", 10.0, "不接受委托"),
            ("15:10", 10.0, "不接受委托"),
            ("20:00", None, "市价委托"),
        ],
    )
    def test_a_refusal_names_the_rule_and_the_remedy(self, at: str, limit: float | None, words: str) -> None:
        world = bench().go(at)
        tag = world.order(1000, limit, protection=10.2)
        assert world.rule(tag) == "session"
        assert words in world.kept(tag).reason
        assert world.kept(tag).status is Status.JUNK
        assert (world.account.cash, world.account.frozen) == (money(1_000_000), 0)

    def test_on_a_closed_day_nothing_is_taken(self) -> None:
        saturday = date(2025, 6, 7)
        world = bench().go("10:00", saturday)
        assert world.rule(world.order(1000, 10.0)) == "trading_day"

    def test_a_fund_of_shanghai_trades_on_to_the_close_before_the_reform(self) -> None:
        world = Bench(FakeMarket().add(FUND, {DAY: 4.0}, prev_close=4.0)).go("14:58")
        tag = world.order(1000, code=FUND, protection=4.1)
        assert world.fills(tag) == [("14:58:00", 1000, 4.0)]


class TestCallAuctions:
    def test_the_opening_call_shares_the_volume_of_the_first_minute(self) -> None:
        world = bench(OPENING).go("09:20")
        tag = world.order(3000, 10.15)
        world.go("09:26")
        assert world.fills(tag) == [("09:25:00", 2000, 10.1)]
        assert world.kept(tag).status is Status.PART_FILLED
        world.go("09:31")
        assert len(world.fills(tag)) == 1  # the first minute's share is used up
        world.go("09:32")
        assert world.fills(tag)[1] == ("09:32:00", 1000, 10.0)

    def test_better_limits_come_first_then_earlier_orders(self) -> None:
        world = bench(OPENING).go("09:16")
        late, better, same = world.order(1500, 10.15), world.order(1500, 10.2), world.order(1500, 10.15)
        world.go("09:25")
        assert [sum(f[1] for f in world.fills(tag)) for tag in (better, late, same)] == [1500, 500, 0]

    def test_the_closing_call_has_one_price_and_what_is_left_expires(self) -> None:
        world = bench(CLOSING).go("14:50")
        before, at, under = world.order(1000, 9.95), world.order(1000, 9.9), world.order(1000, 9.85)
        world.go("14:58")
        during = world.order(20_000, 9.95)
        world.go("15:00")
        assert world.fills(before) == [("15:00:00", 1000, 9.9)]
        assert world.fills(during) == [("15:00:00", 9000, 9.9)]  # a quarter of 40,000, less the 1000 before it
        assert world.fills(at) == world.fills(under) == []
        assert {world.ended(tag) for tag in (at, under, during)} == {"收盘未成交，自动撤单"}
        assert world.kept(during).status is Status.PART_CANCELLED
        assert world.account.frozen == 0

    def test_an_auction_at_the_upper_limit_sells_nothing_to_those_who_bid_the_limit(self) -> None:
        world = bench(minutes(11.0)).go("09:16")
        tag = world.order(1000, 11.0)
        world.go("15:00")
        assert world.fills(tag) == []


class TestCancelling:
    @pytest.mark.parametrize(
        ("entered", "at", "taken"),
        [
            ("08:00", "08:30", True),  # still with the broker
            ("09:16", "09:19:59", True),
            ("09:16", "09:20", False),
            ("09:16", "09:24:59", False),
            ("09:16", "09:27", False),
            ("09:26", "09:27", True),  # still with the broker
            ("09:40", "10:00", True),
            ("09:40", "12:00", False),
            ("11:40", "12:00", True),
            ("09:40", "14:56:59", True),
            ("09:40", "14:57", False),
            ("14:58", "14:59", False),
        ],
    )
    def test_the_exchange_takes_cancels_in_its_windows_only(self, entered: str, at: str, taken: bool) -> None:
        world = bench().go(entered)
        tag = world.order(1000, 9.5)
        world.go(at)
        world.broker.cancel(tag)
        if taken:
            assert world.ended(tag) == "已撤单"
            assert world.kept(tag).status is Status.CANCELLED
        else:
            assert "cancel_session" in world.cancel_refusal(tag)
            assert world.kept(tag).alive

    def test_a_cancel_on_its_way_loses_against_a_fill(self) -> None:
        world = bench(minutes(m1004=(9.8, 9.8, 9.8, 9.8, 10**6)), delay_s=2.0).go("10:00")
        tag = world.order(1000, 9.9)
        world.go("10:04:59")
        world.broker.cancel(tag)
        assert world.kept(tag).status is Status.CANCELLING
        world.go("10:10")
        kinds = [type(r) for r in world.reports if getattr(r, "tag", "") == tag]
        assert kinds == [Accepted, Filled, CancelRefused]
        assert world.kept(tag).status is Status.FILLED

    def test_a_part_fill_overtakes_the_cancel_and_is_kept(self) -> None:
        world = bench(minutes(m1004=(9.8, 9.8, 9.8, 9.8, 2000)), delay_s=2.0).go("10:00")
        tag = world.order(1000, 9.9)
        world.go("10:04:59")
        world.broker.cancel(tag)
        world.go("10:05:00")
        assert world.kept(tag).status is Status.PART_CANCELLING
        world.go("10:05:10")
        assert world.kept(tag).status is Status.PART_CANCELLED
        assert [type(r) for r in world.reports if getattr(r, "tag", "") == tag] == [Accepted, Filled, Cancelled]

    def test_from_another_thread_it_is_done_when_the_engine_thread_looks(self) -> None:
        world = bench(attend_s=0.5).go("10:00")
        tag = world.order(1000, 9.5)
        thread = Thread(target=world.broker.cancel, args=(tag,))
        thread.start()
        thread.join()
        assert world.kept(tag).alive
        world.go("10:00:01")
        assert world.ended(tag) == "已撤单"

    def test_nothing_is_attended_to_once_no_order_works(self) -> None:
        world = bench(attend_s=0.5).go("10:00")
        world.broker.cancel(world.order(1000, 9.5))
        world.go("10:00:02")
        assert world.broker.timers.now() == clock("10:00:02")
        assert not world.broker._attending


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "amount", "limit", "rule"),
        [
            ("688981.XSHG", 100_200, 10.0, "order_size"),
            ("688981.XSHG", 50_200, None, "order_size"),
            ("688981.XSHG", 100, 10.0, "lot_size"),
            ("300750.XSHE", 300_100, 10.0, "order_size"),
            ("300750.XSHE", 150_100, None, "order_size"),
            (CODE, 150, 10.0, "lot_size"),
            (CODE, 1000, 10.005, "tick_size"),
            (CODE, 1000, 11.01, "price_limit"),
            (CODE, 1000, 8.99, "price_limit"),
            (CODE, 1000, 10.21, "price_cage"),
            (CODE, 1000, 10.20, ""),
            ("688981.XSHG", 1000, 10.21, "price_cage"),
            ("510300.XSHG", 1000, 10.9, ""),  # funds have no cage
            ("000300.XSHG", 100, None, "unknown_security"),
            ("600999.XSHG", 100, None, "unknown_security"),
            ("000002.XSHE", 100, None, "suspended"),
            ("300001.XSHE", 100, None, "market_order"),
            (CODE, 200_000, 10.0, "available_cash"),
            (CODE, -100, 10.0, "sellable"),
        ],
    )
    def test_each_rule_says_no_by_its_name(self, code: str, amount: int, limit: float | None, rule: str) -> None:
        market = FakeMarket()
        for known in (CODE, "688981.XSHG", "300750.XSHE", FUND):
            market.add(known, {DAY: 10.0}, prev_close=10.0)
        market.add("000002.XSHE", {DAY: None}, prev_close=10.0).add_index("000300.XSHG", [])
        market.add("300001.XSHE", {DAY: 10.0}, prev_close=10.0, list_date=DAY)
        world = Bench(market).go("10:00")
        world.account.cash = money(1_999_000)
        tag = world.order(amount, limit, code, protection=10.1)
        assert world.rule(tag) == rule
        assert not rule or world.kept(tag).status is Status.JUNK

    def test_the_cap_on_risk_warning_shares_counts_fills_and_open_orders(self) -> None:
        world = Bench(FakeMarket().add(CODE, {DAY: 1.0}, prev_close=1.0, name="*ST 浦发")).go("10:00")
        world.order(200_000, 1.0)
        world.order(200_000, 0.98)
        assert world.rule(world.order(100_100, 1.0)) == "st_buy_cap"
        assert world.rule(world.order(100_000, 1.0)) == ""

    def test_a_held_order_is_judged_by_the_cage_when_the_exchange_takes_it(self) -> None:
        world = bench(minutes(9.5)).go("09:27")
        tag = world.order(1000, 10.0)
        assert world.rule(tag) == ""
        world.go("09:30")
        assert world.rule(tag) == "price_cage"
        assert (world.account.cash, world.account.frozen) == (money(1_000_000), 0)


class TestSlowMachine:
    def test_after_a_sleep_resting_orders_have_met_the_minutes_in_between(self) -> None:
        world = bench(minutes(m1020=(9.8, 9.8, 9.8, 9.8, 10**6))).go("10:00")
        tag = world.order(1000, 9.9)
        world.sleep("10:45:10")
        assert world.fills(tag) == [("10:21:00", 1000, 9.8)]

    def test_after_a_night_yesterdays_order_is_gone_once(self) -> None:
        world = bench().go("10:00")
        tag = world.order(1000, 9.5)
        world.sleep("10:30", date(2025, 6, 4))
        assert len(world.of(Cancelled, tag)) == 1
        assert world.account.frozen == 0

    def test_an_order_of_the_new_day_is_judged_by_the_new_days_limits(self) -> None:
        day = date(2025, 6, 4)
        market = FakeMarket().add(CODE, {DAY: 10.0, day: 11.0}, prev_close=10.0, references={day: 11.0})
        world = Bench(market).go("10:00")
        world.order(1000, 9.5)
        world.jump("09:40", day)
        tag = world.order(1000, 11.5)
        assert world.rule(tag) == "price_cage"
        rests = world.order(1000, 10.9)
        world.go("15:00")
        assert world.ended(rests) == "收盘未成交，自动撤单"
        assert world.account.frozen == 0


class TestTheBrokersOwnView:
    def test_orders_by_hand_are_the_brokers_facts_only(self) -> None:
        world = bench().go("10:00")
        world.broker.enter_by_hand(CODE, Side.BUY, 1000, price("10.05"))
        world.broker.enter_by_hand(CODE, Side.BUY, 150)
        now = world.snapshot()
        assert [(row.tag, row.status, row.filled, row.state) for row in now.orders] == [
            ("", 56, 1000, "已成"),
            ("", 57, 0, "废单"),
        ]
        assert now.holdings[0].amount == 1000
        assert now.available == world.account.cash < money(990_000)
        assert len(world.reports) == 3  # link, account, account

    def test_the_days_list_shows_numbers_states_and_fills(self) -> None:
        world = bench(minutes(m1000=(10.0, 10.0, 10.0, 10.0, 2000))).go("10:00")
        world.order(1000, 10.0)
        world.order(500, 9.5)
        rows = world.snapshot().orders
        assert [(row.tag, row.amount, row.filled, row.status, row.state) for row in rows] == [
            ("t1", 1000, 500, 55, "部成"),
            ("t2", 500, 0, 50, "已报"),
        ]
        assert len({row.broker_id for row in rows}) == 2
        now = world.snapshot()
        assert [(row.tag, row.trade_id, row.amount, row.price, row.fee) for row in now.trades] == [
            (r.tag, r.trade_id, r.amount, r.price, r.fee) for r in world.of(Filled)
        ]
        assert now.complete
        assert [r.broker_id for r in world.of(Accepted)] == [row.broker_id for row in rows]

    def test_the_account_is_saved_after_each_change(self) -> None:
        world = bench().go("10:00")
        before = world.saves
        tag = world.order(1000, 9.5)
        assert world.saves > before
        before = world.saves
        world.broker.cancel(tag)
        assert world.saves > before

    def test_numbers_are_never_used_twice(self) -> None:
        world = bench().go("10:00")
        for _ in range(20):
            world.order(100, 10.0)
        numbers = [r.broker_id for r in world.of(Accepted)] + [r.trade_id for r in world.of(Filled)]
        assert len(set(numbers)) == len(numbers) == 40


def test_own_orders_share_the_minutes_volume_by_price_then_time() -> None:
    world = bench(minutes(m1005=(9.7, 9.7, 9.7, 9.7, 4000))).go("10:00")
    first, second, best = world.order(600, 9.8), world.order(600, 9.8), world.order(600, 9.9)
    world.go("10:06")
    assert [sum(f[1] for f in world.fills(tag)) for tag in (best, first, second)] == [600, 400, 0]


def test_part_fills_of_star_shares_go_by_single_shares() -> None:
    code = "688981.XSHG"
    market = FakeMarket().add(code, {DAY: minutes(m1000=(10.0, 10.0, 10.0, 10.0, 333))}, prev_close=10.0)
    world = Bench(market).go("10:00")
    tag = world.order(200, 10.0, code)
    assert world.fills(tag) == [("10:00:00", 83, 10.0)]
