"""What a strategy reads in its callbacks right after a fill."""

from __future__ import annotations

from datetime import date

from bullet_trade.engine.events import CallbackFailed
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2025, 12, 3)
CODE = "600000.XSHG"

SOURCE = f"""
def initialize(context):
    set_slippage(FixedSlippage(0))
    set_order_cost(OrderCost(), type='stock')
    run_daily(act, '10:00')

def act(context):
    cash = context.portfolio.available_cash
    placed = order({CODE!r}, 300)
    log.info(placed.filled, context.portfolio.positions[{CODE!r}].total_amount,
             cash - context.portfolio.available_cash, len(get_trades()))

def on_event(context, event):
    position = context.portfolio.positions[{CODE!r}].total_amount
    log.info(type(event).__name__, position, 1_000_000 - context.portfolio.available_cash)
"""


def test_position_cash_and_order_include_the_fill_that_is_told() -> None:
    """G11: no callback sees the state before the fill it was called for."""
    market = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)
    run = run_days(SOURCE, market, DAY, DAY)
    assert run.recorder.of(CallbackFailed) == []
    said = [text for _, text in run.recorder.said()]
    assert "300 300 3000.0 1" in said
    assert all(" 300 3000.0" in line for line in said)
