"""The order table against every order in which pushes can arrive."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.brokers.qmt.messages import Funds, OrderNews, Query, TradeNews
from bullet_trade.brokers.qmt.orders import MOST_STRANGERS, OrderTable
from bullet_trade.brokers.qmt.statement import statement
from bullet_trade.brokers.qmt.survey import Found
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import Accepted, Cancelled, Filled, Rejected
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket

BANK, NOW, TAG = Code("600000.XSHG"), datetime(2025, 6, 3, 10), "bt:check:00000001"


def table():
    told = []
    made = OrderTable("bt:check:", told.append, lambda: NOW, lambda: 0.0)
    made.submit(OrderTicket(TAG, BANK, Side.BUY, 1000, OrderType.LIMIT, price("10")))
    return made, told


def row(status, filled=0, tag=TAG, number=7, amount=1000):
    return OrderNews(number, tag, BANK, Side.BUY, amount, filled, status, "")


def trade(number, amount, tag=TAG):
    return TradeNews(7, tag, f"T{number}", BANK, Side.BUY, amount, price("10"), NOW, None)


LIVES = [
    ([row(48), row(50), row(55, 300), trade(1, 300), row(56, 1000), trade(2, 700)], 1000, None),
    ([row(50), row(55, 300), trade(1, 300), row(52, 300), row(53, 300)], 300, Cancelled),
    ([row(48), row(50), row(51), row(54)], 0, Cancelled),
    ([row(48), row(50), row(57)], 0, Rejected),
    ([row(50), row(55, 400), trade(1, 400), row(57, 400)], 400, Rejected),
]


@given(st.data())
def test_any_order_and_any_repetition_of_the_pushes_tells_the_same(data):
    """C08, H01: filled shares never decrease, the end is told once, and after all fills."""
    news, filled, end = data.draw(st.sampled_from(LIVES))
    repeated = data.draw(st.lists(st.sampled_from(news), max_size=6))
    made, told = table()
    if data.draw(st.booleans()):
        made.number(TAG, 7)
    for one in data.draw(st.permutations(news + repeated)):
        made.take(one)
    made.number(TAG, 7)
    fills = [one for one in told if isinstance(one, Filled)]
    assert sum(one.amount for one in fills) == filled
    assert len({one.trade_id for one in fills}) == len(fills)
    ends = [one for one in told if isinstance(one, Cancelled | Rejected)]
    assert [type(one) for one in ends] == ([end] if end is not None else [])
    assert not ends or told[-1] is ends[0]
    assert sum(isinstance(one, Accepted) for one in told) <= 1
    assert not made.alive()


@given(st.data())
def test_pushes_without_remark_tell_the_same_once_the_number_is_known(data):
    """C17."""
    news, filled, _ = data.draw(st.sampled_from(LIVES))
    made, told = table()
    bare = [type(one)(**{**{f: getattr(one, f) for f in one.__struct_fields__}, "tag": ""}) for one in news]
    known_after = data.draw(st.integers(0, len(bare)))
    for place, one in enumerate(data.draw(st.permutations(bare))):
        if place == known_after:
            made.number(TAG, 7)
        made.take(one)
    made.number(TAG, 7)
    assert sum(one.amount for one in told if isinstance(one, Filled)) == filled
    assert not made.alive()


def test_a_state_that_says_nothing_changes_nothing():
    made, told = table()
    made.take(row(255))
    assert told == []
    assert not made.alive()[0].seen


def test_orders_of_others_are_remembered_up_to_a_bound():
    made, told = table()
    for number in range(2 * MOST_STRANGERS):
        made.take(row(50, tag="", number=1000 + number))
    assert told == []
    assert len(made._strangers) == MOST_STRANGERS


@pytest.mark.parametrize("foreign", [row(56, 500, amount=500), row(54, amount=900)])
def test_another_order_under_our_remark_is_not_ours_though_it_comes_first(foreign):
    """A08."""
    made, told = table()
    made.take(foreign)
    assert told == []
    made.take(row(50, number=8))
    assert [one.broker_id for one in told] == ["8"]


@pytest.mark.parametrize(("amount", "complete"), [(1000, False), (900, True)])
def test_an_order_is_not_called_absent_while_a_row_without_remark_could_be_it(amount, complete):
    made, _ = table()
    found = Found(NOW, 100.0)
    found.answers[Query.ORDERS] = (row(50, tag="", number=9, amount=amount),)
    found.answers[Query.FUNDS] = Funds(money(1), money(0), money(0))
    assert statement(found, made, settle_s=30.0).complete is complete


def test_an_error_and_a_list_without_the_order_are_a_rejection_and_a_list_from_before_is_not():
    made, told = table()
    made.fail(TAG, -1, "资金不足")
    made.take_lists([], [], asked_s=-1.0)
    assert told == []
    made.take_lists([], [], asked_s=1.0)
    assert [type(one) for one in told] == [Rejected]


def test_a_finished_order_leaves_with_its_day():
    made, _ = table()
    made.take(row(54))
    made.open_day(NOW.date())
    assert made.get(TAG) is None
