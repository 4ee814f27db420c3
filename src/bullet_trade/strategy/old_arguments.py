"""Ways of calling pandas that it has given up, taken again: surplus arguments by position, columns of text in figures.

Only calls that would raise are changed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

import pandas as pd
from pandas.core.groupby import DataFrameGroupBy

P = ParamSpec("P")
R = TypeVar("R")

_AXIS_FIRST = ("axis",)
_POSITIONS: dict[object, dict[str, tuple[str, ...]]] = {
    pd: {
        "concat": ("objs", "axis", "join"),
        "read_csv": ("filepath_or_buffer", "sep"),
    },
    pd.DataFrame: {
        "pivot": ("index", "columns", "values"),
        "drop": ("labels", "axis"),
        "dropna": ("axis", "how", "thresh", "subset", "inplace"),
        "fillna": ("value", "method", "axis", "inplace"),
        "set_index": ("keys", "drop", "append", "inplace"),
        "reset_index": ("level", "drop", "inplace"),
        "sort_index": ("axis", "level", "ascending", "inplace"),
        "sort_values": ("by", "axis", "ascending", "inplace"),
        "drop_duplicates": ("subset", "keep", "inplace"),
        "any": _AXIS_FIRST,
        "all": _AXIS_FIRST,
        "ffill": _AXIS_FIRST,
        "bfill": _AXIS_FIRST,
    },
    pd.Series: {
        "drop": ("labels", "axis"),
        "dropna": ("axis", "inplace"),
        "fillna": ("value", "method", "axis", "inplace"),
        "reset_index": ("level", "drop", "name", "inplace"),
        "sort_index": ("axis", "level", "ascending", "inplace"),
        "sort_values": ("axis", "ascending", "inplace"),
        "drop_duplicates": ("keep", "inplace"),
        "any": _AXIS_FIRST,
        "all": _AXIS_FIRST,
    },
    pd.Series.str: {"split": ("pat", "n", "expand")},
}
"""Parameters in the order in which they were taken by position, by owner and name."""

_FIGURES: dict[object, tuple[str, ...]] = {
    pd.DataFrame: ("mean", "std", "var", "median", "quantile", "skew", "kurt", "corr", "cov"),
    DataFrameGroupBy: ("mean", "std", "var", "median", "quantile", "corr", "cov"),
}
"""What left out the columns that are no numbers."""


def accept_old_arguments() -> None:
    """Have the old calls taken; doing it again changes nothing."""
    for owner, methods in _POSITIONS.items():
        for name, order in methods.items():
            _replace(owner, name, partial(_by_position, order=order))
    for owner, names in _FIGURES.items():
        for name in names:
            _replace(owner, name, _numbers_only)
    for owner in (pd.DataFrame, pd.Series):
        _replace(owner, "resample", _with_how)


def _replace(owner: object, name: str, wrap: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
    function = getattr(owner, name)
    if not hasattr(function, "takes_old_arguments"):
        wrapped = wrap(function)
        wrapped.takes_old_arguments = True  # type: ignore[attr-defined]  # the mark that it is done
        setattr(owner, name, wrapped)


def _by_position(function: Callable[..., R], order: tuple[str, ...]) -> Callable[..., R]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    taken = sum(parameter.kind in kinds for parameter in parameters)
    own = next((1 for parameter in parameters if parameter.name == "self"), 0)

    @wraps(function)
    def call(*args: object, **kwargs: object) -> R:
        if len(args) > taken:
            kwargs = dict(zip(order[taken - own :], args[taken:], strict=False)) | kwargs
            args = args[:taken]
        return function(*args, **kwargs)

    return call


def _numbers_only(function: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError):
            if "numeric_only" in kwargs:
                raise
            return function(*args, **{**kwargs, "numeric_only": True})  # type: ignore[arg-type]  # pandas' own word

    return call


def _with_how(function: Callable[..., object]) -> Callable[..., object]:
    @wraps(function)
    def resample(*args: object, how: object = None, **kwargs: object) -> object:
        groups = function(*args, **kwargs)
        return groups if how is None else groups.agg(how)  # type: ignore[attr-defined]  # a Resampler

    return resample
