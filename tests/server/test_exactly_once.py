"""One key, one order: lost replies, restarts, deadlines, two accounts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from served import Peer, Served, limit

from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled, rejected, silence

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

ORDER = {"security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(10), "wait_timeout": 0}
PLACE = "broker.place_order"


def place(client: Peer, key: str, **changes: object) -> dict[str, object]:
    return client.ask(PLACE, **(ORDER | changes), idempotency_key=key)


def test_an_order_past_its_deadline_is_refused_without_calling_the_broker(serve: Serve, clients: Connect) -> None:
    """A02: the client gave up, the queued request is executed seconds later."""
    served = serve()
    client = clients(served, features=["deadline"])
    late = place(client, "k1", deadline="2026-01-05 09:59:59.000000")
    assert (late["code"], late["broker_called"]) == ("REQUEST_EXPIRED", False)
    assert served.broker.submitted == []
    outcome = client.get("broker.resolve_submission", idempotency_key="k1", write_action=PLACE)
    assert outcome["status"] == "rejected"  # type: ignore[index]
    in_time = place(client, "k2", deadline="2026-01-05 10:59:59.000000")
    assert in_time["type"] == "response"


def test_an_order_that_waited_behind_others_beyond_its_deadline_is_refused(serve: Serve, clients: Connect) -> None:
    """A02: serial execution behind a queue."""
    served = serve()
    client = clients(served)
    deadline = served.clock.now()
    numbers: list[str] = []

    def block() -> None:  # the account's thread is busy while the orders arrive and their time runs out
        numbers.extend(
            client.start(PLACE, {**ORDER, "idempotency_key": f"k{n}", "deadline": str(deadline)}) for n in range(32)
        )

    served.on_account(block)
    assert {client.wait(number)["code"] for number in numbers} == {"REQUEST_EXPIRED"}
    assert served.broker.submitted == []


def test_a_cancel_is_executed_however_late(serve: Serve, clients: Connect) -> None:
    """A02: cancels are still executed."""
    served = serve()
    client = clients(served)
    served.broker.answers.append([accepted(broker_id="B9")])
    place(client, "k1")
    answer = client.get("broker.cancel_order", order_id="B9", deadline="2026-01-05 09:00:00")
    assert answer["value"] is True  # type: ignore[index]


def test_a_lost_reply_never_becomes_a_second_order(serve: Serve, clients: Connect) -> None:
    """A01, A10: the connection breaks after the request was delivered; the same key comes again."""
    served = serve()
    served.broker.answers.append([accepted(broker_id="B5", after_s=0.05)])
    first = clients(served)
    first.start(PLACE, {**ORDER, "idempotency_key": "k1"})
    _until(lambda: len(served.broker.submitted) == 1, served)
    first.close()
    answer = place(clients(served), "k1")
    assert answer["payload"]["order_id"] == "B5"  # type: ignore[index]
    assert len(served.broker.submitted) == 1


def test_an_old_client_that_repeats_an_order_without_a_key_after_a_break_gets_the_first_one(
    serve: Serve, clients: Connect
) -> None:
    """W25: the long-lived client of 0.9.2 sends everything again when its connection breaks."""
    served = serve()
    served.broker.answers.append([accepted(broker_id="B5", after_s=0.1)])
    first = clients(served)
    first.start(PLACE, ORDER)
    _until(lambda: len(served.broker.submitted) == 1, served)
    first.close()
    _until(lambda: not served.server.sessions, served)
    second = clients(served)
    assert second.get(PLACE, **ORDER)["order_id"] == "B5"  # type: ignore[index]
    assert len(served.broker.submitted) == 1
    second.get(PLACE, **ORDER)
    assert len(served.broker.submitted) == 2, "a deliberate second order is one"


def test_the_result_is_kept_over_a_restart_of_the_server(serve: Serve, clients: Connect) -> None:
    """B06 and row 13 across a restart: the same key gives the same order, no tag repeats."""
    broker = ScriptedBroker()
    first = serve(directory="same", brokers={"main": broker})
    broker.answers += [[accepted(broker_id="B1")], [rejected("资金不足")]]
    client = clients(first)
    place(client, "kept")
    refusal = place(client, "refused")
    first.stop()
    again = serve(directory="same", brokers={"main": broker})
    client = clients(again)
    answer = place(client, "kept")
    # The scripted broker lists no orders, so what became of it cannot be proved; it is never sent again.
    assert answer["payload"]["status"] == "submit_unknown"  # type: ignore[index]
    repeated = place(client, "refused")
    assert (repeated["code"], repeated["message"]) == (refusal["code"], refusal["message"])
    assert place(client, "kept", amount=200)["code"] == "IDEMPOTENCY_CONFLICT"
    assert len(broker.submitted) == 2
    place(client, "new")
    tags = [ticket.tag for ticket in broker.submitted]
    assert len(set(tags)) == len(tags) == 3


def test_an_order_that_was_claimed_when_the_server_died_is_unknown_and_not_sent_again(
    serve: Serve, clients: Connect
) -> None:
    broker = ScriptedBroker()
    broker.answers.append(silence)
    first = serve(directory="same", brokers={"main": broker})
    assert place(clients(first), "k1")["payload"]["status"] == "submit_unknown"  # type: ignore[index]
    first.stop()
    client = clients(serve(directory="same", brokers={"main": broker}))
    assert place(client, "k1")["payload"]["status"] == "submit_unknown"  # type: ignore[index]
    outcome = client.get("broker.resolve_submission", idempotency_key="k1", write_action=PLACE)
    assert outcome["status"] == "submit_unknown"  # type: ignore[index]
    assert len(broker.submitted) == 1


def test_resolving_proves_an_accepted_order_with_all_fields_that_clients_compare(
    serve: Serve, clients: Connect
) -> None:
    served = serve()
    served.broker.answers.append([accepted(broker_id="B3"), filled(100)])
    client = clients(served)
    place(client, "bt-place_order-0c9d", amount=150)
    original = {**ORDER, "amount": 150, "idempotency_key": "bt-place_order-0c9d"}
    outcome = client.get(
        "broker.resolve_submission",
        idempotency_key="bt-place_order-0c9d",
        write_action=PLACE,
        request_payload=original,
    )
    assert isinstance(outcome, dict)
    assert (outcome["status"], outcome["write_action"], outcome["order_id"]) == ("accepted", PLACE, "B3")
    result = outcome["resolved_result"]
    assert [result[name] for name in ("order_id", "security", "side", "amount", "idempotency_key")] == [
        "B3", "000001.XSHE", "BUY", 150, "bt-place_order-0c9d",
    ]  # fmt: skip


def test_resolving_closes_a_key_that_never_arrived(serve: Serve, clients: Connect) -> None:
    """The lost request may still be on its way; the answer "never received" has to stay true."""
    served = serve()
    client = clients(served)
    outcome = client.get("broker.resolve_submission", idempotency_key="lost", write_action=PLACE)
    assert isinstance(outcome, dict)
    assert (outcome["status"], outcome["reason"]) == ("rejected", "never_received")
    late = place(client, "lost")
    assert (late["code"], late["broker_called"]) == ("REQUEST_EXPIRED", False)
    assert served.broker.submitted == []


def test_resolving_a_cancel_reads_the_order_back(serve: Serve, clients: Connect) -> None:
    """A15: the outcome of a cancel is what the order row says."""
    served = serve()
    served.broker.answers.append([accepted(broker_id="B3")])
    client = clients(served)
    place(client, "k1")
    resolve = {"idempotency_key": "c1", "write_action": "broker.cancel_order", "order_id": "B3"}
    assert client.get("broker.resolve_submission", **resolve)["status"] == "submit_unknown"  # type: ignore[index]
    client.get("broker.cancel_order", order_id="B3", idempotency_key="c1")
    assert client.get("broker.resolve_submission", **resolve)["status"] == "accepted"  # type: ignore[index]
    other = client.refused("broker.cancel_order", order_id="B4", idempotency_key="c1")
    assert other["code"] == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize(
    ("request_", "text"),
    [({}, "缺少 idempotency_key"), ({"idempotency_key": "k", "write_action": "x"}, "不支持的写 action: x")],
)
def test_a_resolution_has_to_name_what_it_means(
    serve: Serve, clients: Connect, request_: dict[str, object], text: str
) -> None:
    assert clients(serve()).refused("broker.resolve_submission", **request_)["message"] == text


def test_equal_order_ids_in_two_accounts_are_kept_apart(serve: Serve, clients: Connect) -> None:
    """T01: a cancel goes to the account that it names; an unknown one is refused."""
    served = serve(accounts="one=111:stock,two=222:stock")
    client = clients(served)
    for key in ("one", "two"):
        served.brokers[key].answers.append([accepted(broker_id="B1")])
        client.get(PLACE, **ORDER, account_key=key, idempotency_key="same-key")
    client.get("broker.cancel_order", order_id="B1", account_key="two")
    assert (len(served.brokers["one"].cancels), len(served.brokers["two"].cancels)) == (0, 1)
    error = client.refused("broker.cancel_order", order_id="B1", account_key="three")
    assert (error["code"], error["broker_called"]) == ("ACCOUNT_UNKNOWN", False)


def test_a_remark_that_is_used_ten_times_gives_ten_orders_with_tags_of_their_own(
    serve: Serve, clients: Connect
) -> None:
    """A08: reused remarks."""
    served = serve()
    client = clients(served)
    for number in range(10):
        served.broker.answers.append([accepted(broker_id=f"B{number}")])
        client.get(PLACE, **ORDER, order_remark="bt:grid", idempotency_key=f"k{number}")
    tags = [ticket.tag for ticket in served.broker.submitted]
    assert tags[0] == "bt:grid"
    assert len(set(tags)) == 10
    assert all(len(tag) <= 24 for tag in tags)
    rows = client.get("broker.orders")
    assert {(row["order_id"], row["order_remark"]) for row in rows} == {(f"B{n}", "bt:grid") for n in range(10)}  # type: ignore[union-attr]


def test_an_account_whose_broker_hangs_holds_up_no_other(serve: Serve, clients: Connect) -> None:
    """A19: a terminal call that hangs."""
    import threading

    served = serve(accounts="one=111:stock,two=222:stock", request_limit_s=0.2, place_margin_s=0.0)
    client = clients(served)
    going_on = threading.Event()
    served.brokers["one"].before_submit = lambda _: (going_on.wait(10), None)[1]
    hanging = client.start(PLACE, {**ORDER, "account_key": "one", "idempotency_key": "k"})
    assert client.get(PLACE, **ORDER, account_key="two")["order_id"] == "B1"  # type: ignore[index]
    assert client.wait(hanging)["code"] == "REQUEST_TIMEOUT"
    going_on.set()
    answer = client.get(PLACE, **ORDER, account_key="one", idempotency_key="k")
    assert answer["order_id"] == "B1"  # type: ignore[index]
    assert len(served.brokers["one"].submitted) == 1


def test_nothing_leaves_when_the_claim_cannot_be_written(serve: Serve, clients: Connect) -> None:
    """I2: an intent is durable before the first byte of the broker call."""
    served = serve()
    client = clients(served)
    served.on_account(served.desks["main"].file.close)
    served.desks["main"]._file_opened = False
    error = place(client, "k1")
    assert (error["code"], error["broker_called"]) == ("ORDER_REJECTED", False)
    assert served.broker.submitted == []


def test_every_write_is_in_the_audit_trail(serve: Serve, clients: Connect) -> None:
    served = serve()
    client = clients(served)
    place(client, "k1")
    place(client, "k1", amount=200)
    served.stop()
    lines = [json.loads(line) for line in (served.directory / "audit.jsonl").read_text().splitlines()]
    assert [line["action"] for line in lines] == [PLACE, PLACE]
    assert lines[1]["code"] == "IDEMPOTENCY_CONFLICT"
    assert json.loads(lines[0]["request"])["idempotency_key"] == "k1"


def test_a_limit_of_the_server_refuses_before_anything_leaves(serve: Serve, clients: Connect) -> None:
    """V06: the remote route goes through the same limit."""
    from bullet_trade.server.desk import DeskTerms

    served = serve(desk_terms=DeskTerms(0.2, 0.2, check=lambda seen: "单笔订单金额超限" if seen.amount > 100 else ""))
    client = clients(served)
    error = place(client, "k1", amount=200)
    assert (error["code"], error["message"], error["broker_called"]) == ("ORDER_RISK", "单笔订单金额超限", False)
    assert place(client, "k2")["type"] == "response"
    assert len(served.broker.submitted) == 1


@pytest.mark.parametrize("trap", ["连接已断开", "writer 未初始化", "连接尚未就绪", "查询超时", "read Timeout"])
def test_a_refusal_contains_no_word_that_makes_a_client_send_again(serve: Serve, clients: Connect, trap: str) -> None:
    """Section 4.3: an old client repeats an order when it reads one of these."""
    served = serve()
    served.broker.answers.append([rejected(f"柜台：{trap}")])
    message = str(place(clients(served), "k1")["message"])
    assert not any(word in message.lower() for word in ("连接已断开", "未初始化", "尚未就绪", "超时", "timeout"))


def _until(true: Callable[[], bool], served: Served) -> None:
    """Let the server's threads work until something is true."""
    import threading

    for _ in range(2_000):
        if true():
            return
        served.on_account(lambda: None, next(iter(served.owners)))
        threading.Event().wait(0.002)
    raise AssertionError("it did not happen")
