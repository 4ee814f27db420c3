"""Quotes on the server: answers from memory where they are young, and ticks for those who subscribed.

`QuoteDesk` owns the source on its own thread. What it has answered stays readable from any thread for `FRESH_S`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import NamedTuple

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.domain.securities import Code
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.quotes import DayFacts, Quotes, Tick
from bullet_trade.remote import body
from bullet_trade.remote.market import FeedHealth, LiveAnswer, SnapshotAnswer, moment_text
from bullet_trade.server.owner import Owner

FRESH_S = 0.2
"""An answer this old still serves another request for the same security."""
STALE_S = 5.0
"""Seconds after which a quote is marked as stale for those who price orders with it."""
BEIJING = "+08:00"
_CLOSE_HOUR = 15


class Quoted(NamedTuple):
    """What is known of a security at a moment. `at` is the quote's own time, `received` when it was asked for."""

    code: Code
    last_price: float
    at: datetime
    received: datetime
    facts: DayFacts
    bid: float | None
    ask: float | None
    taken_at: float
    """Monotonic seconds."""


QuoteReader = Callable[[Quoted | None, str], None]
"""Takes the quote; None for a security that is not known, with the reason where the source failed."""


@dataclass(frozen=True, slots=True)
class QuoteWorld:
    """The source of quotes; it belongs to the desk's thread."""

    quotes: Quotes
    calendar: TradingCalendar


@dataclass(slots=True)
class QuoteDesk:
    """The source and what was read from it lately."""

    owner: Owner
    make_world: Callable[[], QuoteWorld]
    wake: Callable[[], None]
    """Called from any thread when the first tick waits; `take` gets them."""
    source: str = "bullet-trade"
    world: QuoteWorld = field(init=False)
    _young: dict[Code, Quoted] = field(default_factory=dict)
    _ticks: dict[Code, Tick] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def start(self, ready: Callable[[str], None]) -> None:
        """Open the source on the desk's thread; `ready` gets '' or the reason of a failure."""
        self.owner.post(partial(self._start, ready))
        self.owner.start()

    def _start(self, ready: Callable[[str], None]) -> None:
        try:
            self.world = self.make_world()
            self.owner.instant = self.world.quotes.advance
            self.world.quotes.advance(self.owner.clock.now())
            self._open_day()
        except BulletTradeError as error:
            ready(str(error))
            return
        ready("")

    def _open_day(self) -> None:
        now = self.owner.clock.now()
        if self.world.calendar.is_session(now.date()):
            self.world.quotes.open_day(now.date())
        self._young = {}
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        self.owner.timers.at(tomorrow, Rank.MARKET, self._open_day)

    def close(self) -> None:
        """End the thread."""
        self.owner.stop()

    # -- one quote -------------------------------------------------------------------------------------------------

    def young(self, code: Code) -> Quoted | None:
        """The last answer where it may serve now; from any thread."""
        found = self._young.get(code)
        return found if found is not None and self.owner.clock.monotonic() - found.taken_at <= FRESH_S else None

    def ask(self, code: Code, reader: QuoteReader) -> None:
        """Have `reader` called on the desk's thread; from any thread."""
        self.owner.post(partial(self._read, code, reader))

    def _read(self, code: Code, reader: QuoteReader) -> None:
        found = self.young(code)
        try:
            found = found or self._quoted(code)
        except BulletTradeError as error:
            reader(None, str(error))
            return
        if found is not None:
            self._young[code] = found
        reader(found, "")

    def _quoted(self, code: Code) -> Quoted | None:
        quotes = self.world.quotes
        if not quotes.known(code):
            return None
        now = self.owner.clock.now()
        tick, facts = quotes.tick(code), quotes.facts(code)
        last = tick.current if tick is not None else quotes.last_price(code)
        if not last > 0:
            return None
        return Quoted(
            code,
            last,
            tick.datetime if tick is not None else self._last_close(now),
            now,
            facts,
            tick.bid_prices[0] if tick is not None and tick.bid_prices else None,
            tick.ask_prices[0] if tick is not None and tick.ask_prices else None,
            self.owner.clock.monotonic(),
        )

    def _last_close(self, now: datetime) -> datetime:
        """The time of a price that is an earlier day's close."""
        day = self.world.calendar.session_on_or_before(now.date())
        closed = datetime(day.year, day.month, day.day, _CLOSE_HOUR)
        if closed > now:
            day = self.world.calendar.previous_session(day)
        return datetime(day.year, day.month, day.day, _CLOSE_HOUR)

    # -- ticks -----------------------------------------------------------------------------------------------------

    def subscribe(self, codes: Iterable[Code]) -> None:
        """Have ticks of `codes` collected, the present one first; from any thread."""
        self.owner.post(partial(self._subscribe, list(codes)))

    def _subscribe(self, codes: list[Code]) -> None:
        self.world.quotes.subscribe(codes, self.put)
        for code in codes:
            self._present(code)

    def _present(self, code: Code) -> None:
        tick = self.world.quotes.tick(code) if self.world.quotes.known(code) else None
        found = self._quoted(code) if tick is None else None
        if tick is not None:
            self.put(tick)
        elif found is not None:
            self.put(Tick(code=code, datetime=found.at, current=found.last_price))

    def unsubscribe(self, codes: Iterable[Code]) -> None:
        """Collect no more ticks of `codes`; from any thread."""
        listed = list(codes)
        self.owner.post(lambda: self.world.quotes.unsubscribe(listed))

    def put(self, tick: Tick) -> None:
        """Take a tick from any thread; only the newest of each security waits."""
        with self._lock:
            first = not self._ticks
            self._ticks[tick.code] = tick
        if first:
            self.wake()

    def take(self) -> list[Tick]:
        """The ticks that wait."""
        with self._lock:
            taken, self._ticks = self._ticks, {}
        return list(taken.values())


def snapshot(quoted: Quoted | None, now: datetime) -> bytes:
    """`data.snapshot` and `data.current_tick`."""
    if quoted is None:
        return b"{}"
    return body.encode(
        SnapshotAnswer(
            sid=quoted.code,
            last_price=quoted.last_price,
            dt=moment_text(quoted.at),
            age_seconds=round(max(0.0, (now - quoted.at).total_seconds()), 3),
        )
    )


def live(quoted: Quoted, now: datetime, source: str) -> bytes:
    """`data.live_current`."""
    age_s = round(max(0.0, (now - quoted.at).total_seconds()), 3)
    facts = quoted.facts
    return body.encode(
        LiveAnswer(
            security=quoted.code,
            last_price=quoted.last_price,
            high_limit=facts.high_limit,
            low_limit=facts.low_limit,
            paused=facts.paused,
            source_time=moment_text(quoted.at) + BEIJING,
            received_time=moment_text(quoted.received) + BEIJING,
            query_completed_time=moment_text(quoted.received) + BEIJING,
            age_seconds=age_s,
            event_stale=age_s > STALE_S,
            feed_health=FeedHealth("healthy", True, source),
            bid_price1=quoted.bid,
            ask_price1=quoted.ask,
            source=source,
        )
    )
