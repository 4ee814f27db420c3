"""What the broker's lists prove about our orders: the table, and that order, repetition and delay do not matter.

`python tests/engine/test_recovery.py` writes the table into docs/recovery.md; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.orders import Order, OrderId, OrderState, OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    Filled,
    HoldingRow,
    NeverSent,
    NoAnswer,
    OrderReport,
    OrderRow,
    TradeRow,
)
from bullet_trade.domain.securities import Code
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.recovery import Reconciliation, Record, rebuild, reconcile
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ports.terms import TradingTerms

CODE = Code("600000.XSHG")
DAY = date(2025, 6, 3)
SENT, NOW = datetime.combine(DAY, time(10)), datetime.combine(DAY, time(10, 5))
LABEL = "bt:demo:"
TAG = "bt:demo:00100001"
TEN = price(10.0)
DOC = Path(__file__).parents[2] / "docs" / "recovery.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

S = OrderState


def row(
    status: int, filled: int = 0, *, tag: str = TAG, number: str = "7", amount: int = 1000, code: Code = CODE
) -> OrderRow:
    return OrderRow(tag, number, code, Side.BUY, amount, filled, str(status), status)


def trade(number: int, amount: int, *, tag: str = TAG, order: str = "7", at: datetime = SENT) -> TradeRow:
    return TradeRow(tag, order, f"T{number}", CODE, Side.BUY, amount, TEN, at, Money(0))


class Case(NamedTuple):
    """One line of the table. `before` are the fills that we know already; None for `here`: the journal has no such
    order. `after` is the order's state afterwards, `kinds` the findings told."""

    here: str
    there: str
    after: OrderState | None
    filled: int
    kinds: tuple[str, ...]
    meaning: str
    state: OrderState | None = S.IN_FLIGHT
    before: tuple[tuple[int, int], ...] = ()
    rows: tuple[OrderRow, ...] = ()
    trades: tuple[TradeRow, ...] = ()
    complete: bool = True
    created: datetime = SENT


