"""Judges a run from outside: it reads the counter's books and the journal's file, and nothing else.

It shares no code with the engine: the journal is read as SQLite and JSON, and what an order came to is worked out here
again. Each finding begins with the invariant that it breaks.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter as Count
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypedDict, cast

from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.counter import Booked, Counter, Status


class Body(TypedDict, total=False):
    """What the journal says in the fields that matter here."""

    type: str
    tag: str
    order_id: int
    trade_id: str
    amount: int
    code: str
    rule: str
    reason: str
    found: list[dict[str, str]]


@dataclass(slots=True)
class Journaled:
    """One order as the journal tells it."""

    amount: int
    code: str
    trades: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


class View(NamedTuple):
    """What an engine shows at some moment: cash (1/10,000 yuan); by code shares held and sellable; by tag whether the
    order is over, and its filled shares."""

    cash: int
    holdings: dict[str, tuple[int, int]]
    orders: dict[str, tuple[bool, int]]


class Oracle:
    """Watches one counter and one journal, over any number of lives of the engine."""

    def __init__(self, counter: Counter, journal: Path) -> None:
        self._counter = counter
        self._journal = journal
        self._reader: sqlite3.Connection | None = None
        self.breaches: list[str] = []

    # -- while it runs ---------------------------------------------------------------------------------------------

    def sent(self, ticket: OrderTicket) -> None:
        """An order leaves the engine: its intent must be readable by another process already."""
        reader = self._open()
        query = "SELECT count(*) FROM record WHERE kind = 'intent' AND json_extract(CAST(body AS TEXT), '$.tag') = ?"
        (known,) = reader.execute(query, (ticket.tag,)).fetchone()
        if known != 1:
            self.breaches.append(f"I2 {ticket.tag} left with {known} intents in the journal")

    def close(self) -> None:
        """Let go of the journal."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = sqlite3.connect(f"file:{self._journal.as_posix()}?mode=ro", uri=True)
        return self._reader

    def look(self, view: View) -> None:
        """The engine's view at this moment, which must not run ahead of the broker."""
        booked = {order.tag: order for order in self._counter.orders if order.tag}
        for tag, (over, filled) in view.orders.items():
            theirs = booked.get(tag)
            if theirs is not None and over and theirs.alive:
                self.breaches.append(f"I5 {tag} is over here and {theirs.status.name} at the broker")
            if filled > (theirs.filled if theirs is not None else 0):
                self.breaches.append(f"I3 {tag} has {filled} shares here, more than at the broker")

    def look_when_quiet(self, view: View) -> None:
        """The engine's view when everything has had its time: it must be the broker's."""
        self.look(view)
        counter = self._counter
        theirs = {str(code): (amount, counter.sellable(code)) for code, amount in counter.holdings.items() if amount}
        if view.cash != counter.cash:
            self.breaches.append(f"I4 cash is {view.cash} here and {counter.cash} at the broker")
        if view.holdings != theirs:
            self.breaches.append(f"I4 shares (held, sellable) are {view.holdings} here and {theirs} at the broker")
        for order in counter.orders:
            ours = view.orders.get(order.tag)
            if order.tag and ours is not None and ours != (not order.alive, order.filled):
                self.breaches.append(f"I3 {order.tag} is {ours} here, {order.status.name} {order.filled} at the broker")

    def told(self, codes: Iterable[str]) -> None:
        """Trades by hand in `codes`: the engine must have named each."""
        named = " ".join(row["what"] for row in differences(list(self._rows())))
        self.breaches += [f"I4 nobody was told of trades by hand in {code}" for code in codes if code not in named]

    # -- at any moment ---------------------------------------------------------------------------------------------

    def safety(self) -> list[str]:
        """What must never be, whatever is lost, late or dead."""
        found = list(self.breaches)
        rows = list(self._rows())
        orders = journaled(rows)
        found += self._once(rows)
        booked = {order.tag: order for order in self._counter.orders if order.tag}
        for tag, ours in orders.items():
            found += _only_what_happened(tag, ours, booked.get(tag))
        found += [
            f"I11 a refusal without its rule: {body}"
            for _, kind, body in rows
            if kind == "refused" and not body.get("rule")
        ]
        return found

    def quiet(self) -> list[str]:
        """What must hold as well once everything has had its time and the day is closed."""
        rows = list(self._rows())
        found = self.safety()
        orders = journaled(rows)
        for order in self._counter.orders:
            ours = orders.get(order.tag)
            if order.tag and ours is not None and sum(ours.trades.values()) != order.filled:
                found.append(f"I3 {order.tag} traded {order.filled} and the journal has {ours.trades}")
            if order.tag and ours is None:
                found.append(f"I3 {order.tag} is at the broker and unknown here")
            if order.tag and ours is not None and not order.alive and not _over(ours):
                found.append(f"I3 {order.tag} is {order.status.name} at the broker and open here")
        return found

    def _once(self, rows: list[tuple[int, str, Body]]) -> Iterator[str]:
        for tag, times in Count(order.tag for order in self._counter.orders if order.tag).items():
            if times > 1:
                yield f"I1 {times} orders at the broker under {tag}"
        intents = [body for _, kind, body in rows if kind == "intent"]
        for what in ("tag", "order_id"):
            for value, times in Count(body.get(what) for body in intents).items():
                if times > 1:
                    yield f"I1 {what} {value} was used {times} times"
        for (number, _, _), expected in zip(rows, range(1, len(rows) + 1), strict=True):
            if number != expected:
                yield f"I12 the journal has a gap before record {number}"
                return

    def _rows(self) -> Iterator[tuple[int, str, Body]]:
        for number, kind, body in self._open().execute("SELECT seq, kind, body FROM record ORDER BY seq"):
            yield number, kind, cast(Body, json.loads(body))


