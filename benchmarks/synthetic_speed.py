"""How long the synthetic market takes: microseconds per code and day. Run: python benchmarks/synthetic_speed.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import exchange_calendars

from bullet_trade.quotes.synthetic import SyntheticMarket

RUNS = 3


def main() -> None:
    """Print one line for each way of asking; every run starts with empty caches, the best of three counts."""
    calendar = exchange_calendars.get_calendar("XSHG", start="2005-01-04")
    sessions = [stamp.date() for stamp in calendar.sessions]
    recent = [day for day in sessions if day <= date(2026, 9, 30)][-60:]
    codes = [one.code for one in SyntheticMarket(sessions=sessions).securities() if one.list_date < date(2015, 1, 1)]
    many, few, alone = codes[:300], codes[:300:30], codes[0]

    def minutes(market: SyntheticMarket, chosen: list, days: list) -> None:
        for day in days:
            for code in chosen:
                market.minutes(code, day)

    def ticks(market: SyntheticMarket) -> None:
        for day in recent:
            market.ticks(alone, day)

    def daily(market: SyntheticMarket) -> None:
        for code in many:
            market.daily(code, recent[0], recent[-1])

    tasks: list[tuple[str, int, Callable[[SyntheticMarket], None]]] = [
        ("minutes, 300 codes x 1 day", 300, lambda market: minutes(market, many, recent[-1:])),
        ("minutes, 10 codes x 60 days", 600, lambda market: minutes(market, few, recent)),
        ("minutes, 300 codes x 60 days", 18_000, lambda market: minutes(market, many, recent)),
        ("daily, 300 codes x 60 days", 18_000, daily),
        ("ticks, 1 code x 60 days", 60, ticks),
    ]
    for name, code_days, task in tasks:
        best = min(_seconds(sessions, task) for _ in range(RUNS))
        print(f"{name:32} {best * 1e3:9.1f} ms {best / code_days * 1e6:9.1f} us per code-day")


def _seconds(sessions: list[date], task: Callable[[SyntheticMarket], None]) -> float:
    market = SyntheticMarket(sessions=sessions)
    started = time.perf_counter()
    task(market)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
