"""(c) Tick to order on the wall-clock path: from the moment another thread hands a tick to the inbox until the broker's
submit is called, with sizing, rules, ledger and the journal committed in between. p50 and p99 in microseconds.

    python benchmarks/tick_to_order.py [full]      "full" flushes the disk at every commit
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

from bullet_trade.domain.money import Money
from bullet_trade.domain.reports import AccountSnapshot, Cancelled
from bullet_trade.domain.securities import Code
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.ops import broker_choice
from bullet_trade.ops.compose import Run, compose
from bullet_trade.ops.live import run_session
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.quotes import Tick
from ten_oclock import SESSION, ShiftedClock, Silent, percentiles

ROUNDS = 1_500

STRATEGY = """
from jqdata import *

def initialize(context):
    pass

def handle_tick(context, tick):
    order(tick.code, 100, wait_timeout=0)
"""


# Off, because this sends thousands of orders in a second.
LIMITS = (
    "max_order_value", "max_daily_trade_value", "max_daily_trades", "max_stock_count", "max_position_ratio",
    "max_daily_messages", "max_order_rate", "daily_message_warning",
)  # fmt: skip


class StampingBroker:
    """Notes when submit is called, and ends the order at once so that nothing piles up."""

    label = "stamp"

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.called = threading.Event()

    def connect(self, sink: ReportSink) -> None:
        self._sink = sink
        self.request_snapshot()

    def submit(self, ticket: OrderTicket) -> None:
        self.stamps.append(time.perf_counter_ns())
        self._sink(Cancelled(ticket.tag, "", SESSION))
        self.called.set()

    def cancel(self, tag: str) -> None: ...

    def request_snapshot(self) -> None:
        self._sink(AccountSnapshot(SESSION, Money(10**13), Money(0), ()))

    def close(self) -> None: ...


def main() -> None:
    settings = load_settings(None).model_copy(
        update={"journal_sync": "full" if "full" in sys.argv else "normal", **dict.fromkeys(LIMITS, 0)}
    )
    with tempfile.TemporaryDirectory() as folder:
        strategy = Path(folder) / "tick.py"
        strategy.write_text(STRATEGY, encoding="utf-8")
        broker = StampingBroker()
        request = RunRequest(strategy, "simulator", None, None, "synthetic", Path(folder), False)
        broker_choice.SimulatedBroker, simulator = (lambda *_, **__: broker), broker_choice.SimulatedBroker  # type: ignore[misc,assignment]
        run = compose(request, settings, Silent(), ShiftedClock())
        broker_choice.SimulatedBroker = simulator  # type: ignore[misc]
        taken: list[float] = []
        feeder = threading.Thread(target=feed, args=(run, broker, taken))
        feeder.start()
        run_session(run)
        feeder.join()
        run.held.release()
    taken = taken[200:]
    print(f"tick to order ({settings.journal_sync} sync): {percentiles(taken)}, {len(taken)} orders")


def feed(run: Run, broker: StampingBroker, taken: list[float]) -> None:
    time.sleep(1.0)
    code = Code("600519.XSHG")
    for number in range(ROUNDS):
        broker.called.clear()
        tick = Tick(code=code, datetime=SESSION + timedelta(seconds=3 * number), current=10.0)
        start = time.perf_counter_ns()
        run.session.parts.inbox.put_tick(tick)
        broker.called.wait(2.0)
        taken.append((broker.stamps[-1] - start) / 1000)
        time.sleep(0.001)
    run.session.parts.inbox.put(StopRequested("done"))


if __name__ == "__main__":
    main()
