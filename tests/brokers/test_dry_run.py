"""Nothing leaves in a dry run: neither when it only looks on, nor when it fills on paper."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bullet_trade.brokers.dry_run import DryRunBroker, PaperBroker
from bullet_trade.brokers.simulator.account import taken_over
from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.reports import AccountSnapshot, HoldingRow
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.events import OrderFinished
from bullet_trade.ops.compose import compose
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_broker import ScriptedBroker
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

DAY = date(2025, 12, 3)
CODE = "600000.XSHG"

BUYS_AND_SELLS = """
def initialize(context):
    run_daily(buy, '10:00')
    run_daily(sell, '10:30')

def buy(context):
    order('600000.XSHG', 300)

def sell(context):
    order('600000.XSHG', -100)
"""


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket().add(CODE, {DAY: 10.0})


def test_an_order_of_a_dry_run_never_reaches_the_broker_and_is_marked(market: FakeMarket) -> None:
    real = ScriptedBroker(cash=50_000, holdings={CODE: 1_000})
    run = run_days(BUYS_AND_SELLS, market, DAY, DAY, broker=lambda timers: DryRunBroker(real.on(timers), timers.now))
    assert real.submitted == []
    ended = run.recorder.of(OrderFinished)
    assert [one.order.filled for one in ended] == [0, 0]
    assert all("dry_run" in one.order.reason for one in ended)
    assert run.session.engine.ledger.cash == money(50_000)
    assert run.session.engine.ledger.positions[Code(CODE)].amount == 1_000


def test_a_paper_run_fills_on_the_paper_counter_alone(market: FakeMarket) -> None:
    real = ScriptedBroker(cash=50_000, holdings={CODE: 1_000})
    paper = ScriptedBroker(cash=50_000, holdings={CODE: 1_000})
    stated: list[AccountSnapshot] = []

    def plugged(timers):
        def open_paper(snapshot: AccountSnapshot) -> ScriptedBroker:
            stated.append(snapshot)
            return paper.on(timers)

        return PaperBroker(real.on(timers), timers, open_paper)

    run = run_days(BUYS_AND_SELLS, market, DAY, DAY, broker=plugged)
    assert real.submitted == []
    assert [ticket.amount for ticket in paper.submitted] == [300, 100]
    assert len(stated) == 1
    assert run.session.engine.ledger.positions[Code(CODE)].amount == 1_200


def test_the_paper_account_begins_as_the_real_one_stands() -> None:
    row = HoldingRow(Code(CODE), 1_000, 600, price(9.5))
    account = taken_over(AccountSnapshot(datetime(2025, 12, 3, 10), money(8_000), money(2_000), (row,)))
    assert account.cash == money(10_000)
    assert account.sellable(Code(CODE)) == 600
    assert account.holdings[CODE].amount == 1_000
    assert account.holdings[CODE].paid == Money(1_000 * price(9.5))


@pytest.mark.parametrize("filled_on_paper", [False, True])
def test_a_composed_dry_run_keeps_its_state_apart_and_leaves_the_account_alone(
    tmp_path, monkeypatch, filled_on_paper: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "buys.py").write_text(BUYS_AND_SELLS, encoding="utf-8")
    settings = load_settings(None).model_copy(update={"live_mode": "dry_run", "dry_run_fill": filled_on_paper})
    request = RunRequest(
        tmp_path / "buys.py", "simulator", None, None, "synthetic", tmp_path / "runtime", stop_after_close=True
    )
    recorder = Recorder()
    run = compose(request, settings, recorder, VirtualClock(datetime(2025, 12, 3, 9)))
    run.session.run()
    run.held.release()
    assert run.directory == tmp_path / "runtime" / "dry_run"
    assert (run.directory / "live_state.json").exists()
    held = run.session.engine.ledger.positions.get(Code(CODE))
    assert (held.amount if held else 0) == (300 if filled_on_paper else 0)
    assert (run.directory / "paper_account.json").exists() is filled_on_paper
    assert "dry_run" in run.session.parts.broker.label
