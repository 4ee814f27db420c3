"""The figures of a run: what it earned, what it risked, what it traded and what that cost.

Ratios are fractions (0.05 is 5 %). A figure that the run cannot support is None, never zero: too few days,
no sale, an unknown index close. The first day's return counts from `RunResult.starting_cash`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from statistics import fmean, stdev
from typing import TypeVar

import msgspec

from bullet_trade.domain.money import Money
from bullet_trade.domain.orders import Side
from bullet_trade.ops.result import RunResult, TradeResult

SESSIONS_PER_YEAR = 242
SESSIONS_TO_ANNUALISE = 20
"""Shorter runs get no yearly figures: a good week would read as a fortune."""

NOTABLE_TRADES = 5
"""How many of the best and of the worst sales are named."""

_Period = TypeVar("_Period")
_FLAT = 1e-12
"""A yearly volatility below this is rounding, not risk: no Sharpe ratio is made of it."""


class Drawdown(msgspec.Struct, frozen=True):
    """The deepest fall from a high. `peak` None: the starting money was it; `recovered` None: not yet."""

    depth: float
    peak: date | None
    trough: date
    recovered: date | None


class DayReturn(msgspec.Struct, frozen=True):
    """One session's change of the account's value, as a fraction."""

    day: date
    value: float


class MonthReturn(msgspec.Struct, frozen=True):
    """A calendar month's change, from the month-end before; the first month from the starting money."""

    year: int
    month: int
    value: float | None


class YearReturn(msgspec.Struct, frozen=True):
    """A calendar year's change, from the year-end before; the first year from the starting money."""

    year: int
    value: float | None


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """The figures. Money in 1/10,000 yuan. Yearly figures are None under `SESSIONS_TO_ANNUALISE` sessions.

    `volatility` is the sample deviation of daily returns times sqrt(242); `sharpe` their mean over their
    deviation times sqrt(242), risk-free rate 0. `excess_return` is `total_return - benchmark_return`.
    `win_rate` and `profit_loss_ratio` (mean gain over mean loss) look at sales after fees. `turnover` is
    bought plus sold over the average closing value, `exposure` the average share of positions at the close.
    """

    sessions: int
    starting_value: Money
    final_value: Money
    total_return: float | None
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    max_drawdown: float | None
    drawdown: Drawdown | None
    benchmark_return: float | None
    excess_return: float | None
    best_day: DayReturn | None
    worst_day: DayReturn | None
    exposure: float | None
    orders: int
    refused: int
    trades: int
    sales: int
    win_rate: float | None
    profit_loss_ratio: float | None
    realised_profit: Money
    best_trades: list[TradeResult]
    worst_trades: list[TradeResult]
    traded_value: Money
    turnover: float | None
    annual_turnover: float | None
    fees: Money
    fee_share: float | None
    months: list[MonthReturn]
    years: list[YearReturn]


def measure(result: RunResult) -> Performance:
    """All figures of `result`."""
    days = result.days
    values = [result.starting_cash, *(day.total for day in days)]
    returns = daily_returns(result)
    known = [item for item in returns if item is not None]
    complete = known if len(known) == len(days) else []
    total_return = growth(values[0], values[-1]) if days else None
    benchmark_return = _benchmark_return(result)
    sales = [trade for trade in result.trades if trade.side is Side.SELL and trade.profit is not None]
    profits = [trade.profit or 0 for trade in sales]
    traded = sum(day.bought + day.sold for day in days)
    fees = sum(day.fees for day in days)
    turnover = _ratio(traded, fmean(values[1:])) if days else None
    dated = [DayReturn(day.day, value) for day, value in zip(days, returns, strict=True) if value is not None]
    return Performance(
        sessions=len(days),
        starting_value=result.starting_cash,
        final_value=Money(values[-1]),
        total_return=total_return,
        annual_return=_annual_return(total_return, len(days)),
        volatility=_volatility(complete),
        sharpe=_sharpe(complete),
        max_drawdown=abs(min(drawdowns(result))) if days else None,
        drawdown=_deepest(result),
        benchmark_return=benchmark_return,
        excess_return=_difference(total_return, benchmark_return),
        best_day=max(dated, key=lambda item: item.value, default=None),
        worst_day=min(dated, key=lambda item: item.value, default=None),
        exposure=_mean([share for share in position_shares(result) if math.isfinite(share)]),
        orders=sum(day.orders for day in days),
        refused=sum(day.refused for day in days),
        trades=len(result.trades),
        sales=len(sales),
        win_rate=_ratio(sum(profit > 0 for profit in profits), len(profits)),
        profit_loss_ratio=_profit_loss_ratio(profits),
        realised_profit=Money(sum(profits)),
        best_trades=_notable(sales, 1),
        worst_trades=_notable(sales, -1),
        traded_value=Money(traded),
        turnover=turnover,
        annual_turnover=_yearly(turnover, len(days)),
        fees=Money(fees),
        fee_share=_ratio(fees, traded),
        months=_months(result),
        years=_years(result),
    )


