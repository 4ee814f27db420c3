"""Sub-accounts with limits and books of their own. Expected figures are plain arithmetic on what the counter traded.

000001 costs 10 yuan, 600000 costs 20.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from datetime import date, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import OURS, PATIENCE_S, TOKEN, Machine, Peer, Served, limit
from typer.testing import CliRunner

from bullet_trade.brokers.qmt_remote.broker import RemoteBroker
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.cli.main import app
from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.orders import Order, OrderEvent, OrderId, OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    Entitlement,
    Filled,
    HoldingRow,
    LinkUp,
    OrderRow,
    Rejected,
    Report,
    TradeRow,
)
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import WallClock
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import OrderTicket, ReportSink
from bullet_trade.ports.clock import Timers
from bullet_trade.remote.line import Address
from bullet_trade.server.accounts import SubAccount, parse_accounts, parse_sub_accounts
from bullet_trade.server.compose import compose
from bullet_trade.server.records import Record
from bullet_trade.server.settings import ServerSettings
from bullet_trade.server.sub_books import SubBooks
from bullet_trade.server.submission_file import Entry, SubmissionFile, look_into
from bullet_trade.server.submissions import remembered
from bullet_trade.store import runtime_dir
from bullet_trade.testing.fake_market import FakeMarket

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

PLACE, CANCEL = "broker.place_order", "broker.cancel_order"
BANK, PUFA = Code("000001.XSHE"), Code("600000.XSHG")
FIRST, SECOND = date(2026, 1, 5), date(2026, 1, 6)
SUBS = "one@main:cash=50000,two@main:cash=30000"
BUY = {"security": BANK, "side": "BUY", "amount": 1000, "style": limit(10), "wait_timeout": 0}
SELL = {**BUY, "side": "SELL"}


def market() -> FakeMarket:
    made = FakeMarket()
    made.add(BANK, {date(2025, 12, 31): 10.0, FIRST: 10.0, SECOND: 10.0}, prev_close=10.0)
    made.add(PUFA, {date(2025, 12, 31): 20.0, FIRST: 20.0, SECOND: 20.0}, prev_close=20.0)
    return made.add_index("000300.XSHG", [BANK, PUFA])


SECURITIES = market().security


class Counter:
    """A counter that goes on while the server is down; the test says what trades."""

    label = "柜台"

    def __init__(self, cash: float = 200_000, holdings: dict[Code, int] | None = None) -> None:
        self.cash = money(cash)
        self.held = dict(holdings or {})
        self.fresh: dict[Code, int] = {}
        self.rows: dict[str, OrderRow] = {}
        self.trades: list[TradeRow] = []
        self.number = 0
        self.sink: ReportSink | None = None
        self.timers: Timers

    def on(self, timers: Timers) -> Counter:
        self.timers = timers
        return self

    def connect(self, sink: ReportSink) -> None:
        self.sink = sink
        sink(LinkUp(self.timers.now()))
        self.request_snapshot()

    def submit(self, ticket: OrderTicket) -> None:
        self.number += 1
        number = f"B{self.number}"
        self.rows[ticket.tag] = OrderRow(ticket.tag, number, ticket.code, ticket.side, ticket.amount, 0, "已报", 50)
        self.say(Accepted(ticket.tag, number, self.timers.now()))

    def cancel(self, tag: str) -> None:
        row = self.rows[tag]
        self.rows[tag] = msgspec.structs.replace(row, state="已撤", status=53 if row.filled else 54)
        self.say(Cancelled(tag, "已撤单", self.timers.now()))

    def request_snapshot(self) -> None:
        rows = tuple(
            HoldingRow(code, amount, amount - self.fresh.get(code, 0), price(0))
            for code, amount in self.held.items()
            if amount
        )
        stated = AccountSnapshot(
            self.timers.now(), self.cash, Money(0), rows, tuple(self.rows.values()), tuple(self.trades), complete=True
        )
        self.say(stated)

    def close(self) -> None:
        self.sink = None

    def say(self, report: Report) -> None:
        if self.sink is not None:
            self.sink(report)

    def fill(self, tag: str, amount: int, at: float, fee: float | None = 5.0) -> Filled:
        """A trade; told where somebody listens."""
        row = self.rows[tag]
        self.number += 1
        told = Filled(tag, f"T{self.number}", amount, price(at), self.timers.now(), None if fee is None else money(fee))
        self.trades.append(
            TradeRow(tag, row.broker_id, told.trade_id, row.code, row.side, amount, told.price, told.at, told.fee)
        )
        status = 56 if row.filled + amount == row.amount else 55
        self.rows[tag] = msgspec.structs.replace(row, filled=row.filled + amount, status=status)
        self.cash = Money(self.cash - row.side * amount * told.price - (told.fee or 0))
        self.held[row.code] = self.held.get(row.code, 0) + row.side * amount
        if row.side is Side.BUY:
            self.fresh[row.code] = self.fresh.get(row.code, 0) + amount
        self.say(told)
        return told

    def next_day(self) -> None:
        self.rows, self.trades, self.fresh = {}, [], {}

    @property
    def last_tag(self) -> str:
        return list(self.rows)[-1]


@pytest.fixture
def world(serve: Serve) -> Callable[..., Served]:
    """Starts servers on one directory over one counter."""

    def start(counter: Counter, subs: str = SUBS, at: datetime = datetime(2026, 1, 5, 10), **more: object) -> Served:
        return serve(brokers={"main": counter}, subs=subs, machine=Machine(at), source=market(), **more)

    return start


def cash_of(client: Peer) -> float:
    """All cash, what is frozen included."""
    value = client.get("broker.account")["value"]  # type: ignore[index]
    return round(value["available_cash"] + value["frozen_cash"], 4)


def held(client: Peer) -> dict[str, tuple[int, int]]:
    return {row["security"]: (row["amount"], row["closeable_amount"]) for row in client.get("broker.positions")}  # type: ignore[attr-defined]


def order_ids(client: Peer) -> list[str]:
    return [row["order_id"] for row in client.get("broker.orders")]  # type: ignore[attr-defined]


# -- two strategies on one account ------------------------------------------------------------------------------------


def test_each_sub_account_sees_its_own_part_and_the_parts_add_up(world: Serve, clients: Connect) -> None:
    counter = Counter(holdings={PUFA: 500})
    served = world(counter)
    one, two = clients(served, sub_account_id="one"), clients(served, sub_account_id="two@main")
    plain = clients(served)
    first = one.get(PLACE, **BUY)["order_id"]  # type: ignore[index]
    served.on_account(lambda: counter.fill(counter.last_tag, 600, 9.9))
    second = two.get(PLACE, **{**BUY, "amount": 500})["order_id"]  # type: ignore[index]
    served.on_account(lambda: counter.fill(counter.last_tag, 500, 10.0))
    third = plain.get(PLACE, **{**BUY, "security": PUFA, "amount": 100, "style": limit(20)})["order_id"]  # type: ignore[index]
    served.on_account(lambda: counter.fill(counter.last_tag, 100, 20.0))

    assert (cash_of(one), cash_of(two)) == (50_000 - 600 * 9.9 - 5, 30_000 - 500 * 10 - 5)
    assert (held(one), held(two)) == ({BANK: (600, 0)}, {BANK: (500, 0)})
    assert held(plain) == {BANK: (1100, 0), PUFA: (600, 500)}, "without books of its own: the whole account"
    assert cash_of(plain) == 200_000 - 600 * 9.9 - 500 * 10 - 100 * 20 - 15
    assert (order_ids(one), order_ids(two)) == ([first], [second])
    assert order_ids(plain) == [first, second, third]
    assert [row["order_id"] for row in two.get("broker.trades")] == [second]  # type: ignore[attr-defined]
    assert one.get("broker.order_status", order_id=second) == {}
    assert one.get("broker.order_status", order_id=first)["filled"] == 600  # type: ignore[index]
    frozen = one.get("broker.account")["value"]["frozen_cash"]  # type: ignore[index]
    assert 400 * 10 <= frozen <= 400 * 10 + 5, "the rest of the purchase, and at most one more minimum fee"
    stated = one.get("broker.snapshot")["snapshot"]  # type: ignore[index]
    assert [row["broker_id"] for row in stated["orders"]] == [first]
    assert [row["amount"] for row in stated["trades"]] == [600]
    shown = one.get("admin.print_account")["value"]  # type: ignore[index]
    assert PUFA not in shown
    assert BANK in shown


def test_a_sub_account_spends_and_sells_only_what_it_owns(world: Serve, clients: Connect) -> None:
    counter = Counter(holdings={BANK: 10_000})
    served = world(counter)
    one, two = clients(served, sub_account_id="one"), clients(served, sub_account_id="two")
    for client, order, words in (
        (two, {**BUY, "amount": 3000}, "30,000.00"),  # exactly its money, and no fee
        (one, {**SELL, "amount": 100}, "可卖 0 股"),  # the account holds 10,000
    ):
        error = client.refused(PLACE, **order)
        assert (error["code"], error["broker_called"]) == ("SUB_ACCOUNT_LIMIT", False)
        assert words in str(error["message"])
    assert counter.rows == {}
    two.get(PLACE, **{**BUY, "amount": 2900})
    assert "可用" in str(two.refused(PLACE, **{**BUY, "amount": 100})["message"]), "open purchases hold their money"
    served.on_account(lambda: counter.fill(counter.last_tag, 2900, 10.0))
    assert two.refused(PLACE, **{**SELL, "amount": 100})["code"] == "SUB_ACCOUNT_LIMIT", "T+1"
    served.stop()

    counter.next_day()
    served = world(counter, at=datetime(2026, 1, 6, 10))
    two = clients(served, sub_account_id="two")
    assert held(two) == {BANK: (2900, 2900)}
    two.get(PLACE, **{**SELL, "amount": 2000})
    assert held(two) == {BANK: (2900, 900)}, "open sales hold their shares"
    assert "可卖 900 股" in str(two.refused(PLACE, **{**SELL, "amount": 1000})["message"])
    served.on_account(lambda: counter.fill(counter.last_tag, 2000, 11.0, fee=16.0))
    assert cash_of(two) == 30_000 - 2900 * 10 - 5 + 2000 * 11 - 16


def test_an_order_of_another_sub_account_cannot_be_cancelled(world: Serve, clients: Connect) -> None:
    counter = Counter()
    served = world(counter)
    one, two = clients(served, sub_account_id="one"), clients(served, sub_account_id="two")
    number = one.get(PLACE, **BUY, idempotency_key="k1")["order_id"]  # type: ignore[index]
    for wanted in (number, "submit_unknown:k1", "nobody's"):
        error = two.refused(CANCEL, order_id=wanted)
        assert (error["code"], error["broker_called"]) == ("FORBIDDEN", False), wanted
    found = two.get("broker.resolve_submission", idempotency_key="c", write_action=CANCEL, order_id=number)
    assert (found["status"], "resolved_result" in found) == ("submit_unknown", False)  # type: ignore[index, operator]
    served.stop()
    served = world(counter)
    two = clients(served, sub_account_id="two")
    assert two.refused(CANCEL, order_id=number)["code"] == "FORBIDDEN", "also before the list was read"
    assert clients(served, sub_account_id="one").get(CANCEL, order_id=number)["value"] is True  # type: ignore[index]
    assert len(order_ids(clients(served))) == 1


def test_limits_of_a_day_hold_with_and_without_books(world: Serve, clients: Connect) -> None:
    counter = Counter(holdings={BANK: 10_000})
    served = world(counter, "few@main:orders=2,little@main:cash=90000:daily=25000,capped@main:limit=5000")
    few, little = clients(served, sub_account_id="few"), clients(served, sub_account_id="little")
    for _ in range(2):
        few.get(PLACE, **{**SELL, "amount": 100})
    error = few.refused(PLACE, **{**SELL, "amount": 100})
    assert (error["code"], "上限 2 笔" in str(error["message"])) == ("SUB_ACCOUNT_LIMIT", True)
    little.get(PLACE, **BUY)
    served.on_account(lambda: counter.fill(counter.last_tag, 400, 9.0))  # 3,600 traded, 6,000 still open
    little.get(PLACE, **{**BUY, "amount": 1500})
    error = little.refused(PLACE, **{**BUY, "amount": 100})
    assert (error["code"], "24,600.00" in str(error["message"])) == ("SUB_ACCOUNT_LIMIT", True)
    capped = clients(served, sub_account_id="capped")
    assert capped.refused(PLACE, **BUY)["message"] == "子账户 capped 超过额度限制 5000", "as ever"
    assert held(capped) == held(clients(served)), "no cash allotted: the whole account, as on deployed servers"
    served.stop()

    served = world(counter, "few@main:orders=2,little@main:cash=90000:daily=25000")
    assert (
        clients(served, sub_account_id="few").refused(PLACE, **{**SELL, "amount": 100})["code"] == "SUB_ACCOUNT_LIMIT"
    )
    assert clients(served, sub_account_id="little").refused(PLACE, **BUY)["code"] == "SUB_ACCOUNT_LIMIT"


def test_what_traded_while_the_server_was_down_is_booked_once(world: Serve, clients: Connect) -> None:
    counter = Counter()
    served = world(counter)
    one = clients(served, sub_account_id="one")
    one.get(PLACE, **BUY)
    tag = counter.last_tag
    served.on_account(lambda: counter.fill(tag, 300, 10.0))
    served.stop()
    down = counter.fill(tag, 200, 9.5)

    served = world(counter)
    one = clients(served, sub_account_id="one")
    assert (cash_of(one), held(one)) == (50_000 - 300 * 10 - 200 * 9.5 - 10, {BANK: (500, 0)})
    served.on_account(lambda: counter.say(down))  # told again
    served.on_account(lambda: counter.fill(tag, 500, 9.4))
    assert (cash_of(one), held(one)) == (50_000 - 300 * 10 - 200 * 9.5 - 500 * 9.4 - 15, {BANK: (1000, 0)})
    for _ in range(2):
        served.stop()
        served = world(counter)
        one = clients(served, sub_account_id="one")
        assert held(one) == {BANK: (1000, 0)}


def test_a_trade_that_only_the_list_shows_is_booked_after_the_cancel(world: Serve, clients: Connect) -> None:
    counter = Counter()
    served = world(counter)
    one = clients(served, sub_account_id="one")
    number = one.get(PLACE, **BUY)["order_id"]  # type: ignore[index]
    assert one.get(CANCEL, order_id=number)["value"] is True  # type: ignore[index]

    def trade_untold() -> None:
        sink, counter.sink = counter.sink, None
        counter.fill(counter.last_tag, 100, 10.0)
        counter.sink = sink

    served.on_account(trade_untold)
    one.get("broker.snapshot")
    assert (cash_of(one), held(one)) == (50_000 - 1005, {BANK: (100, 0)})


def test_an_unknown_fee_is_estimated_once_per_order(world: Serve, clients: Connect) -> None:
    counter = Counter()
    served = world(counter)
    one = clients(served, sub_account_id="one")
    one.get(PLACE, **BUY)
    for _ in range(2):
        served.on_account(lambda: counter.fill(counter.last_tag, 500, 10.0, fee=None))
    spent = 50_000 - cash_of(one) - 10_000
    assert 5 <= spent < 6, "the minimum commission of one order, transfer fee of 10,000 yuan"


def test_a_trade_that_nobody_can_tell_any_more_is_named(
    world: Serve, clients: Connect, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    counter = Counter()
    served = world(counter)
    one = clients(served, sub_account_id="one")
    one.get(PLACE, **BUY)
    served.on_account(lambda: counter.fill(counter.last_tag, 300, 10.0))
    ended = one.get(PLACE, **{**BUY, "amount": 100})["order_id"]  # type: ignore[index]
    one.get(CANCEL, order_id=ended)
    served.stop()
    counter.fill(next(iter(counter.rows)), 200, 10.0)
    counter.next_day()

    with caplog.at_level(logging.WARNING):
        served = world(counter, at=datetime(2026, 1, 6, 9))
        one = clients(served, sub_account_id="one")
        assert held(one) == {BANK: (300, 300)}
    (told,) = [line for line in caplog.messages if "结果不明" in line]
    assert all(word in told for word in ("one", "买入", BANK, "700 股"))
    assert one.get("broker.account")["value"]["frozen_cash"] == 0  # type: ignore[index]
    served.stop()
    run = CliRunner().invoke
    runtime = tmp_path / "run"
    runtime.mkdir()
    (tmp_path / "server").rename(runtime / "server")
    shown = json.loads(run(app, ["server-book", "show", "--json", "--runtime-dir", str(runtime)]).stdout)
    assert "700 股" in shown[0]["open_questions"][0]
    adjust = ["server-book", "adjust", "--account", "main", "--sub", "one", "--runtime-dir", str(runtime)]
    adjust += ["--reason", "核对成交", "--security", BANK, "--amount", "200", "--price", "10.0", "--cash", "-2005"]
    done = json.loads(run(app, [*adjust, "--json"]).stdout)
    assert done["open_questions"] == []
    assert (done["cash"], done["holdings"]) == (
        50_000 - 300 * 10 - 5 - 2005,
        [{"security": BANK, "amount": 500, "cost": 10.01}],  # (3,005 + 2,000) / 500
    )


def test_a_name_that_is_not_listed_does_not_stand_for_the_whole_account(world: Serve, clients: Connect) -> None:
    served = world(Counter())
    error = clients(served, sub_account_id="oen").refused(PLACE, **BUY)
    assert (error["code"], error["broker_called"]) == ("ACCOUNT_UNKNOWN", False)
    assert "one、two" in str(error["message"])


# -- reports -----------------------------------------------------------------------------------------------------------


def test_a_client_is_told_only_its_own_and_misses_nothing(world: Serve, clients: Connect) -> None:
    counter = Counter()
    served = world(counter)
    one = clients(served, features=OURS, account_key="main", sub_account_id="one")
    two = clients(served, sub_account_id="two")
    plain = clients(served, features=OURS)
    seq = one.get("broker.snapshot")["seq"]  # type: ignore[index]
    whole = plain.get("broker.snapshot")["seq"]  # type: ignore[index]
    two.get(PLACE, **BUY)
    one.get(PLACE, **BUY, order_remark="bt:x:1")
    mine = one.event("report")
    assert (mine["seq"], mine["report"]["tag"], mine["account_key"]) == (seq + 1, "bt:x:1", "main")  # type: ignore[index]
    assert [plain.event("report")["seq"] for _ in range(2)] == [whole + 1, whole + 2]
    one.close()
    served.on_account(lambda: counter.fill("bt:x:1", 100, 10.0))
    served.on_account(lambda: counter.fill(next(iter(counter.rows)), 100, 10.0))
    seen = [{"stream": one.ack["stream"], "account_key": "main", "seq": seq + 1}]
    again = clients(served, features=OURS, account_key="main", sub_account_id="one", resume=seen)
    assert again.ack["resumed"] == [{"account_key": "main", "seq": seq + 2, "complete": True}]
    missed = again.event("report")
    assert (missed["seq"], missed["report"]["amount"]) == (seq + 2, 100)  # type: ignore[index]
    assert again.get("broker.snapshot")["seq"] == seq + 2  # type: ignore[index]


def test_a_corporate_action_is_shared_out_by_what_is_held(world: Serve, clients: Connect) -> None:
    """10 shares get 3 more and 1.236 yuan. 700 of 1,000 shares are one's, 100 two's, the rest the account's own."""
    counter = Counter(holdings={BANK: 200})
    served = world(counter)
    one = clients(served, features=OURS, sub_account_id="one")
    two = clients(served, sub_account_id="two")
    one.get(PLACE, **{**BUY, "amount": 700})
    served.on_account(lambda: counter.fill(counter.last_tag, 700, 10.0))
    two.get(PLACE, **{**BUY, "amount": 100})
    served.on_account(lambda: counter.fill(counter.last_tag, 100, 10.0))

    def pay() -> None:
        counter.held[BANK] += 300
        counter.cash = Money(counter.cash + money(123.63))
        action = Entitlement(BANK, money(123.63), 300, counter.timers.now(), "10 送 3 派 1.2363")
        counter.say(action)
        counter.say(action)

    served.on_account(pay)
    assert (cash_of(one), held(one)[BANK][0]) == (round(50_000 - 7005 + 86.54, 2), 700 + 210)
    assert (cash_of(two), held(two)[BANK][0]) == (round(30_000 - 1005 + 12.36, 2), 100 + 30)
    told = [one.event("report")["report"] for _ in range(3)][-1]
    assert (told["shares"], told["cash"]) == (210, money(86.54))  # type: ignore[index]
    served.stop()
    served = world(counter)
    assert held(clients(served, sub_account_id="one"))[BANK][0] == 910


