"""A source of quotes that fails: the account is read all the same, and people are told once."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from served import Peer, Served

from bullet_trade.domain.errors import DataError
from bullet_trade.testing.fake_broker import ScriptedBroker

Serve = Callable[..., Served]
Connect = Callable[..., Peer]


def outages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "行情服务没有应答" in record.message]


def test_the_account_is_read_while_the_source_of_quotes_fails(
    serve: Serve, clients: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    broker = ScriptedBroker(50_000, {"000001.XSHE": 1000, "600000.XSHG": 1500}, cost=9.0)
    served = serve(brokers={"main": broker})
    client = clients(served)
    desk = served.desks["main"]
    quotes = desk.world.quotes
    works = quotes.last_price

    def fails(_: object) -> float:
        raise DataError("行情服务没有应答", "检查行情服务")

    def read() -> list[dict[str, object]]:
        served.on_account(desk.views.drop)
        return client.get("broker.positions")  # type: ignore[return-value]

    with caplog.at_level(logging.WARNING, "bullet_trade.server"):
        quotes.last_price = fails  # type: ignore[method-assign,assignment]
        for _ in range(3):
            assert [row["amount"] for row in read()] == [1000, 1500]
        assert len(outages(caplog)) == 1
        quotes.last_price = works  # type: ignore[method-assign]
        assert [row["current_price"] for row in read()] == [10.0, 20.0]
        quotes.last_price = fails  # type: ignore[method-assign,assignment]
        read()
        assert len(outages(caplog)) == 2, "the next outage is news"
