"""The figures of a run against values worked out by hand, drawdowns against a search over all pairs."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.ops.performance import Performance, drawdowns, measure
from bullet_trade.ops.result import DayResult, RunResult, TradeResult

FIRST = date(2024, 1, 30)


def _day(at: int, total: float, *, held: float = 0.0, index: float = math.nan, **traded: float) -> DayResult:
    return DayResult(
        day=FIRST + timedelta(days=at),
        cash=money(total - held),
        positions_value=money(held),
        fees=money(traded.get("fees", 0.0)),
        bought=money(traded.get("bought", 0.0)),
        sold=money(traded.get("sold", 0.0)),
        orders=int(traded.get("orders", 0)),
        refused=int(traded.get("refused", 0)),
        benchmark=index,
    )


def _run(
    days: list[DayResult],
    trades: list[TradeResult] | None = None,
    *,
    starting: float = 100.0,
    benchmark_base: float = math.nan,
) -> RunResult:
    return RunResult(
        strategy="s.py",
        broker="simulator",
        data="synthetic",
        synthetic=True,
        starting_cash=money(starting),
        benchmark="000300.XSHG",
        days=days,
        trades=trades or [],
        records={},
        benchmark_base=benchmark_base,
    )


def _closes(*totals: float) -> RunResult:
    return _run([_day(at, total) for at, total in enumerate(totals)])


def _sale(profit: float | None, minute: int = 0, side: Side = Side.SELL) -> TradeResult:
    return TradeResult(
        at=datetime(2024, 1, 30, 9, 30 + minute),
        code=Code("600519.XSHG"),
        name="贵州茅台",
        side=side,
        amount=100,
        price=price(10.0),
        fees=money(5.0),
        profit=None if profit is None else money(profit),
    )


def test_total_return_counts_from_the_starting_money() -> None:
    assert measure(_closes(110.0, 121.0)).total_return == pytest.approx(0.21)


def test_annual_return_takes_a_year_as_242_sessions() -> None:
    figures = measure(_closes(*[100.0] * 120, 110.0))  # 121 sessions: half a year, so 1.1 squared
    assert figures.annual_return == pytest.approx(0.21)


@pytest.mark.parametrize(("sessions", "known"), [(1, False), (2, False), (19, False), (20, True)])
def test_a_run_under_20_sessions_has_no_yearly_figures(sessions: int, known: bool) -> None:
    figures = measure(_closes(*[100.0 + at % 2 for at in range(sessions)]))
    yearly = (figures.annual_return, figures.volatility, figures.sharpe, figures.annual_turnover)
    assert [value is not None for value in yearly] == [known] * 4


def test_volatility_and_sharpe_of_alternating_days() -> None:
    # Returns alternate +2 %, -1 % over 20 sessions: mean 0.5 %, every deviation 1.5 %, so the sample variance
    # is 20 * 0.015^2 / 19.
    totals, value = [], 100_000_000.0
    for at in range(20):
        value *= 1.02 if at % 2 == 0 else 0.99
        totals.append(value)
    figures = measure(_run([_day(at, total) for at, total in enumerate(totals)], starting=100_000_000.0))
    deviation = 0.015 * math.sqrt(20 / 19)
    assert figures.volatility == pytest.approx(deviation * math.sqrt(242))
    assert figures.sharpe == pytest.approx(0.005 / deviation * math.sqrt(242))


def test_an_account_that_never_moves_has_no_sharpe_ratio() -> None:
    figures = measure(_closes(*[100.0] * 30))
    assert figures.volatility == 0.0
    assert figures.sharpe is None


def test_drawdown_names_its_high_its_low_and_its_recovery() -> None:
    figures = measure(_closes(120.0, 108.0, 90.0, 119.0, 120.0, 130.0))
    assert figures.max_drawdown == pytest.approx(0.25)
    assert figures.drawdown is not None
    assert figures.drawdown.peak == FIRST
    assert figures.drawdown.trough == FIRST + timedelta(days=2)
    assert figures.drawdown.recovered == FIRST + timedelta(days=4)


def test_a_fall_from_the_starting_money_has_no_day_of_its_high() -> None:
    figures = measure(_closes(90.0, 95.0))
    assert figures.max_drawdown == pytest.approx(0.1)
    assert figures.drawdown is not None
    assert (figures.drawdown.peak, figures.drawdown.recovered) == (None, None)


def test_an_account_that_only_rises_has_a_drawdown_of_zero() -> None:
    figures = measure(_closes(100.0, 101.0, 101.0))
    assert figures.max_drawdown == 0.0
    assert math.copysign(1.0, figures.max_drawdown) == 1.0  # not a minus zero
    assert figures.drawdown is None


def _deepest_of_all_pairs(totals: list[int]) -> float:
    falls = [
        (high - low) / high for place, high in enumerate(totals) for low in totals[place:] if high > 0 and low < high
    ]
    return max(falls, default=0.0)


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=40), st.integers(1, 10**7))
def test_max_drawdown_is_the_deepest_fall_between_any_two_closes(totals: list[int], starting: int) -> None:
    result = _run([_day(at, float(total)) for at, total in enumerate(totals)], starting=float(starting))
    figures = measure(result)
    assert figures.max_drawdown == pytest.approx(_deepest_of_all_pairs([starting, *totals]), abs=1e-12)
    values = {None: starting} | {day.day: total for day, total in zip(result.days, totals, strict=True)}
    if figures.drawdown is not None:
        high, low = values[figures.drawdown.peak], values[figures.drawdown.trough]
        assert 1 - low / high == pytest.approx(figures.drawdown.depth)
        after = [day.day for day in result.days if day.day > figures.drawdown.trough and values[day.day] >= high]
        assert figures.drawdown.recovered == (after[0] if after else None)


@given(st.lists(st.integers(1, 10**7), max_size=40))
def test_monthly_returns_chain_to_the_total_return(totals: list[int]) -> None:
    figures = measure(_closes(*[float(total) for total in totals]))
    product = math.prod(1 + (month.value or 0.0) for month in figures.months)
    assert product == pytest.approx(1 + (figures.total_return or 0.0), rel=1e-6)  # 1 + r loses digits near -1
    assert math.prod(1 + (year.value or 0.0) for year in figures.years) == pytest.approx(product, rel=1e-6)


def test_months_count_from_the_month_end_before() -> None:
    figures = measure(_closes(105.0, 110.0, 99.0))  # 30 January, 31 January, 1 February
    assert [(item.year, item.month) for item in figures.months] == [(2024, 1), (2024, 2)]
    assert [item.value for item in figures.months] == pytest.approx([0.10, -0.10])
    assert [(item.year, item.value) for item in figures.years] == [(2024, pytest.approx(-0.01))]


def test_benchmark_counts_from_its_close_before_the_first_day() -> None:
    days = [_day(0, 102.0, index=4100.0), _day(1, 110.0, index=4200.0)]
    figures = measure(_run(days, benchmark_base=4000.0))
    assert figures.benchmark_return == pytest.approx(0.05)
    assert figures.excess_return == pytest.approx(0.05)


def test_benchmark_counts_from_the_first_close_where_the_one_before_is_unknown() -> None:
    figures = measure(_run([_day(0, 100.0, index=4000.0), _day(1, 100.0, index=4200.0)]))
    assert figures.benchmark_return == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("closes", "base"),
    [
        ([math.nan, math.nan], math.nan),
        ([4000.0, math.nan], math.nan),
        ([math.nan, 4200.0], math.nan),
        ([4100.0, math.nan], 4000.0),
        ([4000.0], math.nan),
        ([], 4000.0),
    ],
)
def test_benchmark_return_is_unknown_unless_both_its_ends_are_known(closes: list[float], base: float) -> None:
    figures = measure(_run([_day(at, 100.0, index=x) for at, x in enumerate(closes)], benchmark_base=base))
    assert figures.benchmark_return is None
    assert figures.excess_return is None


def test_win_rate_and_profit_loss_ratio_look_at_sales_only() -> None:
    trades = [_sale(300.0), _sale(100.0), _sale(-50.0), _sale(0.0), _sale(None, side=Side.BUY)]
    figures = measure(_run([_day(0, 100.0)], trades))
    assert (figures.trades, figures.sales) == (5, 4)
    assert figures.win_rate == 0.5
    assert figures.profit_loss_ratio == pytest.approx(4.0)  # 200 over 50: a sale at cost is neither gain nor loss
    assert figures.realised_profit == money(350.0)


@pytest.mark.parametrize("profits", [[], [10.0], [-10.0], [0.0]])
def test_profit_loss_ratio_needs_a_gain_and_a_loss(profits: list[float]) -> None:
    assert measure(_run([_day(0, 100.0)], [_sale(profit) for profit in profits])).profit_loss_ratio is None


def test_notable_trades_are_the_five_largest_of_each_sign() -> None:
    trades = [_sale(float(profit), minute) for minute, profit in enumerate([3, -9, 8, 1, 0, 7, -2, 5, 4, 7])]
    figures = measure(_run([_day(0, 100.0)], trades))
    best = [(trade.profit, trade.at.minute - 30) for trade in figures.best_trades]
    assert best == [(money(8.0), 2), (money(7.0), 5), (money(7.0), 9), (money(5.0), 7), (money(4.0), 8)]
    assert [trade.profit for trade in figures.worst_trades] == [money(-9.0), money(-2.0)]


def test_turnover_is_bought_plus_sold_over_the_average_close() -> None:
    days = [
        _day(0, 100.0, bought=80.0, fees=0.3, orders=2, refused=1),
        _day(1, 140.0, sold=40.0, fees=0.3, orders=3),
    ]
    figures = measure(_run(days))
    assert figures.traded_value == money(120.0)
    assert figures.turnover == pytest.approx(1.0)
    assert figures.fees == money(0.6)
    assert figures.fee_share == pytest.approx(0.005)
    assert (figures.orders, figures.refused) == (5, 1)


def test_annual_turnover_scales_to_242_sessions() -> None:
    figures = measure(_run([_day(at, 100.0, bought=100.0) for at in range(22)]))
    assert figures.turnover == pytest.approx(22.0)
    assert figures.annual_turnover == pytest.approx(242.0)


def test_best_and_worst_day_and_exposure() -> None:
    figures = measure(_run([_day(0, 110.0, held=55.0), _day(1, 99.0), _day(2, 100.0, held=100.0)]))
    assert figures.best_day is not None
    assert figures.worst_day is not None
    assert (figures.best_day.day, figures.best_day.value) == (FIRST, pytest.approx(0.1))
    assert (figures.worst_day.day, figures.worst_day.value) == (
        FIRST + timedelta(days=1),
        pytest.approx(-0.1),
    )
    assert figures.exposure == pytest.approx(0.5)


UNKNOWN_WITHOUT_DAYS = [
    *(
        "total_return",
        "annual_return",
        "volatility",
        "sharpe",
        "max_drawdown",
        "drawdown",
        "benchmark_return",
    ),
    *("excess_return", "best_day", "worst_day", "exposure", "win_rate", "profit_loss_ratio", "turnover"),
    *("annual_turnover", "fee_share"),
]


def test_a_run_without_a_day_claims_nothing() -> None:
    figures: Performance = measure(_run([]))
    assert {name for name in UNKNOWN_WITHOUT_DAYS if getattr(figures, name) is not None} == set()
    assert (figures.starting_value, figures.final_value) == (money(100.0), money(100.0))
    assert (figures.months, figures.years, figures.sessions) == ([], [], 0)


def test_a_run_without_starting_money_has_no_returns() -> None:
    result = _run([_day(at, 0.0) for at in range(25)], starting=0.0)
    figures = measure(result)
    assert figures.total_return is None
    assert figures.volatility is None
    assert figures.best_day is None
    assert figures.exposure is None
    assert drawdowns(result) == [0.0] * 25


def test_money_stays_exact() -> None:
    fees = [Money(1)] * 3
    days = [
        DayResult(FIRST + timedelta(days=at), Money(10**16 + 1), Money(0), fee, Money(1), Money(0), 0, 0, math.nan)
        for at, fee in enumerate(fees)
    ]
    figures = measure(_run(days))
    assert (figures.fees, figures.traded_value, figures.final_value) == (3, 3, 10**16 + 1)
    assert isinstance(figures.fees, int)
