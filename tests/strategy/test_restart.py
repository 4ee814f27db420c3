"""A process that ends and comes back: what it remembers, what it runs again, and what it does not."""

from __future__ import annotations

import json
import pickle
from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.domain.errors import StateError
from bullet_trade.engine.events import CallbackFailed, Saved, StrategySaid
from bullet_trade.store.state import G_FILE, STATE_FILE
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket

CODE = "600000.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
HEAD = "from jqdata import *\nCODE = '600000.XSHG'\n"
HOOKS = (
    "def initialize(context):\n    log.info('initialize')\n    g.count = 1\n    run_daily(task, '14:00')\n"
    "def process_initialize(context): log.info('process_initialize')\n"
    "def after_code_changed(context): log.info('after_code_changed')\n"
    "def before_trading_start(context): log.info('before_trading_start')\n"
    "def after_trading_end(context): log.info('after_trading_end')\n"
    "def task(context):\n    g.count += 1\n    log.info('task %d' % g.count)\n"
)


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock))


def run(source: str, directory: Path, last: date = DAY, **more: object) -> DaysRun:
    market = FakeMarket().add(CODE, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0)
    return run_days(HEAD + source, market, DAY, last, directory=directory, **more)  # type: ignore[arg-type]


def lines(ran: DaysRun) -> list[str]:
    return [f"{when:%H:%M} {text}" for when, text in ran.recorder.said()]


class TestHooks:
    def test_a_restart_in_the_session_skips_initialize_and_repeats_no_mark(self, tmp_path: Path) -> None:
        first = run(HOOKS, tmp_path, stop_at=at(DAY, "11:00"))
        assert lines(first) == ["00:00 initialize", "00:00 process_initialize", "09:15 before_trading_start"]
        second = run(HOOKS, tmp_path, start=at(DAY, "11:05"))
        assert lines(second) == ["11:05 process_initialize", "14:00 task 2", "15:00 after_trading_end"]

    def test_a_restart_after_the_task_does_not_run_it_again(self, tmp_path: Path) -> None:
        run(HOOKS, tmp_path, stop_at=at(DAY, "14:00:01"))
        assert lines(run(HOOKS, tmp_path, start=at(DAY, "14:00:02"))) == [
            "14:00 process_initialize",
            "15:00 after_trading_end",
        ]

    def test_the_next_day_all_marks_run_again(self, tmp_path: Path) -> None:
        run(HOOKS, tmp_path)
        assert lines(run(HOOKS, tmp_path, NEXT, start=at(NEXT, "08:30"))) == [
            "08:30 process_initialize",
            "09:15 before_trading_start",
            "14:00 task 3",
            "15:00 after_trading_end",
        ]

    def test_changed_code_runs_its_hook_once_and_before_process_initialize(self, tmp_path: Path) -> None:
        run(HOOKS, tmp_path, stop_at=at(DAY, "10:00"))
        changed = HOOKS.replace("'task %d'", "'new task %d'")
        assert lines(run(changed, tmp_path, start=at(DAY, "10:05"), stop_at=at(DAY, "14:30"))) == [
            "10:05 after_code_changed",
            "10:05 process_initialize",
            "14:00 new task 2",
        ]
        assert lines(run(changed, tmp_path, start=at(DAY, "14:35"), stop_at=at(DAY, "14:40"))) == [
            "14:35 process_initialize"
        ]

    def test_a_first_start_runs_no_after_code_changed(self, tmp_path: Path) -> None:
        assert "after_code_changed" not in " ".join(lines(run(HOOKS, tmp_path)))

    def test_a_task_whose_function_is_gone_is_dropped_with_a_warning(self, tmp_path: Path) -> None:
        run(HOOKS, tmp_path, stop_at=at(DAY, "10:00"))
        second = run("def before_trading_start(context): pass\n", tmp_path, start=at(DAY, "10:05"))
        (warned,) = [e for e in second.recorder.of(StrategySaid) if e.level == "warning"]
        assert "task@14:00" in warned.text