def test_the_tax_on_a_sale_is_the_sellers(world: Serve, clients: Connect) -> None:
    counter = Counter()
    served = world(counter)
    one, two = clients(served, sub_account_id="one"), clients(served, sub_account_id="two")
    for client in (one, two):
        client.get(PLACE, **{**BUY, "amount": 100})
        served.on_account(lambda: counter.fill(counter.last_tag, 100, 10.0))
    served.stop()
    counter.next_day()
    served = world(counter, at=datetime(2026, 1, 6, 10))
    one, two = clients(served, sub_account_id="one"), clients(served, sub_account_id="two")
    one.get(PLACE, **{**SELL, "amount": 100})

    def sell() -> None:
        sale = counter.fill(counter.last_tag, 100, 10.0)
        counter.say(Entitlement(BANK, money(-2.4), 0, sale.at, "红利税补缴 2.40 元"))

    served.on_account(sell)
    assert (cash_of(one), cash_of(two)) == (50_000 - 10 - 2.4, 30_000 - 1005)


def test_our_own_client_follows_its_sub_account(world: Serve) -> None:
    counter = Counter(holdings={PUFA: 500})
    served = world(counter)
    heard: list[Report] = []
    changed = threading.Condition()

    def sink(report: Report) -> None:
        with changed:
            heard.append(report)
            changed.notify_all()

    def hears(kind: type[Report]) -> Report:
        with changed:
            assert changed.wait_for(lambda: any(isinstance(one, kind) for one in heard), PATIENCE_S)
        return [one for one in heard if isinstance(one, kind)][-1]

    terms = RemoteTerms(account_key="main", sub_account="one", tag_prefix="bt:x:")
    broker = RemoteBroker(Address("127.0.0.1", served.port), TOKEN, terms, served.clock, Random(1))
    broker.connect(sink)
    stated = hears(AccountSnapshot)
    assert isinstance(stated, AccountSnapshot)
    assert (stated.available, stated.holdings) == (money(50_000), ())
    broker.submit(OrderTicket("bt:x:1", BANK, Side.BUY, 100, OrderType.LIMIT, price(10)))
    hears(Accepted)
    served.on_account(lambda: counter.fill("bt:x:1", 100, 9.9))
    filled = hears(Filled)
    assert isinstance(filled, Filled)
    assert (filled.tag, filled.amount, filled.price) == ("bt:x:1", 100, price(9.9))
    heard.clear()
    broker.request_snapshot()
    stated = hears(AccountSnapshot)
    assert isinstance(stated, AccountSnapshot)
    assert stated.available + stated.frozen == money(50_000 - 995)
    assert [(row.code, row.amount, row.closeable) for row in stated.holdings] == [(BANK, 100, 0)]
    broker.submit(OrderTicket("bt:x:2", PUFA, Side.SELL, 100, OrderType.LIMIT, price(20)))
    rejected = hears(Rejected)
    assert isinstance(rejected, Rejected)
    assert "本子账户可卖 0 股" in rejected.reason
    broker.close()


