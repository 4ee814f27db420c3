"""Order and trade reports on their way to the clients that asked for them. Runs on the event loop's thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bullet_trade.domain.reports import Report
from bullet_trade.remote import body, features
from bullet_trade.remote.frames import frame
from bullet_trade.remote.messages import Resumed, event_body
from bullet_trade.remote.trading import REPORT_EVENT, NumberedReport
from bullet_trade.server.accounts import Directory, Target
from bullet_trade.server.session import Session

KEPT = 10_000
"""Reports of an account that a returning client may still get."""


@dataclass(slots=True)
class _Stream:
    seq: int = 0
    kept: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT))


@dataclass(slots=True)
class ReportHub:
    """The numbered reports of all accounts since the server started, and of all sub-accounts with books of their own;
    `stream` names this life of the numbers."""

    stream: str
    directory: Directory
    _streams: dict[tuple[str, str], _Stream] = field(default_factory=dict)
    _sessions: dict[Session, Target | None] = field(default_factory=dict)
    """With the sub-account that each is confined to."""

    def published(self, account_key: str, sub: str, seq: int, report: Report) -> None:
        """Keep a report and send it to everybody who may see the account, or the sub-account `sub`."""
        account = self._streams.setdefault((account_key, sub), _Stream())
        made = frame(event_body(REPORT_EVENT, body.encode(NumberedReport(account_key, seq, report))))
        account.seq = seq
        account.kept.append((seq, made))
        for session, own in list(self._sessions.items()):
            if _followed(session, own, account_key) == sub:
                session.push(made)

    def _own(self, session: Session) -> Target | None:
        handshake = session.handshake
        return self.directory.own_books(handshake.account_key, handshake.sub_account_id) if handshake else None

    def resumed(self, session: Session) -> tuple[Resumed, ...]:
        """For each account that the client names: how far the numbers go, and whether it will miss nothing."""
        if session.handshake is None:
            return ()
        found = []
        for seen in session.handshake.resume:
            account = self._stream(session, seen.account_key)
            if account is None:
                continue
            complete = seen.stream == self.stream and 0 <= account.seq - seen.seq <= len(account.kept)
            found.append(Resumed(seen.account_key, account.seq, complete))
        return tuple(found)

    def _stream(self, session: Session, account_key: str) -> _Stream | None:
        sub = _followed(session, self._own(session), account_key)
        return self._streams.get((account_key, sub), _Stream()) if sub is not None else None

    def join(self, session: Session) -> None:
        """Send what the client has missed, and from now on all that is new."""
        if features.REPORTS not in session.agreed or session.handshake is None:
            return
        complete = {one.account_key for one in self.resumed(session) if one.complete}
        for seen in session.handshake.resume:
            stream = self._stream(session, seen.account_key)
            if stream is not None and seen.account_key in complete and features.RESUME in session.agreed:
                missed = b"".join(made for seq, made in stream.kept if seq > seen.seq)
                if missed:
                    session.push(missed)
        self._sessions[session] = self._own(session)

    def leave(self, session: Session) -> None:
        """The client is gone."""
        self._sessions.pop(session, None)


def _followed(session: Session, own: Target | None, account_key: str) -> str | None:
    """Whose reports of an account the session gets: a sub-account's ('': all), None for nobody's."""
    if session.grant is None or not session.grant.admits(account_key):
        return None
    if own is None:
        return ""
    return own.own_books if own.account_key == account_key else None
