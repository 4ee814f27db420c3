"""`bt.order` and the others, against servers that answer as the deployed ones do."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from jq_platform import Context, LimitOrderStyle, Log, MarketOrderStyle, StopMarketOrderStyle
from scripted_server import CUT, NOT_IMPLEMENTED, ScriptedServer
from served import TOKEN

from bullet_trade.remote.errors import RemoteError
from bullet_trade.remote.submissions import check_key

ACCEPTED = {"order_id": "77", "status": "open", "amount": 100, "price": 10.0, "timed_out": True, "async_tracking": True}
ACCOUNT = {"dtype": "dict", "value": {"available_cash": 10_000.0, "total_value": 30_000.0}}
HELD = {"security": "000001.XSHE", "amount": 500, "closeable_amount": 200, "avg_cost": 9.0, "current_price": 10.0,
        "market_value": 5000.0}  # fmt: skip


@pytest.fixture
def script() -> Iterator[Callable[..., ScriptedServer]]:
    made: list[ScriptedServer] = []

    def start(**answers: object) -> ScriptedServer:
        made.append(ScriptedServer(**answers))
        return made[-1]

    yield start
    for server in made:
        server.close()


def row_of(server: ScriptedServer) -> list[dict[str, object]]:
    """The day's list with the order that was asked for, as version 0.9.2 shows it."""
    sent = server.sent("broker.place_order")
    known = {name: sent[name] for name in ("security", "amount", "order_remark")}
    told = {"order_id": "77", "filled": 100, "price": 9.98, "order_price": 10.0, "status": "filled", "order_type": 23}
    return [{**told, **known}]


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_limit_order_is_sent_as_deployed_servers_want_it(
    bt: ModuleType, script: Callable[..., ScriptedServer]
) -> None:
    server = script(broker__place_order=ACCEPTED)
    bt.start(server.port)
    made = bt.order("000001.SZ", 100, price=10, wait_timeout=3)
    sent = dict(server.sent("broker.place_order"))
    assert check_key(str(sent.pop("idempotency_key")))
    assert re.fullmatch(r"bt:test:[0-9a-f]{8}", str(sent.pop("order_remark")))
    assert sent == {
        "account_key": "main", "sub_account_id": None, "security": "000001.XSHE", "side": "BUY", "amount": 100,
        "style": {"type": "limit", "price": 10.0}, "wait_timeout": 3.0,
    }  # fmt: skip
    assert (made.order_id, made.status, made.filled, made.amount) == ("77", "open", 0, 100)
    assert server.handshakes[0] == {
        "type": "handshake", "token": TOKEN, "protocol": 1, "features": ["server_time", "deadline"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (None, {"type": "market"}),
        (10.5, {"type": "limit", "price": 10.5}),
        (LimitOrderStyle(10.5), {"type": "limit", "price": 10.5}),
        (MarketOrderStyle(11.0), {"type": "market", "protect_price": 11.0}),
    ],
)
def test_styles(bt: ModuleType, script: Callable[..., ScriptedServer], style: object, expected: object) -> None:
    server = script(broker__place_order=ACCEPTED)
    bt.start(server.port)
    bt.order("000001.XSHE", -100, style)
    sent = server.sent("broker.place_order")
    assert (sent["side"], sent["amount"], sent["style"]) == ("SELL", 100, expected)
    assert sent.get("market") == (True if expected["type"] == "market" else None)  # type: ignore[index]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("1.XSHE", 100), "ORDER_INVALID"),
        (("000001.XSHE", float("nan")), "ORDER_INVALID"),
        (("000001.XSHE", "many"), "ORDER_INVALID"),
        (("000001.XSHE", 100, float("nan")), "ORDER_INVALID"),
        (("000001.XSHE", 100, -1.0), "ORDER_INVALID"),
        (("000001.XSHE", 100, StopMarketOrderStyle()), "ORDER_INVALID"),
    ],
)
def test_a_senseless_order_is_refused_before_anything_is_sent(
    bt: ModuleType, script: Callable[..., ScriptedServer], given: tuple[object, ...], code: str
) -> None:
    server = script()
    bt.start(server.port)
    with pytest.raises(bt.BridgeError) as raised:
        bt.order(*given)
    assert raised.value.code == code
    assert server.handshakes == []


