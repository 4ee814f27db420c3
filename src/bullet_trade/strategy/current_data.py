"""`get_current_data()` and the `data` of `handle_data`: quotes by code, read at the moment of asking."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bullet_trade.domain.securities import Code
from bullet_trade.ports.quotes import Quotes
from bullet_trade.strategy.history import History


class CurrentSecurity:
    """One security now. Prices in yuan; `day_open` is NaN before the opening price is known."""

    __slots__ = ("_quotes", "code")

    def __init__(self, code: Code, quotes: Quotes) -> None:
        self.code = code
        self._quotes = quotes

    @property
    def last_price(self) -> float:
        return self._quotes.last_price(self.code)

    @property
    def high_limit(self) -> float:
        return self._quotes.facts(self.code).high_limit

    @property
    def low_limit(self) -> float:
        return self._quotes.facts(self.code).low_limit

    @property
    def paused(self) -> bool:
        return self._quotes.facts(self.code).paused

    @property
    def is_st(self) -> bool:
        return self._quotes.facts(self.code).st

    @property
    def day_open(self) -> float:
        return self._quotes.day_open(self.code)

    @property
    def name(self) -> str:
        return self._quotes.facts(self.code).name

    @property
    def pre_close(self) -> float:
        return self._quotes.facts(self.code).prev_close

    def __repr__(self) -> str:
        return f"CurrentSecurity({self.code}, last_price={self.last_price})"


class CurrentData(dict[str, CurrentSecurity]):
    """Filled as codes are asked for; `d[code]` for any code, an unknown one is a KeyError."""

    def __init__(self, quotes: Quotes, code_of: Callable[[object], Code]) -> None:
        super().__init__()
        self._quotes = quotes
        self._code_of = code_of

    def __missing__(self, key: str) -> CurrentSecurity:
        code = self._code_of(key)
        entry = self[key] = CurrentSecurity(code, self._quotes)
        return entry


class BarView:
    """The minute bar that ended last, for `handle_data(context, data)`: ``data[code].close``."""

    __slots__ = ("_current", "_history", "security")

    def __init__(self, current: CurrentSecurity, history: History) -> None:
        self.security = str(current.code)
        self._current = current
        self._history = history

    def _last(self, field: str) -> float:
        window = self._history.minutes(self._current.code, 1, (field,))
        values = window.columns[field]
        return float(values[-1]) if len(values) else float("nan")

    @property
    def open(self) -> float:
        return self._last("open")

    @property
    def close(self) -> float:
        return self._current.last_price

    @property
    def high(self) -> float:
        return self._last("high")

    @property
    def low(self) -> float:
        return self._last("low")

    @property
    def volume(self) -> float:
        return self._last("volume")

    @property
    def money(self) -> float:
        return self._last("money")

    @property
    def avg(self) -> float:
        return self._last("avg")

    price = avg

    @property
    def pre_close(self) -> float:
        return self._current.pre_close

    @property
    def high_limit(self) -> float:
        return self._current.high_limit

    @property
    def low_limit(self) -> float:
        return self._current.low_limit

    @property
    def paused(self) -> bool:
        return self._current.paused

    @property
    def factor(self) -> float:
        return 1.0

    def isnan(self) -> bool:
        """Whether there is no price yet."""
        return not self.close > 0

    def mavg(self, days: int, field: str = "close") -> float:
        """Mean of the last `days` daily values, NaN when history is short."""
        values = self._daily(days, field)
        return float(np.mean(values)) if len(values) == days else float("nan")

    def stddev(self, days: int) -> float:
        """Standard deviation of the last `days` daily closes, NaN when history is short."""
        values = self._daily(days, "close")
        return float(np.std(values, ddof=1)) if len(values) == days > 1 else float("nan")

    def _daily(self, days: int, field: str) -> np.ndarray:
        window = self._history.days(
            self._current.code, days, self._history.today(), (field,), fq="pre", skip_paused=True
        )
        return window.columns[field]


class BarData(dict[str, BarView]):
    """The `data` of `handle_data`."""

    def __init__(self, current: CurrentData, history: History) -> None:
        super().__init__()
        self._current = current
        self._history = history

    def __missing__(self, key: str) -> BarView:
        view = self[key] = BarView(self._current[key], self._history)
        return view
