"""The synthetic market is a function of seed, code and day: neither requests before nor the list of sessions matter."""

from __future__ import annotations

import hashlib
import random
from datetime import date, timedelta

import numpy as np

from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import MinuteBars
from bullet_trade.quotes.synthetic import SyntheticMarket

CODES = [Code(code) for code in ("600519.XSHG", "300750.XSHE", "510300.XSHG", "113050.XSHG", "000300.XSHG")]
COLUMNS = ("open", "high", "low", "close", "volume", "money")
SESSIONS = [
    day
    for day in (date(2023, 1, 2) + timedelta(days=n) for n in range(1400))
    if day.weekday() < 5 and not (day.month == 10 and day.day <= 7)
]


def same(left: MinuteBars | None, right: MinuteBars | None) -> bool:
    """Whether two days are equal to the byte."""
    if left is None or right is None:
        return left is right
    return all(getattr(left, name).tobytes() == getattr(right, name).tobytes() for name in COLUMNS)


def test_the_order_of_requests_does_not_matter() -> None:
    wanted = [(code, day) for code in CODES for day in SESSIONS[300:340]]
    straight, mixed = SyntheticMarket(3, sessions=SESSIONS), SyntheticMarket(3, sessions=SESSIONS)
    expected = {request: straight.minutes(*request) for request in wanted}
    random.Random(5).shuffle(wanted)
    for code, day in wanted:
        mixed.ticks(code, day)
        mixed.daily(code, day - timedelta(days=100), day)
        assert same(mixed.minutes(code, day), expected[code, day])


def test_a_shorter_list_of_sessions_gives_the_same_days() -> None:
    whole = SyntheticMarket(3, sessions=SESSIONS)
    shorter = SyntheticMarket(3, sessions=SESSIONS[333:777])
    differing = sum(
        not same(whole.minutes(code, day), shorter.minutes(code, day)) for code in CODES for day in SESSIONS[340:777]
    )
    assert differing == 0


def test_a_longer_calendar_does_not_change_the_past() -> None:
    whole = SyntheticMarket(3, sessions=SESSIONS)
    for end in (500, 520, 560):
        known = SyntheticMarket(3, sessions=SESSIONS[:end])
        day = SESSIONS[end - 1]
        for code in CODES:
            assert same(known.minutes(code, day), whole.minutes(code, day))
            assert known.daily(code, day, day).prev_close == whole.daily(code, day, day).prev_close


def test_another_seed_gives_other_prices_of_the_same_companies() -> None:
    one, other = SyntheticMarket(1, sessions=SESSIONS), SyntheticMarket(2, sessions=SESSIONS)
    assert list(one.securities()) == list(other.securities())
    assert not same(one.minutes(CODES[0], SESSIONS[50]), other.minutes(CODES[0], SESSIONS[50]))


def test_the_bytes_are_the_same_on_every_machine() -> None:
    """The digest was recorded once; a change of the model has to change it here, and in the changelog."""
    market = SyntheticMarket(1, sessions=SESSIONS)
    digest = hashlib.sha256()
    for code in CODES:
        bars = market.minutes(code, date(2025, 6, 10))
        assert bars is not None
        for name in COLUMNS:
            digest.update(np.ascontiguousarray(getattr(bars, name)).astype("<f8").tobytes())
    assert digest.hexdigest()[:16] == "2a3ba3afe69caabb"
