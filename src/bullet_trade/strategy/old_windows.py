"""pandas' former functions over moving windows: ``pd.rolling_mean(x, 5)``, ``pd.expanding_max(x)``, ``pd.ewma(x, 12)``.

An array gives an array, a series or a frame its own kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pandas as pd

Table: TypeAlias = "pd.DataFrame | pd.Series"

_PLAIN = ("mean", "std", "var", "sum", "max", "min", "median", "skew", "kurt", "count")


def _table(arg: object) -> Table:
    return arg if isinstance(arg, pd.Series | pd.DataFrame) else pd.Series(arg)


def _like(arg: object, result: Table) -> object:
    return result if isinstance(arg, pd.Series | pd.DataFrame) else result.to_numpy()


def _rolling(operator: str) -> Callable[..., object]:
    def roll(
        arg: object, window: int, min_periods: int | None = None, freq: None = None, center: bool = False
    ) -> object:
        return _like(arg, getattr(_table(arg).rolling(window, min_periods=min_periods, center=center), operator)())

    return roll


def _rolling_pair(operator: str) -> Callable[..., object]:
    def roll(arg1: object, arg2: object, window: int, min_periods: int | None = None) -> object:
        windows = _table(arg1).rolling(window, min_periods=min_periods)
        return _like(arg1, getattr(windows, operator)(_table(arg2)))

    return roll


def _rolling_apply(
    arg: object, window: int, func: Callable[..., float], min_periods: int | None = None, **_: object
) -> object:
    return _like(arg, _table(arg).rolling(window, min_periods=min_periods).apply(func, raw=True))


def _rolling_quantile(arg: object, window: int, quantile: float, min_periods: int | None = None) -> object:
    return _like(arg, _table(arg).rolling(window, min_periods=min_periods).quantile(quantile))


def _expanding(operator: str) -> Callable[..., object]:
    def expand(arg: object, min_periods: int = 1) -> object:
        return _like(arg, getattr(_table(arg).expanding(min_periods), operator)())

    return expand


def _weighted(operator: str) -> Callable[..., object]:
    def weigh(
        arg: object,
        com: float | None = None,
        span: float | None = None,
        halflife: float | None = None,
        min_periods: int = 0,
        freq: None = None,
        adjust: bool = True,
    ) -> object:
        windows = _table(arg).ewm(com=com, span=span, halflife=halflife, min_periods=min_periods, adjust=adjust)
        return _like(arg, getattr(windows, operator)())

    return weigh


WINDOW_WORDS: dict[str, object] = {
    **{f"rolling_{name}": _rolling(name) for name in _PLAIN},
    **{f"rolling_{name}": _rolling_pair(name) for name in ("corr", "cov")},
    "rolling_apply": _rolling_apply,
    "rolling_quantile": _rolling_quantile,
    **{f"expanding_{name}": _expanding(name) for name in _PLAIN},
    "ewma": _weighted("mean"),
    "ewmstd": _weighted("std"),
    "ewmvol": _weighted("std"),
    "ewmvar": _weighted("var"),
}
"""By pandas' former name."""
