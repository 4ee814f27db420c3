"""The operator of a simulated run: what a person at a terminal does to a running engine, and what must follow."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from bullet_trade.engine.brake import BrakeMode
from bullet_trade.engine.commands import OperatorCommand, Who
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.oracle import Oracle

SOMEONE = Who("操作员", 1, "")


class OperatorHand:
    """Gives commands to one engine after the other. What was held must still be held after a restart."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._session: Session | None = None
        self._held = ""

    def take_over(self, session: Session) -> None:
        """Another engine is there. What was held and not let go must be held by it, too."""
        self._session = session
        self._oracle.held = self._held

    def act(self, session: Session, draw: Random) -> None:
        """Give some command; a brake that is set is let go after a while."""
        match draw.choice(["halt", "halt", "pause", "cancel-all", "stop"]):
            case "halt":
                self._halt(session)
                self._resume_after(session, draw.choice([20.0, 1800.0]))
            case "pause":
                self._command(session, "pause")
                self._resume_after(session, draw.choice([20.0, 1800.0]))
            case other:
                self._command(session, other)

    def let_go(self) -> None:
        """Resume, if anything holds."""
        session = self._session
        if session is not None and session.parts.brake.state.mode is not BrakeMode.RUNNING:
            self._held = self._oracle.held = ""
            self._command(session, "resume")

    def _halt(self, session: Session) -> None:
        """As the control thread does it: the brake first, then the engine hears of it."""
        session.parts.brake.halt(SOMEONE.text, "试", session.engine.now().isoformat())
        self._held = self._oracle.held = "the operator halted"
        self._command(session, "halt")

    def _resume_after(self, session: Session, seconds: float) -> None:
        due = session.engine.now() + timedelta(seconds=seconds)
        session.parts.timers.add(due, Rank.MARKET, self.let_go)

    def _command(self, session: Session, name: str) -> None:
        def answered(answer: object) -> None:
            if getattr(answer, "ok", False):
                self._answered(name)

        now, number = session.engine.now().isoformat(), session.parts.brake.state.number
        session.parts.inbox.put(OperatorCommand(name, SOMEONE, now, brake=number, answer=answered))

    def _answered(self, name: str) -> None:
        if name == "pause":
            self._held = self._oracle.held = "the operator paused"
        elif name == "stop":
            self._oracle.held = "the operator stopped the engine"
