"""Quotes made of history: bars and ticks are revealed as the clock moves, and never before.

The same feed serves a replay and paper trading on synthetic prices: it only asks what time it is. What a strategy may
see at an instant is what ended before it; the minute in progress is shown to the simulated exchange alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from math import inf, isnan, nan

import numpy as np

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Code, Security
from bullet_trade.engine.schedule import traded_s
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.price_limit import price_limits
from bullet_trade.ports.clock import Rank, Timers
from bullet_trade.ports.exchange_feed import Auction, Bar
from bullet_trade.ports.market_data import BARS_PER_DAY, BoolArray, DailyBars, MarketData, MinuteBars, Ticks
from bullet_trade.ports.quotes import DayFacts, Tick
from bullet_trade.quotes.tick_stream import TickStream, opening_of, tick_at

MORNING, NOON, AFTERNOON, CLOSE = 9 * 60 + 30, 11 * 60 + 30, 13 * 60, 15 * 60
"""Minutes after midnight."""

AUCTION = time(9, 25)
"""When the opening call auction is decided."""

CLOSING_CALL_BARS = 3
"""Minutes of the closing call auction; its trades are in the last one, some sources spread them."""

NO_TRADING = -1
"""The minute of a date on which the day shown does not trade."""

NEW_LISTING_DAYS = 30
"""Calendar days after listing within which the number of sessions since matters to the price limits."""

LOOKBACK = timedelta(days=400)
"""How far back the last close of a suspended security is looked for."""

_MINUTE = timedelta(minutes=1)


class CodeDay:
    """One security on one day. `last[i]` is the price a strategy sees once i - 1 minutes have ended."""

    __slots__ = ("bars", "blank", "facts", "last", "open", "ticks", "ticks_loaded")

    def __init__(self, facts: DayFacts, bars: MinuteBars | None, blank: bool = False) -> None:
        self.facts = facts
        self.blank = blank
        """The source has nothing of this day, though the security is listed: no proof of a suspension."""
        self.bars = bars
        self.ticks: Ticks | None = None
        self.ticks_loaded = False
        self.open = float(bars.open[0]) if bars is not None else nan
        if bars is None:
            self.last = [facts.prev_close] * 242
        else:
            self.last = [facts.prev_close, self.open, *bars.close.tolist()]


class HistoryFeed:
    """`Quotes` and `ExchangeFeed` over a `MarketData`."""

    def __init__(
        self,
        data: MarketData,
        calendar: TradingCalendar,
        timers: Timers,
        ticks_everywhere: bool = False,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`ticks_everywhere`: the simulated exchange matches every security that has snapshots on them; otherwise only
        where they are recorded, or the strategy has subscribed. `note` is told, in Chinese, what is wrong with the
        source."""
        self._data = data
        self._match_ticks = ticks_everywhere or not data.synthetic
        self._calendar = calendar
        self._timers = timers
        self._note = note
        self.misdated = 0
        """Snapshots that were left out because they belong to another day."""
        self._silent: set[Code] = set()
        """Subscribed securities of which the source has given nothing today; asked again every minute."""
        self._day: date = date.min
        self._codes: dict[Code, CodeDay] = {}
        self._opened = False
        self._minute = NO_TRADING
        self._seen = 0
        """Index into `CodeDay.last` of what is known now."""
        self._securities: dict[Code, Security | None] = {}
        self._streams: dict[Code, TickStream] = {}
        self._sinks: dict[Code, Callable[[Tick], None]] = {}
        self._followed: dict[Code, TickStream] = {}
        """Streams of the simulated exchange, apart from those of the strategy."""

    # -- the clock -------------------------------------------------------------------------------------------------

    def advance(self, now: datetime) -> None:
        minute = now.hour * 60 + now.minute
        if minute == self._minute:
            return
        self._minute = minute
        today = now.date()
        if self._silent and today == self._day and minute < CLOSE:
            self._ask_again()
        if self._day == date.min:  # a start-up hook asks before the first day opens
            self._day = self._calendar.session_on_or_after(today)
        if today != self._day:  # before the day all is yet to come, after it (on a weekend) all has been seen
            self._minute = NO_TRADING
            self._seen = 0 if today < self._day else 241
        elif minute < MORNING:
            self._seen = 0
        elif minute < AFTERNOON:
            self._seen = 1 + min(minute, NOON) - MORNING
        else:
            self._seen = 121 + min(minute, CLOSE) - AFTERNOON

    def open_day(self, day: date) -> None:
        self._day = day
        self._opened = True
        self._codes.clear()
        self._minute = NO_TRADING
        self._silent.clear()
        self.advance(self._timers.now())
        for code, sink in self._sinks.items():
            self._start_stream(code, sink)

    # -- quotes ----------------------------------------------------------------------------------------------------

    def security(self, code: Code) -> Security | None:
        """The source's description of a security, remembered."""
        if code not in self._securities:
            self._securities[code] = self._data.security(code)
        return self._securities[code]

    def known(self, code: Code) -> bool:
        security = self.security(code)
        return security is not None and security.listed_on(self._day)

    def last_price(self, code: Code) -> float:
        entry = self._codes.get(code) or self._load(code)
        return entry.last[self._seen]

    def day_open(self, code: Code) -> float:
        entry = self._codes.get(code) or self._load(code)
        if self._seen:
            return entry.open
        auction = self.opening_auction(code)  # its result is public before the first minute begins
        return auction.price if auction is not None else nan

    def facts(self, code: Code) -> DayFacts:
        return (self._codes.get(code) or self._load(code)).facts

    def tick(self, code: Code) -> Tick | None:
        ticks = self._ticks(code)
        if ticks is not None:
            return tick_at(code, ticks, self._timers.now())
        return self._minute_tick(code)

    def age_s(self, code: Code) -> float | None:
        now = self._timers.now()
        entry = self._codes.get(code) or self._load(code)
        if now.date() != self._day or (entry.bars is None and not entry.blank):
            return None
        return inf if entry.blank else traded_s(now) - 60.0 * max(0, self._seen - 1)

    def subscribe(self, codes: Iterable[Code], sink: Callable[[Tick], None]) -> None:
        for code in codes:
            self._sinks[code] = sink
            if self._opened:
                self._start_stream(code, sink)

    def unsubscribe(self, codes: Iterable[Code]) -> None:
        for code in codes:
            self._sinks.pop(code, None)
            self._silent.discard(code)
            stream = self._streams.pop(code, None)
            if stream is not None:
                stream.stop()

    # -- the exchange's own view -----------------------------------------------------------------------------------

    def minute(self, code: Code, start: datetime) -> Bar | None:
        if start.date() != self._day:
            return None
        minute = start.hour * 60 + start.minute
        if MORNING <= minute < NOON:
            return self._bar(code, minute - MORNING, start)
        if AFTERNOON <= minute < CLOSE:
            return self._bar(code, 120 + minute - AFTERNOON, start)
        return None

    def uses_ticks(self, code: Code) -> bool:
        return (self._match_ticks or code in self._sinks) and self._ticks(code) is not None

    def snapshot(self, code: Code) -> Tick | None:
        ticks = self._ticks(code) if self.uses_ticks(code) else None
        return tick_at(code, ticks, self._timers.now()) if ticks is not None else None

    def follow(self, code: Code, sink: Callable[[Tick], None]) -> None:
        self.unfollow(code)
        ticks = self._ticks(code)
        if ticks is not None:
            self._followed[code] = TickStream(code, ticks, self._timers, sink)

    def unfollow(self, code: Code) -> None:
        stream = self._followed.pop(code, None)
        if stream is not None:
            stream.stop()

    def opening_auction(self, code: Code) -> Auction | None:
        now = self._timers.now()
        if now.date() != self._day or now.time() < AUCTION:
            return None
        bars = (self._codes.get(code) or self._load(code)).bars
        ticks = self._ticks(code) if self.uses_ticks(code) else None
        found = opening_of(ticks, self._day) if ticks is not None else None
        if found is None and bars is not None and bars.volume[0] > 0:
            found = Auction(float(bars.open[0]), int(bars.volume[0]))
        return found

    def closing_auction(self, code: Code) -> Auction | None:
        now = self._timers.now()
        if now.date() != self._day or now.hour * 60 + now.minute < CLOSE:
            return None
        bars = (self._codes.get(code) or self._load(code)).bars
        volume = int(bars.volume[-CLOSING_CALL_BARS:].sum()) if bars is not None else 0
        return Auction(float(bars.close[-1]), volume) if bars is not None and volume > 0 else None

    def _bar(self, code: Code, index: int, start: datetime) -> Bar | None:
        bars = (self._codes.get(code) or self._load(code)).bars
        if bars is None:
            return None
        return Bar(
            start,
            start + _MINUTE,
            float(bars.open[index]),
            float(bars.high[index]),
            float(bars.low[index]),
            float(bars.close[index]),
            int(bars.volume[index]),
        )

    # -- loading ---------------------------------------------------------------------------------------------------

    def _load(self, code: Code) -> CodeDay:
        security = self.security(code)
        day = self._day
        if security is None or not security.listed_on(day):
            entry = CodeDay(DayFacts("", 0.0, 0.0, 0.0, paused=True, st=False), None)
        else:
            bars = self._data.minutes(code, day)
            daily = self._data.daily(code, day, day)
            facts = self._facts(security, day, bars is None, daily)
            entry = CodeDay(facts, bars, blank=bars is None and not len(daily))
        self._codes[code] = entry
        return entry

    def _facts(self, security: Security, day: date, no_minutes: bool, daily: DailyBars) -> DayFacts:
        if len(daily):
            prev_close, paused = float(daily.prev_close[0]), bool(daily.paused[0]) or no_minutes
        else:
            earlier = self._data.daily(security.code, day - LOOKBACK, day - timedelta(days=1))
            prev_close, paused = (float(earlier.close[-1]) if len(earlier) else nan), no_minutes
        if isnan(prev_close):  # first day of a new listing: no reference price, no limits
            return DayFacts(security.name, 0.0, 0.0, 0.0, paused, security.st)
        limits = price_limits(security, day, price(prev_close), self._listed_days(security, day))
        low, high = (yuan(limits.low), yuan(limits.high)) if limits is not None else (0.0, 0.0)
        return DayFacts(security.name, prev_close, high, low, paused, security.st)

    def _listed_days(self, security: Security, day: date) -> int | None:
        if (day - security.list_date).days > NEW_LISTING_DAYS:
            return None
        return len(self._calendar.sessions(security.list_date, day))

    def _ticks(self, code: Code) -> Ticks | None:
        entry = self._codes.get(code) or self._load(code)
        if not entry.ticks_loaded:
            entry.ticks_loaded = True
            ticks = self._data.ticks(code, self._day)
            entry.ticks = self._of_today(code, ticks) if ticks is not None else None
        return entry.ticks

    def _of_today(self, code: Code, ticks: Ticks) -> Ticks | None:
        """Without the snapshots that are dated another day: a wrong date is a wrong price."""
        own: BoolArray = ticks.times.astype("datetime64[D]") == np.datetime64(self._day, "D")
        wrong = len(ticks) - int(own.sum())
        if not wrong:
            return ticks
        self.misdated += wrong
        self._note(f"{code} 的行情里有 {wrong} 个快照的日期不是 {self._day}，没有采用")
        columns = {field.name: getattr(ticks, field.name)[own] for field in fields(Ticks)}
        return Ticks(**columns) if own.any() else None

    # -- ticks for subscribers -------------------------------------------------------------------------------------

    def _start_stream(self, code: Code, sink: Callable[[Tick], None]) -> None:
        old = self._streams.pop(code, None)
        if old is not None:
            old.stop()
        try:
            ticks = self._ticks(code) if self.known(code) else None
        except DataError as error:  # one security's trouble must not keep the others from their quotes
            if code not in self._silent:
                self._note(f"{code} 的行情读不到，每分钟重试：{error}")
            self._silent.add(code)
            return
        if code not in self._codes:
            return
        self._silent.discard(code)
        if ticks is not None:
            self._streams[code] = TickStream(code, ticks, self._timers, sink)
        elif self._codes[code].bars is not None:
            self._stream_minutes(code, sink)
        elif self._codes[code].blank:
            self._silent.add(code)

    def _ask_again(self) -> None:
        for code in list(self._silent):
            self._codes.pop(code, None)
            self._start_stream(code, self._sinks[code])

    def _stream_minutes(self, code: Code, sink: Callable[[Tick], None]) -> None:
        # A source without ticks still moves a tick strategy: one snapshot at the end of every minute.
        day, now = self._day, self._timers.now()

        def fire() -> None:
            if self._day == day and self._sinks.get(code) is sink:
                tick = self._minute_tick(code)
                if tick is not None:
                    sink(tick)

        for index in range(BARS_PER_DAY):
            when = _end_of_minute(day, index)
            if when > now:
                self._timers.at(when, Rank.MARKET, fire)

    def _minute_tick(self, code: Code) -> Tick | None:
        entry = self._codes.get(code) or self._load(code)
        bars, ended = entry.bars, self._seen - 1
        if bars is None or ended < 1:
            return None
        last, volume = float(bars.close[ended - 1]), int(bars.volume[ended - 1])
        return Tick(
            code=code,
            datetime=_end_of_minute(self._day, ended - 1),
            current=last,
            open=entry.open,
            high=float(bars.high[:ended].max()),
            low=float(bars.low[:ended].min()),
            volume=int(bars.volume[:ended].sum()),
            money=float(bars.money[:ended].sum()),
            ask_prices=(last,),
            ask_volumes=(volume,),
            bid_prices=(last,),
            bid_volumes=(volume,),
        )


def _end_of_minute(day: date, index: int) -> datetime:
    """When the minute bar `index` of a day ends."""
    minute = (MORNING if index < 120 else AFTERNOON - 120) + index + 1
    return datetime.combine(day, time(minute // 60, minute % 60))
