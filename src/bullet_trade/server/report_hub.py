"""Order and trade reports on their way to the clients that asked for them. Runs on the event loop's thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bullet_trade.domain.reports import Report
from bullet_trade.remote import body, features
from bullet_trade.remote.frames import frame
from bullet_trade.remote.messages import Resumed, event_body
from bullet_trade.remote.trading import REPORT_EVENT, NumberedReport
from bullet_trade.server.session import Session

KEPT = 10_000
"""Reports of an account that a returning client may still get."""


@dataclass(slots=True)
class _Account:
    seq: int = 0
    kept: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT))


@dataclass(slots=True)
class ReportHub:
    """The numbered reports of all accounts since the server started; `stream` names this life of the numbers."""

    stream: str
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _sessions: set[Session] = field(default_factory=set)

    def published(self, account_key: str, seq: int, report: Report) -> None:
        """Keep a report and send it to everybody who may see the account."""
        account = self._accounts.setdefault(account_key, _Account())
        made = frame(event_body(REPORT_EVENT, body.encode(NumberedReport(account_key, seq, report))))
        account.seq = seq
        account.kept.append((seq, made))
        for session in list(self._sessions):
            if session.grant is not None and session.grant.admits(account_key):
                session.push(made)

    def resumed(self, session: Session) -> tuple[Resumed, ...]:
        """For each account that the client names: how far the numbers go, and whether it will miss nothing."""
        if session.handshake is None or session.grant is None:
            return ()
        found = []
        for seen in session.handshake.resume:
            if not session.grant.admits(seen.account_key):
                continue
            account = self._accounts.get(seen.account_key) or _Account()
            complete = seen.stream == self.stream and 0 <= account.seq - seen.seq <= len(account.kept)
            found.append(Resumed(seen.account_key, account.seq, complete))
        return tuple(found)

    def join(self, session: Session) -> None:
        """Send what the client has missed, and from now on all that is new."""
        if features.REPORTS not in session.agreed or session.handshake is None:
            return
        complete = {one.account_key for one in self.resumed(session) if one.complete}
        for seen in session.handshake.resume:
            if seen.account_key in complete and features.RESUME in session.agreed:
                kept = self._accounts.get(seen.account_key, _Account()).kept
                missed = b"".join(made for seq, made in kept if seq > seen.seq)
                if missed:
                    session.push(missed)
        self._sessions.add(session)

    def leave(self, session: Session) -> None:
        """The client is gone."""
        self._sessions.discard(session)
