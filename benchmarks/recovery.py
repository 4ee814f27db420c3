"""What recovery and saving cost: reading back a journal of 10,000 orders, holding the engine while a `g` of 30 MB is
saved, and the size of the journal after 250 days of 200 orders.

    python benchmarks/recovery.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import OrderId, OrderType, Side
from bullet_trade.domain.reports import Accepted, AccountSnapshot, Filled, HoldingRow, OrderRow
from bullet_trade.domain.securities import Code
from bullet_trade.engine.intent import Intent
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.recovery import rebuild, reconcile
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ports.state_store import SavedState
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.store.journal_archive import archives
from bullet_trade.store.state import FileStateStore

ORDERS = 10_000
RECOVERY_S, HOLD_S = 2.0, 0.25
REST_S = 3.0
"""Between two saves; the program rests 60 s."""
DAYS, ORDERS_A_DAY = 250, 200
MB = 1 << 20
START = datetime(2025, 1, 2, 9, 30)
CODE = Code("600000.XSHG")
PRICE = Price(100_000)
CASH = Money(10**13)

Body = msgspec.Struct | dict[str, object]


def an_order(number: int, at: datetime) -> Iterator[tuple[str, Body]]:
    """The records of one order that is accepted and filled in two parts."""
    tag, order_id = f"bt:bench:001{number:05x}", OrderId(number)
    cash = Money(PRICE * 1000)
    yield (
        "intent",
        Intent(order_id, order_id, tag, CODE, Side.BUY, 1000, 1000, OrderType.MARKET, PRICE, PRICE, cash, ()),
    )
    yield "report", Accepted(tag, str(number), at)
    for part in (1, 2):
        yield "report", Filled(tag, f"T{number}-{part}", 500, PRICE, at, Money(0))


def snapshot(at: datetime, orders: int) -> AccountSnapshot:
    """The account after that many orders, with the list of them."""
    rows = tuple(
        OrderRow(f"bt:bench:001{n:05x}", str(n), CODE, Side.BUY, 1000, 1000, "已成", 56) for n in range(1, orders + 1)
    )
    held = (HoldingRow(CODE, orders * 1000, 0, PRICE),) if orders else ()
    return AccountSnapshot(at, Money(CASH - orders * 1000 * PRICE), Money(0), held, rows, (), complete=True)


def day_of_orders(journal: SqliteJournal, day: datetime, first: int, count: int) -> None:
    journal.append(day, "day", {"day": day.date().isoformat()})
    for number in range(first, first + count):
        at = day + timedelta(seconds=number - first)
        for kind, body in an_order(number, at):
            journal.append(at, kind, body)
    journal.barrier()


def recovery(folder: Path) -> float:
    """Seconds from opening the journal to orders that are compared with the broker's list; all orders of one day."""
    path = folder / "journal.db"
    journal = SqliteJournal(path)
    journal.append(START, "start", {})
    journal.append(START, "account", snapshot(START, 0))
    day_of_orders(journal, START, 1, ORDERS)
    journal.close()
    listed = snapshot(START + timedelta(hours=3), ORDERS)
    began = time.perf_counter()
    journal = SqliteJournal(path)
    history = journal.history()
    book = OrderBook(Ledger(), TradingTerms(FeeSchedule()), lambda _: None)
    rebuild(journal.since_checkpoint(), book)
    found = reconcile(list(book.orders.values()), listed, "bt:bench:", history.last_order + 1)
    seconds = time.perf_counter() - began
    journal.close()
    assert len(book.orders) == ORDERS
    assert not found.reports
    return seconds


def tables() -> dict[str, object]:
    rng = np.random.default_rng(1)
    days = pd.bdate_range("2015-01-01", periods=2_500)
    return {f"prices{n}": pd.DataFrame(rng.random((2_500, 150)), index=days) for n in range(10)}


def plain() -> dict[str, object]:
    return {"bars": {f"{n:06d}.XSHE": [n * 0.01 + i for i in range(300)] for n in range(11_000)}}


def many_dates() -> dict[str, object]:
    """760,000 date objects: the pickle format itself takes a second for them, and no target holds for this shape."""
    day = date(2015, 1, 1)
    return {"seen": [{"day": day + timedelta(days=n % 4000), "at": START + timedelta(n)} for n in range(380_000)]}


STATE = SavedState(
    saved_at=START,
    strategy_hash="",
    strategy_start_date="",
    run_number=1,
    next_order_number=1,
    starting_cash=0,
    tasks=[],
    settings={},
    subscriptions=[],
    marks={},
    opened={},
)


def save(folder: Path, make: Callable[[], dict[str, object]]) -> tuple[float, float, int]:
    """Longest hold of three saves in seconds, the longest gap that the writing behind it makes on the engine's thread,
    and the bytes of `g`."""
    folder.mkdir()
    store = FileStateStore(folder)
    store.load()
    g = make()
    held = gap = 0.0
    for _ in range(3):
        began = time.perf_counter()
        store.save(STATE, g, None)
        held = max(held, time.perf_counter() - began)
        last = time.perf_counter()
        until = last + REST_S
        while last < until:
            now = time.perf_counter()
            gap, last = max(gap, now - last), now
    store.close()
    return held, gap, (folder / "g.pkl").stat().st_size


def journal_size(folder: Path, keep_days: int) -> tuple[int, int, int]:
    """Largest live file, live file and archives at the end, in bytes."""
    folder.mkdir()
    path = folder / "journal.db"
    journal = SqliteJournal(path)
    journal.append(START, "start", {})
    largest = 0
    for number, day in enumerate(pd.bdate_range(START, periods=DAYS).to_pydatetime()):
        day_of_orders(journal, day, number * ORDERS_A_DAY + 1, ORDERS_A_DAY)
        journal.append(day + timedelta(hours=6), "checkpoint", snapshot(day, 0))
        journal.barrier()
        journal.archive(day.date() - timedelta(days=keep_days))
        largest = max(largest, path.stat().st_size)
    journal.close()
    return largest, path.stat().st_size, sum(file.stat().st_size for file in archives(folder))


def verdict(value: float, most: float) -> str:
    return "ok" if value <= most else "TOO SLOW"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = recovery(folder)
        words = f"{ORDERS} orders of one day in {seconds:.2f} s (most {RECOVERY_S} s)"
        print(f"recovery: {words} {verdict(seconds, RECOVERY_S)}")
        for make in (tables, plain, many_dates):
            held, gap, size = save(folder / make.__name__, make)
            judged = "no target)" if make is many_dates else f"most {HOLD_S * 1e3:.0f} ms) {verdict(held, HOLD_S)}"
            words = f"holds the engine {held * 1e3:.0f} ms ({judged}"
            behind = f"then gaps of at most {gap * 1e3:.0f} ms while it is written"
            print(f"save: g of {size / MB:.0f} MB ({make.__name__}) {words}, {behind}")
        for keep_days in (30, 400):
            largest, live, old = journal_size(folder / f"keep{keep_days}", keep_days)
            words = (
                f"live file at most {largest / MB:.1f} MB, at the end {live / MB:.1f} MB, archives {old / MB:.1f} MB"
            )
            print(f"journal: {DAYS} days of {ORDERS_A_DAY} orders, {keep_days} days kept: {words}")


if __name__ == "__main__":
    main()
