"""A recorded day runs again: the same strategy decides the same, a changed one is caught where it first differs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.ops.compose import compose
from bullet_trade.ops.day_replay import DayReplay, DayRequest, replay_day
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings, load_settings
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.faults import KilledError
from bullet_trade.testing.recorder import Recorder

DAY, NEXT = date(2025, 12, 3), date(2025, 12, 4)

STRATEGY = """from jqdata import *
def initialize(context):
    g.bought = []
    g.minutes = g.mornings = 0
    run_daily(buy, '9:35')
    run_daily(rest, '10:00')
    run_daily(tidy, '10:02')
def before_trading_start(context):
    g.mornings = g.mornings + 1
def handle_data(context, data):
    g.minutes += 1
    if g.minutes % 100 == 0:
        order('600036.XSHG', 100, wait_timeout=0)
def buy(context):
    for code in ('600519.XSHG', '000001.XSHE'):
        done = order(code, 200 * g.mornings)
        if done is not None and done.filled:
            g.bought.append((code, done.filled, done.price))
    order('000002.XSHE', -100)
def rest(context):
    last = get_current_data()['600900.XSHG'].last_price
    g.resting = order('600900.XSHG', 500, LimitOrderStyle(round(last * 0.93, 2)), wait_timeout=0).order_id
    order_value('601318.XSHG', 50000 + 1000 * len(g.bought))
def tidy(context):
    cancel_order(g.resting)
    for code, position in context.portfolio.positions.items():
        if position.closeable_amount:
            order_target(code, 0)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where one day was run, and recorded."""
    directory = tmp_path_factory.mktemp("recorded")
    live(directory, settings_of(directory), at(DAY, 9))
    return directory


def settings_of(directory: Path) -> Settings:
    """The defaults, with locks and research files in the test's own directory, and few saves."""
    changes = {"bullet_trade_home": directory, "research_dir": directory / "research", "g_autosave_interval": 900.0}
    return load_settings(None).model_copy(update=changes)


def live(
    directory: Path, settings: Settings, start: datetime, prepare: Callable[[Session], None] = lambda _: None
) -> None:
    """One run of the program in real-time wiring, on a clock that jumps; to the end of its day, or until it dies."""
    file = directory / "strategy.py"
    if not file.exists():
        file.write_text(STRATEGY, encoding="utf-8")
    request = RunRequest(file, "simulator", None, None, "synthetic:3", directory / "rt", stop_after_close=True)
    run = compose(request, settings, Recorder(), VirtualClock(start))
    try:
        prepare(run.session)
        run.session.run()
    except KilledError:
        pass
    finally:
        run.held.release()


def again(directory: Path, day: date = DAY, changed: str = "", data: str = "") -> DayReplay:
    """The day again, with another strategy text where one is given."""
    file = directory / "strategy.py"  # the journal of a virtual clock does not say where it lies
    if changed:
        file = directory / "changed.py"
        file.write_text(changed, encoding="utf-8")
    return replay_day(DayRequest(directory / "rt", day, file, data), settings_of(directory))


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute))


def test_a_day_that_began_with_initialize_comes_out_the_same(home: Path) -> None:
    found = again(home)
    assert (found.difference, found.notes) == (None, [])
    assert found.same == 8  # two purchases, a refusal, a limit and a value order, a cancel, two of the minutes


def test_a_later_day_goes_on_from_the_state_of_the_evening_before(tmp_path: Path) -> None:
    for day in (DAY, NEXT):
        live(tmp_path, settings_of(tmp_path), at(day, 9))
    found = again(tmp_path, NEXT)
    assert found.difference is None
    assert found.same > 8
    assert [note[:2] for note in found.notes] == ["从第"]
    assert again(tmp_path, DAY).difference is None


def test_a_changed_line_is_caught_at_its_first_other_decision(home: Path) -> None:
    found = again(home, changed=STRATEGY.replace("50000 + 1000", "80000 + 1000"))
    assert found.difference is not None
    assert found.difference.number == found.same + 1 == 5
    recorded, replayed = found.difference.recorded, found.difference.replayed
    assert recorded is not None
    assert replayed is not None
    assert recorded.callback == replayed.callback == "rest@10:00"
    assert recorded.key[1] == replayed.key[1] == "601318.XSHG"
    assert recorded.key[3] != replayed.key[3]
    assert any("策略文件已改动" in note for note in found.notes)


@pytest.mark.parametrize(
    ("old", "new", "side"),
    [("    cancel_order(g.resting)\n", "", "recorded"), ("g.minutes % 100", "g.minutes % 90", "replayed")],
)
def test_a_decision_that_is_missing_or_new_is_named(old: str, new: str, side: str, home: Path) -> None:
    difference = again(home, changed=STRATEGY.replace(old, new)).difference
    assert difference is not None
    assert getattr(difference, side) is not None


@pytest.mark.parametrize("killed_at", [at(DAY, 9, 35), at(DAY, 10)])
def test_a_day_with_a_crash_in_it_comes_out_the_same(killed_at: datetime, tmp_path: Path) -> None:
    def kill(session: Session) -> None:
        def die() -> None:
            raise KilledError

        session.parts.timers.add(killed_at + timedelta(seconds=30), Rank.HOUSEKEEPING, die)

    live(tmp_path, settings_of(tmp_path), at(DAY, 9), kill)
    live(tmp_path, settings_of(tmp_path), killed_at + timedelta(minutes=1))
    found = again(tmp_path)
    assert found.difference is None, found
    assert any("进程中断" in note for note in found.notes)


def test_the_runtime_directory_is_left_as_it_is(home: Path) -> None:
    files = {file: file.read_bytes() for file in (home / "rt").rglob("*") if file.is_file()}
    again(home)
    assert {file: file.read_bytes() for file in files} == files


def test_other_prices_are_told_and_the_order_they_change_is_named(home: Path) -> None:
    found = again(home, data="synthetic:4")
    assert found.difference is not None
    assert any("价格可能不同" in note for note in found.notes)


def test_a_day_without_records_names_those_there_are(home: Path) -> None:
    with pytest.raises(UsageError, match=r"没有 2025-12-01 的记录"):
        again(home, date(2025, 12, 1))


def test_a_strategy_that_is_gone_is_named(home: Path) -> None:
    with pytest.raises(UsageError, match=r"找不到当日的策略文件.*gone\.py"):
        replay_day(DayRequest(home / "rt", DAY, home / "gone.py"), settings_of(home))
