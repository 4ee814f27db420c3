"""What the engine saves so that it can go on after a restart, and where it puts it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec


class SavedTask(msgspec.Struct, frozen=True):
    """One registered task; the function is found again by name."""

    func: str
    schedule_type: str
    time: str
    index: int
    force: bool
    reference_security: str | None


class SavedState(msgspec.Struct, kw_only=True):
    """Everything but `g`. Dates and times are ISO text of exchange time; money is 1/10,000 yuan."""

    saved_at: datetime
    strategy_hash: str
    strategy_start_date: str
    run_number: int
    next_order_number: int
    starting_cash: int
    tasks: list[SavedTask]
    settings: dict[str, object]
    subscriptions: list[str]
    marks: dict[str, str]
    """Day marks that ran, with the date they ran for: a restart does not repeat them."""
    opened: dict[str, str]
    """Opening times of the positions held, by code; the broker does not know them."""


class StateStore(Protocol):
    """Keeps one state and one `g`. Raises `StateError` with the file's name and what to do."""

    def load(self) -> tuple[SavedState, Callable[[], dict[str, object]]] | None:
        """The newest saved state, and what gives the attributes of `g`; None on a first start.

        `g` may hold instances of the strategy's own classes: ask for it once the strategy's module is loaded.
        """

    def save(self, state: SavedState, g: dict[str, object]) -> tuple[str, ...]:
        """Replace both atomically. Returns the names of attributes that cannot be pickled and were left out."""

    def close(self) -> tuple[str, ...]:
        """Write what was only remembered so far; returns as `save` does."""
