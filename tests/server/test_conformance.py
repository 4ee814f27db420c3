"""The checklist of the wire protocol, row by row, over a real socket. Ids are the rows' numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from served import DAY, TOKEN, Peer, Served, limit

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import MinuteBars
from bullet_trade.remote.frames import FRAME_LIMIT
from bullet_trade.testing.fake_broker import accepted, filled, rejected, silence
from bullet_trade.testing.fake_market import FakeMarket

Serve = Callable[..., Served]
Connect = Callable[..., Peer]


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests that leave its account as it is."""
    running = Served(tmp_path_factory.mktemp("shared"))
    yield running
    running.stop()


@pytest.fixture
def reader(shared: Served, clients: Connect) -> Peer:
    return clients(shared)


@pytest.fixture
def client(served: Served, clients: Connect) -> Peer:
    return clients(served)


def test_row_01_a_good_handshake_is_acknowledged_with_five_fields(reader: Peer) -> None:
    ack = reader.ack
    assert set(ack) == {"type", "session_id", "keepalive", "protocol", "features"}
    assert ack["type"] == "handshake_ack"
    assert str(ack["session_id"])[0] == "s"
    assert len(str(ack["session_id"])) == 13
    assert (ack["keepalive"], ack["protocol"], ack["features"]) == (20, 1, ["data", "broker"])


def test_row_02_a_bad_token_is_refused_with_the_id_and_the_connection_ends(shared: Served, raw: Connect) -> None:
    peer = raw(shared)
    peer.send({"type": "handshake", "token": "wrong", "protocol": 1, "features": [], "id": "h1"})
    assert peer.receive() == {"type": "error", "code": "AUTH_FAILED", "message": "token 不匹配", "id": "h1"}
    assert peer.ended()


def test_row_03_a_request_before_the_handshake_ends_the_connection_without_a_byte(shared: Served, raw: Connect) -> None:
    peer = raw(shared)
    peer.send({"type": "request", "id": "1", "action": "admin.health", "payload": {}})
    assert peer.ended()


BAD_INPUT = {
    "33-mib": (33 * 1024 * 1024).to_bytes(4, "big"),
    "just-above-the-limit": (FRAME_LIMIT + 1).to_bytes(4, "big"),
    "zero-length": bytes(4),
    "not-json": b"\0\0\0\4{bad",
    "not-utf-8": b'\0\0\0\x0a{"zz":"\xff"}',
    "a-list": b"\0\0\0\5[1,2]",
    "a-number": b"\0\0\0\x0212",
}


@pytest.mark.parametrize("data", BAD_INPUT.values(), ids=[f"row_04_{name}" for name in BAD_INPUT])
def test_unreadable_input_ends_the_session_without_a_byte(reader: Peer, data: bytes) -> None:
    reader.send_bytes(data)
    assert reader.ended()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        pytest.param("foo.bar", "未知 action: foo.bar", id="row_05_unknown_family"),
        pytest.param("", "缺少 action 字段", id="row_05_no_action"),
        pytest.param("data.foo", "数据接口 foo 未实现", id="row_05_unknown_data"),
        pytest.param("data.__class__", "数据接口 __class__ 未实现", id="row_05_private_member"),
        pytest.param("broker.foo", "券商接口 foo 未实现", id="row_05_unknown_broker"),
        pytest.param("admin.foo", "未知 action: admin.foo", id="row_05_unknown_admin"),
    ],
)
def test_unknown_actions_fail_with_the_known_texts(reader: Peer, action: str, message: str) -> None:
    error = reader.refused(action)
    assert (error["code"], error["message"]) == ("REQUEST_FAILED", message)


@pytest.mark.parametrize("number", ["h9", None], ids=["row_06_with_id", "row_06_without_id"])
def test_an_unknown_type_is_unsupported_and_the_session_goes_on(reader: Peer, number: str | None) -> None:
    reader.send({"type": "hello"} | ({"id": number} if number else {}))
    expected = {"type": "error", "code": "UNSUPPORTED", "message": "不支持的消息类型 hello"}
    assert reader.receive() == expected | ({"id": number} if number else {})
    assert reader.get("broker.positions") == []