# -- the account has less ----------------------------------------------------------------------------------------------


def test_sub_accounts_never_sell_more_than_the_account_has(
    world: Serve, clients: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    counter = Counter()
    served = world(counter)
    for name in ("one", "two"):
        clients(served, sub_account_id=name).get(PLACE, **BUY)
        served.on_account(lambda: counter.fill(counter.last_tag, 1000, 10.0))
    served.stop()
    counter.next_day()
    counter.held[BANK] = 1500  # sold by hand
    with caplog.at_level(logging.WARNING):
        served = world(counter, at=datetime(2026, 1, 6, 10))
        one, two = clients(served, sub_account_id="one"), clients(served, sub_account_id="two")
        one.get("broker.snapshot")
        one.get("broker.snapshot")
    (told,) = [line for line in caplog.messages if "合计持有" in line]
    assert all(word in told for word in (BANK, "2000 股", "1500 股"))
    one.get(PLACE, **SELL)
    assert "可卖 500 股" in str(two.refused(PLACE, **SELL)["message"])
    served.on_account(lambda: counter.fill(counter.last_tag, 1000, 10.0))
    assert "可卖 500 股" in str(two.refused(PLACE, **SELL)["message"])
    two.get(PLACE, **{**SELL, "amount": 500})


@pytest.mark.parametrize(("cash", "warned"), [(80_000, False), (79_999, True)])
def test_more_allotted_than_there_is_is_told_at_the_start(
    world: Serve, clients: Connect, caplog: pytest.LogCaptureFixture, cash: float, warned: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        clients(world(Counter(cash))).get("broker.snapshot")
    assert any("多于账户所有" in line for line in caplog.messages) is warned


# -- the simulated venue -----------------------------------------------------------------------------------------------


def test_parts_of_a_simulated_account_add_up(tmp_path: Path) -> None:
    """The whole server as a user starts it; the simulator charges its own fees."""
    mine = ServerSettings.model_validate(
        {
            "qmt_server_type": "simulator",
            "qmt_server_listen": "127.0.0.1",
            "qmt_server_port": 0,
            "qmt_server_token": TOKEN,
            "qmt_server_accounts": "main=123456:stock",
            "qmt_server_sub_accounts": SUBS,
        }
    )
    server, _ = compose(mine, Settings(simulator_initial_cash=100_000), tmp_path, WallClock(Machine().civil))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(coroutine: Coroutine[object, object, int | None]) -> int | None:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE_S * 3)

    port = call(server.start())
    assert port is not None
    names = ("one", "two", "")
    clients = {name: Peer(port) for name in names}
    for name, client in clients.items():
        client.send({"type": "handshake", "token": TOKEN, "protocol": 1, "sub_account_id": name or None})
        client.receive()
    order = {**BUY, "style": {"type": "market"}, "wait_timeout": 8}
    numbers = {
        name: clients[name].start(PLACE, {**order, "amount": amount})
        for name, amount in (("one", 500), ("two", 300), ("", 200))
    }
    for name in names:
        assert clients[name].wait(numbers[name])["payload"]["status"] == "filled"  # type: ignore[index]
    trades = clients[""].get("broker.trades")
    spent = {
        name: sum(
            row["amount"] * row["price"] + row["commission"]
            for row in trades  # type: ignore[attr-defined]
            if (row.get("sub_account_id") or "") == name
        )
        for name in names
    }
    assert cash_of(clients["one"]) == pytest.approx(50_000 - spent["one"], abs=1e-6)
    assert cash_of(clients["two"]) == pytest.approx(30_000 - spent["two"], abs=1e-6)
    assert cash_of(clients[""]) == pytest.approx(100_000 - sum(spent.values()), abs=1e-6)
    assert [held(clients[name])[BANK] for name in names] == [(500, 0), (300, 0), (1000, 0)]
    for client in clients.values():
        client.close()
    call(server.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_S)
    loop.close()


# -- the list of sub-accounts ------------------------------------------------------------------------------------------


def test_options_are_read_in_any_order() -> None:
    accounts = parse_accounts("main=1,second=2")
    found = parse_sub_accounts("a@second:daily=1.5:cash=100; b:orders=3:limit=7 ,c", accounts)
    assert found == (
        SubAccount("a", "second", cash=money(100), daily=money(1.5)),
        SubAccount("b", "main", limit=money(7), orders=3),
        SubAccount("c", "main"),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("demo@main:cash=", "cash=''"),
        ("demo@main:cash=1e5", "cash='1e5'"),
        ("demo@main:orders=1.5", "orders='1.5'"),
        ("demo@main:orders=1:orders=2", "orders 写了两次"),
        ("demo@main:cash=1:cash=1", "cash 写了两次"),
        ("demo@main:lever=2", "没有选项 'lever'"),
    ],
)
def test_an_option_that_cannot_be_read_refuses_to_start(text: str, named: str) -> None:
    with pytest.raises(UsageError, match="子账户") as refused:
        parse_sub_accounts(text, parse_accounts("main=1"))
    assert named in str(refused.value)
    assert "写成 demo@main:cash=100000" in str(refused.value)


