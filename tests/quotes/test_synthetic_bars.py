"""Daily and minute bars of the synthetic market: the exchange's rules hold, and days are the sums of their minutes."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.money import price
from bullet_trade.domain.securities import Code
from bullet_trade.market.price_limit import price_limits
from bullet_trade.ports.market_data import MarketData
from bullet_trade.quotes.synthetic import SyntheticMarket

STOCK, CHINEXT, STAR, BEIJING = (
    Code("600519.XSHG"),
    Code("300750.XSHE"),
    Code("688981.XSHG"),
    Code("920002.XBSE"),
)
FUND, BOND, INDEX = Code("510300.XSHG"), Code("113050.XSHG"), Code("000300.XSHG")
STEPS = {STOCK: 100, CHINEXT: 100, STAR: 100, BEIJING: 100, FUND: 1000, BOND: 1000, INDEX: 100}
LOTS = {STOCK: 100, CHINEXT: 100, STAR: 100, BEIJING: 100, FUND: 100, BOND: 10, INDEX: 100}
PRICES = ("open", "high", "low", "close")


def weekdays(first: date, last: date) -> list[date]:
    """Monday to Friday; the first week of October is closed."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and not (day.month == 10 and day.day <= 7)]


SESSIONS = weekdays(date(2018, 1, 1), date(2026, 12, 31))
MARKET = SyntheticMarket(seed=1, sessions=SESSIONS)
FIRST, LAST = date(2025, 1, 1), date(2026, 9, 30)


def test_it_is_a_market_data_source_that_says_that_its_prices_are_invented() -> None:
    source: MarketData = SyntheticMarket(seed=7, sessions=SESSIONS)
    assert source.label == "合成行情(种子 7)"
    assert source.synthetic
    assert source.trading_days() is None
    assert source.coverage() is None


@pytest.mark.parametrize("code", STEPS)
def test_prices_lie_on_the_tick_grid_and_bars_are_well_formed(code: Code) -> None:
    days = MARKET.daily(code, FIRST, LAST)
    day = days.days[days.volume > 0][-1].astype(date)
    for bars in (days, MARKET.minutes(code, day)):
        for name in PRICES:
            column = getattr(bars, name)
            assert np.array_equal(column, np.rint(column * STEPS[code]) / STEPS[code])
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.low > 0).all()
        assert (bars.volume % LOTS[code] == 0).all()
        assert (bars.volume >= 0).all()


@pytest.mark.parametrize("code", [STOCK, CHINEXT, STAR, BEIJING, FUND, BOND])
def test_every_average_price_lies_inside_its_bar(code: Code) -> None:
    for day in SESSIONS[-80:-70]:
        bars = MARKET.minutes(code, day)
        if bars is None:
            continue
        traded = bars.volume > 0
        average = bars.money[traded] / bars.volume[traded]
        assert (average >= bars.low[traded] - 1e-9).all()
        assert (average <= bars.high[traded] + 1e-9).all()
        assert (bars.money[~traded] == 0).all()


@pytest.mark.parametrize("code", STEPS)
def test_a_daily_bar_is_the_sum_of_its_minute_bars(code: Code) -> None:
    days = MARKET.daily(code, date(2026, 2, 10), date(2026, 3, 20))
    assert len(days) > 20
    for i, stamp in enumerate(days.days):
        bars = MARKET.minutes(code, stamp.astype(date))
        assert (bars is None) == days.paused[i]
        if bars is None:
            continue
        assert days.open[i] == bars.open[0]
        assert days.high[i] == bars.high.max()
        assert days.low[i] == bars.low.min()
        assert days.close[i] == bars.close[-1]
        assert days.volume[i] == bars.volume.sum()
        assert days.money[i] == pytest.approx(bars.money.sum(), rel=1e-12)


