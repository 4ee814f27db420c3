"""One order against all rules in their fixed order, and the summary of what applies."""

from __future__ import annotations

from datetime import date, time

import pytest

from bullet_trade.domain.errors import CalendarEndError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.overrides import Overrides, parse_overrides
from bullet_trade.market.price_cage import Book
from bullet_trade.market.price_limit import PriceLimits
from bullet_trade.market.rulebook import Proposal, RuleBook

DAY, NOON = date(2026, 11, 20), time(10, 0)
BOOK = Book(price("10.00"), price("10.01"), price("10.00"), price("10.00"))
LIMITS = PriceLimits(price("9.00"), price("11.00"))
STOCK = describe(Code("600000.XSHG"))
ST_STOCK = describe(Code("600001.XSHG"), "*ST某某")
RULES = RuleBook(Overrides(), FeeSchedule(), exchange_calendar())


def buy(security=STOCK, amount: int = 100, at: str = "10.00", **more) -> Proposal:
    return Proposal(security, Side.BUY, more.pop("order_type", OrderType.LIMIT), amount, price(at), **more)


def sell(security=STOCK, amount: int = 100, at: str = "10.00", sellable: int = 1000) -> Proposal:
    return Proposal(security, Side.SELL, OrderType.LIMIT, amount, price(at), sellable)


def verdict(order: Proposal, day: date = DAY, at: time = NOON, limits: PriceLimits | None = LIMITS) -> str:
    refusal = RULES.check_order(order, day, at, limits, BOOK)
    return refusal.rule if refusal else ""


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (buy(), ""),
        (sell(), ""),
        (buy(order_type=OrderType.MARKET, at="0"), ""),
        (buy(order_type=OrderType.MARKET, at="10.50"), ""),
        (buy(describe(Code("000001.XSHG"))), "tradable"),
        (buy(describe(Code("730519.XSHG"))), "tradable"),
        (buy(describe(Code("430047.XBSE"))), "listed"),
        (buy(describe(Code("600002.XSHG"), end_date=date(2006, 4, 24))), "listed"),
        (buy(describe(Code("603999.XSHG"), list_date=date(2026, 12, 1))), "listed"),
        (buy(describe(Code("113050.XSHG")), 10, order_type=OrderType.MARKET), "market_order"),
        (buy(amount=150), "lot_size"),
        (buy(amount=0), "lot_size"),
        (buy(amount=1_000_100), "order_size"),
        (sell(amount=1100), "sellable"),
        (sell(amount=50), "lot_size"),
        (buy(at="10.005"), "tick_size"),
        (buy(order_type=OrderType.MARKET, at="11.01"), "price_limit"),
        (buy(at="11.01"), "price_limit"),
        (buy(at="10.22"), "price_cage"),
        (sell(at="9.79"), "price_cage"),
        (buy(ST_STOCK, 20_000, bought_today=490_000), "st_buy_cap"),
    ],
)
def test_the_first_broken_rule_is_named(order: Proposal, rule: str) -> None:
    assert verdict(order) == rule


def test_nothing_trades_on_holidays_at_lunch_or_past_the_calendar() -> None:
    assert verdict(buy(), day=date(2026, 10, 1)) == "trading_day"
    assert verdict(buy(), at=time(12, 0)) == "session"
    with pytest.raises(CalendarEndError):
        verdict(buy(), day=date(2027, 1, 4))


def test_the_cage_holds_in_continuous_trading_only() -> None:
    assert verdict(buy(at="11.00"), at=time(9, 16)) == ""
    assert verdict(buy(at="11.00"), at=time(14, 58)) == ""
    assert verdict(buy(at="11.00", after_hours=True), at=time(14, 0)) == ""


def test_market_orders_need_a_daily_limit_outside_star() -> None:
    order = buy(order_type=OrderType.MARKET, at="0")
    assert verdict(order, limits=None) == "market_order"
    star = buy(describe(Code("688981.XSHG")), 200, order_type=OrderType.MARKET, at="0")
    assert verdict(star, limits=None) == ""


def test_the_users_lot_and_maximum_come_before_the_boards() -> None:
    mine = parse_overrides('[security."600000.SH"]\nlot_minimum = 50\nmax_order = 150')
    rules = RuleBook(mine, FeeSchedule(), RULES.calendar)
    assert rules.check_order(buy(amount=150), DAY, NOON, LIMITS, BOOK) is None
    refusal = rules.check_order(buy(amount=200), DAY, NOON, LIMITS, BOOK)
    assert refusal is not None
    assert refusal.rule == "order_size"
    assert rules.split(STOCK, Side.BUY, 200, OrderType.LIMIT, DAY) == [150, 50]


NEW = describe(Code("603999.XSHG"), list_date=date(2026, 9, 28))


@pytest.mark.parametrize(
    ("day", "number"),
    [
        (date(2026, 9, 28), 1),
        (date(2026, 9, 30), 3),
        (date(2026, 10, 8), 4),
        (date(2026, 10, 9), 5),
        (date(2026, 10, 12), None),
        (DAY, None),
    ],
)
def test_listing_days_are_counted_in_sessions(day: date, number: int | None) -> None:
    assert RULES.listed_days(NEW, day) == number
    assert (RULES.limits(NEW, day, price("10")) is None) is (number is not None)


def test_the_summary_states_every_rule_with_its_source() -> None:
    summary = RULES.rules_for(ST_STOCK, DAY, price("10"))
    texts = {line.rule: line.text for line in summary.lines}
    assert summary.is_session
    assert summary.limits == LIMITS
    assert texts["price_limit"] == "涨 10%，跌 10%"
    assert texts["st_buy_cap"] == "单日买入上限 500000 股"
    assert texts["settlement"] == "T+1"
    assert texts["stamp_duty"] == "买入 0%，卖出 0.05%"
    assert all(line.source for line in summary.lines)
    assert {line.rule: line.since for line in summary.lines}["price_limit"] == date(2026, 7, 6)


@pytest.mark.parametrize(
    ("security", "day", "rule", "text"),
    [
        (NEW, date(2026, 9, 29), "price_limit", "不设涨跌幅限制"),
        (describe(Code("159915.XSHE")), DAY, "price_limit", "涨 20%，跌 20%"),
        (describe(Code("511880.XSHG")), DAY, "settlement", "T+0"),
        (describe(Code("511880.XSHG")), DAY, "price_cage", "无"),
        (describe(Code("113050.XSHG")), DAY, "order_size", "限价 1000000 张，不接受市价委托"),
        (describe(Code("300750.XSHE")), date(2021, 1, 4), "price_cage", "基准价 2%，超出的委托暂存"),
        (describe(Code("000001.XSHG")), DAY, "lot_size", "不能买卖"),
    ],
)
def test_the_summary_follows_security_and_date(security, day, rule, text) -> None:
    lines = RULES.rules_for(security, day, Price(0)).lines
    assert {line.rule: line.text for line in lines}[rule] == text
