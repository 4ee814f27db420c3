"""The helper against our own server: orders, cancels, lost answers, TLS, and the takeover of a strategy."""

from __future__ import annotations

import asyncio
import hashlib
import pickle
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest
from jq_platform import STRATEGY, Context, LimitOrderStyle, Log, MarketOrderStyle, OrderStatus, platform_names
from served import PATIENCE_S, TOKEN, Machine, Served

from bullet_trade.engine.clock import WallClock
from bullet_trade.ops.settings import Settings
from bullet_trade.server.compose import compose
from bullet_trade.server.settings import ServerSettings
from bullet_trade.server.tls import context as tls_context
from bullet_trade.server.tls import make_certificate
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled, rejected, silence
from bullet_trade.testing.fault_proxy import Act, FaultProxy, Passage

# -- explicit calls ----------------------------------------------------------------------------------------------------


def test_an_order_its_position_and_a_cancel(bt: ModuleType, serve: Callable[..., Served]) -> None:
    served = serve()
    served.broker.answers.append([accepted(broker_id="B1"), filled(100, 10.0, fee=5.0)])
    served.broker.answers.append([accepted(broker_id="B2")])
    bt.start(served.port, wait_timeout=5.0)
    done = bt.order("000001.XSHE", 100, price=10.0)
    assert (done.order_id, done.status, done.filled, done.price) == ("B1", "filled", 100, 10.0)
    assert served.broker.submitted[0].tag == done.remark
    assert bt.get_positions()["000001.XSHE"].total_amount == 100
    assert bt.get_account()["available_cash"] == 1_000_000 - 1_005
    resting = bt.order("600000.XSHG", 100, price=19.0, wait_timeout=0)
    assert (resting.order_id, resting.status) == ("B2", "submitted")
    assert list(bt.get_open_orders()) == ["B2"]
    assert bt.cancel_order(resting)["cancel_outcome"] == "cancelled"
    assert bt.get_orders(order_id="B2")["B2"].status == "canceled"
    assert bt.get_last_price("600000.XSHG") == 20.0


def test_a_refusal_of_the_server_and_of_the_broker(bt: ModuleType, serve: Callable[..., Served]) -> None:
    served = serve()
    served.broker.answers.append([rejected("资金不足")])
    bt.start(served.port, wait_timeout=5.0)
    with pytest.raises(bt.OrderRefusedError, match="停牌"):
        bt.order("000002.XSHE", 100, price=5.0)
    with pytest.raises(bt.OrderRefusedError, match="资金不足"):
        bt.order("000001.XSHE", 100, price=10.0)
    assert bt.unresolved() == []


def test_an_order_whose_answer_is_cut_off_is_found_by_its_key(
    bt: ModuleType, serve: Callable[..., Served], between: Callable[[int], FaultProxy]
) -> None:
    served = serve()
    proxy = between(served.port)
    proxy.rule = lambda at: Act.CUT if not at.up and b'"response"' in at.body and at.connection == 1 else Act.PASS
    bt.start(proxy.port)
    made = bt.order("000001.XSHE", 100, price=10.0)
    assert (made.status, made.filled) == ("filled", 100)
    assert len(served.broker.submitted) == 1
    assert bt.unresolved() == []


def test_an_order_that_never_arrived_is_told_so_and_the_key_is_dead(
    bt: ModuleType, serve: Callable[..., Served], between: Callable[[int], FaultProxy]
) -> None:
    served = serve()
    proxy = between(served.port)
    proxy.rule = lambda at: Act.CUT if at.up and b"place_order" in at.body and at.connection == 1 else Act.PASS
    bt.start(proxy.port)
    with pytest.raises(bt.OrderRefusedError) as raised:
        bt.order("000001.XSHE", 100, price=10.0)
    assert raised.value.code == "NEVER_RECEIVED"
    assert served.broker.submitted == []


