"""Reading prices in a replay: microseconds for each call at 10:00 of one day (best of seven rounds), and a strategy
that reads 20 days of 300 codes on each day of ten years.

    python benchmarks/data_access.py [--years N] [--codes N]
"""

from __future__ import annotations

import argparse
import time
from datetime import date

from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.testing.days import run_days

CODE = "600519.XSHG"
CALLS = {
    "get_current_data()[s].last_price": f"get_current_data()['{CODE}'].last_price",
    "attribute_history(s, 20)": f"attribute_history('{CODE}', 20)",
    "attribute_history(s, 20, df=False)": f"attribute_history('{CODE}', 20, df=False)",
    "attribute_history(s, 250)": f"attribute_history('{CODE}', 250)",
    "attribute_history(s, 5, '1m')": f"attribute_history('{CODE}', 5, '1m')",
    "history(1, '1m', 'close', [s])": f"history(1, '1m', 'close', ['{CODE}'])",
    "get_price(s, count=20, previous_date)": f"get_price('{CODE}', count=20, end_date=context.previous_date)",
    "get_price(s, count=20) with today": f"get_price('{CODE}', count=20)",
    "get_price(s, count=1, '1m')": f"get_price('{CODE}', count=1, frequency='1m', fields=['close', 'high_limit'])",
    "get_bars(s, 20)": f"get_bars('{CODE}', 20)",
    "get_bars(s, 20, '5m')": f"get_bars('{CODE}', 20, '5m')",
}

TIMED = """
from jqdata import *
from time import perf_counter

def initialize(context):
    run_daily(measure, "10:00")

def measure(context):
    g.micros = {{}}
    for name, text in {calls!r}.items():
        call = eval("lambda: " + text, {{**globals(), "context": context}})
        call()
        rounds = []
        for _ in range(7):
            start = perf_counter()
            for _ in range(1000):
                call()
            rounds.append((perf_counter() - start) * 1e3)
        g.micros[name] = min(rounds)
"""

DAILY = """
from jqdata import *

def initialize(context):
    g.codes = list(get_all_securities(date='2016-01-04').index)[:{codes}]
    g.days = 0
    run_daily(read, "10:00")

def read(context):
    g.days += 1
    for code in g.codes:
        attribute_history(code, 20)
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--codes", type=int, default=300)
    given = parser.parse_args()
    calendar = exchange_calendar()
    market = SyntheticMarket(1, sessions=calendar.sessions(date(2005, 1, 1), calendar.last))
    day = date(2025, 12, 18)
    micros = run_days(TIMED.format(calls=CALLS), market, day, day).session.g.micros
    for name, value in micros.items():
        print(f"{name:40} {value:8.2f} us")
    first, last = date(2016, 1, 4), date(2015 + given.years, 12, 31)
    start = time.perf_counter()
    run = run_days(DAILY.format(codes=given.codes), market, first, last)
    seconds = time.perf_counter() - start
    days = run.session.g.days
    calls = days * given.codes
    print(f"\n{calls:,} x attribute_history(code, 20) on {days:,} days: {seconds:.1f} s, generating prices included")
    print(f"  {seconds / calls * 1e6:.1f} us a call, {seconds / days * 1e3:.1f} ms a day")


if __name__ == "__main__":
    main()
