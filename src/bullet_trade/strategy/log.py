"""`log`, as the platform offers it: levels, several arguments, %-style arguments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.events import Audience, StrategySaid

LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 40}
CHANNELS = ("order", "history", "strategy", "system")


class StrategyLog:
    """The strategy's log. Lines carry exchange time, and the instant that the running callback is meant for."""

    def __init__(self, audience: Audience, now: Callable[[], datetime], logical: Callable[[], datetime | None]) -> None:
        self._audience = audience
        self._now = now
        self._logical = logical
        self._least = dict.fromkeys(CHANNELS, LEVELS["debug"])

    def set_level(self, name: str, level: str) -> None:
        """Show lines of channel `name` from `level` on; the channels are order, history, strategy and system."""
        if level not in LEVELS:
            raise StrategyError(f"log.set_level 的级别 {level!r} 无效", f"可用：{'、'.join(LEVELS)}")
        self._least[name] = LEVELS[level]

    def shows(self, channel: str, level: str) -> bool:
        """Whether a line of that channel and level is to be shown."""
        return LEVELS[level] >= self._least.get(channel, 0)

    def debug(self, *message: object) -> None:
        self._say("debug", message)

    def info(self, *message: object) -> None:
        self._say("info", message)

    def warn(self, *message: object) -> None:
        self._say("warning", message)

    warning = warn

    def error(self, *message: object) -> None:
        self._say("error", message)

    critical = error

    def exception(self, *message: object) -> None:
        self._say("error", message)

    def _say(self, level: str, message: tuple[object, ...]) -> None:
        if self.shows("strategy", level):
            self._audience.tell(StrategySaid(self._now(), level, joined(message), self._logical()))


def joined(message: tuple[object, ...]) -> str:
    """One line from the arguments of a log call: ``log.info('%s 买入 %d', code, 100)`` or ``log.info(a, b)``."""
    first, *rest = message or ("",)
    if rest and isinstance(first, str) and "%" in first:
        try:
            return first % tuple(rest)
        except (TypeError, ValueError):
            pass  # a percent sign that is no format: join like print
    return " ".join(str(part) for part in message)
