"""Rows of bars on their way from the source to the strategy, and what was asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from bullet_trade.ports.market_data import BoolArray, FloatArray
from bullet_trade.strategy.data import fields
from bullet_trade.strategy.data.axis import TimeArray

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What to make of a security's bars. `reference`: the day in whose units ``pre`` prices are given; None: today."""

    numbers: Numbers
    fq: str | None
    skip_paused: bool
    fill_paused: bool = True
    reference: date | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Bars: labels (datetime64[ns]; the end of a minute bar, the day of a daily one), one row of `values` a field.

    `places` is (first, stop) on the axis of sessions where the rows are exactly those sessions, else None.
    """

    stamps: TimeArray
    values: FloatArray
    places: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.stamps)

    def last(self, count: int) -> Window:
        """The last `count` rows."""
        if count >= len(self.stamps):
            return self
        first = len(self.stamps) - count
        places = (self.places[1] - count, self.places[1]) if self.places is not None else None
        return Window(self.stamps[first:], self.values[:, first:], places)


def nothing(wish: Wish) -> Window:
    """No rows."""
    return Window(np.array([], dtype="datetime64[ns]"), np.empty((len(wish.numbers), 0)))


def joined(parts: Sequence[Window], wish: Wish) -> Window:
    """Windows one after the other."""
    parts = [part for part in parts if len(part)]
    if len(parts) <= 1:
        return parts[0] if parts else nothing(wish)
    return Window(
        np.concatenate([part.stamps for part in parts]), np.concatenate([part.values for part in parts], axis=1)
    )


def blank(values: FloatArray, numbers: Numbers, paused: BoolArray) -> None:
    """Take prices and amounts away from suspended rows (``fill_paused=False``)."""
    for row, number in enumerate(numbers):
        if number in fields.BLANK_WHEN_PAUSED:
            values[row, paused] = np.nan
