"""The site that this process runs on."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random
from threading import Event

from bullet_trade.brokers.qmt.broker import QmtBroker
from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.reports import AccountSnapshot, LinkDown
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import Clock, WallClock, local_offset
from bullet_trade.engine.inbox import Inbox
from bullet_trade.market.calendar import TradingCalendar, exchange_calendar, extended
from bullet_trade.ops.doctor.acceptance import Bench
from bullet_trade.ops.doctor.site import Site, TerminalLook
from bullet_trade.ops.doctor.terminal import LABEL, PROBE
from bullet_trade.ops.doctor.xtdata import open_xtdata
from bullet_trade.ops.qmt_broker import qmt_terms, sessions_of
from bullet_trade.ops.remote_venue import address, token
from bullet_trade.ops.rule_files import read_closed_days, read_holidays
from bullet_trade.ops.run_request import LIVE
from bullet_trade.ops.settings import Settings, sources
from bullet_trade.ports.broker import Broker
from bullet_trade.remote.features import EXTENSIONS
from bullet_trade.remote.line import opened
from bullet_trade.remote.messages import PROTOCOL, Handshake, HandshakeAck

CONNECT_S = 20.0
HANDSHAKE_S = 5.0
BROKERS = ("simulator", "qmt", "qmt-remote")


def this_site(
    settings: Settings, env_file: Path | None, broker: str, directory: Path, log_dir: Path, clock: Clock | None = None
) -> Site:
    """This machine, with `broker` to trade with, `directory` for `RUNTIME_DIR`. Raises `UsageError` for a setting."""
    clock = clock or WallClock()
    return Site(
        settings=settings,
        sources=sources(env_file),
        broker=broker,
        directory=directory / settings.live_mode if settings.live_mode != LIVE else directory,
        log_dir=log_dir,
        python=sys.version_info[:3],
        system=f"{platform.system()} {platform.machine()}",
        offset=local_offset(),
        now=clock.now,
        free_bytes=lambda place: shutil.disk_usage(place).free,
        installed=_installed,
        calendar=lambda: known_days(settings),
        load_xtquant=load_wheel,
        connect=_connect(settings, clock),
        quotes=lambda: open_xtdata(clock),
        greet=greet,
    )


def known_days(settings: Settings) -> TradingCalendar:
    """The calendar as a run has it before its data source adds to it. Raises `UsageError` naming the file."""
    calendar = extended(exchange_calendar(), holidays=read_holidays(settings.holiday_file)).copy()
    calendar.close(read_closed_days(settings.closed_days_file))
    return calendar


def look_at(broker: Broker, clock: Clock, limit_s: float = CONNECT_S) -> TerminalLook:
    """Connect, wait for the account, and let go again. Raises `UsageError` from the adapter."""
    inbox, until = Inbox(), clock.monotonic() + limit_s
    broker.connect(inbox.put)
    reason = f"{broker.label} 在 {limit_s:g} 秒内没有返回账户"
    try:
        while clock.monotonic() < until:
            match inbox.get(timeout_s=0.2):
                case AccountSnapshot() as found:
                    return TerminalLook(found, "")
                case LinkDown(why):
                    reason = why
    finally:
        broker.close()
    return TerminalLook(None, reason)


def _connect(settings: Settings, clock: Clock) -> Callable[[QmtTerms], TerminalLook]:
    def connect(terms: QmtTerms) -> TerminalLook:
        is_session = sessions_of(known_days(settings))
        return look_at(QmtBroker(terms, load_wheel(), clock, is_session, Random(terms.first_session)), clock)

    return connect


def greet(settings: Settings) -> HandshakeAck:
    """Connect, shake hands, hang up. Raises what `opened` raises, `UsageError` without a token."""
    key = settings.qmt_server_account_key.strip() or None
    line = opened(address(settings), Handshake(token(settings), PROTOCOL, EXTENSIONS, key), HANDSHAKE_S)
    line.close()
    return line.ack


def bench(site: Site, clock: Clock, order_in: Code | None = None, reconnect: Callable[[], None] | None = None) -> Bench:
    """What `accept` takes, over the terminal of `site`. Raises `UsageError` for a setting or a missing package."""
    terms = qmt_terms(site.settings, LABEL)
    broker = QmtBroker(terms, load_wheel(), clock, sessions_of(site.calendar()), Random(terms.first_session))

    def wait(done: Callable[[], bool], limit_s: float) -> bool:
        until, pause = clock.monotonic() + limit_s, Event()
        while not done() and clock.monotonic() < until:
            pause.wait(0.1)
        return done()

    tag = f"{terms.tag_prefix}{clock.now():%H%M%S}"
    return Bench(broker, site.quotes, wait, clock.now, order_in or PROBE, tag, order_in, reconnect)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