def test_a_name_stands_once_in_the_list() -> None:
    with pytest.raises(UsageError, match="demo 写了两次"):
        parse_sub_accounts("demo@main,demo@main:limit=1", parse_accounts("main=1"))


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_file_of_the_first_version_opens_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "submissions_main.db"
    old = sqlite3.connect(path)
    old.executescript(
        "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
        "CREATE TABLE submission (number INTEGER PRIMARY KEY, day TEXT NOT NULL, sub TEXT NOT NULL, key TEXT NOT NULL,"
        " fingerprint TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (sub, key)) STRICT;"
        "INSERT INTO about VALUES ('mark', 'abcd');"
        "INSERT INTO submission VALUES (7, '2026-01-05', 'demo', 'k1', 'f', CAST('{\"remark\":\"x\"}' AS BLOB));"
        "PRAGMA user_version=1;"
    )
    old.close()
    assert [one.key for one in look_into(path).entries] == ["k1"]
    file = SubmissionFile(path, FIRST)
    assert (file.mark, file.next_number, [one.entry.remark for one in file.load()]) == ("abcd", 8, ["x"])
    assert file.bookings() == []
    file.close()
    file = SubmissionFile(path, FIRST)
    assert [one.key for one in file.load()] == ["k1"]
    file.close()


def test_the_books_of_a_running_server_can_be_read_and_not_corrected(tmp_path: Path) -> None:
    run = CliRunner().invoke
    directory = runtime_dir.prepare(tmp_path / "server")
    where = ["--runtime-dir", str(tmp_path)]
    adjust = ["server-book", "adjust", "--account", "main", "--sub", "one", "--reason", "测试", *where]
    assert "没有记账的子账户" in run(app, ["server-book", "show", *where]).stdout
    assert "登记文件" in str(run(app, [*adjust, "--cash", "1"]).exception)
    made = Books(directory / "submissions_main.db")
    held_by = runtime_dir.lock(directory, "2026-01-05 09:00:00")
    error = run(app, [*adjust, "--cash", "1"]).exception
    assert isinstance(error, StateError)
    assert "2026-01-05 09:00:00" in str(error)
    assert "先停下服务" in str(error)
    shown = run(app, ["server-book", "show", *where]).stdout
    assert "账户 main  子账户 one  现金 50,000.00" in shown
    held_by.release()
    made.file.close()
    bank = ["--security", BANK]
    for arguments, words in (
        (["--amount", "100"], "没有写 --security"),
        ([*bank, "--amount", "-100"], "只有 000001.XSHE 0 股"),
        (["--cash", "many"], "many"),
        ([], "没有写要更正什么"),
    ):
        error = run(app, adjust + arguments).exception
        assert isinstance(error, UsageError), arguments
        assert words in str(error)
    shown = run(app, [*adjust, *bank, "--amount", "1000", "--price", "10.50", "--cash", "-500.5"]).stdout
    assert "现金 49,499.50" in shown
    assert "持仓 000001.XSHE 1000 股  成本 10.500" in shown


