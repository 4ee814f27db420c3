"""Bars that a strategy may see at an instant: nothing that ends after it.

What is visible at `now` (the logical time of the running callback):

- minute bars whose label is not later than `now`: at 10:00:00 the newest one is labelled 10:00;
- daily bars of the sessions before today; today's as far as it has gone only where a function says so: made of the
  ended minutes, its opening price from 09:30:00 on, its reference price, limits and suspension all day;
- weeks, months and sliding windows are added up from these.

Prices are adjusted back from the current day (``pre``), so the newest ones are real prices, with or without
``use_real_price``: orders trade at real prices here. ``post`` adjusts forward from the listing. An ex-day's factor is
the close before it over the exchange's reference price of the day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ports.market_data import FloatArray, MarketData
from bullet_trade.strategy.data.adjust import adjust
from bullet_trade.strategy.data.axis import SessionAxis
from bullet_trade.strategy.data.daily_block import DailyBlock, DailyBlocks
from bullet_trade.strategy.data.fields import decimals
from bullet_trade.strategy.data.window import Wish


class History:
    """The bars of one run's source, cached; `data.day_windows` and `data.minute_windows` cut them."""

    def __init__(
        self,
        data: MarketData,
        calendar: TradingCalendar,
        securities: Callable[[Code], Security | None],
        now: Callable[[], datetime],
    ) -> None:
        self.data = data
        self.now = now
        """Logical time."""
        self._calendar = calendar
        self._calendar_version = calendar.version
        self._axis = SessionAxis(calendar)
        self.warned: set[str] = set()
        """Functions that were warned about a future time already."""
        self._securities = securities
        self._blocks = self._new_blocks()
        self._today = date.min
        self._position = 0

    def _new_blocks(self) -> DailyBlocks:
        return DailyBlocks(self._axis, lambda security, first, last: self.data.daily(security.code, first, last))

    @property
    def axis(self) -> SessionAxis:
        """The sessions by position; made anew when the calendar has changed."""
        if self._calendar_version != self._calendar.version:
            self._calendar_version = self._calendar.version
            self._axis = SessionAxis(self._calendar)
            self._blocks = self._new_blocks()
            self._today = date.min
        return self._axis

    def today(self) -> date:
        """The current date."""
        return self.now().date()

    def position(self, today: date) -> int:
        """How many sessions lie before the current date: its own position when it is one."""
        axis = self.axis
        if today != self._today:
            self._today, self._position = today, axis.before(today)
        return self._position

    def security(self, code: Code) -> Security:
        """The description of a code. Raises `StrategyError` where the data source does not have it."""
        security = self._securities(code)
        if security is None:
            raise StrategyError(f"{self.data.label} 里没有证券 {code}", "检查代码，或导入该证券的行情")
        return security

    def block(self, security: Security, first: int) -> DailyBlock:
        """The security's daily rows from position `first`, or earlier, through today."""
        today = self.today()
        position = min(self.position(today), len(self.axis.days) - 1)
        return self._blocks.get(security, max(0, first), today, position)

    def adjust(self, security: Security, block: DailyBlock, values: FloatArray, factor: FloatArray, wish: Wish) -> None:
        """Scale raw values in place as `wish.fq` says; `factor` is the growth of each column."""
        base = None if wish.fq is None else self._base(security, block, wish)
        adjust(values, wish.numbers, factor, base, decimals(security))

    def _base(self, security: Security, block: DailyBlock, wish: Wish) -> float:
        # The growth that counts as 1: that of the reference day for `pre`, of the listing for `post`.
        if wish.fq == "post":
            whole = self.block(security, self.axis.before(security.list_date))
            return block.growth_at(block.start) / whole.growth_at(block.start)
        if wish.reference is None:
            return block.growth_at(self.axis.through(self.today()) - 1)
        reference = self.axis.through(wish.reference) - 1
        if reference < block.start:
            earlier = self.block(security, reference)
            scale = block.growth_at(block.start) / earlier.growth_at(block.start)
            return earlier.growth_at(reference) * scale
        return block.growth_at(reference)