class TestWhatIsKept:
    def test_g_with_instances_of_the_strategys_own_classes(self, tmp_path: Path) -> None:
        source = (
            "class Slot:\n    def __init__(self, code): self.code = code\n"
            "def initialize(context):\n    g.slots = [Slot(CODE)]; g.day = context.current_dt.date()\n"
            "def process_initialize(context):\n"
            "    slot = g.slots[0]\n    log.info('%s %s' % (slot.code, isinstance(slot, Slot)))\n"
        )
        run(source, tmp_path)
        assert lines(run(source, tmp_path, start=at(DAY, "10:00"))) == [f"10:00 {CODE} True"]

    def test_names_with_two_underscores_are_not_kept(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context):\n    setattr(g, '__secret', 1); g.kept = 2\n"
            "def process_initialize(context):\n    log.info(str(sorted(vars(g))))\n"
        )
        run(source, tmp_path)
        assert lines(run(source, tmp_path, start=at(DAY, "10:00"))) == ["10:00 ['kept']"]

    def test_what_cannot_be_pickled_is_named_and_the_rest_is_kept(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context):\n    g.bad = lambda: None; g.worse = open(__file__); g.good = 7\n"
            "def on_strategy_end(context): g.worse.close()\n"
        )
        ran = run(source, tmp_path)
        assert ran.recorder.of(Saved)[-1].unsaved == ("bad", "worse")
        assert pickle.loads((tmp_path / G_FILE).read_bytes()) == {"good": 7}

    def test_an_attribute_that_is_missing_raises_as_on_the_platform(self, tmp_path: Path) -> None:
        ran = run("def process_initialize(context):\n    log.info(str(hasattr(g, 'x')))\n    g.x\n", tmp_path)
        assert lines(ran) == ["00:00 False"]
        assert "没有属性 'x'" in ran.recorder.of(CallbackFailed)[0].error

    def test_tasks_with_their_days_times_and_force(self, tmp_path: Path) -> None:
        source = (
            "def a(context): pass\n"
            "def initialize(context):\n"
            "    run_daily(a, 'open+5m')\n    run_weekly(a, -2, time='14:00', force=False)\n"
            "    run_monthly(a, 3, '9:35', reference_security='000300.XSHG')\n"
        )
        run(source, tmp_path)
        tasks = list(run(source, tmp_path, NEXT, start=at(NEXT, "08:00")).session.engine.tasks)
        assert [(t.function, t.period.value, t.index, t.time, t.force, t.reference_security) for t in tasks] == [
            ("a", "daily", 1, "open+5m", True, None),
            ("a", "weekly", -2, "14:00", False, None),
            ("a", "monthly", 3, "9:35", True, "000300.XSHG"),
        ]

    def test_the_first_day_still_counts_for_weekly_and_monthly_tasks(self, tmp_path: Path) -> None:
        source = "def a(context): log.info('second')\ndef initialize(context): run_weekly(a, 2, '10:00')\n"
        run(source, tmp_path)
        assert lines(run(source, tmp_path, NEXT, start=at(NEXT, "08:00"))) == ["10:00 second"]

    def test_settings_of_the_strategy(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context):\n"
            "    set_benchmark('000905.XSHG')\n"
            "    set_option('order_volume_ratio', 0.1)\n    set_option('use_real_price', True)\n"
            "    set_slippage(FixedSlippage(0.02))\n"
            "    set_order_cost(OrderCost(close_tax=0.001, open_commission=0.0003, close_commission=0.0003,"
            " min_commission=5), type='stock')\n"
        )
        first = run(source, tmp_path).session
        second = run(source, tmp_path, NEXT, start=at(NEXT, "08:00")).session
        assert second.settings.benchmark == "000905.XSHG"
        assert second.settings.options == {"order_volume_ratio": 0.1, "use_real_price": True}
        assert (second.trading.costs, second.trading.slippage) == (first.trading.costs, first.trading.slippage)
        assert second.trading.volume_share == first.trading.volume_share

    def test_subscriptions_go_on(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context): subscribe(CODE, 'tick')\n"
            "def handle_tick(context, tick):\n    g.ticks = getattr(g, 'ticks', 0) + 1\n"
            "def on_strategy_end(context): log.info(str(g.ticks))\n"
        )
        run(source, tmp_path, stop_at=at(DAY, "10:00:30"))
        assert lines(run(source, tmp_path, start=at(DAY, "10:00:40")))[-1] == "23:59 240"

    def test_opening_times_and_the_starting_capital(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context): run_daily(buy, '10:00')\n"
            "def buy(context):\n    if not context.portfolio.positions: order(CODE, 1000)\n"
            "def process_initialize(context):\n"
            "    for x in context.portfolio.positions.values():\n"
            "        log.info('%s %d %.0f' % (x.init_time, x.closeable_amount, context.portfolio.starting_cash))\n"
        )
        first = run(source, tmp_path)
        second = run(source, tmp_path, NEXT, start=at(NEXT, "08:00"), account=first.account)
        assert lines(second) == ["08:00 2025-06-03 10:00:00 1000 1000000"]

    def test_order_numbers_and_tags_are_not_used_again(self, tmp_path: Path) -> None:
        source = "def initialize(context): run_daily(buy, '10:00')\ndef buy(context): order(CODE, 100)\n"
        first = run(source, tmp_path)
        second = run(source, tmp_path, NEXT, start=at(NEXT, "08:00"), account=first.account)
        bodies = [json.loads(row.body) for row in second.rows if row.kind == "intent"]
        assert [body["order_id"] for body in bodies] == [1, 2]
        assert len({body["tag"] for body in bodies}) == 2

    def test_tags_stay_unique_when_the_process_dies_before_it_saves(self, tmp_path: Path) -> None:
        source = "def initialize(context): run_daily(buy, '10:00')\ndef buy(context): order(CODE, 100)\n"
        first = run(source, tmp_path)
        for name in (STATE_FILE, G_FILE):
            (tmp_path / name).unlink()  # as if nothing had been saved: the journal alone survived
        second = run(source, tmp_path, NEXT, start=at(NEXT, "08:00"), account=first.account)
        tags = [json.loads(row.body)["tag"] for row in second.rows if row.kind == "intent"]
        assert len(tags) == len(set(tags)) == 2

    def test_the_journal_goes_on_without_a_gap(self, tmp_path: Path) -> None:
        run(HOOKS, tmp_path, stop_at=at(DAY, "10:00"))
        rows = run(HOOKS, tmp_path, start=at(DAY, "10:05")).rows
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert [row.kind for row in rows if row.kind in ("start", "restart")] == ["start", "restart"]


