"""The remote broker in front of servers as they are deployed: no pushes, no numbers, no resolving, one at a time."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from old_server import SILENCE, Answer, Counterparty, OldServer, raising
from remote_world import QUICK, ExchangeTime, Listening

from bullet_trade.brokers.qmt_remote.broker import RemoteBroker
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    LinkDown,
    NeverSent,
    NoAnswer,
    Rejected,
    Report,
)
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.remote.line import Address, client_context
from bullet_trade.server.tls import context, make_certificate

NOW = datetime(2026, 1, 5, 10, 0)
TERMS = RemoteTerms(
    account_key="main", tag_prefix="bt:t:", answer_s=0.2, cancel_s=0.1, settle_s=0.1, failed_s=0.05, chase_s=0.02,
    poll_s=0.02, query_s=1.0, retry_s=0.05,
)  # fmt: skip
R = TypeVar("R", bound=Report)


class Client:
    """A connected broker, and what it has told."""

    def __init__(self, server: OldServer, token: str = "", address: Address | None = None) -> None:
        self.reports: list[Report] = []
        where = address or Address("127.0.0.1", server.port)
        self.broker = RemoteBroker(
            where, token or server.token, TERMS, ExchangeTime(lambda: NOW), Random(3), replace(QUICK, rpc_s=0.5)
        )
        self.listening = Listening(self.reports.append)

    def connect(self) -> Client:
        self.broker.connect(self.listening)
        assert self.listening.wait(lambda: bool(self.of(AccountSnapshot)))
        return self

    def of(self, kind: type[R]) -> list[R]:
        return [report for report in self.reports if isinstance(report, kind)]

    def buy(self, tag: str = "bt:t:1", amount: int = 300) -> None:
        ticket = OrderTicket(tag, Code("000001.XSHE"), Side.BUY, amount, OrderType.LIMIT, price(10.5))
        self.broker.submit(ticket)

    def until(self, kind: type[R], count: int = 1) -> list[R]:
        assert self.listening.wait(lambda: len(self.of(kind)) >= count), f"no {kind.__name__}: {self.reports}"
        return self.of(kind)


@pytest.fixture
def counter() -> Counterparty:
    return Counterparty()


@pytest.fixture
def meet(counter: Counterparty) -> Iterator[Callable[..., tuple[OldServer, Client]]]:
    made: list[tuple[OldServer, Client]] = []

    def start(**changed: Answer) -> tuple[OldServer, Client]:
        server = OldServer({**counter.actions, **{f"broker.{name}": act for name, act in changed.items()}})
        made.append((server, Client(server).connect()))
        return made[-1]

    yield start
    for server, client in made:
        client.broker.close()
        server.close()


Meet = Callable[..., tuple[OldServer, Client]]


def test_the_account_is_stated_from_four_questions(meet: Meet) -> None:
    _, client = meet()
    snapshot = client.of(AccountSnapshot)[0]
    assert (snapshot.available, snapshot.frozen) == (money(100000), money(0))
    assert [(row.code, row.amount, row.closeable) for row in snapshot.holdings] == [("000001.XSHE", 1000, 1000)]
    assert snapshot.complete


def test_fills_and_the_end_of_an_order_are_found_by_looking(meet: Meet, counter: Counterparty) -> None:
    """C05: however often the same rows are read, each fact is told once."""
    server, client = meet()
    client.buy()
    assert client.until(Accepted)[0].broker_id == "1082131200"
    counter.fill(0, 100, 10.4)
    assert client.until(Filled)[0].amount == 100
    counter.fill(0, 200, 10.5)
    assert [fill.amount for fill in client.until(Filled, 2)] == [100, 200]
    looked = server.received["broker.orders"]
    client.broker.request_snapshot()
    client.broker.request_snapshot()
    assert server.wait(lambda: server.received["broker.orders"] >= looked + 2)
    assert len(client.of(Filled)) == 2
    assert len(client.of(Accepted)) == 1


def test_a_write_carries_a_fresh_key_the_tag_and_an_explicit_wait(meet: Meet) -> None:
    """Wire document 18.4, 1, 2 and 4."""
    server, client = meet()
    client.buy("bt:t:1")
    client.buy("bt:t:2")
    client.until(Accepted, 2)
    placed = [r["payload"] for r in server.requests if r["action"] == "broker.place_order"]
    assert [one["order_remark"] for one in placed] == ["bt:t:1", "bt:t:2"]
    assert len({one["idempotency_key"] for one in placed}) == 2
    assert all(one["wait_timeout"] == 0 and one["security"] == "000001.XSHE" for one in placed)
    assert all(one["account_key"] == "main" for one in placed)
    assert placed[0]["style"] == {"type": "limit", "price": 10.5}


def test_an_order_without_an_answer_is_sent_once_and_found_in_the_list(meet: Meet, counter: Counterparty) -> None:
    """A09, A16: the server carries it out and never answers."""

    def place(payload: dict[str, object]) -> object:
        counter.place(payload)
        return SILENCE

    server, client = meet(place_order=place)
    client.buy()
    client.until(Accepted)
    assert server.received["broker.place_order"] == 1
    assert not client.of(Rejected) and not client.of(NeverSent)


def test_an_order_that_never_arrived_is_proved_absent_only_by_a_settled_list(meet: Meet) -> None:
    server, client = meet(place_order=lambda _: SILENCE)
    client.buy()
    client.until(NoAnswer)
    assert not any(one.complete for one in client.of(AccountSnapshot)[1:])
    client.until(NeverSent)
    assert server.received["broker.place_order"] == 1


@pytest.mark.parametrize(
    ("code", "text", "more"),
    [
        ("REQUEST_FAILED", "000001.XSHE 无可卖数量", {}),
        ("QMT_UNAVAILABLE", "终端未连接", {}),
        ("IDEMPOTENCY_CONFLICT", "idempotency_key 冲突: k", {"broker_called": False}),
        ("REQUEST_FAILED", "不知道为什么", {"broker_called": False}),
    ],
)
def test_a_definite_refusal_rejects_at_once(meet: Meet, code: str, text: str, more: dict[str, object]) -> None:
    """O06: the server's words are passed on in full."""
    _, client = meet(place_order=raising(code, text, **more))
    client.buy()
    assert client.until(Rejected)[0].reason == text
    assert not client.of(NoAnswer)


