"""`jqfactor`'s treatment of factor values that needs no data: cutting extremes, standardising.

`data` is a Series, or a DataFrame of which each row (`axis` 1, the default) or each column (0) is treated by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from bullet_trade.domain.errors import StrategyError

Values: TypeAlias = "pd.Series | pd.DataFrame"


class Factor:
    """Base of user-defined factors. Subclasses may be defined; `calc_factors`, which would run them, is missing."""

    name = ""
    max_window: int | None = None
    dependencies: Sequence[str] = ()

    def calc(self, data: object) -> object:
        """To be overridden."""
        raise NotImplementedError


def winsorize(
    data: Values,
    scale: float | None = None,
    range: Sequence[float] | None = None,
    qrange: Sequence[float] | None = None,
    inclusive: bool = True,
    inf2nan: bool = True,
    axis: int = 1,
) -> Values:
    """Cut to mean +- `scale` standard deviations, to the bounds `range`, or to the quantiles `qrange`.

    With `inclusive` values beyond become the bound, otherwise NaN. Exactly one way is to be given.
    """
    if sum(way is not None for way in (scale, range, qrange)) != 1:
        raise StrategyError("winsorize 需要 scale、range、qrange 三者之一", "例如 winsorize(data, qrange=[0.05, 0.95])")

    def bounds(values: pd.Series) -> tuple[float, float]:
        if range is not None:
            return range[0], range[1]
        if qrange is not None:
            return values.quantile(qrange[0]), values.quantile(qrange[1])
        middle, reach = values.mean(), (scale or 0.0) * values.std()
        return middle - reach, middle + reach

    return _each(data, axis, inf2nan, lambda values: _cut(values, *bounds(values), inclusive))


def winsorize_med(
    data: Values, scale: float = 1, inclusive: bool = True, inf2nan: bool = True, axis: int = 1
) -> Values:
    """Cut to the median +- `scale` times the median absolute deviation."""

    def cut(values: pd.Series) -> pd.Series:
        middle = values.median()
        reach = scale * (values - middle).abs().median()
        return _cut(values, middle - reach, middle + reach, inclusive)

    return _each(data, axis, inf2nan, cut)


def standardlize(data: Values, inf2nan: bool = True, axis: int = 1) -> Values:
    """Subtract the mean and divide by the sample standard deviation."""
    return _each(data, axis, inf2nan, lambda values: (values - values.mean()) / values.std())


def _cut(values: pd.Series, low: float, high: float, inclusive: bool) -> pd.Series:
    return values.clip(low, high) if inclusive else values.where(values.between(low, high) | values.isna())


def _each(data: Values, axis: int, inf2nan: bool, treat: Callable[[pd.Series], pd.Series]) -> Values:
    table = data.astype(float)
    if inf2nan:
        table = table.replace([np.inf, -np.inf], np.nan)
    return treat(table) if isinstance(table, pd.Series) else table.apply(treat, axis=axis)
