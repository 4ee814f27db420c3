"""The server's clock as the client estimates it; its deadlines and the times of reports follow from it."""

from __future__ import annotations

from datetime import datetime, timedelta

from bullet_trade.brokers.qmt_remote.wire_time import ServerClock
from bullet_trade.domain.reports import LinkUp

NOW = datetime(2026, 1, 5, 10, 0)
SECOND = timedelta(seconds=1)


def test_a_server_whose_clock_is_ahead_is_spoken_to_in_its_time_and_heard_in_ours() -> None:
    clock = ServerClock()
    clock.hear(NOW + 90 * SECOND, NOW, NOW)
    assert clock.theirs(NOW) == NOW + 90 * SECOND
    assert clock.ours(LinkUp(NOW + 90 * SECOND)) == LinkUp(NOW)


def test_small_differences_leave_times_as_they_are() -> None:
    clock = ServerClock()
    clock.hear(NOW + 0.9 * SECOND, NOW, NOW)
    assert clock.known
    assert clock.ours(LinkUp(NOW)) == LinkUp(NOW)


def test_an_answer_that_was_read_after_a_sleep_does_not_move_the_clock() -> None:
    """F01: it would put every deadline into the past."""
    clock = ServerClock()
    clock.hear(NOW, NOW, NOW + timedelta(minutes=20))
    assert not clock.known
    assert clock.theirs(NOW) == NOW
