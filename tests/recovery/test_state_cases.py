"""Failure cases J, N, U and P: files that are damaged, locked, full or kept open, and what must not grow."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import date, datetime, time
from errno import EACCES
from pathlib import Path

import pytest
from staging import A, B, Stage, agrees, at_ten, held, only_taken

from bullet_trade.domain.errors import StateError
from bullet_trade.engine.events import OrderRefused, Saved, StateNote, StrategySaid
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.store.journal import SqliteJournal, read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_broker import ScriptedBroker
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.faults import Fuse

TRADES = at_ten("g.x += 1; order(B, 100)")
DAMAGES = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-1],
    "NUL": lambda content: bytes(len(content)),
    "NUL tail": lambda content: content[: len(content) // 3] + bytes(len(content) - len(content) // 3),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["live_state.json", "g.pkl"])
def test_a_damaged_state_file_is_never_a_silent_first_start(name: str, damage: str, tmp_path: Path) -> None:
    """J01: the last good state and the journal, and a sentence about it."""
    stage = Stage(tmp_path, TRADES)
    stage.live(stopped="10:30")
    file = tmp_path / name
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    life = stage.live("10:40")
    assert life.recorder.of(StateNote)
    assert held(life)[B] == 100
    assert agrees(life, stage.counter)
    assert [row.kind for row in read_journal(stage.world.journal)].count("start") == 1
    assert stage.verdict() == []


def test_when_nothing_good_is_left_the_engine_refuses(tmp_path: Path) -> None:
    """J01: every generation is full of NUL."""
    stage = Stage(tmp_path, TRADES)
    stage.live(stopped="10:30")
    for file in [tmp_path / "g.pkl", *tmp_path.rglob("*.json"), *tmp_path.rglob("g.pkl")]:
        file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(StateError, match="损坏"):
        stage.live("10:40")
    assert len(stage.own()) == 1


def test_an_old_copy_of_the_state_trades_on_the_journals_orders_and_numbers(tmp_path: Path) -> None:
    """J01: yesterday's files come back from a backup, the journal is today's."""
    stage = Stage(tmp_path / "run", TRADES)
    stage.live(stopped="09:50")
    backup = tmp_path / "backup"
    backup.mkdir()
    for name in ("live_state.json", "g.pkl"):
        shutil.copy(tmp_path / "run" / name, backup)
    stage.live("09:51", stopped="10:30")
    for name in ("live_state.json", "g.pkl"):
        shutil.copy(backup / name, tmp_path / "run")
    life = stage.live("10:40")
    assert held(life)[B] == 100
    assert stage.verdict() == []


def test_what_g_cannot_keep_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    """J03."""
    values = "{'a': [{d.date(2025, 6, 3): n.float64(1.5)}]}"
    body = f"import datetime as d; import numpy as n; g.deep = {values}; g.f = lambda: 1"
    source = at_ten("log.info(repr(g.deep)) if hasattr(g, 'deep') else None").replace("g.x = 0", body)
    stage = Stage(tmp_path, source)
    first = stage.live(stopped="09:50")
    assert {name for saved in first.recorder.of(Saved) for name in saved.unsaved} == {"f"}
    second = stage.live("09:55")
    assert "2025, 6, 3" in " ".join(said.text for said in second.recorder.of(StrategySaid))


def test_a_reader_that_keeps_the_journal_open_holds_nobody_up(tmp_path: Path) -> None:
    """J05."""
    stage = Stage(tmp_path, TRADES)
    readers: list[sqlite3.Connection] = []

    def read(_: Session) -> None:
        reader = sqlite3.connect(stage.world.journal)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM record").fetchone()[0] > 0
        readers.append(reader)

    life = stage.live(meanwhile={"09:59": read, "10:01": lambda s: readers.pop().close()})
    assert agrees(life, stage.counter)
    assert stage.verdict() == []


def test_a_writer_that_locks_the_journal_stops_the_engine_and_no_order_leaves_unwritten(tmp_path: Path) -> None:
    """J05: somebody else's transaction on our file."""
    stage = Stage(tmp_path, TRADES)
    writers: list[sqlite3.Connection] = []

    def lock(session: Session) -> None:
        journal = session.parts.journal
        assert isinstance(journal, SqliteJournal)
        journal._db.execute("PRAGMA busy_timeout = 20")
        writer = sqlite3.connect(stage.world.journal, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        writers.append(writer)

    with pytest.raises(StateError, match="流水"):
        stage.live(meanwhile={"09:59": lock})
    writers.pop().close()
    assert stage.own() == []
    stage.live("10:20")
    assert stage.verdict() == []


@pytest.mark.parametrize("times", [5, 10_000], ids=["for a while", "for ever"])
def test_a_file_that_cannot_be_replaced_never_goes_unnoticed(times: int, tmp_path: Path) -> None:
    """U03: a scanner holds the file. The failure ends the run loudly, or later saves are good; orders are safe."""
    stage = Stage(tmp_path, TRADES)
    left = times

    def held_by_scanner() -> int:
        nonlocal left
        if not stage.own():
            return 0
        left -= 1
        return EACCES if left >= 0 else 0

    failed = False
    try:
        stage.live(fuse=Fuse(None, held_by_scanner))
    except StateError as error:
        failed = True
        assert "检查磁盘空间和目录权限" in str(error)
    assert failed
    life = stage.live("13:30")
    assert held(life)[B] == 100
    assert stage.verdict() == []


def test_a_pickle_that_would_run_code_is_refused_at_the_start(tmp_path: Path) -> None:
    """P01: state from a directory that others can write."""
    stage = Stage(tmp_path, TRADES)
    stage.live(stopped="10:30")
    bomb = b"cos\nsystem\n(S'touch exploded'\ntR."
    for file in tmp_path.rglob("g.pkl"):
        file.write_bytes(bomb)
    with pytest.raises(StateError):
        stage.live("10:40")
    assert not (tmp_path / "exploded").exists()


def test_forty_days_of_orders_leave_nothing_behind() -> None:
    """N05: orders, trades and timers of the fortieth day are those of the fifth."""
    sessions = list(exchange_calendar().sessions(date(2025, 3, 3), date(2025, 4, 30)))[:40]
    market = FakeMarket().add(B, dict.fromkeys(sessions, 12.0), prev_close=12.0)
    broker = ScriptedBroker(1e9)
    sizes: dict[date, tuple[int, int, int, int]] = {}

    def prepare(session: Session) -> None:
        engine = session.engine

        def measure() -> None:
            book, timers = engine.book, session.parts.timers
            sizes[engine.now().date()] = (
                len(book.orders),
                len(book.trades),
                len(book.unknown),
                len(timers._market) + len(timers._strategy),
            )

        for day in sessions:
            session.parts.timers.add(datetime.combine(day, time(0, 30)), 0, measure)  # type: ignore[arg-type]

    source = at_ten("[order(B, 100, wait_timeout=0) for _ in range(25)]")
    run_days(source, market, sessions[0], sessions[-1], broker=broker.on, prepare=prepare)
    fifth, last = sizes[sessions[4]], sizes[sessions[-1]]
    assert len(broker.submitted) == 40 * 25
    assert last[:3] == fifth[:3] == (0, 0, 0)
    assert last[3] <= fifth[3]


# -- I10 ---------------------------------------------------------------------------------------------------------------


def test_while_halted_no_order_leaves_and_reads_and_cancels_still_work(tmp_path: Path) -> None:
    """I10: also over a restart, until somebody resumes."""
    source = (
        at_ten("order(B, 100, wait_timeout=0)").replace(
            "run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(again, '10:30'); run_daily(again, '13:30')"
        )
        + "def again(context):\n    order(A, -100)\n    [cancel_order(one) for one in get_open_orders().values()]\n"
    )
    stage = Stage(tmp_path, source, only_taken)

    def halt(session: Session) -> None:
        session.parts.brake.halt("测试", "试", session.engine.now().isoformat())
        stage.oracle.held = "halted"

    first = stage.live(
        meanwhile={"10:10": halt, "10:40": lambda s: stage.by_hand(A, -300)}, killed="13:00", look=["10:45"]
    )
    assert [refused.rule for refused in first.recorder.of(OrderRefused)] == ["halted"]
    assert [order.cancelled for order in stage.own()] == [True]
    assert stage.seen["10:45"].holdings[A][0] == 700
    second = stage.live("13:10")
    assert [refused.rule for refused in second.recorder.of(OrderRefused)] == ["halted"]
    assert stage.verdict() == []


def test_once_the_engine_says_that_it_stops_no_order_leaves(tmp_path: Path) -> None:
    """I10: the strategy's last hook may read, not trade."""
    source = at_ten("pass") + (
        "def on_strategy_end(context):\n"
        "    log.info(str(context.portfolio.positions[A].total_amount))\n    order(A, -100)\n"
    )
    stage = Stage(tmp_path, source)
    life = stage.live(stopped="10:30")
    assert [said.text for said in life.recorder.of(StrategySaid)][-1:] == ["1000"] or life.recorder.of(OrderRefused)
    assert [refused.rule for refused in life.recorder.of(OrderRefused)] == ["stopping"]
    assert stage.own() == []


# -- I9 ----------------------------------------------------------------------------------------------------------------


def test_what_the_connection_is_made_with_is_in_no_text_journal_or_file(tmp_path: Path) -> None:
    """P04, I9: over a day with a lost line, refusals, a failing callback and a kill."""
    source = at_ten("order(A, 100); order(A, -10**9); order(B, 100, wait_timeout=0); 1 / 0")
    stage = Stage(tmp_path, source, only_taken)
    stage.link.account, stage.link.token = "8800123456789", "tok-5e1c0c1f"
    first = stage.live(meanwhile={"10:10": lambda s: stage.link.cut(5.0, 60.0)}, killed="11:00")
    second = stage.live("11:10")
    told = " ".join(str(event) for life in (first, second) for event in life.recorder.events)
    kept = b" ".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for secret in (stage.link.account, stage.link.token):
        assert secret not in told
        assert secret.encode() not in kept
