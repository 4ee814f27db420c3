"""A test message over each channel, all at the same time, each with a deadline."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from bullet_trade.engine.clock import WallClock
from bullet_trade.ops.notify.channels import Channel, Message
from bullet_trade.ops.notify.lane import DEADLINE_S, Attempt
from bullet_trade.ops.notify.notifier import in_thread


class Answer(NamedTuple):
    """What a channel answered; `error` None: it took the message."""

    label: str
    error: str | None
    seconds: float


def try_channels(channels: Sequence[Channel], name: str, deadline_s: float = DEADLINE_S) -> list[Answer]:
    """Send the test message; the answers in the order of the channels."""
    wall = WallClock()
    message = Message(f"[测试] {name}", f"{wall.now():%Y-%m-%d %H:%M:%S} bullet-trade 测试消息，收到即通道可用", 0)
    began_s = wall.monotonic()
    ended: SimpleQueue[tuple[int, float]] = SimpleQueue()
    attempts = [Attempt((), began_s) for _ in channels]
    for place, (channel, attempt) in enumerate(zip(channels, attempts, strict=True)):

        def over(place: int = place) -> None:
            ended.put((place, wall.monotonic() - began_s))

        in_thread(lambda attempt=attempt, channel=channel, over=over: attempt.run(channel, message, over))  # type: ignore[misc]
    took: dict[int, float] = {}
    try:
        while len(took) < len(channels):
            place, seconds = ended.get(timeout=max(began_s + deadline_s - wall.monotonic(), 0.001))
            took[place] = seconds
    except Empty:
        pass  # the others are late, and said to be so below
    late = f"{deadline_s:g} 秒没有答复"
    return [
        Answer(channel.label, attempts[place].error if place in took else late, took.get(place, deadline_s))
        for place, channel in enumerate(channels)
    ]
