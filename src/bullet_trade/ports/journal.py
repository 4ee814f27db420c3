"""The journal: an append-only, numbered record of what happened and what was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class Journal(Protocol):
    """Written by the engine thread only. Raises `StateError` when it cannot be written: trading must stop then."""

    def append(self, at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
        """Add one record and return its number; numbers are ascending without gaps."""

    def barrier(self) -> None:
        """Return when everything appended so far survives the end of this process."""

    def close(self) -> None:
        """Write what is pending and release the file."""
