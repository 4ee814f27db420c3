"""The server types. One row each."""

from __future__ import annotations

from collections.abc import Callable

from bullet_trade.domain.errors import UsageError
from bullet_trade.server.qmt import qmt_venue
from bullet_trade.server.simulator import simulator_venue
from bullet_trade.server.venue import Setting, Venue

SERVER_TYPES: dict[str, Callable[[Setting], Venue]] = {"simulator": simulator_venue, "qmt": qmt_venue}


def open_venue(server_type: str, setting: Setting) -> Venue:
    """The venue of a server type. Raises `UsageError` for an unknown one."""
    found = SERVER_TYPES.get(server_type.replace("-", "_"))
    if found is None:
        raise UsageError(f"未知的服务类型 {server_type!r}", f"可用：{'、'.join(SERVER_TYPES)}")
    return found(setting)
