"""The change of day: T+1, dividends, bonus shares, splits, dividend tax, and the file that survives the night."""

from __future__ import annotations

from datetime import date

import pytest
from exchange_bench import CODE, DAY, Bench

from bullet_trade.brokers.simulator.account import Account, Opening, open_account, read_account, saved_form
from bullet_trade.brokers.simulator.initial_positions import parse_initial_positions
from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.money import Price, money, price
from bullet_trade.domain.reports import Cancelled, Entitlement
from bullet_trade.domain.securities import Code
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.testing.fake_market import FakeMarket

SESSIONS = exchange_calendar().sessions(DAY, date(2026, 8, 31))
NEXT, THIRD = SESSIONS[1], SESSIONS[2]
FUND, T0_FUND = "510300.XSHG", "511010.XSHG"


def market(*actions: CorporateAction, code: str = CODE) -> FakeMarket:
    return FakeMarket().add(code, dict.fromkeys(SESSIONS, 10.0), prev_close=10.0, actions=actions)


class TestTPlusOne:
    def test_bought_today_is_sold_tomorrow(self) -> None:
        world = Bench(market()).go("10:00")
        world.order(1000, protection=10.1)
        assert world.rule(world.order(-1000, protection=9.9)) == "sellable"
        world.go("09:00", NEXT)
        assert world.snapshot().holdings[0].closeable == 1000
        world.go("10:00")
        assert world.fills(world.order(-1000, protection=9.9)) == [("10:00:00", 1000, 10.0)]
        assert world.account.holdings == {}

    def test_a_bond_fund_may_be_sold_at_once(self) -> None:
        world = Bench(FakeMarket().add(T0_FUND, {DAY: 100.0}, prev_close=100.0)).go("10:00")
        world.order(100, code=T0_FUND, protection=101.0)
        assert world.fills(world.order(-100, code=T0_FUND, protection=99.0)) == [("10:00:00", 100, 100.0)]

    def test_proceeds_of_a_sale_buy_again_the_same_day(self) -> None:
        account = open_account(money(0), [Opening(CODE, 1000, Price(0))])
        world = Bench(market(), account=account).go("10:00")
        assert world.rule(world.order(500, 10.0)) == "available_cash"
        world.order(-1000, protection=9.9)
        assert world.rule(world.order(500, 10.0)) == ""

    def test_odd_shares_leave_in_one_piece(self) -> None:
        account = open_account(money(0), [Opening(CODE, 150, Price(0))])
        world = Bench(market(), account=account).go("10:00")
        assert world.rule(world.order(-120, protection=9.9)) == "lot_size"
        assert world.fills(world.order(-150, protection=9.9)) == [("10:00:00", 150, 10.0)]


class TestCorporateActions:
    @pytest.mark.parametrize(
        ("code", "held", "action", "shares", "cash"),
        [
            (CODE, 1000, CorporateAction(NEXT, 0.38, 0.0), 1000, 380.0),
            (CODE, 1000, CorporateAction(NEXT, 0.0, 0.5), 1500, 0.0),
            (CODE, 333, CorporateAction(NEXT, 0.125, 0.3), 432, 41.63),  # 99.9 new shares, 41.625 yuan
            (FUND, 1000, CorporateAction(NEXT, 0.0, 1.0), 2000, 0.0),  # split 1:2
            (FUND, 1001, CorporateAction(NEXT, 0.0, -0.5), 500, 0.0),  # merger 2:1
        ],
    )
    def test_it_is_booked_on_the_ex_day(
        self, code: str, held: int, action: CorporateAction, shares: int, cash: float
    ) -> None:
        account = open_account(money(0), [Opening(Code(code), held, price(10))])
        world = Bench(market(action, code=code), account=account).go("23:59").go("00:00", NEXT)
        (booked,) = world.of(Entitlement)
        assert (booked.shares, booked.cash) == (shares - held, money(str(cash)))
        holding = account.holdings[code]
        assert (holding.amount, holding.free, account.cash) == (shares, shares, money(str(cash)))
        assert sum(lot.amount for lot in holding.lots) == shares

    def test_all_that_was_missed_is_booked_once(self) -> None:
        actions = (
            CorporateAction(SESSIONS[1], 1.0, 0.0),
            CorporateAction(SESSIONS[3], 0.5, 1.0),
            CorporateAction(SESSIONS[7], 9.0, 0.0),
        )
        source = market(*actions)
        first = Bench(source).go("10:00")
        first.order(1000, protection=10.1)
        first.broker.close()
        cash = first.account.cash
        account = read_account(saved_form(first.account), "account.json")
        away = Bench(source, SESSIONS[5], account=account)
        assert [(e.cash, e.shares) for e in away.of(Entitlement)] == [(money(1000), 0), (money(500), 1000)]
        assert (account.cash, account.holdings[CODE].amount) == (cash + money(1500), 2000)
        again = Bench(source, SESSIONS[5], account=read_account(saved_form(account), "account.json"), at="11:00")
        assert again.of(Entitlement) == []

    def test_entitlements_come_before_the_account_is_stated(self) -> None:
        account = open_account(money(0), [Opening(CODE, 1000, Price(0))])
        account.day = DAY.isoformat()
        world = Bench(market(CorporateAction(NEXT, 1.0, 0.0)), NEXT, account=account)
        assert [type(r).__name__ for r in world.reports] == ["Entitlement", "LinkUp", "AccountSnapshot"]
        assert world.snapshot().available == money(1000)


