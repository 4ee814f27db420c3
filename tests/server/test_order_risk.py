"""`QMT_SERVER_ORDER_RISK_ENABLED`: the limits hold at the server, whatever the client does.

Expected figures are worked out from the table of docs/risk.md. 000001 costs 10 yuan, 600000 costs 20.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from served import TOKEN, Machine, Peer, Served, limit

from bullet_trade.domain.money import Money, Price, money, price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, HoldingRow, OrderRow
from bullet_trade.domain.securities import Board, Code, Exchange, Kind, Security
from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.ops.settings import Settings
from bullet_trade.server.books import Books, OrderSeen
from bullet_trade.server.compose import compose
from bullet_trade.server.desk import DeskTerms
from bullet_trade.server.order_risk import ACCOUNT_AGE_S, OrderRisk
from bullet_trade.server.settings import ServerSettings
from bullet_trade.server.submission_file import CancelNote
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled, rejected

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

PLACE, CANCEL = "broker.place_order", "broker.cancel_order"
BANK = Code("000001.XSHE")
ORDER = {"security": BANK, "side": "BUY", "amount": 100, "style": limit(10), "wait_timeout": 0}


def terms(**limits: object) -> DeskTerms:
    risk = OrderRisk(RiskLimits(**limits))  # type: ignore[arg-type]
    return DeskTerms(0.2, 0.2, check=risk.order, check_cancel=risk.cancel, account_age_s=ACCOUNT_AGE_S)


def test_every_route_of_an_order_meets_the_same_limit(serve: Serve, clients: Connect) -> None:
    """V06, the server's half: 300 shares at 10 yuan are more than 2,000 yuan, however they are asked for."""
    served = serve(desk_terms=terms(max_order_value=money(2000)), subs="demo@main:limit=100000")
    big = {**ORDER, "amount": 300}
    routes = [
        big,
        {**big, "idempotency_key": "k1"},
        {**big, "style": {"type": "market"}},
        {**big, "style": {"type": "market", "protect_price": 10.1}},
        {**big, "style": {"type": "limit"}},
        {**big, "account_key": "main"},
        {**big, "sub_account_id": "demo"},
        {**big, "sub_account_id": "unlisted@main"},
        {**big, "order_remark": "bt:x:00001", "wait_timeout": 5},
        {**big, "side": "SELL"},
    ]
    for features in ((), ("reports", "deadline", "resume")):
        client = clients(served, features=features)
        for request in routes:
            error = client.refused(PLACE, **request)
            assert (error["code"], error["broker_called"]) == ("ORDER_RISK", False), request
            assert "max_order_value" in str(error["message"])
    assert served.broker.submitted == []
    assert clients(served).get(PLACE, **ORDER)["order_id"] == "B1"  # type: ignore[index]


def test_a_refused_key_stays_refused_and_a_new_one_is_checked_anew(serve: Serve, clients: Connect) -> None:
    served = serve(desk_terms=terms(max_daily_trades=1))
    client = clients(served)
    assert client.ask(PLACE, **ORDER, idempotency_key="k1")["type"] == "response"
    for _ in range(2):
        assert client.refused(PLACE, **ORDER, idempotency_key="k2")["code"] == "ORDER_RISK"
    assert client.ask(PLACE, **ORDER, idempotency_key="k1")["type"] == "response", "the first one, once more"
    assert len(served.broker.submitted) == 1


def test_sub_accounts_count_together(serve: Serve, clients: Connect) -> None:
    served = serve(desk_terms=terms(max_daily_trade_value=money(2500)), subs="one@main,two@main")
    client = clients(served)
    for name in ("one", "two"):
        assert client.ask(PLACE, **ORDER, sub_account_id=name)["type"] == "response"
    error = client.refused(PLACE, **ORDER, sub_account_id="one")
    assert error["code"] == "ORDER_RISK"
    assert "max_daily_trade_value" in str(error["message"])


def test_accounts_count_apart(serve: Serve, clients: Connect) -> None:
    served = serve(accounts="one=111:stock,two=222:stock", desk_terms=terms(max_daily_trades=1))
    client = clients(served)
    for key in ("one", "two"):
        assert client.ask(PLACE, **ORDER, account_key=key)["type"] == "response"
        assert client.refused(PLACE, **ORDER, account_key=key)["code"] == "ORDER_RISK"