# -- refusals and lost answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        {"code": "REQUEST_FAILED", "message": "000001.XSHE 无可卖数量"},  # 0.9.2 has one code for everything
        {"code": "ORDER_REJECTED", "message": "停牌", "broker_called": False},
        {"code": "REQUEST_FAILED", "message": "任何文字", "broker_called": False},
    ],
)
def test_a_definite_refusal_is_raised_and_not_sent_again(
    bt: ModuleType, script: Callable[..., ScriptedServer], error: dict[str, object]
) -> None:
    server = script(broker__place_order={"error": error})
    bt.start(server.port)
    with pytest.raises(bt.OrderRefusedError) as raised:
        bt.order("000001.XSHE", -100)
    assert raised.value.code == error["code"]
    assert server.count("broker.place_order") == 1
    assert bt.unresolved() == []


@pytest.mark.parametrize(
    "answer",
    [
        CUT,
        {"status": "submit_unknown", "order_id": "submit_unknown:ab"},
        {"error": {"code": "REQUEST_TIMEOUT", "message": "请求超时（>60s）"}},
        {"error": {"code": "REQUEST_FAILED", "message": "意外的错误"}},
        {"error": {"code": "BIG_QMT_GATEWAY_TIMEOUT", "message": "gateway"}},
    ],
)
def test_an_order_whose_answer_proves_nothing_is_found_by_its_remark(
    bt: ModuleType, script: Callable[..., ScriptedServer], answer: object
) -> None:
    server = script(
        broker__place_order=answer, broker__resolve_submission={"error": NOT_IMPLEMENTED}, broker__orders=row_of
    )
    bt.start(server.port)
    made = bt.order("000001.XSHE", 100, price=10.0)
    assert (made.order_id, made.status, made.filled, made.price, made.order_price) == ("77", "filled", 100, 9.98, 10.0)
    assert server.count("broker.place_order") == 1


def pieces_of(server: ScriptedServer) -> list[dict[str, object]]:
    """The day's list of a server that has split the order: one remark, three numbers."""
    sent = server.sent("broker.place_order")
    told = (("77", 1_000_000, 1_000_000, 10.0, "filled"), ("78", 1_000_000, 200_000, 9.4, "filling"),
            ("79", 500_000, 0, 0.0, "open"))  # fmt: skip
    return [
        {"order_id": number, "security": sent["security"], "amount": amount, "filled": done, "price": price,
         "order_price": 10.0, "status": word, "order_remark": sent["order_remark"]}
        for number, amount, done, price, word in told
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        {**ACCEPTED, "amount": 2_500_000},
        CUT,
        {"error": {"code": "REQUEST_FAILED", "message": "QMT 下单返回错误码: -1"}},  # of a later piece
        {"order_id": "77", "status": "rejected"},  # of the first
    ],
)
def test_all_pieces_of_an_order_that_an_old_server_has_split_are_known_and_cancelled(
    bt: ModuleType, script: Callable[..., ScriptedServer], answer: object
) -> None:
    """W11, Q17: deployed servers tell the number of the first piece only."""
    server = script(
        broker__place_order=answer, broker__resolve_submission={"error": NOT_IMPLEMENTED}, broker__orders=pieces_of,
        broker__cancel_order={"value": True, "status": "canceled"},
    )  # fmt: skip
    bt.start(server.port)
    made = bt.order("000001.XSHE", 2_500_000, price=10.0)
    assert (made.order_id, made.child_order_ids) == ("77", ["77", "78", "79"])
    assert (made.amount, made.filled, made.status) == (2_500_000, 1_200_000, "filling")
    assert made.price == pytest.approx((1_000_000 * 10.0 + 200_000 * 9.4) / 1_200_000)
    assert bt.cancel_order(made)["cancel_outcome"] == "cancelled"
    assert [
        payload["order_id"] for name, payload in server.asked if name == "broker.cancel_order"
    ] == made.child_order_ids
    assert server.count("broker.place_order") == 1


