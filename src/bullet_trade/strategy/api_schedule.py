"""Scheduling: the functions that register when something of the strategy runs."""

from __future__ import annotations

from collections.abc import Callable

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.schedule import Period
from bullet_trade.strategy.current import session

Scheduled = Callable[..., object]


def run_daily(
    func: Scheduled,
    time: object = "9:30",
    reference_security: str | None = None,
    force: bool = True,
    catch_up_s: float = 0.0,
) -> None:
    """Run `func(context)` at `time` on every trading day.

    When the process was down at that time, a restart within `catch_up_s` seconds of it runs it at once (0: never).
    """
    _register(func, Period.DAILY, 1, time, force, reference_security, catch_up_s)


def run_weekly(
    func: Scheduled,
    weekday: int,
    time: object = "9:30",
    reference_security: str | None = None,
    force: bool = True,
    catch_up_s: float = 0.0,
) -> None:
    """Run `func(context)` on the `weekday`-th trading day of each week; negative counts from its end."""
    _register(func, Period.WEEKLY, weekday, time, force, reference_security, catch_up_s)


def run_monthly(
    func: Scheduled,
    monthday: int,
    time: object = "9:30",
    reference_security: str | None = None,
    force: bool = True,
    catch_up_s: float = 0.0,
) -> None:
    """Run `func(context)` on the `monthday`-th trading day of each month; negative counts from its end."""
    _register(func, Period.MONTHLY, monthday, time, force, reference_security, catch_up_s)


def unschedule_all() -> None:
    """Drop all registered functions, also those due later today."""
    session().engine.tasks.clear()


def _register(
    func: Scheduled,
    period: Period,
    index: int,
    time: object,
    force: bool,
    reference: str | None,
    catch_up_s: float,
) -> None:
    run = session()
    engine = run.engine
    time = run.settings.time_alias(time)
    name = getattr(func, "__name__", "")
    if callable(func) and engine.host.function(name) is not func:
        raise StrategyError(
            f"定时任务 {name or func!r} 不是策略文件里的模块级函数，重启后无法找回",
            "改成 def 定义的模块级函数（不能是 lambda、类的方法或内部函数）",
        )
    engine.tasks.register(func, period, index, time, force, reference, engine.now(), catch_up_s)
