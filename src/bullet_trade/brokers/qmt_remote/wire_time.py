"""The server's clock against ours. Reports carry the server's time; the engine's day runs on ours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from bullet_trade.domain.reports import AccountSnapshot, Report

STEADY = timedelta(seconds=1)
"""Differences below this are the network's, or nobody's concern: times then pass unchanged."""

R = TypeVar("R", bound=Report)


class ServerClock:
    """How far the server is ahead of us. It changes only when the difference does by more than `STEADY`, so that the
    order of two times told by the server never changes."""

    def __init__(self) -> None:
        self.known = False
        self._ahead = timedelta(0)

    def hear(self, server_time: datetime | None, asked: datetime, now: datetime) -> None:
        """The server has told its time, in answer to what left at `asked`. An answer that was long on its way, or that
        was read after a sleep, says nothing about the present."""
        if server_time is None or abs(now - asked) > STEADY:
            return
        self.known = True
        ahead = server_time - now
        if abs(ahead - self._ahead) > STEADY:
            self._ahead = ahead if abs(ahead) > STEADY else timedelta(0)

    def theirs(self, ours: datetime) -> datetime:
        """A time of ours on the server's clock."""
        return ours + self._ahead

    def ours(self, report: R) -> R:
        """A report of the server's with its times on our clock."""
        if not self._ahead:
            return report
        if isinstance(report, AccountSnapshot):
            trades = tuple(msgspec.structs.replace(trade, at=trade.at - self._ahead) for trade in report.trades)
            return msgspec.structs.replace(report, at=report.at - self._ahead, trades=trades)
        return msgspec.structs.replace(report, at=report.at - self._ahead)
