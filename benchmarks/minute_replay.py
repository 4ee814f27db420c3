"""(a) Minute replay: ten synthetic securities, sixty days, a mean cross on every minute; bars per second and the ratio
to the same arithmetic in a bare Python loop. Market data are generated before the clock starts, for both.

Run twice: trading five of the ten (about 4,000 orders), and trading all of them (about 8,000).

    python benchmarks/minute_replay.py [--profile]
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bullet_trade.engine.events import DayClosed, Event, OrderFinished
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.compose import compose
from bullet_trade.ops.live import run_session
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings
from bullet_trade.quotes.synthetic import SyntheticMarket

CODES = [
    "000001.XSHE", "000333.XSHE", "002594.XSHE", "300059.XSHE", "300750.XSHE",
    "600036.XSHG", "600519.XSHG", "600900.XSHG", "601318.XSHG", "688981.XSHG",
]  # fmt: skip

STRATEGY = f"""
from collections import deque
from jqdata import *

CODES = {CODES!r}
TRADED = frozenset(CODES[:TRADED_COUNT])

def initialize(context):
    g.last = {{code: deque(maxlen=20) for code in CODES}}
    g.above = dict.fromkeys(CODES, False)

def handle_data(context, data):
    current = get_current_data()
    for code in CODES:
        price = current[code].last_price
        last = g.last[code]
        last.append(price)
        if len(last) < 20:
            continue
        values = list(last)
        above = sum(values[-5:]) / 5 > sum(values) / 20
        if above != g.above[code]:
            g.above[code] = above
            if code in TRADED:
                order(code, 100 if above else -100)
"""


class Count:
    """Orders and days told."""

    def __init__(self) -> None:
        self.orders = self.days = 0

    def tell(self, event: Event) -> None:
        self.orders += isinstance(event, OrderFinished)
        self.days += isinstance(event, DayClosed)


def bare_loop(closes: dict[str, list[list[float]]], days: int) -> tuple[float, int]:
    """Seconds for the strategy's arithmetic alone over the same prices, and the crosses found."""
    last = {code: deque(maxlen=20) for code in CODES}
    above_before = dict.fromkeys(CODES, False)
    crosses = 0
    start = time.perf_counter()
    for day in range(days):
        for minute in range(240):
            for code in CODES:
                prices = last[code]
                prices.append(closes[code][day][minute])
                if len(prices) < 20:
                    continue
                values = list(prices)
                above = sum(values[-5:]) / 5 > sum(values) / 20
                if above != above_before[code]:
                    above_before[code] = above
                    crosses += 1
    return time.perf_counter() - start, crosses


def main() -> None:
    calendar = exchange_calendar()
    sessions = calendar.sessions(date(2025, 6, 3), date(2025, 12, 31))[:60]
    market = SyntheticMarket(1, sessions=calendar.sessions(date(2005, 1, 1), calendar.last))
    start = time.perf_counter()
    bars = {code: [market.minutes(code, day) for day in sessions] for code in CODES}
    generated = time.perf_counter() - start
    closes = {code: [b.close.tolist() if b is not None else [1.0] * 240 for b in days] for code, days in bars.items()}
    bars_run = len(CODES) * 240 * len(sessions)
    bare, crosses = bare_loop(closes, len(sessions))
    print(f"minute replay: {bars_run} bars, {len(sessions)} days; a bare loop finds {crosses} crosses")
    print(f"  bare loop             {bars_run / bare:>12,.0f} bars/s  {bare:.3f} s")
    for traded in (5, 10):
        seconds, orders = replay(traded, sessions)
        ratio = f"ratio to the bare loop {bare / seconds:.3f}"
        print(f"  engine, {orders:>5} orders  {bars_run / seconds:>12,.0f} bars/s  {seconds:.3f} s  {ratio}")
    print(f"  generating the bars took {generated:.3f} s more, {generated / len(bars) / 60 * 1e6:.0f} us a code-day")


def replay(traded: int, sessions: Sequence[date]) -> tuple[float, int]:
    """Seconds of a replay in which `traded` of the securities are traded, and the orders it placed."""
    with tempfile.TemporaryDirectory() as folder:
        strategy = Path(folder) / "cross.py"
        strategy.write_text(STRATEGY.replace("TRADED_COUNT", str(traded)), encoding="utf-8")
        request = RunRequest(
            strategy, "simulator", f"{sessions[0]}:{sessions[-1]}", None, "synthetic", Path(folder) / "rt"
        )
        count = Count()
        run = compose(request, load_settings(None).model_copy(update={"simulator_initial_cash": 1e8}), count)
        for code in CODES:  # the run's own source: generate its blocks too, so that both loops read from memory
            for day in sessions:
                run.data.minutes(code, day)
        profile = cProfile.Profile() if "--profile" in sys.argv else None
        start = time.perf_counter()
        if profile:
            profile.runcall(run_session, run)
        else:
            run_session(run)
        seconds = time.perf_counter() - start
        run.held.release()
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    return seconds, count.orders


if __name__ == "__main__":
    main()
