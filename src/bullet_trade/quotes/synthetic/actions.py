"""What interrupts a price path: distributions, bonus issues, suspensions. At most one of each in a half-year.

They are drawn so that they do not meet: distributions in May to July, suspensions in March, April, and September to
November, bonus issues on the day of the distribution and once in a company's life.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.securities import FUNDS, Kind
from bullet_trade.quotes.synthetic.halfyears import HalfYear, weekday_number
from bullet_trade.quotes.synthetic.profiles import Profile
from bullet_trade.quotes.synthetic.streams import below, unit, word


class Payout(NamedTuple):
    """A distribution that goes ex on the first session at or after weekday number `ex_weekday`.

    `yield_share` is the cash as a share of the price, `ratio` the new shares per share.
    """

    ex_weekday: int
    yield_share: float
    ratio: float


class Suspension(NamedTuple):
    """Weekday numbers between which (inclusive) the code does not trade."""

    first_weekday: int
    last_weekday: int


_PAYING_SHARE = {Kind.STOCK: 0.72, Kind.CDR: 0.5, Kind.ETF: 0.25, Kind.LOF: 0.15, Kind.REIT: 0.9}
_RATIOS = (0.2, 0.3, 0.4, 0.4, 0.5, 0.8, 1.0)
_BONUS_SHARE = 0.30
_BONUS_YEARS = (2006, 22)
_SUSPENDED_SHARE = 0.03
_LONGEST_SUSPENSION = 10
# Streams of one code are told apart by the high part of the counter.
_PAYOUT, _SUSPENSION, _BONUS = 1 << 40, 2 << 40, 3 << 40


def payout(profile: Profile, half: HalfYear) -> Payout | None:
    """The half-year's distribution, if there is one; it depends on the code and the year alone."""
    year, autumn = divmod(half, 2)
    share = _PAYING_SHARE.get(profile.kind, 0.0)
    if autumn or share == 0.0 or profile.deviation < 0.002:
        return None
    counter = _PAYOUT + year * 16
    ratio = _bonus_ratio(profile) if _bonus_year(profile) == year else 0.0
    if unit(profile.own_key, counter) >= share and ratio == 0.0:
        return None
    day = date(year, 5, 18).toordinal() + below(profile.own_key, counter + 1, 65)
    rate = unit(profile.own_key, counter + 2)
    yield_share = 0.003 + 0.045 * rate * rate
    return Payout(weekday_number(date.fromordinal(day)), yield_share, ratio)


def bonus_factor(profile: Profile, half: HalfYear) -> float:
    """How much higher the price stood when the half-year began, for a bonus issue that comes then or later."""
    year = _bonus_year(profile)
    return 1.0 + _bonus_ratio(profile) if year and half <= 2 * year else 1.0


def _bonus_year(profile: Profile) -> int:
    if profile.kind is not Kind.STOCK or unit(profile.own_key, _BONUS) >= _BONUS_SHARE:
        return 0
    first, years = _BONUS_YEARS
    return first + below(profile.own_key, _BONUS + 1, years)


def _bonus_ratio(profile: Profile) -> float:
    return _RATIOS[below(profile.own_key, _BONUS + 2, len(_RATIOS))]


def suspension(profile: Profile, half: HalfYear, first_weekday: int) -> Suspension | None:
    """The half-year's suspension, if there is one; `first_weekday` is the half-year's first."""
    if profile.kind in FUNDS or profile.kind is Kind.INDEX:
        return None
    counter = _SUSPENSION + half * 16
    if unit(profile.own_key, counter) >= _SUSPENDED_SHARE:
        return None
    start = first_weekday + 2 + below(profile.own_key, counter + 1, 36)
    rare = word(profile.own_key, counter + 2) & 3 == 0
    length = 1 + below(profile.own_key, counter + 3, _LONGEST_SUSPENSION if rare else 3)
    return Suspension(start, start + length - 1)