def test_while_the_server_is_gone_the_order_is_unknown_and_later_settled(
    bt: ModuleType, serve: Callable[..., Served], between: Callable[[int], FaultProxy], log: Log
) -> None:
    served = serve()
    served.broker.answers.append([accepted(broker_id="B7")])
    proxy = between(served.port)

    def gone(at: Passage) -> Act:
        if not at.up and b'"response"' in at.body:
            proxy.turn_away()
            return Act.CUT
        return Act.PASS

    proxy.rule = gone
    bt.start(proxy.port, retries=0)
    made = bt.order("000001.XSHE", 100, price=9.5)
    assert made.status == "unknown"
    assert "结果未知" in log.said("error")
    proxy.rule = lambda _: Act.PASS
    proxy.turn_away(False)
    assert bt.cancel_order(made)["order_id"] == "B7"  # found first, then cancelled
    assert (len(served.broker.submitted), len(served.broker.cancels)) == (1, 1)
    assert bt.unresolved() == []


def test_an_order_of_which_the_broker_says_nothing_stays_unknown(bt: ModuleType, serve: Callable[..., Served]) -> None:
    served = serve()
    served.broker.answers.append(silence)
    bt.start(served.port)
    assert bt.order("000001.XSHE", 100, price=10.0).status == "unknown"
    with pytest.raises(bt.OrderRefusedError, match="结果未知"):
        bt.order("000001.XSHE", 100, price=10.0)
    assert len(served.broker.submitted) == 1


def test_a_large_order_shows_its_children_and_is_stopped_as_one(
    bt: ModuleType, serve: Callable[..., Served], log: Log
) -> None:
    """W11, Q17."""
    served = serve(brokers={"main": ScriptedBroker(cash=1e9)})
    served.broker.answers += [[accepted(broker_id=number)] for number in ("B1", "B2", "B3")]
    bt.start(served.port)
    made = bt.order("000001.XSHE", 2_500_000, price=10.0)
    assert (made.order_id, made.child_order_ids, made.amount) == ("B1", ["B1", "B2", "B3"], 2_500_000)
    assert "B1、B2、B3" in log.said("warn")
    done = bt.cancel_order(made)
    assert (done["value"], done["cancel_outcome"], done["order_id"]) == (True, "cancelled", "B1")
    assert len(served.broker.cancels) == 3
    assert bt.get_open_orders() == {}
    assert bt.order("000001.XSHE", 100, price=10.0).child_order_ids == []


def test_an_order_of_unknown_fate_can_be_stopped_at_our_server(bt: ModuleType, serve: Callable[..., Served]) -> None:
    served = serve()
    served.broker.answers.append(silence)
    bt.start(served.port)
    lost = bt.order("000001.XSHE", 100, price=10.0)
    assert lost.status == "unknown"
    assert bt.cancel_order(lost)["cancel_outcome"] == "cancelled"
    assert len(served.broker.cancels) == 1


def test_tls_with_the_certificate_or_its_fingerprint(
    bt: ModuleType, serve: Callable[..., Served], tmp_path: Path
) -> None:
    cert, key = make_certificate(tmp_path / "tls", ["127.0.0.1"], datetime.now())
    served = serve(tls=tls_context(cert, key))
    pem = cert.read_text()
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    colons = ":".join(pin[at : at + 2] for at in range(0, 64, 2)).upper()
    for options in ({"tls_cert": str(cert)}, {"tls_cert": pem.encode()}, {"tls_fingerprint": colons}):
        bt.start(served.port, **options)
        assert bt.get_account()["available_cash"] == 1_000_000
    for options in ({"tls_fingerprint": "0" * 64}, {"tls": True}):
        bt.start(served.port, **options)
        with pytest.raises(bt.NotSentError) as raised:
            bt.get_account()
        assert raised.value.code == "TLS_FAILED"


@contextmanager
def simulator(directory: Path) -> Iterator[int]:
    """The port of the whole server as a user starts it, with the simulated broker on synthetic prices."""
    given = {"type": "simulator", "listen": "127.0.0.1", "port": 0, "token": TOKEN, "accounts": "main=123456:stock"}
    settings = ServerSettings.model_validate({f"qmt_server_{name}": value for name, value in given.items()})
    server, _ = compose(settings, Settings(), directory, WallClock(Machine().civil))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(str(asyncio.run_coroutine_threadsafe(server.start(), loop).result(PATIENCE_S * 3)))
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


