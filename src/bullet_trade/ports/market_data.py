"""History and reference data, as the engine asks for it. Implemented by the data sources under `quotes/`.

All prices are unadjusted, in yuan, as float64 arrays; volumes are shares (fund units, bonds), money is yuan. Times are
naive Beijing time. A bar is labelled by its end; a trading day has 240 minute bars, 09:31..11:30 and 13:01..15:00, and
the first one contains the opening auction. Methods are called on the engine thread and may block while they load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import Code, Security

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
DateArray = NDArray[np.datetime64]
BoolArray = NDArray[np.bool_]

BARS_PER_DAY = 240


@dataclass(frozen=True, slots=True)
class DailyBars:
    """Daily bars of one code, ascending by day, one row per session on which the security was listed.

    `prev_close` is the exchange's reference price of the day (ex-rights adjusted); the first row of a new listing may
    hold NaN. A suspended day has `paused` True, volume 0 and all prices equal to the last close; a source that has no
    row for a suspended day leaves it out, and whoever needs the calendar's days fills it.
    """

    days: DateArray  # datetime64[D]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    money: FloatArray  # NaN where the source has none
    prev_close: FloatArray
    paused: BoolArray

    def __len__(self) -> int:
        return len(self.days)


@dataclass(frozen=True, slots=True)
class MinuteBars:
    """The 240 minute bars of one code and day; row i ends at minute i+1 of the session. Volume 0: no trade."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    money: FloatArray


@dataclass(frozen=True, slots=True)
class Ticks:
    """Snapshots of one code and day, ascending by time. `volume` and `money` are cumulative over the day.

    Book arrays have the shape (n, 5), best level first; price 0 means that the level is empty.
    """

    times: NDArray[np.datetime64]  # datetime64[ms]
    last: FloatArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    volume: IntArray
    money: FloatArray
    ask_price: FloatArray
    ask_volume: IntArray
    bid_price: FloatArray
    bid_volume: IntArray

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """What a holder receives on `ex_date`: `cash_per_share` yuan before tax, and `share_ratio` new shares per share.

    `share_ratio` 0.5 means five new shares for ten held (10送5); a fund split 1:2 is 1.0.
    """

    ex_date: date
    cash_per_share: float
    share_ratio: float


class MarketData(Protocol):
    """A source of history and reference data. Unknown codes give None or empty results, never an exception.

    Raises `DataError` when the source itself cannot be read.
    """

    @property
    def label(self) -> str:
        """What to show a person, in Chinese, e.g. ``合成行情(种子 1)`` or ``本地数据 /path``."""

    @property
    def synthetic(self) -> bool:
        """Whether prices are invented; shown wherever they are displayed."""

    def trading_days(self) -> Sequence[date] | None:
        """The sessions that this source itself knows, ascending; None when it has no calendar of its own."""

    def coverage(self) -> tuple[date, date] | None:
        """First and last day with minute or daily bars; None when any day of the calendar is served."""

    def security(self, code: Code) -> Security | None:
        """The description of one code as of its latest state."""

    def securities(self) -> Sequence[Security]:
        """All securities of the source, sorted by code, delisted ones included."""

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        """Daily bars with first <= day <= last; empty for an unknown code."""

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        """The day's minute bars; None when suspended, not listed, or when the source has none."""

    def ticks(self, code: Code, day: date) -> Ticks | None:
        """The day's snapshots; None when the source has none."""

    def corporate_actions(self, code: Code) -> Sequence[CorporateAction]:
        """All known actions, ascending by ex-date."""

    def index_members(self, index: Code, day: date) -> Sequence[Code]:
        """Members of an index on `day`, sorted; empty for an unknown index."""
