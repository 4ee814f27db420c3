"""The engine as a process: python engine_process.py DIRECTORY ORIGIN PORT POINT PLANT

POINT is the number of the point at which it kills itself (0: never); PLANT ``late-intent`` sends before it writes down.
It appends what it loads and what it saves of `g` to files, and at a proper end shows its ledger.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import date
from pathlib import Path

from fast_clock import FastClock

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.orders import Order
from bullet_trade.engine.desk import OrderDesk
from bullet_trade.engine.engine import EngineTerms
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.assembly import Wiring, assemble
from bullet_trade.ops.live import stop_signals
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.store.state import FileStateStore
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.faults import Fuse, FusedBroker, FusedDisk, FusedJournal
from bullet_trade.testing.recorder import Recorder
from bullet_trade.testing.socket_counter import SocketBroker

DAY = date(2025, 6, 3)
STRATEGY = """from jqdata import *
import os
def initialize(context):
    g.calls = 0
    run_daily(trade, 'every_bar')
def trade(context):
    g.calls += 1
    if os.path.exists('QUIET'): return
    code = ('600000.XSHG', '510300.XSHG', '000001.XSHE')[g.calls % 3]
    order(code, 100 * (1 + g.calls % 4), wait_timeout=(0, 3, 0)[g.calls % 3])
    order('600000.XSHG', -200, LimitOrderStyle(9.9), wait_timeout=0)
    for one in list(get_open_orders().values())[:1]:
        cancel_order(one)
"""


class DeadlyFuse(Fuse):
    """Kills the process itself."""

    def blow(self, name: str) -> None:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def send_before_writing() -> None:
    """The planted defect: the order leaves as soon as it is made, its intent follows."""
    create = OrderDesk._create

    def hasty(self: OrderDesk, *arguments: object) -> Order:
        order = create(self, *arguments)  # type: ignore[arg-type]
        self._broker.submit(
            OrderTicket(order.tag, order.code, order.side, order.amount, order.order_type, order.limit_price)
        )
        time.sleep(0.05)  # a slow disk: the counter has the order, the journal has not
        return order

    OrderDesk._create = hasty  # type: ignore[method-assign, assignment]
    OrderDesk._send = lambda self, *rest: None  # type: ignore[method-assign]


def note(file: Path, content: object) -> None:
    """One line, there at once."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(content) + "\n")


def build(directory: Path, origin: float, port: int, fuse: Fuse) -> tuple[Session, FusedJournal]:
    file = directory / "strategy_under_test.py"
    if not file.exists():
        file.write_text(STRATEGY.replace("QUIET", (directory / "quiet").as_posix()), encoding="utf-8")
    market = FakeMarket()
    for code, price in (("600000.XSHG", 10.0), ("000001.XSHE", 12.0), ("510300.XSHG", 4.0)):
        market.add(code, {DAY: price}, prev_close=price)
    clock = FastClock(origin)
    journal = FusedJournal(directory / "journal.db", fuse)
    session = assemble(
        Wiring(
            clock=clock,
            calendar=exchange_calendar(),
            data=market,
            audience=Recorder(),
            journal=journal,
            store=FileStateStore(directory, disk=FusedDisk(fuse)),
            broker=lambda around: FusedBroker(SocketBroker(port, clock.now), fuse),
            terms=EngineTerms(file.resolve(), 16.0, None, autosave_s=20.0),
            run_params=RunParams(DAY, DAY),
            label="crash",
        )
    )
    return session, journal


def watch(session: Session, directory: Path) -> None:
    save = session.engine.saver

    def saver() -> tuple[str, ...]:
        note(directory / "saved.jsonl", vars(session.g))
        return save()

    session.engine.saver = saver
    session.load()
    note(directory / "loaded.jsonl", vars(session.g))


def main(directory: Path, origin: float, port: int, point: int, plant: str) -> None:
    if plant == "late-intent":
        send_before_writing()
    fuse = DeadlyFuse(point or None)
    try:
        session, _ = build(directory, origin, port, fuse)
    except StateError:  # killed before the first save: the operator says --fresh
        journal = SqliteJournal(directory / "journal.db")
        journal.append(FastClock(origin).now(), "fresh", {"archived": ""})
        journal.close()
        session, _ = build(directory, origin, port, fuse)
    watch(session, directory)
    (directory / "started").touch()
    with stop_signals(session.parts.inbox):
        session.run()
    ledger = session.engine.ledger
    shown = {"cash": ledger.cash, "shares": {position.code: position.amount for position in ledger}}
    (directory / "ledger.json").write_text(json.dumps(shown), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