TABLE = (
    Case("已写流水，可能没发出", "当日清单完整，没有这笔", S.NOT_SENT, 0, ("never_sent",), "解冻，不重发"),
    Case("已写流水，可能没发出", "清单不完整，没有这笔", S.UNKNOWN, 0, ("unknown",), "继续冻结，等证据",
         complete=False),
    Case("已写流水，可能没发出", "清单早于这笔委托", S.UNKNOWN, 0, ("unknown",), "旧清单不能证明什么", created=NOW),
    Case("已写流水", "待报（49）", S.WORKING, 0, ("working",), "接管，可以撤单", rows=(row(49),)),
    Case("已写流水", "已报（50）", S.WORKING, 0, ("working",), "接管，可以撤单", rows=(row(50),)),
    Case("已报", "已报待撤（51）", S.WORKING, 0, ("working",), "接管，等最终结果", S.WORKING, rows=(row(51),)),
    Case("已请求撤单", "已报（50）", S.WORKING, 0, ("working",), "撤单没有送到：接管，可以再撤", S.CANCELLING,
         rows=(row(50),)),
    Case("已请求撤单", "已撤（54）", S.CANCELLED, 0, (), "结束，解冻", S.CANCELLING, rows=(row(54),)),
    Case("已报", "部成（55），断线期间成交 400", S.WORKING, 400, ("working",), "补记成交，其余接管", S.WORKING,
         rows=(row(55, 400),), trades=(trade(1, 400),)),
    Case("已报，已记 400", "断线期间又成交 600", S.FILLED, 1000, (), "只补记新的 600", S.WORKING, ((1, 400),),
         rows=(row(56, 1000),), trades=(trade(1, 400), trade(2, 600))),
    Case("已报，已记 400", "重连后重推当日全部成交", S.WORKING, 400, ("working",), "按成交编号去重", S.WORKING,
         ((1, 400),),
         rows=(row(55, 400),), trades=(trade(1, 400), trade(1, 400))),
    Case("已报", "部撤（53），成交 400", S.CANCELLED, 400, (), "先记成交，再结束", S.WORKING,
         rows=(row(53, 400),), trades=(trade(1, 400),)),
    Case("已报", "废单（57）", S.REJECTED, 0, (), "结束，解冻", S.WORKING, rows=(row(57),)),
    Case("已报", "显示已成 1000，成交明细只有 400", S.WORKING, 400, ("fills_missing",), "记已知的，等券商补报",
         S.WORKING,
         rows=(row(56, 1000),), trades=(trade(1, 400),)),
    Case("已报", "成交明细超过委托数量", S.WORKING, 600, ("overfilled",), "超出的不记，请人工核对", S.WORKING,
         rows=(row(56, 1000),), trades=(trade(1, 600), trade(2, 600))),
    Case("已报", "状态未知（255）", S.UNKNOWN, 0, ("unknown",), "继续冻结，等证据", S.WORKING, rows=(row(255),)),
    Case("已报", "清单里没有，但成交里有 400", S.WORKING, 400, ("unknown",), "成交作数，其余未知", S.WORKING,
         trades=(trade(1, 400),)),
    Case("已撤", "断线期间其实成交了 400", S.CANCELLED, 400, (), "成交是真的，补记", S.CANCELLED,
         rows=(row(53, 400),), trades=(trade(1, 400),)),
    Case("已报", "同一备注有两笔委托", S.UNKNOWN, 0, ("doubled",), "无法判断，不动，请人工核对", S.WORKING,
         rows=(row(50), row(50, number="8"))),
    Case("已报", "备注相同，代码或数量不同", S.UNKNOWN, 0, ("mismatch",), "不动，请人工核对", S.WORKING,
         rows=(row(50, amount=900),)),
    Case("已报（编号 7）", "备注丢失，编号 7", S.WORKING, 400, ("working",), "按委托编号对上", S.WORKING,
         rows=(row(55, 400, tag=""),), trades=(trade(1, 400, tag=""),)),
    Case("昨日已报", "今日清单没有", S.CANCELLED, 0, ("expired",), "当日委托隔日失效，持仓以券商为准", S.WORKING,
         created=SENT - timedelta(days=1)),
    Case("流水里没有", "有本策略备注，已报", S.WORKING, 0, ("adopted", "working"), "断电丢了流水：接管", None,
         rows=(row(50),)),
    Case("流水里没有", "有本策略备注，今日成交 400 后撤", S.CANCELLED, 400, ("adopted",), "接管并记成交", None,
         rows=(row(53, 400),), trades=(trade(1, 400),)),
    Case("流水里没有", "有本策略备注，是昨日的成交", None, 0, (), "早已在账户里，不接管", None,
         rows=(row(56, 1000),), trades=(trade(1, 1000, at=SENT - timedelta(days=1)),)),
    Case("流水里没有", "其他来源的委托", None, 0, ("external",), "只显示，不接管", None,
         rows=(row(50, tag="", number="9"),)),
)  # fmt: skip


def new_book() -> OrderBook:
    book = OrderBook(Ledger(money(1_000_000)), TradingTerms(FeeSchedule()), lambda _: None)
    book.open_day(DAY)
    book.ledger.positions[CODE] = Position(code=CODE, amount=10_000)
    return book


def admit(book: OrderBook, case: Case) -> None:
    """An order of ours that has come as far as the case says, and then the engine started anew."""
    if case.state is None:
        return
    order = Order(
        order_id=OrderId(1), parent_id=OrderId(1), tag=TAG, code=CODE, side=Side.BUY, amount=1000,
        order_type=OrderType.LIMIT, limit_price=TEN, created_at=case.created,
    )  # fmt: skip
    book.admit(order, money(10_005))
    if case.state is not S.IN_FLIGHT:
        book.apply(Accepted(TAG, "7", SENT), SENT)
    for number, amount in case.before:
        book.apply(Filled(TAG, f"T{number}", amount, TEN, SENT, Money(0)), SENT)
    if case.state is S.CANCELLED:
        book.apply(Cancelled(TAG, "已撤", SENT), SENT)
    book.apply(NoAnswer(TAG, "引擎重启", NOW), NOW)