# -- every way to the same books ---------------------------------------------------------------------------------------


class Books:
    """The books over a file, without a server: what a restart keeps, and nothing else."""

    def __init__(self, path: Path, at: datetime = datetime(2026, 1, 5, 10)) -> None:
        self.path = path
        self.at = at
        self.day: list[TradeRow] = []
        self.told: list[tuple[str, Filled]] = []
        self.subs = parse_sub_accounts(SUBS, parse_accounts("main=1"))
        self.open()

    def open(self) -> None:
        self.file = SubmissionFile(self.path, self.at.date())
        self.records: dict[str, Record] = remembered(self.file.load()).records
        rules = SimpleNamespace(fees=FeeSchedule())
        world = SimpleNamespace(rules=rules, securities=SECURITIES)
        self.books = SubBooks(
            self.subs, self.file, world, lambda: self.at, lambda: self.records, lambda *_: None  # type: ignore[arg-type]
        )  # fmt: skip

    def place(self, sub: str, side: Side, amount: int, at: int) -> None:
        number = self.file.next_number
        order = Order(
            order_id=OrderId(number), parent_id=OrderId(number), tag=f"t{number}", code=BANK, side=side, amount=amount,
            order_type=OrderType.LIMIT, limit_price=price(at), created_at=self.at,
        )  # fmt: skip
        self.file.claim(self.at.date(), sub, f"k{number}", "", Entry(order=order))
        order.apply(OrderEvent.SEND)
        made = Record(order=order, remark="", key="", sub=sub, wanted=amount, asked_price=None)
        self.records[order.tag] = made

    def fill(self, which: int, amount: int, at: int, told: bool) -> tuple[str, Side, int] | None:
        """A trade of one of the orders that are open; who traded what, None where none can."""
        done = {tag: sum(row.amount for row in self.day if row.tag == tag) for tag in self.records}
        open_ones = [tag for tag, one in self.records.items() if done[tag] < one.order.amount]
        if not open_ones:
            return None
        tag = open_ones[which % len(open_ones)]
        record = self.records[tag]
        amount = min(amount, record.order.amount - done[tag])
        number = f"T{len(self.day)}"
        row = TradeRow(tag, "", number, BANK, record.order.side, amount, price(at), self.at, money(5))
        self.day.append(row)
        if told:
            self.tell(row)
        return record.sub, record.order.side, amount

    def tell(self, row: TradeRow) -> None:
        record = self.records[row.tag]
        report = Filled(row.tag, row.trade_id, row.amount, row.price, row.at, row.fee)
        self.books.filled(record, report)
        record.apply(report)
        self.books.settled(record)

    def state(self) -> None:
        self.books.stated(
            AccountSnapshot(self.at, money(10**6), Money(0), (), (), tuple(self.day)),
            lambda codes: dict.fromkeys(codes, 0.0),
        )

    def restart(self) -> None:
        self.file.close()
        self.open()


