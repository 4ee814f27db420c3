"""The client's side of a connection that is kept up: requests and answers, pushes, heartbeats, reconnecting.

`request` may be called from any thread and never waits; what comes of it, pushes and the state of the connection are
told on the link's own thread. A request is sent once. When its answer does not come, the one who asked is told so:
whether to ask again is not decided here.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from threading import Event as Flag
from threading import Lock, Thread, current_thread
from typing import NamedTuple

import msgspec

from bullet_trade.domain.errors import BulletTradeError, DataError
from bullet_trade.remote import body, messages
from bullet_trade.remote.errors import ErrorCode, FrameError, RemoteError
from bullet_trade.remote.line import Address, Line, LineError, opened
from bullet_trade.remote.messages import ErrorFrame, Event, Handshake, HandshakeAck, Pong, Response

log = logging.getLogger(__name__)

CLOSING_S = 2.0
_FINAL_REFUSALS = frozenset({ErrorCode.AUTH_FAILED.value, ErrorCode.FORBIDDEN.value})


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """Times in seconds. `rpc_s` is how long an answer may take; `beat_s` between heartbeats; `silent_s` without a byte
    after which the connection is given up; `retry_s` the first pause before a new attempt, doubled up to
    `retry_most_s`; `refused_s` the pause after the server refused the token, which it counts."""

    connect_s: float = 2.0
    rpc_s: float = 60.0
    beat_s: float = 1.5
    silent_s: float = 5.0
    retry_s: float = 0.1
    retry_most_s: float = 1.0
    refused_s: float = 60.0
    nap_s: float = 0.1


class NotSent(NamedTuple):
    """The request did not leave, certainly."""

    reason: str


class NoReply(NamedTuple):
    """The request may have left, and no answer came."""

    reason: str


Outcome = msgspec.Raw | RemoteError | NotSent | NoReply
"""The answer's payload, the error frame, or why there is neither."""

Done = Callable[[Outcome], None]