def test_a_perhaps_is_no_refusal_until_the_list_says_so(meet: Meet) -> None:
    """I5: `REQUEST_FAILED` says "perhaps executed"."""
    server, client = meet(place_order=raising("REQUEST_FAILED", "内部错误"))
    client.buy()
    client.until(NoAnswer)
    assert client.until(Rejected)[0].reason == "内部错误"
    assert server.received["broker.place_order"] == 1


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("QMT_TIMEOUT", {"broker_called": True}),
        ("BIG_QMT_GATEWAY_TIMEOUT", {"broker_called": True}),
        ("HTTP_504", {}),
        ("REQUEST_TIMEOUT", {}),
        ("QMT_UNAVAILABLE", {"broker_called": True}),
    ],
)
def test_an_order_whose_terminal_timed_out_is_found_and_not_sent_again(
    meet: Meet, counter: Counterparty, code: str, more: dict[str, object]
) -> None:
    """A16: the terminal carries the order out, and the server tells of a failure."""

    def place(payload: dict[str, object]) -> object:
        counter.place(payload)
        return raising(code, "终端没有应答", **more)(payload)

    server, client = meet(place_order=place)
    client.buy()
    client.until(NoAnswer)
    assert client.until(Accepted)[0].broker_id == "1082131200"
    counter.fill(0, 300, 10.4)
    assert client.until(Filled)[0].amount == 300
    assert server.received["broker.place_order"] == 1
    assert not client.of(Rejected) and not client.of(NeverSent)


