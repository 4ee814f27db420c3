"""Indicators against values that are worked out here by the formulas as published, bar by bar in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from data_probe import ask

from bullet_trade.domain.errors import DataError
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.strategy.technical.formulas import Bars
from bullet_trade.strategy.technical.functions import FUNCTIONS, INDICATORS, NEEDS_PROVIDER
from bullet_trade.testing.fake_market import FakeMarket

CODE, OTHER, TODAY = "600000.XSHG", "600036.XSHG", date(2025, 6, 3)
SESSIONS = [day for day in exchange_calendar().sessions(date(2022, 1, 4), TODAY) if day < TODAY]
CLOSES = [round(10 + math.sin(i / 7) + i / 400 + 0.3 * math.cos(i * 1.7), 2) for i in range(len(SESSIONS))]
ENDS = "2025-06-03 10:00"
HEAD = "__import__('jqlib.technical_analysis', fromlist=['x'])."


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    # One price a day: open, high, low and close are the same, so that the published formulas can be written out.
    days = {**dict(zip(SESSIONS, CLOSES, strict=True)), TODAY: 11.0}
    return FakeMarket().add(CODE, days, prev_close=10.0).add(OTHER, {TODAY: 5.0, SESSIONS[-1]: 5.0}, prev_close=5.0)


def ema(values: Sequence[float], n: int) -> list[float]:
    result = [values[0]]
    for value in values[1:]:
        result.append((2 * value + (n - 1) * result[-1]) / (n + 1))
    return result


def sma(values: Sequence[float], n: int, m: int = 1) -> list[float]:
    result = [values[0]]
    for value in values[1:]:
        result.append((m * value + (n - m) * result[-1]) / n)
    return result


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def macd(c: Sequence[float]) -> tuple[float, ...]:
    dif = [fast - slow for fast, slow in zip(ema(c, 12), ema(c, 26), strict=True)]
    dea = ema(dif, 9)
    return dif[-1], dea[-1], 2 * (dif[-1] - dea[-1])


def kdj(c: Sequence[float]) -> tuple[float, ...]:
    rsv = [
        (c[i] - min(c[i - 8 : i + 1])) / (max(c[i - 8 : i + 1]) - min(c[i - 8 : i + 1])) * 100 for i in range(8, len(c))
    ]
    k = sma(rsv, 3)
    d = sma(k, 3)
    return k[-1], d[-1], 3 * k[-1] - 2 * d[-1]


def rsi(c: Sequence[float]) -> tuple[float, ...]:
    changes = [b - a for a, b in pairwise(c)]
    up, both = sma([max(x, 0) for x in changes], 6), sma([abs(x) for x in changes], 6)
    return (up[-1] / both[-1] * 100,)


def boll(c: Sequence[float]) -> tuple[float, ...]:
    last = c[-20:]
    middle = mean(last)
    spread = math.sqrt(mean([(x - middle) ** 2 for x in last]))
    return middle + 2 * spread, middle, middle - 2 * spread


def trix(c: Sequence[float]) -> tuple[float, ...]:
    tr = ema(ema(ema(c, 12), 12), 12)
    line = [(b - a) / a * 100 for a, b in pairwise(tr)]
    return line[-1], mean(line[-9:])


def cci(c: Sequence[float]) -> tuple[float, ...]:
    last = c[-14:]
    middle = mean(last)
    return ((c[-1] - middle) / (0.015 * mean([abs(x - middle) for x in last])),)


def bias(c: Sequence[float]) -> tuple[float, ...]:
    return tuple((c[-1] - mean(c[-n:])) / mean(c[-n:]) * 100 for n in (6, 12, 24))


def dma(c: Sequence[float]) -> tuple[float, ...]:
    line = [mean(c[i - 9 : i + 1]) - mean(c[i - 49 : i + 1]) for i in range(49, len(c))]
    return line[-1], mean(line[-10:])


def psy(c: Sequence[float]) -> tuple[float, ...]:
    return (sum(b > a for a, b in zip(c[-13:], c[-12:], strict=False)) / 12 * 100,)


def atr(c: Sequence[float]) -> tuple[float, ...]:
    reach = [abs(b - a) for a, b in pairwise(c)]
    return reach[-1], mean(reach[-14:])


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("MACD", macd),
        ("KDJ", kdj),
        ("KD", lambda c: kdj(c)[:2]),
        ("RSI", rsi),
        ("Bollinger_Bands", boll),
        ("BOLL", boll),
        ("TRIX", trix),
        ("CCI", cci),
        ("BIAS", bias),
        ("DMA", dma),
        ("PSY", psy),
        ("ATR", atr),
        ("MA", lambda c: (mean(c[-5:]),)),
        ("EMA", lambda c: (ema(c, 30)[-1],)),
        ("EXPMA", lambda c: tuple(ema(c, n)[-1] for n in (5, 10, 20, 60))),
        ("BBI", lambda c: (mean([mean(c[-n:]) for n in (3, 6, 12, 24)]),)),
        ("MTM", lambda c: (c[-1] - c[-15],)),
        ("ROC", lambda c: ((c[-1] - c[-13]) / c[-13] * 100,)),
        ("WR", lambda c: tuple(100 * (max(c[-n:]) - c[-1]) / (max(c[-n:]) - min(c[-n:])) for n in (10, 6))),
        ("CYE", lambda c: ((mean(c[-5:]) / mean(c[-6:-1]) - 1) * 100, None)),
    ],
)  # fmt: skip
def test_the_last_value_follows_the_published_formula(
    name: str, formula: Callable[[Sequence[float]], tuple[float | None, ...]], market: FakeMarket
) -> None:
    found = ask(market, ENDS, f"{HEAD}{name}({CODE!r}, check_date=context.previous_date)")
    lines = found if isinstance(found, tuple) else (found,)
    expected = formula(CLOSES)
    assert len(lines) == len(expected)
    for line, value in zip(lines, expected, strict=True):
        assert list(line) == [CODE]
        if value is not None:
            assert line[CODE] == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_a_day_that_has_not_ended_counts_with_what_is_known(market: FakeMarket) -> None:
    with_now, without = ask(
        market,
        ENDS,
        f"{HEAD}MA([{CODE!r}], context.current_dt, 2)",
        f"{HEAD}MA([{CODE!r}], context.current_dt, 2, include_now=False)",
    )  # type: ignore[misc]
    assert with_now == {CODE: pytest.approx((CLOSES[-1] + 11.0) / 2)}
    assert without == {CODE: pytest.approx((CLOSES[-2] + CLOSES[-1]) / 2)}


def test_several_codes_and_another_unit(market: FakeMarket) -> None:
    lines = ask(market, ENDS, f"{HEAD}MACD([{CODE!r}, {OTHER!r}], check_date=context.current_dt, unit='1m')")
    assert [sorted(line) for line in lines] == [[CODE, OTHER]] * 3  # type: ignore[union-attr]


def test_too_short_a_history_gives_nan(market: FakeMarket) -> None:
    found = ask(market, ENDS, f"{HEAD}MA([{OTHER!r}], context.current_dt, 20)")
    assert math.isnan(found[OTHER])  # type: ignore[index]


def test_a_wrong_argument_is_an_error_as_in_any_function(market: FakeMarket) -> None:
    assert isinstance(ask(market, ENDS, f"{HEAD}MACD({CODE!r}, context.previous_date, FAST=3)"), TypeError)


def test_turnover_needs_the_capital_from_a_provider(market: FakeMarket) -> None:
    assert isinstance(ask(market, ENDS, f"{HEAD}HSL([{CODE!r}], context.previous_date)"), DataError)


@pytest.mark.parametrize("name", sorted(INDICATORS))
@pytest.mark.parametrize("rows", [1, 2, 30, 700])
def test_every_indicator_takes_any_number_of_bars(name: str, rows: int) -> None:
    random = np.random.default_rng(7)
    close = 10 + random.normal(0, 0.1, rows).cumsum()
    high, low = close + random.random(rows), close - random.random(rows)
    volume = random.integers(1, 10_000, rows).astype(float)
    indicator = INDICATORS[name]
    with np.errstate(all="ignore"):
        lines = indicator.formula(
            Bars((low + close) / 2, high, low, close, volume, volume * close), *indicator.periods.values()
        )
    assert all(len(line) == rows for line in lines)
    if rows == 700:
        assert all(math.isfinite(line[-1]) for line in lines)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - NEEDS_PROVIDER))
def test_the_bars_before_those_that_are_asked_for_change_nothing(name: str) -> None:
    # What is read is enough: a recursion begun earlier ends at the same value.
    indicator = INDICATORS["Bollinger_Bands" if name == "BOLL" else name]
    random = np.random.default_rng(3)
    close = 10 + random.normal(0, 0.05, 3000).cumsum() % 5
    high, low = close + 0.3, close - 0.2
    volume = 1000 + random.integers(0, 500, 3000).astype(float)
    periods = list(indicator.periods.values())
    rows = max(indicator.reach * sum(int(p) for p in periods) + 10, indicator.at_least)
    whole = Bars(low + 0.1, high, low, close, volume, volume * close)
    with np.errstate(all="ignore"):
        long = indicator.formula(whole, *periods)
        short = indicator.formula(Bars(*(column[-rows:] for column in whole)), *periods)
    for one, other in zip(long, short, strict=True):
        assert one[-1] == pytest.approx(other[-1], rel=1e-5, abs=1e-5)
