"""W11, Q17: a request above the exchange's largest order becomes several orders, and stays one request for its client.

The largest order of 000001 is 1,000,000 shares (rules of the exchange, limit and market orders alike).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from served import QUICK, Peer, Served, limit

from bullet_trade.domain.money import Money, Price, money, price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, OrderRow
from bullet_trade.domain.securities import Code
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.server import pieces
from bullet_trade.server.desk import DeskTerms
from bullet_trade.server.order_risk import ACCOUNT_AGE_S, OrderRisk
from bullet_trade.server.records import Record
from bullet_trade.testing.fake_broker import (
    ScriptedBroker,
    accepted,
    cancel_refused,
    cancelled,
    filled,
    rejected,
    silence,
)

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

PLACE, CANCEL, RESOLVE = "broker.place_order", "broker.cancel_order", "broker.resolve_submission"
BANK = Code("000001.XSHE")
MILLION = 1_000_000
LARGE = {"security": BANK, "side": "BUY", "amount": 2_500_000, "style": limit(10), "wait_timeout": 0}
THREE = ["B1", "B2", "B3"]


def three(*more: object) -> list[list[object]]:
    """What the broker answers to the three pieces."""
    return [[accepted(broker_id=number), *more] for number in THREE]


def test_a_large_order_leaves_in_pieces_that_the_exchange_takes(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += three()
    answer = clients(served).get(PLACE, **LARGE, idempotency_key="k", order_remark="bt:jq:12345678")
    sent = served.broker.submitted
    assert [ticket.amount for ticket in sent] == [MILLION, MILLION, 500_000]
    assert len({ticket.tag for ticket in sent}) == 3
    assert sent[0].tag == "bt:jq:12345678"
    assert answer["order_id"] == "B1"  # Q17: old clients read this one
    assert answer["child_order_ids"] == THREE
    assert (answer["amount"], answer["filled"], answer["status"]) == (2_500_000, 0, "submitted")
    assert "B1、B2、B3" in answer["warning"]  # Q23: old clients show it to their user


def test_one_order_has_no_children(serve: Serve, clients: Connect) -> None:
    served = serve()
    answer = clients(served).get(PLACE, **{**LARGE, "amount": MILLION})
    assert "child_order_ids" not in answer
    assert "warning" not in answer
    assert len(served.broker.submitted) == 1


def test_all_pieces_are_written_down_together_before_the_first_leaves(serve: Serve, clients: Connect) -> None:
    served = serve()
    path = served.directory / "submissions_main.db"
    seen: list[list[int]] = []

    def look(_: OrderTicket) -> None:
        if not seen:
            with sqlite3.connect(path) as file:
                bodies = [json.loads(body) for (body,) in file.execute("SELECT body FROM submission")]
            seen.append([body["order"]["amount"] for body in bodies] + [o["amount"] for o in bodies[0]["rest"]])

    served.broker.before_submit = look
    clients(served).get(PLACE, **LARGE)
    assert seen == [[MILLION, MILLION, 500_000]]


def test_the_fills_of_all_pieces_make_the_order_filled(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += three(filled(at=9.9))
    answer = clients(served).get(PLACE, **{**LARGE, "wait_timeout": 5})
    assert (answer["status"], answer["amount"], answer["filled"]) == ("filled", 2_500_000, 2_500_000)
    row = answer["last_snapshot"]
    assert (row["order_id"], row["amount"], row["filled"], row["price"]) == ("B1", 2_500_000, 2_500_000, 9.9)
    assert (answer["async_tracking"], answer["timed_out"]) == (False, False)


def test_a_refused_piece_hides_none_of_the_others(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += [
        [accepted(broker_id="B1"), filled()], [rejected("资金不足")], [accepted(broker_id="B3"), filled()],
    ]  # fmt: skip
    answer = clients(served).get(PLACE, **{**LARGE, "wait_timeout": 5}, idempotency_key="k")
    assert answer["child_order_ids"] == ["B1", "B3"]
    assert (answer["status"], answer["amount"], answer["filled"]) == ("partly_canceled", 1_500_000, 1_500_000)
    assert "第 2 笔：资金不足" in answer["status_msg"]
    assert "1 笔没有下成，实际委托 1500000 股" in answer["warning"]


def test_the_number_is_that_of_the_first_piece_that_the_broker_took(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += [[rejected("资金不足")], [accepted(broker_id="B2")], [accepted(broker_id="B3")]]
    client = clients(served)
    answer = client.get(PLACE, **LARGE)
    assert (answer["order_id"], answer["child_order_ids"]) == ("B2", ["B2", "B3"])
    assert client.get(CANCEL, order_id="B2")["value"] is True
    assert len(served.broker.cancels) == 2


def test_an_order_is_refused_only_when_every_piece_is(serve: Serve, clients: Connect) -> None:
    broker = ScriptedBroker()
    broker.answers += [[rejected("资金不足")]] * 3
    first = serve(directory="same", brokers={"main": broker})
    error = clients(first).refused(PLACE, **LARGE, idempotency_key="k")
    assert (error["code"], error["broker_called"]) == ("ORDER_REJECTED", True)
    assert "资金不足" in str(error["message"])
    first.stop()
    again = clients(serve(directory="same", brokers={"main": broker}))
    assert again.refused(PLACE, **LARGE, idempotency_key="k")["message"] == error["message"]
    assert len(broker.submitted) == 3


def test_the_key_answers_for_all_pieces(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += three()
    client = clients(served)
    placed = client.get(PLACE, **LARGE, idempotency_key="k")
    assert client.get(PLACE, **LARGE, idempotency_key="k")["child_order_ids"] == placed["child_order_ids"]
    assert client.refused(PLACE, **{**LARGE, "amount": 500_000}, idempotency_key="k")["code"] == "IDEMPOTENCY_CONFLICT"
    found = client.get(RESOLVE, idempotency_key="k", write_action=PLACE, request_payload=LARGE)
    assert (found["status"], found["order_id"]) == ("accepted", "B1")
    assert found["resolved_result"]["amount"] == 2_500_000
    assert found["resolved_result"]["child_order_ids"] == THREE
    assert len(served.broker.submitted) == 3


def test_the_number_that_an_old_client_knows_stops_the_whole_order(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += three(filled(100))
    client = clients(served)
    client.get(PLACE, **LARGE)
    answer = client.get(CANCEL, order_id="B1")
    assert len(served.broker.cancels) == 3
    assert (answer["value"], answer["status"], answer["order_id"]) == (True, "partly_canceled", "B1")
    assert (answer["last_snapshot"]["order_id"], answer["last_snapshot"]["filled"]) == ("B1", 300)
    proved = client.get(RESOLVE, idempotency_key="c", write_action=CANCEL, order_id="B1")
    assert proved["status"] == "accepted"


def test_the_number_of_a_later_piece_stops_that_one(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += three()
    client = clients(served)
    client.get(PLACE, **LARGE)
    assert client.get(CANCEL, order_id="B2")["value"] is True
    assert served.broker.cancels == [served.broker.submitted[1].tag]
    assert [row["status"] for row in client.get("broker.orders")] == ["open", "canceled", "open"]  # type: ignore[union-attr]


def test_a_cancel_is_proved_only_when_every_piece_has_ended(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += three()
    served.broker.cancel_answers += [(cancelled(),), (cancel_refused("已报价"),), (cancelled(),)]
    client = clients(served)
    client.get(PLACE, **LARGE)
    answer = client.get(CANCEL, order_id="B1")
    assert (answer["value"], answer["cancel_outcome"]) == (False, "rejected")
    assert "第 2 笔：已报价" in answer["status_msg"]


def test_pieces_whose_answer_is_missing_leave_the_order_unknown(serve: Serve, clients: Connect) -> None:
    served = serve()
    served.broker.answers += [[accepted(broker_id="B1")], silence, [accepted(broker_id="B3")]]
    client = clients(served)
    answer = client.get(PLACE, **LARGE, idempotency_key="k")
    assert (answer["status"], answer["child_order_ids"]) == ("submit_unknown", ["B1", "B3"])
    assert str(answer["order_id"]).startswith("submit_unknown:")
    found = client.get(RESOLVE, idempotency_key="k", write_action=PLACE)
    assert found["status"] == "submit_unknown"
    served.broker.cancel_answers += [(cancelled(),)] * 3
    client.get(CANCEL, order_id=answer["order_id"])
    assert len(served.broker.cancels) == 3, "the whole order, by the number that stood in"


def test_pieces_that_were_claimed_when_the_server_died_are_never_sent_again(
    serve: Serve, clients: Connect, tmp_path: Path
) -> None:
    """It dies after the first piece has left: the broker's list decides of each."""
    first = serve(directory="first")
    (tmp_path / "second").mkdir()

    def die(_: OrderTicket) -> None:
        first.broker.before_submit = lambda _: None
        source, copy = (
            sqlite3.connect(tmp_path / name / "submissions_main.db") for name in ("first", "second")
        )  # fmt: skip
        source.backup(copy)
        source.close()
        copy.close()

    first.broker.before_submit = die
    clients(first).get(PLACE, **LARGE, idempotency_key="k")
    left = first.broker.submitted[0]
    broker = ScriptedBroker()
    served = serve(directory="second", brokers={"main": broker})
    client = clients(served)
    assert client.get(PLACE, **LARGE, idempotency_key="k")["status"] == "submit_unknown"  # type: ignore[index]
    row = OrderRow(left.tag, "B1", BANK, Side.BUY, MILLION, 0, "已报", 50)
    later = served.clock.now() + timedelta(minutes=2)
    listed = AccountSnapshot(later, broker.cash, Money(0), (), (row,), complete=True)
    broker._snapshot = lambda: listed  # type: ignore[method-assign]
    answer = client.get(PLACE, **LARGE, idempotency_key="k")
    assert isinstance(answer, dict)
    assert (answer["order_id"], answer["child_order_ids"], answer["amount"]) == ("B1", ["B1"], MILLION)
    assert "2 笔没有下成" in str(answer["warning"])
    assert broker.submitted == []
    client.get(PLACE, **{**LARGE, "amount": 100}, idempotency_key="next")
    assert broker.submitted[0].tag not in {ticket.tag for ticket in first.broker.submitted}


