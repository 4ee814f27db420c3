"""A server in front of a QMT terminal: the vendor's real package over a stand-in terminal, and a client on a socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from threading import Event

import pytest
from served import PATIENCE_S, TOKEN, Machine, Peer, limit

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import price
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import WallClock
from bullet_trade.ops.settings import Settings
from bullet_trade.server.accounts import AccountSpec
from bullet_trade.server.compose import compose
from bullet_trade.server.qmt import account_terms
from bullet_trade.server.settings import ServerSettings
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.datacenter import install_quotes
from bullet_trade.testing.fake_qmt.install import install, serve, wheel_is_there, withdraw
from bullet_trade.testing.fake_qmt.market import Desk
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal

needs_wheel = pytest.mark.skipif(not wheel_is_there(), reason="xtquant is not installed: pip install --no-deps xtquant")

BANK = Code("600000.XSHG")
NUMBER = "8800123456"
DAYS = [date(2025, 6, 3), date(2025, 6, 4), date(2025, 6, 5), date(2025, 6, 6)]


class Station:
    """A terminal with both its sides, trading and quotes, at 10:00 on the last of `DAYS`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = WallClock(Machine(datetime(2025, 6, 6, 10, 0)).civil)
        install()
        book = Book(self.clock.now, {BANK: price("10")}, {BANK: 3000})
        self.trading = FakeTerminal(directory, NUMBER, book, self.clock.now)
        serve(self.trading)
        self.native = install_quotes()
        self.quotes = self.native.desk = Desk(self.clock.now)
        market = FakeMarket().add(BANK, dict.fromkeys(DAYS, 10.0), prev_close=10.0, name="浦发银行")
        self.quotes.feed(market, [BANK], DAYS)
        self.quotes.push(BANK, 10.0, 100_000)

    @contextmanager
    def server(self, runtime: Path, **changed: object) -> Iterator[Callable[[], Peer]]:
        """A server in a thread; yields what connects a client."""
        mine = ServerSettings.model_validate(
            {
                "qmt_server_type": "qmt",
                "qmt_server_listen": "127.0.0.1",
                "qmt_server_port": 0,
                "qmt_server_token": TOKEN,
                "qmt_server_accounts": f"main={NUMBER}:stock",
                **changed,
            }
        )
        settings = Settings.model_validate({"qmt_data_path": self.directory})
        server, _ = compose(mine, settings, runtime, self.clock)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        def call(coroutine: object) -> object:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE_S * 3)  # type: ignore[arg-type]

        peers: list[Peer] = []
        port = int(str(call(server.start())))

        def connect() -> Peer:
            peer = Peer(port)
            peer.send({"type": "handshake", "token": TOKEN, "protocol": 1, "features": ["reports"]})
            peer.ack = peer.receive()
            peers.append(peer)
            for _ in range(500):
                if peer.ask("broker.account")["type"] == "response":
                    return peer
                Event().wait(0.01)  # the adapter is still logging in
            raise AssertionError("the terminal does not become available")

        try:
            yield connect
        finally:
            for peer in peers:
                peer.close()
            call(server.stop())
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE_S)
            loop.close()

    def close(self) -> None:
        withdraw(self.trading)
        assert self.trading.errors == []
        self.trading.close()
        self.quotes.release()
        self.quotes.close()
        self.native.desk = None


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    (tmp_path / "userdata_mini").mkdir()
    made = Station(tmp_path / "userdata_mini")
    yield made
    made.close()


def order(remark: str, at: float, **changed: object) -> dict[str, object]:
    """A purchase of 500 shares that is answered once the terminal has it."""
    return {
        "security": BANK, "side": "BUY", "amount": 500, "style": limit(at), "wait_timeout": 0,
        "order_remark": remark, "idempotency_key": f"key-{remark}",
    } | changed  # fmt: skip


def report(client: Peer, kind: str) -> dict[str, object]:
    """The next report of that kind."""
    while (found := client.event("report")["report"])["type"] != kind:  # type: ignore[index]
        pass
    return found  # type: ignore[return-value]