def snapshot(case: Case) -> AccountSnapshot:
    return AccountSnapshot(NOW, money(1_000_000), Money(0), (), case.rows, case.trades, case.complete)


def settle(book: OrderBook, stated: AccountSnapshot) -> Reconciliation:
    """As the engine does it."""
    found = reconcile(list(book.orders.values()), stated, LABEL, 1 + max(book.orders, default=0))
    for order in found.adopted:
        book.adopt(order)
    for report in found.reports:
        book.apply(report, NOW)
    return found


@pytest.mark.parametrize("case", TABLE, ids=[f"{case.here}-{case.there}" for case in TABLE])
def test_the_table(case: Case) -> None:
    book = new_book()
    admit(book, case)
    found = settle(book, snapshot(case))
    assert tuple(finding.kind for finding in found.findings) == case.kinds
    order = book.by_tag(TAG)
    assert (order.state if order else None, order.filled if order else 0) == (case.after, case.filled)
    held = book.ledger.positions[CODE].amount - 10_000
    assert held == case.filled
    if order is not None and order.is_final:
        assert book.ledger.frozen == 0
    book.ledger.check(book.open_orders())


@pytest.mark.parametrize("case", TABLE, ids=[f"{case.here}-{case.there}" for case in TABLE])
def test_asked_again_nothing_changes(case: Case) -> None:
    book = new_book()
    admit(book, case)
    settle(book, snapshot(case))
    cash, held = book.ledger.cash, book.ledger.positions[CODE].amount
    states = [(order.state, order.filled) for order in book.orders.values()]
    again = settle(book, snapshot(case))
    assert not [report for report in again.reports if isinstance(report, Filled)]
    assert again.adopted == []
    assert (book.ledger.cash, book.ledger.positions[CODE].amount) == (cash, held)
    assert [(order.state, order.filled) for order in book.orders.values()] == states


# -- any truth, however it is told -------------------------------------------------------------------------------------


class Truth(NamedTuple):
    """Orders as they really went: shares traded, in trades of these sizes, and the broker's status."""

    rows: tuple[OrderRow, ...]
    trades: tuple[TradeRow, ...]
    missing: frozenset[int]
    """Orders (by position) that the journal has lost."""


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    rows: list[OrderRow] = []
    trades: list[TradeRow] = []
    count = draw(st.integers(1, 5))
    for number in range(1, count + 1):
        tag = f"{LABEL}{0x00100000 + number:08x}"
        sizes = draw(st.lists(st.sampled_from([100, 200, 300]), max_size=3))
        filled = sum(sizes)
        amount = filled + draw(st.sampled_from([0, 100, 500])) or 100
        status = 56 if filled == amount else draw(st.sampled_from([50, 51, 54, 57] if not filled else [55, 52, 53]))
        rows.append(row(status, filled, tag=tag, number=str(number), amount=amount))
        trades += [trade(10 * number + n, size, tag=tag, order=str(number)) for n, size in enumerate(sizes)]
    lost = draw(st.frozensets(st.integers(0, count - 1), max_size=1))
    return Truth(tuple(rows), tuple(trades), lost)


