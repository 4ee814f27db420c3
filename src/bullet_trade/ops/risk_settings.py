"""The limits that hold in a run, from the settings, and how they are shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import inf
from typing import NamedTuple

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Money, money, text
from bullet_trade.domain.securities import Code
from bullet_trade.engine.patrol import PatrolTerms
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.engine.risk_rules import percent
from bullet_trade.market.codes import normalize
from bullet_trade.ops.settings import Settings

ALL = tuple(field.name for field in fields(RiskLimits))


class Shown(NamedTuple):
    """How a limit is called in Chinese; `sign` stands before its value, `unit` after it."""

    title: str
    sign: str
    unit: str


SHOWN: dict[str, Shown] = {
    "max_order_value": Shown("单笔金额", "≤", "元"),
    "max_daily_trade_value": Shown("当日成交金额", "≤", "元"),
    "max_daily_trades": Shown("当日委托笔数", "≤", "笔"),
    "max_stock_count": Shown("持仓只数", "≤", "只"),
    "max_position_ratio": Shown("单只占总资产", "≤", "%"),
    "min_buy_order_value": Shown("买入金额", "≥", "元"),
    "max_daily_loss": Shown("当日亏损", "<", "元"),
    "max_price_deviation": Shown("价格偏离", "≤", "%"),
    "duplicate_order_seconds": Shown("重复委托间隔", "≥", "秒"),
    "max_consecutive_rejects": Shown("连续被拒", "<", "次"),
    "risk_whitelist": Shown("买入白名单", "", "只"),
    "risk_blacklist": Shown("买入黑名单", "", "只"),
    "max_daily_cancels": Shown("当日撤单", "≤", "次"),
    "min_cancel_interval_seconds": Shown("撤单间隔", "≥", "秒"),
    "max_cancel_per_order": Shown("每笔撤单", "≤", "次"),
    "max_daily_messages": Shown("当日申报加撤单", "≤", "笔"),
    "max_order_rate": Shown("每秒申报加撤单", "≤", "笔"),
    "daily_message_warning": Shown("当日申报加撤单提醒", "", "笔"),
}


def risk_limits(settings: Settings) -> RiskLimits:
    """All limits of the settings, in exact units. Raises `UsageError` for a code that is none."""
    s = settings
    return RiskLimits(
        max_order_value=money(s.max_order_value),
        max_daily_trade_value=money(s.max_daily_trade_value),
        max_daily_trades=s.max_daily_trades,
        max_stock_count=s.max_stock_count,
        max_position_ratio=Fraction(s.max_position_ratio) / 100,
        min_buy_order_value=money(s.min_buy_order_value),
        max_daily_loss=_loss(s.max_daily_loss),
        max_price_deviation=Fraction(s.max_price_deviation) / 100,
        duplicate_order_seconds=timedelta(seconds=s.duplicate_order_seconds),
        max_consecutive_rejects=s.max_consecutive_rejects,
        risk_whitelist=_codes("RISK_WHITELIST", s.risk_whitelist),
        risk_blacklist=_codes("RISK_BLACKLIST", s.risk_blacklist),
        max_daily_cancels=s.max_daily_cancels,
        min_cancel_interval_seconds=timedelta(seconds=s.min_cancel_interval_seconds),
        max_cancel_per_order=s.max_cancel_per_order,
        max_daily_messages=s.max_daily_messages,
        max_order_rate=s.max_order_rate,
        daily_message_warning=s.daily_message_warning,
    )


def only(limits: RiskLimits, names: Collection[str]) -> RiskLimits:
    """The limits of those names; the others do not hold."""
    return RiskLimits(**{name: getattr(limits, name) for name in ALL if name in names})


def limits_in_force(settings: Settings, replaying: bool, wanted: bool) -> RiskLimits:
    """What holds in a run: live, and where `wanted`, all of them; in a replay those that the user has set himself."""
    limits = risk_limits(settings)
    return only(limits, settings.model_fields_set) if replaying and not wanted else limits


def quote_age_s(settings: Settings) -> float:
    """How old a price may be that an order is made with; infinite where any will do."""
    return settings.stale_quote_seconds or inf


def value_text(limits: RiskLimits, name: str) -> str:
    """The limit's value with its unit, e.g. ``100,000 元``; ``不限`` where it does not hold."""
    value, unit = getattr(limits, name), SHOWN[name].unit
    if not value:
        return "不限"
    if isinstance(value, Fraction):
        return percent(value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} {unit}"
    if isinstance(value, frozenset):
        return f"{len(value)} {unit}"
    return f"{amount_text(value) if unit == '元' else f'{value:,}'} {unit}"


def amount_text(amount: int) -> str:
    """An amount of money as yuan, without empty decimals."""
    return text(amount).removesuffix(".00")


def limit_text(limits: RiskLimits, name: str) -> str:
    """The limit in one short phrase, e.g. ``单笔金额 ≤ 100,000 元``."""
    shown = SHOWN[name]
    return " ".join(part for part in (shown.title, shown.sign, value_text(limits, name)) if part)


def limit_texts(limits: RiskLimits) -> list[str]:
    """The limits that hold, each as a phrase."""
    return [limit_text(limits, name) for name in SHOWN if limits.on(name)]


def _loss(given: str) -> Money | Fraction:
    bare = given.replace(" ", "")
    if bare.endswith("%"):
        return Fraction(Decimal(bare[:-1])) / 100
    return money(bare or "0")


def _codes(variable: str, given: str) -> frozenset[Code]:
    names = [name for name in given.replace("，", ",").replace(";", ",").split(",") if name.strip()]
    try:
        return frozenset(normalize(name.strip()) for name in names)
    except UsageError as error:
        raise UsageError(f"变量 {variable} 有误：{error.text}", error.remedy) from error


def patrol_terms(settings: Settings) -> PatrolTerms:
    """What the patrol alarms about (`RISK_CHECK_ENABLED`)."""
    return PatrolTerms(
        every_s=settings.risk_check_interval,
        stop_loss=settings.stop_loss_ratio / 100,
        concentration=float(settings.max_position_ratio) / 100,
        drawdown=settings.max_drawdown_ratio / 100,
        resting_s=settings.resting_order_seconds,
        stale_quote_s=settings.stale_quote_seconds,
        silence_s=3 * settings.account_sync_interval,
    )
