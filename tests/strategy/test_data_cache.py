"""How often the source of daily bars is asked: a forward run must not load a security again every day."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from datetime import date, datetime, time

from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.market_data import DailyBars
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.strategy.data import fields as columns
from bullet_trade.strategy.data.day_windows import last_days
from bullet_trade.strategy.data.window import Wish
from bullet_trade.strategy.history import History

CODE = "600519.XSHG"
WISH = Wish((columns.CLOSE,), "pre", skip_paused=True)


class Counting(SyntheticMarket):
    """Counts questions; with `until_now` it knows no day after the present one, as a live source."""

    asked: Counter[str]
    now: datetime
    until_now: bool

    def daily(self, code: str, first: date, last: date) -> DailyBars:
        self.asked[code] += 1
        bars = super().daily(code, first, min(last, self.now.date()) if self.until_now else last)
        return DailyBars(**{field.name: getattr(bars, field.name) for field in fields(DailyBars)})


def walk(until_now: bool) -> tuple[Counter[str], int]:
    """Read 20 days at 10:00 of each session of a year."""
    calendar = exchange_calendar()
    market = Counting(1, sessions=calendar.sessions(date(2020, 1, 2), date(2026, 6, 30)))
    market.asked, market.until_now = Counter(), until_now
    history = History(market, calendar, market.security, lambda: market.now)
    security = market.security(CODE)
    assert security is not None
    days = calendar.sessions(date(2024, 1, 2), date(2024, 12, 31))
    for day in days:
        market.now = datetime.combine(day, time(10))
        for _ in range(3):
            assert len(last_days(history, security, 20, history.position(day), WISH)) == 20
    return market.asked, len(days)


def test_a_replay_loads_half_a_year_ahead() -> None:
    asked, days = walk(until_now=False)
    assert days == 242
    assert asked[CODE] == 2


def test_a_live_source_is_asked_once_a_day() -> None:
    asked, days = walk(until_now=True)
    assert asked[CODE] <= days


def test_a_wish_that_reaches_further_back_loads_more_once() -> None:
    calendar = exchange_calendar()
    market = Counting(1, sessions=calendar.sessions(date(2015, 1, 5), date(2026, 6, 30)))
    market.asked, market.until_now, market.now = Counter(), False, datetime(2024, 6, 3, 10)
    history = History(market, calendar, market.security, lambda: market.now)
    security = market.security(CODE)
    assert security is not None
    for count in (20, 900, 20, 900):
        assert len(last_days(history, security, count, history.position(market.now.date()), WISH)) == count
    assert market.asked[CODE] <= 3