def book_of(truth: Truth, known: int) -> OrderBook:
    """A book that knows of the truth's orders (not the lost ones), and the first `known` of the trades."""
    book = new_book()
    for number, line in enumerate(truth.rows):
        if number in truth.missing:
            continue
        order = Order(
            order_id=OrderId(number + 1), parent_id=OrderId(number + 1), tag=line.tag, code=CODE, side=Side.BUY,
            amount=line.amount, order_type=OrderType.LIMIT, limit_price=TEN, created_at=SENT,
        )  # fmt: skip
        book.admit(order, Money(TEN * line.amount))
    for one in truth.trades[:known]:
        if book.by_tag(one.tag) is not None:
            book.apply(Filled(one.tag, one.trade_id, one.amount, one.price, one.at, one.fee), SENT)
    for order in book.open_orders():
        book.apply(NoAnswer(order.tag, "引擎重启", NOW), NOW)
    return book


def stated(rows: Sequence[OrderRow], trades: Sequence[TradeRow]) -> AccountSnapshot:
    return AccountSnapshot(NOW, money(1_000_000), Money(0), (), tuple(rows), tuple(trades), complete=True)


@settings(max_examples=150, deadline=None)
@given(truth=truths(), known=st.integers(0, 15), seed=st.integers(0, 9))
def test_order_and_repetition_of_the_lists_do_not_matter(truth: Truth, known: int, seed: int) -> None:
    draw = Random(seed)
    rows = [*truth.rows, *truth.rows[:2]]
    trades = [*truth.trades, *truth.trades[1:]]
    draw.shuffle(rows)
    draw.shuffle(trades)
    book = book_of(truth, known)
    ours = list(book.orders.values())
    assert reconcile(ours, stated(rows, trades), LABEL, 9) == reconcile(
        ours, stated(truth.rows, truth.trades), LABEL, 9
    )


@settings(max_examples=150, deadline=None)
@given(truth=truths(), known=st.integers(0, 15), seed=st.integers(0, 9))
def test_no_fill_is_lost_or_doubled_however_it_arrives(truth: Truth, known: int, seed: int) -> None:
    """Lists with holes first, then the whole ones, then every trade pushed again in any order."""
    draw = Random(seed)
    book = book_of(truth, known)
    holes = [one for one in truth.trades if draw.random() < 0.6]
    settle(book, stated(truth.rows, holes))
    settle(book, stated(truth.rows, truth.trades))
    pushed: list[OrderReport] = [
        Filled(t.tag, t.trade_id, t.amount, t.price, t.at, t.fee) for t in truth.trades for _ in range(2)
    ]
    draw.shuffle(pushed)
    for report in pushed:
        book.apply(report, NOW)
    assert book.ledger.positions[CODE].amount - 10_000 == sum(line.filled for line in truth.rows)
    assert money(1_000_000) - book.ledger.cash == TEN * sum(line.filled for line in truth.rows)
    for line in truth.rows:
        order = book.by_tag(line.tag)
        if order is None:
            assert line.filled == 0
            assert line.status not in (50, 51)
        else:
            assert (order.filled, order.is_final) == (line.filled, line.status in (53, 54, 56, 57))
    book.ledger.check(book.open_orders())


@settings(max_examples=100, deadline=None)
@given(truth=truths(), known=st.integers(0, 15), seed=st.integers(0, 9))
def test_a_row_that_is_missing_from_an_incomplete_list_ends_nothing(truth: Truth, known: int, seed: int) -> None:
    draw = Random(seed)
    rows = [line for line in truth.rows if draw.random() < 0.5]
    book = book_of(truth, known)
    found = settle(book, AccountSnapshot(NOW, money(1_000_000), Money(0), (), tuple(rows), (), complete=False))
    shown = {line.tag for line in rows}
    for report in found.reports:
        assert not isinstance(report, NeverSent)
        assert report.tag in shown


# -- the journal -------------------------------------------------------------------------------------------------------


