"""`SyntheticMarket`: the market-data port over the generator, with bounded caches in front of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from bullet_trade.domain.errors import InvariantError
from bullet_trade.domain.securities import Code, Security
from bullet_trade.ports.market_data import CorporateAction, DailyBars, MinuteBars, Ticks
from bullet_trade.quotes.synthetic.catalogue import security_of, universe
from bullet_trade.quotes.synthetic.daily_path import DailyPath, build_daily_path, day_keys
from bullet_trade.quotes.synthetic.daily_rows import daily_rows, joined
from bullet_trade.quotes.synthetic.funds import funds
from bullet_trade.quotes.synthetic.halfyears import (
    HalfYear,
    half_year_of,
    session_blocks,
)
from bullet_trade.quotes.synthetic.indices import members_on
from bullet_trade.quotes.synthetic.industries import SyntheticReference
from bullet_trade.quotes.synthetic.levels import distribution, ex_position, factor_keys, factor_walks
from bullet_trade.quotes.synthetic.minute_block import (
    CHUNK_SESSIONS,
    FloatArray,
    TickBars,
    market_bridge,
    minute_chunk,
    priced,
)
from bullet_trade.quotes.synthetic.paths import Walk
from bullet_trade.quotes.synthetic.profiles import Profile, profile_of
from bullet_trade.quotes.synthetic.snapshots import snapshots

# What is kept: about 110 KB for a chunk of minutes, 20 KB for a half-year of days.
_CHUNKS_KEPT = 400
_PATHS_KEPT = 1500
_FACTORS_KEPT = 60
_TICK_DAYS_KEPT = 8


class _Subject(NamedTuple):
    """A code with everything that is fixed for it."""

    security: Security
    profile: Profile


class SyntheticMarket(SyntheticReference):
    """Invented prices for any stock, fund, convertible bond or index: a pure function of (seed, code, day).

    `sessions` are the trading days, ascending. A day's bars do not depend on where the list begins or ends, nor on
    the order of requests; only holidays hidden behind an end inside a half-year can move a limit day there.
    Used on one thread. Arrays in results are read-only and shared.
    """

    def __init__(self, seed: int = 1, *, sessions: Sequence[date]) -> None:
        self._seed = seed
        self._blocks = session_blocks(sessions)
        self._first, self._last = (sessions[0], sessions[-1]) if sessions else (date.max, date.min)
        self._factor_keys = factor_keys(seed)
        self._subject = lru_cache(maxsize=8192)(self._make_subject)
        self._factors = lru_cache(maxsize=_FACTORS_KEPT)(self._make_factors)
        self._bridge = lru_cache(maxsize=_FACTORS_KEPT)(self._make_bridge)
        self._path = lru_cache(maxsize=_PATHS_KEPT)(self._make_path)
        self._chunk = lru_cache(maxsize=_CHUNKS_KEPT)(self._make_chunk)
        self._rows = lru_cache(maxsize=_PATHS_KEPT)(self._make_rows)
        self._ticks = lru_cache(maxsize=_TICK_DAYS_KEPT)(self._make_ticks)
        self._actions = lru_cache(maxsize=8192)(self._make_actions)

    @property
    def label(self) -> str:
        """``合成行情(种子 1)``."""
        return f"合成行情(种子 {self._seed})"

    @property
    def synthetic(self) -> bool:
        """True: prices are invented."""
        return True

    def trading_days(self) -> Sequence[date] | None:
        """None: the sessions come from the calendar."""
        return None

    def coverage(self) -> tuple[date, date] | None:
        """None: any day of the calendar is served."""
        return None

    def security(self, code: Code) -> Security | None:
        """The description of a code; codes outside the listed universe get a generic name."""
        return security_of(code)

    def securities(self) -> Sequence[Security]:
        """The listed universe, sorted by code; the same for every seed."""
        return tuple(universe().values())

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        """Daily bars: the minute bars of each day added up."""
        subject = self._subject(code)
        if subject is None:
            return joined([], first, last)
        start = max(first, subject.security.list_date, self._first)
        end = min(last, subject.security.end_date, self._last)
        halves = range(half_year_of(start), half_year_of(end) + 1) if start <= end else ()
        known = [HalfYear(half) for half in halves if half in self._blocks]
        return joined([self._rows(code, half) for half in known], start, end)

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        """The day's 240 bars; None on a day without trade (no session, not listed, suspended)."""
        found = self._place(code, day)
        if found is None:
            return None
        half, place = found
        chunk, row = divmod(place, CHUNK_SESSIONS)
        bars = self._chunk(code, half, chunk)
        return MinuteBars(
            bars.open[row], bars.high[row], bars.low[row], bars.close[row], bars.volume[row], bars.money[row]
        )

    def ticks(self, code: Code, day: date) -> Ticks | None:
        """The day's snapshots every 3 seconds, in agreement with the minute bars; None as for `minutes`."""
        found = self._place(code, day)
        return None if found is None else self._ticks(code, *found)

    def corporate_actions(self, code: Code) -> Sequence[CorporateAction]:
        """Distributions and bonus issues between the first and the last session."""
        return self._actions(code)

    def index_members(self, index: Code, day: date) -> Sequence[Code]:
        """Members on `day`, sorted; they change a little with each half-year."""
        return members_on(index, day)

    def _place(self, code: Code, day: date) -> tuple[HalfYear, int] | None:
        """Where a day with trade is found: its half-year and its place there."""
        block = self._blocks.get(half_year_of(day))
        place = None if block is None else block.places.get(day)
        subject = self._subject(code)
        if block is None or place is None or subject is None or not subject.security.listed_on(day):
            return None
        return None if self._path(code, block.half).paused[place] else (block.half, place)

    def _known(self, code: Code) -> _Subject:
        subject = self._subject(code)
        if subject is None:
            raise InvariantError(f"合成行情没有证券 {code}")
        return subject

    def _make_subject(self, code: Code) -> _Subject | None:
        security = security_of(code)
        if security is None:
            return None
        return _Subject(security, profile_of(security, self._seed, funds().get(code)))

    def _make_factors(self, half: HalfYear) -> tuple[Walk, ...]:
        return factor_walks(self._factor_keys, self._blocks[half])

    def _make_bridge(self, half: HalfYear) -> FloatArray:
        block = self._blocks[half]
        return market_bridge(day_keys(self._factor_keys[0], block))

    def _make_path(self, code: Code, half: HalfYear) -> DailyPath:
        subject = self._known(code)
        block, factors = self._blocks[half], self._factors(half)
        return build_daily_path(subject.profile, subject.security, block, self._factor_keys, factors)

    def _make_bars(self, code: Code, half: HalfYear, chunk: int) -> TickBars:
        places = slice(chunk * CHUNK_SESSIONS, (chunk + 1) * CHUNK_SESSIONS)
        bridge = self._bridge(half)[places]
        return minute_chunk(self._known(code).profile, self._path(code, half), places, bridge)

    def _make_chunk(self, code: Code, half: HalfYear, chunk: int) -> MinuteBars:
        return priced(self._known(code).profile, self._make_bars(code, half, chunk))

    def _make_rows(self, code: Code, half: HalfYear) -> DailyBars:
        profile, block = self._known(code).profile, self._blocks[half]
        return daily_rows(profile, block, self._path(code, half), self._bridge(half))

    def _make_ticks(self, code: Code, half: HalfYear, place: int) -> Ticks:
        subject, path, block = self._known(code), self._path(code, half), self._blocks[half]
        chunk, row = divmod(place, CHUNK_SESSIONS)
        return snapshots(
            subject.profile, path, self._make_bars(code, half, chunk), row=row, place=place, day=block.days[place]
        )

    def _make_actions(self, code: Code) -> tuple[CorporateAction, ...]:
        subject = self._subject(code)
        if subject is None:
            return ()
        security, profile = subject
        found = []
        for half, block in self._blocks.items():
            given = distribution(profile, self._factor_keys, half)
            place = ex_position(given, block)
            if given is None or place < 0:
                continue
            day = block.dates[place]
            if day in block.places and security.listed_on(day):
                found.append(CorporateAction(day, given.cash_ticks / profile.ticks_per_yuan, given.ratio))
        return tuple(found)