def test_the_day_is_counted_on_after_a_restart(serve: Serve, clients: Connect) -> None:
    """Accepted, filled and refused orders and the cancels are found again in the submission file."""
    limits = {"max_daily_trades": 3, "max_daily_cancels": 1}
    broker = ScriptedBroker()
    broker.answers += [[accepted(broker_id="B1")], [accepted(broker_id="B2"), filled()], [rejected("资金不足")]]
    first = serve(directory="same", brokers={"main": broker}, desk_terms=terms(**limits))
    client = clients(first)
    client.get(PLACE, **ORDER)
    assert client.get(CANCEL, order_id="B1")["value"] is True  # type: ignore[index]
    client.get(PLACE, **ORDER)
    assert client.refused(PLACE, **ORDER)["code"] == "ORDER_REJECTED"
    assert client.refused(PLACE, **ORDER)["code"] == "ORDER_RISK"
    first.stop()
    again = serve(directory="same", brokers={"main": broker}, desk_terms=terms(**limits))
    client = clients(again)
    assert client.refused(PLACE, **ORDER)["code"] == "ORDER_RISK"
    assert len(broker.submitted) == 3
    again.stop()
    more = serve(directory="same", brokers={"main": broker}, desk_terms=terms(max_daily_trades=4, max_daily_cancels=1))
    client = clients(more)
    broker.answers.append([accepted(broker_id="B4")])
    client.get(PLACE, **ORDER)
    error = client.refused(CANCEL, order_id="B4")
    assert (error["code"], error["broker_called"]) == ("ORDER_RISK", False)
    assert "max_daily_cancels" in str(error["message"])
    assert len(broker.cancels) == 1


def test_one_order_may_be_cancelled_so_often_and_another_one_still(serve: Serve, clients: Connect) -> None:
    broker = ScriptedBroker()
    broker.answers += [[accepted(broker_id="B1")], [accepted(broker_id="B2")]]
    broker.cancel_answers += [[], []]
    served = serve(brokers={"main": broker}, desk_terms=terms(max_cancel_per_order=2))
    client = clients(served)
    client.get(PLACE, **ORDER)
    client.get(PLACE, **ORDER)
    for _ in range(2):
        client.get(CANCEL, order_id="B1", wait_timeout=0)
    assert client.refused(CANCEL, order_id="B1", wait_timeout=0)["code"] == "ORDER_RISK"
    assert client.get(CANCEL, order_id="B2", wait_timeout=0.2)["value"] is True  # type: ignore[index]


def test_an_order_waits_for_an_account_that_is_too_old(serve: Serve, clients: Connect) -> None:
    served = serve(desk_terms=terms(max_stock_count=1))
    client = clients(served)
    broker, desk = served.broker, served.desks["main"]

    def age() -> None:
        assert desk.last is not None
        desk.last = AccountSnapshot(desk.last.at - timedelta(seconds=ACCOUNT_AGE_S + 1), money(1), Money(0), ())
        desk.views.drop()
        broker.states_account = False

    served.on_account(age)
    number = client.start(PLACE, ORDER)
    client.get("admin.health")
    served.on_account(lambda: None)
    assert broker.submitted == []
    broker.states_account = True
    served.on_account(broker.request_snapshot)
    assert client.wait(number)["type"] == "response"


# -- what the limits are compared with ---------------------------------------------------------------------------------

NOW = datetime(2026, 1, 5, 10, 0)
STOCK = Security(code=BANK, exchange=Exchange.SZSE, kind=Kind.STOCK, board=Board.SZSE_MAIN)


def order(number: int, amount: int, done: int, side: Side = Side.BUY, at: datetime = NOW) -> Order:
    """An order at 10 yuan of which `done` shares have traded."""
    tag = f"t{number}"
    made = Order(
        order_id=OrderId(number), parent_id=OrderId(number), tag=tag, code=BANK, side=side, amount=amount,
        order_type=OrderType.LIMIT, limit_price=price(10), created_at=at,
    )  # fmt: skip
    made.apply(OrderEvent.SEND)
    made.apply(OrderEvent.ACCEPT)
    if done:
        made.apply_fill("1", done, price(10), Money(0))
    return made


def asked(
    limits: RiskLimits, snapshot: AccountSnapshot | None, *orders: Order, side: Side = Side.BUY, amount: int = 100
) -> str:
    """What the server says to one more order at 10 yuan."""
    books = Books(NOW, snapshot, orders, (), lambda _: price(10), lambda _: price(10))
    return OrderRisk(limits).order(OrderSeen("main", None, STOCK, side, amount, Price(price(10)), books))


