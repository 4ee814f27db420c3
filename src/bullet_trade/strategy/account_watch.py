"""What the strategy's side notes when the account or the date moves: closing values, books, stop orders, events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bullet_trade.engine.events import DayClosed, DayOpened, Entitled, Event
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.event_objects import dividends_of

if TYPE_CHECKING:
    from bullet_trade.strategy.session import Session


class AccountWatch:
    """An `Audience` for one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tell(self, event: Event) -> None:
        match event:
            case DayOpened():
                self._session.subaccounts.open_day(event.day)
                self._session.stops.open_day(event.day)
            case DayClosed():
                self._session.closing_value = event.cash + event.positions_value
                self._session.subaccounts.settle()
            case Entitled():
                self._entitled(event)
            case _:
                pass

    def _entitled(self, told: Entitled) -> None:
        session = self._session
        engine, security = session.engine, session.parts.securities(told.code)
        if "on_event" not in engine.host.hooks or security is None:
            return
        today = told.at.date()
        actions = [action for action in session.data.corporate_actions(told.code) if action.ex_date == today]
        event = dividends_of(security, actions)
        # Told in the middle of the market's work: the strategy's turn comes with the hooks of this instant.
        engine.timers.add(
            told.at, Rank.HOOK, lambda: engine.call_hook("on_event", (session.context, event), engine.now())
        )
