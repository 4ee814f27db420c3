"""Quotes, history and reference data of the QMT terminal on this machine, from the user's settings."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import Clock
from bullet_trade.ops.assembly import Feed, QuoteSurroundings
from bullet_trade.ops.remote_venue import DEFAULT_DATA
from bullet_trade.ops.settings import Settings
from bullet_trade.quotes.live import LiveQuotes
from bullet_trade.quotes.qmt.data import QmtMarketData
from bullet_trade.quotes.qmt.pushes import QmtTicks
from bullet_trade.quotes.qmt.terminal import Terminal
from bullet_trade.quotes.qmt.terms import QuoteTerms
from bullet_trade.quotes.qmt.xtdata import XtData

QMT = "qmt"


def source_of(data: str, broker: str, settings: Settings) -> str:
    """Where market data come from: what the user named, else the terminal where orders go to one, or where
    `DEFAULT_DATA_PROVIDER` says so."""
    wanted = broker == QMT or (broker == "simulator" and settings.default_data_provider.strip().lower() == QMT)
    return QMT if data == DEFAULT_DATA and wanted else data


def load_xtdata() -> XtData:
    """The vendor's quotes module. Raises `UsageError` where the package or its native part is missing."""
    load_wheel()  # imports the package without its call home
    try:
        module = importlib.import_module("xtquant.xtdata")
    except (ImportError, OSError) as error:
        remedy = "在装有 QMT 的 Windows 上运行；检查杀毒软件是否拦截"
        raise UsageError(f"xtquant 的行情模块无法加载：{error}", remedy) from error
    found = cast("XtData", module)
    found.enable_hello = False
    return found


def qmt_data(clock: Clock, terms: QuoteTerms | None = None) -> QmtMarketData:
    """The terminal's market data, connected, with the units of its volumes proved. Raises `UsageError`."""
    terminal = Terminal(load_xtdata(), clock, terms)
    return QmtMarketData(terminal, QmtTicks(terminal).opened())


def quotes_of(data: QmtMarketData) -> Callable[[QuoteSurroundings], Feed]:
    """Live quotes of the same terminal, for `assembly.Wiring.quotes`."""
    return lambda around: LiveQuotes(data.source, around.data, around.calendar, around.timers, around.note)
