"""Payloads of the `data.` actions and of tick events. Prices in yuan, volumes in shares, times naive Beijing time.

Times are text with a blank, ``YYYY-MM-DD HH:MM:SS[.fff]``: deployed clients read numbers as nanoseconds.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import normalize
from bullet_trade.ports.quotes import Tick

# -- requests ----------------------------------------------------------------------------------------------------------


class HistoryQuery(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`data.history`. `start` and `end` win over `start_date` and `end_date` unless null or empty."""

    security: str | list[str]
    start: str | None = None
    start_date: str | None = None
    end: str | None = None
    end_date: str | None = None
    count: int | None = None
    frequency: str | None = None
    period: str | None = None
    fields: str | list[str] | None = None
    fq: str | None = None
    skip_paused: bool | msgspec.UnsetType | None = msgspec.UNSET
    panel: bool | msgspec.UnsetType | None = msgspec.UNSET
    fill_paused: bool | msgspec.UnsetType | None = msgspec.UNSET
    pre_factor_ref_date: str | None = None

    @property
    def reads_indexed_panels(self) -> bool:
        """Whether the client can read an index beside two-level columns: those that can send all three of these."""
        return msgspec.UNSET not in (self.skip_paused, self.panel, self.fill_paused)


class SecurityQuery(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`data.snapshot`, `current_tick`, `live_current`, `security_info`."""

    security: str | None = None
    stock: str | None = None
    stockcode: str | None = None

    @property
    def name(self) -> str:
        """The security under whichever key it came; '' when there is none."""
        return self.security or self.stock or self.stockcode or ""


class DaysQuery(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`data.trade_days`, and the range of `data.get_split_dividend` and `data.ensure_cache`."""

    security: str | None = None
    stockcode: str | None = None
    start: str | None = None
    start_date: str | None = None
    start_time: str | None = None
    end: str | None = None
    end_date: str | None = None
    end_time: str | None = None
    count: int | None = None
    frequency: str | None = None
    period: str | None = None
    auto_download: bool | str | None = None


class ListQuery(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`data.get_all_securities` and `data.get_index_stocks`."""

    types: str | list[str] | None = None
    index_symbol: str | None = None
    date: str | None = None


class SymbolsQuery(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`data.subscribe` and `data.unsubscribe`. For the latter null means everything, an empty list nothing."""

    securities: list[str] | None = None
    symbols: list[str] | None = None

    @property
    def named(self) -> list[str] | None:
        """The symbols, trimmed, in capitals, each once; they are echoed in this spelling."""
        given = self.securities if self.securities is not None else self.symbols
        return None if given is None else list(dict.fromkeys(one.strip().upper() for one in given if one.strip()))


# -- answers -----------------------------------------------------------------------------------------------------------


class SnapshotAnswer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`data.snapshot` and `data.current_tick`; an empty object when nothing is known. `age_seconds` is ours."""

    sid: str = ""
    last_price: float | None = None
    dt: str | int | float | None = None
    age_seconds: float | None = None


class FeedHealth(msgspec.Struct):
    """Whether the source answered."""

    status: str
    query_succeeded: bool
    transport: str = ""


class LiveAnswer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`data.live_current`. A limit of 0.0 is unknown or does not exist. Old servers send the first four only."""

    security: str = ""
    last_price: float | None = None
    high_limit: float | None = None
    low_limit: float | None = None
    paused: bool | None = None
    source_time: str | None = None
    received_time: str | None = None
    query_completed_time: str | None = None
    age_seconds: float | None = None
    event_stale: bool | None = None
    feed_health: FeedHealth | None = None
    bid_price1: float | None = None
    ask_price1: float | None = None
    source: str | None = None


class TickPush(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Payload of a `tick` event. `symbol` is written as it was subscribed, `sid` in JoinQuant's form."""

    symbol: str = ""
    sid: str = ""
    last_price: float | None = None
    dt: str | int | float | None = None


class TickRow(msgspec.Struct, array_like=True):
    """One tick of a `ticks` event (extension); fields and units as in `ports.quotes.Tick`."""

    code: str
    at: str
    last: float
    open: float
    high: float
    low: float
    volume: int
    money: float
    ask_prices: tuple[float, ...]
    ask_volumes: tuple[int, ...]
    bid_prices: tuple[float, ...]
    bid_volumes: tuple[int, ...]


class TickBatch(msgspec.Struct):
    """Payload of a `ticks` event: the newest tick of each code that changed within an interval.

    `conflated` counts the ticks of this session that newer ones of the same code have replaced since it began.
    """

    ticks: list[TickRow]
    conflated: int = 0


TICK_EVENT = "tick"
TICKS_EVENT = "ticks"


def row_of(tick: Tick) -> TickRow:
    """A tick for the wire."""
    return TickRow(
        tick.code, moment_text(tick.datetime), tick.current, tick.open, tick.high, tick.low, tick.volume, tick.money,
        tick.ask_prices, tick.ask_volumes, tick.bid_prices, tick.bid_volumes,
    )  # fmt: skip


def tick_of(row: TickRow) -> Tick:
    """A tick from the wire. Raises `ValueError` for a time that is none."""
    return Tick(
        code=Code(row.code), datetime=datetime.fromisoformat(row.at), current=row.last, open=row.open, high=row.high,
        low=row.low, volume=row.volume, money=row.money, ask_prices=row.ask_prices, ask_volumes=row.ask_volumes,
        bid_prices=row.bid_prices, bid_volumes=row.bid_volumes,
    )  # fmt: skip


# -- texts -------------------------------------------------------------------------------------------------------------


def moment_text(moment: datetime) -> str:
    """``YYYY-MM-DD HH:MM:SS``, with a fraction only where there is one."""
    return moment.isoformat(" ")


def day_of(text: str) -> date:
    """The day of a date or date-time text. Raises `UsageError`."""
    return moment_of(text).date()


def moment_of(text: str) -> datetime:
    """Exchange time from a date or date-time text, with blank or T; an offset is taken off. Raises `UsageError`."""
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError as error:
        raise UsageError(f"日期时间 {text!r} 无效", "写成 2026-03-12 或 2026-03-12 09:31:00") from error


def code_of(symbol: str) -> Code:
    """The inside form of a code in any deployed spelling. Raises `UsageError`."""
    return normalize(symbol)
