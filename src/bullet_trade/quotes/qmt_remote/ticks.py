"""Snapshots from the server: a `quotes.live.TickSource` over a link of its own.

Its own, because deployed servers answer a session's requests one after another: a long question about history must not
hold up an order. What is subscribed is kept here; whatever the server has not confirmed is asked for again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from threading import Lock

import msgspec

from bullet_trade.domain.errors import BulletTradeError, UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import Clock
from bullet_trade.market.codes import normalize
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.live import Details, TickSink
from bullet_trade.remote import body, features
from bullet_trade.remote.errors import RemoteError
from bullet_trade.remote.line import Address
from bullet_trade.remote.link import Ears, Link, LinkTerms, Outcome
from bullet_trade.remote.market import (
    TICK_EVENT,
    TICKS_EVENT,
    LiveAnswer,
    SnapshotAnswer,
    TickBatch,
    TickPush,
    moment_of,
    tick_of,
)
from bullet_trade.remote.messages import PROTOCOL, Event, Handshake, HandshakeAck

log = logging.getLogger(__name__)

MOST_SUBSCRIPTIONS = 200
"""What servers allow a session unless they are told otherwise."""
QUOTE_S = 3.0
"""How long the answer to a question about one price may take."""
RENEW_S = 2.0
"""Pause before a subscription that failed is tried again."""

EPOCH = datetime(1970, 1, 1, 8)
"""The beginning of the count, in Beijing."""

_batch = msgspec.json.Decoder(TickBatch)
_push = msgspec.json.Decoder(TickPush)
_live = msgspec.json.Decoder(LiveAnswer)
_snapshot = msgspec.json.Decoder(SnapshotAnswer)


class DataLink:
    """The connection over which quotes and history come. `opened` must have returned before anything is asked."""

    def __init__(
        self, address: Address, token: str, clock: Clock, draw: Random, terms: LinkTerms | None = None
    ) -> None:
        self.clock = clock
        self.agreed: frozenset[str] = frozenset()
        """Extensions that the server grants on the present connection."""
        self.modules: frozenset[str] = frozenset()
        self.most = MOST_SUBSCRIPTIONS
        self.renew_s = RENEW_S
        self._token = token
        self._lock = Lock()
        self._sinks: dict[Code, TickSink] = {}
        self._unconfirmed: set[Code] = set()
        self._renew_at = 0.0
        ears = Ears(self._up, self._down, self._event, self._nap)
        self.link = Link(address, self._greeting, terms or LinkTerms(), clock.monotonic, draw, ears)

    def opened(self) -> DataLink:
        """Connect and wait for the first attempt. Raises `UsageError` when it fails."""
        self.link.start()
        self.link.first_try.wait(self.link.terms.connect_s * 3)
        if not self.link.up:
            reason = self.link.reason
            self.close()
            raise UsageError(f"远程服务连接不上：{reason}", "检查 QMT_SERVER_HOST、QMT_SERVER_PORT、QMT_SERVER_TOKEN")
        return self

    def close(self) -> None:
        """End for good."""
        self.link.close()

    def _greeting(self) -> Handshake:
        announced = (features.TICK_BATCH, features.PACKED_TABLES, features.SERVER_TIME)
        return Handshake(token=self._token, protocol=PROTOCOL, features=("tick", *announced))

    def _up(self, ack: HandshakeAck) -> None:
        self.agreed = frozenset(features.agreed(features.EXTENSIONS, ack.features))
        self.modules = frozenset((features.DATA, features.BROKER)) & set(ack.features)
        with self._lock:
            self._unconfirmed = set(self._sinks)
        self._confirm()

    def _down(self, reason: str) -> None:
        log.warning("行情连接：%s", reason)

    # -- subscriptions ---------------------------------------------------------------------------------------------

    def subscribe(self, codes: Sequence[Code], sink: TickSink) -> None:
        with self._lock:
            self._sinks.update(dict.fromkeys(codes, sink))
            self._unconfirmed.update(codes)
        self._confirm()

    def unsubscribe(self, codes: Sequence[Code]) -> None:
        with self._lock:
            gone = [code for code in codes if self._sinks.pop(code, None) is not None]
            self._unconfirmed.difference_update(gone)
        if gone:
            self.link.request("data.unsubscribe", {"securities": gone}, self._note_failure)

    def _confirm(self) -> None:
        with self._lock:
            codes = sorted(self._unconfirmed)
            self._unconfirmed.clear()
        if codes:
            self._ask_for(codes)

    def _ask_for(self, codes: list[Code]) -> None:
        self.link.request("data.subscribe", {"securities": codes}, partial(self._subscribed, codes))

    def _subscribed(self, codes: list[Code], outcome: Outcome) -> None:
        if isinstance(outcome, msgspec.Raw):
            return
        if isinstance(outcome, RemoteError):
            log.warning("订阅 %s 等 %d 只失败：%s", codes[0], len(codes), outcome.text)
            if len(codes) > 1:  # one that the server refuses must not keep the others from their quotes
                for code in codes:
                    self._ask_for([code])
                return
        with self._lock:
            self._unconfirmed.update(code for code in codes if code in self._sinks)
            self._renew_at = self.clock.monotonic() + self.renew_s

    def _note_failure(self, outcome: Outcome) -> None:
        if isinstance(outcome, RemoteError):
            log.warning("退订失败：%s", outcome.text)

    def _nap(self) -> None:
        if self._unconfirmed and self.link.up and self.clock.monotonic() >= self._renew_at:
            self._confirm()

    # -- what is pushed --------------------------------------------------------------------------------------------

    def _event(self, event: Event) -> None:
        if event.event == TICKS_EVENT:
            for row in body.parse(_batch, event.payload, body.IN_ANSWERS).ticks:
                self._deliver(tick_of(row))
        elif event.event == TICK_EVENT:
            push = body.parse(_push, event.payload, body.IN_ANSWERS)
            tick = plain_tick(normalize(push.sid or push.symbol), push.last_price, push.dt)
            if tick is not None:
                self._deliver(tick)

    def _deliver(self, tick: Tick) -> None:
        sink = self._sinks.get(tick.code)
        if sink is not None:
            sink(tick)

    # -- questions -------------------------------------------------------------------------------------------------

    def snapshot(self, codes: Sequence[Code]) -> Mapping[Code, Tick]:
        found: dict[Code, Tick] = {}
        for code in codes:
            payload = self._asked("data.snapshot", code)
            answer = body.parse(_snapshot, payload, body.IN_ANSWERS) if payload is not None else SnapshotAnswer()
            tick = plain_tick(code, answer.last_price, answer.dt)
            if tick is not None:
                found[code] = tick
        return found

    def details(self, code: Code) -> Details:
        payload = self._asked("data.live_current", code)
        if payload is None:
            return Details()
        answer = body.parse(_live, payload, body.IN_ANSWERS)
        return Details(high_limit=answer.high_limit, low_limit=answer.low_limit, paused=answer.paused)

    def _asked(self, action: str, code: Code) -> msgspec.Raw | None:
        """The answer to a question about one security; None where the server has nothing to say about it."""
        try:
            return self.link.ask(action, {"security": code}, QUOTE_S)
        except RemoteError as error:
            log.info("%s %s：%s", action, code, error.text)
            return None


def plain_tick(code: Code, last: float | None, at: str | float | None) -> Tick | None:
    """A snapshot that is a price and its time; None where either is missing. A number is milliseconds since 1970."""
    if last is None or not last > 0 or at is None:
        return None
    try:
        when = moment_of(at) if isinstance(at, str) else EPOCH + timedelta(milliseconds=at)
    except (BulletTradeError, OverflowError):
        return None
    return Tick(code=code, datetime=when, current=last)
