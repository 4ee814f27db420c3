"""What the operator wants to be told, and when, from the settings (`NOTIFY_*`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.notify.note import ALARMS, CLASSES, DEFAULT_CLASSES
from bullet_trade.ops.settings import Settings

_NEXT_URL = re.compile(r"[\s,，;]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day, Beijing time, in which nothing is sent; they may lead over midnight."""

    begin: time
    end: time

    def holds(self, now: datetime) -> bool:
        """Whether `now` is within them; the end is not."""
        if self.begin <= self.end:
            return self.begin <= now.time() < self.end
        return not self.end <= now.time() < self.begin


@dataclass(frozen=True, slots=True)
class NotifyTerms:
    """`classes` are told. At least `interval_s` seconds lie between two messages to a channel; what says the same as
    the last one waits for `repeat_s` seconds and is counted. In `quiet` hours only `passing` classes are sent."""

    classes: frozenset[str] = frozenset(DEFAULT_CLASSES)
    quiet: Quiet | None = None
    passing: frozenset[str] = frozenset({ALARMS})
    interval_s: float = 20.0
    repeat_s: float = 300.0

    def held(self, kind: str, now: datetime) -> bool:
        """Whether a message of the class has to wait for the end of the quiet hours."""
        return self.quiet is not None and kind not in self.passing and self.quiet.holds(now)


def notify_terms(settings: Settings) -> NotifyTerms:
    """Raises `UsageError` naming the variable and the value."""
    return NotifyTerms(
        _classes(settings.notify_events),
        _quiet(settings.notify_quiet),
        frozenset({ALARMS}) if settings.notify_quiet_alarms else frozenset(),
        settings.notify_interval,
        settings.notify_repeat,
    )


def addresses(settings: Settings) -> list[str]:
    """The channels' addresses: those of `NOTIFY_URLS`, and the robot of `MESSAGE_KEY`; each holds a secret."""
    found = [url for url in _NEXT_URL.split(settings.notify_urls.get_secret_value().strip()) if url]
    for variable in (settings.message_key, settings.wechat_message_key):
        key = variable.get_secret_value().strip()
        if key:
            found.append(key if "://" in key else _of_key(key))
    return list(dict.fromkeys(url.strip(",; ") for url in found))


def _of_key(key: str) -> str:
    """Deployed installations hold the key of a WeCom robot; one of ServerChan tells itself by its first letters."""
    return f"schan://{key}" if key.startswith("SCT") else f"wecombot://{key}"


def _classes(text: str) -> frozenset[str]:
    names = [name for name in re.split(r"[\s,，]+", text.strip().lower()) if name]
    if names == ["all"]:
        return frozenset(CLASSES)
    for name in names:
        if name not in CLASSES:
            raise UsageError(f"NOTIFY_EVENTS 里的 {name!r} 不存在", f"可用：{'、'.join(CLASSES)}，或 all")
    return frozenset(names or DEFAULT_CLASSES)


def _quiet(text: str) -> Quiet | None:
    if not text.strip():
        return None
    begin, _, end = text.strip().partition("-")
    try:
        return Quiet(time.fromisoformat(begin.strip()), time.fromisoformat(end.strip()))
    except ValueError as error:
        raise UsageError(f"NOTIFY_QUIET={text!r} 无效", "写成 22:00-08:00") from error
