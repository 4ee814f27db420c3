"""``--data qmt`` and ``--broker qmt`` from settings to a strategy that sees ticks of the terminal."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import pytest
from quote_room import BANK, DAYS, HOLIDAYS, PAB, market, needs_wheel, room

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.events import OrderPlaced
from bullet_trade.engine.inbox import Inbox, StopRequested
from bullet_trade.ops.compose import composed
from bullet_trade.ops.doctor.xtdata import XtDataQuotes
from bullet_trade.ops.live import run_session
from bullet_trade.ops.qmt_quotes import load_xtdata, source_of
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.testing.fake_qmt.datacenter import install_quotes
from bullet_trade.testing.fake_qmt.market import Desk
from bullet_trade.testing.recorder import Recorder

STRATEGY = """
from jqdata import *

def initialize(context):
    g.seen = []
    subscribe(["600000.XSHG"], "tick")
    log.info("closes %s" % list(attribute_history("600000.XSHG", 3, "1d", ["close"])["close"]))

def handle_tick(context, tick):
    g.seen.append(tick.current)
    if tick.current == 10.3:
        order("600000.XSHG", 100, wait_timeout=0)
"""
TEN_O_CLOCK = datetime(2025, 6, 6, 10)


@pytest.mark.parametrize(
    ("data", "broker", "provider", "source"),
    [
        ("synthetic", "qmt", "", "qmt"),  # invented prices must not guide orders that cost money
        ("synthetic", "simulator", "", "synthetic"),
        ("synthetic", "simulator", "QMT", "qmt"),
        ("synthetic", "simulator", "jqdata", "synthetic"),
        ("synthetic", "qmt-remote", "qmt", "synthetic"),  # the server's own quotes
        ("qmt", "simulator", "", "qmt"),
        ("mydata", "qmt", "qmt", "mydata"),
        ("synthetic:7", "qmt", "", "synthetic:7"),
    ],
)
def test_where_data_come_from(data: str, broker: str, provider: str, source: str) -> None:
    assert source_of(data, broker, Settings.model_validate({"default_data_provider": provider})) == source


class Office:
    """A terminal that the program finds, at ten o'clock of the last day of the test market."""

    def __init__(self, tmp_path: Path) -> None:
        began = time.monotonic()
        epoch_s = (TEN_O_CLOCK - datetime(1970, 1, 1, 8)).total_seconds()
        self.clock = WallClock(civil=lambda: epoch_s + time.monotonic() - began)
        self.native = install_quotes()
        self.desk = self.native.desk = Desk(self.clock.now)
        load_xtdata().disconnect()
        self.desk.feed(market(), [BANK, PAB], DAYS)
        self.desk.holidays = HOLIDAYS
        self.settings = Settings.model_validate({"bullet_trade_home": tmp_path})
        strategy = tmp_path / "watcher.py"
        strategy.write_text(STRATEGY, encoding="utf-8")
        self.request = RunRequest(strategy, "simulator", None, None, "qmt", tmp_path / "runtime")

    def close(self) -> None:
        self.desk.close()
        self.native.desk = None


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    made.close()


@needs_wheel
def test_a_strategy_sees_history_and_pushes_of_the_terminal_and_orders_meet_its_snapshots(office) -> None:
    office.desk.push(BANK, 10.2, 5_000_000)
    told = Recorder()
    with composed(office.request, office.settings, told, wall=office.clock) as run:
        feeder = Thread(target=feed, args=(office, run.session.parts.inbox, told))
        feeder.start()
        run_session(run)
        feeder.join()
    assert run.data.label == "QMT 行情"
    assert "closes [9.74, 9.74, 10.24]" in [text for _, text in told.said()]
    assert run.session.g.seen[:2] == [10.2, 10.3]
    placed = told.of(OrderPlaced)
    assert [(one.order.code, one.order.amount) for one in placed] == [(BANK, 100)]
    assert office.desk.clients == []


def feed(office: Office, inbox: Inbox, told: Recorder) -> None:
    """Push a price once the strategy has subscribed, and end the run when its order was placed."""
    for _ in range(1000):
        if any(period == "tick" for one in list(office.desk.clients) for _, period in one.subscribed()):
            break
        Event().wait(0.01)
    office.desk.push(BANK, 10.3, 6_000_000)
    for _ in range(500):
        if told.of(OrderPlaced):
            break
        Event().wait(0.01)
    inbox.put(StopRequested("done"))


@needs_wheel
def test_without_a_terminal_the_start_is_refused(office) -> None:
    office.desk.trouble.down = True
    with (
        pytest.raises(UsageError, match="连不上 QMT 行情"),
        composed(office.request, office.settings, Recorder(), wall=office.clock),
    ):
        pass
    assert office.desk.clients == []


@needs_wheel
def test_a_terminal_in_other_units_is_refused_and_its_connection_given_back(office) -> None:
    office.desk.trouble.volume_unit = 1
    office.desk.push(BANK, 10.2, 5_000_000)
    with (
        pytest.raises(UsageError, match="单位与预期不符"),
        composed(office.request, office.settings, Recorder(), wall=office.clock),
    ):
        pass
    assert office.desk.clients == []


@needs_wheel
def test_doctor_reads_quotes_and_history_by_the_calls_of_a_run() -> None:
    with room() as here:
        here.desk.push(BANK, 10.3)
        seen = XtDataQuotes(here.terminal)
        now, bars = seen.snapshot(BANK), seen.day_bars(BANK)
    assert now is not None
    assert now.at.date() == DAYS[-1]
    assert [bar.day for bar in bars[:3]] == ["20250603", "20250604", "20250605"]
    assert bars[0].low <= bars[0].money / (bars[0].volume * 100) <= bars[0].high