def test_a_report_that_stopped_a_run_does_not_stop_the_next_one() -> None:
    """An overfill ends the run that received it; the next run has to start, and the broker's account decides."""
    intent = (
        b'{"order_id":1,"parent_id":1,"tag":"bt:demo:00100001","code":"600000.XSHG","side":1,"wanted":100,"amount":100,'
        b'"type":"limit","limit":100000,"reference":100000,"cash":10050000,"adjustments":[]}'
    )
    fill = (
        '{"type":"Filled","tag":"bt:demo:00100001","trade_id":"T%d","amount":100,"price":100000,'
        '"at":"2025-06-03T10:00:00","fee":0}'
    )
    records = [Record(SENT, "day", b'{"day":"2025-06-03"}'), Record(SENT, "intent", intent)]
    records += [Record(SENT, "report", (fill % number).encode()) for number in (1, 2)]
    book = OrderBook(Ledger(money(10_000)), TradingTerms(FeeSchedule()), lambda _: None)
    rebuild(records, book)
    assert book.ledger.positions[CODE].amount == 100


def test_an_adopted_sale_sets_its_shares_aside_and_gives_them_back() -> None:
    book = new_book()
    lost = OrderRow(TAG, "7", CODE, Side.SELL, 1000, 0, "已报", 50)
    settle(book, stated([lost], []))
    book.ledger.check(book.open_orders())
    assert book.sellable(CODE) == 9000
    book.apply(Cancelled(TAG, "已撤", NOW), NOW)
    book.ledger.check(book.open_orders())
    assert book.sellable(CODE) == 10_000


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_late_news_of_a_trade_in_an_account_taken_over_is_not_booked_again(side: Side) -> None:
    """The fill of a cancelled order is lost; the account is taken over with it in; then the fill comes after all."""
    book = new_book()
    order = Order(
        order_id=OrderId(1), parent_id=OrderId(1), tag=TAG, code=CODE, side=side, amount=1000,
        order_type=OrderType.LIMIT, limit_price=TEN, created_at=SENT,
    )  # fmt: skip
    book.admit(order, money(10_005))
    late = Filled(TAG, "T1", 400, TEN, SENT + timedelta(seconds=1), Money(0))
    book.apply(Cancelled(TAG, "部撤", SENT + timedelta(seconds=2)), SENT)
    shares, cash = 10_000 + side * 400, money(1_000_000) - side * 400 * TEN
    book.ledger.adopt(AccountSnapshot(NOW, Money(cash), Money(0), (HoldingRow(CODE, shares, shares, TEN),)))
    book.apply(late, NOW)
    assert (order.filled, book.ledger.cash, book.ledger.positions[CODE].amount) == (400, cash, shares)
    fresh = Filled(TAG, "T2", 100, TEN, NOW + timedelta(seconds=1), Money(0))
    book.apply(fresh, NOW)
    assert book.ledger.positions[CODE].amount == shares + side * 100
    book.ledger.check(book.open_orders())


# -- the page ----------------------------------------------------------------------------------------------------------

WORDS = {
    S.NOT_SENT: "未到券商",
    S.UNKNOWN: "未知",
    S.WORKING: "在场",
    S.FILLED: "全部成交",
    S.CANCELLED: "已撤",
    S.REJECTED: "已拒",
    None: "—",
}


def page_table() -> str:
    """The table as it stands in the manual."""
    lines = ["| 本地（流水） | 券商 | 核对后 | 已成 | 提示 | 说明 |", "|---|---|---|---|---|---|"]
    for case in TABLE:
        kinds = "、".join(f"`{kind}`" for kind in case.kinds) or "—"
        lines.append(f"| {case.here} | {case.there} | {WORDS[case.after]} | {case.filled} | {kinds} | {case.meaning} |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """The page with its table replaced."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n{page_table()}\n{END}{rest.split(END)[1]}"


def test_the_manual_shows_this_table() -> None:
    page = DOC.read_text(encoding="utf-8")
    assert page == with_table(page), "run: python tests/engine/test_recovery.py"


if __name__ == "__main__":
    DOC.write_text(with_table(DOC.read_text(encoding="utf-8")), encoding="utf-8")
