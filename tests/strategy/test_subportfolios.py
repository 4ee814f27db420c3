"""The account split into books: they always add up to it, and each trades with its own cash and shares."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.engine.events import CallbackFailed, OrderRefused
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled
from bullet_trade.testing.fake_market import FakeMarket

BANK, FUND = "600000.XSHG", "510300.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
HEAD = (
    f"from jqdata import *\nBANK, FUND = {BANK!r}, {FUND!r}\n"
    "def initialize(context):\n"
    "    set_subportfolios([SubPortfolioConfig(60000, 'stock'), SubPortfolioConfig(cash=40000, type='stock')])\n"
    "    run_daily(task, '10:00')\n"
    "def books():\n"
    "    for s in g.c.subportfolios:\n"
    "        log.info(str((s.type, round(s.available_cash, 2), {k: p.total_amount for k, p in s.positions.items()},"
    " round(s.total_value, 2))))\n"
    "    log.info(str(round(sum(s.total_value for s in g.c.subportfolios) - g.c.portfolio.total_value, 4)))\n"
    "def task(context):\n    g.__dict__['c'] = context\n"
)


def run(body: str, last: date = DAY, directory: Path | None = None, cash: float = 100_000, **more: object) -> DaysRun:
    broker = ScriptedBroker(cash)
    broker.usual = (accepted(), filled(at=10.0, fee=5.0))
    market = FakeMarket()
    for code in (BANK, FUND):
        market.add(code, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0)
    source = HEAD + "".join(f"    {line}\n" for line in body.splitlines())
    return run_days(source, market, DAY, last, broker=broker.on, directory=directory, **more)  # type: ignore[arg-type]


def said(ran: DaysRun) -> list[str]:
    assert ran.recorder.of(CallbackFailed) == []
    return [text for _, text in ran.recorder.said()]


def test_each_order_moves_the_cash_and_shares_of_its_own_book() -> None:
    ran = run("order(BANK, 1000)\norder(FUND, 2000, pindex=1)\norder(BANK, 500, pindex=1)\nbooks()")
    assert said(ran) == [
        f"('stock', 49995.0, {{'{BANK}': 1000}}, 59995.0)",
        f"('stock', 14990.0, {{'{FUND}': 2000, '{BANK}': 500}}, 39990.0)",
        "0.0",
    ]


def test_the_portfolio_shows_the_whole_account() -> None:
    ran = run(
        "order(BANK, 1000)\norder(BANK, 500, pindex=1)\n"
        "p = context.portfolio\nlog.info(str((p.positions[BANK].total_amount, p.available_cash)))\n"
        "log.info(str([(o.pindex, o.filled) for o in get_orders().values()]))"
    )
    assert said(ran) == ["(1500, 84990.0)", "[(0, 1000), (1, 500)]"]


def test_a_purchase_is_cut_to_the_cash_of_its_book() -> None:
    # 3,900 x 10.15 and fees fit into 40,000, although the account has 100,000.
    assert said(run("o = order(BANK, 9000, pindex=1)\nlog.info(str(o.filled))")) == ["3900"]


def test_a_book_cannot_sell_what_another_holds() -> None:
    ran = run(
        "if context.current_dt.day == 3: order(BANK, 1000)\n"
        "else: log.info(str((order(BANK, -1000, pindex=1), order(BANK, -400).filled)))",
        last=NEXT,
    )
    assert said(ran) == ["(None, 400)"]
    assert [event.rule for event in ran.recorder.of(OrderRefused)] == ["sellable"]


def test_targets_are_those_of_the_book() -> None:
    ran = run("order(BANK, 1000)\norder_target(BANK, 300, pindex=1)\norder_target_value(BANK, 5000, pindex=1)\nbooks()")
    assert said(ran)[0] == f"('stock', 49995.0, {{'{BANK}': 1000}}, 59995.0)"
    assert f"'{BANK}': 500" in said(ran)[1]


def test_cash_moves_between_books_at_once() -> None:
    ran = run("transfer_cash(0, 1, 10000)\nbooks()\nlog.info(str([s.inout_cash for s in context.subportfolios]))")
    assert said(ran) == [
        "('stock', 50000.0, {}, 50000.0)",
        "('stock', 50000.0, {}, 50000.0)",
        "0.0",
        "[50000.0, 50000.0]",
    ]


@pytest.mark.parametrize(
    "call",
    [
        "transfer_cash(0, 1, 60001)",
        "transfer_cash(0, 1, -5)",
        "transfer_cash(0, 7, 5)",
        "order(BANK, 100, pindex=2)",
        "set_subportfolios([SubPortfolioConfig(1)])",
        "SubPortfolioConfig(5, 'gold')",
    ],
)
def test_what_cannot_be_carried_out_is_refused_and_changes_nothing(call: str) -> None:
    ran = run(f"try: {call}\nexcept Exception as error: log.info(type(error).__name__)\nbooks()")
    assert said(ran)[:2] == ["StrategyError", "('stock', 60000.0, {}, 60000.0)"]


def test_a_book_that_is_not_for_shares_holds_cash_and_refuses_orders() -> None:
    source = HEAD.replace("cash=40000, type='stock'", "cash=40000, type='index_futures'")
    market = FakeMarket().add(BANK, {DAY: 10.0}, prev_close=10.0)
    ran = run_days(source + "    order(BANK, 100, pindex=1)\n", market, DAY, DAY, broker=ScriptedBroker(100_000).on)
    (failed,) = ran.recorder.of(CallbackFailed)
    assert "index_futures" in failed.error


def test_a_difference_from_the_capital_falls_to_the_first_book_with_a_warning() -> None:
    ran = run("books()", cash=120_000)
    assert "差额" in said(ran)[0]
    assert said(ran)[1] == "('stock', 80000.0, {}, 80000.0)"


def test_too_much_cash_for_the_others_is_refused() -> None:
    ran = run("books()", cash=100_000)
    assert said(ran)[-1] == "0.0"
    with pytest.raises(Exception, match="initialize"):
        run("pass", cash=30_000)


def test_t1_counts_by_book() -> None:
    ran = run(
        "if context.current_dt.day == 3: order(BANK, 1000, pindex=1)\n"
        "p = context.subportfolios[1].positions[BANK]\n"
        "log.info(str((p.closeable_amount, p.today_amount, p.pindex, round(p.avg_cost, 3))))",
        last=NEXT,
    )
    assert said(ran) == ["(0, 1000, 1, 10.005)", "(1000, 0, 1, 10.005)"]


def test_what_no_order_explains_falls_to_the_first_book() -> None:
    market = FakeMarket().add(
        BANK,
        {DAY: 10.0, NEXT: 9.0},
        prev_close=10.0,
        references={NEXT: 9.0},
        actions=[CorporateAction(NEXT, cash_per_share=0.1, share_ratio=0.1)],
    )
    source = HEAD + ("    if context.current_dt.day == 3: order(BANK, 1000, pindex=1)\n    else: books()\n")
    ran = run_days(source, market, DAY, NEXT, cash=100_000)
    texts = said(ran)
    assert f"'{BANK}': 100" in texts[0]
    assert f"'{BANK}': 1000" in texts[1]
    assert texts[2] == "0.0"


def test_books_survive_a_restart_with_the_orders_of_the_day(tmp_path: Path) -> None:
    body = "if context.current_dt.hour == 10: order(BANK, 1000, pindex=1); run_daily(task, '14:00')\nelse: books()"
    market = FakeMarket().add(BANK, {DAY: 10.0}, prev_close=10.0)
    source = HEAD + "".join(f"    {line}\n" for line in body.splitlines())
    first = run_days(
        source, market, DAY, DAY, cash=100_000, directory=tmp_path, stop_at=datetime.combine(DAY, time(11))
    )
    again = run_days(
        source, market, DAY, DAY, account=first.account, directory=tmp_path, start=datetime.combine(DAY, time(11, 5))
    )
    texts = said(again)
    assert texts[0] == "('stock', 60000.0, {}, 60000.0)"
    assert f"'{BANK}': 1000" in texts[1]
    assert texts[2] == "0.0"
    assert again.session.subaccounts.book(1).ledger.positions[BANK].bought_today == 1000  # type: ignore[index]
