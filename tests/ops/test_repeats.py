"""Storms of identical warnings in the log."""

from __future__ import annotations

from datetime import datetime, timedelta

from bullet_trade.engine.events import Event, LinkChanged, Recorded, ReportIgnored, StateNote, Stopping, StrategySaid
from bullet_trade.ops.repeats import Repeats
from bullet_trade.testing.recorder import Recorder

TEN = datetime(2025, 6, 3, 10)


def after(seconds: float) -> datetime:
    return TEN + timedelta(seconds=seconds)


def heard(*told: Event) -> list[Event]:
    recorder = Recorder()
    repeats = Repeats(recorder)
    for event in told:
        repeats.tell(event)
    return recorder.events


def test_the_first_five_are_shown_and_the_others_counted() -> None:
    """O04, log storms"""
    storm = [ReportIgnored(after(n / 100), "重复回报") for n in range(1000)]
    events = heard(*storm, Stopping(after(20), "完"))
    assert events[:5] == storm[:5]
    assert isinstance(events[5], StateNote) and len(events) == 7
    assert "10:00:00-10:00:09" in events[5].text and "又出现 995 次" in events[5].text and "重复回报" in events[5].text


def test_a_storm_that_goes_on_is_told_once_a_minute_and_nothing_is_left_uncounted() -> None:
    storm = [ReportIgnored(after(n), "重复回报") for n in range(300)]
    events = heard(*storm, Stopping(after(300), "完"))
    shown = [event for event in events if isinstance(event, ReportIgnored)]
    counted = [int(event.text.split("又出现 ")[1].split()[0]) for event in events if isinstance(event, StateNote)]
    assert (len(shown), counted) == (25, [55] * 5)


def test_different_warnings_and_a_link_that_comes_and_goes_are_each_counted() -> None:
    flapping: list[Event] = []
    for n in range(20):
        flapping += [
            LinkChanged(after(n), False, "断线"),
            LinkChanged(after(n), True, ""),
            ReportIgnored(after(n), str(n)),
        ]
    events = heard(*flapping)
    assert sum(isinstance(event, ReportIgnored) for event in events) == 20
    assert [event.up for event in events if isinstance(event, LinkChanged)].count(False) == 5
    assert [event.up for event in events if isinstance(event, LinkChanged)].count(True) == 20


def test_what_is_no_warning_is_never_kept_back() -> None:
    lines: list[Event] = [StrategySaid(TEN, "info", "同一句") for _ in range(100)]
    lines += [Recorded(TEN.date(), {"x": 1.0}) for _ in range(100)]
    assert heard(*lines) == lines
