"""The terminal's figures in our units: shares, yuan and Beijing time."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code, Kind
from bullet_trade.quotes.qmt.days import sessions
from bullet_trade.quotes.qmt.describing import day_details, is_paused, security_of
from bullet_trade.quotes.qmt.moments import moment, read_day, stamp
from bullet_trade.quotes.qmt.snapshots import SnapshotReader
from bullet_trade.quotes.qmt.units import lot_of_day, lot_of_days

PAB = Code("000001.XSHE")
SAMPLE = {
    "time": 1733118954000, "lastPrice": 11.39, "open": 11.39, "high": 11.4, "low": 11.31, "lastClose": 11.38,
    "amount": 862127800.0, "volume": 758613, "pvolume": 75861284, "stockStatus": 3, "openInt": 13,
    "askPrice": [11.4, 11.41, 11.42, 11.43, 11.44], "askVol": [10929, 12401, 6671, 4555, 6708],
    "bidPrice": [11.39, 11.38, 11.370000000000001, 11.36, 11.35], "bidVol": [2429, 7127, 7146, 9111, 12189],
}  # fmt: skip
"""The sample in the vendor's documentation."""


def test_the_vendors_own_sample_reads_in_shares_yuan_and_beijing_time() -> None:
    tick = SnapshotReader().tick(PAB, SAMPLE)
    assert tick is not None
    assert tick.datetime == datetime(2024, 12, 2, 13, 55, 54)
    assert (tick.current, tick.open, tick.high, tick.low) == (11.39, 11.39, 11.4, 11.31)
    assert tick.volume == 75_861_284
    assert tick.money == 862_127_800.0
    assert tick.ask_volumes == (1_092_900, 1_240_100, 667_100, 455_500, 670_800)
    assert tick.bid_prices == (11.39, 11.38, 11.37, 11.36, 11.35)


@pytest.mark.parametrize(
    ("changed", "shares", "first_ask"),
    [
        ({"pvolume": None}, 75_861_300, 1_092_900),  # older builds: whole lots
        ({"pvolume": 758613}, 75_861_300, 1_092_900),  # says the same as `volume`: not believed
        ({"volume": 75861284, "pvolume": 75861284}, 75_861_284, 10_929),  # counts in shares
    ],
)
def test_volumes_are_what_turnover_proves_them_to_be(changed: dict, shares: int, first_ask: int) -> None:
    tick = SnapshotReader().tick(PAB, {**SAMPLE, **changed})
    assert tick is not None
    assert (tick.volume, tick.ask_volumes[0]) == (shares, first_ask)


@pytest.mark.parametrize("code", ["600000.XSHG", "510300.XSHG", "688981.XSHG", "159915.XSHE"])
def test_a_turnover_that_no_unit_explains_is_refused(code: str) -> None:
    with pytest.raises(DataError, match=r"成交量单位不明：成交额除以成交量得 37\.000"):
        SnapshotReader().tick(Code(code), {**SAMPLE, "amount": 758613 * 100 * 37.0, "pvolume": None})


def test_a_security_without_a_price_has_no_snapshot() -> None:
    assert SnapshotReader().tick(PAB, {**SAMPLE, "lastPrice": 0.0}) is None


@pytest.mark.parametrize("changed", [{"askPrice": None}, {"bidVol": "many"}, {"time": "now"}, {"low": None}])
def test_a_snapshot_with_something_else_in_a_field_is_refused_by_name(changed: dict) -> None:
    with pytest.raises(DataError, match=r"000001\.XSHE 的快照无法读取"):
        SnapshotReader().tick(PAB, {**SAMPLE, **changed})


def test_a_missing_field_is_never_read_as_zero() -> None:
    """I02 for quotes."""
    for name in ("volume", "amount", "time", "askVol"):
        with pytest.raises(DataError, match=name):
            SnapshotReader().tick(PAB, {key: value for key, value in SAMPLE.items() if key != name})