def test_a_minute_without_trade_keeps_the_close_before_it() -> None:
    quiet = next(
        (one.code, SESSIONS[-60])
        for one in MARKET.securities()
        if (bars := MARKET.minutes(one.code, SESSIONS[-60])) is not None and (bars.volume[1:200] == 0).any()
    )
    bars = MARKET.minutes(*quiet)
    assert bars is not None
    for i in np.flatnonzero(bars.volume == 0):
        assert {getattr(bars, name)[i] for name in PRICES} == {bars.close[i - 1]}


def test_stocks_close_in_an_auction_after_three_minutes_without_trade() -> None:
    bars = MARKET.minutes(STOCK, SESSIONS[-60])
    assert bars is not None
    assert bars.volume[237:239].tolist() == [0, 0]
    assert bars.volume[239] > 0
    assert bars.open[239] == bars.high[239] == bars.low[239] == bars.close[239]


@pytest.mark.parametrize("code", [STOCK, CHINEXT, STAR, BEIJING, FUND, BOND])
def test_no_price_lies_beyond_the_limits_that_the_rules_give_for_the_day(code: Code) -> None:
    security = MARKET.security(code)
    assert security is not None
    days = MARKET.daily(code, date(2018, 1, 1), LAST)
    for stamp, low, high, base in zip(days.days, days.low, days.high, days.prev_close, strict=True):
        limits = price_limits(security, stamp.astype(date), price(float(base)))
        if limits is not None:
            assert limits.low <= price(float(low)), stamp
            assert price(float(high)) <= limits.high, stamp