def test_what_could_not_be_written_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that takes nothing for a while loses neither a trade nor a dividend."""
    world = Books(tmp_path / "submissions_main.db")
    world.place("one", Side.BUY, 100, 10)
    world.place("one", Side.BUY, 100, 10)
    world.fill(0, 100, 10, told=True)
    world.file._db.execute("PRAGMA query_only=ON")
    world.fill(0, 100, 10, told=True)
    world.books.entitled(Entitlement(BANK, money(10), 0, world.at, "10 派 1"))
    assert any("没有写盘" in line for line in caplog.messages)
    assert sum(world.books.assets.cash("one")) == money(50_000 - 1005)
    world.file._db.execute("PRAGMA query_only=OFF")
    for _ in range(2):
        world.state()
        assert sum(world.books.assets.cash("one")) == money(50_000 - 2010 + 10)
        world.restart()


MOVES = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(["one", "two", ""]), st.sampled_from([1, 1, -1]), st.integers(1, 9)),
    st.tuples(st.just("fill"), st.integers(0, 9), st.integers(1, 900), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("again"), st.integers(0, 9)),
    st.tuples(st.just("state")),
    st.tuples(st.just("restart")),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(MOVES, max_size=25), number=st.integers(0, 10**9))
def test_however_it_is_told_the_books_are_the_sum_of_the_trades(
    tmp_path: Path, moves: list[tuple[object, ...]], number: int
) -> None:
    path = tmp_path / f"{number}-{len(list(tmp_path.iterdir()))}.db"
    world = Books(path)
    cash = {"one": money(50_000), "two": money(30_000), "": Money(0)}
    shares = dict.fromkeys(cash, 0)
    for move in moves:
        match move:
            case ("place", str(sub), int(side), int(lots)):
                world.place(sub, Side(side), lots * 100, 10)
            case ("fill", int(which), int(amount), bool(told)):
                traded = world.fill(which, amount, 9 + which % 3, told)
                if traded is not None:
                    sub, side, amount = traded
                    cash[sub] = Money(cash[sub] - side * amount * price(9 + which % 3) - money(5))
                    shares[sub] += side * amount
            case ("cancel", int(which)) if world.records:
                record = list(world.records.values())[which % len(world.records)]
                record.apply(Cancelled(record.order.tag, "", world.at))
                world.books.settled(record)
            case ("again", int(which)) if world.day:
                world.tell(world.day[which % len(world.day)])
            case ("state",):
                world.state()
            case ("restart",):
                world.restart()
    world.state()
    for _ in range(2):
        for sub in ("one", "two"):
            available, frozen = world.books.assets.cash(sub)
            amount = world.books.assets.held(BANK).get(sub, 0)
            assert (available + frozen, amount) == (cash[sub], shares[sub])
        assert sum(sum(world.books.assets.cash(sub)) for sub in ("one", "two")) == cash["one"] + cash["two"]
        world.restart()
    world.file.close()