def test_row_07_a_message_without_type_is_a_request(reader: Peer) -> None:
    reader.send({"id": "n1", "action": "broker.positions"})
    assert reader.receive() == {"type": "response", "id": "n1", "payload": []}


def test_row_08_a_request_without_id_is_executed_and_not_answered(reader: Peer) -> None:
    reader.send({"type": "request", "action": "broker.positions", "payload": None})
    reader.send({"type": "ping", "id": "p1"})
    assert reader.receive() == {"type": "pong", "id": "p1"}


@pytest.mark.parametrize("number", [7, 7.5, "a", True], ids=lambda value: f"row_09_{value}")
def test_an_id_is_echoed_with_its_type(reader: Peer, number: object) -> None:
    reader.send({"type": "request", "id": number, "action": "broker.positions", "payload": {}})
    answer = reader.receive()["id"]
    assert answer == number
    assert type(answer) is type(number)


def test_row_09_a_falsy_id_is_left_out_of_error_frames(reader: Peer) -> None:
    reader.send({"type": "request", "id": 0, "action": "foo.bar"})
    assert "id" not in reader.receive()


def test_row_10_more_symbols_than_the_limit_are_refused(serve: Serve, clients: Connect) -> None:
    client = clients(serve(max_subscriptions=2))
    symbols = ["000001.XSHE", "000002.XSHE", "600000.XSHG"]
    assert client.refused("data.subscribe", securities=symbols)["message"] == "订阅数量超过上限 2"
    assert client.get("data.subscribe", securities=symbols[:2]) == {"count": 2}
    assert client.get("data.subscribe", securities=symbols[:2]) == {"count": 2}


def test_row_11_a_subscription_is_echoed_in_capitals_and_ticks_come_under_that_name(reader: Peer) -> None:
    assert reader.get("data.subscribe", securities=[" 000001.sz "]) == {"count": 1}
    tick = reader.event("tick")
    assert (tick["symbol"], tick["sid"], tick["last_price"]) == ("000001.SZ", "000001.XSHE", 10.0)
    assert tick["dt"] == "2026-01-05 10:00:00"


def test_row_12_a_sub_account_has_its_limit_per_order(serve: Serve, clients: Connect) -> None:
    served = serve(subs="demo@main:limit=5000")
    client = clients(served)
    order = {
        "sub_account_id": "demo@main",
        "security": "000001.XSHE",
        "side": "BUY",
        "style": limit(10),
        "wait_timeout": 0,
    }
    error = client.refused("broker.place_order", amount=1000, **order)
    assert error["message"] == "子账户 demo 超过额度限制 5000"
    assert error["broker_called"] is False
    answer = client.get("broker.place_order", amount=100, **order)
    assert answer["sub_account_id"] == "demo"  # type: ignore[index]
    assert len(served.broker.submitted) == 1


