"""Keeps everything that the engine tells."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from bullet_trade.engine.events import Event, StrategySaid

E = TypeVar("E")


class Recorder:
    """An `Audience` that remembers the events in the order in which they were told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def said(self) -> list[tuple[datetime, str]]:
        """What the strategy wrote to its log: logical time and text."""
        return [(event.at, event.text) for event in self.of(StrategySaid)]
