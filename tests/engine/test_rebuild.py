"""The book that the journal gives back is the book that the engine had, wherever the journal ends."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from random import Random

import msgspec
import pytest
from test_restart_days import GRID, ROTATION, Staged

from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.money import price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.recovery import Record, rebuild
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.store.journal import read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Accept, Course, End, Fill, Refuse, Step
from bullet_trade.testing.counter_link import Weather

DAY = date(2025, 6, 3)
START = datetime.combine(DAY, time(9, 10))


def picture(book: OrderBook) -> dict[str, object]:
    """All that matters of a book, in plain values."""
    ledger = book.ledger
    return {
        "orders": {
            n: (o.tag, o.state, o.filled, o.turnover, o.fees, o.frozen_cash, o.profit, sorted(o.trade_ids))
            for n, o in book.orders.items()
        },
        "cash": (ledger.cash, ledger.frozen, ledger.sold_today, ledger.fees_today),
        "positions": {p.code: (p.amount, p.locked, p.bought_today, p.cost, p.invested, p.opened_at) for p in ledger},
        "trades": list(book.trades),
        "sums": (book.sums.orders, book.sums.bought, book.sums.sold),
    }


def watched(staged: Staged, start: datetime = START) -> dict[int, dict[str, object]]:
    """Run a life; the picture of the live book when exactly the first N records had been applied, by N."""
    seen: dict[int, dict[str, object]] = {}

    def prepare(session: Session) -> None:
        journal, book = session.parts.journal, session.engine.book
        append = journal.append

        def watching(at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
            before = picture(book)
            number = append(at, kind, body)
            if kind not in ("day", "restart"):  # the date is opened, and a restart has lost sight, before the record
                seen[number - 1] = before
            return number

        journal.append = watching  # type: ignore[method-assign]

    staged.world.live(start, None, None, prepare)
    return seen


def rebuilt(session: Session, records: list[Record]) -> dict[str, object]:
    parts = session.parts
    book = OrderBook(Ledger(), parts.trading, parts.securities)
    rebuild(records, book)
    return picture(book)


def course(draw: Random) -> Course:
    def choose(ticket: OrderTicket) -> tuple[Step, ...]:
        return draw.choice(
            [
                (Accept(0.2), Fill(0.8, 0.4), Fill(1.6, 1.0)),
                (Fill(0.5, 0.3), Accept(1.0), End(30.0)),
                (Accept(0.1), Fill(600.0, 0.5)),
                (Refuse(0.3),),
                (Accept(0.2), Refuse(1.0)),
            ]
        )

    return choose


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("source", [ROTATION, GRID], ids=["rotation", "grid"])
def test_every_prefix_of_a_days_journal_gives_the_live_book(source: str, seed: int, tmp_path: Path) -> None:
    staged = Staged(tmp_path, source)
    staged.counter.course = course(Random(seed))
    staged.world.link.weather = Weather(again=0.3, late=0.3, late_s=5.0)
    compare(staged, watched(staged))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("source", [ROTATION, GRID], ids=["rotation", "grid"])
def test_and_so_does_every_prefix_after_a_death(source: str, seed: int, tmp_path: Path) -> None:
    staged = Staged(tmp_path, source)
    draw = Random(seed)
    staged.counter.course = course(draw)
    died = staged.live(START, kill_at=datetime.combine(DAY, time(9, 35, 1)).replace(hour=9 + seed % 3, second=seed))
    assert died.killed
    compare(staged, watched(staged, died.ended.replace(second=59)))


def test_shares_bought_elsewhere_before_the_first_start_of_a_day_stay_locked(tmp_path: Path) -> None:
    staged = Staged(tmp_path, GRID)
    staged.counter.by_hand(Code("600000.XSHG"), Side.BUY, 500, price(10.0))
    compare(staged, watched(staged, datetime.combine(DAY, time(10, 30))))


def compare(staged: Staged, seen: dict[int, dict[str, object]]) -> None:
    """The live pictures against those that the journal gives, cut by cut."""
    life = staged.live(datetime.combine(DAY, time(15, 30)))  # only for its parts
    records = all_records(staged)
    assert seen
    for cut, live in seen.items():
        assert rebuilt(life.session, records[:cut]) == live, (cut, records[cut - 1])


def all_records(staged: Staged) -> list[Record]:
    return [Record(datetime.fromisoformat(row.at), row.kind, row.body) for row in read_journal(staged.world.journal)]
