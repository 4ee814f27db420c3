"""Quantile tables and the exponential, built from + - * / alone.

The math library's `exp` and `log` may differ in the last bit from one machine to the next, which could flip the
rounding of a price. IEEE 754 fixes the four operations and the square root, so these tables are the same everywhere.
Running sums use `cumsum`, whose order is fixed, and never `sum`, whose order depends on the processor.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TABLE_BITS = 12
LANE_SHIFT = np.uint16(16 - TABLE_BITS)
"""A 16-bit lane shifted right by this is an index into a table."""

_ENTRIES = 1 << TABLE_BITS
_GRID = 40_000
_SQUARINGS = 10


def exponential(x: FloatArray) -> FloatArray:
    """e**x for |x| < 10, to about 12 digits: a Taylor polynomial of x/1024, squared ten times."""
    y = x * (1.0 / (1 << _SQUARINGS))
    result = 1.0 + y * (1.0 + y * (0.5 + y * (1.0 / 6.0 + y * (1.0 / 24.0 + y * (1.0 / 120.0)))))
    for _ in range(_SQUARINGS):
        result *= result
    return result


@cache
def student_quantiles(half_power: int) -> FloatArray:
    """4,096 quantiles of Student's t with 2*half_power-1 degrees of freedom, scaled to variance 1, ascending.

    2 is t3 (heavy tails), 3 is t5, 16 is t31 (nearly normal). Density (1 + x*x/n)**-half_power, integrated on a grid
    that is stretched towards infinity.
    """
    step = 1.0 / _GRID
    g = (np.arange(_GRID - 1) + 0.5) * step
    one_less = 1.0 - g * g
    x = g / one_less
    width = (1.0 + g * g) / (one_less * one_less)
    base = 1.0 / (1.0 + x * x / (2 * half_power - 1))
    density = np.ones_like(base)
    for _ in range(half_power):
        density = density * base
    mass = np.cumsum(density * width)
    half = _ENTRIES // 2
    wanted = (np.arange(half) + 0.5) / half * mass[-1]
    upper = np.searchsorted(mass, wanted)
    below_mass = np.where(upper > 0, mass[upper - 1], 0.0)
    below_x = np.where(upper > 0, x[upper - 1], 0.0)
    share = (wanted - below_mass) / (mass[upper] - below_mass)
    positive = below_x + (x[upper] - below_x) * share
    variance = np.cumsum(positive * positive)[-1] / half
    positive = positive / np.sqrt(variance)
    return _frozen(np.concatenate([-positive[::-1], positive]))


@cache
def lognormal_quantiles(log_deviation: float) -> FloatArray:
    """4,096 quantiles of a positive number whose logarithm is near normal with that deviation; median 1."""
    return _frozen(exponential(student_quantiles(16) * log_deviation))


@cache
def folded_quantiles() -> FloatArray:
    """4,096 quantiles, unordered, of the absolute value of t5 scaled to mean 1: sizes of a bar's wicks."""
    size = np.abs(student_quantiles(3))
    return _frozen(size * (_ENTRIES / np.cumsum(size)[-1]))


def _frozen(table: FloatArray) -> FloatArray:
    table.setflags(write=False)
    return table
