"""A tick under the names that strategies use: JoinQuant's ``a1_p`` and deployed ``last_price`` and ``sid`` alike."""

from __future__ import annotations

from datetime import datetime

from bullet_trade.ports.quotes import Tick

_LEVELS = {
    f"{side}{level}_{what}": (f"{'ask' if side == 'a' else 'bid'}_{'prices' if what == 'p' else 'volumes'}", level - 1)
    for side in "ab"
    for level in range(1, 6)
    for what in "pv"
}
_ALIASES = {
    "last_price": "current",
    "price": "current",
    "sid": "code",
    "security": "code",
    "dt": "datetime",
    "time": "datetime",
}


class TickView:
    """One snapshot: ``tick.current``, ``tick.a1_p``, ``tick['current']``. A level that is empty reads as 0.

    `position` (open interest of futures) is always 0.
    """

    __slots__ = ("_tick",)
    position = 0

    def __init__(self, tick: Tick) -> None:
        self._tick = tick

    @property
    def code(self) -> str:
        return self._tick.code

    @property
    def current(self) -> float:
        return self._tick.current

    @property
    def datetime(self) -> datetime:
        return self._tick.datetime

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):  # a pickle being read has no tick yet
            raise AttributeError(name)
        level = _LEVELS.get(name)
        if level is not None:
            values = getattr(self._tick, level[0])
            return values[level[1]] if level[1] < len(values) else 0
        return getattr(self._tick, _ALIASES.get(name, name))

    def __getitem__(self, name: str) -> object:
        return getattr(self, name)

    def get(self, name: str, default: object = None) -> object:
        """A field, or `default` where there is none of that name."""
        return getattr(self, name, default)

    def __repr__(self) -> str:
        return f"Tick({self.code}, {self.datetime:%Y-%m-%d %H:%M:%S}, current={self.current})"