def test_a_stock_under_risk_warning_stayed_within_5_percent_before_2026_07_06() -> None:
    warned = [one for one in MARKET.securities() if one.st and one.code.startswith("60")]
    assert warned
    for security in warned:
        days = MARKET.daily(security.code, date(2025, 1, 1), date(2026, 7, 3))
        base = np.rint(days.prev_close * 100)
        top = np.maximum((base * 105 + 50) // 100, base + 1)
        assert (np.rint(days.high * 100) <= top).all()


def test_previous_close_is_yesterdays_close_and_on_ex_days_the_price_without_the_right() -> None:
    checked = 0
    for code in (one.code for one in MARKET.securities()[::12]):
        days = MARKET.daily(code, date(2019, 1, 1), LAST)
        actions = {action.ex_date: action for action in MARKET.corporate_actions(code)}
        step = 1000 if code[:2] in ("51", "15", "58", "56", "11", "12") else 100
        for i in range(1, len(days)):
            expected = Fraction(round(float(days.close[i - 1]) * step))
            action = actions.get(days.days[i].astype(date))
            if action is not None:
                checked += 1
                cash = round(action.cash_per_share * step)
                ratio = Fraction(action.share_ratio).limit_denominator(100)
                expected = Fraction(int((expected - cash) / (1 + ratio) + Fraction(1, 2)))
            assert round(float(days.prev_close[i]) * step) == expected, (code, days.days[i])
    assert checked > 50


def test_a_bonus_issue_lowers_the_price_but_not_the_wealth_of_the_holder() -> None:
    found = [
        (one.code, action)
        for one in MARKET.securities()
        if one.code.startswith("60")
        for action in MARKET.corporate_actions(one.code)
        if action.share_ratio >= 0.5
    ]
    assert found
    for code, action in found:
        days = MARKET.daily(code, action.ex_date, action.ex_date)
        before = MARKET.daily(code, action.ex_date - timedelta(days=12), action.ex_date - timedelta(days=1))
        worth = days.close[0] * (1 + action.share_ratio) + action.cash_per_share
        assert worth == pytest.approx(before.close[-1], rel=0.25)


def test_suspended_days_have_rows_without_trade_and_no_minutes() -> None:
    code, days = next(
        (one.code, days)
        for one in MARKET.securities()
        if one.code.startswith("60") and (days := MARKET.daily(one.code, date(2024, 1, 1), LAST)).paused.any()
    )
    for i in np.flatnonzero(days.paused):
        assert days.volume[i] == 0
        assert days.money[i] == 0
        assert {getattr(days, name)[i] for name in PRICES} == {days.close[i - 1]}
        assert MARKET.minutes(code, days.days[i].astype(date)) is None
        assert MARKET.ticks(code, days.days[i].astype(date)) is None


def test_a_sealed_day_ends_at_its_limit() -> None:
    sealed = []
    for one in MARKET.securities()[::5]:
        if one.kind != "stock":
            continue
        days = MARKET.daily(one.code, date(2025, 1, 1), date(2025, 12, 31))
        for i in range(len(days)):
            limits = price_limits(one, days.days[i].astype(date), price(float(days.prev_close[i])))
            if limits is not None and not days.paused[i]:
                sealed.append(price(float(days.close[i])) in (limits.low, limits.high))
    assert 0.001 < np.mean(sealed) < 0.03


def test_before_the_listing_and_after_the_last_day_there_are_no_bars() -> None:
    young = next(one for one in MARKET.securities() if date(2024, 1, 1) < one.list_date < date(2025, 1, 1))
    gone = next(one for one in MARKET.securities() if one.end_date < date(2026, 1, 1))
    assert MARKET.daily(young.code, FIRST - timedelta(days=1500), LAST).days[0].astype(date) >= young.list_date
    assert MARKET.minutes(young.code, next(day for day in SESSIONS if day.year == 2020)) is None
    assert MARKET.daily(gone.code, FIRST - timedelta(days=3000), LAST).days[-1].astype(date) <= gone.end_date
    assert MARKET.minutes(gone.code, SESSIONS[-1]) is None


def test_days_without_session_and_unknown_codes_have_no_bars() -> None:
    assert MARKET.minutes(STOCK, date(2026, 9, 6)) is None
    assert MARKET.minutes(STOCK, date(2040, 1, 2)) is None
    for code in ("nonsense", "204001.XSHG", "123.XSHG"):
        assert MARKET.security(Code(code)) is None
        assert MARKET.minutes(Code(code), SESSIONS[-9]) is None
        assert len(MARKET.daily(Code(code), FIRST, LAST)) == 0
        assert list(MARKET.corporate_actions(Code(code))) == []


def test_results_cannot_be_changed_by_those_who_share_them() -> None:
    bars = MARKET.minutes(STOCK, SESSIONS[-9])
    assert bars is not None
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        MARKET.daily(STOCK, SESSIONS[-9], SESSIONS[-9]).close[0] = 1.0


@settings(max_examples=60, deadline=None)
@given(
    prefix=st.sampled_from(("600", "603", "688", "000", "002", "300", "301", "920", "510", "159", "113", "123")),
    number=st.integers(0, 999),
    place=st.integers(0, len(SESSIONS) - 1),
    seed=st.integers(0, 10**9),
)
def test_any_plausible_code_has_lawful_bars_on_any_day(prefix: str, number: int, place: int, seed: int) -> None:
    suffix = {"9": "XBSE", "6": "XSHG", "5": "XSHG"}.get(prefix[0], "XSHG" if prefix == "113" else "XSHE")
    code = Code(f"{prefix}{number:03d}.{suffix}")
    market = SyntheticMarket(seed, sessions=SESSIONS)
    security = market.security(code)
    assert security is not None
    day = SESSIONS[place]
    rows = market.daily(code, day, day)
    assert len(rows) == int(security.listed_on(day))
    bars = market.minutes(code, day)
    if bars is None:
        assert not security.listed_on(day) or rows.paused[0]
        return
    limits = price_limits(security, day, price(float(rows.prev_close[0])))
    if limits is not None:
        assert limits.low <= price(float(bars.low.min()))
        assert price(float(bars.high.max())) <= limits.high
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert bars.close[-1] == rows.close[0]
    assert bars.volume.sum() == rows.volume[0]
