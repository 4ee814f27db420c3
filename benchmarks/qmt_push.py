"""(f) A terminal's push to the strategy: from the moment the native part calls the vendor's layer until handle_tick is
called, through the real `xtdata.py` over the stand-in datacenter, on the wall-clock path. p50 and p99 in microseconds.

    python benchmarks/qmt_push.py [whole]      "whole" pushes 5,000 securities with each snapshot, as a market does
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

from bullet_trade.domain.securities import Code
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.ops.compose import Run, composed
from bullet_trade.ops.live import run_session
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.quotes.qmt.moments import stamp
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.fake_qmt.datacenter import QuoteClient, install_quotes
from bullet_trade.testing.fake_qmt.market import Desk, snapshot_row
from ten_oclock import SESSION, ShiftedClock, Silent, percentiles

ROUNDS = 1_000
BANK = Code("600000.XSHG")
MARKET = 5_000

STRATEGY = """
import time
from jqdata import *

STAMPS = []

def initialize(context):
    subscribe(["600000.XSHG"], "tick")

def handle_tick(context, tick):
    STAMPS.append(time.perf_counter_ns())
"""


def main() -> None:
    whole = sys.argv[1:] == ["whole"]
    clock = ShiftedClock()
    native = install_quotes()
    desk = native.desk = Desk(clock.now)
    days = [SESSION.date() - timedelta(days=3), SESSION.date()]
    desk.feed(FakeMarket().add(BANK, dict.fromkeys(days, 10.0), prev_close=10.0), [BANK], days)
    desk.holidays = [20251001]
    desk.push(BANK, 10.0, 5_000_000)
    with tempfile.TemporaryDirectory() as folder:
        strategy = Path(folder) / "strategy.py"
        strategy.write_text(STRATEGY, encoding="utf-8")
        request = RunRequest(strategy, "simulator", None, None, "qmt", Path(folder))
        settings = Settings.model_validate({"bullet_trade_home": folder})
        with composed(request, settings, Silent(), clock) as run:
            taken: list[float] = []
            feeder = threading.Thread(target=feed, args=(run, desk, taken, whole))
            feeder.start()
            run_session(run)
            feeder.join()
    desk.close()
    print(f"push to handle_tick ({'whole market' if whole else 'one security'}): {percentiles(taken[100:])}")


def feed(run: Run, desk: Desk, taken: list[float], whole: bool) -> None:
    client = subscribed(desk)
    time.sleep(1.0)
    stamps: list[int] = run.session.engine.host.module.STAMPS
    names = [f"6{number:05d}.SH" for number in range(MARKET)] if whole else []
    for number in range(ROUNDS):
        before = len(stamps)
        row = snapshot_row(SESSION, 10.0 + number / 1000, 5_000_000)
        row["time"] = stamp(SESSION) + 60_000 + 3_000 * number  # later than the snapshot that is there
        pushed = {**dict.fromkeys(names, row), "600000.SH": row}
        push = next(one.push for one in client._subscriptions.values() if one.push is not None)
        start = time.perf_counter_ns()
        push(pushed)
        while len(stamps) == before:
            time.sleep(0.0001)
        taken.append((stamps[-1] - start) / 1000)
        time.sleep(0.002)
    run.session.parts.inbox.put(StopRequested("done"))


def subscribed(desk: Desk) -> QuoteClient:
    while True:
        for client in desk.clients:
            if isinstance(client, QuoteClient) and any(period == "tick" for _, period in client.subscribed()):
                return client
        time.sleep(0.01)


if __name__ == "__main__":
    main()
