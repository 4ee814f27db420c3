"""A `date` beside pandas' times, as on the platform: it means its midnight, in comparisons and as a label.

Today's pandas refuses ``frame['start_date'] < day`` and ``frame.loc[day]``, and finds ``frame.index[-1] == day`` false.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import wraps

import numpy as np
import pandas as pd

Comparison = Callable[[pd.Timestamp, object], object]


def accept_dates() -> None:
    """Have dates compared with times; doing it again changes nothing."""
    # What pandas takes for a time, in comparisons and in look-ups by label; `datetime` is a `date`, so it stays one.
    pd.arrays.DatetimeArray._recognized_scalars = (datetime.date, np.datetime64)
    for name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
        comparison = getattr(pd.Timestamp, name)
        if not hasattr(comparison, "__wrapped__"):
            setattr(pd.Timestamp, name, _with_dates(comparison))


def _with_dates(comparison: Comparison) -> Comparison:
    @wraps(comparison)
    def compare(self: pd.Timestamp, other: object) -> object:
        return comparison(self, pd.Timestamp(other) if type(other) is datetime.date else other)

    return compare