def test_a_day_with_the_simulated_broker(bt: ModuleType, tmp_path: Path) -> None:
    with simulator(tmp_path) as port:
        bt.start(port, wait_timeout=10.0)
        last = bt.get_last_price("000001.XSHE")
        started = bt.get_account()["available_cash"]
        bought = bt.order("000001.XSHE", 100)
        assert (bought.status, bought.filled, bought.amount) == ("filled", 100, 100)
        (trade,) = bt.get_trades().values()
        assert (trade.order_id, trade.amount, trade.price, trade.is_buy) == (bought.order_id, 100, bought.price, True)
        assert bt.get_account()["available_cash"] <= started - 100 * bought.price
        held = bt.get_positions()["000001.XSHE"]
        assert (held.total_amount, held.closeable_amount) == (100, 0)
        with pytest.raises(bt.OrderRefusedError) as raised:
            bt.order_target("000001.XSHE", 0)
        assert raised.value.code == "NOTHING_SELLABLE"  # bought today
        resting = bt.order("000001.XSHE", 200, price=round(last * 0.95, 2), wait_timeout=0)
        assert bt.cancel_order(resting)["value"] is True
        assert bt.get_open_orders() == {}


# -- takeover ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def strategy(bt: ModuleType, log: Log) -> Callable[..., dict[str, object]]:
    """The names of an unchanged JoinQuant strategy in a fresh process; `simulated` is what reached JoinQuant."""

    def start(port: int, simulated: list[str], context: Context, **options: object) -> dict[str, object]:
        names = platform_names(log, simulated)
        bt.configure_for_test = lambda: bt.start(port, log=None, wait_timeout=5.0, **options)  # type: ignore[attr-defined]
        names["bt"] = bt
        exec(compile(STRATEGY, "user_code", "exec"), names)
        names["process_initialize"](context)  # type: ignore[operator]
        return names

    return start


Start = Callable[..., dict[str, object]]


def test_an_unchanged_strategy_trades_the_real_account_and_not_the_simulated_one(
    bt: ModuleType, strategy: Start, serve: Callable[..., Served], log: Log
) -> None:
    served = serve(brokers={"main": ScriptedBroker(cash=10_000.0, holdings={"600000.XSHG": 300}, cost=19.0)})
    served.broker.answers.append([accepted(broker_id="S1"), filled(300, 20.0)])
    served.broker.answers.append([accepted(broker_id="S2"), filled(at=10.0)])
    simulated: list[str] = []
    context = Context()
    names = strategy(served.port, simulated, context)
    names["g"].target = "000001.XSHE"  # type: ignore[attr-defined]
    assert context.portfolio.total_value == 10_000 + 300 * 20
    names["rebalance"](context)  # type: ignore[operator]
    sale, purchase = served.broker.submitted
    assert (sale.code, sale.amount, int(sale.side)) == ("600000.XSHG", 300, -1)
    assert (purchase.code, purchase.amount, int(purchase.side)) == ("000001.XSHE", 1500, 1)  # 16,000 yuan at 10.15
    assert names["done"]()  # type: ignore[operator]
    assert simulated == []
    assert list(context.portfolio.positions) == ["000001.XSHE"]
    assert context.portfolio.positions["000001.XSHE"].closeable_amount == 0
    names["rebalance"](context)  # type: ignore[operator]
    assert len(served.broker.submitted) == 2  # it holds what it wants
    assert "已接管" in log.said("info")
    assert log.said("error") == ""


def test_in_a_back_test_nothing_is_replaced(bt: ModuleType, strategy: Start, serve: Callable[..., Served]) -> None:
    served = serve()
    simulated: list[str] = []
    context = Context("full_backtest")
    names = strategy(served.port, simulated, context)
    names["g"].target = "000001.XSHE"  # type: ignore[attr-defined]
    assert context.portfolio.total_value == -1.0
    names["order"]("000001.XSHE", 100)  # type: ignore[operator]
    assert simulated == ["order"]
    assert served.broker.submitted == []


