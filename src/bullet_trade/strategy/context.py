"""`context`: what every callback receives first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import msgspec

from bullet_trade.strategy.objects import Portfolio


class RunParams(msgspec.Struct, frozen=True):
    """How this run was started. `type` is ``sim_trade``: strategies take that branch for anything but a back-test."""

    start_date: date
    end_date: date
    type: str = "sim_trade"
    frequency: str = "minute"


class Context:
    """Time and account of this moment; a strategy may hang attributes of its own on it."""

    def __init__(
        self,
        now: Callable[[], datetime],
        previous_date: Callable[[], date],
        portfolio: Callable[[], Portfolio],
        run_params: RunParams,
    ) -> None:
        self._now = now
        self._previous_date = previous_date
        self._portfolio = portfolio
        self.run_params = run_params
        self.universe: list[str] = []

    @property
    def current_dt(self) -> datetime:
        """The instant that the running callback is meant for, naive Beijing time."""
        return self._now()

    @property
    def previous_date(self) -> date:
        """The trading day before the current one."""
        return self._previous_date()

    @property
    def portfolio(self) -> Portfolio:
        """The account."""
        return self._portfolio()

    @property
    def subportfolios(self) -> list[Portfolio]:
        """One account: a list with the portfolio itself."""
        return [self._portfolio()]
