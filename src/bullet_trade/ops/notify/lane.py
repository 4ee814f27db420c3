"""One channel's way: at most one message under way, a pause between two, longer pauses while it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from bullet_trade.ops.notify.channels import Channel, DeliveryError, Message
from bullet_trade.ops.notify.digest import digest
from bullet_trade.ops.notify.outbox import Waiting
from bullet_trade.ops.notify.terms import NotifyTerms

GATHER_S = 1.0
"""What follows within this time of the first goes into the same message."""

DEADLINE_S = 30.0
"""A channel that has not answered by then counts as lost."""

ABANDON_S = 600.0
"""A send that does not return by then is given up, and the message sent anew; before, it could arrive twice."""

RETRY_S, LONGEST_RETRY_S = 5.0, 300.0


class Attempt:
    """A message under way in a thread of its own, which nobody can stop. `finished` is set last."""

    def __init__(self, rows: Sequence[Waiting], began_s: float) -> None:
        self.rows = rows
        self.began_s = began_s
        self.error: str | None = None
        self.finished = False

    def run(self, channel: Channel, message: Message, over: Callable[[], None]) -> None:
        """Send; on whatever thread."""
        try:
            channel.send(message)
        except DeliveryError as error:
            self.error = str(error)
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; its text may hold a secret
            self.error = f"内部错误 {type(error).__name__}"
        self.finished = True
        over()


class News(NamedTuple):
    """What changed about a channel: `delivered` rows, and words for the log where it was lost or came back."""

    delivered: Sequence[Waiting] = ()
    text: str = ""
    lost: bool = False


Spawn = Callable[[Callable[[], None]], None]


class Lane:
    """Used by one thread."""

    def __init__(self, channel: Channel, name: str, terms: NotifyTerms, spawn: Spawn, over: Callable[[], None]) -> None:
        """`spawn` runs a function beside this thread; `over` is called on that thread when a send has ended."""
        self.label = channel.label
        self._channel = channel
        self._name = name
        self._terms = terms
        self._spawn = spawn
        self._over = over
        self._attempt: Attempt | None = None
        self._ready_s = float("-inf")
        self._gathering = False
        self._failures = 0
        self._lost = False

    @property
    def busy(self) -> bool:
        """Whether a message is under way."""
        return self._attempt is not None

    @property
    def failing(self) -> bool:
        """Whether the last message did not arrive."""
        return self._failures > 0

    def gather(self, now_s: float) -> None:
        """Something new waits: give what follows a moment, once."""
        if not self.failing and not self._gathering:
            self._gathering = True
            self._ready_s = max(self._ready_s, now_s + GATHER_S)

    def rest_s(self, now_s: float) -> float:
        """Seconds until this lane has to be looked at again."""
        if self._attempt is not None:
            return max(self._attempt.began_s + (ABANDON_S if self._lost else DEADLINE_S) - now_s, 0.05)
        return max(self._ready_s - now_s, 0.0)

    def settle(self, now_s: float) -> News:
        """What became of the message under way."""
        attempt = self._attempt
        if attempt is None:
            return News()
        if not attempt.finished:
            return self._late(attempt, now_s)
        self._attempt = None
        if attempt.error is not None:
            return self._failed(attempt.error, now_s)
        self._ready_s, self._failures = now_s + self._terms.interval_s, 0
        words = f"消息通道 {self.label} 已恢复，补发 {len(attempt.rows)} 条" if self._lost else ""
        self._lost = False
        return News(attempt.rows, words)

    def _late(self, attempt: Attempt, now_s: float) -> News:
        waited_s = now_s - attempt.began_s
        if waited_s >= ABANDON_S:
            self._attempt = None
        elif waited_s < DEADLINE_S or self._lost:
            return News()
        return self._failed(f"{DEADLINE_S:.0f} 秒没有答复", now_s)

    def _failed(self, reason: str, now_s: float) -> News:
        self._failures += 1
        self._ready_s = now_s + min(RETRY_S * 2 ** min(self._failures - 1, 10), LONGEST_RETRY_S)
        if self._lost:
            return News()
        self._lost = True
        return News((), f"消息通道 {self.label} 发送失败：{reason}；未送达的消息已保存，恢复后补发", lost=True)

    def due(self, rows: Sequence[Waiting], told: dict[str, tuple[str, datetime]], now: datetime) -> list[Waiting]:
        """Those of the waiting rows that may be sent now."""
        self._gathering = False
        return [row for row in rows if not self._terms.held(row.kind, now) and self._fresh(row, told, now)]

    def _fresh(self, row: Waiting, told: dict[str, tuple[str, datetime]], now: datetime) -> bool:
        last = told.get(row.topic)
        return last is None or last[0] != row.key or abs((now - last[1]).total_seconds()) >= self._terms.repeat_s

    def may_send(self, now_s: float) -> bool:
        """Whether a message may leave now."""
        return self._attempt is None and now_s >= self._ready_s

    def send(self, rows: Sequence[Waiting], now: datetime, now_s: float) -> None:
        """Have these rows sent as one message."""
        message = digest(self._name, rows, now)
        attempt = self._attempt = Attempt(rows, now_s)
        self._spawn(lambda: attempt.run(self._channel, message, self._over))
