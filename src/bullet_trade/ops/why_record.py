"""The journal's records as `why` reads them, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from bullet_trade.domain.money import SCALE, text


class Record(NamedTuple):
    """One record with its body decoded."""

    seq: int
    at: datetime
    kind: str
    body: dict[str, object]

    def text(self, name: str) -> str:
        """A field as text, '' when it is missing."""
        value = self.body.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> int:
        """A whole number, 0 when it is missing."""
        value = self.body.get(name)
        return value if isinstance(value, int) else 0

    def part(self, name: str) -> Mapping[str, object]:
        """A nested record, empty when it is missing."""
        value = self.body.get(name)
        return value if isinstance(value, dict) else {}


class Story(msgspec.Struct, frozen=True):
    """One chain of causes. `verdict` is a stable name of the outcome or the cause: `filled`, `cancelled`, `rejected`,
    `unknown`, `dry_run`, the rule of a refusal, `zero_amount`, `paused`, `task_not_due`, ..."""

    verdict: str
    title: str
    lines: tuple[str, ...]
    at: datetime | None = None


def clock(at: datetime) -> str:
    """``10:31:02.500``, the fraction only where there is one."""
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}" if at.microsecond else f"{at:%H:%M:%S}"


def yuan(value: int) -> str:
    """A price or a sum of money for people."""
    shown = text(value, 4)
    return shown[:-2] if shown.endswith("00") else shown.rstrip("0")


def amount_of_money(value: int) -> str:
    """A sum with thousands separators."""
    return f"{value / SCALE:,.2f}"


def asked(record: Record) -> str:
    """Who asked: ``策略 rebalance demo.py:42 调用 order_value(600519.XSHG, 30000)``; '' where it is not known."""
    told = record.part("asked")
    call, where = str(told.get("call", "")), str(told.get("where", ""))
    if not call:
        return ""
    return f"{where} 调用 {call}" if where else call