ORDER = {"security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(10), "wait_timeout": 0}


def test_row_13_the_same_key_gives_the_same_order_and_another_amount_a_conflict(served: Served, client: Peer) -> None:
    first = client.get("broker.place_order", **ORDER, idempotency_key="k1")
    again = client.get("broker.place_order", **ORDER, idempotency_key="k1")
    assert first["order_id"] == again["order_id"]  # type: ignore[index]
    error = client.refused("broker.place_order", **(ORDER | {"amount": 200}), idempotency_key="k1")
    assert (error["code"], error["broker_called"]) == ("IDEMPOTENCY_CONFLICT", False)
    assert error["message"] == "idempotency_key 冲突: k1"
    assert len(served.broker.submitted) == 1


def test_row_14_the_same_key_at_the_same_time_becomes_one_order_and_everybody_gets_it(
    served: Served, clients: Connect
) -> None:
    served.broker.answers.append([accepted(broker_id="B7", after_s=0.05)])
    peers = [clients(served) for _ in range(8)]
    numbers = [peer.start("broker.place_order", {**ORDER, "idempotency_key": "k"}) for peer in peers]
    answers = [peer.wait(number) for peer, number in zip(peers, numbers, strict=True)]
    assert {answer["payload"]["order_id"] for answer in answers} == {"B7"}  # type: ignore[index]
    assert len(served.broker.submitted) == 1


def test_row_15_a_refusal_is_repeated_as_the_same_error_and_never_executed_again(served: Served, client: Peer) -> None:
    served.broker.answers.append([rejected("资金不足")])
    answers = [client.refused("broker.place_order", **ORDER, idempotency_key="k1") for _ in range(3)]
    assert {(answer["code"], answer["message"]) for answer in answers} == {("ORDER_REJECTED", "资金不足")}
    assert len(served.broker.submitted) == 1


def test_row_16_an_old_client_gets_its_pong_after_the_slow_answer(served: Served, client: Peer) -> None:
    served.broker.answers.append([accepted(), filled(after_s=0.05)])
    number = client.start("broker.place_order", {**ORDER, "wait_timeout": 5})
    client.send({"type": "ping", "id": "p"})
    assert client.receive()["id"] == number
    assert client.receive() == {"type": "pong", "id": "p"}


def test_row_16_a_client_of_ours_gets_its_pong_at_once(served: Served, clients: Connect) -> None:
    served.broker.answers.append(silence)
    client = clients(served, features=["server_time"])
    number = client.start("broker.place_order", {**ORDER, "wait_timeout": 0.3})
    client.send({"type": "ping", "id": "p"})
    pong = client.receive()
    assert pong["id"] == "p"
    assert str(pong["server_time"]).startswith("2026-01-05T10:00")
    assert client.wait(number)["payload"]["status"] == "submit_unknown"  # type: ignore[index]


def test_row_17_a_session_above_the_limit_is_told_that_the_server_is_busy(
    serve: Serve, clients: Connect, raw: Connect
) -> None:
    served = serve(max_connections=1)
    first = clients(served)
    second = raw(served)
    second.send({"type": "handshake", "token": TOKEN, "id": "h2"})
    busy = {"type": "error", "code": "SERVER_BUSY", "message": "连接数达到上限", "id": "h2"}
    assert second.receive() == busy
    assert second.ended()
    assert first.get("broker.positions") == []


# -- beyond the checklist: sections 3, 7, 8, 9, 15 and 18 --------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        "broker.get_account_info",
        "broker.get_positions",
        "broker.list_orders",
        "broker.list_trades",
        "data.get_snapshot",
    ],
)
def test_the_other_spellings_of_actions_are_accepted(reader: Peer, action: str) -> None:
    assert reader.ask(action, security="000001.XSHE")["type"] == "response"


def test_requests_of_one_session_run_beside_each_other(served: Served, client: Peer) -> None:
    served.broker.answers.append(silence)
    slow = client.start("broker.place_order", {**ORDER, "wait_timeout": 0.3})
    quick = client.start("data.snapshot", {"security": "000001.XSHE"})
    assert client.receive()["id"] == quick
    assert client.receive()["id"] == slow


def test_an_unknown_account_is_refused_and_never_the_default_one(shared: Served, reader: Peer) -> None:
    """T-W8: deployed servers send such an order to their default account."""
    error = reader.refused("broker.place_order", **ORDER, account_key="other")
    assert (error["code"], error["broker_called"]) == ("ACCOUNT_UNKNOWN", False)
    assert shared.broker.submitted == []
    assert reader.get("broker.positions", account_key=None) == []
    assert reader.get("broker.positions", account_key="main") == []