class TestDividendTax:
    @pytest.mark.parametrize(
        ("sold", "tax"),
        [
            (SESSIONS[2], 200),  # 20% of 1000 yuan within a month
            (next(d for d in SESSIONS if d > date(2025, 7, 3)), 100),  # 10% within a year
            (next(d for d in SESSIONS if d > date(2026, 6, 3)), 0),
        ],
    )
    def test_nothing_at_payment_and_by_the_time_held_at_the_sale(self, sold: date, tax: int) -> None:
        world = Bench(market(CorporateAction(NEXT, 1.0, 0.0))).go("10:00")
        world.order(1000, protection=10.1)
        world.go("10:00", sold)
        assert [e.cash for e in world.of(Entitlement)] == [money(1000)]
        before = world.account.cash
        tag = world.order(-1000, protection=9.9)
        (fill,) = world.fills(tag)
        fee = next(r.fee for r in world.reports if getattr(r, "tag", "") == tag and hasattr(r, "fee"))
        assert fee is not None
        assert world.account.cash == before + money(fill[2] * 1000) - fee - money(tax)
        assert [e.cash for e in world.of(Entitlement)[1:]] == ([money(-tax)] if tax else [])

    def test_first_in_first_out(self) -> None:
        ex = SESSIONS[30]
        world = Bench(market(CorporateAction(ex, 1.0, 0.0))).go("10:00")
        world.order(500, protection=10.1)
        world.go("10:00", SESSIONS[28]).order(500, protection=10.1)
        world.go("10:00", ex).order(-600, protection=9.9)
        # 500 held over a month owe 10%, 100 of the later ones 20%.
        assert [e.cash for e in world.of(Entitlement)] == [money(1000), money(-70)]
        assert [lot.amount for lot in world.account.holdings[CODE].lots] == [400]

    def test_what_is_left_owes_at_its_own_sale(self) -> None:
        world = Bench(market(CorporateAction(NEXT, 1.0, 0.0))).go("10:00")
        world.order(1000, protection=10.1)
        world.go("10:00", THIRD)
        world.order(-400, protection=9.9)
        world.order(-600, protection=9.9)
        assert [e.cash for e in world.of(Entitlement)] == [money(1000), money(-80), money(-120)]

    def test_funds_pay_none(self) -> None:
        world = Bench(market(CorporateAction(NEXT, 1.0, 0.0), code=FUND)).go("10:00")
        world.order(1000, code=FUND, protection=10.1)
        world.go("10:00", THIRD).order(-1000, code=FUND, protection=9.9)
        assert [e.cash for e in world.of(Entitlement)] == [money(1000)]


class TestTheFile:
    def test_working_orders_go_on_after_a_restart_in_the_session(self) -> None:
        first = Bench(market()).go("10:00")
        tag = first.order(1000, 9.5)
        account = read_account(saved_form(first.account), "account.json")
        assert account == first.account
        second = Bench(market(), account=account, at="10:30")
        row = second.snapshot().orders[0]
        assert (row.tag, row.status) == (tag, 50)
        second.broker.cancel(tag)
        assert second.ended(tag) == "已撤单"
        assert (account.cash, account.frozen) == (money(1_000_000), 0)

    def test_orders_of_an_earlier_day_have_expired(self) -> None:
        first = Bench(market()).go("10:00")
        tag = first.order(1000, 9.5)
        account = read_account(saved_form(first.account), "account.json")
        second = Bench(market(), NEXT, account=account)
        assert [r.tag for r in second.of(Cancelled)] == [tag]
        assert (account.cash, account.frozen, account.orders) == (money(1_000_000), 0, {})

    def test_a_start_on_a_weekend_ends_what_friday_left(self) -> None:
        friday, saturday = date(2025, 6, 6), date(2025, 6, 7)
        first = Bench(market(), friday).go("10:00")
        tag = first.order(1000, 9.5)
        second = Bench(market(), saturday, account=read_account(saved_form(first.account), "a"), at="10:00")
        assert second.ended(tag) == "收盘未成交，自动撤单"

    @pytest.mark.parametrize("content", [b"", b"{}", b"\x00\x00", b'{"cash": "x"}'])
    def test_a_damaged_file_is_named_with_the_remedy(self, content: bytes) -> None:
        with pytest.raises(StateError, match=r"acc\.json 无法读取.*从备份恢复"):
            read_account(content, "acc.json")

    def test_another_version_is_not_guessed_at(self) -> None:
        with pytest.raises(StateError, match=r"版本是 99"):
            read_account(saved_form(Account(cash=money(1), version=99)), "acc.json")


class TestInitialPositions:
    def test_the_documented_form(self) -> None:
        assert parse_initial_positions("600519.XSHG:100@1500.00, 510300.SH:1000") == (
            Opening(Code("600519.XSHG"), 100, price(1500)),
            Opening(Code("510300.XSHG"), 1000, Price(0)),
        )
        assert parse_initial_positions("") == ()

    @pytest.mark.parametrize(
        "text",
        [
            "600519.XSHG",
            "600519.XSHG:abc",
            "600519.XSHG:0",
            "600519.XSHG:-5",
            "600519.XSHG:100@x",
            "600519.XSHG:100@-1",
            "6:100",
            "600519:100,600519.SH:5",
        ],
    )
    def test_what_cannot_be_read_is_named_with_the_variable(self, text: str) -> None:
        with pytest.raises(UsageError, match="SIMULATOR_INITIAL_POSITIONS"):
            parse_initial_positions(text)

    def test_they_may_be_sold_on_the_first_day_and_owe_no_tax(self) -> None:
        account = open_account(money(0), parse_initial_positions(f"{CODE}:1000@8.50"))
        world = Bench(market(CorporateAction(NEXT, 1.0, 0.0)), account=account)
        row = world.snapshot().holdings[0]
        assert (row.amount, row.closeable, row.cost) == (1000, 1000, price("8.5"))
        world.go("10:00", NEXT).order(-1000, protection=9.9)
        assert [e.cash for e in world.of(Entitlement)] == [money(1000)]
