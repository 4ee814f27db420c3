"""Adding bars up: nothing is lost and nothing is counted twice, whatever the length."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.strategy.data import fields, larger_bars
from bullet_trade.strategy.data.axis import minute_stamps
from bullet_trade.strategy.data.window import Window

NUMBERS = (fields.OPEN, fields.HIGH, fields.LOW, fields.CLOSE, fields.VOLUME)
DAYS = [date(2025, 6, 3), date(2025, 6, 4)]


def minutes(count: int) -> Window:
    generator = np.random.default_rng(7)
    stamps = np.concatenate([minute_stamps(day) for day in DAYS])[:count]
    close = 10 + generator.random(count).round(2)
    return Window(stamps, np.array([close, close + 0.1, close - 0.1, close, generator.integers(0, 900, count)]))


@given(size=st.integers(1, 240), count=st.integers(1, 480))
def test_standard_bars_cover_every_minute_once_and_never_two_days(size: int, count: int) -> None:
    window = minutes(count)
    starts = larger_bars.minute_starts(window.stamps, size)
    bars = larger_bars.added_up(window, starts, NUMBERS, 2)
    whole, rest = divmod(count, 240)
    assert len(bars) == whole * -(-240 // size) + -(-rest // size)
    assert bars.values[4].sum() == window.values[4].sum()
    assert bars.values[1].max() == window.values[1].max()
    assert bars.values[2].min() == window.values[2].min()
    ends = [*starts[1:] - 1, count - 1]
    days = window.stamps.astype("datetime64[D]")
    assert all(days[first] == days[end] for first, end in zip(starts, ends, strict=True))


@given(size=st.integers(1, 60), count=st.integers(0, 480))
def test_sliding_windows_end_with_the_newest_row_and_are_all_whole(size: int, count: int) -> None:
    window = minutes(count)
    bars = larger_bars.sliding(window, size, NUMBERS, 2)
    assert len(bars) == count // size
    if len(bars):
        assert bars.stamps[-1] == window.stamps[-1]
        assert bars.values[4].sum() == window.values[4][count % size :].sum()
