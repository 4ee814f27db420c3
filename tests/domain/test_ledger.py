"""The book of an account, against a second book kept in fractions of a yuan."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from bullet_trade.domain.errors import InvariantError
from bullet_trade.domain.ledger import Difference, Ledger
from bullet_trade.domain.money import ZERO, Money, Price, money, price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, Entitlement, HoldingRow
from bullet_trade.domain.securities import Code

A, B = Code("600000.XSHG"), Code("000001.XSHE")
NOW = datetime(2025, 6, 3, 10, 0)


def an_order(side: Side, amount: int, code: Code = A, number: int = 1) -> Order:
    return Order(
        order_id=OrderId(number),
        parent_id=OrderId(number),
        tag=f"t{number}",
        code=code,
        side=side,
        amount=amount,
        order_type=OrderType.LIMIT,
        limit_price=price("10"),
        created_at=NOW,
        state=OrderState.WORKING,
    )


def fill(ledger: Ledger, order: Order, amount: int, at: Price, fee: Money = ZERO, when: datetime = NOW) -> None:
    """What the order desk does with a fill."""
    was_final = order.is_final
    order.apply_fill(f"{order.tag}/{len(order.trade_ids)}", amount, at, fee)
    ledger.fill(order, amount, at, fee, when)
    if order.is_final and not was_final:
        order.finished_at = when
        ledger.release(order)


def cancel(ledger: Ledger, order: Order) -> None:
    order.apply(OrderEvent.CANCEL)
    order.finished_at = NOW
    ledger.release(order)


def bought(amount: int, at: str, cash: str = "100000") -> Ledger:
    """An account that bought `amount` shares of A at `at` yesterday."""
    ledger = Ledger(money(cash))
    order = an_order(Side.BUY, amount)
    ledger.freeze(order, Money(price(at) * amount))
    fill(ledger, order, amount, price(at))
    ledger.open_day()
    return ledger


class TestPurchase:
    def test_cash_is_frozen_until_the_fill_and_the_unused_part_comes_back(self) -> None:
        ledger = Ledger(money("100000"))
        order = an_order(Side.BUY, 1000)
        ledger.freeze(order, money("10005"))
        assert (ledger.available, ledger.frozen, ledger.cash) == (money("89995"), money("10005"), money("100000"))
        fill(ledger, order, 1000, price("9.50"), money("5"))
        assert (ledger.available, ledger.frozen, ledger.cash) == (money("90495"), 0, money("90495"))

    def test_shares_bought_today_are_held_but_not_sellable_before_the_next_session(self) -> None:
        ledger = Ledger(money("100000"))
        order = an_order(Side.BUY, 1000)
        ledger.freeze(order, money("10000"))
        fill(ledger, order, 600, price("10"))
        position = ledger.positions[A]
        assert (position.amount, position.closeable(t0=False), position.closeable(t0=True)) == (600, 0, 600)
        ledger.open_day()
        assert position.closeable(t0=False) == 600

    def test_cost_contains_the_fees(self) -> None:
        ledger = Ledger(money("100000"))
        order = an_order(Side.BUY, 1000)
        ledger.freeze(order, money("10005"))
        fill(ledger, order, 1000, price("10"), money("5"))
        assert ledger.positions[A].average_cost == price("10.005")

    def test_a_fill_after_the_cancel_takes_free_cash_and_nothing_is_frozen_twice(self) -> None:
        ledger = Ledger(money("100000"))
        order = an_order(Side.BUY, 1000)
        ledger.freeze(order, money("10000"))
        cancel(ledger, order)
        assert ledger.available == money("100000")
        fill(ledger, order, 400, price("10"))
        assert (ledger.cash, ledger.frozen, ledger.positions[A].amount) == (money("96000"), 0, 400)
        ledger.check([])


class TestSale:
    def test_offered_shares_are_locked_and_proceeds_are_usable_at_once(self) -> None:
        ledger = bought(1000, "10")
        order = an_order(Side.SELL, 700)
        ledger.freeze(order, Money(0))
        assert ledger.positions[A].closeable(t0=False) == 300
        fill(ledger, order, 700, price("11"), money("10"))
        assert ledger.available == money("90000") + money("7690")
        assert ledger.sold_today == money("7690")

    def test_a_sale_takes_its_part_of_the_cost_and_leaves_the_average(self) -> None:
        ledger = bought(1000, "10.01")
        order = an_order(Side.SELL, 300)
        ledger.freeze(order, Money(0))
        fill(ledger, order, 300, price("12"))
        assert ledger.positions[A].average_cost == price("10.01")
        assert ledger.positions[A].cost == money("7007")
        assert ledger.positions[A].invested == money("10010") - money("3600")

    def test_a_position_that_is_sold_out_is_gone(self) -> None:
        ledger = bought(1000, "10")
        order = an_order(Side.SELL, 1000)
        ledger.freeze(order, Money(0))
        fill(ledger, order, 1000, price("11"))
        assert A not in ledger.positions

    def test_a_cancelled_sale_gives_back_what_it_did_not_sell(self) -> None:
        ledger = bought(1000, "10")
        order = an_order(Side.SELL, 1000)
        ledger.freeze(order, Money(0))
        fill(ledger, order, 400, price("11"))
        cancel(ledger, order)
        assert (ledger.positions[A].amount, ledger.positions[A].closeable(t0=False)) == (600, 600)

    def test_a_fill_after_the_cancel_sells_free_shares(self) -> None:
        ledger = bought(1000, "10")
        order = an_order(Side.SELL, 1000)
        ledger.freeze(order, Money(0))
        cancel(ledger, order)
        fill(ledger, order, 1000, price("11"))
        assert A not in ledger.positions
        assert ledger.cash == money("101000")

    def test_selling_what_is_not_held_breaks_an_invariant(self) -> None:
        ledger = bought(100, "10")
        order = an_order(Side.SELL, 200)
        with pytest.raises(InvariantError, match="持有 100 股，却收到卖出成交 200 股"):
            ledger.fill(order, 200, price("10"), Money(0), NOW)


class TestEntitlement:
    def test_cash_and_new_shares_are_booked_and_the_shares_are_sellable(self) -> None:
        ledger = bought(1000, "10")
        ledger.book(Entitlement(A, money("380"), 500, NOW, ""))
        position = ledger.positions[A]
        assert (ledger.cash, position.amount, position.closeable(t0=False)) == (money("90380"), 1500, 1500)
        assert position.cost == money("9620")

    def test_cash_for_a_holding_that_is_sold_already_is_still_cash(self) -> None:
        ledger = Ledger(money("1"))
        ledger.book(Entitlement(A, money("380"), 0, NOW, ""))
        assert ledger.cash == money("381")


class TestChecks:
    def test_frozen_cash_without_an_order_is_found(self) -> None:
        ledger = Ledger(money("100000"))
        ledger.freeze(an_order(Side.BUY, 100), money("1000"))
        with pytest.raises(InvariantError, match=r"冻结资金 1,000\.00"):
            ledger.check([])

    def test_locked_shares_without_an_order_are_found(self) -> None:
        ledger = bought(1000, "10")
        ledger.freeze(an_order(Side.SELL, 300), Money(0))
        with pytest.raises(InvariantError, match=r"锁定 300 股，未完成卖单合计 0 股"):
            ledger.check([])


def snapshot(available: str, frozen: str = "0", *rows: tuple[Code, int, int, str]) -> AccountSnapshot:
    holdings = tuple(HoldingRow(code, amount, free, price(cost)) for code, amount, free, cost in rows)
    return AccountSnapshot(NOW, money(available), money(frozen), holdings)


class TestBrokersAccount:
    def test_an_equal_account_has_no_differences(self) -> None:
        ledger = bought(1000, "10")
        assert ledger.differences(snapshot("80000", "10000", (A, 1000, 1000, "10"))) == []

    def test_each_difference_is_named_with_both_sides(self) -> None:
        ledger = bought(1000, "10")
        found = ledger.differences(snapshot("89999.99", "0", (A, 900, 900, "10"), (B, 100, 100, "5")))
        assert found == [
            Difference("现金", "90,000.00", "89,999.99"),
            Difference(f"{B} 持仓", "0 股", "100 股"),
            Difference(f"{A} 持仓", "1000 股", "900 股"),
        ]

    def test_a_row_of_zero_shares_is_no_holding(self) -> None:
        assert Ledger(money("5")).differences(snapshot("5", "0", (A, 0, 0, "0"))) == []

    def test_adopting_takes_cash_holdings_and_what_may_be_sold(self) -> None:
        ledger = Ledger()
        ledger.adopt(snapshot("90000", "1000", (A, 1000, 300, "10.5")))
        position = ledger.positions[A]
        assert ledger.cash == money("91000")
        assert (position.amount, position.closeable(t0=False), position.average_cost) == (1000, 300, price("10.5"))

    def test_adopting_keeps_opening_times_and_forgets_what_the_broker_does_not_hold(self) -> None:
        ledger = bought(1000, "10")
        ledger.adopt(snapshot("1", "0", (A, 900, 900, "10"), (B, 100, 0, "5")))
        assert ledger.positions[A].opened_at == NOW
        assert ledger.positions[B].opened_at is None
        ledger.adopt(snapshot("1"))
        assert ledger.positions == {}
        assert ledger.differences(snapshot("1")) == []

    def test_shares_bought_today_stay_unsellable_when_the_account_shows_a_sale_before_its_fill_comes(self) -> None:
        ledger = bought(1000, "10")
        ledger.open_day()
        fill(ledger, an_order(Side.BUY, 100, number=2), 100, price("10"))
        sale = an_order(Side.SELL, 900, number=3)
        ledger.freeze(sale, ZERO)
        ledger.adopt(snapshot("98000", "0", (A, 200, 100, "10")))
        ledger.settle(sale, 900, price("10"), ZERO)
        assert ledger.positions[A].closeable(t0=False) == 100

    @pytest.mark.parametrize(
        ("side", "stated", "should_hold"),
        [(Side.BUY, 1000, "1100 股"), (Side.SELL, 1000, "900 股"), (Side.BUY, 1100, ""), (Side.SELL, 900, "")],
    )
    def test_a_holding_that_agreed_although_a_trade_of_ours_was_missing_is_named_once_the_trade_is_known(
        self, side: Side, stated: int, should_hold: str
    ) -> None:
        """Others traded as many shares the other way, so that the two accounts seemed equal."""
        ledger = bought(1000, "10")
        ledger.adopt(snapshot("90000", "0", (A, 1000, 1000, "10")))
        order = an_order(side, 100, number=2)
        ledger.freeze(order, ZERO)
        account = snapshot("90000", "0", (A, stated, 0, "10"))
        ledger.adopt(account)
        assert ledger.differences(account) == []
        ledger.settle(order, 100, price("10"), ZERO)
        named = [Difference(f"{A} 持仓", should_hold, f"{stated} 股")] if should_hold else []
        assert ledger.differences(account) == named
        ledger.adopt(account)
        assert ledger.differences(account) == []


@dataclass
class Paper:
    """An order in the second book: yuan and shares still set aside."""

    order: Order
    limit: Fraction
    reserved: Fraction = Fraction(0)
    open: bool = True


@dataclass
class Book:
    """The second book."""

    cash: Fraction
    shares: dict[Code, int] = field(default_factory=dict)
    fresh: dict[Code, int] = field(default_factory=dict)

    def closeable(self, code: Code, locked: int) -> int:
        return self.shares.get(code, 0) - self.fresh.get(code, 0) - locked


TICKS = st.integers(1, 5_000)
FEES = st.integers(0, 2_000)


class LedgerLife(RuleBasedStateMachine):
    """Random trading days in two books that must agree."""

    orders = Bundle("orders")

    @initialize(fen=st.integers(0, 10_000_000))
    def open_account(self, fen: int) -> None:
        self.ledger = Ledger(Money(fen * 100))
        self.book = Book(Fraction(fen, 100))
        self.papers: list[Paper] = []
        self.now = NOW
        self.number = 0

    def place(self, side: Side, code: Code, amount: int, ticks: int) -> Paper:
        self.number += 1
        paper = Paper(an_order(side, amount, code, self.number), Fraction(ticks, 100))
        self.papers.append(paper)
        return paper

    def locked(self, code: Code) -> int:
        return sum(
            p.order.amount - p.order.filled
            for p in self.papers
            if p.open and p.order.side is Side.SELL and p.order.code == code
        )

    def reserved(self) -> Fraction:
        return sum((p.reserved for p in self.papers), Fraction(0))

    @rule(target=orders, code=st.sampled_from((A, B)), lots=st.integers(1, 50), ticks=TICKS, fee=FEES)
    def buy(self, code: Code, lots: int, ticks: int, fee: int) -> Paper | None:
        paper = self.place(Side.BUY, code, lots * 100, ticks)
        worst = paper.limit * paper.order.amount + Fraction(fee, 100)
        if worst > self.book.cash - self.reserved():
            self.papers.remove(paper)
            return None
        paper.reserved = worst
        self.ledger.freeze(paper.order, Money(int(worst * 10_000)))
        return paper

    @rule(target=orders, code=st.sampled_from((A, B)), part=st.integers(1, 10), ticks=TICKS)
    def sell(self, code: Code, part: int, ticks: int) -> Paper | None:
        free = self.book.closeable(code, self.locked(code))
        if free <= 0:
            return None
        paper = self.place(Side.SELL, code, max(1, free * part // 10), ticks)
        self.ledger.freeze(paper.order, Money(0))
        return paper

    @rule(paper=orders, part=st.integers(1, 10), better=st.integers(0, 100), fee=FEES)
    def trade(self, paper: Paper | None, part: int, better: int, fee: int) -> None:
        if paper is None or paper.order.filled == paper.order.amount:
            return
        order, code = paper.order, paper.order.code
        amount = max(1, (order.amount - order.filled) * part // 10)
        at = max(Fraction(1, 100), paper.limit - order.side * Fraction(better, 100))
        cost = Fraction(min(fee, 100), 100) if order.side is Side.BUY else Fraction(0)
        if not self.possible(paper, amount, at, cost):
            return
        fill(self.ledger, order, amount, Price(int(at * 10_000)), Money(int(cost * 10_000)), self.now)
        self.book.shares[code] = self.book.shares.get(code, 0) + order.side * amount
        self.book.cash -= order.side * at * amount + cost
        if order.side is Side.BUY:
            self.book.fresh[code] = self.book.fresh.get(code, 0) + amount
            paper.reserved = max(Fraction(0), paper.reserved - at * amount - cost)
        if order.is_final:
            paper.open, paper.reserved = False, Fraction(0)

    def possible(self, paper: Paper, amount: int, at: Fraction, cost: Fraction) -> bool:
        """An exchange delivers only what is there: matters for fills that come after a cancel, and for fees."""
        if paper.order.side is Side.BUY:
            others = self.reserved() - paper.reserved
            return at * amount + cost <= self.book.cash - others
        return paper.open or amount <= self.book.closeable(paper.order.code, self.locked(paper.order.code))

    @rule(paper=orders)
    def end_order(self, paper: Paper | None) -> None:
        if paper is None or not paper.open:
            return
        cancel(self.ledger, paper.order)
        paper.open, paper.reserved = False, Fraction(0)

    @rule(code=st.sampled_from((A, B)), fen=st.integers(0, 100_000), shares=st.integers(0, 500))
    def entitle(self, code: Code, fen: int, shares: int) -> None:
        if not self.book.shares.get(code):
            return
        self.ledger.book(Entitlement(code, Money(fen * 100), shares, self.now, ""))
        self.book.cash += Fraction(fen, 100)
        self.book.shares[code] += shares

    @precondition(lambda self: not any(paper.open for paper in self.papers))
    @rule()
    def next_day(self) -> None:
        self.now += timedelta(days=1)
        self.ledger.open_day()
        self.book.fresh.clear()

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "book"):
            return
        ledger, book = self.ledger, self.book
        assert Fraction(ledger.cash, 10_000) == book.cash
        assert Fraction(ledger.frozen, 10_000) == self.reserved()
        assert ledger.available >= 0
        for code in (A, B):
            position = ledger.positions.get(code)
            held, locked = (position.amount, position.locked) if position else (0, 0)
            assert held == book.shares.get(code, 0) >= 0
            assert locked == self.locked(code)
            free = position.closeable(t0=False) if position else 0
            assert free == book.closeable(code, locked) >= 0
        ledger.check([paper.order for paper in self.papers])


TestLedgerLife = LedgerLife.TestCase
TestLedgerLife.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
