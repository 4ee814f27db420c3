"""The messenger of a live run, from the settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.events import Audience
from bullet_trade.ops.log_masking import Mask
from bullet_trade.ops.notify.channels import open_channels
from bullet_trade.ops.notify.heartbeat import Heartbeat
from bullet_trade.ops.notify.notifier import Notifier
from bullet_trade.ops.notify.terms import addresses, notify_terms
from bullet_trade.ops.settings import Settings
from bullet_trade.ops.status import StatusDesk


def messenger(settings: Settings, name: str, mask: Mask) -> Notifier | None:
    """None where no channel is set. Raises `UsageError` for a setting that cannot be used, or without apprise."""
    terms = notify_terms(settings)
    channels = open_channels(addresses(settings))
    if not channels:
        return None
    wall = WallClock()
    return Notifier(channels, terms, settings.strategy_name or name, wall.now, wall.monotonic, mask=mask)


def listen(notifier: Notifier, status: StatusDesk) -> None:
    """Have the notifier tell when the engine publishes nothing any more."""

    def published_s() -> float | None:
        return status.published[1] if status.published is not None else None

    notifier.heartbeat = Heartbeat(published_s, WallClock().monotonic)


@contextmanager
def sending(notifier: Notifier | None, log: Audience) -> Iterator[None]:
    """Have an end by an error told: a run that nobody looks at would just be silent. The caller starts the notifier as
    soon as there is a directory for its outbox; `log` hears what is wrong with the channels."""
    if notifier is None:
        yield
        return
    notifier.log = log
    try:
        yield
    except Exception as error:
        # Who sits before the screen and mistypes a name needs no alarm on the phone.
        if notifier.started or not sys.stdin.isatty():
            words = str(error) if isinstance(error, BulletTradeError) else type(error).__name__
            notifier.alarm(f"引擎{'因错误停止' if notifier.started else '没有启动'}：{words}")
            if not notifier.started:
                notifier.start(None)
        raise
    finally:
        notifier.close()
