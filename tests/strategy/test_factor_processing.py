"""Cutting extremes and standardising, with values worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.factor_processing import Factor, standardlize, winsorize, winsorize_med

VALUES = pd.Series([1.0, 2.0, 3.0, 4.0, 100.0])  # median 3, deviations 2 1 0 1 97: their median 1


def test_the_median_way_cuts_at_the_median_deviation() -> None:
    assert winsorize_med(VALUES, scale=2).tolist() == [1, 2, 3, 4, 5]
    assert winsorize_med(VALUES, scale=1).tolist() == [2, 2, 3, 4, 4]


def test_what_is_beyond_becomes_nan_when_bounds_are_not_inclusive() -> None:
    cut = winsorize_med(VALUES, scale=2, inclusive=False)
    assert np.isnan(cut[4])
    assert cut[:4].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"range": [2, 4]}, [2, 2, 3, 4, 4]),
        ({"qrange": [0.25, 0.75]}, [2, 2, 3, 4, 4]),
        ({"scale": 1}, [1, 2, 3, 4, 22 + 43.618]),  # mean 22, sample deviation 43.618
    ],
)
def test_the_three_ways_of_winsorize(how: dict[str, object], expected: list[float]) -> None:
    assert winsorize(VALUES, **how).tolist() == pytest.approx(expected, abs=1e-3)  # type: ignore[arg-type]


def test_exactly_one_way_is_to_be_given() -> None:
    with pytest.raises(StrategyError, match="三者之一"):
        winsorize(VALUES)


def test_standardising_gives_mean_0_and_deviation_1() -> None:
    assert standardlize(pd.Series([1.0, 2.0, 3.0])).tolist() == [-1, 0, 1]


def test_infinity_counts_as_missing() -> None:
    found = standardlize(pd.Series([1.0, 2.0, 3.0, np.inf]))
    assert found[:3].tolist() == [-1, 0, 1]
    assert np.isnan(found[3])


def test_a_table_is_treated_row_by_row_or_column_by_column() -> None:
    table = pd.DataFrame([[1.0, 2.0, 3.0], [10.0, 30.0, 50.0]])
    assert standardlize(table).to_numpy().tolist() == [[-1, 0, 1], [-1, 0, 1]]
    assert standardlize(table.T, axis=0).to_numpy().T.tolist() == [[-1, 0, 1], [-1, 0, 1]]


def test_a_factor_can_be_defined() -> None:
    class Momentum(Factor):
        name = "momentum"
        max_window = 5

    assert Momentum().name == "momentum"
