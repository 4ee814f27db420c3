"""Hooks, schedules and the context, beyond what a restart needs."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.engine.events import CallbackFailed
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket

CODE = "600000.XSHG"
DAYS = [date(2025, 6, 3), date(2025, 6, 4), date(2025, 6, 5)]
HEAD = "from jqdata import *\nCODE = '600000.XSHG'\n"


def run(source: str, directory: Path | None = None, last: date = DAYS[0], **more: object) -> DaysRun:
    action = CorporateAction(DAYS[1], cash_per_share=0.5, share_ratio=0.1)
    market = FakeMarket().add(
        CODE,
        {DAYS[0]: 10.0, DAYS[1]: 8.7, DAYS[2]: 8.7},
        prev_close=10.0,
        references={DAYS[1]: 8.64},
        actions=[action],
    )
    return run_days(HEAD + source, market, DAYS[0], last, directory=directory, **more)  # type: ignore[arg-type]


def lines(ran: DaysRun) -> list[str]:
    return [f"{when:%H:%M} {text}" for when, text in ran.recorder.said()]


class TestAfterCodeChanged:
    CHANGED = "def after_code_changed(context):\n    unschedule_all()\n    run_daily(task, '10:00')\n"
    TASK = "def task(context): log.info('task')\n"

    def test_it_runs_at_the_first_start_where_initialize_registers_nothing(self) -> None:
        assert lines(run("def initialize(context): g.a = 1\n" + self.CHANGED + self.TASK)) == ["10:00 task"]

    def test_it_does_not_where_initialize_registers_something(self) -> None:
        source = "def initialize(context): run_daily(task, '11:00')\n" + self.CHANGED + self.TASK
        assert lines(run(source)) == ["11:00 task"]


class TestEvents:
    def test_a_dividend_of_a_held_share_is_told_to_on_event(self) -> None:
        ran = run(
            "def initialize(context): run_daily(buy, '10:00')\n"
            "def buy(context):\n    if not context.portfolio.positions: order(CODE, 1000)\n"
            "def on_event(context, event):\n"
            "    if isinstance(event, DividendsEvent):\n"
            "        d = event.dividends[0]\n"
            "        log.info('%s %s %s %s %.1f %.1f' % (event.security, event.side, event.pindex, d['date'],"
            " d['scale_factor'], d['bonus_pre_tax']))\n"
            "        log.info(str(context.portfolio.positions[CODE].total_amount))\n",
            last=DAYS[1],
        )
        assert lines(ran) == [f"00:00 {CODE} long 0 2025-06-04 1.1 5.0", "00:00 1100"]

    def test_on_strategy_end_runs_once_at_the_end(self) -> None:
        ran = run("def initialize(context): pass\ndef on_strategy_end(context): log.info('end')\n", last=DAYS[1])
        assert lines(ran) == ["23:59 end"]


class TestSchedule:
    def test_own_words_for_times(self) -> None:
        ran = run(
            "def initialize(context):\n"
            "    set_option('time_aliases', {'尾盘': '14:50', 'before_open': '9:20'})\n"
            "    run_daily(task, '尾盘')\n    run_daily(task, 'before_open')\n"
            "def task(context): log.info('task')\n"
        )
        assert lines(ran) == ["09:20 task", "14:50 task"]

    def test_a_bad_alias_is_refused_where_it_is_set(self) -> None:
        ran = run(
            "def initialize(context):\n"
            "    try: set_option('time_aliases', {'x': '25:00'})\n"
            "    except Exception as error: log.info(str(error)[:17])\n"
        )
        assert lines(ran) == ["00:00 无法识别的运行时间 '25:00'"]

    def test_tasks_may_be_registered_from_any_callback(self) -> None:
        ran = run(
            "def initialize(context): run_daily(first, '9:40')\n"
            "def first(context): add()\n"
            "def add(): run_daily(second, '9:50')\n"
            "def second(context): log.info('second')\n"
        )
        assert lines(ran) == ["09:50 second"]


class TestContext:
    def test_user_attributes_survive_a_restart(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context):\n    context.mine = {'a': [1]}\n    set_universe([CODE])\n"
            "def process_initialize(context): log.info('%s %s' % (context.mine, context.universe))\n"
        )
        run(source, tmp_path)
        again = run(source, tmp_path, start=datetime.combine(DAYS[0], time(10)))
        assert lines(again) == [f"10:00 {{'a': [1]}} ['{CODE}']"]

    @pytest.mark.parametrize(
        "statement",
        [
            "context.portfolio = None",
            "context.current_dt = None",
            "context.portfolio.total_value = 1",
            "context.portfolio.positions[CODE].avg_cost = 1",
            "context.run_params.type = 'x'",
        ],
    )
    def test_what_belongs_to_the_engine_cannot_be_assigned(self, statement: str) -> None:
        ran = run(f"def initialize(context): run_daily(task, '10:00')\ndef task(context): {statement}\n")
        (failed,) = ran.recorder.of(CallbackFailed)
        assert "只读" in failed.error or "immutable" in failed.error

    def test_its_dates(self) -> None:
        ran = run(
            "def initialize(context): run_daily(task, '10:00')\n"
            "def task(context):\n"
            "    c = context\n"
            "    log.info('%s %s %s' % (c.current_dt, c.previous_date, type(c.previous_date).__name__))\n"
            "    p = c.run_params\n    log.info('%s %s %s %s' % (p.start_date, p.end_date, p.type, p.frequency))\n"
        )
        assert [text for _, text in ran.recorder.said()] == [
            "2025-06-03 10:00:00 2025-05-30 date",
            "2025-06-03 2025-06-03 sim_trade minute",
        ]

    def test_returns_are_those_of_the_last_close(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context): run_daily(buy, '10:00'); run_daily(show, '10:01')\n"
            "def buy(context):\n    if not context.portfolio.positions: order(CODE, 10000)\n"
            "def show(context):\n    p = context.portfolio\n"
            "    log.info('%.6f %.2f' % (p.returns, p.previous_total_value))\n"
        )
        ran = run(source, tmp_path, last=DAYS[2])
        shown = [text.split() for _, text in ran.recorder.said()]
        closes = [event.cash + event.positions_value for event in ran.recorder.events if hasattr(event, "holdings")]
        assert shown[0] == ["0.000000", "1000000.00"]
        for (returns, value), close in zip(shown[1:], closes, strict=False):
            assert float(value) == pytest.approx(close / 10_000, abs=0.01)
            assert float(returns) == pytest.approx(close / 10_000 / 1_000_000 - 1, abs=1e-6)

    def test_positions_take_any_spelling_and_pythons_2_words(self) -> None:
        ran = run(
            "def initialize(context): run_daily(task, '10:00')\n"
            "def task(context):\n"
            "    order(CODE, 1000)\n    p = context.portfolio.positions\n"
            "    log.info(str((p['600000.SH'].total_amount, p.has_key(CODE), p.get('600001.XSHG'), len(p))))\n"
            "    log.info(str((p['600001.XSHG'].total_amount, '600001.XSHG' in p)))\n"
        )
        texts = [text for _, text in ran.recorder.said()]
        assert texts[0] == "(1000, True, None, 1)"
        assert texts[-1] == "(0, False)"
