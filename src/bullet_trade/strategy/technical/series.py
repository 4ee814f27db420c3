"""Operators over one series, in the words of the formula language that the indicators are published in.

All take and give float64 arrays of one length; places without enough bars before them are NaN.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib

from bullet_trade.ports.market_data import FloatArray


def ref(x: FloatArray, n: int) -> FloatArray:
    """The value `n` bars ago."""
    if n == 0:
        return x
    result = np.full(len(x), np.nan)
    result[n:] = x[:-n]
    return result


def _rolling(operator: object, x: FloatArray, n: int) -> FloatArray:
    # TA-Lib refuses a series that has no number at all, and periods of one for some operators.
    if len(x) < n or np.isnan(x).all():
        return np.full(len(x), np.nan)
    return np.asarray(operator(np.ascontiguousarray(x, dtype=float), n))  # type: ignore[operator]  # one of TA-Lib's


def mean(x: FloatArray, n: int) -> FloatArray:
    """MA: the mean of `n` bars."""
    return x if n == 1 else _rolling(talib.SMA, x, n)


def total(x: FloatArray, n: int) -> FloatArray:
    """SUM over `n` bars."""
    return x if n == 1 else _rolling(talib.SUM, x, n)


def highest(x: FloatArray, n: int) -> FloatArray:
    """HHV: the highest of `n` bars."""
    return x if n == 1 else _rolling(talib.MAX, x, n)


def lowest(x: FloatArray, n: int) -> FloatArray:
    """LLV: the lowest of `n` bars."""
    return x if n == 1 else _rolling(talib.MIN, x, n)


def slope(x: FloatArray, n: int) -> FloatArray:
    """SLOPE of the regression line through `n` bars."""
    return _rolling(talib.LINEARREG_SLOPE, x, n)


def spread(x: FloatArray, n: int) -> FloatArray:
    """STD: the sample standard deviation of `n` bars."""
    return np.asarray(pd.Series(x).rolling(n).std(), dtype=float)


def ema(x: FloatArray, n: int) -> FloatArray:
    """EMA, begun with the first value: y = (2 x + (n - 1) y') / (n + 1)."""
    return np.asarray(pd.Series(x).ewm(span=n, adjust=False).mean(), dtype=float)


def sma(x: FloatArray, n: int, m: int = 1) -> FloatArray:
    """SMA, begun with the first value: y = (m x + (n - m) y') / n."""
    return np.asarray(pd.Series(x).ewm(alpha=m / n, adjust=False).mean(), dtype=float)