def stated(cash: float, held: int = 0, *rows: OrderRow, at: datetime = NOW) -> AccountSnapshot:
    holdings = (HoldingRow(BANK, held, held, price(10)),) if held else ()
    return AccountSnapshot(at, money(cash), Money(0), holdings, rows, complete=True)


def listed(number: int, amount: int, done: int) -> OrderRow:
    return OrderRow(f"t{number}", str(number), BANK, Side.BUY, amount, done, "部成", 55)


HALF = RiskLimits(max_position_ratio=Fraction(1, 2))


@pytest.mark.parametrize(
    ("snapshot", "orders", "refused"),
    [
        (stated(10_000), (), False),  # 1,000 of 10,000
        (stated(6_000, 400), (), False),  # 4,000 held and 1,000 more are half of 10,000
        (stated(5_000, 500), (), True),
        (stated(10_000), (order(1, 400, 0),), False),  # 4,000 may still be bought
        (stated(10_000), (order(1, 500, 0),), True),
        (stated(10_000), (order(1, 500, 500),), True),  # bought after the broker stated the account
        (stated(6_000, 400, listed(1, 400, 400)), (order(1, 400, 400),), False),  # bought before it: once, not twice
        (stated(6_000, 400, listed(1, 500, 400)), (order(1, 500, 500),), True),
    ],
)
def test_what_was_traded_since_the_account_was_stated_counts_once(
    snapshot: AccountSnapshot, orders: tuple[Order, ...], refused: bool
) -> None:
    assert ("max_position_ratio" in asked(HALF, snapshot, *orders)) is refused


def test_without_an_account_nothing_is_bought_and_what_is_held_may_be_sold() -> None:
    old = stated(10_000, 100, at=NOW - timedelta(seconds=ACCOUNT_AGE_S + 1))
    for snapshot in (None, old):
        assert "无法核对" in asked(RiskLimits(max_daily_trades=5), snapshot)
        assert asked(RiskLimits(max_daily_trades=5), snapshot, side=Side.SELL) == ""


def test_yesterdays_orders_do_not_count_today() -> None:
    one = order(1, 100, 100, at=NOW - timedelta(days=1))
    assert asked(RiskLimits(max_daily_trades=1), stated(10_000), one) == ""
    assert "max_daily_trades" in asked(RiskLimits(max_daily_trades=1), stated(10_000), order(2, 100, 100))


def test_a_loss_of_the_day_forbids_to_buy() -> None:
    """Bought 100 at 12 yuan today, 10 now: 200 yuan lost."""
    dear = order(1, 100, 0)
    dear.apply_fill("1", 100, price(12), Money(0))
    for allowed, words in ((150, "max_daily_loss"), (250, "")):
        said = asked(RiskLimits(max_daily_loss=money(allowed)), stated(10_000), dear)
        assert (words in said) if words else said == ""


def test_a_cancel_has_to_keep_its_distance_from_the_one_before() -> None:
    risk = OrderRisk(RiskLimits(min_cancel_interval_seconds=timedelta(seconds=5)))
    for ago_s, words in ((4, "min_cancel_interval_seconds"), (5, "")):
        notes = (CancelNote("t9", NOW - timedelta(seconds=ago_s)),)
        books = Books(NOW, None, (), notes, lambda _: price(10), lambda _: price(10))
        said = risk.cancel(order(1, 100, 0), books)
        assert (words in said) if words else said == ""


def test_the_variable_puts_the_limits_of_the_settings_in_force(tmp_path: Path) -> None:
    mine = ServerSettings.model_validate(
        {
            "qmt_server_type": "simulator", "qmt_server_listen": "127.0.0.1", "qmt_server_token": TOKEN,
            "qmt_server_order_risk_enabled": True,
        }
    )  # fmt: skip
    server, _ = compose(mine, Settings.model_validate({"max_order_value": 500}), tmp_path, WallClock(Machine().civil))
    desks = server._make_desks(lambda *_: None)
    books = Books(NOW, stated(10_000), (), (), lambda _: price(10), lambda _: price(10))
    for desk in desks.values():
        seen = OrderSeen(desk.spec.key, None, STOCK, Side.BUY, 100, Price(price(10)), books)
        assert "max_order_value" in desk.terms.check(seen)
        assert desk.terms.check_cancel is not None
