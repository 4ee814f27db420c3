"""`data[code]` of `handle_data(context, data)`: the minute bar that ended last, and figures of earlier days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from bullet_trade.domain.securities import Code, Security
from bullet_trade.ports.market_data import FloatArray
from bullet_trade.strategy.data import fields
from bullet_trade.strategy.data.arguments import at_least_one
from bullet_trade.strategy.data.day_windows import last_days
from bullet_trade.strategy.data.minute_windows import last_minutes
from bullet_trade.strategy.data.window import Window, Wish
from bullet_trade.strategy.history import History

_ALL = Wish(tuple(range(fields.WIDTH)), "pre", skip_paused=False)
_NO_BAR = [float("nan")] * fields.WIDTH


class SecurityUnitData:
    """The bar of one security: at 10:00:00 that of 09:59-10:00, at 09:30:00 the last one of the session before.

    Prices in yuan, adjusted to today; `pre_close` is the bar's own opening price, as on the platform in minute
    frequency.
    """

    __slots__ = ("_at", "_bar", "_history", "_security", "security")

    def __init__(self, security: Security, history: History) -> None:
        self.security = str(security.code)
        self._security = security
        self._history = history
        self._at: datetime | None = None
        self._bar = _NO_BAR

    def _field(self, number: int) -> float:
        now = self._history.now()
        if now != self._at:
            window = last_minutes(self._history, self._security, 1, now, _ALL)
            self._at, self._bar = now, window.values[:, -1].tolist() if len(window) else _NO_BAR
        return self._bar[number]

    open = property(lambda self: self._field(fields.OPEN))
    close = property(lambda self: self._field(fields.CLOSE))
    high = property(lambda self: self._field(fields.HIGH))
    low = property(lambda self: self._field(fields.LOW))
    volume = property(lambda self: self._field(fields.VOLUME))
    money = property(lambda self: self._field(fields.MONEY))
    avg = price = property(lambda self: self._field(fields.AVG))
    factor = property(lambda self: self._field(fields.FACTOR))
    high_limit = property(lambda self: self._field(fields.HIGH_LIMIT))
    low_limit = property(lambda self: self._field(fields.LOW_LIMIT))
    pre_close = property(lambda self: self._field(fields.OPEN))

    @property
    def paused(self) -> bool:
        """Suspended today."""
        return self._field(fields.PAUSED) == 1.0

    @property
    def returns(self) -> float:
        """Change of the bar's close against its `pre_close`, as a fraction."""
        before = self._field(fields.OPEN)
        return self._field(fields.CLOSE) / before - 1.0 if before else float("nan")

    def isnan(self) -> bool:
        """Whether there is no bar yet (not listed, or no data)."""
        return self._field(fields.CLOSE) != self._field(fields.CLOSE)

    def mavg(self, days: int, field: str = "close") -> float:
        """Mean of `field` over the last `days` days with trade before today; NaN when there are fewer."""
        values = self._days(days, fields.numbers_of((field,))).values[0]
        return float(values.mean()) if len(values) == days else float("nan")

    def vwap(self, days: int) -> float:
        """Money over volume of the last `days` days with trade before today; NaN when there are fewer."""
        window = self._days(days, (fields.MONEY, fields.VOLUME))
        money, volume = window.values
        return float(money.sum() / volume.sum()) if len(window) == days and volume.sum() else float("nan")

    def stddev(self, days: int) -> float:
        """Standard deviation (n - 1) of the closes of the last `days` days with trade; NaN when there are fewer."""
        closes: FloatArray = self._days(days, (fields.CLOSE,)).values[0]
        return float(np.std(closes, ddof=1)) if len(closes) == days > 1 else float("nan")

    def _days(self, days: int, numbers: tuple[int, ...]) -> Window:
        history = self._history
        stop = history.position(history.today())
        return last_days(history, self._security, at_least_one(days), stop, Wish(numbers, "pre", skip_paused=True))


class BarData(dict[str, SecurityUnitData]):
    """The `data` of `handle_data`, filled as codes are asked for."""

    def __init__(self, code_of: Callable[[object], Code], history: History) -> None:
        super().__init__()
        self._code_of = code_of
        self._history = history

    def __missing__(self, key: str) -> SecurityUnitData:
        view = self[key] = SecurityUnitData(self._history.security(self._code_of(key)), self._history)
        return view
