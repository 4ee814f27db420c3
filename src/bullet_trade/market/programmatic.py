"""Programmatic trading (程序化交易): when an account counts as high-frequency, and a brake well before that.

Source: the exchanges' 程序化交易管理实施细则 (in force 2025-07-07) and the regulator's
证券市场程序化交易管理规定（试行） (2024-10-08). Orders and cancels are counted together, per account and
exchange; refused messages count too.
"""

from __future__ import annotations

from typing import NamedTuple

from bullet_trade.market.refusal import Refusal

HIGH_FREQUENCY_PER_SECOND = 300
HIGH_FREQUENCY_PER_DAY = 20_000


class Activity(NamedTuple):
    """Orders plus cancels of one account at one exchange: within any one second, and since the morning."""

    in_second: int
    in_day: int


class Ceiling(NamedTuple):
    """The most that is allowed: what was reported to the broker, or a cautious default far below the law."""

    per_second: int = 100
    per_day: int = 15_000


def is_high_frequency(activity: Activity) -> bool:
    """Whether the account counts as high-frequency, with the extra duties that follow from it."""
    return activity.in_second >= HIGH_FREQUENCY_PER_SECOND or activity.in_day >= HIGH_FREQUENCY_PER_DAY


def check_activity(before: Activity, ceiling: Ceiling) -> Refusal | None:
    """No for one more order or cancel that would pass the ceiling; `before` does not count it yet."""
    if before.in_second >= ceiling.per_second:
        value, bound = f"一秒内已申报与撤单 {before.in_second} 笔", f"上限 {ceiling.per_second} 笔每秒"
        remedy = f"请放慢下单；达到 {HIGH_FREQUENCY_PER_SECOND} 笔每秒即属高频交易"
    elif before.in_day >= ceiling.per_day:
        value, bound = f"当日已申报与撤单 {before.in_day} 笔", f"上限 {ceiling.per_day} 笔每日"
        remedy = f"今日停止下单；达到 {HIGH_FREQUENCY_PER_DAY} 笔每日即属高频交易"
    else:
        return None
    return Refusal("programmatic_rate", value, bound, remedy)
