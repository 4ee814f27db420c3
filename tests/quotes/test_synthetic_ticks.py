"""Snapshots of the synthetic market against its minute bars and the limits."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from bullet_trade.domain.money import price
from bullet_trade.domain.securities import Code
from bullet_trade.market.price_limit import price_limits
from bullet_trade.quotes.synthetic import SyntheticMarket

SESSIONS = [day for day in (date(2024, 1, 1) + timedelta(days=n) for n in range(1000)) if day.weekday() < 5]
MARKET = SyntheticMarket(1, sessions=SESSIONS)
DAY = date(2026, 9, 15)
CODES = [Code(code) for code in ("600519.XSHG", "688981.XSHG", "510300.XSHG", "159915.XSHE", "113050.XSHG")]


def minute_ends(day: date) -> np.ndarray:
    """The ends of the 240 bars: 09:31 to 11:30 and 13:01 to 15:00."""
    minutes = [*range(571, 691), *range(781, 901)]
    return np.datetime64(day, "ms") + np.array(minutes) * np.timedelta64(60_000, "ms")


@pytest.mark.parametrize("code", [*CODES, Code("000300.XSHG")])
def test_at_every_minute_end_the_snapshot_agrees_with_the_bars_so_far(code: Code) -> None:
    bars, ticks = MARKET.minutes(code, DAY), MARKET.ticks(code, DAY)
    assert bars is not None
    assert ticks is not None
    at = np.searchsorted(ticks.times, minute_ends(DAY))
    assert (ticks.times[at] == minute_ends(DAY)).all()
    assert np.array_equal(ticks.last[at], bars.close)
    assert np.array_equal(ticks.high[at], np.maximum.accumulate(bars.high))
    assert np.array_equal(ticks.low[at], np.minimum.accumulate(bars.low))
    assert np.array_equal(ticks.volume[at], np.cumsum(bars.volume))
    assert ticks.money[at] == pytest.approx(np.cumsum(bars.money), rel=1e-12)
    assert (ticks.open == bars.open[0]).all()


@pytest.mark.parametrize("code", CODES)
def test_snapshots_come_every_three_seconds_from_the_opening_auction_to_the_close(code: Code) -> None:
    ticks = MARKET.ticks(code, DAY)
    assert ticks is not None
    clock = [str(time)[11:19] for time in ticks.times]
    assert clock[:3] == ["09:25:00", "09:30:00", "09:30:03"]
    assert clock[2401:2404] == ["11:30:00", "13:00:00", "13:00:03"]
    assert clock[-1] == "15:00:00"
    assert len(ticks) == 4803
    assert ticks.ask_price.shape == ticks.bid_volume.shape == (4803, 5)


@pytest.mark.parametrize("code", CODES)
def test_volume_and_money_never_fall_and_the_average_of_each_step_stays_in_the_days_range(code: Code) -> None:
    ticks = MARKET.ticks(code, DAY)
    assert ticks is not None
    volume, money = np.diff(ticks.volume), np.diff(ticks.money)
    assert (volume >= 0).all()
    assert (money >= 0).all()
    traded = volume > 0
    average = money[traded] / volume[traded]
    assert (average >= ticks.low[-1] - 0.01).all()
    assert (average <= ticks.high[-1] + 0.01).all()


@pytest.mark.parametrize("code", CODES)
def test_the_book_brackets_the_last_price_in_ascending_levels_on_the_tick_grid(code: Code) -> None:
    ticks = MARKET.ticks(code, DAY)
    assert ticks is not None
    step = 100 if code[0] == "6" else 1000
    for side in (ticks.ask_price, ticks.bid_price):
        assert np.array_equal(side, np.rint(side * step) / step)
    both = (ticks.ask_price[:, 0] > 0) & (ticks.bid_price[:, 0] > 0)
    assert both.any()
    assert (ticks.ask_price[both, 0] > ticks.bid_price[both, 0]).all()
    touching = (ticks.last == ticks.ask_price[:, 0]) | (ticks.last == ticks.bid_price[:, 0])
    assert touching.all()
    full = (ticks.ask_price > 0).all(axis=1) & (ticks.bid_price > 0).all(axis=1)
    assert (np.diff(ticks.ask_price[full], axis=1) > 0).all()
    assert (np.diff(ticks.bid_price[full], axis=1) < 0).all()
    for prices, volumes in ((ticks.ask_price, ticks.ask_volume), (ticks.bid_price, ticks.bid_volume)):
        assert ((prices > 0) == (volumes > 0)).all()


def test_at_the_upper_limit_nobody_sells_and_at_the_lower_one_nobody_buys() -> None:
    seen = set()
    for one in MARKET.securities():
        if one.kind != "stock" or len(seen) == 2:
            continue
        days = MARKET.daily(one.code, date(2025, 1, 1), date(2026, 9, 1))
        for i in range(len(days)):
            day = days.days[i].astype(date)
            limits = price_limits(one, day, price(float(days.prev_close[i])))
            if limits is None or days.paused[i] or price(float(days.close[i])) not in limits:
                continue
            ticks = MARKET.ticks(one.code, day)
            assert ticks is not None
            up = price(float(days.close[i])) == limits.high
            empty, queue = (ticks.ask_price, ticks.bid_price) if up else (ticks.bid_price, ticks.ask_price)
            assert (empty[-1] == 0).all()
            assert queue[-1, 0] == days.close[i]
            seen.add(up)
            break
    assert seen == {True, False}


def test_an_index_has_prices_but_no_book() -> None:
    ticks = MARKET.ticks(Code("000300.XSHG"), DAY)
    assert ticks is not None
    for side in (ticks.ask_price, ticks.ask_volume, ticks.bid_price, ticks.bid_volume):
        assert not side.any()
