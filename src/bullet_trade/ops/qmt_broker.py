"""The QMT broker from the user's settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random

from bullet_trade.brokers.qmt.broker import QmtBroker
from bullet_trade.brokers.qmt.terms import (
    QmtTerms,
    check_account_id,
    check_account_type,
    check_data_path,
    first_session,
)
from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.errors import CalendarEndError
from bullet_trade.engine.clock import Clock
from bullet_trade.engine.desk import tag_label
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import Broker

SATURDAY = 5


def qmt_terms(settings: Settings, label: str) -> QmtTerms:
    """Terms for the strategy named `label`. Raises `UsageError` naming the variable that is missing or wrong."""
    check_account_type(settings.qmt_account_type)
    account_id = check_account_id(settings.qmt_account_id)
    prefix = f"bt:{tag_label(label)}:"
    return QmtTerms(
        data_path=check_data_path(settings.qmt_data_path),
        account_id=account_id,
        tag_prefix=prefix,
        first_session=first_session(settings.qmt_session_id, account_id, prefix),
        subscribe=settings.qmt_auto_subscribe,
        market_types=settings.qmt_market_orders == "market",
    )


def qmt_broker(settings: Settings, label: str, clock: Clock, calendar: TradingCalendar) -> Broker:
    """The adapter, not connected yet. Raises `UsageError` where a setting or `xtquant` is missing."""
    terms = qmt_terms(settings, label)
    return QmtBroker(terms, load_wheel(), clock, sessions_of(calendar), Random(terms.first_session))


def sessions_of(calendar: TradingCalendar) -> Callable[[date], bool]:
    """Whether a day is a trading day; beyond the calendar's knowledge every weekday counts."""

    def is_session(day: date) -> bool:
        try:
            return calendar.is_session(day)
        except CalendarEndError:
            return day.weekday() < SATURDAY

    return is_session
