"""What a journal tells of orders, read as SQLite and JSON and folded record by record: nothing here is the engine's."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter as Count
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypedDict, cast

BUY = 1
OVER = frozenset({"Cancelled", "Rejected", "NeverSent"})


class Body(TypedDict, total=False):
    """What the journal says in the fields that matter here."""

    type: str
    tag: str
    order_id: int
    parent_id: int
    trade_id: str
    amount: int
    wanted: int
    side: int
    code: str
    rule: str
    reason: str
    found: list[dict[str, str]]


class Said(NamedTuple):
    """One report: its type, and the date of exchange time (ISO) on which it was written down."""

    type: str
    day: str


@dataclass(slots=True)
class Journaled:
    """One order as the journal tells it. `day` is the date (ISO) on which it was made."""

    amount: int
    code: str
    day: str
    adopted: bool
    trades: dict[str, int] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """Shares traded."""
        return sum(self.trades.values())

    @property
    def over(self) -> bool:
        """Whether nothing more may come of it."""
        return self.filled == self.amount or any(said.type in OVER for said in self.said)


class JournalStory:
    """The story so far of the journal at `path`; `read_on` takes in what was committed since."""

    def __init__(self, path: Path, secrets: tuple[str, ...] = ()) -> None:
        self._path = path
        self._secrets = secrets
        self._reader: sqlite3.Connection | None = None
        self._last = 0
        self._children: dict[int, int] = {}
        self.orders: dict[str, Journaled] = {}
        self.unknown: set[str] = set()
        """Orders of which the journal cannot tell what became of them."""
        self.breaches: list[str] = []
        self.named: list[str] = []
        """Texts in which a person was told what a comparison of orders leaves open."""
        self.differences: list[str] = []
        """What the engine and the broker disagreed about."""
        self.tags: Count[str] = Count()
        self.numbers: Count[int] = Count()
        self.pace: Count[str] = Count()
        """Records by ten minutes of exchange time."""

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def read_on(self) -> JournalStory:
        """Take in what is new."""
        if self._reader is None:
            self._reader = sqlite3.connect(f"file:{self._path.as_posix()}?mode=ro", uri=True)
        query = "SELECT seq, at, kind, body FROM record WHERE seq > ? ORDER BY seq"
        for number, at, kind, body in self._reader.execute(query, (self._last,)).fetchall():
            if number != self._last + 1:
                self.breaches.append(f"I12 the journal has a gap before record {number}")
            self._last = number
            self.pace[at[:15]] += 1
            text = body.decode()
            self.breaches += [f"I9 record {number} ({kind}) shows a secret" for one in self._secrets if one in text]
            self._take(at[:10], kind, cast(Body, json.loads(text)))
        return self

    def _take(self, day: str, kind: str, body: Body) -> None:
        match kind:
            case "intent":
                self._intend(day, body)
            case "adopted":
                self.orders[body["tag"]] = Journaled(body["amount"], body["code"], day, adopted=True)
                self.unknown.add(body["tag"])
            case "report" if body["tag"] in self.orders:
                self._report(day, body)
            case "start" | "restart":
                self.unknown |= {tag for tag, order in self.orders.items() if not order.over}
            case "refused" if not body.get("rule"):
                self.breaches.append(f"I11 a refusal without its rule: {body}")
            case "difference":
                self.differences += [one["what"] for one in body["found"]]
            case "findings":
                self.named += [f"{one['kind']} {one['tag']} {one['text']}" for one in body["found"]]

    def _intend(self, day: str, body: Body) -> None:
        tag, code = body["tag"], body["code"]
        self.tags[tag] += 1
        self.numbers[body["order_id"]] += 1
        parent = body["parent_id"]
        self._children[parent] = self._children.get(parent, 0) + body["amount"]
        if self._children[parent] > body["wanted"]:
            self.breaches.append(f"I7 {tag}: the parts of {parent} exceed the {body['wanted']} shares wanted")
        if body["side"] == BUY:
            doubtful = sorted(other for other in self.unknown if self.orders[other].code == code)
            if doubtful:
                self.breaches.append(f"I6 {tag} buys {code} while it is unknown what became of {doubtful[0]}")
        self.orders[tag] = Journaled(body["amount"], code, day, adopted=False)

    def _report(self, day: str, body: Body) -> None:
        tag, what = body["tag"], body["type"]
        order = self.orders[tag]
        if what == "NoAnswer":
            if not order.over:
                self.unknown.add(tag)
        elif what == "Filled":
            if body["trade_id"] not in order.trades:
                self.unknown.discard(tag)
            order.trades[body["trade_id"]] = body["amount"]
        elif what != "CancelRefused":
            self.unknown.discard(tag)
        order.said.append(Said(what, day))