def journaled(rows: list[tuple[int, str, Body]]) -> dict[str, Journaled]:
    """What the journal tells of each order."""
    orders: dict[str, Journaled] = {}
    for _, kind, body in rows:
        if kind in ("intent", "adopted"):
            orders[body["tag"]] = Journaled(body["amount"], body["code"])
        elif kind == "report" and body["tag"] in orders:
            ours = orders[body["tag"]]
            ours.said.append(body["type"])
            if body["type"] == "Filled":
                ours.trades[body["trade_id"]] = body["amount"]
    return orders


def differences(rows: list[tuple[int, str, Body]]) -> list[dict[str, str]]:
    """The differences of money and shares that the engine found, in order."""
    return [one for _, kind, body in rows if kind == "difference" for one in body["found"]]


def _over(ours: Journaled) -> bool:
    return sum(ours.trades.values()) == ours.amount or bool({"Cancelled", "Rejected", "NeverSent"} & set(ours.said))


def _only_what_happened(tag: str, ours: Journaled, theirs: Booked | None) -> Iterator[str]:
    filled = sum(ours.trades.values())
    if filled > ours.amount:
        yield f"I7 {tag} of {ours.amount} shares has fills of {filled}"
    if theirs is None:
        for word in sorted(set(ours.said) & {"Accepted", "Filled"}):
            yield f"I5 {tag} never reached the broker and is {word} here"
        return
    if filled > theirs.filled:
        yield f"I3 {tag} traded {theirs.filled} and the journal has {ours.trades}"
    if theirs.amount != ours.amount:
        yield f"I7 {tag} is {ours.amount} here and {theirs.amount} at the broker"
    if "NeverSent" in ours.said:
        yield f"I5 {tag} is at the broker and was declared never sent"
    if "Cancelled" in ours.said and theirs.status is not Status.CANCELLED:
        yield f"I5 {tag} is {theirs.status.name} at the broker and Cancelled here"
    if "Rejected" in ours.said and theirs.status is not Status.JUNK:
        yield f"I5 {tag} is {theirs.status.name} at the broker and Rejected here"
