"""Words of pandas and numpy that were removed since strategies were written with them, given back to this process.

Only what is missing is added, so that nothing that exists changes. Each does what the old one did:
``df.append``, ``.ix``, ``df.sort``, ``series.order``, ``as_matrix``, ``pd.rolling_*``, ``pd.ewma``, ``np.NaN`` ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd

from bullet_trade.strategy.data.panel import Panel

Table: TypeAlias = "pd.DataFrame | pd.Series"


def accept_old_idioms() -> None:
    """Add the missing words; doing it again changes nothing."""
    for owner, names in _WORDS.items():
        for name, value in names.items():
            # numpy warns when it is merely asked for some removed names, so its own table is looked into.
            if name not in vars(owner):
                setattr(owner, name, value)


def _append(self: Table, other: object, ignore_index: bool = False, **_: object) -> Table:
    if isinstance(other, dict):
        other = pd.Series(other)
    if isinstance(self, pd.DataFrame) and isinstance(other, pd.Series):
        other = other.to_frame().T.infer_objects()
    following = other if isinstance(other, list | tuple) else [other]
    tables = [table for table in (self, *following) if len(table)] or [self]
    return pd.concat(tables, ignore_index=ignore_index)


def _sort_frame(self: pd.DataFrame, columns: object = None, ascending: object = True, **how: object) -> pd.DataFrame:
    inplace = bool(how.get("inplace", False))
    if columns is None:
        return self.sort_index(ascending=ascending, inplace=inplace)
    return self.sort_values(columns, ascending=ascending, inplace=inplace)


def _sort_series(self: pd.Series, ascending: bool = True, **how: object) -> pd.Series:
    return self.sort_values(ascending=ascending, inplace=bool(how.get("inplace", False)))


class _Ix:
    """Labels first, then positions, for rows and columns each."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getitem__(self, key: object) -> object:
        return self._table.iloc[self._places(key)] if self._positional(key) else self._table.loc[key]

    def __setitem__(self, key: object, value: object) -> None:
        if self._positional(key):
            self._table.iloc[self._places(key)] = value
        else:
            self._table.loc[key] = value

    def _positional(self, key: object) -> bool:
        keys = key if isinstance(key, tuple) else (key,)
        return any(_is_place(one, axis) for one, axis in zip(keys, self._table.axes, strict=False))

    def _places(self, key: object) -> object:
        if not isinstance(key, tuple):
            return key
        return tuple(
            one if _is_place(one, axis) or (isinstance(one, slice) and one == slice(None)) else _place(axis, one)
            for one, axis in zip(key, self._table.axes, strict=False)
        )


def _is_place(key: object, axis: pd.Index) -> bool:
    whole = isinstance(key, int | np.integer) or (
        isinstance(key, slice) and any(isinstance(end, int) for end in (key.start, key.stop))
    )
    return whole and not pd.api.types.is_integer_dtype(axis.dtype)


def _place(axis: pd.Index, key: object) -> object:
    return axis.get_indexer(key) if isinstance(key, list | pd.Index | np.ndarray) else axis.get_loc(key)


def _rolling(operator: str) -> Callable[..., Table]:
    def roll(arg: object, window: int, min_periods: int | None = None, **how: object) -> object:
        table = arg if isinstance(arg, pd.Series | pd.DataFrame) else pd.Series(arg)
        rolled = table.rolling(window, min_periods=min_periods, center=bool(how.get("center", False)))
        result = getattr(rolled, operator)()
        return result if isinstance(arg, pd.Series | pd.DataFrame) else result.to_numpy()

    return roll


def _ewma(arg: Table, com: float | None = None, span: float | None = None, **how: object) -> Table:
    return pd.Series(arg).ewm(com=com, span=span, adjust=bool(how.get("adjust", True))).mean()


_ROLLING = ("mean", "std", "var", "sum", "max", "min", "median", "skew", "kurt", "count")

_ROLLING_WORDS: dict[str, object] = {f"rolling_{name}": _rolling(name) for name in _ROLLING}

_WORDS: dict[object, dict[str, object]] = {
    pd.DataFrame: {
        "append": _append,
        "ix": property(_Ix),
        "sort": _sort_frame,
        "as_matrix": lambda self, columns=None: (self if columns is None else self[columns]).to_numpy(),
        "iteritems": pd.DataFrame.items,
    },
    pd.Series: {
        "append": _append,
        "ix": property(_Ix),
        "sort": _sort_series,
        "order": _sort_series,
        "as_matrix": lambda self: self.to_numpy(),
        "iteritems": pd.Series.items,
    },
    pd: _ROLLING_WORDS | {"ewma": _ewma, "Panel": Panel},
    np: {
        "float": float,
        "int": int,
        "object": object,
        "str": str,
        "complex": complex,
        "NaN": np.nan,
        "NAN": np.nan,
        "Inf": np.inf,
        "Infinity": np.inf,
        "infty": np.inf,
        "float_": np.float64,
        "unicode_": np.str_,
        "product": np.prod,
        "cumproduct": np.cumprod,
        "alltrue": np.all,
        "sometrue": np.any,
    },
}
