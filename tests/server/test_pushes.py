"""Ticks and reports: to whom they go, what a slow client gets, what a returning one does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime

import pytest
from served import CODE, OURS, Peer, Served, limit

from bullet_trade.ports.quotes import Tick
from bullet_trade.server import session
from bullet_trade.testing.fake_broker import accepted, filled

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

ORDER = {"security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(10), "wait_timeout": 0}


def tick(price: float, code: str = CODE) -> Tick:
    at = datetime(2026, 1, 5, 10, 0, 3, 500_000)
    five = (price, price - 0.01, price - 0.02, price - 0.03, price - 0.04)
    return Tick(
        code=code, datetime=at, current=price, volume=700, bid_prices=five, bid_volumes=(1, 2, 3, 4, 5),
        ask_prices=five, ask_volumes=(5, 4, 3, 2, 1),
    )  # fmt: skip


def test_a_client_of_ours_gets_five_levels_in_batches_and_an_old_one_single_ticks(
    serve: Serve, clients: Connect
) -> None:
    served = serve()
    new, old = clients(served, features=OURS), clients(served)
    assert new.ack["features"] == ["data", "broker", *OURS]
    for peer in (new, old):
        peer.get("data.subscribe", securities=[CODE])
    assert new.event("ticks")["ticks"][0][:3] == [CODE, "2026-01-05 10:00:00", 10.0]  # type: ignore[index]
    old.event("tick")
    served.quotes.put(tick(10.5))
    row = new.event("ticks")["ticks"][0]  # type: ignore[index]
    assert row[:3] == [CODE, "2026-01-05 10:00:03.500000", 10.5]
    assert row[10] == [10.5, 10.49, 10.48, 10.47, 10.46]
    assert old.event("tick") == {"symbol": CODE, "sid": CODE, "last_price": 10.5, "dt": "2026-01-05 10:00:03.500000"}


def test_a_symbol_in_two_spellings_counts_twice_and_is_told_twice(serve: Serve, clients: Connect) -> None:
    """Q7: subscriptions are literal."""
    client = clients(serve())
    assert client.get("data.subscribe", securities=["000001.SZ", CODE]) == {"count": 2}
    assert {client.event("tick")["symbol"], client.event("tick")["symbol"]} == {"000001.SZ", CODE}


def test_a_slow_client_gets_only_the_newest_tick_and_makes_nobody_wait(serve: Serve, clients: Connect) -> None:
    """W14: conflation instead of an endless queue."""
    served = serve()
    slow, quick = clients(served, features=OURS), clients(served, features=OURS)
    for peer in (slow, quick):
        peer.get("data.subscribe", securities=[CODE])
        peer.event("ticks")
    (session_of_slow,) = [one for one in served.server.sessions if one.id == slow.ack["session_id"]]
    served.call(_in_loop(session_of_slow.pause_writing))  # as the event loop does when the client does not read
    for price in (10.1, 10.2, 10.3):
        served.quotes.put(tick(price))
        assert quick.event("ticks")["ticks"][0][2] == price  # type: ignore[index]
    served.call(_in_loop(session_of_slow.resume_writing))
    late = slow.event("ticks")
    assert [row[2] for row in late["ticks"]] == [10.3]  # type: ignore[index]
    assert late["conflated"] == 2


def test_a_client_that_never_reads_is_dropped_before_it_costs_memory(
    serve: Serve, clients: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MOST_BUFFERED", 64 * 1024)
    served = serve()
    deaf, other = clients(served), clients(served)
    deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    query = {"security": [CODE, "600000.XSHG"], "count": 240, "frequency": "1m"}
    try:
        for number in range(2_000):
            deaf.send({"type": "request", "id": number, "action": "data.history", "payload": query})
    except (ConnectionError, TimeoutError):
        pass
    served.call(_gone(served, str(deaf.ack["session_id"])))
    assert other.get("broker.positions") == []


def test_reports_are_pushed_to_those_who_asked_for_them_numbered_without_gaps(serve: Serve, clients: Connect) -> None:
    served = serve(accounts="main=1,other=2", tokens="other-token:other")
    watcher, old = clients(served, features=OURS), clients(served)
    stranger = clients(served, "other-token", features=OURS)
    first = watcher.get("broker.snapshot")["seq"]  # type: ignore[index]
    served.broker.answers.append([accepted(broker_id="B2"), filled(100, fee=5.0)])
    old.get("broker.place_order", **ORDER, order_remark="bt:abc:00001")
    accepted_, filled_ = watcher.event("report"), watcher.event("report")
    assert (accepted_["account_key"], accepted_["seq"], filled_["seq"]) == ("main", first + 1, first + 2)
    assert accepted_["report"]["type"] == "Accepted"  # type: ignore[index]
    report = filled_["report"]
    assert (report["type"], report["tag"], report["amount"], report["price"], report["fee"]) == (  # type: ignore[index]
        "Filled", "bt:abc:00001", 100, 100_000, 50_000,
    )  # fmt: skip
    after = watcher.get("broker.snapshot")
    assert (after["seq"], after["snapshot"]["holdings"][0]["amount"]) == (first + 2, 100)  # type: ignore[index]
    for peer in (old, stranger):
        peer.get("admin.health")
        assert peer.others == []


def test_a_returning_client_gets_what_it_missed(serve: Serve, clients: Connect) -> None:
    """A connection that drops loses no report."""
    served = serve()
    first = clients(served, features=OURS)
    stream, seq = first.ack["stream"], first.get("broker.snapshot")["seq"]  # type: ignore[index]
    first.close()
    clients(served).get("broker.place_order", **ORDER)
    seen = {"stream": stream, "account_key": "main", "seq": seq}
    back = clients(served, features=OURS, resume=[seen])
    (resumed,) = back.ack["resumed"]  # type: ignore[misc]
    assert (resumed["account_key"], resumed["complete"]) == ("main", True)
    assert [back.event("report")["seq"], back.event("report")["seq"]] == [seq + 1, seq + 2]  # type: ignore[operator]
    stale = clients(served, features=OURS, resume=[seen | {"stream": "another life"}])
    assert stale.ack["resumed"][0]["complete"] is False  # type: ignore[index]
    stale.get("admin.health")
    assert stale.others == []


def test_a_packed_table_is_the_same_table(serve: Serve, clients: Connect) -> None:
    import json

    import numpy as np

    from bullet_trade.remote.tables import read_table

    served = serve()
    query = {"security": [CODE, "600000.XSHG"], "count": 100, "frequency": "1m", "fields": ["close", "volume"]}
    plain = clients(served).get("data.history", **query, panel=True, skip_paused=False, fill_paused=True)
    packed = clients(served, features=OURS).get("data.history", **query)
    assert packed["dtype"] == "packed"  # type: ignore[index]
    one, two = read_table(json.dumps(plain).encode()), read_table(json.dumps(packed).encode())
    assert one.labels == two.labels
    assert np.array_equal(np.asarray(one.index), np.asarray(two.index))
    assert all(np.array_equal(a, b) for a, b in zip(one.columns, two.columns, strict=True))


async def _in_loop(act: Callable[[], None]) -> None:
    act()


async def _gone(served: Served, number: str) -> None:
    import asyncio

    while any(one.id == number for one in served.server.sessions):
        await asyncio.sleep(0.005)
