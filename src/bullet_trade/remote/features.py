"""What two peers of ours may do beyond the protocol of the deployed ones.

A client announces the names in its handshake, the server answers with those that it grants; a name counts only when
both have said it. Deployed clients announce ``tick`` and ``order_stream``, which mean nothing here, so they never see
an extension. The first two names are modules of the server, which every client is told.
"""

from __future__ import annotations

from collections.abc import Iterable

DATA = "data"
BROKER = "broker"

REPORTS = "reports"
"""Order and trade reports are pushed as `report` events; `broker.snapshot` gives the account with their number."""
RESUME = "resume"
"""A client that comes back names the last report that it has; what it missed is sent first."""
TICK_BATCH = "tick_batch"
"""Ticks come as `ticks` events: all that changed in an interval, with five levels."""
PACKED_TABLES = "packed_tables"
"""Tables come as compressed columns (dtype `packed`)."""
SERVER_TIME = "server_time"
"""The acknowledgement and every pong carry the server's exchange time."""
DEADLINE = "deadline"
"""An order may carry the server time after which it must not be executed."""

EXTENSIONS = (REPORTS, RESUME, TICK_BATCH, PACKED_TABLES, SERVER_TIME, DEADLINE)


def agreed(announced: Iterable[str], granted: Iterable[str] = EXTENSIONS) -> tuple[str, ...]:
    """The extensions in both lists, in the order of `EXTENSIONS`."""
    both = set(announced) & set(granted)
    return tuple(name for name in EXTENSIONS if name in both)
