"""Asking the server for the account, in one question where it can answer one, else in four.

One survey runs at a time; what is wanted meanwhile is asked afterwards, because the answers on their way may be from
before. What a failed survey leaves open is asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec

from bullet_trade.brokers.qmt.agenda import Agenda
from bullet_trade.brokers.qmt_remote.lists import EVERYTHING, LISTS, Gathered, statement
from bullet_trade.brokers.qmt_remote.orders import OrderTable
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.brokers.qmt_remote.writes import Requests
from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.remote import body, features
from bullet_trade.remote.errors import RemoteError
from bullet_trade.remote.link import Done, NoReply, NotSent, Outcome
from bullet_trade.remote.trading import AccountQuery, NumberedSnapshot

log = logging.getLogger(__name__)

SNAPSHOT = "broker.snapshot"

_snapshot = msgspec.json.Decoder(NumberedSnapshot)


class Statements:
    """Called under the broker's lock. `stated` takes a snapshot with the number of the last report that it includes
    (None where reports have no numbers), `failed` the reason why there is none."""

    def __init__(
        self,
        terms: RemoteTerms,
        table: OrderTable,
        agenda: Agenda,
        now: Callable[[], datetime],
        stated: Callable[[AccountSnapshot, str, int | None], None],
        failed: Callable[[str], None],
    ) -> None:
        self._terms = terms
        self._table = table
        self._agenda = agenda
        self._now = now
        self._stated = stated
        self._failed = failed
        self._agreed: frozenset[str] = frozenset()
        self._connection = 0
        self._guard: Callable[[Done], Done] = lambda done: done
        self.requests: Requests
        self._running: Gathered | None = None
        self._wanted: tuple[str, ...] = ()
        self._polls = False

    def use(self, requests: Requests, guard: Callable[[Done], Done]) -> None:
        """Ask with `requests`; `guard` puts what handles an outcome under the broker's lock."""
        self.requests = requests
        self._guard = guard

    def greet(self, agreed: frozenset[str]) -> None:
        """A connection stands; the server grants these extensions."""
        self._agreed = agreed
        self._connection += 1
        self._running, self._wanted = None, ()
        self.want()
        if features.REPORTS not in agreed and not self._polls:
            self._polls = True
            self._agenda.after(self._terms.poll_s, self._poll)

    def lose(self) -> None:
        """The connection is gone: nothing will be answered."""
        self._connection += 1
        self._running, self._wanted = None, ()

    # -- asking ----------------------------------------------------------------------------------------------------

    def want(self, everything: bool = True) -> None:
        """Ask for the account, or only for the lists of the day; what is asked after this call."""
        kinds = EVERYTHING if everything else LISTS
        if self._running is not None:
            self._wanted = max(self._wanted, kinds, key=len)
            return
        found = self._running = Gathered(self._now(), self._agenda.monotonic(), kinds)
        if features.REPORTS in self._agreed:
            found.missing = {SNAPSHOT}
        query = AccountQuery(
            account_key=self._terms.account_key or None, sub_account_id=self._terms.sub_account or None
        )
        for action in sorted(found.missing, key=(*EVERYTHING, SNAPSHOT).index):  # orders tell the side of the trades
            done = self._guard(partial(self._answered, found, self._connection, action))
            self.requests.request(action, query, done, self._terms.query_s)

    def _answered(self, found: Gathered, connection: int, action: str, outcome: Outcome) -> None:
        if found is not self._running or connection != self._connection:
            return
        match outcome:
            case NotSent(reason) | NoReply(reason):
                self._give_up(reason)
            case RemoteError() as error:
                self._give_up(error.text)
            case payload:
                try:
                    self._take(found, action, payload)
                except BulletTradeError as error:
                    self._give_up(str(error))
                except msgspec.ValidationError as error:
                    self._give_up(f"{action} 的应答无法读取：{error}")

    def _take(self, found: Gathered, action: str, payload: msgspec.Raw) -> None:
        if action == SNAPSHOT:
            numbered = body.parse(_snapshot, payload, body.IN_ANSWERS)
            self._finish()
            self._stated(numbered.snapshot, numbered.account_key, numbered.seq)
            self._serve_wanted()
            return
        found.take(action, payload)
        if found.missing:
            return
        self._finish()
        if found.wanted == EVERYTHING:
            self._conclude(found)
        else:
            self._table.learn(found.orders, found.trades, found.asked_s)
            self._table.take_lists(found.orders, found.trades)
        self._serve_wanted()

    def _conclude(self, found: Gathered) -> None:
        known = frozenset(one.broker_id for one in self._table.alive() if one.accepted)
        snapshot = statement(found, known)
        self._table.learn(found.orders, found.trades, found.asked_s)
        self._table.take_lists(found.orders, found.trades)
        if snapshot.complete:
            self._table.prove_absent(found.orders, found.asked_s)
        self._stated(snapshot, self._terms.account_key, None)

    def _finish(self) -> None:
        self._running = None

    def _give_up(self, reason: str) -> None:
        self._running, self._wanted = None, ()
        log.warning("查询账户失败：%s", reason)
        connection = self._connection
        self._agenda.after(self._terms.retry_s, partial(self._retry, connection))
        self._failed(reason)

    def _retry(self, connection: int) -> None:
        if connection == self._connection:
            self.want()

    def _serve_wanted(self) -> None:
        wanted, self._wanted = self._wanted, ()
        if wanted:
            self.want(len(wanted) == len(EVERYTHING))

    # -- looking regularly -----------------------------------------------------------------------------------------

    def _poll(self) -> None:
        """A server that pushes nothing is looked at while orders are open."""
        if features.REPORTS in self._agreed:
            self._polls = False
            return
        if self._table.alive() and self._running is None:
            self.want(everything=False)
        self._agenda.after(self._terms.poll_s, self._poll)