class _Pending(NamedTuple):
    done: Done
    deadline: float
    action: str


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of the connection; all are called on the link's thread. `nap` comes some ten times a second, `ping`
    before each heartbeat leaves."""

    up: Callable[[HandshakeAck], None]
    down: Callable[[str], None]
    event: Callable[[Event], None]
    nap: Callable[[], None] = lambda: None
    ping: Callable[[], None] = lambda: None
    pong: Callable[[Pong], None] = lambda _: None


class Link:
    """A connection to `address` that comes back by itself. `greeting` makes the handshake of each attempt."""

    def __init__(
        self,
        address: Address,
        greeting: Callable[[], Handshake],
        terms: LinkTerms,
        monotonic: Callable[[], float],
        draw: Random,
        ears: Ears,
    ) -> None:
        self.terms = terms
        self.address = address
        self.late_replies = 0
        """Answers that came after their request was given up, and were dropped."""
        self.attempts = 0
        """Connections that were tried since the last one stood."""
        self.refused = ""
        """Why the server refuses this client for good (a wrong token), '' where it does not."""
        self.reason = "尚未连接"
        """Why there is no connection."""
        self.first_try = Flag()
        """Set once the first attempt has ended, well or not."""
        self._greeting = greeting
        self._monotonic = monotonic
        self._draw = draw
        self._ears = ears
        self._line: Line | None = None
        self._opening: socket.socket | None = None
        self._pending: dict[bytes, _Pending] = {}
        self._numbers = count(1)
        self._lock = Lock()
        self._closed = Flag()
        self._waker: socket.socket | None = None
        self._heard = self._pinged = self._next_nap = 0.0
        self._sequential = True
        # A daemon: the process must be able to end while a connection is being tried.
        self._thread = Thread(target=self._work, name="remote-link", daemon=True)

    # -- for everybody ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect."""
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    @property
    def up(self) -> bool:
        """Whether requests can leave now."""
        return self._line is not None

    @property
    def alive(self) -> bool:
        """Whether the link's thread runs."""
        return self._thread.is_alive()

    def request(
        self, action: str, payload: msgspec.Struct | dict[str, object], done: Done, limit_s: float | None = None
    ) -> None:
        """Send a request; `done` gets its outcome, once, on the link's thread, or here and now when it cannot leave."""
        number = str(next(self._numbers))
        made = messages.request_body(number, action, payload)
        key = b'"%b"' % number.encode()
        deadline = self._monotonic() + (self.terms.rpc_s if limit_s is None else limit_s)
        with self._lock:
            line = self._line
            if line is not None:
                self._pending[key] = _Pending(done, deadline, action)
        if line is None:
            done(NotSent(self.reason))
            return
        try:
            if not line.send(made):
                self.wake()
        except LineError:  # the thread will find out, too, and tell everybody who waits
            self.wake()
        except FrameError as error:
            self._settle(key, NotSent(str(error)))

    def ask(
        self, action: str, payload: msgspec.Struct | dict[str, object], limit_s: float | None = None
    ) -> msgspec.Raw:
        """Send a request and wait for the answer; not from the link's own thread.

        Raises `RemoteError` for an error frame, `DataError` where no answer came.
        """
        assert current_thread() is not self._thread, "the link's thread cannot wait for itself"
        waiting = Lock()
        waiting.acquire()
        found: list[Outcome] = []

        def done(outcome: Outcome) -> None:
            found.append(outcome)
            waiting.release()

        self.request(action, payload, done, limit_s)
        waiting.acquire()
        match found[0]:
            case NotSent(reason) | NoReply(reason):
                raise DataError(
                    f"远程服务没有回答 {action}：{reason}",
                    "检查网络，并在服务端机器上确认 bullet-trade server 正在运行",
                )
            case RemoteError() as error:
                raise error
            case payload_found:
                return payload_found

    def wake(self) -> None:
        """Have the thread look around now."""
        if self._waker is None:
            return
        try:
            self._waker.send(b"\0")
        except OSError:  # enough wake-ups wait already, or the link is closed
            return

    def close(self) -> None:
        """End for good. Requests in flight are told that no answer came."""
        self._closed.set()
        self.wake()
        opening = self._opening
        if opening is not None:
            opening.close()
        if self._thread.is_alive() and current_thread() is not self._thread:
            self._thread.join(CLOSING_S)

    # -- the thread ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._closed.is_set():
                self._try_once()
                self.first_try.set()
                if self._line is not None:
                    self._serve(self._line)
                self._guarded(self._ears.nap)
                self._rest()
        finally:
            self.first_try.set()
            self._selector.close()
            if self._waker is not None:
                self._waker.close()
            self._woken.close()

    def _try_once(self) -> None:
        self.attempts += 1
        try:
            line = opened(self.address, self._greeting(), self.terms.connect_s, self._note_opening)
        except RemoteError as error:
            self.refused = error.text if error.code in _FINAL_REFUSALS else ""
            self._failed(f"服务端拒绝连接：{error.text}")
        except BulletTradeError as error:
            self._failed(str(error))
        except Exception as error:  # the thread must live on, whatever the network library raises
            log.exception("连接远程服务时发生未预料的错误（本程序缺陷，请报告）")
            self._failed(f"{type(error).__name__}: {error}")
        else:
            self._begin(line)
        finally:
            self._opening = None

    def _note_opening(self, made: socket.socket) -> None:
        self._opening = made

    def _failed(self, reason: str) -> None:
        first = self.attempts == 1
        self.reason = reason
        if first:
            self._guarded(lambda: self._ears.down(reason))

    def _begin(self, line: Line) -> None:
        self.refused = ""
        self.attempts = 0
        self._heard = self._pinged = self._monotonic()
        self._sequential = not set(line.ack.features) - {"data", "broker"}
        self._selector.register(line, selectors.EVENT_READ)
        with self._lock:
            self._line = line
        self._guarded(lambda: self._ears.up(line.ack))

    def _serve(self, line: Line) -> None:
        try:
            self._take_all(line)  # what came together with the handshake
            while not self._closed.is_set() and self._line is line:
                self._look(line)
        except (LineError, FrameError) as error:
            self._lost(line, error.text)
        except Exception as error:  # as above
            log.exception("处理远程服务的消息时发生未预料的错误（本程序缺陷，请报告）")
            self._lost(line, f"内部错误（{type(error).__name__}）")
        finally:
            if self._closed.is_set():
                self._lost(line, "连接已关闭")
            self._selector.unregister(line)
            line.close()

    def _look(self, line: Line) -> None:
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.waits_to_send else 0)
        self._selector.modify(line, wanted)
        ready = self._selector.select(self.terms.nap_s)
        for key, _ in ready:
            if key.fileobj is line:
                line.flush()
                self._take_all(line)
            else:
                self._drain_wakes()
        self._mind_time(line)

    def _take_all(self, line: Line) -> None:
        for frame_body in line.receive():
            self._heard = self._monotonic()
            self._take(frame_body)

    def _drain_wakes(self) -> None:
        try:
            self._woken.recv(4096)
        except OSError:
            return

    def _mind_time(self, line: Line) -> None:
        now = self._monotonic()
        if now < self._next_nap:
            return
        self._next_nap = now + self.terms.nap_s
        for key in [key for key, one in list(self._pending.items()) if one.deadline <= now]:
            self._settle(key, NoReply("超过时限没有应答"))
        silent_s = now - self._heard
        if silent_s >= self.terms.silent_s and not self._may_be_busy():
            raise LineError(f"{silent_s:.0f} 秒没有收到任何数据")
        if now - self._pinged >= self.terms.beat_s:
            self._pinged = now
            self._guarded(self._ears.ping)
            line.send(body.encode(messages.Ping(msgspec.Raw(b'"beat"'))))
        self._guarded(self._ears.nap)

    def _may_be_busy(self) -> bool:
        """Deployed servers answer a heartbeat only after the request before it; that one has a limit of its own."""
        return self._sequential and bool(self._pending)

    def _take(self, frame_body: bytes) -> None:
        message = messages.read_from_server(frame_body)
        match message:
            case Response():
                self._settle(bytes(message.id), message.payload)
            case ErrorFrame():
                self._settle(bytes(message.id), RemoteError(message.code, message.message, message.broker_called))
            case Event():
                self._guarded(lambda: self._ears.event(message))
            case Pong():
                self._guarded(lambda: self._ears.pong(message))
            case HandshakeAck():
                raise FrameError("服务端重复握手")

    def _settle(self, key: bytes, outcome: Outcome) -> None:
        with self._lock:
            pending = self._pending.pop(key, None)
        if pending is None:
            self.late_replies += 1
            log.warning("丢弃一个已过时限的应答（累计 %d 个）", self.late_replies)
            return
        self._guarded(lambda: pending.done(outcome))

    def _lost(self, line: Line, reason: str) -> None:
        with self._lock:
            if self._line is not line:
                return
            self._line = None
            self.reason = reason
            waiting, self._pending = self._pending, {}
        line.close()
        if not self._closed.is_set():
            self._guarded(lambda: self._ears.down(reason))
        for pending in waiting.values():
            self._tell_lost(pending, reason)

    def _tell_lost(self, pending: _Pending, reason: str) -> None:
        self._guarded(lambda: pending.done(NoReply(f"{reason}，没有等到应答")))

    def _rest(self) -> None:
        """Wait before the next attempt."""
        terms = self.terms
        pause_s = min(terms.retry_s * 2 ** min(self.attempts, 16), terms.retry_most_s)
        if self.refused:
            pause_s = terms.refused_s
        until = self._monotonic() + pause_s * self._draw.uniform(0.75, 1.0)
        while not self._closed.is_set() and (left := until - self._monotonic()) > 0:
            self._closed.wait(min(left, terms.nap_s))
            self._guarded(self._ears.nap)

    @staticmethod
    def _guarded(call: Callable[[], None]) -> None:
        """One bad message must not end the thread that also carries the cancels."""
        try:
            call()
        except Exception:
            log.exception("处理远程服务的消息时发生未预料的错误（本程序缺陷，请报告）")