def test_a_piece_that_cannot_be_cancelled_keeps_no_other_from_it(
    bt: ModuleType, script: Callable[..., ScriptedServer], log: Log
) -> None:
    refused = {"error": {"code": "ORDER_REJECTED", "message": "已成交，不能撤单"}}
    done = {"value": True, "status": "canceled"}
    server = script(
        broker__place_order=ACCEPTED, broker__orders=pieces_of, broker__cancel_order=(refused, done, done)
    )  # fmt: skip
    bt.start(server.port)
    answer = bt.cancel_order(bt.order("000001.XSHE", 2_500_000, price=10.0))
    assert server.count("broker.cancel_order") == 3
    assert (answer["value"], answer["cancel_outcome"]) == (False, "unknown")
    assert "已成交" in log.said("error")


def test_an_order_that_the_list_shows_as_refused_is_one(bt: ModuleType, script: Callable[..., ScriptedServer]) -> None:
    def refused(server: ScriptedServer) -> list[dict[str, object]]:
        return [{**row, "status": "rejected", "filled": 0, "status_msg": "资金不足"} for row in row_of(server)]

    server = script(
        broker__place_order=CUT, broker__resolve_submission={"error": NOT_IMPLEMENTED}, broker__orders=refused
    )
    bt.start(server.port)
    with pytest.raises(bt.OrderRefusedError, match="资金不足"):
        bt.order("000001.XSHE", 100, price=10.0)
    assert bt.unresolved() == []


def test_an_error_frame_proves_what_it_proves_to_the_engine(bt: ModuleType) -> None:
    """The helper stands alone, so it has a copy of the table."""
    from bullet_trade.brokers.qmt_remote import answers

    assert bt._BEFORE_THE_BROKER == answers.BEFORE_THE_BROKER
    assert bt._REFUSALS == answers._REFUSALS
    for code in (*answers.BEFORE_THE_BROKER, "ORDER_REJECTED", "REQUEST_FAILED", "QMT_TIMEOUT", "HTTP_504", "OTHER"):
        for called in (None, True, False):
            for text in ("说明", "000001.XSHE 停牌，无法下单", "请求超时"):
                known = answers.failed(RemoteError(code, text, called))
                helper = bt._RemoteError(code, text, called)
                assert helper.definite is isinstance(known, answers.Refused), (code, called, text)


def test_an_order_of_unknown_fate_is_never_sent_again_and_blocks_its_security(
    bt: ModuleType, script: Callable[..., ScriptedServer], log: Log
) -> None:
    server = script(
        broker__place_order=(CUT, ACCEPTED), broker__resolve_submission={"error": NOT_IMPLEMENTED}, broker__orders=[]
    )
    bt.start(server.port)
    made = bt.order("000001.XSHE", 100, price=10.0)
    assert (made.status, made.order_id[:15]) == ("unknown", "submit_unknown:")
    assert "结果未知" in log.said("error")
    with pytest.raises(bt.OrderRefusedError) as raised:
        bt.order("000001.XSHE", 100, price=10.0)
    assert raised.value.code == "UNRESOLVED"
    assert server.count("broker.place_order") == 1
    assert list(bt.get_open_orders()) == [made.order_id]
    assert bt.order("600000.XSHG", 100, price=10.0).order_id == "77"  # another security is free
    assert bt.give_up(made.remark)
    assert bt.order("000001.XSHE", 100, price=10.0).order_id == "77"


