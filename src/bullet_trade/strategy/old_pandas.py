"""Words of pandas and numpy that were removed since strategies were written with them, given back to this process.

Only what is missing is added, and only calls that would raise are changed, so that nothing that works changes. Each
does what the old one did: ``df.append``, ``.ix``, ``df.sort``, ``series.order``, ``pd.rolling_*``, ``np.NaN`` ...
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd

from bullet_trade.strategy.data.panel import Panel
from bullet_trade.strategy.old_arguments import accept_old_arguments
from bullet_trade.strategy.old_dates import accept_dates
from bullet_trade.strategy.old_windows import WINDOW_WORDS

Table: TypeAlias = "pd.DataFrame | pd.Series"


def accept_old_idioms() -> None:
    """Add the missing words and take the old calls; doing it again changes nothing."""
    accept_dates()
    accept_old_arguments()
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


def _select(self: Table, crit: Callable[[object], bool], axis: int = 0) -> Table:
    wanted = [crit(label) for label in self.axes[axis]]
    return self.loc[wanted] if axis == 0 else self.loc[:, wanted]


def _mean_deviation(self: Table) -> object:
    return (self - self.mean()).abs().mean()


def _set_value(self: pd.DataFrame, index: object, column: object, value: object) -> pd.DataFrame:
    self.at[index, column] = value
    return self


_OF_BOTH: dict[str, object] = {
    "append": _append,
    "ix": property(_Ix),
    "select": _select,
    "mad": _mean_deviation,
    "get_values": lambda self: self.to_numpy(),
    "convert_objects": lambda self, **_: self.infer_objects(),
    "clip_upper": lambda self, threshold: self.clip(upper=threshold),
    "clip_lower": lambda self, threshold: self.clip(lower=threshold),
}

_WORDS: dict[object, dict[str, object]] = {
    pd.DataFrame: _OF_BOTH
    | {
        "sort": _sort_frame,
        "as_matrix": lambda self, columns=None: (self if columns is None else self[columns]).to_numpy(),
        "iteritems": pd.DataFrame.items,
        "get_value": lambda self, index, column: self.at[index, column],
        "set_value": _set_value,
        "lookup": lambda self, rows, columns: np.array([self.at[pair] for pair in zip(rows, columns, strict=True)]),
        "icol": lambda self, place: self.iloc[:, place],
        "irow": lambda self, place: self.iloc[place],
        "iget_value": lambda self, row, column: self.iat[row, column],
        "reindex_axis": lambda self, labels, axis=0: self.reindex(labels, axis=axis),
    },
    pd.Series: _OF_BOTH
    | {
        "sort": _sort_series,
        "order": _sort_series,
        "as_matrix": lambda self: self.to_numpy(),
        "iteritems": pd.Series.items,
        "nonzero": lambda self: self.to_numpy().nonzero(),
        "compress": lambda self, condition: self[condition],
    },
    pd: WINDOW_WORDS
    | {
        "Panel": Panel,
        "datetime": datetime.datetime,
        "np": np,
        "TimeSeries": pd.Series,
        "Int64Index": pd.Index,
        "Float64Index": pd.Index,
    },
    np: {
        "float": float,
        "int": int,
        "object": object,
        "str": str,
        "complex": complex,
        "NaN": np.nan,
        "NAN": np.nan,
        "Inf": np.inf,
        "PINF": np.inf,
        "NINF": -np.inf,
        "Infinity": np.inf,
        "infty": np.inf,
        "float_": np.float64,
        "unicode_": np.str_,
        "string_": np.bytes_,
        "product": np.prod,
        "cumproduct": np.cumprod,
        "alltrue": np.all,
        "sometrue": np.any,
        "round_": np.round,
        "mat": np.asmatrix,
        "math": math,
        "row_stack": np.vstack,
        "trapz": np.trapezoid,
        "msort": lambda a: np.sort(a, axis=0),
        "asfarray": lambda a: np.asarray(a, dtype=np.float64),
        "asscalar": lambda a: a.item(),
        "in1d": lambda a, b: np.isin(a, b).ravel(),
    },
}