def test_an_old_client_stops_the_whole_order_after_a_restart(serve: Serve, clients: Connect) -> None:
    """The server finds the numbers in the broker's list, and the pieces that belong together in its file."""
    broker = ScriptedBroker()
    broker.answers += three()
    first = serve(directory="same", brokers={"main": broker})
    clients(first).get(PLACE, **LARGE)
    first.stop()
    sent = list(broker.submitted)
    broker.states_account = False
    served = serve(directory="same", brokers={"main": broker})
    rows = tuple(
        OrderRow(ticket.tag, broker_id, BANK, Side.BUY, ticket.amount, 0, "已报", 50)
        for ticket, broker_id in zip(sent, THREE, strict=True)
    )
    listed = AccountSnapshot(served.clock.now(), broker.cash, Money(0), (), rows, complete=True)
    broker._snapshot = lambda: listed  # type: ignore[method-assign]
    broker.states_account = True
    assert clients(served).get(CANCEL, order_id="B1")["child_order_ids"] == THREE  # type: ignore[index]
    assert set(broker.cancels) == {ticket.tag for ticket in sent}


@pytest.mark.parametrize("changes", [{"amount": 100_000_100}, {"one_order": True}])
def test_some_large_orders_are_refused_instead(serve: Serve, clients: Connect, changes: dict[str, object]) -> None:
    """More than a hundred pieces are a slip of the pen; a client that follows single orders splits by itself."""
    served = serve()
    error = clients(served).refused(PLACE, **{**LARGE, **changes})
    assert (error["code"], error["broker_called"]) == ("ORDER_INVALID", False)
    assert "单笔上限 1000000" in str(error["message"])
    assert served.broker.submitted == []