def test_what_is_unknown_outlives_the_process(
    bt: ModuleType, script: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    """Kept by the platform's `write_file`; the next process finds the order before it trades the security again."""
    files: dict[str, bytes] = {}

    def read_file(path: str) -> bytes:
        if path not in files:
            raise Exception("文件不存在")  # noqa: TRY002 (the platform's own kind is not known)
        return files[path]

    server = script(
        broker__place_order=(CUT, ACCEPTED),
        broker__resolve_submission={"error": NOT_IMPLEMENTED},
        broker__orders=([], [], row_of),
    )
    kept = {"read_file": read_file, "write_file": lambda path, text: files.update({path: text.encode()}),
            "state_file": "s.json"}  # fmt: skip
    bt.start(server.port, **kept)
    lost = bt.order("000001.XSHE", 100, price=10.0)
    assert lost.status == "unknown"
    assert json.loads(files["s.json"])["unresolved"][0]["remark"] == lost.remark
    assert TOKEN not in files["s.json"].decode()
    bt.start(server.port, **kept)  # the next process
    assert bt.unresolved() == []
    assert json.loads(files["s.json"])["unresolved"] == []


def test_an_order_is_on_disk_before_it_leaves_and_does_not_leave_otherwise(
    bt: ModuleType, script: Callable[..., ScriptedServer]
) -> None:
    server = script(broker__place_order=ACCEPTED)

    class FullDisk:
        def __setattr__(self, name: str, value: str) -> None:
            if '"key"' in value:
                raise OSError("磁盘已满")

    bt.start(server.port, g=FullDisk())
    with pytest.raises(bt.ConfigError) as raised:
        bt.order("000001.XSHE", 100, price=10.0)
    assert raised.value.code == "STATE_UNUSABLE"
    assert server.handshakes == []


def test_a_damaged_state_file_stops_the_start(bt: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"version": 1, "unres', encoding="utf-8")
    with pytest.raises(bt.ConfigError, match="已损坏"):
        bt.start(1)


def test_a_server_out_of_reach_gets_nothing_and_nothing_stays_open(
    bt: ModuleType, script: Callable[..., ScriptedServer]
) -> None:
    server = script()
    server.close()
    bt.start(server.port)
    with pytest.raises(bt.NotSentError) as raised:
        bt.order("000001.XSHE", 100, price=10.0)
    assert raised.value.code == "NOT_CONNECTED"
    assert bt.unresolved() == []


def test_a_wrong_token_is_told_once_and_never_shown(
    bt: ModuleType, script: Callable[..., ScriptedServer], log: Log
) -> None:
    server = script()
    server.ack = {"type": "error", "code": "AUTH_FAILED", "message": f"token 不匹配 {TOKEN}"}
    bt.start(server.port)
    with pytest.raises(bt.NotSentError) as raised:
        bt.order("000001.XSHE", 100, price=10.0)
    assert raised.value.code == "AUTH_FAILED"
    assert len(server.handshakes) == 1
    shown = str(raised.value) + repr(bt._bridge().settings) + repr(log.lines)
    assert TOKEN not in shown


def test_a_silent_server_does_not_hold_the_strategy(bt: ModuleType, script: Callable[..., ScriptedServer]) -> None:
    server = script(broker__place_order=ACCEPTED, broker__resolve_submission=CUT, broker__orders=CUT)
    server.ack = {"type": "event", "event": "tick", "payload": {}}  # anything but an acknowledgement
    bt.start(server.port)
    with pytest.raises(bt.NotSentError):
        bt.get_account()
    server.ack = {"type": "handshake_ack", "session_id": "s", "keepalive": 20, "protocol": 1, "features": []}
    server.extra = [{"type": "event", "event": "tick", "payload": {"n": 1}}] * 3
    assert bt.order("000001.XSHE", 100, price=10.0).order_id == "77"  # events beside the answer are passed over
    server.answers["broker.place_order"].clear()
    server.answers["broker.place_order"].append({"status": "open"})  # no number
    assert bt.order("000001.XSHE", 100, price=10.0).status == "unknown"


# -- account, sizes, cancels -------------------------------------------------------------------------------------------


def test_the_account_is_read_without_inventing_anything(bt: ModuleType, script: Callable[..., ScriptedServer]) -> None:
    server = script(broker__account=ACCOUNT, broker__positions=[{**HELD, "closeable_amount": 0, "volume": 500}])
    bt.start(server.port)
    assert bt.get_account()["available_cash"] == 10_000.0
    held = bt.get_positions()
    assert held["000001.XSHE"].closeable_amount == 0  # bought today: 0 is an answer
    assert (held["600000.XSHG"].total_amount, "600000.XSHG" in held) == (0, False)
    server.answers["broker.positions"][0] = {"error": {"code": "QMT_UNAVAILABLE", "message": "终端未连接"}}
    with pytest.raises(bt.QueryError):
        bt.get_positions()
    server.answers["broker.positions"][0] = []
    server.answers["broker.account"][0] = {"dtype": "dict", "value": {}}
    with pytest.raises(bt.QueryError):
        bt.get_account()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("order_value", 5_000, ("BUY", 498)),
        ("order_value", 1_000_000, ("BUY", 996)),  # (10000 - 5) / (10.03 x 1.0003)
        ("order_target", 0, ("SELL", 200)),  # of 500 only 200 may be sold today
        ("order_target", 600, ("BUY", 100)),
        ("order_target_value", 6_000, ("BUY", 98)),  # held: 500 x 10.03
        ("order_target_percent", 0.2, ("BUY", 98)),
        ("order_percent", -0.05, ("SELL", 149)),
    ],
)
def test_sizes(
    bt: ModuleType, script: Callable[..., ScriptedServer], name: str, value: float, expected: tuple[str, int]
) -> None:
    server = script(broker__place_order=ACCEPTED, broker__account=ACCOUNT, broker__positions=[HELD], broker__orders=[])
    bt.start(server.port)
    getattr(bt, name)("000001.XSHE", value, price=10.03)
    sent = server.sent("broker.place_order")
    assert (sent["side"], sent["amount"]) == expected


