"""Real days of stocks at their limits, suspended, and newly listed (winter 2025/26), as the exchange treats them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from exchange_bench import Bench

from bullet_trade.brokers.simulator.account import Opening, open_account
from bullet_trade.domain.money import Price, money
from bullet_trade.domain.reports import Filled
from bullet_trade.domain.securities import Code
from bullet_trade.quotes.local import LocalStore

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SH_603778, SZ_002931, SZ_002049, SZ_001280 = (
    Code(c) for c in ("603778.XSHG", "002931.XSHE", "002049.XSHE", "001280.XSHE")
)


@pytest.fixture(scope="module")
def store() -> LocalStore:
    if not (SHARED / "bars_1m.parquet").is_file():
        pytest.skip(f"recorded minutes not found at {SHARED}")
    return LocalStore(SHARED)


def holding(store: LocalStore, code: Code, day: date) -> Bench:
    """An account with 10,000 sellable shares and a million yuan, at 10:00."""
    return Bench(store, day, account=open_account(money(1_000_000), [Opening(code, 10_000, Price(0))])).go("10:00")


@pytest.mark.parametrize(
    ("code", "day", "limit", "up"),
    [
        (SZ_002931, date(2026, 1, 6), 38.36, True),  # one price all day, 118 minutes without a trade
        (SZ_002931, date(2026, 1, 21), 82.25, True),
        (SZ_002049, date(2026, 1, 15), 86.69, True),  # resumed after two weeks, sealed all day
        (SH_603778, date(2026, 1, 16), 22.46, False),  # four days sealed at the lower limit
        (SH_603778, date(2026, 1, 20), 18.19, False),
    ],
)
def test_nobody_trades_against_a_day_sealed_at_its_limit(
    store: LocalStore, code: Code, day: date, limit: float, up: bool
) -> None:
    world = holding(store, code, day)
    against = 1000 if up else -1000
    at_market = world.order(against, code=code, protection=limit)
    rests = world.order(against, limit, code)
    world.go("15:00")
    assert world.fills(at_market) == world.fills(rests) == []
    assert "封板" in world.ended(at_market)
    assert world.ended(rests) == "收盘未成交，自动撤单"


def test_with_the_seal_one_trades_as_far_as_the_volume_goes(store: LocalStore) -> None:
    world = holding(store, SH_603778, date(2026, 1, 16))
    tag = world.order(1000, code=SH_603778, protection=22.6)
    assert world.fills(tag) == [("10:00:00", 1000, 22.46)]
    thin = holding(store, SZ_002931, date(2026, 1, 6))
    sale = thin.order(-10_000, 38.36, SZ_002931)
    thin.go("15:00")
    assert {price for _, _, price in thin.fills(sale)} <= {38.36}
    bars = store.minutes(SZ_002931, date(2026, 1, 6))
    assert bars is not None
    assert all(amount * 4 <= int(bars.volume.max()) for _, amount, _ in thin.fills(sale))


def test_when_the_seal_breaks_a_waiting_order_trades(store: LocalStore) -> None:
    # 603778 opened at its lower limit on 2026-01-22 and ended at the upper one.
    day, low_limit = date(2026, 1, 22), 14.73
    bars = store.minutes(SH_603778, day)
    assert bars is not None
    broke = next(i for i in range(240) if bars.high[i] > low_limit)
    world = Bench(store, day, account=open_account(money(0), [Opening(SH_603778, 10_000, Price(0))])).go("09:30")
    at_market, waits = (
        world.order(-1000, code=SH_603778, protection=low_limit),
        world.order(-1000, low_limit, SH_603778),
    )
    world.go("15:00")
    assert world.fills(at_market) == []
    minute = 570 + broke + 1 if broke < 120 else 780 + broke - 119
    assert world.fills(waits)[0][0] == f"{minute // 60:02}:{minute % 60:02}:00"


@pytest.mark.parametrize(
    ("code", "day"),
    [
        (SZ_002931, date(2025, 12, 18)),
        (SZ_002931, date(2026, 1, 14)),
        (SH_603778, date(2026, 1, 7)),
        (SZ_002049, date(2025, 12, 30)),
        (SZ_002049, date(2026, 1, 14)),
    ],
)
def test_a_suspended_stock_is_refused_by_name(store: LocalStore, code: Code, day: date) -> None:
    world = holding(store, code, day)
    assert world.rule(world.order(1000, code=code, protection=30.0)) == "suspended"
    assert world.snapshot().holdings[0].amount == 10_000


@pytest.mark.parametrize("day", [date(2025, 12, 4), date(2025, 12, 8), date(2025, 12, 9)])
def test_in_its_first_five_days_a_new_listing_has_a_cage_and_no_limit(store: LocalStore, day: date) -> None:
    world = holding(store, SZ_001280, day)
    last = world.feed.last_price(SZ_001280)
    assert world.rule(world.order(100, code=SZ_001280, protection=round(last * 1.01, 2))) == "market_order"
    assert world.rule(world.order(100, round(last * 1.05, 2), SZ_001280)) == "price_cage"
    assert world.rule(world.order(100, round(last * 0.80, 2), SZ_001280)) == ""  # far below any 10% limit
    tag = world.order(100, round(last * 1.01, 2), SZ_001280)
    world.go("15:00")
    assert world.fills(tag)


def test_from_its_sixth_day_it_has_both(store: LocalStore) -> None:
    world = holding(store, SZ_001280, date(2025, 12, 10))
    last = world.feed.last_price(SZ_001280)
    assert world.rule(world.order(100, round(last * 0.80, 2), SZ_001280)) == "price_limit"
    assert world.rule(world.order(100, code=SZ_001280, protection=round(last * 1.01, 2))) == ""


@pytest.mark.parametrize("code", [SH_603778, SZ_002931, SZ_002049])
def test_every_fill_of_many_days_lies_in_its_minute_and_within_the_limits(store: LocalStore, code: Code) -> None:
    days = store.daily(code, date(2025, 12, 24), date(2026, 1, 28)).days.astype(object).tolist()
    for day in days:
        world = holding(store, code, day)
        last, facts = world.feed.last_price(code), world.feed.facts(code)
        for percent in (-3, -1, 0, 1):
            limit = min(max(round(last * (1 + percent / 100), 2), facts.low_limit), facts.high_limit)
            world.order(1000, limit, code)
            world.order(-1000, limit, code)
        world.go("15:00")
        bars = store.minutes(code, day)
        assert bars is not None
        for report in world.of(Filled):
            minute = report.at.hour * 60 + report.at.minute
            index = minute - 570 if minute <= 690 else minute - 780 + 120
            # On arrival at 10:00 the minute that begins, later the one that ended.
            index = index if minute == 600 else index - 1
            price = report.price / 10_000
            assert bars.low[index] - 1e-9 <= price <= bars.high[index] + 1e-9
            assert facts.low_limit <= price <= facts.high_limit