def test_the_limit_of_a_name_sees_the_whole_amount(serve: Serve, clients: Connect) -> None:
    served = serve(subs="demo@main:limit=20000000")
    error = clients(served).refused(PLACE, **LARGE, sub_account_id="demo")
    assert error["code"] == "SUB_ACCOUNT_LIMIT"


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"max_order_value": money(20_000_000)}, "max_order_value"),
        ({"max_daily_trades": 2}, "max_daily_trades"),
        ({"max_order_rate": 2}, "max_order_rate"),
    ],
)
def test_the_limits_of_the_server_see_all_pieces_together(
    serve: Serve, clients: Connect, limits: dict[str, object], name: str
) -> None:
    risk = OrderRisk(RiskLimits(**limits))  # type: ignore[arg-type]
    terms = DeskTerms(
        0.2, 0.2, check=risk.order, check_cancel=risk.cancel, account_age_s=ACCOUNT_AGE_S,
        rate=int(str(limits.get("max_order_rate", 0))),
    )  # fmt: skip
    served = serve(desk_terms=terms, brokers={"main": ScriptedBroker(cash=1e9)})
    error = clients(served).refused(PLACE, **LARGE)
    assert (error["code"], error["broker_called"]) == ("ORDER_RISK", False)
    assert name in str(error["message"])
    assert served.broker.submitted == []


