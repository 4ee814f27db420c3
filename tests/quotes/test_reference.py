"""Reference prices of ex-days: (close - cash) / (1 + ratio), half up to the tick, as the exchanges' rules say."""

from __future__ import annotations

from datetime import date

import pytest

from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.corporate_actions import adjusted_holding, terms
from bullet_trade.quotes.daily import NO_DAYS, with_today
from bullet_trade.quotes.qmt.bars import with_references
from bullet_trade.quotes.reference import corporate_action, reference_price

BEFORE, EX, LATER = date(2025, 6, 5), date(2025, 6, 6), date(2025, 6, 9)
STOCK, FUND = describe(Code("600000.XSHG")), describe(Code("510300.XSHG"))


@pytest.mark.parametrize(
    ("security", "close", "cash", "ratio", "expected"),
    [
        (STOCK, 12.00, 0.40, 0.2, 9.67),  # the example of the rule book: 11.60 / 1.2 = 9.666…
        (STOCK, 1431.00, 23.957, 0.0, 1407.04),
        (STOCK, 10.00, 0.125, 0.0, 9.88),  # 9.875: a half goes up
        (STOCK, 10.05, 0.0, 1.0, 5.03),  # 5.025 likewise
        (STOCK, 10.27, 0.02505, 0.0, 10.24),  # 10.24495: below the half, though 10.2450 to four digits
        (FUND, 4.001, 0.0, 1.0, 2.001),  # 2.0005, tick 0.001
        (FUND, 1.024, 0.0, -0.5, 2.048),
    ],
)
def test_the_price_is_exact_before_it_is_rounded_once(security, close, cash, ratio, expected):
    assert reference_price(security, close, BEFORE, EX, [corporate_action(EX, cash, ratio)]) == expected


def test_cash_and_shares_of_one_day_are_one_change():
    together = [corporate_action(EX, 0.123, 0.0), corporate_action(EX, 0.0, 0.5)]
    assert reference_price(STOCK, 10.0, BEFORE, EX, together) == 6.58  # 9.877 / 1.5 = 6.5846…; 9.88 / 1.5 is 6.59


def test_ex_days_without_trading_count_and_those_of_other_days_do_not():
    actions = [corporate_action(day, 1.0, 0.0) for day in (BEFORE, EX, date(2025, 6, 8), date(2025, 6, 10))]
    assert reference_price(STOCK, 10.0, BEFORE, LATER, actions) == 8.0


def test_without_an_action_the_close_stays():
    assert reference_price(STOCK, 10.239, BEFORE, EX, []) == 10.239


@pytest.mark.parametrize("factor", [1.1, 1.2, 1.3, 1.4, 1.7, 2.3])
def test_a_factor_gives_a_holder_every_whole_share(factor):
    action = corporate_action(EX, 0.0, factor - 1.0)
    assert adjusted_holding(1_000, terms(bonus=str(action.share_ratio))).amount == round(1_000 * factor)


def test_after_a_suspension_the_terminals_repeated_close_becomes_the_reference_of_the_ex_day_in_it():
    found = with_today(with_today(NO_DAYS, BEFORE, 20.0), LATER, 20.0)
    assert with_references(STOCK, found, [corporate_action(EX, 0.5, 0.0)]).prev_close.tolist() == [20.0, 19.5]
