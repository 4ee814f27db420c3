"""Checks of the settings: names that nothing reads, values that hide one another, limits that hold, trading days."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from bullet_trade.domain.errors import CalendarEndError, UsageError
from bullet_trade.ops.config_check import name_problems
from bullet_trade.ops.config_origin import chosen_line
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import Site
from bullet_trade.ops.risk_settings import limit_text, risk_limits
from bullet_trade.ops.settings import Settings

AHEAD_DAYS = 30
"""So many days before the calendar ends it is warned of."""

MAIN_LIMITS = ("max_order_value", "max_daily_trade_value")
"""Without these, one wrong line of a strategy can spend everything."""


def variables(site: Site) -> Iterator[Finding]:
    """No name that nothing reads, and no value that another place overrides unseen."""
    title, clean = "变量", True
    for problem in name_problems(site.sources, (Settings,)):
        clean = False
        level = Level.FAILED if problem.fatal else Level.WARNING
        yield Finding("variables", title, level, problem.words, "默认值仍然有效", problem.remedy)
    for name, first, second in _overridden(site):
        clean = False
        words = f"{name} 在{first}和{second}里的值不同"
        yield Finding("variables", title, Level.WARNING, words, f"生效的是{second}的值", "只在一处设置")
    if clean:
        words = chosen_line(site.settings, site.sources) or "没有设置，全部用默认值"
        yield Finding("variables", title, Level.OK, words)


def _overridden(site: Site) -> Iterator[tuple[str, str, str]]:
    known = Settings.model_fields
    for first, second in combinations(site.sources, 2):
        lower = {name.lower(): value for name, value in second.values.items()}
        for name, value in first.values.items():
            if name.lower() in known and lower.get(name.lower(), value) != value:
                yield name.upper(), first.title.strip(), second.title.strip()


def limits(site: Site) -> Iterator[Finding]:
    """The limits that keep a mistake small are on."""
    title = "风控限额"
    try:
        found = risk_limits(site.settings)
    except UsageError as error:
        yield Finding("limits", title, Level.FAILED, error.text, "不能启动", error.remedy)
        return
    off = [name for name in MAIN_LIMITS if not getattr(found, name)]
    words = "，".join(limit_text(found, name) for name in MAIN_LIMITS)
    if off:
        names = "、".join(name.upper() for name in off)
        yield Finding("limits", title, Level.WARNING, words, "策略出错时损失没有上限", f"设置 {names}")
    else:
        yield Finding("limits", title, Level.OK, words)


def calendar(site: Site) -> Iterator[Finding]:
    """The trading days are known for some time ahead."""
    title, today = "交易日历", site.now().date()
    try:
        known = site.calendar()
        open_today = known.is_session(today)
    except CalendarEndError as error:
        yield Finding("calendar", title, Level.FAILED, error.text, "今天是否开市无法判断", error.remedy)
        return
    except UsageError as error:
        yield Finding("calendar", title, Level.FAILED, error.text, "不能启动", error.remedy)
        return
    ahead = (known.last - today).days
    words = f"今天{'开市' if open_today else '休市'}，已知到 {known.last}（还有 {ahead} 天）"
    if ahead < AHEAD_DAYS:
        remedy = "交易所公布明年休市安排后升级 exchange-calendars，或设置 HOLIDAY_FILE（格式见 docs/rules.md）"
        yield Finding("calendar", title, Level.WARNING, words, "到期后不再交易", remedy)
    else:
        yield Finding("calendar", title, Level.OK, words)
