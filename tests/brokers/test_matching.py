"""The pure part of matching: which price an order gets from a bar, a book, an auction."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

import pytest

from bullet_trade.brokers.simulator.matching import (
    Take,
    opposite,
    share_of,
    take_at_once,
    take_levels,
    trade_through,
    uncross,
    volume_through,
)
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.ports.exchange_feed import Bar
from bullet_trade.ports.quotes import Tick

BUY, SELL = Side.BUY, Side.SELL
NOW = datetime(2025, 6, 3, 10)
TICK, HIGH, LOW = price("0.01"), price("11"), price("9")


def bar(first: float, high: float, low: float, last: float, volume: int = 10_000) -> Bar:
    return Bar(NOW, NOW, first, high, low, last, volume)


@pytest.mark.parametrize(
    ("side", "minute", "worst", "slip", "expected"),
    [
        (BUY, bar(10.00, 10.10, 9.90, 10.05), 0, 0.0, 10.00),
        (BUY, bar(10.00, 10.10, 9.90, 10.05), 10.05, 0.02, 10.02),
        (BUY, bar(10.00, 10.10, 9.90, 10.05), 10.05, 0.013, 10.02),  # up to the next fen
        (BUY, bar(10.00, 10.01, 9.90, 10.00), 10.05, 0.04, 10.01),  # never past what traded
        (BUY, bar(10.00, 10.10, 9.90, 10.05), 10.01, 0.04, 10.01),  # the protection price holds
        (BUY, bar(10.06, 10.10, 9.90, 10.05), 10.05, 0.0, None),  # beyond it: nothing
        (SELL, bar(10.00, 10.10, 9.90, 10.05), 9.95, 0.02, 9.98),
        (SELL, bar(10.00, 10.10, 9.99, 10.05), 9.95, 0.04, 9.99),
        (SELL, bar(9.94, 10.10, 9.90, 10.05), 9.95, 0.0, None),
        (BUY, bar(11.00, 11.00, 11.00, 11.00), 0, 0.0, None),  # sealed at the upper limit
        (BUY, bar(11.00, 11.00, 10.50, 10.60), 0, 0.0, None),  # it breaks later: nobody sold when the order came
        (BUY, bar(10.99, 11.00, 10.99, 11.00), 0, 0.05, 11.00),
        (SELL, bar(11.00, 11.00, 11.00, 11.00), 0, 0.0, 11.00),  # the queue at the limit buys
        (SELL, bar(9.00, 9.00, 9.00, 9.00), 0, 0.0, None),
        (SELL, bar(9.00, 9.60, 9.00, 9.50), 0, 0.0, None),
        (BUY, bar(9.00, 9.00, 9.00, 9.00), 0, 0.0, 9.00),
    ],
)
def test_an_order_takes_the_first_price_of_the_minute_in_progress(
    side: Side, minute: Bar, worst: float, slip: float, expected: float | None
) -> None:
    match = take_at_once(side, minute, price(worst), price(slip), TICK, HIGH, LOW)
    assert match.price == (price(expected) if expected is not None else 0)
    assert bool(match.reason) is (expected is None)


@pytest.mark.parametrize(
    ("side", "limit", "minute", "expected"),
    [
        (BUY, 9.95, bar(10.00, 10.00, 9.94, 9.98), 9.95),
        (BUY, 9.95, bar(10.00, 10.00, 9.95, 9.98), None),  # touched: others stood before us
        (BUY, 9.95, bar(9.90, 9.99, 9.90, 9.98), 9.90),  # opens through it: at the better price
        (BUY, 9.95, bar(9.90, 9.90, 9.90, 9.90, 0), None),  # no trade in that minute
        (BUY, 11.00, bar(11.00, 11.00, 11.00, 11.00), None),  # sealed
        (BUY, 11.00, bar(11.00, 11.00, 10.90, 11.00), 11.00),  # the seal broke
        (SELL, 10.05, bar(10.00, 10.06, 10.00, 10.02), 10.05),
        (SELL, 10.05, bar(10.00, 10.05, 10.00, 10.02), None),
        (SELL, 10.05, bar(10.20, 10.20, 10.00, 10.02), 10.20),
        (SELL, 9.00, bar(9.00, 9.00, 9.00, 9.00), None),
    ],
)
def test_a_resting_order_needs_the_price_to_go_through_its_limit(
    side: Side, limit: float, minute: Bar, expected: float | None
) -> None:
    assert trade_through(side, price(limit), minute).price == (price(expected) if expected else 0)


@pytest.mark.parametrize(
    ("side", "limit", "auction", "trades"),
    [
        (BUY, 10.01, 10.00, True),
        (BUY, 10.00, 10.00, False),  # at the price itself only one side fills in full
        (BUY, 9.99, 10.00, False),
        (SELL, 9.99, 10.00, True),
        (SELL, 10.00, 10.00, False),
        (BUY, 11.00, 11.00, False),  # auction at the upper limit: sealed
    ],
)
def test_a_call_auction_fills_better_limits(side: Side, limit: float, auction: float, trades: bool) -> None:
    assert uncross(side, price(limit), price(auction)) is trades


@pytest.mark.parametrize(
    ("volume", "share", "used", "left"),
    [
        (1000, Fraction(1, 4), 0, 250),
        (1000, Fraction(1, 4), 200, 50),
        (1000, Fraction(1, 4), 300, 0),
        (3, Fraction(1), 0, 3),
    ],
)
def test_the_share_of_the_volume(volume: int, share: Fraction, used: int, left: int) -> None:
    assert share_of(volume, share, used) == left


def snapshot(
    last: float = 10.0, volume: int = 0, low: float = 10.0, high: float = 10.0, **book: tuple[float, ...]
) -> Tick:
    asks, bids = book.get("asks", (10.01, 10.02, 10.03, 10.04, 10.05)), book.get("bids", (9.99, 9.98, 9.97, 9.96, 9.95))
    return Tick(
        code=Code("600000.XSHG"),
        datetime=NOW,
        current=last,
        low=low,
        high=high,
        volume=volume,
        ask_prices=asks,
        ask_volumes=(100, 200, 300, 400, 500)[: len(asks)],
        bid_prices=bids,
        bid_volumes=(100, 200, 300, 400, 500)[: len(bids)],
    )


@pytest.mark.parametrize(
    ("side", "wanted", "worst", "expected"),
    [
        (BUY, 100, 0.0, [(10.01, 100)]),
        (BUY, 250, 0.0, [(10.01, 100), (10.02, 150)]),
        (BUY, 5000, 0.0, [(10.01, 100), (10.02, 200), (10.03, 300), (10.04, 400), (10.05, 500)]),
        (BUY, 5000, 10.02, [(10.01, 100), (10.02, 200)]),
        (BUY, 100, 10.00, []),
        (SELL, 250, 9.98, [(9.99, 100), (9.98, 150)]),
        (SELL, 100, 10.00, []),
    ],
)
def test_an_incoming_order_takes_the_levels_in_turn(
    side: Side, wanted: int, worst: float, expected: list[tuple[float, int]]
) -> None:
    found = take_levels(side, opposite(side, snapshot()), price(worst), wanted, {})
    assert found == [Take(price(at), amount) for at, amount in expected]


def test_what_own_orders_took_before_is_not_there_a_second_time() -> None:
    taken = {(BUY, price("10.01")): 100, (BUY, price("10.02")): 50, (SELL, price("10.03")): 300}
    found = take_levels(BUY, opposite(BUY, snapshot()), Price(0), 200, taken)
    assert found == [Take(price("10.02"), 150), Take(price("10.03"), 50)]


def test_an_empty_side_is_a_sealed_limit() -> None:
    sealed = snapshot(asks=(0.0,) * 5, bids=(11.0, 10.99, 10.98, 10.97, 10.96))
    assert opposite(BUY, sealed) == []
    assert opposite(SELL, sealed)[0].price == HIGH


@pytest.mark.parametrize(
    ("side", "limit", "now", "volume"),
    [
        (BUY, 9.95, {"last": 9.94, "volume": 1500}, 500),
        (BUY, 9.95, {"last": 9.95, "volume": 1500}, 0),
        (BUY, 9.95, {"last": 9.94, "volume": 1000}, 0),  # nothing traded
        (BUY, 9.95, {"last": 9.99, "volume": 1500, "low": 9.90}, 500),  # a new low of the day in between
        (BUY, 9.95, {"last": 9.99, "volume": 1500, "low": 10.0}, 0),
        (SELL, 10.05, {"last": 10.06, "volume": 1500}, 500),
        (SELL, 10.05, {"last": 10.0, "volume": 1500, "high": 10.2}, 500),
        (SELL, 10.05, {"last": 10.05, "volume": 1500}, 0),
    ],
)
def test_trades_between_two_snapshots_went_through_a_limit(
    side: Side, limit: float, now: dict[str, float], volume: int
) -> None:
    before = snapshot(volume=1000)
    assert volume_through(side, price(limit), before, snapshot(**now)) == volume  # type: ignore[arg-type]
