"""Judges a run from outside: it reads the counter's books and the journal's file, and hears what people are told.

It shares no code with the engine. Each finding begins with the invariant that it breaks:

I1 one order per intent - I2 written down before it leaves - I3 no fill lost or doubled - I4 money and shares are the
broker's, or the difference is named - I5 nothing is over without the broker's word - I6 nothing unknown is bought over
- I7 parts add up - I8 nothing grows - I9 no secrets - I10 held means held - I11 refusals say why - I12 one record
after the other (and the same seed gives the same journal, which is the simulation's to show).
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.counter import Booked, Counter, Status
from bullet_trade.testing.journal_story import Journaled, JournalStory

MOST_TOLD = 120
"""Events that may be told within ten minutes, the strategy's own lines among them."""
MOST_RECORDS, RECORDS_PER_ORDER = 400, 12
"""Records that may be written within ten minutes: so many, and so many more for each order there ever was."""


class View(NamedTuple):
    """What an engine shows at some moment: cash (1/10,000 yuan); by code shares held and sellable; by tag whether the
    order is over, and its filled shares."""

    cash: int
    holdings: dict[str, tuple[int, int]]
    orders: dict[str, tuple[bool, int]]


class Oracle:
    """Watches one counter and one journal, over any number of lives of the engine. No text may hold one of `secrets`.

    `all_lists_read`: the engine was there in time to read the lists of every day, so that no fill may be missing; else
    those of former days may, if the order was named to a person.
    """

    def __init__(self, counter: Counter, journal: Path, secrets: tuple[str, ...] = ()) -> None:
        self._counter = counter
        self._secrets = secrets
        self._story = JournalStory(journal, secrets)
        self._told: Count[str] = Count()
        self.breaches: list[str] = []
        self.held = ""
        """Since when, and by whom, no order may leave; '' when they may."""
        self.all_lists_read = True
        self.false_confirmations: set[str] = set()
        """Orders that the line confirmed although the counter never had them."""

    def close(self) -> None:
        """Let go of the journal."""
        self._story.close()

    # -- while it runs ---------------------------------------------------------------------------------------------

    def sent(self, ticket: OrderTicket) -> None:
        """An order leaves the engine: its intent must be readable by another process already."""
        known = self._story.read_on().tags[ticket.tag]
        if known != 1:
            self.breaches.append(f"I2 {ticket.tag} left with {known} intents in the journal")
        if self.held:
            self.breaches.append(f"I10 {ticket.tag} left although {self.held}")

    def hear(self, at: datetime, text: str) -> None:
        """A person is told something."""
        self.breaches += [f"I9 told at {at}: {text}" for secret in self._secrets if secret in text]
        self._told[at.isoformat()[:15]] += 1

    def look(self, view: View) -> None:
        """The engine's view at this moment, which must not run ahead of the broker."""
        booked = self._booked()
        today = self._counter.now.date()
        for tag, (over, filled) in view.orders.items():
            theirs = booked.get(tag)
            if theirs is not None and over and theirs.alive:
                self.breaches.append(f"I5 {tag} is over here and {theirs.status.name} at the broker")
            if filled > (theirs.filled if theirs is not None else 0):
                self.breaches.append(f"I3 {tag} has {filled} shares here, more than at the broker")
            if over and theirs is not None and theirs.at.date() < today and tag not in self._late(today.isoformat()):
                self.breaches.append(f"I8 {tag} is over since {theirs.at} and still kept")

    def look_when_fair(self, view: View) -> None:
        """The engine's view while the line is good, and nobody else trades: it must not think that it may sell more
        than the broker lets it."""
        self.look(view)
        for code, (_, sellable) in view.holdings.items():
            theirs = self._counter.sellable(Code(code))
            if sellable > theirs:
                self.breaches.append(f"I4 {sellable} shares of {code} may be sold here and {theirs} at the broker")

    def look_when_quiet(self, view: View) -> None:
        """The engine's view when everything has had its time: it must be the broker's."""
        self.look(view)
        counter = self._counter
        theirs = {str(code): (amount, counter.sellable(code)) for code, amount in counter.holdings.items() if amount}
        if view.cash != counter.cash:
            self.breaches.append(f"I4 cash is {view.cash} here and {counter.cash} at the broker")
        if view.holdings != theirs:
            self.breaches.append(f"I4 shares (held, sellable) are {view.holdings} here and {theirs} at the broker")
        for tag, order in self._booked().items():
            ours = view.orders.get(tag)
            if ours is not None and order.at.date() == counter.now.date() and ours != (not order.alive, order.filled):
                self.breaches.append(f"I3 {tag} is {ours} here, {order.status.name} {order.filled} at the broker")

    def told(self, codes: Iterable[str]) -> None:
        """Trades by hand, or movements without a trade, in `codes`: the engine must have named each."""
        named = " ".join(self._story.read_on().differences)
        self.breaches += [f"I4 nobody was told of what others did in {code}" for code in codes if code not in named]

    def nothing_was_lost(self) -> None:
        """No report and no row of a list was lost, and nobody else traded: no difference may have been found."""
        self.breaches += [f"I4 a difference of {what} with nothing lost" for what in self._story.read_on().differences]

    # -- at any moment ---------------------------------------------------------------------------------------------

    def safety(self) -> list[str]:
        """What must never be, whatever is lost, late or dead."""
        story = self._story.read_on()
        found = [*self.breaches, *story.breaches, *self._once(), *self._bounds()]
        booked = self._booked()
        strangers = {order.tag for order in self._counter.orders if order.by_hand}
        for tag, ours in story.orders.items():
            if ours.adopted and tag in strangers:
                found.append(f"I5 {tag} is not ours and was taken over")
            if (
                tag not in booked
                and tag not in self.false_confirmations
                and any(s.type == "Accepted" for s in ours.said)
            ):
                found.append(f"I5 {tag} never reached the broker and is Accepted here")
            found += _only_what_happened(tag, ours, booked.get(tag))
        return found

    def quiet(self) -> list[str]:
        """What must hold as well once everything has had its time and the day is closed."""
        found = self.safety()
        today = self._counter.now.date()
        for tag, order in self._booked().items():
            ours = self._story.orders.get(tag)
            if not self.all_lists_read and order.at.date() < today and self._named(tag, order):
                continue
            if ours is None:
                found.append(f"I3 {tag} is at the broker and unknown here")
            elif ours.filled != order.filled:
                found.append(f"I3 {tag} traded {order.filled} and the journal has {ours.trades}")
            elif not order.alive and not ours.over:
                found.append(f"I3 {tag} is {order.status.name} at the broker and open here")
        return found

    # -- inside ----------------------------------------------------------------------------------------------------

    def _booked(self) -> dict[str, Booked]:
        """The engine's own orders at the broker, by tag."""
        return {order.tag: order for order in self._counter.orders if not order.by_hand}

    def _late(self, today: str) -> set[str]:
        """Orders that came to their end today."""
        orders = self._story.read_on().orders
        return {tag for tag, order in orders.items() if order.said and order.said[-1].day == today}

    def _named(self, tag: str, order: Booked) -> bool:
        return any(tag in text or order.code in text for text in (*self._story.named, *self._story.differences))

    def _once(self) -> Iterator[str]:
        for tag, times in Count(order.tag for order in self._counter.orders if not order.by_hand).items():
            if times > 1:
                yield f"I1 {times} orders at the broker under {tag}"
        used: list[tuple[object, int]] = [*self._story.tags.items(), *self._story.numbers.items()]
        for value, times in used:
            if times > 1:
                yield f"I1 {value} was used {times} times"

    def _bounds(self) -> Iterator[str]:
        for window, count in self._told.items():
            if count > MOST_TOLD:
                yield f"I8 {count} events were told within the ten minutes from {window}0"
        for window, count in self._story.pace.items():
            if count > MOST_RECORDS + RECORDS_PER_ORDER * len(self._story.orders):
                yield f"I8 {count} records were written within the ten minutes from {window}0"