def test_a_purchase_at_market_leaves_room_for_the_price_at_which_cash_is_frozen(
    bt: ModuleType, script: Callable[..., ScriptedServer]
) -> None:
    server = script(
        broker__place_order=ACCEPTED, broker__account=ACCOUNT, broker__positions=[], data__snapshot={},
        data__live_current={"last_price": 10.0},
    )  # fmt: skip
    bt.start(server.port)
    bt.order_value("000001.XSHE", 10_000)
    assert server.sent("broker.place_order")["amount"] == 984  # (10000 - 5) / (10.15 x 1.0003)


def test_a_target_cancels_only_this_strategys_open_orders_first(
    bt: ModuleType, script: Callable[..., ScriptedServer]
) -> None:
    rows = [
        {"order_id": number, "security": "000001.XSHE", "status": word, "amount": 100, "order_remark": remark}
        for number, word, remark in (
            ("1", "open", "bt:test:00000001"), ("2", "open", "手工"), ("3", "filled", "bt:test:00000003")
        )
    ]  # fmt: skip
    done = {"value": True, "order_id": "1", "status": "canceled"}
    server = script(broker__place_order=ACCEPTED, broker__account=ACCOUNT, broker__positions=[HELD],
                    broker__orders=rows, broker__cancel_order=done)  # fmt: skip
    bt.start(server.port)
    bt.order_target("000001.XSHE", 600, price=10.0)
    cancels = [payload["order_id"] for action, payload in server.asked if action == "broker.cancel_order"]
    assert cancels == ["1"]
    server.answers["broker.cancel_order"][0] = {"value": True, "order_id": "1", "status": "open"}
    server.answers["broker.order_status"] = type(server.answers["broker.orders"])([{"status": "open"}])
    with pytest.raises(bt.OrderRefusedError) as raised:
        bt.order_target("000001.XSHE", 600, price=10.0)
    assert raised.value.code == "CANCEL_UNCONFIRMED"
    assert server.count("broker.place_order") == 1


def test_a_cancel_may_be_repeated_and_is_true_only_with_proof(
    bt: ModuleType, script: Callable[..., ScriptedServer]
) -> None:
    server = script(broker__cancel_order=(CUT, {"value": True, "timed_out": True}),
                    broker__order_status={"order_id": "9", "status": "canceled"})  # fmt: skip
    bt.start(server.port)
    done = bt.cancel_order("9")
    assert (done["value"], done["status"], done["cancel_outcome"]) == (True, "canceled", "cancelled")
    keys = {payload["idempotency_key"] for action, payload in server.asked if action == "broker.cancel_order"}
    assert len(keys) == 1
    server.answers["broker.order_status"][0] = {}
    assert bt.cancel_order("9")["cancel_outcome"] == "unknown"