def growth(before: float, after: float) -> float | None:
    """The change from `before` to `after` as a fraction; None without a positive start."""
    return after / before - 1 if before > 0 else None


def daily_returns(result: RunResult) -> list[float | None]:
    """Each session's return, in the order of `result.days`."""
    values = [result.starting_cash, *(day.total for day in result.days)]
    return [growth(before, after) for before, after in pairwise(values)]


def drawdowns(result: RunResult) -> list[float]:
    """How far each close lies below the highest value so far (the starting money included): 0 or negative."""
    depths = []
    high: int = result.starting_cash
    for day in result.days:
        high = max(high, day.total)
        depths.append(min(0.0, day.total / high - 1) if high > 0 else 0.0)
    return depths


def benchmark_curve(result: RunResult) -> list[float]:
    """The index's return since its base at each close, NaN where unknown.

    The base is `RunResult.benchmark_base`, or the first day's close where that is unknown.
    """
    base = _benchmark_base(result)
    return [day.benchmark / base - 1 if base > 0 else math.nan for day in result.days]


def position_shares(result: RunResult) -> list[float]:
    """The share of positions in the account's value at each close, NaN where that value is not positive."""
    return [day.positions_value / day.total if day.total > 0 else math.nan for day in result.days]


def _benchmark_base(result: RunResult) -> float:
    if math.isfinite(result.benchmark_base):
        return result.benchmark_base
    return result.days[0].benchmark if result.days else math.nan


def _benchmark_return(result: RunResult) -> float | None:
    if not result.days or (len(result.days) == 1 and not math.isfinite(result.benchmark_base)):
        return None  # one close alone spans no time
    last = benchmark_curve(result)[-1]
    return last if math.isfinite(last) else None


def _deepest(result: RunResult) -> Drawdown | None:
    depths = drawdowns(result)
    depth = min(depths, default=0.0)
    if depth == 0:
        return None
    at = depths.index(depth)
    closes = [(day.day, day.total) for day in result.days]
    high_day, high = max(
        [(None, result.starting_cash), *closes[:at]],
        key=lambda item: item[1],  # the first of equal highs: the fall is counted from there
    )
    recovered = next((day for day, total in closes[at:] if total >= high), None)
    return Drawdown(-depth, high_day, closes[at][0], recovered)


def _annual_return(total_return: float | None, sessions: int) -> float | None:
    if total_return is None or total_return < -1 or sessions < SESSIONS_TO_ANNUALISE:
        return None
    return float((1 + total_return) ** (SESSIONS_PER_YEAR / sessions)) - 1


def _yearly(value: float | None, sessions: int) -> float | None:
    if value is None or sessions < SESSIONS_TO_ANNUALISE:
        return None
    return value * SESSIONS_PER_YEAR / sessions


def _volatility(returns: Sequence[float]) -> float | None:
    if len(returns) < SESSIONS_TO_ANNUALISE:
        return None
    return stdev(returns) * math.sqrt(SESSIONS_PER_YEAR)


def _sharpe(returns: Sequence[float]) -> float | None:
    volatility = _volatility(returns)
    if volatility is None or volatility < _FLAT:
        return None
    return fmean(returns) * SESSIONS_PER_YEAR / volatility


def _profit_loss_ratio(profits: Sequence[int]) -> float | None:
    gains = [profit for profit in profits if profit > 0]
    losses = [-profit for profit in profits if profit < 0]
    return fmean(gains) / fmean(losses) if gains and losses else None


def _notable(sales: Iterable[TradeResult], sign: int) -> list[TradeResult]:
    """The sales with the largest gains (`sign` 1) or losses (-1), largest first, then earliest."""
    wanted = [trade for trade in sales if trade.profit is not None and sign * trade.profit > 0]
    return sorted(wanted, key=lambda trade: -sign * (trade.profit or 0))[:NOTABLE_TRADES]


def _months(result: RunResult) -> list[MonthReturn]:
    ends = {(day.day.year, day.day.month): day.total for day in result.days}
    return [MonthReturn(*month, value) for month, value in _period_growth(ends, result.starting_cash)]


def _years(result: RunResult) -> list[YearReturn]:
    ends = {day.day.year: day.total for day in result.days}
    return [YearReturn(year, value) for year, value in _period_growth(ends, result.starting_cash)]


def _period_growth(ends: dict[_Period, Money], starting: Money) -> Iterator[tuple[_Period, float | None]]:
    """The growth over each period; `ends` holds the last value of each, in order of time."""
    before = starting
    for period, end in ends.items():
        yield period, growth(before, end)
        before = end


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None


def _difference(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right
