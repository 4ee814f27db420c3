"""Minutes of the running day before there are any."""

from __future__ import annotations

from datetime import date

import numpy as np

from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import BARS_PER_DAY, FloatArray, MinuteBars
from bullet_trade.quotes.live import TickSource


def before_the_first(source: TickSource, code: Code, today: date) -> MinuteBars | None:
    """A day at one price, without trade: what is known before its first minute has ended. None of a suspended security
    and without a snapshot of `today`. Raises `DataError`."""
    if source.details(code).paused:
        return None
    tick = source.snapshot([code]).get(code)
    if tick is None or tick.datetime.date() != today:
        return None
    price: FloatArray = np.full(BARS_PER_DAY, tick.open or tick.current)
    return MinuteBars(price, price, price, price, np.zeros(BARS_PER_DAY, dtype=np.int64), np.zeros(BARS_PER_DAY))
