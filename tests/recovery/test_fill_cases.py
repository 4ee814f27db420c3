"""Failure cases C, D and H: fills that are missed, late, repeated or no fills at all, and cancels that cross them."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from random import Random

import msgspec
import pytest
from staging import DAY, IDLE, NEXT, A, B, C, Stage, agrees, at_ten, half, held, moment, only_taken, orders

from bullet_trade.domain.errors import OrderTransitionError
from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.orders import Order, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.reports import Accepted, AccountSnapshot, Cancelled, Filled, OrderReport, OrderRow, TradeRow
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import AccountDiffers, OrderFinished, PartFilled
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.recovery import reconcile
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.store.journal import read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Accept, End, Fill
from bullet_trade.testing.counter_link import Weather

TEN, LABEL = price(10.0), "bt:demo:"
SENT, NOW = moment("10:00"), moment("10:05")


def book() -> OrderBook:
    made = OrderBook(Ledger(money(1_000_000)), TradingTerms(FeeSchedule()), lambda _: None)
    made.open_day(DAY)
    made.ledger.positions[Code(A)] = Position(code=Code(A), amount=10_000)
    return made


def admit(into: OrderBook, number: int, side: Side = Side.BUY, amount: int = 1000, code: str = A) -> Order:
    order = Order(
        order_id=OrderId(number), parent_id=OrderId(number), tag=f"{LABEL}{number:08x}", code=Code(code), side=side,
        amount=amount, order_type=OrderType.LIMIT, limit_price=TEN, created_at=SENT,
    )  # fmt: skip
    into.admit(order, Money(TEN * amount))
    return order


def fill(order: Order, trade_id: str, amount: int, at: str = "10:01") -> Filled:
    return Filled(order.tag, trade_id, amount, TEN, moment(at), Money(0))


# -- lost and repeated -------------------------------------------------------------------------------------------------


def test_fills_dropped_by_a_living_line_are_there_after_the_next_statement(tmp_path: Path) -> None:
    """C03: every third report is lost, nothing else is wrong; never wrong for longer than a period of the sync."""
    body = "[order(C, 500, LimitOrderStyle(4.0), wait_timeout=0) for _ in range(12)]"
    stage = Stage(tmp_path, at_ten(body), lambda ticket: (Accept(1.0), Fill(40.0, 0.4), Fill(200.0, 1.0)))
    stage.link.pushes_again = False
    said = 0
    send = stage.link._send

    def lossy(report: OrderReport) -> None:
        nonlocal said
        said += 1
        if said % 3:
            send(report)

    stage.link._send = lossy  # type: ignore[method-assign]
    life = stage.live(look=["10:01:55", "10:04:30"])
    assert stage.seen["10:01:55"].holdings[C][0] == 12 * 200
    assert stage.seen["10:04:30"].holdings[C][0] == 12 * 500
    assert life.recorder.of(AccountDiffers) == []
    assert stage.verdict() == []


def test_ten_reconnects_that_push_the_whole_day_again_change_nothing(tmp_path: Path) -> None:
    """C05: and nothing is told twice."""
    stage = Stage(
        tmp_path, at_ten("order(A, 500); order(B, 300, wait_timeout=0)"), weather=Weather(late=0.5, late_s=9.0)
    )
    cuts = {f"{11 if n < 3 else 13}:{5 + 3 * n:02d}": lambda s: stage.link.cut(0.0, 5.0) for n in range(10)}
    life = stage.live(meanwhile=cuts)
    assert agrees(life, stage.counter)
    assert len(life.recorder.of(OrderFinished)) == 2
    assert len(life.recorder.of(PartFilled)) == 2
    assert stage.verdict() == []


def test_any_order_of_the_messages_of_an_order_comes_to_the_same_end() -> None:
    """C08: and what is filled never becomes less."""
    ends: set[tuple[OrderState, int, int]] = set()
    for given in permutations(range(5)):
        mine = book()
        order = admit(mine, 1)
        messages: list[OrderReport] = [
            Accepted(order.tag, "7", SENT),
            Accepted(order.tag, "7", NOW),
            fill(order, "T1", 300),
            fill(order, "T2", 400),
            Cancelled(order.tag, "部撤", NOW),
        ]
        before = 0
        for number in given:
            mine.apply(messages[number], NOW)
            assert order.filled >= before
            before = order.filled
        ends.add((order.state, order.filled, mine.ledger.cash))
    assert ends == {(OrderState.CANCELLED, 700, money(1_000_000) - 700 * TEN)}


@pytest.mark.parametrize("after_s", [0.0, 2.0], ids=["before", "2 s after"])
def test_a_fill_that_crosses_the_cancel_is_booked(after_s: float, tmp_path: Path) -> None:
    """C10, H01: the cancel is refused because the order was just filled, and the trade comes later."""
    source = at_ten("o = order(A, 500, wait_timeout=0)\n    cancel_order(o)")
    stage = Stage(tmp_path, source, lambda ticket: (Accept(0.1), Fill(0.4, 1.0)))
    stage.link.weather = Weather(late=1.0 if after_s else 0.0, late_s=after_s or 20.0)
    life = stage.live()
    assert [(order.state, order.filled) for order in orders(life)] == [(OrderState.FILLED, 500)]
    assert stage.verdict() == []


def test_orders_that_trade_before_the_call_returns_all_end_filled(tmp_path: Path) -> None:
    """C11."""
    stage = Stage(tmp_path, at_ten("[order(C, 100, wait_timeout=0) for _ in range(200)]"), cash=1e7)
    enter = stage.counter.enter

    def at_the_same_instant(ticket: object) -> None:
        enter(ticket)  # type: ignore[arg-type]
        stage.counter._fill(stage.counter.orders[-1], 100)

    stage.counter.enter = at_the_same_instant  # type: ignore[method-assign]
    stage.counter.course = lambda ticket: ()
    life = stage.live()
    assert {order.state for order in orders(life)} == {OrderState.FILLED}
    assert life.session.engine.book.open_orders() == []
    assert stage.verdict() == []


@pytest.mark.parametrize(
    "strange",
    [
        {"amount": 0},
        {"amount": 300, "price": 0},
        {"amount": 300, "side": Side.SELL},
        {"amount": 300, "code": Code(B)},
    ],
    ids=["cancel row of no shares", "bonus shares", "transfer out", "rights of another code"],
)
def test_rows_of_the_trade_list_that_are_no_trades_become_no_fills(strange: dict[str, object]) -> None:
    """C12."""
    mine = book()
    order = admit(mine, 1)
    real = TradeRow(order.tag, "7", "T1", Code(A), Side.BUY, 400, TEN, SENT, Money(0))
    row = OrderRow(order.tag, "7", Code(A), Side.BUY, 1000, 400, "部成", 55)
    odd = msgspec.structs.replace(real, trade_id="X1", **strange)
    stated = AccountSnapshot(NOW, money(1_000_000), Money(0), (), (row,), (odd, real), complete=True)
    found = reconcile([order], stated, LABEL, 9)
    assert [(one.trade_id, one.amount) for one in found.reports if isinstance(one, Filled)] == [("T1", 400)]


def test_a_pushed_trade_of_no_shares_stops_nothing(tmp_path: Path) -> None:
    """C12: a cancel that stands among the trades."""
    stage = Stage(tmp_path, at_ten("order(A, 500, wait_timeout=0)"), half)

    def push(session: Session) -> None:
        session.parts.inbox.put(Filled(stage.own()[0].tag, "撤单", 0, price(0), moment("10:30"), Money(0)))

    life = stage.live(meanwhile={"10:30": push})
    assert [row.kind for row in read_journal(stage.world.journal)].count("report_ignored") == 1
    assert agrees(life, stage.counter)


def test_shares_that_come_without_a_trade_change_the_position_under_their_name(tmp_path: Path) -> None:
    """C12: bonus shares of a holding whose trades do not add up to it."""
    stage = Stage(tmp_path, at_ten("order(A, 500)"))
    life = stage.live(meanwhile={"13:30": lambda s: stage.counter.move(Code(A), 150, 25.0)}, look=["13:31:30"])
    assert stage.seen["13:31:30"].holdings[A] == (1650, 1150)
    (told,) = life.recorder.of(AccountDiffers)
    assert {one.what for one in told.differences} == {"现金", f"{A} 持仓"}
    assert [order.filled for order in orders(life)] == [500]


def test_early_states_of_finished_orders_open_none_again() -> None:
    """C14: ten thousand of them."""
    mine = book()
    finished = [admit(mine, number, amount=100) for number in range(1, 10_001)]
    for order in finished:
        mine.apply(Cancelled(order.tag, "已撤", SENT), SENT)
    for order in finished:
        mine.apply(Accepted(order.tag, "7", SENT), NOW)
    assert mine.open_orders() == []
    mine.open_day(NEXT)
    assert mine.orders == {}
    assert mine.apply(Accepted(finished[0].tag, "7", SENT), NOW).order is None


def test_the_same_journal_and_lists_give_the_same_result_byte_by_byte() -> None:
    """C15, I12: a hundred times, in any order."""
    mine = book()
    ours = [admit(mine, number) for number in range(1, 9)]
    rows = [OrderRow(o.tag, str(n), o.code, o.side, o.amount, 300, "部成", 55) for n, o in enumerate(ours[:6], 1)]
    rows += [OrderRow("手工", "50", Code(B), Side.BUY, 100, 0, "已报", 50)]
    trades = [TradeRow(o.tag, str(n), f"T{n}", o.code, o.side, 300, TEN, SENT) for n, o in enumerate(ours[:6], 1)]
    results: set[bytes] = set()
    for seed in range(100):
        draw = Random(seed)
        draw.shuffle(rows)
        draw.shuffle(trades)
        stated = AccountSnapshot(NOW, money(1), Money(0), (), tuple(rows), tuple(trades), complete=True)
        results.add(msgspec.json.encode(reconcile(ours, stated, LABEL, 9)))
    assert len(results) == 1


def test_trade_numbers_may_come_again_on_another_exchange_day_or_side(tmp_path: Path) -> None:
    """C16: T1 is the first trade of each exchange and of each day; a true repeat is dropped."""
    source = at_ten("order(A, 100); order(B, 100); order(A, -100)")
    stage = Stage(tmp_path, source, days=(DAY, NEXT), weather=Weather(again=1.0, late_s=3.0))
    life = stage.live()
    assert [(trade.trade_id, trade.code[-4:]) for trade in stage.counter.trades].count(("T1", "XSHG")) == 2
    assert len(stage.counter.trades) == 6
    assert agrees(life, stage.counter)
    assert stage.verdict() == []


def test_a_position_that_went_while_the_line_was_down_is_gone_and_old_news_are_not_told_again(tmp_path: Path) -> None:
    """D10."""
    stage = Stage(tmp_path, at_ten("order(B, 100)"))
    life = stage.live(
        meanwhile={"10:30": lambda s: stage.link.cut(0.0, 600.0), "10:35": lambda s: stage.by_hand(A, -1000)},
        look=["10:45"],
    )
    assert A not in stage.seen["10:45"].holdings
    assert len(life.recorder.of(OrderFinished)) == 1
    assert len(life.recorder.of(AccountDiffers)) == 1
    assert stage.verdict() == []


# -- crossing cancels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pushed", [True, False], ids=["pushed", "only listed"])
@pytest.mark.parametrize("first", ["fill", "cancel"])
def test_fill_and_cancel_in_either_order_come_to_the_right_amount(first: str, pushed: bool, tmp_path: Path) -> None:
    """H01: and the next task runs."""
    source = (
        at_ten("o = order(A, 500, wait_timeout=0)\n    cancel_order(o, wait_timeout=0)").replace(
            "run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(later, '10:30')"
        )
        + "def later(context): order(B, 100)\n"
    )
    source = source.replace("cancel_order(o, wait_timeout=0)", "cancel_order(o)")
    steps = (Accept(0.1), Fill(0.3 if first == "fill" else 0.9, 0.4))
    stage = Stage(tmp_path, source, lambda ticket: steps if ticket.code == A else (Fill(0.1, 1.0),))
    if not pushed:
        stage.link.weather = Weather(drop=1.0)
        stage.link.pushes_again = False
    life = stage.live()
    expected = 200 if first == "fill" else 0
    assert (orders(life)[0].state, orders(life)[0].filled) == (OrderState.CANCELLED, expected)
    assert held(life)[B] == 100
    assert stage.verdict() == []


def test_a_lost_answer_to_a_cancel_is_found_in_the_next_list(tmp_path: Path) -> None:
    """H06: the order is over at the counter, and the report of it never comes."""
    source = (
        at_ten("o = order(A, 500, wait_timeout=0)").replace(
            "run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(give_up, '10:10')"
        )
        + "def give_up(context): [cancel_order(one) for one in get_open_orders().values()]\n"
    )
    stage = Stage(tmp_path, source, only_taken)
    stage.link.pushes_again = False

    def deaf(_: Session) -> None:
        stage.link.weather = Weather(drop=1.0)

    stage.live(meanwhile={"10:05": deaf}, look=["10:12"])
    assert list(stage.seen["10:12"].orders.values()) == [(True, 0)]
    assert stage.verdict() == []


def test_what_was_bought_today_is_not_sold_while_the_rest_is_cancelled(tmp_path: Path) -> None:
    """H04: 400 of 1,000 are there; the target of none cancels the open purchase and sells nothing."""
    source = (
        at_ten("order(B, 1000, LimitOrderStyle(12.0), wait_timeout=0)").replace(
            "run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(out, '10:10')"
        )
        + "def out(context): order_target(B, 0)\n"
    )
    stage = Stage(tmp_path, source, half)
    life = stage.live()
    assert [(order.side, order.filled, order.cancelled) for order in stage.own()] == [(Side.BUY, 400, True)]
    refusals = [row.body.decode() for row in read_journal(stage.world.journal) if row.kind == "refused"]
    assert len(refusals) == 1
    assert "closeable" in refusals[0] or "可卖" in refusals[0]
    assert agrees(life, stage.counter)


# -- one statement, several parts --------------------------------------------------------------------------------------


def test_a_position_that_moves_before_its_fill_arrives_is_no_difference(tmp_path: Path) -> None:
    """C03, I05: the account shows the shares, the lists and the push do not yet."""
    stage = Stage(tmp_path, at_ten("order(A, 500, wait_timeout=0)"), lambda ticket: (Accept(0.1), Fill(59.0, 1.0)))
    stage.link.weather = Weather(late=1.0, late_s=3.0, short_list=1.0, missing=1.0)
    life = stage.live()
    assert life.recorder.of(AccountDiffers) == []
    assert stage.verdict() == []


def test_a_statement_given_twice_holds_everything_once(tmp_path: Path) -> None:
    """I05."""
    stage = Stage(tmp_path, IDLE, holdings={A: 1000, C: 300})
    ask = stage.link.request_snapshot

    def twice() -> None:
        ask()
        ask()

    stage.link.request_snapshot = twice  # type: ignore[method-assign]
    life = stage.live()
    assert held(life) == {A: 1000, C: 300}
    assert life.recorder.of(AccountDiffers) == []


def test_a_table_that_admits_no_such_report_raises_nothing_but_its_own_error() -> None:
    """C12: the refusal of a trade of no shares is the table's, and changes nothing."""
    mine = book()
    order = admit(mine, 1)
    outcome = mine.apply(fill(order, "T0", 0), NOW)
    assert outcome.ignored
    assert (order.filled, order.state) == (0, OrderState.IN_FLIGHT)
    with pytest.raises(OrderTransitionError):
        mine._apply(order, fill(order, "T0", -100))


def test_an_exchange_that_ends_an_order_by_itself_frees_its_cash(tmp_path: Path) -> None:
    """B12."""
    stage = Stage(
        tmp_path, at_ten("order(A, 500, wait_timeout=0)"), lambda ticket: (Accept(0.1), Fill(1.0, 0.4), End(2.0))
    )
    life = stage.live()
    assert life.session.engine.ledger.frozen == 0
    assert stage.verdict() == []
