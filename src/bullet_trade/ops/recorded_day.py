"""One day of the journal as it is replayed: the runs of the engine on it, what each was told from outside, and what it
decided. Read-only, also while the engine runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import NamedTuple

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.money import SCALE
from bullet_trade.engine.recovery import Record
from bullet_trade.store.journal import Row
from bullet_trade.store.journal_archive import read_all, record_of

BEGINNINGS = frozenset({"start", "restart"})
INPUTS = frozenset({"report", "link", "entitlement", "account", "adopted"})
"""Kinds that say what reached the engine from the broker."""

BY_HAND = frozenset({"pause", "resume", "halt", "cancel-all", "flatten", "reload"})
"""Commands of an operator after which the strategy alone does not explain the day."""

Body = dict[str, object]


class Decision(NamedTuple):
    """Something that the strategy decided: `key` is what has to be the same again, `tag` the order's tag ('' without
    one), `callback` what ran then, '' for a minute task, a tick or a stop order."""

    at: datetime
    key: tuple[object, ...]
    tag: str
    callback: str
    text: str


class Input(NamedTuple):
    """Something that reached the engine at `at`, when it had made `after` decisions in this run."""

    at: datetime
    after: int
    kind: str
    body: bytes


@dataclass(slots=True)
class RecordedRun:
    """One run of the engine, as far as it lies on the day. `begin` is None where it began on an earlier day.

    `proper`: it came to an end by itself; `saves` are the instants at which its state was saved; `past` is what its
    recovery read.
    """

    begin: Body | None
    first: bool
    """Whether it began with `initialize`."""
    began_at: datetime
    number: int
    last_order: int
    marks: dict[str, str]
    past: list[Record]
    ended_at: datetime
    proper: bool = False
    by_hand: str = ""
    """What an operator did, which ends the comparison of this run."""
    decisions: list[Decision] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    callbacks: list[tuple[datetime, str]] = field(default_factory=list)
    saves: list[datetime] = field(default_factory=list)


def read_day(journal: Path, day: date) -> list[RecordedRun]:
    """The runs of the engine on `day`. Raises `UsageError` when the journal has nothing of it, `StateError` when it
    cannot be read."""
    return _Reader(day).read(list(read_all(journal, last=day.isoformat() + "T99")))


def decision_of(at: datetime, kind: str, body: Body, callback: str) -> Decision | None:
    """What a record says the strategy decided; None for a record of another kind."""
    make = _DECISIONS.get(kind)
    return make(at, body, callback) if make is not None else None


def _intent(at: datetime, body: Body, callback: str) -> Decision:
    limit = body["limit"]
    assert isinstance(limit, int)
    kind = "市价" if body["type"] == "market" else "限价"
    key = ("intent", *(body[name] for name in ("code", "side", "wanted", "amount", "type", "limit")))
    side = "买入" if body["side"] == 1 else "卖出"
    text = f"{side} {body['code']} {body['amount']} 股（想要 {body['wanted']}），{kind} {limit / SCALE:g}"
    return Decision(at, key, str(body["tag"]), callback, text)


def _refused(at: datetime, body: Body, callback: str) -> Decision:
    key = ("refused", *(body[name] for name in ("code", "side", "amount", "rule")))
    side = "买入" if body["side"] == "BUY" else "卖出"
    return Decision(at, key, "", callback, f"{side} {body['code']} {body['amount']} 股，被拒：{body['text']}")


def _cancel(at: datetime, body: Body, callback: str) -> Decision:
    return Decision(at, ("cancel",), str(body["tag"]), callback, f"撤单 #{body['order_id']}")


def _stop_order(at: datetime, body: Body, callback: str) -> Decision:
    key = ("stop_order", *(body[name] for name in ("code", "side", "amount", "rising", "stop", "limit")))
    side = "买入" if body["side"] == 1 else "卖出"
    return Decision(at, key, "", callback, f"条件单 {side} {body['code']} {body['amount']} 股")


_DECISIONS = {"intent": _intent, "refused": _refused, "cancel": _cancel, "stop_order": _stop_order}


class _Reader:
    """Goes through the journal up to the end of the day, in order."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._runs: list[RecordedRun] = []
        self._number = 0
        self._last_order = 0
        self._marks: dict[str, str] = {}
        self._callback = ""

    def read(self, rows: Sequence[Row]) -> list[RecordedRun]:
        past: list[Record] = []
        for row in rows:
            record = record_of(row)
            try:
                if record.at.date() == self._day:
                    self._take(record, past)
                elif row.kind == "checkpoint":
                    past = []
                past.append(record)
                self._count(record)
            except (ValueError, KeyError, TypeError) as error:
                raise StateError(
                    f"流水第 {row.seq} 条记录无法读取（{error}）", "流水已损坏，请从备份恢复（docs/recovery.md）"
                ) from error
        if not self._runs:
            days = f"{rows[0].at[:10]} 至 {rows[-1].at[:10]}" if rows else "没有记录"
            raise UsageError(f"流水里没有 {self._day} 的记录（{days}）", "换一天，或检查 --runtime-dir")
        return self._runs

    def _count(self, record: Record) -> None:
        """What a restart after this record would know."""
        if record.kind in BEGINNINGS:
            self._number += 1
        elif record.kind in ("intent", "adopted"):
            number = json.loads(record.body)["order_id"]
            self._last_order = max(self._last_order, number)
        elif record.kind == "callback":
            self._marks[json.loads(record.body)["name"]] = record.at.date().isoformat()

    def _take(self, record: Record, past: list[Record]) -> None:
        at, kind = record.at, record.kind
        if kind in BEGINNINGS:
            self._begin(at, past, json.loads(record.body), first=kind == "start")
        elif kind == "fresh":
            return
        elif not self._runs:
            self._begin(datetime.combine(self._day, time()), past, None, first=False)
        run = self._runs[-1]
        if run.by_hand:
            return
        run.ended_at = max(run.ended_at, at)
        if kind in INPUTS:
            run.inputs.append(Input(at, len(run.decisions), kind, record.body))
            return
        body = json.loads(record.body)
        self._note(run, at, kind, body)
        decision = decision_of(at, kind, body, self._callback)
        if decision is not None:
            run.decisions.append(decision)

    def _begin(self, at: datetime, past: list[Record], body: Body | None, first: bool) -> None:
        number = self._number + (body is not None)
        self._callback = ""
        self._runs.append(RecordedRun(body, first, at, number, self._last_order, dict(self._marks), list(past), at))

    def _note(self, run: RecordedRun, at: datetime, kind: str, body: Body) -> None:
        if kind == "callback":
            self._callback = str(body["name"])
            run.callbacks.append((at, self._callback))
        elif kind == "callback_end":
            self._callback = ""
        elif kind == "save":
            run.saves.append(at)
        elif kind == "stop":
            run.proper = True
        elif kind == "operator" and body["command"] in BY_HAND:
            run.by_hand = f"{at:%H:%M:%S} 操作员命令 {body['command']}"
