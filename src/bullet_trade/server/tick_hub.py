"""Who wants which ticks, and how they reach them. Runs on the event loop's thread.

Ticks that arrive within `BATCH_S` travel together. A client that reads too slowly keeps only the newest tick of each
security: it is never sent a queue of old ones, and never makes another client wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import normalize
from bullet_trade.ports.quotes import Tick
from bullet_trade.remote import body
from bullet_trade.remote.errors import ErrorCode, RemoteError
from bullet_trade.remote.frames import frame
from bullet_trade.remote.market import TICK_EVENT, TICKS_EVENT, TickPush, moment_text, row_of
from bullet_trade.remote.messages import event_body
from bullet_trade.server.quote_desk import QuoteDesk

BATCH_S = 0.01


class Listener(Protocol):
    """A session that ticks are sent to."""

    @property
    def batches(self) -> bool:
        """Whether it reads `ticks` events."""

    @property
    def writable(self) -> bool:
        """Whether the client keeps up with what is sent."""

    def push(self, frames: bytes) -> None:
        """Send whole frames."""


@dataclass(slots=True)
class _Subscription:
    symbols: dict[str, Code] = field(default_factory=dict)
    """By the spelling that is echoed."""
    held: dict[Code, Tick] = field(default_factory=dict)
    """The newest ticks that could not be sent yet."""
    conflated: int = 0
    spellings: dict[Code, list[str]] = field(default_factory=dict)

    def index(self) -> None:
        self.spellings = {}
        for symbol, code in self.symbols.items():
            self.spellings.setdefault(code, []).append(symbol)


@dataclass(slots=True)
class TickHub:
    """The subscriptions of all sessions."""

    desk: QuoteDesk
    loop: asyncio.AbstractEventLoop
    most: int
    """Symbols that one session may subscribe."""
    _of: dict[Listener, _Subscription] = field(default_factory=dict)
    _wanted: dict[Code, set[Listener]] = field(default_factory=dict)
    _latest: dict[Code, Tick] = field(default_factory=dict)
    _due: bool = False

    # -- subscribing -----------------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener, symbols: Iterable[str]) -> int:
        """Add symbols; how many the session has then. Raises `RemoteError` above the limit, with nothing added."""
        mine = self._of.get(listener) or _Subscription()
        new = [symbol for symbol in symbols if symbol not in mine.symbols]
        if len(mine.symbols) + len(new) > self.most:
            raise RemoteError(ErrorCode.REQUEST_FAILED, f"订阅数量超过上限 {self.most}")
        self._of[listener] = mine
        fresh: list[Code] = []
        known: list[Code] = []
        for symbol in new:
            code = _code(symbol)
            mine.symbols[symbol] = code
            (known if code in self._wanted else fresh).append(code)
            self._wanted.setdefault(code, set()).add(listener)
        mine.index()
        self.desk.subscribe(dict.fromkeys(fresh))
        shown = [self._latest[code] for code in dict.fromkeys(known) if code in self._latest]
        if shown:
            self.loop.call_soon(self._send, listener, mine, shown, {}, {}, {})
        return len(mine.symbols)

    def unsubscribe(self, listener: Listener, symbols: Iterable[str] | None) -> tuple[int, int]:
        """Take symbols away, all of them for None; how many are left and how many were removed."""
        mine = self._of.get(listener)
        if mine is None:
            return 0, 0
        removed = [symbol for symbol in (list(mine.symbols) if symbols is None else symbols) if symbol in mine.symbols]
        gone = {mine.symbols.pop(symbol) for symbol in removed}
        mine.index()
        left = {code for code in gone if code not in mine.spellings}
        for code in left:
            mine.held.pop(code, None)
            self._wanted[code].discard(listener)
        unwanted = [code for code in left if not self._wanted[code]]
        for code in unwanted:
            del self._wanted[code]
            self._latest.pop(code, None)
        if unwanted:
            self.desk.unsubscribe(unwanted)
        if not mine.symbols:
            del self._of[listener]
        return len(mine.symbols), len(removed)

    # -- sending ---------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Ticks wait; from any thread."""
        self.loop.call_soon_threadsafe(self._arm)

    def _arm(self) -> None:
        if not self._due:
            self._due = True
            self.loop.call_later(BATCH_S, self.flush)

    def flush(self) -> None:
        """Send what has come since the last time."""
        self._due = False
        rows: dict[Code, bytes] = {}
        singles: dict[str, bytes] = {}
        batches: dict[bytes, bytes] = {}
        touched: dict[Listener, list[Tick]] = {}
        for tick in self.desk.take():
            if tick.code in self._wanted:
                self._latest[tick.code] = tick
            for listener in self._wanted.get(tick.code, ()):
                touched.setdefault(listener, []).append(tick)
        for listener, ticks in touched.items():
            self._send(listener, self._of[listener], ticks, rows, singles, batches)

    def _send(
        self,
        listener: Listener,
        mine: _Subscription,
        ticks: list[Tick],
        rows: dict[Code, bytes],
        singles: dict[str, bytes],
        batches: dict[bytes, bytes],
    ) -> None:
        """Send ticks, or hold them for a slow client. The dicts keep what was encoded for other clients already."""
        if not listener.writable:
            self._hold(mine, ticks)
        elif listener.batches:
            listener.push(_batch(ticks, mine.conflated, rows, batches))
        else:
            named = ((tick, name) for tick in ticks for name in mine.spellings.get(tick.code, ()))
            listener.push(b"".join(_single(tick, name, singles) for tick, name in named))

    @staticmethod
    def _hold(mine: _Subscription, ticks: list[Tick]) -> None:
        for tick in ticks:
            mine.conflated += tick.code in mine.held
            mine.held[tick.code] = tick

    def caught_up(self, listener: Listener) -> None:
        """A slow client reads again: send it the newest of what it missed."""
        mine = self._of.get(listener)
        if mine is None or not mine.held:
            return
        ticks, mine.held = list(mine.held.values()), {}
        self._send(listener, mine, ticks, {}, {}, {})


def _batch(ticks: list[Tick], conflated: int, rows: dict[Code, bytes], batches: dict[bytes, bytes]) -> bytes:
    for tick in ticks:
        if tick.code not in rows:
            rows[tick.code] = body.encode(row_of(tick))
    payload = b'{"ticks":[%b],"conflated":%d}' % (b",".join([rows[tick.code] for tick in ticks]), conflated)
    made = batches.get(payload)
    if made is None:
        made = batches[payload] = frame(event_body(TICKS_EVENT, payload))
    return made


def _single(tick: Tick, symbol: str, made: dict[str, bytes]) -> bytes:
    found = made.get(symbol)
    if found is None:
        push = TickPush(symbol=symbol, sid=tick.code, last_price=tick.current, dt=moment_text(tick.datetime))
        found = made[symbol] = frame(event_body(TICK_EVENT, body.encode(push)))
    return found


def _code(symbol: str) -> Code:
    """The security behind a symbol; one that nobody knows gets no ticks, as on deployed servers."""
    try:
        return normalize(symbol)
    except UsageError:
        return Code(symbol)