def _only_what_happened(tag: str, ours: Journaled, theirs: Booked | None) -> Iterator[str]:
    if ours.filled > ours.amount:
        yield f"I7 {tag} of {ours.amount} shares has fills of {ours.filled}"
    words = {said.type for said in ours.said}
    if theirs is None:
        if "Filled" in words:
            yield f"I5 {tag} never reached the broker and is Filled here"
        return
    if ours.filled > theirs.filled:
        yield f"I3 {tag} traded {theirs.filled} and the journal has {ours.trades}"
    if theirs.amount != ours.amount:
        yield f"I7 {tag} is {ours.amount} here and {theirs.amount} at the broker"
    if "NeverSent" in words:
        yield f"I5 {tag} is at the broker and was declared never sent"
    if any(said.type == "Cancelled" and not _may_be_cancelled(said.day, theirs) for said in ours.said):
        yield f"I5 {tag} is {theirs.status.name} at the broker and Cancelled here"
    if "Rejected" in words and theirs.status is not Status.JUNK:
        yield f"I5 {tag} is {theirs.status.name} at the broker and Rejected here"


def _may_be_cancelled(day: str, theirs: Booked) -> bool:
    """An order of a day is over with its day, whatever became of it."""
    return theirs.cancelled or (not theirs.alive and theirs.at.date().isoformat() < day)
