"""What the engine saves so that it can go on after a restart, and where it puts it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import NamedTuple, Protocol

import msgspec


class SavedTask(msgspec.Struct, frozen=True):
    """One registered task; the function is found again by name."""

    func: str
    schedule_type: str
    time: str
    index: int
    force: bool
    reference_security: str | None
    catch_up_s: float = 0.0


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


class Loaded(NamedTuple):
    """What a restart begins with. `unpickle` gives the attributes of `g`; it wants the loaded strategy module, because
    `g` may hold instances of the strategy's own classes. `notes` say what is unusual about it, in Chinese."""

    state: SavedState
    unpickle: Callable[[ModuleType | None], dict[str, object]]
    notes: tuple[str, ...]


class StateStore(Protocol):
    """Keeps the state and `g`. Raises `StateError` with the file's name and what to do."""

    @property
    def generation(self) -> int:
        """The number of the state that was saved last; 0 before the first one."""

    def load(self) -> Loaded | None:
        """The newest whole state; None on a first start."""

    def save(self, state: SavedState, g: dict[str, object], strategy: ModuleType | None) -> tuple[str, ...]:
        """Replace both atomically. Returns the names of attributes that cannot be pickled and were left out.

        `g` is pickled before this returns; writing may go on in the background, and a failure of it is raised by the
        next call.
        """

    def close(self) -> tuple[str, ...]:
        """Return when everything is written; returns as `save` does."""
