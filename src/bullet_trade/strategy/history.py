"""Bars that a strategy may see at an instant: nothing that ends after it.

Daily data never include the current day. Prices are adjusted back from the current day (`pre`), so the newest ones are
real prices; `post` adjusts forward from the listing, None leaves prices as traded. Adjustment factors come from the
exchange's own reference prices: an ex-day's reference over the close before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import FUNDS, Code, Security
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ports.market_data import DailyBars, FloatArray, MarketData, MinuteBars

DAY_FIELDS = ("open", "close", "high", "low", "volume", "money", "avg", "pre_close", "paused", "factor")
PRICE_FIELDS = frozenset({"open", "close", "high", "low", "avg", "pre_close", "high_limit", "low_limit", "price"})

Column = FloatArray


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of bars: their labels (datetime64, bar end for minutes, the day for days) and columns by field name."""

    times: NDArray[np.datetime64]
    columns: dict[str, Column]


class History:
    """Bars of the past for one run, cached per trading date."""

    def __init__(
        self,
        data: MarketData,
        calendar: TradingCalendar,
        securities: Callable[[Code], Security | None],
        now: Callable[[], datetime],
    ) -> None:
        self._data = data
        self._calendar = calendar
        self._securities = securities
        self._now = now
        self._today = date.min
        self._daily: dict[Code, tuple[date, DailyBars]] = {}

    def today(self) -> date:
        """The current date."""
        return self._now().date()

    def daily_bars(self, code: Code, first: date) -> DailyBars:
        """Unadjusted daily bars from `first` or earlier through today; today's row gives its reference price only."""
        today = self._now().date()
        if today != self._today:
            self._today = today
            self._daily.clear()
        held = self._daily.get(code)
        if held is None or held[0] > first:
            first = min(first, today - timedelta(days=400))
            held = (first, self._data.daily(code, first, today))
            self._daily[code] = held
        return held[1]

    def days(
        self, code: Code, count: int, end: date, fields: Sequence[str], fq: str | None, skip_paused: bool
    ) -> Window:
        """The last `count` daily rows not later than `end` and before today; one per session unless `skip_paused`."""
        reach = timedelta(days=int(count * 1.6) + 40)
        bars = self.daily_bars(code, min(end, self._now().date()) - reach)
        stop = int(np.searchsorted(bars.days, np.datetime64(min(end + timedelta(days=1), self._now().date()), "D")))
        columns = self._daily_columns(code, bars, fields, fq)
        rows = np.arange(stop)
        if skip_paused:
            rows = rows[~bars.paused[:stop]]
        rows = rows[-count:]
        return Window(bars.days[rows], {name: values[rows] for name, values in columns.items()})

    def _daily_columns(self, code: Code, bars: DailyBars, fields: Sequence[str], fq: str | None) -> dict[str, Column]:
        factor = adjustment(bars, fq)
        decimals = self._decimals(code)
        columns: dict[str, Column] = {}
        for name in fields:
            values = _daily_field(bars, name)
            if name in PRICE_FIELDS and fq is not None:
                columns[name] = (values * factor).round(decimals)
            elif name == "volume" and fq is not None:
                columns[name] = (values / factor).round()
            elif name == "factor":
                columns[name] = factor
            else:
                columns[name] = values
        return columns

    def _decimals(self, code: Code) -> int:
        security = self._securities(code)
        return 3 if security is not None and security.kind in FUNDS else 2

    def minutes(self, code: Code, count: int, fields: Sequence[str]) -> Window:
        """The last `count` minute bars that have ended by now, across days; suspended days are left out."""
        now = self._now()
        times: list[NDArray[np.datetime64]] = []
        columns: dict[str, list[Column]] = {name: [] for name in fields}
        missing, day = count, self._calendar.session_on_or_before(now.date())
        for _ in range(count // 240 + 12):
            bars = self._data.minutes(code, day)
            if bars is not None:
                ended = ended_minutes(day, now)
                first = max(0, ended - missing)
                times.insert(0, minute_labels(day)[first:ended])
                for name in fields:
                    columns[name].insert(0, _minute_field(bars, name)[first:ended])
                missing -= ended - first
            if missing <= 0:
                break
            day = self._calendar.previous_session(day)
        if not times:
            return Window(np.array([], dtype="datetime64[s]"), {name: np.array([]) for name in fields})
        return Window(np.concatenate(times), {name: np.concatenate(parts) for name, parts in columns.items()})


def adjustment(bars: DailyBars, fq: str | None) -> FloatArray:
    """Factor of each row: 1.0 on the newest row for `pre`, on the oldest for `post`; all 1.0 for None."""
    factor = np.ones(len(bars))
    if fq is None or len(bars) < 2:
        return factor
    if fq not in ("pre", "post"):
        raise StrategyError(f"复权方式 fq={fq!r} 无效", "可用：'pre'、'post'、None")
    with np.errstate(invalid="ignore", divide="ignore"):
        step = bars.prev_close[1:] / bars.close[:-1]
    step = np.where(np.isfinite(step) & (step > 0), step, 1.0)
    if fq == "pre":
        factor[:-1] = np.cumprod(step[::-1])[::-1]
    else:
        factor[1:] = np.cumprod(1 / step)
    return factor


def ended_minutes(day: date, now: datetime) -> int:
    """How many of the day's 240 minute bars have ended at `now`."""
    if now.date() != day:
        return 240 if now.date() > day else 0
    minute = now.hour * 60 + now.minute
    return min(120, max(0, minute - 570)) + min(120, max(0, minute - 780))


def minute_labels(day: date) -> NDArray[np.datetime64]:
    """The ends of the day's 240 minute bars."""
    return np.datetime64(day, "s") + _LABELS


_LABELS = np.concatenate([np.arange(571, 691), np.arange(781, 901)]).astype("timedelta64[m]")


def _daily_field(bars: DailyBars, name: str) -> Column:
    match name:
        case "open" | "close" | "high" | "low" | "volume" | "money" | "paused":
            values: Column = getattr(bars, name)
            return values.astype(np.float64)
        case "pre_close":
            return bars.prev_close
        case "price" | "avg":
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.where(bars.volume > 0, bars.money / bars.volume, bars.close)
        case "factor":
            return np.ones(len(bars))
    raise StrategyError(f"日线没有字段 {name!r}", f"可用：{'、'.join(DAY_FIELDS)}")


def _minute_field(bars: MinuteBars, name: str) -> Column:
    match name:
        case "open" | "close" | "high" | "low" | "volume" | "money":
            values: Column = getattr(bars, name)
            return values.astype(np.float64)
        case "price" | "avg":
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.where(bars.volume > 0, bars.money / bars.volume, bars.close)
    raise StrategyError(f"分钟线没有字段 {name!r}", "可用：open、close、high、low、volume、money、avg")