def test_a_server_that_keeps_records_is_asked_after_a_terminal_that_timed_out(meet: Meet) -> None:
    """0.10.0: its record of the request proves the order before any list shows it."""

    def resolve(payload: dict[str, object]) -> object:
        asked = payload["request_payload"]
        assert isinstance(asked, dict)
        told = {name: asked[name] for name in ("security", "side", "amount", "idempotency_key")}
        found = {"order_id": "9", "write_action": "broker.place_order", "idempotency_key": payload["idempotency_key"]}
        return {**found, "status": "accepted", "resolved_result": {**told, "order_id": "9", "status": "open"}}

    server, client = meet(
        place_order=raising("QMT_TIMEOUT", "终端没有应答", broker_called=True), resolve_submission=resolve
    )
    client.buy()
    assert client.until(Accepted)[0].broker_id == "9"
    assert [type(report) for report in client.reports if isinstance(report, NoAnswer | Rejected)] == [NoAnswer]
    assert server.received["broker.place_order"] == 1


def test_a_cancel_that_worked_is_told_from_the_list(meet: Meet) -> None:
    """A15: the answer's own word counts for nothing."""
    _, client = meet()
    client.buy()
    client.until(Accepted)
    client.broker.cancel("bt:t:1")
    client.until(Cancelled)
    assert not client.of(CancelRefused)


def test_a_cancel_that_claims_success_without_effect_is_refused(meet: Meet) -> None:
    """A15."""
    _, client = meet(cancel_order=lambda _: {"dtype": "dict", "value": True, "timed_out": True, "status": "open"})
    client.buy()
    client.until(Accepted)
    client.broker.cancel("bt:t:1")
    client.until(CancelRefused)
    assert not client.of(Cancelled)


@pytest.mark.parametrize(("word", "number"), [("canceling", 51), ("partly_canceled", 52)])
def test_a_pending_cancel_is_not_final(meet: Meet, counter: Counterparty, word: str, number: int) -> None:
    """H05: deployed servers call 52 final."""
    server, client = meet()
    client.buy()
    client.until(Accepted)
    counter.end(0, word, number)
    looked = server.received["broker.orders"]
    assert server.wait(lambda: server.received["broker.orders"] >= looked + 3)
    assert not client.of(Cancelled)
    counter.end(0, "canceled", 54)
    client.until(Cancelled)


def test_orders_given_by_hand_are_in_lists_alone(meet: Meet, counter: Counterparty) -> None:
    _, client = meet()
    counter.place({"security": "600000.XSHG", "amount": 100, "side": "SELL", "order_remark": ""})
    counter.fill(0, 100, 20.0)
    client.broker.request_snapshot()
    client.until(AccountSnapshot, 2)
    assert [row.filled for row in client.of(AccountSnapshot)[-1].orders] == [100]
    assert not client.of(Filled) and not client.of(Accepted)


def test_an_order_of_an_earlier_run_can_be_cancelled(meet: Meet, counter: Counterparty) -> None:
    """B07."""
    counter.place({"security": "000001.XSHE", "amount": 300, "side": "BUY", "order_remark": "bt:t:old"})
    _, client = meet()
    client.broker.cancel("bt:t:old")
    assert client.until(Cancelled)[0].tag == "bt:t:old"


@pytest.mark.parametrize("name", ["account", "positions", "orders", "trades"])
def test_a_failed_question_is_never_an_empty_account(counter: Counterparty, name: str) -> None:
    """I02, I11: no snapshot is better than a wrong one."""
    actions = {**counter.actions, f"broker.{name}": raising("QMT_UNAVAILABLE", "终端未连接")}
    server = OldServer(actions)
    client = Client(server)
    client.broker.connect(client.listening)
    assert client.listening.wait(lambda: bool(client.of(LinkDown)))
    assert not client.of(AccountSnapshot)
    server.actions = counter.actions
    client.until(AccountSnapshot)
    client.broker.close()
    server.close()


