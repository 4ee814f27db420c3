"""Puts what waits together into one message that every service takes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bullet_trade.ops.notify.channels import Message
from bullet_trade.ops.notify.note import CLASSES
from bullet_trade.ops.notify.outbox import Waiting

BODY_BYTES = 1_800
"""A WeCom robot takes 2,048 bytes in UTF-8, title included; the others take more."""

LINE_BYTES = 500

_ORDER = list(CLASSES)
_GRAVE = {"alarms": 2, "disconnects": 2, "refusals": 1, "notes": 1}


def digest(name: str, rows: Sequence[Waiting], now: datetime) -> Message:
    """One message for all rows; where they are too many the gravest are shown and the others counted."""
    ranked = sorted(rows, key=lambda row: _ORDER.index(row.kind))
    room = BODY_BYTES - 150  # for the count of what is left out
    shown: list[Waiting] = []
    for row in ranked:
        room -= len(_line(row, now).encode()) + 1
        if room < 0:
            break
        shown.append(row)
    left_out = ranked[len(shown) :]
    lines = [_line(row, now) for row in sorted(shown, key=lambda row: (row.last_at, row.number))]
    if left_out:
        counts = Counter(row.kind for row in left_out)
        words = "、".join(f"{CLASSES[kind]} {counts[kind]}" for kind in _ORDER if counts[kind])
        lines.append(f"另有 {len(left_out)} 条没有列出（{words}），见日志")
    worst = ranked[0].kind
    count = f" {len(rows)} 条" if len(rows) > 1 else ""
    return Message(f"[{CLASSES[worst]}] {cut(name, 60)}{count}", "\n".join(lines), _GRAVE.get(worst, 0))


def _line(row: Waiting, now: datetime) -> str:
    when = f"{row.last_at:%H:%M:%S}" if row.last_at.date() == now.date() else f"{row.last_at:%m-%d %H:%M:%S}"
    times = f"（自 {row.first_at:%m-%d %H:%M:%S} 起共 {row.times} 次）" if row.times > 1 else ""
    return f"{when} {cut(row.text, LINE_BYTES)}{times}"


def cut(text: str, most: int) -> str:
    """The text, ended by … where it has more than `most` bytes in UTF-8."""
    raw = text.encode()
    return text if len(raw) <= most else raw[: most - 3].decode(errors="ignore") + "…"
