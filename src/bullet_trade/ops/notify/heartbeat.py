"""The engine's heartbeat, as others hear it: an engine that hangs cannot say so itself."""

from __future__ import annotations

from collections.abc import Callable

SILENT_S = 180.0
LOOK_EVERY_S = 15.0


class Heartbeat:
    """Looked at from the notifier's thread."""

    def __init__(self, published_s: Callable[[], float | None], steady: Callable[[], float]) -> None:
        """`published_s` gives the steady time of the engine's last sign of life, None before the first."""
        self._published_s = published_s
        self._steady = steady
        self._looked_s = steady()
        self._doubted = False
        self._silent = False

    def look(self) -> str | None:
        """What has to be told, if anything is new."""
        now_s, last_s = self._steady(), self._published_s()
        if last_s is None or now_s - self._looked_s < LOOK_EVERY_S:
            return None
        self._looked_s = now_s
        silent_s = now_s - last_s
        if silent_s < SILENT_S:
            self._doubted = False
            if self._silent:
                self._silent = False
                return "引擎恢复响应"
        elif not self._doubted:  # after a machine's sleep the engine needs a moment, too
            self._doubted = True
        elif not self._silent:
            self._silent = True
            return f"引擎已 {silent_s:.0f} 秒没有响应：定时任务、行情和回报都没有处理，请检查进程和券商终端"
        return None
