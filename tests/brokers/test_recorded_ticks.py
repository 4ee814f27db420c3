"""Matching on recorded five-level snapshots: 600519 and 000333, three days of February 2023."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, time
from fractions import Fraction
from pathlib import Path

import pytest
from exchange_bench import Bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bullet_trade.brokers.simulator.account import Opening, open_account
from bullet_trade.domain.money import Price, money
from bullet_trade.domain.reports import Filled
from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import Ticks
from bullet_trade.quotes.local import LocalStore

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MIDEA, MOUTAI = Code("000333.XSHE"), Code("600519.XSHG")
DAY = date(2023, 2, 1)


@pytest.fixture(scope="module")
def store() -> LocalStore:
    if not (SHARED / "ticks.parquet").is_file():
        pytest.skip(f"recorded snapshots not found at {SHARED}")
    return LocalStore(SHARED)


def recorded(store: LocalStore, code: Code) -> Ticks:
    ticks = store.ticks(code, DAY)
    assert ticks is not None
    return ticks


def index_after(ticks: Ticks, at: str) -> int:
    """The first snapshot later than `at`."""
    times = [value.item() for value in ticks.times]
    return bisect_right(times, datetime.combine(DAY, time.fromisoformat(at)))


def test_a_recorded_source_is_matched_on_its_snapshots(store: LocalStore) -> None:
    world = Bench(store, DAY).go("10:00")
    assert world.feed.uses_ticks(MIDEA)
    assert not world.feed.uses_ticks(Code("600036.XSHG"))


@pytest.mark.parametrize("side", [1, -1])
def test_a_market_order_takes_the_levels_of_the_next_snapshot(store: LocalStore, side: int) -> None:
    ticks = recorded(store, MIDEA)
    account = open_account(money(2_000_000), [Opening(MIDEA, 20_000, Price(0))])
    world = Bench(store, DAY, account=account).go("10:00")
    tag = world.order(side * 15_000, code=MIDEA, protection=60.0 if side > 0 else 50.0)
    assert world.fills(tag) == []  # the last snapshot came before the order
    world.go("10:00:10")
    times = [value.item() for value in ticks.times]
    at = index_after(ticks, "10:00")
    prices, amounts = (ticks.ask_price, ticks.ask_volume) if side > 0 else (ticks.bid_price, ticks.bid_volume)
    wanted, expected = 15_000, []
    for level, amount in zip(prices[at].tolist(), amounts[at].tolist(), strict=True):
        taken = wanted if amount >= wanted else amount // 100 * 100
        if taken > 0:
            expected.append((taken, round(level, 2)))
            wanted -= taken
    assert [(amount, price) for _, amount, price in world.fills(tag)] == expected
    assert {when for when, _, _ in world.fills(tag)} == {f"{times[at]:%H:%M:%S}"}


def test_a_resting_buy_fills_at_its_limit_when_the_market_comes_down_to_it(store: LocalStore) -> None:
    # 000333 stood at 55.4 at 09:31 and fell below 55 before noon.
    ticks = recorded(store, MIDEA)
    world = Bench(store, DAY).go("09:40")
    tag = world.order(1000, 54.8, MIDEA)
    world.go("11:30")
    start = index_after(ticks, "09:40:03")
    first = next(
        i
        for i in range(start, len(ticks))
        if 0 < ticks.ask_price[i][0] <= 54.8 or (ticks.last[i] < 54.8 and ticks.volume[i] > ticks.volume[i - 1])
    )
    fills = world.fills(tag)
    assert fills[0][0] == f"{ticks.times[first].item():%H:%M:%S}"
    assert {price for _, _, price in fills} == {54.8}
    assert sum(amount for _, amount, _ in fills) == 1000


def test_the_opening_call_has_the_recorded_price_and_a_quarter_of_its_volume(store: LocalStore) -> None:
    world = Bench(store, DAY, ticks_everywhere=True).go("09:18")
    world.account.cash = money(100_000_000)
    tag = world.order(20_000, 56.0, MIDEA)
    world.go("09:26")
    assert world.fills(tag) == [("09:25:00", 9100, 55.29)]  # 36,700 shares traded in the call


def test_the_closing_call_has_the_recorded_price(store: LocalStore) -> None:
    world = Bench(store, DAY).go("14:58")
    tag = world.order(1000, 55.6, MIDEA)
    world.go("15:00")
    assert world.fills(tag) == [("15:00:00", 1000, 55.5)]


def test_the_cage_is_measured_from_the_recorded_book(store: LocalStore) -> None:
    world = Bench(store, date(2023, 2, 1)).go("10:00")
    assert world.rule(world.order(100, 60.0, MIDEA)) == ""  # before April 2023 the main boards had none


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=st.lists(
        st.tuples(
            st.integers(0, 238),
            st.integers(0, 59),
            st.sampled_from((100, 500, 3000, 20_000)),
            st.one_of(st.none(), st.integers(-40, 40)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_order_takes_more_than_was_there_or_a_price_that_was_not(
    store: LocalStore, orders: list[tuple[int, int, int, int | None]]
) -> None:
    ticks = recorded(store, MIDEA)
    times = [value.item() for value in ticks.times]
    world = Bench(store, DAY)
    world.account.cash = money(1_000_000_000)
    placed: dict[str, datetime] = {}
    for minute, second, amount, fen in sorted(orders, key=lambda one: one[:2]):
        clock = minute + 570 if minute < 120 else minute + 660
        world.go(f"{clock // 60:02}:{clock % 60:02}:{second:02}")
        last = world.feed.last_price(MIDEA)
        tag = world.order(
            amount, None if fen is None else round(last + fen / 100, 2), MIDEA, protection=round(last + 0.5, 2)
        )
        placed[tag] = world.clock.now()
    world.go("15:00")
    for report in world.of(Filled):
        order = world.kept(report.tag)
        assert report.at > placed[report.tag]
        assert report.price <= order.worst
        assert 0 < order.filled <= order.ticket.amount
        if report.at.time() < time(14, 57) and report.at.time() != time(9, 25):
            at = bisect_right(times, report.at) - 1
            shown = int(ticks.ask_volume[at][ticks.ask_price[at] > 0].sum())
            traded = int(ticks.volume[at] - ticks.volume[at - 1])
            together = sum(r.amount for r in world.of(Filled) if r.at == report.at)
            assert together <= shown + Fraction(traded, 4)
    assert world.account.frozen == 0
