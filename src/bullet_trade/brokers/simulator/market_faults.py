"""The market of a drill: a layer over a data source that locks prices at a limit, lets them crash, or stops trading;
and one over the exchange's feed that leaves only so many shares to an order. Source and exchange know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction

import msgspec
import numpy as np

from bullet_trade.brokers.simulator.drills import Drill, FlashCrash, LimitLock, MarketFault, Suspend
from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.price_limit import price_limits
from bullet_trade.market.tick_size import tick_size
from bullet_trade.ports.exchange_feed import Auction, Bar, ExchangeFeed
from bullet_trade.ports.market_data import (
    BARS_PER_DAY,
    CorporateAction,
    DailyBars,
    FloatArray,
    IntArray,
    MarketData,
    MinuteBars,
    Ticks,
)
from bullet_trade.ports.quotes import Tick

_MORNING, _AFTERNOON = 9 * 60 + 30, 13 * 60


@dataclass(frozen=True, slots=True)
class Stretch:
    """Trading minutes [`first`, `last`) of a day that a fault changes."""

    first: int
    last: int
    fault: MarketFault


class DrilledMarket:
    """`MarketData` with the market faults of a drill in its minutes and snapshots."""

    def __init__(self, source: MarketData, drill: Drill) -> None:
        self._source = source
        self._drill = drill
        self._faults = [(n, fault) for n, fault in enumerate(drill.fault) if isinstance(fault, MarketFault)]

    @property
    def label(self) -> str:
        """The source, and that a drill changes it."""
        return f"{self._source.label}（演练 {self._drill.name}）"

    @property
    def synthetic(self) -> bool:
        """Whether the source invents prices."""
        return self._source.synthetic

    def trading_days(self) -> Sequence[date] | None:
        return self._source.trading_days()

    def coverage(self) -> tuple[date, date] | None:
        return self._source.coverage()

    def security(self, code: Code) -> Security | None:
        return self._source.security(code)

    def securities(self) -> Sequence[Security]:
        return self._source.securities()

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        return self._source.daily(code, first, last)

    def corporate_actions(self, code: Code) -> Sequence[CorporateAction]:
        return self._source.corporate_actions(code)

    def index_members(self, index: Code, day: date) -> Sequence[Code]:
        return self._source.index_members(index, day)

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        bars = self._source.minutes(code, day)
        stretches = self._stretches(code, day) if bars is not None else []
        for stretch in stretches:
            assert bars is not None
            bars = self._changed(code, day, bars, stretch)
        return bars

    def ticks(self, code: Code, day: date) -> Ticks | None:
        """None on a day that a fault changes: then minutes are what trades."""
        return None if self._stretches(code, day) else self._source.ticks(code, day)

    def _stretches(self, code: Code, day: date) -> list[Stretch]:
        found: list[Stretch] = []
        for number, fault in self._faults:
            if fault.code not in {"", code}:
                continue
            moment = fault.moment(day, f"{self._drill.seed}:{number}:{code}")
            first = _bar_of(moment) if moment is not None else BARS_PER_DAY
            if first < BARS_PER_DAY:
                found.append(Stretch(first, min(first + fault.minutes, BARS_PER_DAY), fault))
        return found

    def _changed(self, code: Code, day: date, bars: MinuteBars, stretch: Stretch) -> MinuteBars:
        path, traded = self._path(code, day, bars, stretch)
        if path is None:
            return bars
        span = slice(stretch.first, stretch.last)
        before = np.concatenate([[_price_before(bars, stretch.first)], path[:-1]])
        opens = path if isinstance(stretch.fault, LimitLock) else before
        prices = {
            "open": opens,
            "high": np.maximum(opens, path),
            "low": np.minimum(opens, path),
            "close": path,
        }
        volume: IntArray = bars.volume.copy()
        if not traded:
            volume[span] = 0
        changed: dict[str, FloatArray] = {}
        for name, values in prices.items():
            whole: FloatArray = getattr(bars, name).copy()
            whole[span] = values
            changed[name] = whole
        money = bars.money.copy()
        money[span] = changed["close"][span] * volume[span]
        return replace(bars, **changed, volume=volume, money=money)

    def _path(self, code: Code, day: date, bars: MinuteBars, stretch: Stretch) -> tuple[FloatArray | None, bool]:
        """The closes of the stretch, and whether anything trades in it; no closes where the fault cannot be."""
        count = stretch.last - stretch.first
        start = _price_before(bars, stretch.first)
        fault = stretch.fault
        if isinstance(fault, Suspend):
            return np.full(count, start), False
        low, high = self._limits(code, day)
        if isinstance(fault, LimitLock):
            at = high if fault.side == "up" else low
            return (np.full(count, at), True) if at else (None, True)
        assert isinstance(fault, FlashCrash)
        end = float(bars.close[stretch.last - 1])
        bottom = max(start * (1 - fault.depth), low or 0.01)
        half = max(1, count // 2)
        down = np.linspace(start, bottom, half + 1)[1:]
        up = np.linspace(bottom, end, count - half + 1)[1:]
        security = self._source.security(code)
        step = yuan(tick_size(security, day)) if security is not None else 0.01
        return np.round(np.round(np.concatenate([down, up]) / step) * step, 4), True

    def _limits(self, code: Code, day: date) -> tuple[float, float]:
        security, daily = self._source.security(code), self._source.daily(code, day, day)
        if security is None or not len(daily) or np.isnan(daily.prev_close[0]):
            return 0.0, 0.0
        limits = price_limits(security, day, price(float(daily.prev_close[0])))
        return (yuan(limits.low), yuan(limits.high)) if limits is not None else (0.0, 0.0)


def _bar_of(moment: datetime) -> int:
    """The trading minute that contains `moment`, or the next one; `BARS_PER_DAY` after the close."""
    minute = moment.hour * 60 + moment.minute
    if minute < _AFTERNOON:
        return min(max(minute - _MORNING, 0), BARS_PER_DAY // 2)
    return min(BARS_PER_DAY // 2 + minute - _AFTERNOON, BARS_PER_DAY)


def _price_before(bars: MinuteBars, index: int) -> float:
    return float(bars.close[index - 1]) if index else float(bars.open[0])


@dataclass(slots=True)
class _Cap:
    """Up to and including `until` a book shows no more than `shares`, and a minute trades no more than `volume`."""

    shares: int
    volume: int
    until: datetime


class ThinnedFeed:
    """An `ExchangeFeed` that can leave an order only so many shares for a while."""

    def __init__(self, feed: ExchangeFeed, now: Callable[[], datetime]) -> None:
        self._feed = feed
        self._now = now
        self._caps: dict[Code, _Cap] = {}

    def leave(self, code: Code, shares: int, share: Fraction, until: datetime) -> None:
        """Let orders in `code` have no more than `shares` a minute, when they may take `share` of its volume."""
        self._caps[code] = _Cap(shares, -(-shares * share.denominator // share.numerator), until)

    def minute(self, code: Code, start: datetime) -> Bar | None:
        bar, cap = self._feed.minute(code, start), self._cap(code)
        return bar if bar is None or cap is None else bar._replace(volume=min(bar.volume, cap.volume))

    def uses_ticks(self, code: Code) -> bool:
        return self._feed.uses_ticks(code)

    def snapshot(self, code: Code) -> Tick | None:
        return self._feed.snapshot(code)

    def follow(self, code: Code, sink: Callable[[Tick], None]) -> None:
        def thinned(tick: Tick) -> None:
            cap = self._cap(code)
            sink(tick if cap is None else _thin(tick, cap.shares))

        self._feed.follow(code, thinned)

    def unfollow(self, code: Code) -> None:
        self._feed.unfollow(code)

    def opening_auction(self, code: Code) -> Auction | None:
        return self._feed.opening_auction(code)

    def closing_auction(self, code: Code) -> Auction | None:
        return self._feed.closing_auction(code)

    def _cap(self, code: Code) -> _Cap | None:
        if not self._caps:
            return None
        cap = self._caps.get(code)
        if cap is not None and self._now() > cap.until:
            del self._caps[code]
            return None
        return cap


def _thin(tick: Tick, shares: int) -> Tick:
    """The snapshot with `shares` at its best levels and nothing behind."""
    return msgspec.structs.replace(
        tick,
        ask_volumes=tuple(min(v, shares) if n == 0 else 0 for n, v in enumerate(tick.ask_volumes)),
        bid_volumes=tuple(min(v, shares) if n == 0 else 0 for n, v in enumerate(tick.bid_volumes)),
    )
