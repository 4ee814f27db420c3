"""The two clocks. The only module that reads the machine's time.

Exchange time is naive Beijing time (UTC+8 all year; China has had no daylight saving since 1991), so the machine's own
time zone never matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from datetime import time as time_of_day
from typing import Protocol

from bullet_trade.engine.inbox import Inbox, Message

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")

LONGEST_NAP_S = 0.5
"""A wait is cut into naps this long: a clock step, a wake from sleep or Ctrl+C (which Windows holds back during a wait)
is noticed within one nap."""

HELD_UP_S = 10.0
"""A nap that lasts this much longer was no nap: the process was stopped, or the machine slept."""

STEP_S = 2.0
"""Civil time may run this far ahead of or behind the monotonic clock between two looks before it counts as a step."""


PLAYED_FROM, PLAYED_TO = time_of_day(9, 0), time_of_day(15, 30)
"""The part of a day that a replay at a given speed plays; it skips the rest."""


def local_offset() -> timedelta:
    """How far the machine's local time is ahead of UTC at present; only told to people."""
    return timedelta(seconds=time.localtime().tm_gmtoff)


class Clock(Protocol):
    """Present time, and waiting for a moment or a message, whichever is first."""

    @property
    def virtual(self) -> bool:
        """Whether time is invented: with nothing left to wait for, it cannot move on and the run is over."""

    def now(self) -> datetime:
        """Present exchange time."""

    def monotonic(self) -> float:
        """Seconds that only move forward, for durations and deadlines."""

    def take_step(self) -> float:
        """Seconds by which civil time has jumped, or passed while the process was held up, since the last call; 0.0
        when it ran evenly."""

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        """The next message, or None once `until` is reached; None for `until` waits for a message alone."""


class VirtualClock:
    """Time that moves only when the engine has nothing left to do at the present instant.

    `speed` None jumps; a number plays N seconds of exchange time per real second between 09:00 and 15:30. Waiting for
    nothing returns at once.
    """

    virtual = True

    def __init__(self, start: datetime, speed: float | None = None) -> None:
        self._now = start
        self._origin = start
        self._speed = speed

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._origin).total_seconds()

    def take_step(self) -> float:
        return 0.0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        if not inbox.empty():
            return inbox.get()
        if until is None or until <= self._now:
            return None
        if self._speed is not None:
            return self._play(inbox, until, self._speed)
        self._now = until
        return None

    def _play(self, inbox: Inbox, until: datetime, speed: float) -> Message | None:
        while self._now < until:
            self._skip_night(until)
            message = self._play_day(inbox, min(until, datetime.combine(self._now.date(), PLAYED_TO)), speed)
            if message is not None:
                return message
        return None

    def _play_day(self, inbox: Inbox, until: datetime, speed: float) -> Message | None:
        start, began = self._now, time.monotonic()
        while self._now < until:
            rest_s = (until - self._now).total_seconds() / speed
            message = inbox.get(min(rest_s, LONGEST_NAP_S))
            played = start + timedelta(seconds=(time.monotonic() - began) * speed)
            self._now = min(until, max(self._now, played))
            if message is not None:
                return message
        return None

    def _skip_night(self, until: datetime) -> None:
        """Nights and days without a session pass at once: nobody wants to watch them."""
        now = self._now
        if now.time() < PLAYED_FROM:
            self._now = min(until, datetime.combine(now.date(), PLAYED_FROM))
        elif now.time() >= PLAYED_TO:
            morning = datetime.combine(max(until.date(), now.date() + timedelta(days=1)), PLAYED_FROM)
            self._now = min(until, morning)


class WallClock:
    """The machine's clock, read as Beijing time."""

    virtual = False

    def __init__(self, civil: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        """`civil` gives seconds since 1970 UTC, `steady` seconds that only move forward."""
        self._civil = civil
        self.monotonic = steady
        self._offset_s = civil() - steady()
        self._held_up_s = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._civil(), BEIJING).replace(tzinfo=None)

    def take_step(self) -> float:
        """Seconds by which civil time has jumped since the last call, and for which the process was held up in a wait;
        0.0 when neither happened.

        Positive after a step forward, and after a sleep or a stop: some systems' monotonic clock goes on meanwhile,
        others' stands still.
        """
        held_up, self._held_up_s = self._held_up_s, 0.0
        offset = self._civil() - self.monotonic()
        step = offset - self._offset_s
        if abs(step) < STEP_S:
            return held_up
        self._offset_s = offset
        return step + held_up

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        while True:
            rest_s = LONGEST_NAP_S if until is None else (until - self.now()).total_seconds()
            if rest_s <= 0.0:
                return inbox.get()
            nap_s, began = min(rest_s, LONGEST_NAP_S), self.monotonic()
            message = inbox.get(nap_s)
            over_s = self.monotonic() - began - nap_s
            if over_s > HELD_UP_S:
                self._held_up_s += over_s
            if message is not None:
                return message
