"""No function shows what is not known yet: two markets that agree up to an instant give the same results at it.

The second market differs in everything later: bars, ticks, ex-days, members of indices. The instants are those at
which something begins or ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date, datetime, time

import numpy as np
import pandas as pd
import pytest
from data_probe import ask, run_probe

from bullet_trade.engine.events import StrategySaid
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.market_data import CorporateAction, DailyBars, MinuteBars, Ticks
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.quotes.synthetic.industries import SyntheticReference
from bullet_trade.strategy.data.moments import FutureDataError
from bullet_trade.strategy.data.panel import Panel

CODE, OTHER, INDEX = "600519.XSHG", "000001.XSHE", "000300.XSHG"
DAY = date(2025, 3, 12)
LATER = 1.07
"""What later prices are multiplied by in the second market."""


def ended(now: time) -> int:
    """Minutes of the day that are over, written down apart from the code under test."""
    labels = [time(9 + m // 60, m % 60) for m in range(31, 151)] + [time(13 + m // 60, m % 60) for m in range(1, 121)]
    return sum(label <= now for label in labels)


class Changed(SyntheticReference):
    """The market with another future: everything after `now` differs."""

    label, synthetic = "改过未来的行情", True

    def __init__(self, base: SyntheticMarket, now: datetime) -> None:
        self._base = base
        self._now = now
        self.trading_days, self.coverage, self.security, self.securities = (
            base.trading_days,
            base.coverage,
            base.security,
            base.securities,
        )

    def daily(self, code: str, first: date, last: date) -> DailyBars:
        bars = self._base.daily(code, first, last)
        today = np.datetime64(self._now.date(), "D")
        later, now = bars.days > today, bars.days == today
        change = {
            name: np.where(later | now, getattr(bars, name) * LATER, getattr(bars, name))
            for name in ("open", "high", "low", "close", "money")
        }
        change["prev_close"] = np.where(later, bars.prev_close * LATER * 0.9, bars.prev_close)
        change["volume"] = np.where(later | now, bars.volume * 3 + 7, bars.volume)
        return replace(bars, **change)

    def minutes(self, code: str, day: date) -> MinuteBars | None:
        bars = self._base.minutes(code, day)
        if bars is None or day < self._now.date():
            return bars
        seen = ended(self._now.time()) if day == self._now.date() else 0
        changed = {}
        for field in fields(MinuteBars):
            values = getattr(bars, field.name).astype(np.float64).copy()
            first = 1 if field.name == "open" and day == self._now.date() and self._now.time() >= time(9, 30) else 0
            values[max(seen, first) :] = values[max(seen, first) :] * LATER + 1
            changed[field.name] = values.astype(getattr(bars, field.name).dtype)
        return MinuteBars(**changed)

    def ticks(self, code: str, day: date) -> Ticks | None:
        ticks = self._base.ticks(code, day)
        if ticks is None or day < self._now.date():
            return ticks
        later = ticks.times > np.datetime64(self._now, "ms")
        return replace(
            ticks,
            last=np.where(later, ticks.last * LATER, ticks.last),
            volume=np.where(later, ticks.volume + 999, ticks.volume),
            ask_price=np.where(later[:, None], ticks.ask_price * LATER, ticks.ask_price),
        )

    def corporate_actions(self, code: str) -> Sequence[CorporateAction]:
        tomorrow = date(2025, 3, 13)
        return [action for action in self._base.corporate_actions(code) if action.ex_date <= tomorrow]

    def index_members(self, index: str, day: date) -> Sequence[str]:
        return self._base.index_members(index, day) if day <= self._now.date() else []


INSTANTS = ["09:05", "09:30", "09:31", "10:00", "11:30", "12:30", "13:00", "13:01", "14:59", "15:00", "15:30"]

EXPRESSIONS = [
    *(
        f"attribute_history('{CODE}', 6, '{unit}')"
        for unit in ("1m", "5m", "15m", "30m", "60m", "1d", "5d", "1w", "1M")
    ),
    *(f"history(6, '{unit}', 'close', ['{CODE}', '{OTHER}'])" for unit in ("1m", "60m", "1d", "1w")),
    *(
        f"attribute_history('{CODE}', 40, '1d', ['close', 'factor', 'high_limit'], fq={fq})"
        for fq in ("'post'", "None")
    ),
    *(
        f"get_price('{CODE}', count=6, end_date={end}, frequency='{unit}')"
        for unit in ("1m", "5m", "60m", "daily", "5d", "1w", "1M")
        for end in ("context.current_dt", "'2025-04-01'", "'2025-03-12 23:00:00'")
    ),
    f"get_price('{CODE}', count=3, fields=['open', 'close', 'high_limit', 'low_limit', 'paused', 'pre_close', 'avg'])",
    f"get_price('{CODE}', count=3, fields=['high_limit', 'low_limit', 'paused', 'pre_close', 'factor'])",
    f"get_price('{CODE}', '2025-03-03', '2025-04-01')",
    f"get_price('{CODE}', '2025-03-11', '2025-04-01', 'minute', fill_paused=False)",
    f"get_price(['{CODE}', '{OTHER}'], count=3, end_date='2025-04-01')",
    f"get_price(['{CODE}', '{OTHER}'], count=3, end_date='2025-04-01', panel=False)",
    *(
        f"get_bars('{CODE}', 4, '{unit}', ['date', 'open', 'high', 'low', 'close', 'volume'], include_now={now})"
        for unit in ("1m", "5m", "15m", "30m", "60m", "120m", "7m", "1d", "1w", "1M")
        for now in (False, True)
    ),
    f"get_bars('{CODE}', 4, '1d', end_dt='2025-04-01', include_now=True, fq_ref_date='2025-04-01')",
    *(
        f"get_current_data()['{CODE}'].{name}"
        for name in ("last_price", "day_open", "high_limit", "low_limit", "paused", "is_st", "name", "pre_close")
    ),
    f"get_current_tick('{CODE}')._tick",
    f"get_ticks('{CODE}', '2025-04-01', count=9, skip=False, df=True)",
    f"get_ticks('{CODE}', '2025-04-01', '2025-03-12')",
    f"get_call_auction('{CODE}', '2025-03-11', '2025-04-01')",
    f"get_index_stocks('{INDEX}', '2025-09-01')",
    f"get_extras('is_st', ['{CODE}'], '2025-03-10', '2025-04-01')",
    f"get_split_dividend('{CODE}', '2025-01-01', '2026-12-31')",
]


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    calendar = exchange_calendar()
    return SyntheticMarket(1, sessions=calendar.sessions(date(2022, 1, 4), date(2026, 6, 30)))


def plain(value: object) -> object:
    """A result in a form in which `==` means: the same."""
    if isinstance(value, Exception):
        return repr(value)
    if isinstance(value, Panel):
        return plain(value.to_frame(filter_observations=False))
    if isinstance(value, pd.DataFrame):
        return (list(value.columns), value.index.tolist(), repr(value.to_numpy().tolist()))
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)


@pytest.mark.parametrize("at", INSTANTS)
def test_another_future_changes_nothing_that_is_seen_now(market: SyntheticMarket, at: str) -> None:
    when = datetime.combine(DAY, time.fromisoformat(at))
    seen = ask(market, str(when), *EXPRESSIONS)
    other = ask(Changed(market, when), str(when), *EXPRESSIONS)
    for expression, one, another in zip(EXPRESSIONS, seen, other, strict=True):
        assert not isinstance(one, Exception) or "NoneType" in repr(one), (expression, one)
        assert plain(one) == plain(another), expression


def test_the_other_future_does_differ(market: SyntheticMarket) -> None:
    # Guards the test above: seen one day later, the two markets are not the same.
    other = Changed(market, datetime.combine(DAY, time(10, 0)))
    expressions = [e for e in EXPRESSIONS if e.startswith(("attribute_history", "history", "get_bars", "get_ticks"))]
    seen = ask(market, "2025-03-17 14:00", *expressions)
    changed = ask(other, "2025-03-17 14:00", *expressions)
    months = [e for e in expressions if "'1M'" in e and "include_now=True" not in e]
    same = [e for e, one, two in zip(expressions, seen, changed, strict=True) if plain(one) == plain(two)]
    assert set(same) <= set(months)


LAST_BARS = [
    # call, then the label of the newest row at 09:05, 09:30, 09:31, 10:00, 12:30, 15:00, 15:30 of Wednesday 03-12
    ("attribute_history('{c}', 2, '1d')", ["03-11"] * 7),
    ("history(2, '1d', 'close', ['{c}'])", ["03-11"] * 7),
    ("attribute_history('{c}', 2, '1w')", ["03-07"] * 7),
    ("attribute_history('{c}', 2, '1M')", ["02-28"] * 7),
    ("attribute_history('{c}', 2, '5d')", ["03-11"] * 7),
    (
        "attribute_history('{c}', 2, '1m')",
        ["03-11 15:00", "03-11 15:00", "03-12 09:31", "03-12 10:00", "03-12 11:30", "03-12 15:00", "03-12 15:00"],
    ),
    (
        "attribute_history('{c}', 2, '5m')",
        ["03-11 15:00", "03-11 15:00", "03-12 09:31", "03-12 10:00", "03-12 11:30", "03-12 15:00", "03-12 15:00"],
    ),
    (
        "get_price('{c}', count=2, frequency='1m')",
        ["03-11 15:00", "03-11 15:00", "03-12 09:31", "03-12 10:00", "03-12 11:30", "03-12 15:00", "03-12 15:00"],
    ),
    ("get_price('{c}', count=2)", ["03-11"] + ["03-12"] * 6),
    ("get_price('{c}', count=2, fields=['paused', 'high_limit'])", ["03-12"] * 7),
    ("get_price('{c}', count=2, end_date=context.previous_date)", ["03-11"] * 7),
    ("get_bars('{c}', 2, '1d', df=True).set_index('date')", ["03-11"] * 5 + ["03-12"] * 2),
    ("get_bars('{c}', 2, '1d', include_now=True, df=True).set_index('date')", ["03-11"] + ["03-12"] * 6),
    (
        "get_bars('{c}', 2, '5m', df=True).set_index('date')",
        ["03-11 15:00", "03-11 15:00", "03-11 15:00", "03-12 10:00", "03-12 11:30", "03-12 15:00", "03-12 15:00"],
    ),
    (
        "get_bars('{c}', 2, '5m', include_now=True, df=True).set_index('date')",
        ["03-11 15:00", "03-12 09:30", "03-12 09:31", "03-12 10:00", "03-12 11:30", "03-12 15:00", "03-12 15:00"],
    ),
]
TIMES = ["09:05", "09:30", "09:31", "10:00", "12:30", "15:00", "15:30"]


@pytest.mark.parametrize(("place", "at"), list(enumerate(TIMES)))
def test_the_last_visible_bar(market: SyntheticMarket, place: int, at: str) -> None:
    calls = [call.format(c=CODE) for call, _ in LAST_BARS]
    seen = ask(market, f"2025-03-12 {at}", *calls)
    for call, frame, (_, labels) in zip(calls, seen, LAST_BARS, strict=True):
        label = pd.Timestamp(frame.index[-1])
        form = "%m-%d %H:%M" if ":" in labels[place] else "%m-%d"
        assert label.strftime(form) == labels[place], call


@pytest.mark.parametrize(
    "call",
    [
        f"get_price('{CODE}', end_date='2025-03-13', count=1)",
        f"get_price('{CODE}', end_date='2025-03-12 10:01:00', count=1, frequency='1m')",
        f"get_bars('{CODE}', 1, end_dt='2025-03-13')",
        f"get_ticks('{CODE}', '2025-03-13', count=1)",
        f"get_bars('{CODE}', 1, '1m', end_dt='2025-03-12 10:01:00')",
        f"get_ticks('{CODE}', '2025-03-12 10:00:01', count=1)",
        f"get_current_tick('{CODE}', dt='2025-03-12 10:00:01')",
        f"get_call_auction('{CODE}', '2025-03-12', '2025-03-13')",
        f"get_index_stocks('{INDEX}', '2025-03-13')",
        f"get_extras('is_st', ['{CODE}'], '2025-03-12', '2025-03-13')",
        "get_industry_stocks('801120', '2025-03-13')",
    ],
)
def test_an_explicit_time_to_come_is_refused_or_cut_with_one_warning(market: SyntheticMarket, call: str) -> None:
    refused = ask(market, "2025-03-12 10:00", call, setup="set_option('avoid_future_data', True)")
    assert isinstance(refused, FutureDataError)
    run = run_probe(market, "2025-03-12 10:00", (call, call))
    assert not any(isinstance(result, Exception) for result in run.session.g.seen)
    warnings = [e.text for e in run.recorder.events if isinstance(e, StrategySaid) and e.level == "warning"]
    assert len([text for text in warnings if "晚于当前时间" in text]) == 1


def test_today_as_an_end_day_is_no_time_to_come(market: SyntheticMarket) -> None:
    calls = (
        f"get_price('{CODE}', end_date='2025-03-12', count=1)",
        f"get_price('{CODE}', end_date=context.current_dt, count=1, frequency='1m')",
        f"get_bars('{CODE}', 1, end_dt='2025-03-12')",
        f"get_price('{CODE}', end_date='2025-03-12 15:00:00', count=1)",
    )
    results = ask(market, "2025-03-12 10:00", *calls, setup="set_option('avoid_future_data', True)")
    assert not any(isinstance(result, Exception) for result in results)
