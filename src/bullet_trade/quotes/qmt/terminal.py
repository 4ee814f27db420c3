"""The terminal's quote side: each question with its limit, and the number of the connection.

The vendor's layer connects by itself whenever something is asked, without a word, and what was subscribed is lost then.
So before anything that depends on a subscription the connection is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import TypeVar

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import Clock
from bullet_trade.market.codes import to_qmt
from bullet_trade.quotes.qmt.downloads import Download
from bullet_trade.quotes.qmt.lane import Lane
from bullet_trade.quotes.qmt.terms import QuoteTerms
from bullet_trade.quotes.qmt.xtdata import Pushed, Row, Table, XtData

T = TypeVar("T")

BAR_FIELDS = ("time", "open", "high", "low", "close", "volume", "amount", "preClose", "suspendFlag")
TICK_FIELDS = (
    "time", "lastPrice", "open", "high", "low", "volume", "pvolume", "amount",
    "askPrice", "askVol", "bidPrice", "bidVol",
)  # fmt: skip
_FIELDS: dict[str, tuple[str, ...]] = {"tick": TICK_FIELDS}
_TITLES = {"1d": "日线", "1m": "分钟线", "tick": "分笔"}


class Terminal:
    """Asks the terminal. Any thread, but none that the vendor calls back on. All methods raise `DataError`."""

    def __init__(self, xtdata: XtData, clock: Clock, terms: QuoteTerms | None = None) -> None:
        self.clock = clock
        self.terms = terms or QuoteTerms()
        self.tell: Callable[[str], None] = lambda _: None
        """Told, in Chinese, what takes long or is missing."""
        self._xtdata = xtdata
        self._lane = Lane(clock.monotonic)
        self._client: object = None
        self._connections = 0
        self._counting = Lock()

    def connection(self) -> int:
        """The number of the present connection, made anew where it was lost; subscriptions live as long as it."""
        client = self._ask("connect", self._xtdata.get_client)
        with self._counting:
            if client is not self._client:
                self._client = client
                self._connections += 1
            return self._connections

    def close(self) -> None:
        """Give the connection back; a terminal that hangs is left alone."""
        self._ask("disconnect", self._xtdata.disconnect)

    # -- now -------------------------------------------------------------------------------------------------------

    def full_ticks(self, names: Sequence[str]) -> Mapping[str, Row]:
        """The present snapshots by the terminal's code; one that it does not know is missing."""
        return self._ask("get_full_tick", partial(self._xtdata.get_full_tick, list(names)))

    def subscribe(self, names: Sequence[str], take: Callable[[Pushed], None]) -> int:
        """The number of a new subscription to securities or markets; 0 or less where it was refused."""
        return self._ask("subscribe_whole_quote", partial(self._xtdata.subscribe_whole_quote, list(names), take))

    def subscribe_minutes(self, name: str, start: str) -> int:
        """Have the terminal keep the running day's minute bars of a security from `start` on."""
        call = partial(self._xtdata.subscribe_quote, name, period="1m", start_time=start, end_time="", count=-1)
        return self._ask("subscribe_quote", call)

    def unsubscribe(self, number: int) -> None:
        """End a subscription."""
        self._ask("unsubscribe_quote", partial(self._xtdata.unsubscribe_quote, number))

    def detail(self, code: Code) -> Row | None:
        """The description of a security; None where the terminal has none."""
        return self._ask("get_instrument_detail", partial(self._xtdata.get_instrument_detail, to_qmt(code)))

    # -- history ---------------------------------------------------------------------------------------------------

    def table(self, name: str, period: str, start: str, end: str) -> Table | None:
        """Rows of ``1d``, ``1m`` or ``tick`` that the terminal has, without any that it makes up."""
        call = partial(
            self._xtdata.get_market_data_ex,
            list(_FIELDS.get(period, BAR_FIELDS)),
            [name],
            period=period,
            start_time=start,
            end_time=end,
            count=-1,
            dividend_type="none",
            fill_data=False,
        )
        return self._ask("get_market_data_ex", call, self.terms.history_s).get(name)

    def download(self, names: Sequence[str], period: str, start: str, end: str) -> None:
        """Have the terminal fetch rows that it does not have; returns when it says that it has them."""
        which = f"{names[0]} 等 {len(names)} 只" if len(names) > 1 else f"{names[0]} "
        title = f" {which}的{_TITLES[period]}"
        download = Download(title, self.clock.monotonic, self.terms.silent_s, self.terms.download_s, self.tell)
        call = partial(self._xtdata.download_history_data2, list(names), period, start, end, download.take, False)
        self._lane.ask("download_history_data2", call, self.terms.download_s, download)

    # -- reference data --------------------------------------------------------------------------------------------

    def trading_dates(self) -> Sequence[int]:
        """Midnights of the sessions that the terminal knows, milliseconds."""
        call = partial(self._xtdata.get_trading_dates, "SH", start_time="", end_time="", count=-1)
        return self._ask("get_trading_dates", call)

    def holidays(self) -> Sequence[str]:
        """Announced holidays, ``YYYYMMDD``."""
        self._fetch("download_holiday_data", self._xtdata.download_holiday_data)
        return self._ask("get_holidays", self._xtdata.get_holidays)

    def sector(self, title: str) -> Sequence[str]:
        """The terminal's codes of a sector."""
        return self._ask("get_stock_list_in_sector", partial(self._xtdata.get_stock_list_in_sector, title))

    def fetch_sectors(self) -> None:
        """Have the terminal renew its sectors, as far as it can."""
        self._fetch("download_sector_data", self._xtdata.download_sector_data)

    def weights(self, name: str) -> Mapping[str, float]:
        """Present weights of an index's members by the terminal's code."""
        return self._ask("get_index_weight", partial(self._xtdata.get_index_weight, name))

    def fetch_weights(self) -> None:
        """Have the terminal renew its weights, as far as it can."""
        self._fetch("download_index_weight", self._xtdata.download_index_weight)

    def factors(self, name: str) -> Sequence[Mapping[str, object]]:
        """Dividends and splits of a security."""
        call = partial(self._xtdata.get_divid_factors, name, start_time="", end_time="")
        table = self._ask("get_divid_factors", call)
        return list(table.to_dict("records"))

    # --------------------------------------------------------------------------------------------------------------

    def _ask(self, what: str, call: Callable[[], T], limit_s: float | None = None) -> T:
        return self._lane.ask(what, call, limit_s or self.terms.call_s)

    def _fetch(self, what: str, call: Callable[[], object]) -> None:
        """Renew reference data; without it the terminal answers from what it has."""
        try:
            self._lane.ask(what, call, self.terms.silent_s)
        except DataError as error:
            self.tell(f"{error.text}，使用 QMT 里已有的数据")