@pytest.mark.parametrize("side", ["HOLD", "", "卖", "sel"])
def test_a_side_that_is_neither_buy_nor_sell_is_no_sale(shared: Served, reader: Peer, side: str) -> None:
    error = reader.refused("broker.place_order", **(ORDER | {"side": side}))
    assert (error["code"], error["broker_called"]) == ("ORDER_INVALID", False)
    assert shared.broker.submitted == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0}, {"amount": -100}, {"amount": 100.5}, {"amount": "100"}, {"amount": None}, {"amount": True},
        {"style": limit(float("nan"))}, {"style": limit(0)}, {"style": limit(-1)}, {"style": {"type": "stop"}},
        {"style": limit(float("inf"))}, {"security": "nonsense"}, {"security": None}, {"idempotency_key": " k"},
        {"deadline": "soon"}, {"style": limit(10), "market": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_an_order_is_refused_before_the_broker_hears_of_it(
    shared: Served, reader: Peer, wrong: dict[str, object]
) -> None:
    error = reader.refused("broker.place_order", **(ORDER | wrong))
    assert error["broker_called"] is False
    assert error["code"] not in ("REQUEST_FAILED", "REQUEST_TIMEOUT")
    assert shared.broker.submitted == []


def test_an_amount_is_rounded_down_to_whole_lots(served: Served, client: Peer) -> None:
    answer = client.get("broker.place_order", **(ORDER | {"amount": 350}))
    assert answer["amount"] == 300  # type: ignore[index]
    assert served.broker.submitted[0].amount == 300


def test_an_order_without_style_is_a_limit_order_at_the_last_price(served: Served, client: Peer) -> None:
    client.get("broker.place_order", security="000001.XSHE", side="BUY", amount=100, wait_timeout=0)
    ticket = served.broker.submitted[0]
    assert (ticket.order_type.value, ticket.limit_price) == ("limit", 100_000)


def test_a_market_order_carries_a_protection_price(served: Served, client: Peer) -> None:
    client.get("broker.place_order", **(ORDER | {"style": {"type": "market"}, "market": True}))
    ticket = served.broker.submitted[0]
    assert (ticket.order_type.value, ticket.limit_price) == ("market", 101_500)


def test_a_suspended_security_is_refused_for_certain(shared: Served, reader: Peer) -> None:
    error = reader.refused("broker.place_order", **(ORDER | {"security": "000002.XSHE"}))
    assert (error["code"], error["broker_called"]) == ("ORDER_REJECTED", False)
    assert error["message"] == "000002.XSHE 停牌，无法下单"


class BrokenMarket(FakeMarket):
    """A source that cannot read the minutes of one stock."""

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        if code == "600000.XSHG":
            raise DataError("600000.XSHG 的分钟数据读取超时", "检查数据源")
        return super().minutes(code, day)


def test_an_order_whose_prices_cannot_be_read_is_refused_for_certain(serve: Serve, clients: Connect) -> None:
    source = BrokenMarket()
    for code in ("000001.XSHE", "600000.XSHG"):
        source.add(code, {DAY: 10.0}, prev_close=10.0)
    served = serve(source=source)
    client = clients(served)
    order = ORDER | {"security": "600000.XSHG", "idempotency_key": "k1"}
    error = client.refused("broker.place_order", **order)
    assert (error["code"], error["broker_called"]) == ("ORDER_REJECTED", False)
    assert error["message"] == (
        "600000.XSHG 的行情或资料无法读取，不能核对，委托没有发出"
        "（600000.XSHG 的分钟数据读取逾时。检查数据源）。恢复后重新下单"
    )
    assert client.refused("broker.place_order", **order)["message"] == error["message"]
    client.get("broker.place_order", **ORDER)
    assert [ticket.code for ticket in served.broker.submitted] == ["000001.XSHE"]


def test_a_wait_that_expires_is_no_failure(served: Served, client: Peer) -> None:
    served.broker.answers.append([accepted(broker_id="B2")])
    answer = client.get("broker.place_order", **(ORDER | {"wait_timeout": 0.1}))
    assert isinstance(answer, dict)
    assert (answer["order_id"], answer["status"], answer["timed_out"], answer["async_tracking"]) == (
        "B2",
        "open",
        True,
        True,
    )
    assert answer["last_snapshot"]["order_id"] == "B2"


def test_a_cancel_is_a_success_only_with_proof(served: Served, client: Peer) -> None:
    served.broker.answers.append([accepted(broker_id="B2")])
    client.get("broker.place_order", **ORDER)
    answer = client.get("broker.cancel_order", order_id="B2")
    assert isinstance(answer, dict)
    assert (answer["value"], answer["success"], answer["status"], answer["timed_out"]) == (
        True,
        True,
        "canceled",
        False,
    )
    assert (answer["last_snapshot"]["order_id"], answer["last_snapshot"]["status"]) == ("B2", "canceled")
    unknown = client.get("broker.cancel_order", order_id="nobody")
    assert isinstance(unknown, dict)
    assert (unknown["value"], unknown["order_id"]) == (False, "nobody")


def test_a_cancel_that_the_fill_overtook_says_so(served: Served, client: Peer) -> None:
    served.broker.answers.append([accepted(broker_id="B2")])
    served.broker.cancel_answers.append([filled()])
    client.get("broker.place_order", **ORDER)
    answer = client.get("broker.cancel_order", order_id="B2")
    assert isinstance(answer, dict)
    assert (answer["value"], answer["cancel_outcome"], answer["status"]) == (
        False,
        "not_canceled_already_terminal",
        "filled",
    )


def test_positions_have_no_key_that_old_clients_take_for_the_sellable_amount(serve: Serve, clients: Connect) -> None:
    from bullet_trade.testing.fake_broker import ScriptedBroker

    served = serve(brokers={"main": ScriptedBroker(holdings={"000001.XSHE": 500}, cost=9.0)})
    row = clients(served).get("broker.positions")[0]  # type: ignore[index]
    assert not {"volume", "qty", "current_amount", "can_use_amount", "position", "available"} & set(row)
    assert (row["amount"], row["closeable_amount"], row["avg_cost"], row["market_value"]) == (500, 500, 9.0, 5000.0)


def test_a_broker_that_cannot_be_asked_is_an_error_and_never_a_flat_account(served: Served, client: Peer) -> None:
    """W9: deployed servers answer with an empty list."""
    served.on_account(served.broker.lose_link)
    assert client.refused("broker.positions")["code"] == "QMT_UNAVAILABLE"
    error = client.refused("broker.place_order", **ORDER)
    assert (error["code"], error["broker_called"]) == ("QMT_UNAVAILABLE", False)
    assert client.get("admin.health")["value"]["qmt"]["ready"] is False  # type: ignore[index]


def test_the_account_has_no_null_among_its_money(reader: Peer) -> None:
    value = reader.get("broker.account")["value"]  # type: ignore[index]
    assert None not in value.values()
    assert value["available_cash"] == value["total_value"] == 1_000_000.0
    assert "123456789" not in str(value)


def test_live_current_has_the_fields_that_the_newer_engine_prices_with(reader: Peer) -> None:
    answer = reader.get("data.live_current", security="000001.sz")
    assert isinstance(answer, dict)
    assert (answer["last_price"], answer["high_limit"], answer["low_limit"], answer["paused"]) == (
        10.0,
        11.0,
        9.0,
        False,
    )
    assert answer["source_time"] == "2026-01-05 10:00:00+08:00"
    assert answer["feed_health"]["status"] == "healthy"


def test_one_code_has_its_index_and_two_codes_only_for_those_who_can_read_it(reader: Peer) -> None:
    one = reader.get("data.history", security="000001.XSHE", count=2, frequency="daily", fields=["close"])
    assert isinstance(one, dict)
    assert one["columns"] == ["index", "close"]
    assert one["records"][0] == ["2025-12-31T00:00:00", 10.0]
    query = {"security": ["000001.XSHE", "600000.XSHG"], "count": 2, "frequency": "1m", "fields": ["close"]}
    old = reader.get("data.history", **query)
    assert isinstance(old, dict)
    assert "index_columns" not in old
    assert old["records"] == [[10.0, 20.0], [10.0, 20.0]]
    new = reader.get("data.history", **query, panel=True, skip_paused=False, fill_paused=True)
    assert isinstance(new, dict)
    assert new["index_columns"] == ["index"]
    assert new["column_tuples"] == [["close", "000001.XSHE"], ["close", "600000.XSHG"]]


def test_unsubscribe_without_a_list_takes_everything_and_an_empty_list_nothing(reader: Peer) -> None:
    reader.get("data.subscribe", symbols=["000001.XSHE", "600000.XSHG"])
    assert reader.get("data.unsubscribe", securities=[]) == {"count": 2, "removed": 0}
    assert reader.get("data.unsubscribe", securities=["600000.XSHG"]) == {"count": 1, "removed": 1}
    assert reader.get("data.unsubscribe") == {"count": 0, "removed": 1}
    assert reader.get("data.unsubscribe_all") == {"count": 0}


def test_the_smaller_data_actions(reader: Peer) -> None:
    assert reader.get("data.trade_days", end="2026-01-05", count=2) == {
        "dtype": "list", "values": ["2025-12-31 00:00:00", "2026-01-05 00:00:00"],
    }  # fmt: skip
    info = reader.get("data.security_info", security="000001.XSHE")
    assert isinstance(info, dict)
    assert info["display_name"] == info["value"]["display_name"] == "平安银行"
    assert reader.get("data.get_index_stocks", index_symbol="000300.XSHG") == {"values": ["000001.XSHE", "600000.XSHG"]}
    listed = reader.get("data.get_all_securities", types="stock")
    assert isinstance(listed, dict)
    assert [row[0] for row in listed["records"]] == ["000001.XSHE", "000002.XSHE", "600000.XSHG"]
    assert reader.get("data.get_split_dividend", security="000001.XSHE") == {"events": []}
    assert reader.get("data.ensure_cache", security="000001.SZ")["value"]["security"] == "000001.XSHE"  # type: ignore[index]


def test_modules_that_are_off_say_so(serve: Serve, clients: Connect) -> None:
    client = clients(serve(data_enabled=False))
    assert client.ack["features"] == ["broker"]
    assert client.refused("data.snapshot")["message"] == "数据服务未启用"


def test_orders_and_trades_have_times_as_text(served: Served, client: Peer) -> None:
    served.broker.answers.append([accepted(broker_id="B2"), filled(100)])
    client.get("broker.place_order", **ORDER, order_remark="bt:grid")
    (row,) = client.get("broker.orders", security="000001.XSHE", status="filled")  # type: ignore[misc]
    assert (row["order_id"], row["filled"], row["is_buy"], row["order_remark"]) == ("B2", 100, True, "bt:grid")
    assert str(row["order_time"]).startswith("2026-01-05 10:00:0")
    assert client.get("broker.orders", filters={"order_id": "nobody"}) == []
    assert client.get("broker.orders", status="nonsense") == []
    assert client.get("broker.order_status", order_id="B2")["status"] == "filled"  # type: ignore[index]
    assert client.get("broker.order_status", order_id="nobody") == {}


def test_a_client_that_comes_and_goes_leaves_nothing_behind(served: Served, clients: Connect) -> None:
    before = threading.active_count()
    for _ in range(20):
        peer = clients(served)
        peer.get("data.subscribe", securities=["000001.XSHE"])
        peer.close()
    last = clients(served)
    last.get("broker.positions")
    assert threading.active_count() == before
    served.call(_settled(served, 1))


async def _settled(served: Served, count: int) -> None:
    import asyncio

    while len(served.server.sessions) != count:
        await asyncio.sleep(0)
