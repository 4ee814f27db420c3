"""Exchange time, whatever the machine's time zone and however its clock behaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bullet_trade.engine.clock import VirtualClock, WallClock
from bullet_trade.engine.inbox import Inbox, StopRequested

T0 = datetime(2025, 6, 3, 9, 30)

SHOW_NOW = """
import time
if hasattr(time, "tzset"):
    time.tzset()
from datetime import datetime, timezone, timedelta
from bullet_trade.engine.clock import WallClock
now = WallClock().now()
utc = datetime.now(timezone.utc).replace(tzinfo=None)
assert now.tzinfo is None
assert abs(now - utc - timedelta(hours=8)) < timedelta(seconds=5), (now, utc)
"""


class Machine:
    """Civil and monotonic seconds that a test moves."""

    def __init__(self, at: datetime) -> None:
        self.civil = at.replace(tzinfo=UTC).timestamp()
        self.mono = 1_000.0

    def time(self) -> float:
        return self.civil

    def monotonic(self) -> float:
        return self.mono

    def run(self, seconds: float) -> None:
        self.civil += seconds
        self.mono += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine(datetime(2025, 6, 3, 1, 30))


def clock_of(machine: Machine) -> WallClock:
    """A wall clock on that machine."""
    return WallClock(machine.time, machine.monotonic)


class TestWallClock:
    @pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Shanghai"])
    def test_it_shows_beijing_time_on_a_machine_set_to(self, zone: str) -> None:
        subprocess.run([sys.executable, "-c", SHOW_NOW], env={**os.environ, "TZ": zone}, check=True, timeout=60)

    def test_half_past_one_in_utc_is_half_past_nine_on_the_exchange(self, machine: Machine) -> None:
        assert clock_of(machine).now() == T0

    @pytest.mark.parametrize("moment", ["2025-03-09 06:59:59", "2025-11-02 05:59:59", "2025-03-30 00:59:59"])
    def test_daylight_saving_elsewhere_does_not_move_it(self, machine: Machine, moment: str) -> None:
        at = datetime.fromisoformat(moment)
        machine.civil = at.replace(tzinfo=UTC).timestamp()
        clock = clock_of(machine)
        before = clock.now()
        machine.run(2)
        assert clock.now() - before == timedelta(seconds=2)
        assert before == at + timedelta(hours=8)

    def test_time_that_runs_evenly_is_no_step(self, machine: Machine) -> None:
        clock = clock_of(machine)
        machine.run(86_400)
        assert clock.take_step() == 0.0

    @pytest.mark.parametrize("jump", [3_600.0, -90.0, 2.5])
    def test_a_step_of_the_civil_clock_is_noticed_once(self, machine: Machine, jump: float) -> None:
        clock = clock_of(machine)
        machine.civil += jump
        machine.run(1)
        assert clock.take_step() == pytest.approx(jump)
        assert clock.take_step() == 0.0

    def test_the_correction_of_a_second_by_the_time_service_is_no_step(self, machine: Machine) -> None:
        clock = clock_of(machine)
        machine.civil += 1.0
        assert clock.take_step() == 0.0

    def test_durations_do_not_follow_a_clock_step(self, machine: Machine) -> None:
        clock = clock_of(machine)
        began = clock.monotonic()
        machine.civil += 10_000
        machine.run(3)
        assert clock.monotonic() - began == pytest.approx(3)

    def test_a_moment_that_is_past_does_not_wait(self, machine: Machine) -> None:
        assert clock_of(machine).wait(Inbox(), T0 - timedelta(seconds=1)) is None

    def test_a_message_is_taken_before_the_moment_comes(self) -> None:
        inbox, clock = Inbox(), WallClock()
        threading.Timer(0.01, inbox.put, (StopRequested("x"),)).start()
        assert clock.wait(inbox, clock.now() + timedelta(hours=1)) == StopRequested("x")

    def test_it_waits_for_the_moment(self) -> None:
        clock = WallClock()
        until = clock.now() + timedelta(milliseconds=30)
        assert clock.wait(Inbox(), until) is None
        assert clock.now() >= until

    def test_a_step_over_the_moment_ends_the_wait_within_a_nap(self, machine: Machine) -> None:
        class Napping(Inbox):
            """Sleeping lets time pass; on the third nap somebody sets the clock."""

            naps = 0

            def get(self, timeout_s: float = 0.0) -> None:
                self.naps += 1
                machine.run(timeout_s)
                if self.naps == 3:
                    machine.civil += 3_600

        inbox = Napping()
        assert clock_of(machine).wait(inbox, T0 + timedelta(minutes=30)) is None
        assert inbox.naps <= 4  # the step, then one look into the inbox


class TestVirtualClock:
    def test_it_jumps_to_the_next_moment(self) -> None:
        clock = VirtualClock(T0)
        assert clock.wait(Inbox(), T0 + timedelta(days=3)) is None
        assert clock.now() == T0 + timedelta(days=3)
        assert clock.monotonic() == timedelta(days=3).total_seconds()
        assert clock.take_step() == 0.0

    def test_a_message_comes_before_time_moves(self) -> None:
        clock, inbox = VirtualClock(T0), Inbox()
        inbox.put(StopRequested("x"))
        assert clock.wait(inbox, T0 + timedelta(hours=1)) == StopRequested("x")
        assert clock.now() == T0

    def test_it_never_runs_backwards(self) -> None:
        clock = VirtualClock(T0)
        assert clock.wait(Inbox(), T0 - timedelta(hours=1)) is None
        assert clock.now() == T0

    def test_waiting_for_nothing_returns_at_once(self) -> None:
        assert VirtualClock(T0).wait(Inbox(), None) is None

    def test_a_speed_plays_that_many_seconds_per_second(self) -> None:
        clock, wall = VirtualClock(T0, speed=36_000.0), WallClock()
        began = wall.monotonic()
        assert clock.wait(Inbox(), T0 + timedelta(hours=1)) is None
        assert clock.now() == T0 + timedelta(hours=1)
        assert wall.monotonic() - began >= 0.09

    def test_a_message_that_comes_while_time_plays_is_taken_on_the_way(self) -> None:
        clock, inbox = VirtualClock(T0, speed=60.0), Inbox()
        threading.Timer(0.02, inbox.put, (StopRequested("x"),)).start()
        assert clock.wait(inbox, T0 + timedelta(hours=1)) == StopRequested("x")
        assert T0 < clock.now() < T0 + timedelta(minutes=5)


def test_a_played_day_skips_the_night_and_the_days_without_a_session() -> None:
    clock, inbox = VirtualClock(datetime(2025, 12, 5, 15, 29, 59), speed=1_000.0), Inbox()
    wall = WallClock()
    began = wall.monotonic()
    assert clock.wait(inbox, datetime(2025, 12, 8, 0, 0)) is None
    assert clock.now() == datetime(2025, 12, 8, 0, 0)
    assert clock.wait(inbox, datetime(2025, 12, 8, 9, 0, 1)) is None
    assert clock.now() == datetime(2025, 12, 8, 9, 0, 1)
    assert wall.monotonic() - began < 5.0  # two and a half days at that speed would take 236 s
