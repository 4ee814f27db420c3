"""The same days played twice give the same journal and the same state, to the byte."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.store.state import G_FILE, STATE_FILE
from bullet_trade.testing.days import DaysRun, run_days

CALENDAR = exchange_calendar()
STRATEGY = """
from jqdata import *

CODES = ['000001.XSHE', '600519.XSHG', '300750.XSHE', '000333.XSHE', '510300.XSHG']

def initialize(context):
    g.n = 0
    g.seen = {}
    run_daily(task, 'every_bar')

def task(context):
    g.n += 1
    code = CODES[g.n % 5]
    g.seen[code] = get_current_data()[code].last_price
    if g.n % 37 == 0:
        order_target_value(code, 30000 * (g.n % 4))
    if g.n % 53 == 0:
        order(code, 200, g.seen[code] * 0.99, wait_timeout=0)
    if g.n % 211 == 0:
        raise ValueError(code)
"""


def play(directory: Path) -> DaysRun:
    directory.mkdir()
    market = SyntheticMarket(3, sessions=CALENDAR.sessions(date(2024, 1, 1), CALENDAR.last))
    return run_days(STRATEGY, market, date(2025, 6, 9), date(2025, 6, 11), directory=directory, report_delay_s=0.5)


def test_two_replays_leave_the_same_journal_and_state(tmp_path: Path) -> None:
    first, second = play(tmp_path / "a"), play(tmp_path / "b")
    assert first.rows == second.rows
    for name in (STATE_FILE, G_FILE):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    kinds = [row.kind for row in first.rows]
    assert kinds.count("intent") > 10
    assert kinds.count("callback_failed") == 3


def test_what_is_told_is_the_same(tmp_path: Path) -> None:
    first, second = play(tmp_path / "a"), play(tmp_path / "b")

    def words(ran: DaysRun) -> list[str]:
        # A traceback names the file, which lies in another directory each time.
        return [re.sub(r"/[ab]/strategy", "/strategy", repr(event)) for event in ran.recorder.events]

    assert words(first) == words(second)