@needs_wheel
def test_an_account_is_served_with_its_fills_pushed_its_cancels_proved_and_its_prices(
    station: Station, tmp_path: Path
) -> None:
    with station.server(tmp_path) as connect:
        client = connect()
        account = client.get("broker.account")
        assert account["value"]["account_id"] == "***3456"  # type: ignore[index]
        assert account["value"]["positions"][0]["amount"] == 3000  # type: ignore[index]
        assert client.get("data.snapshot", security=BANK)["last_price"] == 10.0  # type: ignore[index]
        assert client.get("data.live_current", security=BANK)["high_limit"] == 11.0  # type: ignore[index]
        station.quotes.push(BANK, 10.01, 100_100)
        bars = client.get("data.history", security=BANK, count=2, frequency="daily", fields=["close"])
        assert bars["records"][0] == ["2025-06-05T00:00:00", 10.0]  # type: ignore[index]
        resting = client.get("broker.place_order", **order("bt:x:00001", 9.9))
        assert resting["status"] == "submitted"  # type: ignore[index]
        station.trading.fill("bt:x:00001", 200, 9.9)
        fill = report(client, "Filled")
        assert (fill["tag"], fill["amount"]) == ("bt:x:00001", 200)
        cancel = client.get("broker.cancel_order", order_id=resting["order_id"])  # type: ignore[index]
        assert (cancel["value"], cancel["status"]) == (True, "partly_canceled")  # type: ignore[index]
        market = client.get("broker.place_order", **order("bt:x:00002", 0.0, style={"type": "market"}))
        assert market["order_price"] == pytest.approx(10.15, abs=0.02)  # type: ignore[index]
        assert [one.ticket.tag for one in station.trading.book.orders] == ["bt:x:00001", "bt:x:00002"]


@needs_wheel
def test_orders_are_followed_and_found_by_their_keys_after_a_restart_of_the_server(
    station: Station, tmp_path: Path
) -> None:
    """B06: no order twice, none lost, fills meanwhile included."""
    with station.server(tmp_path) as connect:
        first = connect().get("broker.place_order", **order("other:7", 9.9))
    station.trading.fill("other:7", 100, 9.9)
    with station.server(tmp_path) as connect:
        client = connect()
        again = client.get("broker.place_order", **order("other:7", 9.9))
        assert again["order_id"] == first["order_id"]  # type: ignore[index]
        (row,) = client.get("broker.orders")  # type: ignore[misc]
        assert (row["filled"], row["idempotency_key"]) == (100, "key-other:7"), row
        station.trading.fill("other:7", 100, 9.9)
        assert report(client, "Filled")["amount"] == 100
        cancel = client.get("broker.cancel_order", order_id=first["order_id"])  # type: ignore[index]
        assert cancel["value"] is True  # type: ignore[index]
    assert len(station.trading.book.orders) == 1


@needs_wheel
def test_clients_are_told_when_the_terminal_is_gone_and_when_it_is_back(station: Station, tmp_path: Path) -> None:
    with station.server(tmp_path) as connect:
        client = connect()
        station.trading.shut_down()
        report(client, "LinkDown")
        refused = client.refused("broker.place_order", **order("bt:x:00003", 9.9))
        assert (refused["code"], refused["broker_called"]) == ("QMT_UNAVAILABLE", False)
        station.trading.start_again()
        report(client, "LinkUp")
        answer = client.get("broker.place_order", **order("bt:x:00003", 9.9, idempotency_key="second"))
        assert answer["status"] == "submitted"  # type: ignore[index]


@needs_wheel
def test_a_server_without_data_trades_and_offers_none(station: Station, tmp_path: Path) -> None:
    with station.server(tmp_path, qmt_server_enable_data=False) as connect:
        client = connect()
        assert client.get("broker.place_order", **order("bt:x:00001", 9.9))["order_id"]  # type: ignore[index]
        assert "data" not in client.ack["features"]  # type: ignore[operator]
        assert client.refused("data.snapshot", security=BANK)["message"]


@needs_wheel
def test_a_server_does_not_start_where_the_terminal_has_no_quotes(station: Station, tmp_path: Path) -> None:
    station.native.desk = None
    with pytest.raises(UsageError, match="连不上 QMT 行情"), station.server(tmp_path):
        pass


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (AccountSpec("main", NUMBER, "future"), "不受支持"),
        (AccountSpec("main", NUMBER), "没有设置 QMT_DATA_PATH"),
        (AccountSpec("main", NUMBER, "stock", "/no/such/directory"), "不是存在的目录"),
    ],
)
def test_an_account_that_cannot_be_served_is_named(spec: AccountSpec, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        account_terms(spec, Settings.model_validate({}))


def test_two_accounts_at_one_terminal_use_different_sessions(tmp_path: Path) -> None:
    settings = Settings.model_validate({"qmt_data_path": tmp_path})
    numbers = {account_terms(AccountSpec(key, f"88001{key}"), settings).first_session for key in ("a", "b", "c")}
    assert len(numbers) == 3