def test_each_piece_is_a_row_of_the_day(serve: Serve, clients: Connect) -> None:
    served = serve(desk_terms=QUICK)
    served.broker.answers += three()
    client = clients(served)
    client.get(PLACE, **LARGE, idempotency_key="k", order_remark="bt:jq:12345678")
    rows = client.get("broker.orders")
    shown = [(row["order_id"], row["amount"], row["order_remark"]) for row in rows]  # type: ignore[union-attr]
    remark = "bt:jq:12345678"
    assert shown == [("B1", MILLION, remark), ("B2", MILLION, remark), ("B3", 500_000, remark)]


# -- the state of all pieces together ----------------------------------------------------------------------------------


def piece(number: int, state: str) -> Record:
    """A piece of 100 shares: `!` after a state means that 40 of them have traded."""
    order = Order(
        order_id=OrderId(number), parent_id=OrderId(1), tag=f"t{number}", code=BANK, side=Side.BUY, amount=100,
        order_type=OrderType.LIMIT, limit_price=price(10), created_at=AT,
    )  # fmt: skip
    order.apply(OrderEvent.SEND)
    if state.endswith("!"):
        order.apply_fill("1", 40, Price(price(10)), Money(0))
    events = {
        "open": [OrderEvent.ACCEPT], "filled": [], "rejected": [OrderEvent.REJECT],
        "canceled": [OrderEvent.ACCEPT, OrderEvent.CANCEL], "canceling": [OrderEvent.REQUEST_CANCEL],
        "unknown": [OrderEvent.NO_ANSWER],
    }  # fmt: skip
    if state == "filled":
        order.apply_fill("2", 100, Price(price(10)), Money(0))
    for event in events[state.rstrip("!")]:
        order.apply(event)
    if state != "rejected":
        order.broker_id = f"B{number}"
    return Record(order=order, remark="", key="", sub="", wanted=200, asked_price=None)


AT = datetime(2026, 1, 5, 10)


@pytest.mark.parametrize(
    ("states", "word", "amount", "traded"),
    [
        (("filled", "filled"), "filled", 200, 200),
        (("filled", "rejected"), "partly_canceled", 100, 100),
        (("rejected", "filled"), "partly_canceled", 100, 100),
        (("rejected", "rejected"), "rejected", 200, 0),
        (("canceled", "canceled"), "canceled", 200, 0),
        (("canceled", "rejected"), "canceled", 100, 0),
        (("canceled!", "canceled"), "partly_canceled", 200, 40),
        (("filled", "canceled"), "partly_canceled", 200, 100),
        (("open", "open"), "open", 200, 0),
        (("open", "rejected"), "open", 100, 0),
        (("open!", "open"), "filling", 200, 40),
        (("filled", "open"), "filling", 200, 100),
        (("canceling", "canceled"), "canceling", 200, 0),
        (("unknown", "filled"), "submit_unknown", 200, 100),
    ],
)
def test_the_word_for_all_pieces(states: tuple[str, ...], word: str, amount: int, traded: int) -> None:
    made = tuple(piece(place, state) for place, state in enumerate(states, 1))
    assert (pieces.word(made), pieces.amount(made), pieces.filled(made)) == (word, amount, traded)
    assert pieces.over(made) == (word in ("filled", "partly_canceled", "canceled", "rejected"))
