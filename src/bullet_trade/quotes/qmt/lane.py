"""Calls of the vendor's `xtdata`: one at a time, and none for longer than its limit.

None of its functions has a time limit of its own, and a thread that hangs in one cannot be ended: it is left behind.
One at a time, because concurrent calls have crashed the vendor's layer.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Protocol, TypeVar

from bullet_trade.domain.errors import DataError

T = TypeVar("T")

PAUSE_S = 5.0
"""After a call that did not return, others fail at once for so long: fifty questions do not wait fifty times."""
MOST_STUCK = 8
"""So many hung calls are left behind before no further one is made."""
_SLICE_S = 1.0


class Patience(Protocol):
    """Says how long a call that shows progress may still take."""

    def left_s(self) -> float:
        """Seconds until it counts as hung."""

    def look(self) -> None:
        """Called about once a second while it is waited for."""


class Lane:
    """Makes the calls. Any thread may ask, but none that the vendor calls back on."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._turn = Lock()
        self._stuck: list[Thread] = []
        self._refuse_until = float("-inf")

    @property
    def stuck(self) -> int:
        """Calls that were given up and have not come back."""
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        return len(self._stuck)

    def ask(self, what: str, call: Callable[[], T], limit_s: float, patience: Patience | None = None) -> T:
        """What `call` returns. Raises `DataError` where it fails, or does not return in time."""
        if self._monotonic() < self._refuse_until:
            raise DataError(f"QMT 行情没有应答，{PAUSE_S:.0f} 秒内不再询问 {what}", "确认 QMT 已登录且行情正常")
        if self.stuck >= MOST_STUCK:
            raise DataError(f"{self.stuck} 个 xtdata 调用一直没有返回", "重启 QMT 终端和本程序")
        if not self._turn.acquire(timeout=limit_s):
            raise DataError(f"xtdata.{what} 等了 {limit_s:g} 秒没有轮到", "QMT 正忙，稍后再试")
        try:
            return self._made(what, call, limit_s, patience)
        finally:
            self._turn.release()

    def _made(self, what: str, call: Callable[[], T], limit_s: float, patience: Patience | None) -> T:
        answer: SimpleQueue[T | _Failed | _Late] = SimpleQueue()

        def work() -> None:
            try:
                answer.put(call())
            except Exception as error:  # noqa: BLE001  # the vendor raises bare exceptions; told to the caller
                answer.put(_Failed(error))

        thread = Thread(target=work, name=f"xtdata-{what}", daemon=True)
        thread.start()
        found = _waited(answer, limit_s) if patience is None else _watched(answer, patience)
        if isinstance(found, _Failed):
            raise DataError(f"xtdata.{what} 失败：{found.error}", "确认 QMT 已启动并登录") from found.error
        if isinstance(found, _Late):
            self._stuck.append(thread)
            if patience is None:
                self._refuse_until = self._monotonic() + PAUSE_S
            raise DataError(f"xtdata.{what} 在时限内没有返回", "确认 QMT 已登录且行情正常")
        return found


class _Failed:
    def __init__(self, error: Exception) -> None:
        self.error = error


class _Late:
    pass


def _waited(answer: SimpleQueue[T | _Failed | _Late], limit_s: float) -> T | _Failed | _Late:
    try:
        return answer.get(timeout=limit_s)
    except Empty:
        return _Late()


def _watched(answer: SimpleQueue[T | _Failed | _Late], patience: Patience) -> T | _Failed | _Late:
    while (left_s := patience.left_s()) > 0:
        try:
            return answer.get(timeout=min(_SLICE_S, left_s))
        except Empty:
            patience.look()
    return _Late()