def test_a_refused_order_is_none_and_an_unknown_one_is_told(
    bt: ModuleType, strategy: Start, serve: Callable[..., Served], log: Log
) -> None:
    served = serve()
    served.broker.answers.append(silence)
    context = Context()
    names = strategy(served.port, [], context)
    bt._bridge().settings.wait_timeout = 0.0
    order, get_orders = names["order"], names["get_orders"]
    assert order("000002.XSHE", 100, LimitOrderStyle(5.0)) is None  # type: ignore[operator]
    assert "停牌" in log.said("error")
    assert order("000001.XSHE", 100, side="short") is None  # type: ignore[operator]
    lost = order("000001.XSHE", 100, MarketOrderStyle(10.5))  # type: ignore[operator]
    assert lost.status == "unknown"
    assert all(lost.status != member for member in OrderStatus)
    assert [one.status.name for one in get_orders().values()] == ["unknown"]  # type: ignore[operator]
    assert names["order_target"]("000001.XSHE", 100) is None  # type: ignore[operator]
    assert names["inout_cash"](100) is None  # type: ignore[operator]
    assert "不支持 inout_cash" in log.said("error")
    assert len(served.broker.submitted) == 1


def test_statuses_are_joinquants_and_orders_can_be_cancelled(
    bt: ModuleType, strategy: Start, serve: Callable[..., Served]
) -> None:
    served = serve()
    served.broker.answers.append([accepted(broker_id="P1"), filled(100, 9.5)])
    names = strategy(served.port, [], Context())
    bt._bridge().settings.wait_timeout = 0.0
    part = names["order"]("000001.XSHE", 300, LimitOrderStyle(9.5))  # type: ignore[operator]
    assert (part.order_id, part.amount) == ("P1", 300)
    (listed,) = names["get_open_orders"]().values()  # type: ignore[operator]
    assert listed.status == OrderStatus.filled  # a part, in JoinQuant's words
    assert listed.status in {OrderStatus.filled, OrderStatus.open}
    assert OrderStatus.held != listed.status
    assert list(names["get_orders"](status=OrderStatus.filled)) == ["P1"]  # type: ignore[operator]
    assert names["cancel_order"](part).status == OrderStatus.canceled  # type: ignore[operator]


def test_with_the_server_out_of_reach_nothing_reaches_the_simulated_account_either(
    bt: ModuleType, strategy: Start, serve: Callable[..., Served], log: Log
) -> None:
    served = serve()
    port = served.port
    simulated: list[str] = []
    context = Context()
    served.call(served.server.stop())
    names = strategy(port, simulated, context, retries=0)
    assert "读不到真实账户" in log.said("error")
    assert names["order"]("000001.XSHE", 100, 10.0) is None  # type: ignore[operator]
    with pytest.raises(bt.NotSentError):
        _ = context.portfolio.positions  # never an empty account instead
    assert simulated == []


def test_the_platform_may_pickle_the_context_and_start_again(
    bt: ModuleType, strategy: Start, serve: Callable[..., Served]
) -> None:
    served = serve()
    simulated: list[str] = []
    context = Context()
    names = strategy(served.port, simulated, context)
    kept = pickle.dumps((context.portfolio, context.subportfolios))
    bt.uninstall(context)
    assert context.portfolio.total_value == -1.0
    assert context.subportfolios == ["simulated"]
    names["order"]("000001.XSHE", 100)  # type: ignore[operator]
    assert simulated == ["order"]
    context.portfolio, context.subportfolios = pickle.loads(kept)  # the next process
    assert context.portfolio.available_cash == 1_000_000
    assert context.portfolio.returns == 0.0
    bt.uninstall(context)  # a strategy that gives the bridge up
    assert context.portfolio.total_value == -1.0


def test_other_modules_and_other_names_of_the_functions_are_taken_over_too(
    bt: ModuleType, serve: Callable[..., Served]
) -> None:
    served = serve()
    served.broker.answers.append([accepted(), filled()])
    simulated: list[str] = []
    library = ModuleType("library")
    vars(library).update(platform_names(Log(), simulated))
    bt.start(served.port)
    names = platform_names(Log(), simulated)
    names["buy"] = names["order"]
    assert bt.install(Context(), names, [library])
    library.order("000001.XSHE", 100, 10.0)
    assert names["buy"]("000001.XSHE", 0) is None  # type: ignore[operator]
    assert (simulated, len(served.broker.submitted)) == ([], 1)
    bt.uninstall()
    library.order("000001.XSHE", 100, 10.0)
    names["buy"]("000001.XSHE", 100)  # type: ignore[operator]
    assert (simulated, len(served.broker.submitted)) == (["order", "order"], 1)
