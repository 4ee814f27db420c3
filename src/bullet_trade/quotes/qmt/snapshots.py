"""The terminal's snapshots as ours: plain values, shares and yuan. No call of the vendor's, no waiting."""

from __future__ import annotations

from collections.abc import Sequence

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code, Kind
from bullet_trade.market.boards import describe
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.qmt.moments import moment
from bullet_trade.quotes.qmt.units import ENOUGH, believed_lot, lot_of_day
from bullet_trade.quotes.qmt.xtdata import Row

LEVELS = 5
_DIGITS = 4
"""The terminal's binary prices carry noise (11.370000000000001); ticks are never finer than this."""


class SnapshotReader:
    """Reads snapshots, and proves for each security once what its volumes mean."""

    def __init__(self) -> None:
        self._lots: dict[Code, int] = {}

    def forget(self) -> None:
        """A new day: prove again."""
        self._lots.clear()

    def proved(self, code: Code) -> int | None:
        """Pieces in a lot of this security, as its figures have shown; None before they did."""
        return self._lots.get(code)

    def kind(self, code: Code) -> Kind:
        """What the code is."""
        return describe(code).kind

    def tick(self, code: Code, row: Row) -> Tick | None:
        """The snapshot; None while there is no price yet. Raises `DataError` for one that cannot be read."""
        try:
            return self._read(code, row)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{code} 的快照无法读取：{error!r}", "升级 QMT 和 xtquant") from error

    def _read(self, code: Code, row: Row) -> Tick | None:
        last = number(row["lastPrice"])
        if not last > 0:
            return None
        low, high, money = number(row["low"]), number(row["high"]), number(row["amount"])
        volume = number(row["volume"])
        lot = self._lot(code, volume, money, low, high)
        return Tick(
            code=code,
            datetime=moment(number(row["time"])),
            current=round(last, _DIGITS),
            open=round(number(row["open"]), _DIGITS),
            high=round(high, _DIGITS),
            low=round(low, _DIGITS),
            volume=_pieces(row, volume, lot),
            money=money,
            ask_prices=_prices(row["askPrice"]),
            ask_volumes=_volumes(row["askVol"], lot),
            bid_prices=_prices(row["bidPrice"]),
            bid_volumes=_volumes(row["bidVol"], lot),
        )

    def _lot(self, code: Code, volume: float, money: float, low: float, high: float) -> int:
        known = self._lots.get(code)
        if known is not None:
            return known
        kind = self.kind(code)
        if volume < ENOUGH:
            return believed_lot(kind)
        lot = self._lots[code] = lot_of_day(code, kind, volume, money, low, high)
        return lot


def _pieces(row: Row, volume: float, lot: int) -> int:
    """The exact number, where the terminal gives it and it agrees with the lots, which leave odd pieces out."""
    exact = row.get("pvolume")
    whole = round(volume * lot)
    if isinstance(exact, int | float) and abs(exact - whole) < lot:
        return round(exact)
    return whole


def number(value: object) -> float:
    """A number. Raises `TypeError` for anything else."""
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f"{value!r} is not a number")


def _prices(values: object) -> tuple[float, ...]:
    return tuple(round(number(value), _DIGITS) for value in _levels(values))


def _volumes(values: object, lot: int) -> tuple[int, ...]:
    return tuple(round(number(value)) * lot for value in _levels(values))


def _levels(values: object) -> Sequence[object]:
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return values[:LEVELS]
    raise TypeError(f"{values!r} is not a list")