def test_orders_and_trades_of_an_old_server(bt: ModuleType, script: Callable[..., ScriptedServer]) -> None:
    """Version 0.9.2: whole seconds since 1970 for times, 23 and 24 for the side, tokens that are no JSON."""
    order = {"order_id": 5, "security": "600000.SH", "amount": 100, "filled": 0, "price": 0.0, "order_price": None,
             "status": "open", "order_type": 24, "order_time": 1767578400}  # fmt: skip
    trade = {"trade_id": "t", "order_id": 5, "security": "600000.SH", "amount": 100, "price": 8.4, "tax": float("nan"),
             "time": 1767578400}  # fmt: skip
    server = script(broker__orders=[order], broker__trades=[trade])
    bt.start(server.port)
    (made,) = bt.get_orders().values()
    assert (made.order_id, made.security, made.is_buy, made.order_price) == ("5", "600000.XSHG", False, None)
    assert str(made.add_time) == "2026-01-05 10:00:00"
    (fill,) = bt.get_trades().values()
    assert (fill.tax, str(fill.time)) == (0.0, "2026-01-05 10:00:00")
    assert pickle.loads(pickle.dumps(made)).order_id == "5"  # JoinQuant pickles what a strategy keeps


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"retrys": 1}, "retries"),
        ({"token": ""}, "token"),
        ({"rpc_timeout": -1}, "rpc_timeout"),
        ({"tls_fingerprint": "12:34"}, "tls_fingerprint"),
        ({"tls_cert": "/does/not/exist.pem"}, "tls_cert"),
        ({"resolve_pauses": 3}, "resolve_pauses"),
    ],
)
def test_a_wrong_setting_is_named(bt: ModuleType, options: dict[str, object], text: str) -> None:
    with pytest.raises(bt.ConfigError, match=text):
        bt.start(1, **options)


@pytest.mark.parametrize(
    ("context", "code"),
    [(Context("full_backtest"), "NOT_SIM_TRADE"), (Context(at=Context().current_dt.replace(year=2020)), "STALE_RUN")],
)
def test_neither_a_back_test_nor_a_run_that_catches_up_sends_orders(
    bt: ModuleType, script: Callable[..., ScriptedServer], context: object, code: str
) -> None:
    server = script(broker__place_order=ACCEPTED)
    bt.start(server.port, context=context)
    with pytest.raises(bt.OrderRefusedError) as raised:
        bt.order("000001.XSHE", 100, price=10.0)
    assert raised.value.code == code
    assert server.handshakes == []


def test_an_exception_survives_pickling(bt: ModuleType) -> None:
    error = pickle.loads(pickle.dumps(bt.OrderRefusedError("NO_CASH", "可用资金不够")))
    assert (error.code, error.text) == ("NO_CASH", "可用资金不够")


def test_the_state_may_live_in_g(bt: ModuleType, script: Callable[..., ScriptedServer]) -> None:
    server = script(broker__place_order=CUT, broker__resolve_submission={"error": NOT_IMPLEMENTED}, broker__orders=[])
    g = SimpleNamespace()
    bt.start(server.port, g=g)
    assert bt.order("000001.XSHE", 100, price=10.0).status == "unknown"
    bt.start(server.port, g=pickle.loads(pickle.dumps(g)))
    assert [one.status for one in bt.unresolved()] == ["unknown"]


def test_the_platforms_file_functions_are_found_where_the_strategy_has_them(bt: ModuleType) -> None:
    files: dict[str, str] = {}
    names = {"bt": bt, "write_file": files.__setitem__, "read_file": lambda path: (_ for _ in ()).throw(OSError(path))}
    with pytest.raises(bt.ConfigError, match="无法读取"):  # an error that does not say "no such file" is no empty file
        exec("bt.configure('127.0.0.1', 1, 'a-token', strategy='Grid 01')", names)
    names["read_file"] = lambda path: b""
    exec("bt.configure('127.0.0.1', 1, 'a-token', strategy='Grid 01')", names)
    assert list(files) == ["bullet_trade_state_grid01.json"]
