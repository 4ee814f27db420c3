"""Quotes of the running market over a source of snapshots: a terminal on this machine, or a server elsewhere.

The source pushes; what came last is kept here and answers from memory. A security that nobody subscribed is asked for
once and then followed, as long as the source takes more of them; beyond that its snapshot is asked for again when it is
older than `FRESH_S`. Only snapshots of today count, and a later one is never replaced by an earlier one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf, isnan, nan
from threading import Lock
from typing import Protocol

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Code, Security
from bullet_trade.engine.schedule import traded_s
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.price_limit import price_limits
from bullet_trade.ports.clock import Timers
from bullet_trade.ports.exchange_feed import Auction, Bar
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.quotes import DayFacts, Tick

FRESH_S = 3.0
"""An asked-for snapshot of a security that is not followed serves this long; snapshots come every three seconds."""

SILENT_S = 20.0
"""In the session, followed securities of which nothing at all came for so long are subscribed anew, again and again."""

NEW_LISTING_DAYS = 30
"""Calendar days after listing within which the number of sessions since matters to the price limits."""

LOOKBACK = timedelta(days=400)
"""How far back the last close is looked for where the source does not state a reference price."""

OPENS_S, CLOSES_S = 15.0, 14_385.0
"""Seconds of continuous trading between which silence counts."""

TickSink = Callable[[Tick], None]


@dataclass(frozen=True, slots=True)
class Details:
    """What a source itself states of a security's day; None where it does not say. Prices in yuan. Without limits (None
    or 0.0) those of the exchange's rules hold."""

    prev_close: float | None = None
    high_limit: float | None = None
    low_limit: float | None = None
    paused: bool | None = None
    st: bool | None = None
    name: str = ""


class TickSource(Protocol):
    """Where snapshots come from. Methods are called on the engine thread."""

    @property
    def most(self) -> int:
        """How many securities may be subscribed at a time."""

    def subscribe(self, codes: Sequence[Code], sink: TickSink) -> None:
        """Push each new snapshot of `codes` to `sink`, the present one first, from any thread; returns at once.

        A repeated call renews the subscription. The source itself keeps it up over lost connections.
        """

    def unsubscribe(self, codes: Sequence[Code]) -> None:
        """Push no more; returns at once."""

    def snapshot(self, codes: Sequence[Code]) -> Mapping[Code, Tick]:
        """The present snapshots, those that there are; waits for the source. Raises `DataError`."""

    def details(self, code: Code) -> Details:
        """The day's facts; waits for the source. Raises `DataError`."""