@pytest.mark.parametrize("amount", [None, "many", -1])
def test_a_row_without_a_readable_amount_stops_the_statement(counter: Counterparty, amount: object) -> None:
    """I02."""
    counter.place({"security": "000001.XSHE", "amount": amount, "side": "BUY", "order_remark": "x"})
    server = OldServer(counter.actions)
    client = Client(server)
    client.broker.connect(client.listening)
    assert client.listening.wait(lambda: bool(client.of(LinkDown)))
    assert not client.of(AccountSnapshot)
    client.broker.close()
    server.close()


def test_an_empty_list_of_holdings_beside_a_market_value_is_no_flat_account(counter: Counterparty) -> None:
    """W9 of the wire document: deployed servers answer an inner failure with an empty list."""
    server = OldServer({**counter.actions, "broker.positions": lambda _: []})
    client = Client(server)
    client.broker.connect(client.listening)
    assert client.listening.wait(lambda: bool(client.of(LinkDown)))
    assert not client.of(AccountSnapshot)
    client.broker.close()
    server.close()


def test_a_wrong_token_is_named_and_not_tried_again_at_once(counter: Counterparty) -> None:
    server = OldServer(counter.actions)
    client = Client(server, token="another")
    with pytest.raises(UsageError, match="QMT_SERVER_TOKEN") as error:
        client.broker.connect(client.listening)
    assert "another" not in str(error.value)  # I9
    assert len(server.handshakes) == 1
    server.close()


def test_garbage_between_two_messages_ends_the_connection_and_not_the_client(meet: Meet) -> None:
    """G08, D05: unknown events are passed over; what is no message at all drops the line, which comes back."""
    server, client = meet()
    server.push({"type": "event", "event": "of-tomorrow", "payload": {"a": 1}})
    server.push({"type": "event", "event": "report", "payload": {"seq": "x"}})
    client.buy("bt:t:1")
    client.until(Accepted)
    server.push_bytes(b"[1, 2]")
    assert client.listening.wait(lambda: client.listening.ups >= 2)
    client.buy("bt:t:2")
    client.until(Accepted, 2)


def test_an_order_that_an_old_server_would_split_is_refused_here(meet: Meet) -> None:
    """W11: units of a REIT may be ordered by the hundred million; the pieces could not be told apart."""
    server, client = meet()
    client.buy(amount=1_000_001)
    assert client.until(Rejected)[0].rule == "order_size"
    client.buy("bt:t:2", amount=1_000_000)
    client.until(Accepted)
    assert server.received["broker.place_order"] == 1


def test_an_order_while_the_link_is_down_is_refused_and_never_sent_later(meet: Meet) -> None:
    """A17."""
    server, client = meet()
    server.close()
    assert client.listening.wait(lambda: client.listening.downs > 0)
    client.buy()
    assert client.until(Rejected)[0].rule == "link_down"


def test_tls_trusts_the_pinned_certificate_and_no_other(counter: Counterparty, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    now = datetime.now().replace(microsecond=0)  # certificates are checked against the machine's clock
    cert, key = make_certificate(tmp_path / "a", ["localhost", "127.0.0.1"], now)
    other, _ = make_certificate(tmp_path / "b", ["localhost", "127.0.0.1"], now)
    made = context(cert, key)
    assert isinstance(made, ssl.SSLContext)
    server = OldServer(counter.actions, context=made)
    client = Client(server, address=Address("127.0.0.1", server.port, client_context(cert))).connect()
    client.buy()
    client.until(Accepted)
    client.broker.close()
    stranger = Client(server, address=Address("127.0.0.1", server.port, client_context(other)))
    stranger.broker.connect(stranger.listening)
    assert "证书" in stranger.until(LinkDown)[0].reason
    assert server.received["broker.place_order"] == 1
    stranger.broker.close()
    server.close()
