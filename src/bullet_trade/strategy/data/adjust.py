"""Adjustment of prices and volumes for ex-days (复权), on columns of raw values."""

from __future__ import annotations

import numpy as np

from bullet_trade.domain.errors import StrategyError
from bullet_trade.ports.market_data import FloatArray
from bullet_trade.strategy.data import fields

MODES = ("pre", "post", None)


def mode(fq: object) -> str | None:
    """``pre``, ``post`` or None; the text ``none`` is None, too. Raises `StrategyError` for anything else."""
    if fq is None or fq == "none":
        return None
    if isinstance(fq, str) and fq in MODES:
        return fq
    raise StrategyError(f"复权方式 fq={fq!r} 无效", "可用：'pre'（前复权）、'post'（后复权）、None（不复权）")


def growth(close: FloatArray, prev_close: FloatArray) -> FloatArray:
    """How many units of the first row's kind a row's unit stands for: 1.0 first, larger after each ex-day.

    The step on a day is the close before it over the exchange's reference price of the day.
    """
    factor = np.ones(len(close))
    if len(close) > 1:
        with np.errstate(invalid="ignore", divide="ignore"):
            step = close[:-1] / prev_close[1:]
        factor[1:] = np.cumprod(np.where(np.isfinite(step) & (step > 0), step, 1.0))
    return factor


def adjust(values: FloatArray, numbers: tuple[int, ...], factor: FloatArray, base: float | None, places: int) -> None:
    """Scale in place: `values` has one row per field, `factor` one growth per column, `base` that of the reference.

    Prices are rounded to `places`; volumes move against the prices and stay whole; money stays. The `factor` field
    becomes the multiplier itself. `base` None leaves everything as traded.
    """
    if base is None or (factor == base).all():
        for row, number in enumerate(numbers):
            if number == fields.FACTOR:
                values[row] = 1.0
            elif number == fields.AVG:
                np.round(values[row], places, out=values[row])
        return
    ratio = factor / base
    for row, number in enumerate(numbers):
        if number in fields.PRICES:
            np.round(values[row] * ratio, places, out=values[row])
        elif number == fields.VOLUME:
            np.round(values[row] / ratio, out=values[row])
        elif number == fields.FACTOR:
            values[row] = ratio
