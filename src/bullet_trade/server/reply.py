"""Where the answer to a request goes."""

from __future__ import annotations

from typing import Protocol

from bullet_trade.remote.errors import RemoteError


class Reply(Protocol):
    """Where an answer goes. Both methods may be called from any thread; only the first call counts."""

    @property
    def peer(self) -> str:
        """The address of the client."""

    @property
    def dead(self) -> bool:
        """Whether the client is gone, so that no answer can reach it."""

    def answer(self, payload: bytes) -> None:
        """Answer with a payload that is JSON."""

    def refuse(self, error: RemoteError) -> None:
        """Answer with an error frame."""
