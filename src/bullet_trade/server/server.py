"""The server: listens, takes sessions in, and hands their requests to who knows the answer.

One event loop thread reads and writes all sockets and never waits: every account, the quotes and the history have a
thread of their own.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import get_ident
from typing import Protocol

import msgspec

from bullet_trade.domain.errors import BulletTradeError, UsageError
from bullet_trade.domain.reports import Report
from bullet_trade.engine.clock import Clock
from bullet_trade.remote import actions, features
from bullet_trade.remote.errors import ErrorCode, RemoteError
from bullet_trade.remote.messages import Handshake, Request, Resumed
from bullet_trade.server.access import LockOut, Network, Tokens, admitted
from bullet_trade.server.accounts import Directory
from bullet_trade.server.admin_actions import AdminActions
from bullet_trade.server.audit import AuditLine, AuditTrail, cut
from bullet_trade.server.broker_actions import BrokerActions
from bullet_trade.server.data_actions import DataActions
from bullet_trade.server.desk import Desk, Publish
from bullet_trade.server.history_desk import HistoryDesk
from bullet_trade.server.quote_desk import QuoteDesk
from bullet_trade.server.refusals import harmless
from bullet_trade.server.report_hub import ReportHub
from bullet_trade.server.session import HANDSHAKE_WAIT_S, Opening, PendingReply, Session
from bullet_trade.server.tick_hub import TickHub

log = logging.getLogger("bullet_trade.server")
access = logging.getLogger("bullet_trade.server.access")

GREETING, GREETING_PER_ADDRESS = 128, 32
"""Connections that may be without a finished handshake, in all and per address."""
START_WAIT_S = 120.0
HISTORY_LIMIT_S = 150.0
AUDITED = actions.WRITES | {"broker.resolve_submission"}

Handler = Callable[[Session, PendingReply, msgspec.Raw], None]


class Part(Protocol):
    """A desk with a thread of its own."""

    def start(self, ready: Callable[[str], None]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """How the server is run. Times in seconds."""

    host: str
    port: int
    tokens: Tokens
    directory: Directory
    backend_type: str
    data_enabled: bool = True
    broker_enabled: bool = True
    allowed: tuple[Network, ...] = ()
    max_connections: int = 64
    max_subscriptions: int = 200
    request_limit_s: float = 60.0
    place_margin_s: float = 30.0
    order_wait_s: float = 16.0
    tls: ssl.SSLContext | None = None
    log_account: bool = False

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that are on, as every client is told."""
        named = ((features.DATA, self.data_enabled), (features.BROKER, self.broker_enabled))
        return tuple(name for name, on in named if on)


