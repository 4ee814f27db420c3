"""Compares a day's two sides as a stranger would, once both have ended: the server's files (what it was asked, what the
exchange had, traded and paid) and what came over the wire, with the engine's journal and ledger."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from bullet_trade.testing.journal_story import OVER, JournalStory

ALIVE = frozenset({48, 49, 50, 51, 52, 55})
"""Status numbers of a terminal in which an order may still trade."""
JUNK = 57
PROVED_ABSENT = frozenset({"Rejected", "NeverSent"})


class Shown(TypedDict, total=False):
    """What the engine shows at its end: cash (1/10,000 yuan), shares by code, the strategy's `g`, the outcome of the
    operator's command, and the events that were told, by kind."""

    cash: int
    shares: dict[str, int]
    g: dict[str, int]
    operator: str
    told: list[str]


@dataclass
class Findings:
    """What is wrong. `orders` is how many orders the exchange had, `shares` how many of theirs traded, `not_sent` how
    many intents certainly never came to it, and are known not to have."""

    orders: int = 0
    shares: int = 0
    not_sent: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        """All of it, by what it is."""
        named = (("doubled", self.doubled), ("lost", self.lost), ("difference", self.differences))
        return [f"{name}: {text}" for name, texts in named for text in texts]


class Sides:
    """What both sides know, read from their files."""

    def __init__(self, directory: Path) -> None:
        server = directory / "server"
        account = json.loads((server / "simulator_main.json").read_text(encoding="utf-8"))
        entries = {
            key: json.loads(body)
            for key, body in _rows(server / "submissions_main.db", "SELECT key, body FROM submission")
        }
        # The server names an order anew where its remark is not the only one.
        remarks = {one["order"]["tag"]: one["remark"] for one in entries.values() if one.get("order")}
        self.refused_keys = {key for key, one in entries.items() if one.get("refusal")}
        self.orders = [(remarks.get(tag, ""), order) for tag, order in account["orders"].items()]
        self.traded: dict[str, list[tuple[int, int, int]]] = {}
        for one in account["trades"]:
            self.traded.setdefault(remarks.get(one["tag"], ""), []).append((one["amount"], one["price"], one["fee"]))
        self.cash = account["cash"] + account["frozen"]
        self.shares = {code: one["free"] + one["fresh"] + one["offered"] for code, one in account["holdings"].items()}
        self.intents: dict[str, tuple[str, int, int]] = {}
        self.booked: dict[str, dict[str, tuple[int, int, int]]] = {}
        self.said: dict[str, set[str]] = {}
        query = "SELECT kind, body FROM record WHERE kind IN ('intent', 'report') ORDER BY seq"
        for kind, text in _rows(directory / "journal.db", query):
            body = json.loads(text)
            tag = body["tag"]
            if kind == "intent":
                self.intents[tag] = (body["code"], body["side"], body["amount"])
            else:
                self.said.setdefault(tag, set()).add(body["type"])
                if body["type"] == "Filled":
                    fill = (body["amount"], body["price"], body["fee"])
                    self.booked.setdefault(tag, {})[body["trade_id"]] = fill

    def filled(self, tag: str) -> int:
        """Shares that traded, as the journal has it."""
        return sum(amount for amount, _, _ in self.booked.get(tag, {}).values())


def _rows(file: Path, query: str) -> list[tuple[str, bytes]]:
    database = sqlite3.connect(f"file:{file.as_posix()}?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def audit(directory: Path, keys: Mapping[str, str], shown: Shown) -> Findings:
    """`keys`: the remark of each order that came to the server whole, by its key."""
    sides = Sides(directory)
    story = JournalStory(directory / "journal.db").read_on()
    story.close()
    return Findings(
        orders=len(sides.orders),
        shares=sum(amount for fills in sides.traded.values() for amount, _, _ in fills),
        not_sent=len(sides.intents.keys() - {remark for remark, _ in sides.orders}),
        doubled=list(_doubled(sides, keys, story)),
        lost=list(_lost(sides, keys)),
        differences=[*_differences(sides, shown), *story.breaches, *story.differences],
    )


def _doubled(sides: Sides, keys: Mapping[str, str], story: JournalStory) -> Iterator[str]:
    counts = (
        ("orders at the exchange", Counter(remark for remark, _ in sides.orders)),
        ("keys over the wire", Counter(keys.values())),
        ("intents", story.tags),
    )
    for what, count in counts:
        for tag, times in count.items():
            if times > 1:
                yield f"{times} {what} for {tag!r}"


def _lost(sides: Sides, keys: Mapping[str, str]) -> Iterator[str]:
    there = {remark for remark, _ in sides.orders}
    for remark, order in sides.orders:
        if remark not in sides.intents:
            yield f"nobody gave {remark!r}: {order['ticket']}"
    refused = {keys[key] for key in sides.refused_keys if key in keys}
    for tag in sides.intents:
        said = sides.said.get(tag, set())
        if tag not in there and not said & PROVED_ABSENT:
            yield f"{tag} is not at the exchange, and here it is {sorted(said)}"
        if tag not in there and tag in keys.values() and tag not in refused:
            yield f"{tag} came to the server, which has neither sent nor refused it"
        if tag in there and not said & OVER and sides.filled(tag) < sides.intents[tag][2]:
            yield f"{tag} is not over here: {sorted(said)}"


def _differences(sides: Sides, shown: Shown) -> Iterator[str]:
    for remark, order in sides.orders:
        ticket, said = order["ticket"], sides.said.get(remark, set())
        if sides.intents.get(remark) != (ticket["code"], ticket["side"], ticket["amount"]):
            yield f"{remark} is {sides.intents.get(remark)} here and {ticket} there"
        if order["status"] in ALIVE:
            yield f"{remark} still works after the close"
        if order["status"] != JUNK and said & PROVED_ABSENT:
            yield f"{remark} is {sorted(said)} here and has status {order['status']} there"
    for tag in sides.intents.keys() | sides.traded.keys():
        ours, theirs = sorted(sides.booked.get(tag, {}).values()), sorted(sides.traded.get(tag, []))
        if ours != theirs:
            yield f"{tag} traded {ours} here and {theirs} there (shares, price, fee)"
    if (shown.get("cash"), shown.get("shares")) != (sides.cash, sides.shares):
        yield f"{shown.get('cash')} {shown.get('shares')} here, {sides.cash} {sides.shares} there"