class TestSaving:
    def test_state_is_saved_every_interval_after_the_close_and_at_the_end(self, tmp_path: Path) -> None:
        ran = run(HOOKS, tmp_path, start=at(DAY, "14:57"), autosave_s=60.0, stop_at=at(DAY, "15:06:30"))
        saved = [(f"{e.at:%H:%M:%S}", e.reason) for e in ran.recorder.of(Saved)]
        assert [when for when, reason in saved if reason == "定时"] == [
            *("14:58:00", "14:59:00"),
            *(f"15:0{minute}:00" for minute in range(7)),
        ]
        assert [(when, reason) for when, reason in saved if reason != "定时"] == [
            ("14:57:00", "启动"),
            ("15:05:00", "收盘"),
            ("15:06:30", "退出"),
        ]

    def test_no_save_happens_inside_a_callback(self, tmp_path: Path) -> None:
        source = (
            "def initialize(context):\n    g.a = g.b = 0\n    run_daily(task, '10:00')\n"
            "def task(context):\n    g.a = 1\n    order(CODE, 100, 9.5, wait_timeout=200)\n    g.b = 1\n"
        )
        seen = []

        def prepare(session: Session) -> None:
            inner = session.engine.saver

            def saver() -> tuple[str, ...]:
                seen.append((session.g.a, session.g.b))
                return inner()

            session.engine.saver = saver

        run(source, tmp_path, autosave_s=60.0, prepare=prepare)
        assert set(seen) == {(0, 0), (1, 1)}

    def test_the_file_is_for_people_to_read(self, tmp_path: Path) -> None:
        run(HOOKS, tmp_path)
        document = json.loads((tmp_path / STATE_FILE).read_text(encoding="utf-8"))
        assert document["strategy"]["strategy_start_date"] == "2025-06-03"
        assert document["strategy"]["tasks"][0]["func"] == "task"
        assert len(document["strategy"]["strategy_hash"]) == 32


def test_damaged_state_is_never_taken_for_a_first_start(tmp_path: Path) -> None:
    run(HOOKS, tmp_path)
    for file in tmp_path.rglob(STATE_FILE):
        file.write_text("{", encoding="utf-8")
    with pytest.raises(StateError, match=r"live_state\.json.*已损坏"):
        run(HOOKS, tmp_path)