@pytest.mark.parametrize(
    ("kind", "volume", "money", "low", "high", "pieces"),
    [
        (Kind.STOCK, 10_000, 10_000 * 100 * 11.36, 11.31, 11.40, 100),
        (Kind.ETF, 10_000, 10_000 * 100 * 3.9, 3.88, 3.92, 100),
        (Kind.STOCK, 1_000_000, 1_000_000 * 11.36, 11.31, 11.40, 1),  # STAR data of some vendors
        (Kind.CONVERTIBLE, 10_000, 10_000 * 10 * 120.0, 119.0, 121.0, 10),
        (Kind.INDEX, 10_000, 1e9, 3800.0, 3900.0, 100),  # an index has no turnover at its own price
        (Kind.STOCK, 3, 350 * 11.36, 11.31, 11.40, 100),  # too little to prove anything
    ],
)
def test_what_one_unit_of_volume_is_follows_from_the_days_figures(
    kind: Kind, volume: float, money: float, low: float, high: float, pieces: int
) -> None:
    """L04: volume in lots for one kind, in shares for another."""
    assert lot_of_day(PAB, kind, volume, money, low, high) == pieces


def test_one_odd_day_among_many_does_not_change_the_unit() -> None:
    volume = np.full(20, 10_000.0)
    money = volume * 100 * 10.0
    money[3] *= 5
    assert lot_of_days(PAB, Kind.STOCK, volume, money, np.full(20, 9.9), np.full(20, 10.1)) == 100


def test_times_go_there_and_back() -> None:
    at = datetime(2025, 6, 6, 14, 59, 57, 500_000)
    assert moment(stamp(at)) == at
    assert stamp(datetime(1970, 1, 1, 8)) == 0


@pytest.mark.parametrize(
    ("text", "day"),
    [("19991110", date(1999, 11, 10)), (20250606, date(2025, 6, 6)), ("99999999", None), ("0", None), (None, None)],
)
def test_days_that_are_none_are_told_from_days(text: object, day: date | None) -> None:
    assert read_day(text) == day


MIDNIGHTS = [stamp(datetime(2025, 6, day)) for day in (3, 4, 5, 6)]


def test_sessions_to_come_follow_from_the_announced_holidays() -> None:
    """The holiday list of 2026 begins with New Year's Day only: nothing is said of 2026 then."""
    days = sessions(MIDNIGHTS, ["20250602", "20251001", "20251002", "20251003", "20260101"])
    assert days[:5] == [date(2025, 6, 3), date(2025, 6, 4), date(2025, 6, 5), date(2025, 6, 6), date(2025, 6, 9)]
    assert date(2025, 10, 1) not in days
    assert days[-1] == date(2025, 12, 31)


def test_without_holidays_only_the_known_sessions_are_told() -> None:
    assert sessions(MIDNIGHTS, []) == [date(2025, 6, day) for day in (3, 4, 5, 6)]
    assert sessions([], ["20251001"]) == []


DETAIL = {
    "InstrumentName": "*ST浦发", "OpenDate": "19991110", "ExpireDate": "99999999", "TradingDay": "20250606",
    "PreClose": 9.74, "UpStopPrice": 10.23, "DownStopPrice": 9.25, "InstrumentStatus": 0,
}  # fmt: skip


def test_a_description_names_first_day_risk_warning_and_limits() -> None:
    security = security_of(Code("600000.XSHG"), DETAIL)
    assert (security.name, security.list_date, security.st) == ("*ST浦发", date(1999, 11, 10), True)
    told = day_details(DETAIL, date(2025, 6, 6))
    assert (told.prev_close, told.high_limit, told.low_limit, told.paused) == (9.74, 10.23, 9.25, False)


def test_yesterdays_limits_are_not_todays() -> None:
    told = day_details(DETAIL, date(2025, 6, 9))
    assert (told.name, told.prev_close, told.high_limit, told.paused) == ("*ST浦发", None, None, None)


def test_a_day_without_limits_states_none() -> None:
    told = day_details({**DETAIL, "UpStopPrice": 999999.0, "DownStopPrice": 0.01}, date(2025, 6, 6))
    assert (told.high_limit, told.low_limit) == (None, None)


@pytest.mark.parametrize(("status", "paused"), [(-1, False), (0, False), (1, True), (12, True), (None, False)])
def test_a_suspension_is_a_number_of_days(status: object, paused: bool) -> None:
    assert is_paused({"InstrumentStatus": status}) is paused
