"""`context`: what every callback receives first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NoReturn

import msgspec

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.portfolio import Portfolio, SubPortfolio


class RunParams(msgspec.Struct, frozen=True):
    """How this run was started. `type` is ``sim_trade``: strategies take that branch for anything but a back-test."""

    start_date: date
    end_date: date
    type: str = "sim_trade"
    frequency: str = "minute"


class Context:
    """Time and account of this moment; a strategy may hang attributes of its own on it, which are saved as those of
    `g` are."""

    def __init__(
        self,
        now: Callable[[], datetime],
        previous_date: Callable[[], date],
        portfolio: Callable[[], Portfolio],
        run_params: RunParams,
    ) -> None:
        put = object.__setattr__
        put(self, "_now", now)
        put(self, "_previous_date", previous_date)
        put(self, "_portfolio", portfolio)
        put(self, "_run_params", run_params)
        self.universe: list[str] = []

    _now: Callable[[], datetime]
    _previous_date: Callable[[], date]
    _portfolio: Callable[[], Portfolio]
    _run_params: RunParams

    @property
    def current_dt(self) -> datetime:
        """The instant that the running callback is meant for, naive Beijing time."""
        return self._now()

    @property
    def previous_date(self) -> date:
        """The trading day before the current one."""
        return self._previous_date()

    @property
    def previous_dt(self) -> datetime:
        """A minute before `current_dt`."""
        return self._now() - timedelta(minutes=1)

    @property
    def portfolio(self) -> Portfolio:
        """The account."""
        return self._portfolio()

    @property
    def subportfolios(self) -> list[SubPortfolio]:
        """The account's books; one for the whole account where `set_subportfolios` was not called."""
        return self._portfolio().subportfolios

    @property
    def run_params(self) -> RunParams:
        """First and last day, type and frequency of this run."""
        return self._run_params

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(getattr(type(self), name, None), property):
            _refuse(name)
        object.__setattr__(self, name, value)


def _refuse(name: str) -> NoReturn:
    raise StrategyError(f"context.{name} 是只读的，不能赋值", "需要自己的变量时换一个名字，或放在 g 里")


def user_attributes(context: Context) -> dict[str, object]:
    """What the strategy has hung on the context, and its universe where it set one."""
    return {
        name: value
        for name, value in vars(context).items()
        if not name.startswith("_") and (name != "universe" or value)
    }