class LiveQuotes:
    """`ports.quotes.Quotes` and `ports.exchange_feed.ExchangeFeed` over a `TickSource`.

    `data` describes securities and gives the last close where the source does not. `note` is told, in Chinese, what is
    wrong with the source.
    """

    def __init__(
        self,
        source: TickSource,
        data: MarketData,
        calendar: TradingCalendar,
        timers: Timers,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._data = data
        self._calendar = calendar
        self._timers = timers
        self._note = note
        self._day = date.min
        self._newest: dict[Code, Tick] = {}
        self._asked: dict[Code, datetime] = {}
        """When a snapshot was last asked for."""
        self._followed: set[Code] = set()
        """What is subscribed at the source."""
        self._sinks: dict[Code, TickSink] = {}
        self._matching: dict[Code, TickSink] = {}
        """Sinks of a simulated exchange, served on the engine thread."""
        self._for_matching: deque[Tick] = deque()
        self._facts: dict[Code, DayFacts] = {}
        self._securities: dict[Code, Security | None] = {}
        self._heard: datetime | None = None
        self._silent = False
        self._renewed: datetime | None = None
        self._lock = Lock()
        self.misdated = 0
        """Snapshots that were left out because they belong to another day."""

    # -- the clock -------------------------------------------------------------------------------------------------

    def advance(self, now: datetime) -> None:
        if self._day == date.min:  # a start-up hook asks before the first day opens
            self._day = self._calendar.session_on_or_after(now.date())
        while self._for_matching:
            tick = self._for_matching.popleft()
            sink = self._matching.get(tick.code)
            if sink is not None:
                sink(tick)
        if self._followed:
            self._listen(now)

    def open_day(self, day: date) -> None:
        with self._lock:
            if day != self._day:  # a start within the day has snapshots of it: forgotten, they would come a second time
                self._newest.clear()
            self._day = day
        self._asked.clear()
        self._facts.clear()
        self._securities.clear()
        unwanted = [code for code in self._followed if code not in self._sinks and code not in self._matching]
        self._followed.difference_update(unwanted)
        if unwanted:
            self._source.unsubscribe(unwanted)
        self._renew(self._timers.now())

    def _listen(self, now: datetime) -> None:
        """When nothing comes from the source for long, say so once and subscribe again."""
        if now.date() != self._day or not OPENS_S <= traded_s(now) <= CLOSES_S:
            self._heard = now
            return
        heard = self._heard
        if heard is None or heard.date() != self._day:
            self._heard = heard = now
        if traded_s(now) - traded_s(heard) < SILENT_S:
            if self._silent and self._renewed is not None and heard > self._renewed:
                self._silent = False
                self._note("行情恢复")
            return
        if not self._silent:
            self._silent = True
            self._note(f"订阅的 {len(self._followed)} 只证券已有 {SILENT_S:.0f} 秒没有任何行情，重新订阅")
        if self._renewed is None or (now - self._renewed).total_seconds() >= SILENT_S:
            self._renew(now)

    def _renew(self, now: datetime) -> None:
        self._renewed = now
        if self._followed:
            self._source.subscribe(sorted(self._followed), self._take)

    # -- what the source pushes ------------------------------------------------------------------------------------

    def _take(self, tick: Tick) -> None:
        """A snapshot, from any thread."""
        if self._keep(tick):
            sink = self._sinks.get(tick.code)
            if sink is not None:
                sink(tick)

    def _keep(self, tick: Tick) -> bool:
        """Whether the snapshot is news."""
        with self._lock:
            self._heard = self._timers.now()
            if tick.datetime.date() != self._day:
                self.misdated += 1
                return False
            before = self._newest.get(tick.code)
            if before is not None and (tick.datetime < before.datetime or tick == before):
                return False
            self._newest[tick.code] = tick
        if tick.code in self._matching:
            self._for_matching.append(tick)
        return True

    # -- quotes ----------------------------------------------------------------------------------------------------

    def security(self, code: Code) -> Security | None:
        """The description of a security, remembered for the day."""
        if code not in self._securities:
            self._securities[code] = self._data.security(code)
        return self._securities[code]

    def known(self, code: Code) -> bool:
        security = self.security(code)
        return security is not None and security.listed_on(self._day)

    def last_price(self, code: Code) -> float:
        tick = self.tick(code)
        if tick is not None and tick.current > 0:
            return tick.current
        return self.facts(code).prev_close if self.known(code) else 0.0

    def day_open(self, code: Code) -> float:
        tick = self.tick(code)
        return tick.open if tick is not None and tick.open > 0 else nan

    def tick(self, code: Code) -> Tick | None:
        now = self._timers.now()
        if now.date() != self._day:  # on a weekend the day shown is yet to come
            return None
        self._attend(code, now)
        return self._newest.get(code)

    def _attend(self, code: Code, now: datetime) -> None:
        """Have the newest snapshot of `code` in memory, asking the source where pushes cannot have brought it."""
        asked = self._asked.get(code)
        if asked is not None and (code in self._followed or (now - asked).total_seconds() < FRESH_S):
            return
        if code in self._followed and code in self._newest:
            return
        if not self.known(code):
            return
        for tick in self._source.snapshot([code]).values():
            self._keep(tick)
        self._asked[code] = now
        self._follow([code])

    def _follow(self, codes: Iterable[Code]) -> list[Code]:
        """Subscribe what is new, as far as the source takes it; what it does not take."""
        new = [code for code in codes if code not in self._followed]
        room = max(0, self._source.most - len(self._followed))
        fresh, left = new[:room], new[room:]
        if fresh:
            self._followed.update(fresh)
            self._source.subscribe(fresh, self._take)
        return left

    def age_s(self, code: Code) -> float | None:
        now = self._timers.now()
        if now.date() != self._day or not self.known(code) or self.facts(code).paused:
            return None
        tick = self.tick(code)
        if tick is None:
            return inf if traded_s(now) > 0 else None
        return max(0.0, traded_s(now) - traded_s(tick.datetime))

    def subscribe(self, codes: Iterable[Code], sink: TickSink) -> None:
        listed = list(codes)
        for code in listed:
            self._sinks[code] = sink
            before = self._newest.get(code)
            if before is not None and code in self._followed:
                sink(before)
        left = self._follow(listed)
        if left:
            self._note(f"行情源最多订阅 {self._source.most} 只，{'、'.join(left[:5])} 等 {len(left)} 只没有订阅成功")

    def unsubscribe(self, codes: Iterable[Code]) -> None:
        gone = [code for code in codes if self._sinks.pop(code, None) is not None]
        self._let_go(gone)

    def _let_go(self, codes: Iterable[Code]) -> None:
        unwanted = [
            code for code in codes
            if code in self._followed and code not in self._sinks and code not in self._matching
        ]  # fmt: skip
        self._followed.difference_update(unwanted)
        for code in unwanted:
            self._asked.pop(code, None)
        if unwanted:
            self._source.unsubscribe(unwanted)

    # -- the facts of the day --------------------------------------------------------------------------------------

    def facts(self, code: Code) -> DayFacts:
        found = self._facts.get(code)
        if found is None:
            found = self._read_facts(code)
            if found.prev_close > 0:  # a source that is still waking up is asked again
                self._facts[code] = found
        return found

    def _read_facts(self, code: Code) -> DayFacts:
        security = self.security(code)
        if security is None or not security.listed_on(self._day):
            return DayFacts("", 0.0, 0.0, 0.0, paused=True, st=False)
        told = self._source.details(code)
        reference = told.prev_close or self._last_close(code)
        high, low = told.high_limit, told.low_limit
        if not high or not low:
            low, high = self._limits(security, reference)
        st = security.st if told.st is None else told.st
        return DayFacts(told.name or security.name, reference, high, low, bool(told.paused), st)

    def _last_close(self, code: Code) -> float:
        bars = self._data.daily(code, self._day - LOOKBACK, self._day)
        if not len(bars):
            return 0.0
        today = bars.days[-1].item() == self._day
        close = float(bars.prev_close[-1] if today else bars.close[-1])
        return 0.0 if isnan(close) else close

    def _limits(self, security: Security, reference: float) -> tuple[float, float]:
        if reference <= 0:
            return 0.0, 0.0
        age = (self._day - security.list_date).days
        listed = len(self._calendar.sessions(security.list_date, self._day)) if age <= NEW_LISTING_DAYS else None
        try:
            limits = price_limits(security, self._day, price(reference), listed)
        except DataError:
            return 0.0, 0.0
        return (yuan(limits.low), yuan(limits.high)) if limits is not None else (0.0, 0.0)

    # -- the exchange's own view -----------------------------------------------------------------------------------

    def minute(self, code: Code, start: datetime) -> Bar | None:
        """None: orders of a simulated account meet snapshots here."""
        return None

    def uses_ticks(self, code: Code) -> bool:
        return True

    def snapshot(self, code: Code) -> Tick | None:
        return self.tick(code)

    def follow(self, code: Code, sink: TickSink) -> None:
        self._matching[code] = sink
        self._follow([code])

    def unfollow(self, code: Code) -> None:
        if self._matching.pop(code, None) is not None:
            self._let_go([code])

    def opening_auction(self, code: Code) -> Auction | None:
        """None: a snapshot does not tell what the call auction alone has traded."""
        return None

    def closing_auction(self, code: Code) -> Auction | None:
        return None
