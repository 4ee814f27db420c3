"""The shape of a trading day, minute by minute: how volume and volatility are spread over the 240 bars.

Measured on the real one-minute bars (`benchmarks/calibrate_synthetic.py` prints them again): averages over 15 stocks
and 62 days, 1 being the day's mean minute. The last three minutes of stocks are the closing auction: no trade until
15:00. Where there is none (Shanghai's funds and bonds) they look like the minutes before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bullet_trade.ports.market_data import BARS_PER_DAY

FloatArray = NDArray[np.float64]

# (bar, relative volume, relative deviation of the bar's return); straight lines between them.
_KNOTS = (
    (0, 10.3, 4.50),
    (1, 4.35, 3.25),
    (2, 3.65, 2.65),
    (4, 2.95, 2.12),
    (7, 2.53, 1.84),
    (15, 1.90, 1.49),
    (25, 1.43, 1.28),
    (37, 1.17, 1.11),
    (52, 0.96, 0.98),
    (67, 0.83, 0.91),
    (82, 0.71, 0.84),
    (97, 0.64, 0.79),
    (119, 0.56, 0.73),
    (120, 2.20, 1.78),
    (121, 0.95, 1.15),
    (124, 0.78, 0.95),
    (130, 0.71, 0.84),
    (157, 0.69, 0.77),
    (187, 0.72, 0.72),
    (202, 0.70, 0.65),
    (218, 0.90, 0.67),
    (229, 1.15, 0.65),
    (235, 1.45, 0.62),
    (236, 1.63, 0.77),
)
_CLOSING_AUCTION = ((237, 0.0, 0.0), (238, 0.0, 0.0), (239, 3.06, 1.00))
_CONTINUOUS_CLOSE = ((237, 1.55, 0.80), (238, 1.45, 0.85), (239, 1.75, 0.95))


@dataclass(frozen=True, slots=True)
class DayShape:
    """`volume` has mean 1; `deviation` squared has mean 1; `elapsed` is the share of variance used up at bar ends."""

    volume: FloatArray
    deviation: FloatArray
    elapsed: FloatArray


@cache
def day_shape(closing_auction: bool) -> DayShape:
    """The shape of a day with or without a closing auction."""
    rows = np.array(_KNOTS + (_CLOSING_AUCTION if closing_auction else _CONTINUOUS_CLOSE))
    bar = np.arange(BARS_PER_DAY)
    left = np.minimum(np.searchsorted(rows[:, 0], bar, side="right") - 1, len(rows) - 2)
    share = (bar - rows[left, 0]) / (rows[left + 1, 0] - rows[left, 0])
    volume = rows[left, 1] + (rows[left + 1, 1] - rows[left, 1]) * share
    deviation = rows[left, 2] + (rows[left + 1, 2] - rows[left, 2]) * share
    volume = volume / (np.cumsum(volume)[-1] / BARS_PER_DAY)
    used = np.cumsum(deviation * deviation)
    deviation = deviation / np.sqrt(used[-1] / BARS_PER_DAY)
    elapsed = used / used[-1]
    for array in (volume, deviation, elapsed):
        array.setflags(write=False)
    return DayShape(volume, deviation, elapsed)
