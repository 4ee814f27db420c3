"""The venue of a QMT terminal on this machine: its accounts, and its quotes and history.

Every account, the quotes and the history have a reader of their own, because each belongs to one thread; all of them
ask through one `Terminal`, which makes one call at a time.
"""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from random import Random
from threading import Lock

from bullet_trade.brokers.qmt.broker import QmtBroker
from bullet_trade.brokers.qmt.terms import (
    QmtTerms,
    check_account_id,
    check_account_type,
    check_data_path,
    first_session,
)
from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.calendar import TradingCalendar, compared, exchange_calendar, extended
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ops.qmt_broker import sessions_of
from bullet_trade.ops.qmt_quotes import load_xtdata
from bullet_trade.ops.rule_files import read_holidays, read_overrides
from bullet_trade.ops.settings import Settings
from bullet_trade.quotes.live import LiveQuotes
from bullet_trade.quotes.qmt.data import QmtMarketData
from bullet_trade.quotes.qmt.pushes import QmtTicks
from bullet_trade.quotes.qmt.terminal import Terminal
from bullet_trade.server.accounts import AccountSpec
from bullet_trade.server.owner import Owner
from bullet_trade.server.quote_desk import QuoteWorld
from bullet_trade.server.venue import HistoryWorld, Setting, Venue, World

log = logging.getLogger("bullet_trade.server")

EVERY_TAG = ""
"""Orders of all clients are followed, whatever their tags begin with: after a restart, too."""


def qmt_venue(setting: Setting) -> Venue:
    """The venue; nothing is opened before an account or a source is asked for."""
    station = _Station(setting)
    return Venue("QMT", "qmt", station.open_account, station.open_quotes, station.open_history, release=station.release)


def account_terms(spec: AccountSpec, settings: Settings) -> QmtTerms:
    """How the terminal of an account is reached. Raises `UsageError` naming what is missing or wrong."""
    check_account_type(spec.account_type)
    account_id = check_account_id(spec.account_id)
    return QmtTerms(
        data_path=check_data_path(Path(spec.data_path).expanduser() if spec.data_path else settings.qmt_data_path),
        account_id=account_id,
        tag_prefix=EVERY_TAG,
        first_session=first_session(settings.qmt_session_id, account_id, f"server:{spec.key}"),
        subscribe=settings.qmt_auto_subscribe,
        market_types=settings.qmt_market_orders == "market",
    )


class _Station:
    """The terminal, and what was opened of it. Its methods are called on the threads that own what they make."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._lock = Lock()
        self._opened: list[QmtMarketData] = []

    @cached_property
    def _terminal(self) -> Terminal:
        made = Terminal(load_xtdata(), self._setting.clock)
        made.tell = log.info
        return made

    def _source(self) -> tuple[QmtMarketData, TradingCalendar]:
        settings = self._setting.settings
        with self._lock:
            terminal = self._terminal
        data = QmtMarketData(terminal, QmtTicks(terminal).opened())
        with self._lock:
            self._opened.append(data)
        theirs = data.trading_days()
        calendar = extended(exchange_calendar(), theirs, "数据源", read_holidays(settings.holiday_file))
        return data, compared(calendar, theirs, data.label, refuse=settings.calendar_conflict == "refuse")

    def open_account(self, spec: AccountSpec, owner: Owner) -> World:
        """The account's adapter, not connected yet, and the prices that its orders are made with."""
        settings, clock = self._setting.settings, self._setting.clock
        terms, wheel = account_terms(spec, settings), load_wheel()
        data, calendar = self._source()
        overrides = read_overrides(settings.rules_file)

        def security(code: Code) -> Security | None:
            known = data.security(code)
            return overrides.apply(known) if known is not None else None

        return World(
            QmtBroker(terms, wheel, clock, sessions_of(calendar), Random(terms.first_session)),
            LiveQuotes(data.source, data, calendar, owner.timers, log.warning),
            RuleBook(overrides, FeeSchedule(overrides.commission), calendar),
            calendar,
            security,
        )

    def open_quotes(self, owner: Owner) -> QuoteWorld:
        """Quotes for the clients."""
        data, calendar = self._source()
        return QuoteWorld(LiveQuotes(data.source, data, calendar, owner.timers, log.warning), calendar)

    def open_history(self) -> HistoryWorld:
        """History for the clients."""
        return HistoryWorld(*self._source())

    def release(self) -> None:
        """End all subscriptions and the connection."""
        with self._lock:
            opened, self._opened = self._opened, []
        for data in opened:
            data.close()