class Server:
    """One listener with its accounts. Made outside the loop, started and stopped inside it."""

    def __init__(
        self,
        terms: ServerTerms,
        clock: Clock,
        make_desks: Callable[[Publish], dict[str, Desk]],
        make_quotes: Callable[[Callable[[], None]], QuoteDesk],
        history: HistoryDesk,
        audit: AuditTrail | None = None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.terms = terms
        self.loop_thread = 0
        self.sessions: set[Session] = set()
        self._clock = clock
        self._began = clock.monotonic()
        self._make_desks = make_desks
        self._make_quotes = make_quotes
        self._history = history
        self._audit = audit
        self._release = release
        self._reports = ReportHub(secrets.token_hex(8), terms.directory)
        self._locked = LockOut(clock.monotonic)
        self._greeting: dict[Session, None] = {}
        self._handlers: dict[str, Handler] = {}
        self._requests: dict[PendingReply, tuple[Session, Request]] = {}
        self._listener: asyncio.Server | None = None
        self._parts: list[Part] = []
        self._hub: TickHub | None = None

    # -- beginning and end -----------------------------------------------------------------------------------------

    async def start(self) -> int:
        """Open accounts and sources, then listen; the port. Raises `UsageError` with the reason when one fails."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.loop_thread = get_ident()
        desks = self._make_desks(self._publish) if self.terms.broker_enabled else {}
        self._handlers |= AdminActions(self, desks).table
        if self.terms.broker_enabled:
            self._handlers |= BrokerActions(self.terms.directory, desks).table
        self._parts += desks.values()
        if self.terms.data_enabled:
            quotes = self._make_quotes(self._wake_ticks)
            self._hub = TickHub(quotes, loop, self.terms.max_subscriptions)
            self._handlers |= DataActions(quotes, self._history, self._hub).table
            self._parts += [quotes, self._history]
        try:
            await self._open_parts(loop)
            self._listener = await loop.create_server(
                lambda: Session(self, loop),
                self.terms.host,
                self.terms.port,
                ssl=self.terms.tls,
                ssl_handshake_timeout=HANDSHAKE_WAIT_S if self.terms.tls is not None else None,
                backlog=256,
            )
        except OSError as error:
            await self.stop()
            raise UsageError(
                f"无法监听 {self.terms.host}:{self.terms.port}：{error.strerror or error}", "换一个端口或地址"
            ) from error
        except UsageError:
            await self.stop()
            raise
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def _open_parts(self, loop: asyncio.AbstractEventLoop) -> None:
        for part in self._parts:
            ready: asyncio.Future[str] = loop.create_future()

            def told(reason: str, ready: asyncio.Future[str] = ready) -> None:
                loop.call_soon_threadsafe(ready.set_result, reason)

            part.start(told)
            reason = await asyncio.wait_for(ready, START_WAIT_S)
            if reason:
                raise UsageError(f"服务启动失败：{reason}", "按原因处理后重新启动；bullet-trade doctor 可逐项检查")

    async def stop(self) -> None:
        """Stop listening, let go of the sessions, close accounts and sources. Open orders stay as they are."""
        if self._listener is not None:
            self._listener.close()
        for session in list(self.sessions | set(self._greeting)):
            session.drop("服务停止")
        parts, self._parts = self._parts, []
        for part in parts:
            await asyncio.to_thread(part.close)
        await asyncio.to_thread(self._release)
        if self._audit is not None:
            await asyncio.to_thread(self._audit.close)

    def now(self) -> datetime:
        """Exchange time."""
        return self._clock.now()

    @property
    def uptime_s(self) -> float:
        """Seconds since the server was made."""
        return self._clock.monotonic() - self._began

    def _publish(self, account_key: str, sub: str, seq: int, report: Report) -> None:
        self._loop.call_soon_threadsafe(self._reports.published, account_key, sub, seq, report)

    def _wake_ticks(self) -> None:
        if self._hub is not None:
            self._hub.wake()

    # -- sessions --------------------------------------------------------------------------------------------------

    def admits(self, session: Session) -> bool:
        """Whether the address may connect at all; nothing is said to those that may not."""
        here = Counter(one.peer for one in self._greeting)
        if (
            not admitted(session.peer, self.terms.allowed)
            or self._locked.locked(session.peer)
            or len(self._greeting) >= GREETING
            or here[session.peer] >= GREETING_PER_ADDRESS
        ):
            log.warning("拒绝来自 %s 的连接", session.peer)
            return False
        self._greeting[session] = None
        return True

    def open(self, session: Session, handshake: Handshake) -> Opening:
        """Check the token and take the session in."""
        grant = self.terms.tokens.grant(handshake.token)
        if grant is None:
            self._locked.failed(session.peer)
            log.warning("来自 %s 的握手令牌错误", session.peer)
            raise RemoteError(ErrorCode.AUTH_FAILED, "token 不匹配")
        self._locked.succeeded(session.peer)
        if len(self.sessions) >= self.terms.max_connections:
            raise RemoteError(ErrorCode.SERVER_BUSY, "连接数达到上限")
        self._greeting.pop(session, None)
        self.sessions.add(session)
        log.info("会话 %s 建立：%s，令牌 %s", session.id, session.peer, grant.label)
        accounts = tuple(one.key for one in self.terms.directory.accounts if grant.admits(one.key))
        return Opening(grant, self.terms.modules, self._reports.stream, accounts, self._clock.now())

    def opened(self, session: Session) -> tuple[Resumed, ...]:
        """How far the reports that the client has missed can be told."""
        return self._reports.resumed(session)

    def catch_up(self, session: Session) -> None:
        """Send the missed reports, and all that come."""
        if self.terms.broker_enabled:
            self._reports.join(session)

    def rejected(self, session: Session) -> None:
        """Something that is no handshake counts as a wrong token."""
        self._locked.failed(session.peer)

    def caught_up(self, session: Session) -> None:
        """The client reads again after it was slow."""
        if self._hub is not None:
            self._hub.caught_up(session)

    def closed(self, session: Session) -> None:
        """Forget the session and what it had subscribed; its orders go on."""
        self._greeting.pop(session, None)
        if session in self.sessions:
            self.sessions.discard(session)
            self._reports.leave(session)
            if self._hub is not None:
                self._hub.unsubscribe(session, None)
            log.info("会话 %s 结束", session.id)

    # -- requests --------------------------------------------------------------------------------------------------

    def begin(self, session: Session, request: Request) -> None:
        """Work on a request; whatever happens, it is answered once."""
        reply = _TrackedReply(session, request, self._clock.monotonic(), self)
        session.started(reply)
        action = actions.canonical(request.action)
        handler = self._handlers.get(action) if action is not None else None
        if handler is None or action is None:
            reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, self._unknown(request.action, action)))
            return
        reply.action = action
        reply.payload = request.payload
        try:
            handler(session, reply, request.payload)
        except RemoteError as error:
            reply.refuse(error)
        except BulletTradeError as error:
            reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, harmless(str(error))))
        if not reply.done:
            reply.timer = self._loop.call_later(self._limit_s(action, request.payload), self._expire, reply)

    def _unknown(self, given: str, action: str | None) -> str:
        if action is None:
            return actions.unknown_text(given)
        return "数据服务未启用" if action.startswith("data.") else "券商服务未启用"

    def _limit_s(self, action: str, payload: msgspec.Raw) -> float:
        limit = self.terms.request_limit_s
        if action == "data.history":
            return max(limit, HISTORY_LIMIT_S)
        if action in actions.WRITES:
            return max(limit, _wait_of(payload, self.terms.order_wait_s) + self.terms.place_margin_s)
        return limit

    def _expire(self, reply: PendingReply) -> None:
        spent_s = self._clock.monotonic() - reply.began
        reply.refuse(RemoteError(ErrorCode.REQUEST_TIMEOUT, f"请求超时（>{spent_s:.0f}s）"))

    def answered(self, session: Session, reply: _TrackedReply) -> None:
        """Write down a request that was answered."""
        spent_ms = (self._clock.monotonic() - reply.began) * 1000
        if access.isEnabledFor(logging.INFO):
            access.info("%s %s %s %.1fms %s", session.id, session.peer, reply.action, spent_ms, reply.code or "OK")
        if self._audit is not None and reply.action in AUDITED and session.grant is not None:
            self._audit.put(
                AuditLine(
                    at=self._clock.now(),
                    session=session.id,
                    peer=session.peer,
                    token=session.grant.label,
                    action=reply.action,
                    account=session.handshake.account_key or "" if session.handshake is not None else "",
                    request=cut(bytes(reply.payload)),
                    answer=cut(reply.shown),
                    milliseconds=round(spent_ms, 3),
                    code=reply.code,
                )
            )


class _TrackedReply(PendingReply):
    """A reply that the server hears of."""

    __slots__ = ("_server", "payload")

    def __init__(self, session: Session, request: Request, began: float, server: Server) -> None:
        super().__init__(session, request, began)
        self._server = server
        self.payload = msgspec.Raw(b"{}")

    def _finish(self, payload: bytes, error: RemoteError | None) -> None:
        if not self.done:
            super()._finish(payload, error)
            self._server.answered(self._session, self)


class _Wait(msgspec.Struct):
    wait_timeout: object = None


_wait = msgspec.json.Decoder(_Wait)


def _wait_of(payload: msgspec.Raw, default: float) -> float:
    """The wait that a write asks for, the server's own where it names none."""
    try:
        given = _wait.decode(payload).wait_timeout
        return default if given is None else float(str(given))
    except (msgspec.DecodeError, ValueError):
        return default
