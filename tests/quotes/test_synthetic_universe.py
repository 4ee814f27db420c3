"""Which securities the synthetic market lists, how it describes them, and who belongs to an index."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from bullet_trade.domain.securities import Board, Code, Kind
from bullet_trade.quotes.synthetic import SyntheticMarket

SESSIONS = [day for day in (date(2023, 1, 2) + timedelta(days=n) for n in range(1400)) if day.weekday() < 5]
MARKET = SyntheticMarket(1, sessions=SESSIONS)
DAY = date(2026, 9, 15)
WELL_KNOWN = (
    "510300.XSHG 510050.XSHG 510500.XSHG 159915.XSHE 518880.XSHG 513100.XSHG 511010.XSHG 511880.XSHG "
    "588000.XSHG 512880.XSHG 600519.XSHG 000001.XSHE 300750.XSHE 000300.XSHG 000001.XSHG 399006.XSHE"
)


def returns(code: str) -> np.ndarray:
    """Daily returns over two years."""
    days = MARKET.daily(Code(code), date(2024, 9, 2), date(2026, 8, 28))
    return days.close / days.prev_close - 1


def test_the_universe_has_the_proportions_of_the_real_one_and_unique_sorted_codes() -> None:
    listed = MARKET.securities()
    codes = [one.code for one in listed]
    assert codes == sorted(set(codes))
    boards = Counter(one.board for one in listed if one.kind in (Kind.STOCK, Kind.CDR))
    kinds = Counter(one.kind for one in listed)
    assert 750 <= sum(boards.values()) <= 900
    assert boards[Board.SSE_MAIN] > boards[Board.SZSE_MAIN] > boards[Board.CHINEXT] > boards[Board.STAR] > 30
    assert kinds[Kind.ETF] >= 120
    assert kinds[Kind.CONVERTIBLE] >= 60
    assert kinds[Kind.INDEX] >= 25
    assert any(one.st for one in listed)
    assert any(one.end_date < DAY for one in listed)
    assert set(WELL_KNOWN.split()) <= set(codes)
    assert all(one.name for one in listed)
    assert all(MARKET.security(one.code) == one for one in listed)


@pytest.mark.parametrize(
    ("code", "t0"),
    [
        ("511010.XSHG", True),  # government bonds
        ("511880.XSHG", True),  # money market
        ("518880.XSHG", True),  # gold
        ("159934.XSHE", True),
        ("513100.XSHG", True),  # cross-border
        ("159920.XSHE", True),
        ("510900.XSHG", True),
        ("159985.XSHE", True),  # commodity futures
        ("113050.XSHG", True),  # convertible bond
        ("123000.XSHE", True),
        ("510300.XSHG", False),
        ("159915.XSHE", False),
        ("588000.XSHG", False),
        ("600519.XSHG", False),
    ],
)
def test_what_may_be_sold_on_the_day_of_purchase(code: str, t0: bool) -> None:
    security = MARKET.security(Code(code))
    assert security is not None
    assert security.t0 is t0


def test_funds_on_the_growth_boards_have_the_wide_limit() -> None:
    for code, percent in (("588000.XSHG", 20), ("159915.XSHE", 20), ("510300.XSHG", None)):
        security = MARKET.security(Code(code))
        assert security is not None
        assert security.limit_ratio_percent == percent


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("600111.XSHG", Kind.STOCK),
        ("159777.XSHE", Kind.ETF),
        ("161725.XSHE", Kind.LOF),
        ("127777.XSHE", Kind.CONVERTIBLE),
        ("000042.XSHG", Kind.INDEX),
    ],
)
def test_codes_outside_the_universe_have_bars_and_a_name(code: str, kind: Kind) -> None:
    security = MARKET.security(Code(code))
    assert security is not None
    assert security.kind is kind
    assert security.name
    assert MARKET.minutes(Code(code), DAY) is not None


def test_companies_bear_no_real_names() -> None:
    security = MARKET.security(Code("600519.XSHG"))
    assert security is not None
    assert "茅台" not in security.name


@pytest.mark.parametrize(
    ("index", "size"),
    [("000300.XSHG", 300), ("000016.XSHG", 50), ("399006.XSHE", 100), ("000688.XSHG", 50), ("000905.XSHG", 250)],
)
def test_an_index_has_its_number_of_listed_members(index: str, size: int) -> None:
    members = MARKET.index_members(Code(index), DAY)
    assert len(members) == size
    assert list(members) == sorted(set(members))
    listed = {one.code: one for one in MARKET.securities()}
    assert all(listed[code].listed_on(DAY) and not listed[code].st for code in members)


def test_members_change_a_little_with_the_half_year_and_not_within_it() -> None:
    index = Code("000300.XSHG")
    now = set(MARKET.index_members(index, DAY))
    assert now == set(MARKET.index_members(index, DAY + timedelta(days=60)))
    before = set(MARKET.index_members(index, date(2026, 8, 31)))
    assert 3 <= len(now - before) <= 40


def test_an_unknown_index_has_no_members() -> None:
    assert list(MARKET.index_members(Code("600519.XSHG"), DAY)) == []


@pytest.mark.parametrize("index", ["000300.XSHG", "399006.XSHE", "000852.XSHG"])
def test_an_index_moves_with_its_members(index: str) -> None:
    own = returns(index)
    members = [returns(code) for code in MARKET.index_members(Code(index), DAY)[::3]]
    mean = np.mean([one for one in members if len(one) == len(own)], axis=0)
    assert np.corrcoef(own, mean)[0, 1] > 0.85


def test_a_fund_follows_its_index() -> None:
    assert np.corrcoef(returns("510300.XSHG"), returns("000300.XSHG"))[0, 1] > 0.99


def test_figures_stay_near_the_measured_ones() -> None:
    """Ranges around the medians of recorded daily bars of 15 stocks, 2025-03 to 2026-02."""
    sample = [returns(code) for code in MARKET.index_members(Code("000300.XSHG"), DAY)[::5]]
    deviation = np.median([one.std() for one in sample])
    kurtosis = np.median([((one - one.mean()) ** 4).mean() / one.var() ** 2 for one in sample])
    complete = [one for one in sample if len(one) == max(map(len, sample))]
    correlation = np.corrcoef(complete)[np.triu_indices(len(complete), 1)].mean()
    assert 0.010 < deviation < 0.025
    assert 5 < kurtosis < 14
    assert 0.12 < correlation < 0.40


def test_volume_is_largest_at_the_open_and_lowest_around_noon() -> None:
    share = np.zeros(240)
    for code in MARKET.index_members(Code("000300.XSHG"), DAY)[::15]:
        bars = MARKET.minutes(code, DAY)
        if bars is not None:
            share += bars.volume / bars.volume.sum()
    assert share[0] > 5 * share[60:110].mean()
    assert share[225:236].mean() > 1.3 * share[60:110].mean()
    assert share[239] > 2 * share[60:110].mean()
