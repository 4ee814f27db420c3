"""An order's life: which events each state admits, and what an order adds up to under any order of reports."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.errors import InvariantError, OrderTransitionError
from bullet_trade.domain.money import Money, Price, price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code

# state: event>following ... ; an event that is not named is an error. Sources: the design's life of an order, and the
# list of what terminals do (fills that overtake acceptances, repeated and late reports, status 57 after 50).
LEGAL = """
created     refuse>refused send>in_flight proved_absent>not_sent
in_flight   accept>working reject>rejected fill_part>working fill_rest>filled cancel>cancelled
            request_cancel>cancelling no_answer>unknown proved_absent>not_sent
working     accept>working reject>rejected fill_part>working fill_rest>filled cancel>cancelled
            request_cancel>cancelling no_answer>unknown
cancelling  accept>cancelling reject>rejected fill_part>cancelling fill_rest>filled cancel>cancelled
            request_cancel>cancelling cancel_refused>working no_answer>unknown
unknown     accept>working reject>rejected fill_part>working fill_rest>filled cancel>cancelled
            request_cancel>unknown cancel_refused>unknown no_answer>unknown proved_absent>not_sent
cancelled   accept>cancelled fill_part>cancelled fill_rest>filled cancel>cancelled cancel_refused>cancelled
filled      accept>filled cancel_refused>filled
rejected    accept>rejected reject>rejected cancel_refused>rejected fill_part>rejected fill_rest>filled
refused
not_sent    fill_part>not_sent fill_rest>filled proved_absent>not_sent
"""

PROOFS = {OrderEvent.ACCEPT, OrderEvent.REJECT, OrderEvent.FILL_PART, OrderEvent.FILL_REST, OrderEvent.CANCEL}


def legal() -> dict[tuple[OrderState, OrderEvent], OrderState]:
    table = {}
    state = OrderState.CREATED
    for line in LEGAL.strip().splitlines():
        words = line.split()
        if not line.startswith(" "):
            state = OrderState(words.pop(0))
        for word in words:
            event, _, following = word.partition(">")
            table[state, OrderEvent(event)] = OrderState(following)
    return table


def an_order(state: OrderState = OrderState.CREATED, amount: int = 1000, side: Side = Side.BUY) -> Order:
    return Order(
        order_id=OrderId(1),
        parent_id=OrderId(1),
        tag="bt:t:00100001",
        code=Code("600000.XSHG"),
        side=side,
        amount=amount,
        order_type=OrderType.LIMIT,
        limit_price=price("10"),
        created_at=datetime(2025, 6, 3, 9, 30),
        state=state,
    )


@pytest.mark.parametrize(("state", "event"), list(product(OrderState, OrderEvent)))
def test_every_pair_of_state_and_event(state: OrderState, event: OrderEvent) -> None:
    order = an_order(state)
    following = legal().get((state, event))
    if following is not None:
        order.apply(event)
        assert order.state is following
        return
    with pytest.raises(OrderTransitionError, match=f"订单 1.*{state.value}.*{event.value}"):
        order.apply(event)
    assert order == an_order(state)


@pytest.mark.parametrize("event", OrderEvent)
def test_only_proof_ends_the_unknown(event: OrderEvent) -> None:
    order = an_order(OrderState.UNKNOWN)
    with suppress(OrderTransitionError):
        order.apply(event)
    assert (order.state is OrderState.UNKNOWN) == (event not in PROOFS | {OrderEvent.PROVED_ABSENT})


@pytest.mark.parametrize(("state", "event"), list(product(OrderState, OrderEvent)))
def test_an_order_is_rejected_only_by_a_rejection_and_never_sent_again(state: OrderState, event: OrderEvent) -> None:
    order = an_order(state)
    try:
        order.apply(event)
    except OrderTransitionError:
        return
    if order.state is OrderState.REJECTED and state is not OrderState.REJECTED:
        assert event is OrderEvent.REJECT
    if order.state is OrderState.IN_FLIGHT:
        assert state is OrderState.CREATED


def test_a_trade_is_booked_once_however_often_it_is_reported() -> None:
    order = an_order(OrderState.WORKING)
    assert order.apply_fill("T1", 300, price("9.99"), Money(50_000))
    once = (order.filled, order.turnover, order.fees, order.state)
    assert not order.apply_fill("T1", 300, price("9.99"), Money(50_000))
    assert (order.filled, order.turnover, order.fees, order.state) == once
    assert order.average_price == price("9.99")


@pytest.mark.parametrize("amount", [0, -100, 701])
def test_a_fill_beyond_the_order_breaks_an_invariant_and_changes_nothing(amount: int) -> None:
    order = an_order(OrderState.WORKING)
    order.apply_fill("T1", 300, price("10"), Money(0))
    with pytest.raises(InvariantError, match=f"委托 1000，已成交 300，又收到成交 {amount}（成交编号 T2）"):
        order.apply_fill("T2", amount, price("10"), Money(0))
    assert (order.filled, order.trade_ids, order.state) == (300, {"T1"}, OrderState.WORKING)


def test_a_fill_that_the_state_does_not_admit_changes_nothing() -> None:
    order = an_order(OrderState.REFUSED)
    with pytest.raises(OrderTransitionError):
        order.apply_fill("T1", 100, price("10"), Money(0))
    assert order == an_order(OrderState.REFUSED)


def test_the_last_share_fills_the_order_and_the_average_weighs_the_fills() -> None:
    order = an_order(OrderState.IN_FLIGHT)
    order.apply_fill("T1", 300, price("10.00"), Money(0))
    assert (order.state, order.open_amount, order.is_final) == (OrderState.WORKING, 700, False)
    order.apply_fill("T2", 700, price("10.01"), Money(0))
    assert (order.state, order.open_amount, order.is_final) == (OrderState.FILLED, 0, True)
    assert order.average_price == price("10.007")


@st.composite
def shuffled_lives(draw: st.DrawFn) -> tuple[int, int, list[tuple[str, int]]]:
    """Ordered shares, filled shares, and the reports of a whole life in any order, some of them repeated."""
    amount = draw(st.integers(1, 50)) * 100
    parts = draw(st.lists(st.integers(1, amount), max_size=6))
    fills, filled = [], 0
    for number, wanted in enumerate(parts):
        part = min(wanted, amount - filled)
        if part:
            fills.append((f"T{number}", part))
            filled += part
    reports = [("accepted", 0), *fills]
    if filled < amount:
        reports.append(("cancelled", 0))
    repeated = draw(st.lists(st.sampled_from(reports), max_size=5))
    return amount, filled, draw(st.permutations(reports + repeated))


@given(shuffled_lives(), st.booleans())
def test_filled_cancelled_and_remaining_add_up_whatever_the_order_of_reports(
    life: tuple[int, int, list[tuple[str, int]]], asked_to_cancel: bool
) -> None:
    amount, filled, reports = life
    order = an_order(OrderState.IN_FLIGHT, amount)
    if asked_to_cancel:
        order.apply(OrderEvent.REQUEST_CANCEL)
    cancelled = 0
    seen: set[str] = set()
    for what, shares in reports:
        if what == "accepted":
            order.apply(OrderEvent.ACCEPT)
        elif what == "cancelled":
            if order.state is not OrderState.FILLED:
                order.apply(OrderEvent.CANCEL)
        elif what in seen:
            assert not order.apply_fill(what, shares, Price(100_000), Money(0))
        else:
            seen.add(what)
            assert order.apply_fill(what, shares, Price(100_000), Money(0))
        if order.state is OrderState.CANCELLED:
            cancelled = order.amount - order.filled
        assert order.filled + cancelled + order.open_amount == amount
    assert order.filled == filled
    assert order.turnover == filled * 100_000
    assert order.state is (OrderState.FILLED if filled == amount else OrderState.CANCELLED)


def test_a_fill_that_comes_after_the_rejection_of_the_rest_is_still_money() -> None:
    # The exchange refuses the rest of a partly filled order, and the terminal reports the status before the trade.
    order = an_order(OrderState.WORKING)
    order.apply(OrderEvent.REJECT)
    assert order.apply_fill("T1", 300, price("10"), Money(0))
    assert order.state is OrderState.REJECTED
