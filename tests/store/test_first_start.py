"""A first start that dies before it saved anything: it begins again by itself, unless an order may have left."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

import pytest

from bullet_trade.domain.errors import StateError
from bullet_trade.engine.events import StateNote
from bullet_trade.testing.counter import Accept, Counter, Fill
from bullet_trade.testing.counter_link import CounterLink
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.faults import Fuse
from bullet_trade.testing.lives import World

DAY = date(2025, 6, 3)
START, EVENING = datetime.combine(DAY, time(9)), datetime.combine(DAY, time(15, 20))
QUIET = "from jqdata import *\ndef initialize(context):\n    g.n = 1\n    context.portfolio.total_value\n"
ORDERING = QUIET + "    order('600000.XSHG', 100)\n"


def world(directory: Path, source: str) -> World:
    market = FakeMarket().add("600000.XSHG", {DAY: 10.0}, prev_close=10.0)
    counter = Counter(START, lambda _: (Accept(0.1), Fill(0.2, 1.0)), 100_000.0, {})
    return World(directory, source, market, CounterLink(counter, Random(1)), DAY, DAY)


def test_killed_at_any_point_before_its_first_save_is_whole_it_begins_again(tmp_path: Path) -> None:
    point = 0
    while True:
        point += 1
        directory = tmp_path / str(point)
        directory.mkdir()
        here = world(directory, QUIET)
        life = here.live(EVENING, Fuse(point))
        again = here.live(life.ended + timedelta(minutes=1))
        assert again.killed == ""
        assert vars(again.session.g)["n"] == 1
        if "replace live_state" in life.killed:
            break
    assert point > 10


def test_that_it_begins_again_is_told(tmp_path: Path) -> None:
    here = world(tmp_path, QUIET)
    life = here.live(EVENING, Fuse(8))
    again = here.live(life.ended + timedelta(minutes=1))
    assert any("重新执行 initialize" in note.text for note in again.recorder.of(StateNote))


def test_an_order_in_initialize_wants_a_decision_of_the_operator(tmp_path: Path) -> None:
    here = world(tmp_path, ORDERING)
    fuse = Fuse()
    points = here.live(START, fuse).fuse.points
    submitted = points.index("after submit") + 1
    directory = tmp_path / "killed"
    directory.mkdir()
    here = world(directory, ORDERING)
    life = here.live(START, Fuse(submitted))
    with pytest.raises(StateError, match=r"流水里有运行记录.*--fresh"):
        here.live(life.ended + timedelta(minutes=1))


def test_state_that_was_deleted_later_is_no_first_start(tmp_path: Path) -> None:
    here = world(tmp_path, QUIET + "def handle_data(context, data):\n    g.n += 1\n")
    here.live(START)
    for name in ("live_state.json", "g.pkl"):
        (tmp_path / name).unlink()
    for file in (tmp_path / "generations").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(StateError, match="流水里有运行记录"):
        here.live(START + timedelta(hours=1))
