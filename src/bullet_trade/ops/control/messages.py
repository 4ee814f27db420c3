"""What goes over the control socket: one request, one reply, each a line of JSON."""

from __future__ import annotations

import msgspec

from bullet_trade.engine.brake import BrakeState
from bullet_trade.engine.commands import SaleLine, Who
from bullet_trade.ops.status import StatusView

VERSION = 1
REQUEST_BYTES = 64 * 1024
"""No request is longer."""

COMMANDS = ("status", "pause", "resume", "halt", "cancel-all", "flatten-plan", "flatten", "reload", "stop")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command. `token` is that of the engine's `control.json`; `everything` wants foreign orders cancelled too."""

    version: int
    token: str
    command: str
    who: Who
    why: str = ""
    everything: bool = False


class Running(msgspec.Struct, frozen=True):
    """The strategy's callback that runs now, and for how many seconds it has."""

    callback: str
    seconds: float


class Reply(msgspec.Struct, frozen=True):
    """What came of a request. `code` is a stable name, `text` is for people.

    A reply to ``status`` carries the engine's last `status` (None before the first one) and its age in seconds, and
    what the control thread knows itself: the brake and the running callback.
    """

    ok: bool
    code: str
    text: str
    orders: tuple[int, ...] = ()
    plan: tuple[SaleLine, ...] = ()
    status: StatusView | None = None
    age_s: float = 0.0
    brake: BrakeState | None = None
    running: Running | None = None
