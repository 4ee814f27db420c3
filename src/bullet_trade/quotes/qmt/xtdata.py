"""The vendor's module as far as it is used, as typed windows. Whoever composes the program imports it and passes it on.

What is not used, and why: `get_trading_calendar` and the converters between time and text read the machine's time zone,
`run` never returns, `get_market_data` is oriented the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

Row = Mapping[str, object]
"""A snapshot, or a security's description, as the terminal writes it."""

Pushed = Mapping[str, Row | Sequence[Row]]
"""What a subscription delivers, by the terminal's code."""


class Table(Protocol):
    """A pandas table, by column."""

    def __len__(self) -> int: ...
    def __contains__(self, name: object) -> bool: ...
    def __getitem__(self, name: str) -> object: ...


class Factors(Protocol):
    """The table of dividends: one row per ex-day."""

    def to_dict(self, orient: str) -> Sequence[Mapping[str, object]]: ...


class XtData(Protocol):
    """The functions that are called. Any of them may hang, or raise a bare `Exception`."""

    enable_hello: bool

    def get_client(self) -> object: ...
    def disconnect(self) -> None: ...
    def get_full_tick(self, code_list: list[str]) -> Mapping[str, Row]: ...
    def subscribe_whole_quote(self, code_list: list[str], callback: Callable[[Pushed], None]) -> int: ...
    def subscribe_quote(self, stock_code: str, period: str, start_time: str, end_time: str, count: int) -> int: ...
    def unsubscribe_quote(self, seq: int) -> object: ...
    def get_market_data_ex(
        self,
        field_list: list[str],
        stock_list: list[str],
        period: str,
        start_time: str,
        end_time: str,
        count: int,
        dividend_type: str,
        fill_data: bool,
    ) -> Mapping[str, Table]: ...
    def download_history_data2(
        self,
        stock_list: list[str],
        period: str,
        start_time: str,
        end_time: str,
        callback: Callable[[Row], None],
        incrementally: bool,
    ) -> object: ...
    def get_instrument_detail(self, stock_code: str) -> Row | None: ...
    def get_trading_dates(self, market: str, start_time: str, end_time: str, count: int) -> Sequence[int]: ...
    def download_holiday_data(self) -> object: ...
    def get_holidays(self) -> Sequence[str]: ...
    def get_stock_list_in_sector(self, sector_name: str) -> Sequence[str]: ...
    def download_sector_data(self) -> object: ...
    def get_index_weight(self, index_code: str) -> Mapping[str, float]: ...
    def download_index_weight(self) -> object: ...
    def get_divid_factors(self, stock_code: str, start_time: str, end_time: str) -> Factors: ...
