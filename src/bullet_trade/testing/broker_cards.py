"""The cards of the broker contract suite: one torment each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

import msgspec

from bullet_trade.domain.money import ZERO
from bullet_trade.domain.orders import Order, OrderState, OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    HoldingRow,
    LinkDown,
    LinkUp,
)
from bullet_trade.domain.securities import Code
from bullet_trade.testing.broker_world import Ability, Disturbance, Fate, World
from bullet_trade.testing.referee import Referee, require

S = OrderState
UNKNOWN_CODE = Code("999999.XSHG")
_PART_FILLED, _FILLED, _JUNK = 55, 56, 57
_CANCELLED = frozenset({53, 54})


@dataclass(frozen=True, slots=True)
class Card:
    """One check. `title` is Chinese; `needs` are the abilities without which it is skipped."""

    name: str
    title: str
    run: Callable[[Referee], None]
    needs: tuple[Ability, ...] = ()
    disturbance: Disturbance = Disturbance.NONE


# -- connection and account --------------------------------------------------------------------------------------------


def _connect(referee: Referee) -> None:
    opening = referee.connect()
    require(bool(referee.of(LinkUp)), "连接后没有 LinkUp")
    require(referee.reports.index(referee.of(LinkUp)[0]) < referee.reports.index(opening), "快照先于 LinkUp")
    require(opening.available > 0, f"可用资金 {opening.available} 不是正数")
    require(opening.frozen == 0, "没有委托时冻结资金应为 0")
    require(bool(referee.world.broker.label), "没有给人看的名称 label")


def _positions(referee: Referee) -> None:
    opening = referee.connect()
    row = _row(opening, referee.world)
    require(row.amount >= referee.world.held, f"持仓 {row.amount} 股，应至少 {referee.world.held} 股")
    require(0 <= row.closeable <= row.amount, f"可卖 {row.closeable} 股，持仓 {row.amount} 股")
    again = referee.snapshot()
    require(again.holdings == opening.holdings, "没有交易，两次快照的持仓却不同")
    require(again.available == opening.available, "没有交易，两次快照的可用资金却不同")


# -- orders that trade -------------------------------------------------------------------------------------------------


def _limit_buy(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.FILL)
    referee.reaches(order, S.FILLED)
    _accepted(referee, order)
    now = referee.moved(opening)
    require(now.frozen == 0, "全部成交后冻结资金没有释放")


def _limit_sell(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.SELL, 1000, Fate.FILL)
    referee.reaches(order, S.FILLED)
    require(referee.moved(opening).available > opening.available, "卖出后可用资金没有增加")


def _market(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.FILL, OrderType.MARKET)
    referee.reaches(order, S.FILLED)
    referee.moved(opening)


def _part(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.PART)
    referee.until(lambda: order.filled > 0, "应部分成交，没有成交回报")
    require(0 < order.filled < order.amount, f"应部分成交，实际成交 {order.filled}/{order.amount}")
    referee.moved(opening)
    referee.cancel(order)
    referee.reaches(order, S.CANCELLED)
    require(referee.moved(opening).frozen == 0, "部成撤单后冻结资金没有释放")


def _part_then_rest(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.PART)
    referee.until(lambda: order.filled > 0, "应部分成交，没有成交回报")
    referee.world.fill_rest()
    referee.reaches(order, S.FILLED)
    trades = [report.trade_id for report in referee.of(Filled)]
    require(len(set(trades)) == len(trades), "两笔成交用了同一个成交编号")
    referee.moved(opening)


def _two_orders(referee: Referee) -> None:
    opening = referee.connect()
    first = referee.send(Side.BUY, 500, Fate.REST)
    second = referee.send(Side.BUY, 1000, Fate.FILL)
    referee.reaches(second, S.FILLED)
    require(first.filled == 0, "挂着的委托收到了另一笔委托的成交")
    referee.cancel(first)
    referee.reaches(first, S.CANCELLED)
    numbers = [report.broker_id for report in referee.of(Accepted)]
    require(len(set(numbers)) >= 2, "两笔委托用了同一个委托编号")
    referee.moved(opening)


# -- cancelling --------------------------------------------------------------------------------------------------------


def _cancel_won(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.REST)
    referee.reaches(order, S.WORKING)
    require(referee.snapshot().frozen > 0, "挂着的买单没有冻结资金")
    referee.cancel(order)
    referee.reaches(order, S.CANCELLED)
    now = referee.moved(opening)
    require((now.available, now.frozen) == (opening.available, ZERO), "撤单后资金没有全部释放")


def _cancelled_sale_can_be_sold_again(referee: Referee) -> None:
    opening = referee.connect()
    free = _row(opening, referee.world).closeable
    order = referee.send(Side.SELL, 1000, Fate.REST)
    referee.reaches(order, S.WORKING)
    require(_row(referee.snapshot(), referee.world).closeable == free - 1000, "挂着的卖单没有占用可卖数量")
    referee.cancel(order)
    referee.reaches(order, S.CANCELLED)
    require(_row(referee.snapshot(), referee.world).closeable == free, "撤单后可卖数量没有恢复")
    again = referee.send(Side.SELL, 1000, Fate.FILL)
    referee.reaches(again, S.FILLED)


def _cancel_lost(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.REST)
    referee.reaches(order, S.WORKING)
    referee.world.fill_rest()
    referee.cancel(order)
    referee.reaches(order, S.FILLED)
    referee.settled()
    require(not referee.of(Cancelled), "已全部成交的委托又报了已撤")
    referee.moved(opening)


def _cancel_of_nothing(referee: Referee) -> None:
    referee.connect()
    tag = referee.tag()
    referee.world.broker.cancel(tag)
    referee.until(lambda: any(r.tag == tag for r in referee.of(CancelRefused)), "撤不存在的委托没有得到 CancelRefused")


def _cancel_after_fill(referee: Referee) -> None:
    referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.FILL)
    referee.reaches(order, S.FILLED)
    referee.cancel(order)
    referee.until(lambda: bool(referee.of(CancelRefused)), "撤已成委托没有得到 CancelRefused")
    require(order.state is S.FILLED, "已成委托的状态变了")


def _cancel_from_thread(referee: Referee) -> None:
    referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.REST)
    referee.reaches(order, S.WORKING)
    thread = Thread(target=referee.world.broker.cancel, args=(order.tag,))
    thread.start()
    thread.join(10.0)
    require(not thread.is_alive(), "从另一线程撤单没有立刻返回")
    referee.reaches(order, S.CANCELLED)


# -- refusals ----------------------------------------------------------------------------------------------------------


def _reject(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.REJECT)
    referee.reaches(order, S.REJECTED)
    now = referee.moved(opening)
    require((now.available, now.frozen) == (opening.available, ZERO), "被拒的委托占用了资金")


def _unknown_code(referee: Referee) -> None:
    opening = referee.connect()
    plain = referee.world.ticket(referee.tag(), Side.BUY, 1000, Fate.FILL, OrderType.LIMIT)
    order = referee.submit(msgspec.structs.replace(plain, code=UNKNOWN_CODE))
    referee.reaches(order, S.REJECTED)
    require(referee.snapshot().available == opening.available, "代码不存在的委托占用了资金")


def _too_much(referee: Referee) -> None:
    opening = referee.connect()
    sellable = _row(opening, referee.world).closeable
    sale = referee.send(Side.SELL, (sellable // 500 + 2) * 500, Fate.FILL)
    referee.reaches(sale, S.REJECTED)
    plain = referee.world.ticket(referee.tag(), Side.BUY, 1000, Fate.FILL, OrderType.LIMIT)
    affordable = int(opening.available // plain.limit_price)
    purchase = referee.submit(msgspec.structs.replace(plain, amount=min(affordable // 500 * 500 + 1000, 1_000_000)))
    referee.reaches(purchase, S.REJECTED)
    referee.moved(opening)


def _t1(referee: Referee) -> None:
    opening = referee.connect()
    before = _row(opening, referee.world)
    order = referee.send(Side.BUY, 1000, Fate.FILL)
    referee.reaches(order, S.FILLED)
    after = _row(referee.snapshot(), referee.world)
    require(after.amount == before.amount + 1000, "买入后持仓没有增加")
    require(after.closeable == before.closeable, "当日买入的股票不应可卖（T+1）")
    sale = referee.send(Side.SELL, (before.closeable // 500 + 1) * 500, Fate.FILL)
    referee.reaches(sale, S.REJECTED)


def _next_day(referee: Referee) -> None:
    opening = referee.connect()
    bought = referee.send(Side.BUY, 1000, Fate.FILL)
    resting = referee.send(Side.BUY, 500, Fate.REST)
    referee.reaches(bought, S.FILLED)
    referee.world.next_day()
    referee.reaches(resting, S.CANCELLED)
    now = referee.snapshot()
    row = _row(now, referee.world)
    require(row.closeable == row.amount == _row(opening, referee.world).amount + 1000, "次日昨日买入的股票应可卖")
    require(now.frozen == 0, "收盘后未成交委托的冻结资金没有释放")
    sale = referee.send(Side.SELL, row.amount // 500 * 500, Fate.FILL)
    referee.reaches(sale, S.FILLED)


# -- the day's list ----------------------------------------------------------------------------------------------------


def _order_list(referee: Referee) -> None:
    referee.connect()
    filled = referee.send(Side.BUY, 1000, Fate.FILL)
    refused = referee.send(Side.BUY, 1000, Fate.REJECT)
    gone = referee.send(Side.BUY, 500, Fate.REST)
    referee.reaches(filled, S.FILLED)
    referee.reaches(refused, S.REJECTED)
    referee.reaches(gone, S.WORKING)
    referee.cancel(gone)
    referee.reaches(gone, S.CANCELLED)
    now = referee.snapshot()
    row = referee.row(filled, now)
    require((row.code, row.side, row.amount, row.filled) == (filled.code, Side.BUY, 1000, 1000), f"委托列表有误：{row}")
    require(row.status == _FILLED, f"全部成交的委托在列表中的状态是 {row.status}，应为 {_FILLED}")
    require(referee.row(gone, now).status in _CANCELLED, "已撤委托在列表中的状态应为 53 或 54")
    rows = [row for row in now.orders if row.tag == refused.tag]
    require(all(row.status == _JUNK for row in rows), f"被拒委托若在列表中，状态应为 {_JUNK}")


def _trade_list(referee: Referee) -> None:
    referee.connect()
    bought = referee.send(Side.BUY, 1000, Fate.FILL)
    sold = referee.send(Side.SELL, 500, Fate.FILL)
    referee.reaches(bought, S.FILLED)
    referee.reaches(sold, S.FILLED)
    rows = referee.snapshot().trades
    listed = sorted((row.tag, row.trade_id, row.amount, row.price) for row in rows)
    told = sorted((report.tag, report.trade_id, report.amount, report.price) for report in referee.of(Filled))
    require(listed == told, f"当日成交列表 {listed} 与成交回报 {told} 不符")
    require(all(row.side is (Side.BUY if row.tag == bought.tag else Side.SELL) for row in rows), "成交列表的方向有误")


def _by_hand(referee: Referee) -> None:
    opening = referee.connect()
    referee.world.enter_by_hand(Side.SELL, 500)
    referee.settled()
    now = referee.snapshot()
    before, after = _row(opening, referee.world).amount, _row(now, referee.world).amount
    require(after == before - 500, f"手工卖出 500 股后持仓 {before} -> {after}")
    require(not referee.of(Filled), "手工委托的成交被当成了本程序的成交")
    rows = [row for row in now.orders if row.filled == 500]
    require(bool(rows), "手工委托不在当日委托列表中")
    require(all(row.tag not in referee.orders for row in rows), "手工委托带着本程序的标记")


# -- reports that do not come as they should ---------------------------------------------------------------------------


def _disturbed(referee: Referee) -> None:
    opening = referee.connect()
    bought = referee.send(Side.BUY, 1000, Fate.FILL)
    sold = referee.send(Side.SELL, 500, Fate.FILL)
    refused = referee.send(Side.BUY, 1000, Fate.REJECT)
    resting = referee.send(Side.BUY, 500, Fate.REST)
    referee.reaches(bought, S.FILLED)
    referee.reaches(sold, S.FILLED)
    referee.reaches(refused, S.REJECTED)
    referee.reaches(resting, S.WORKING)
    referee.cancel(resting)
    referee.reaches(resting, S.CANCELLED)
    referee.settled()
    require(bought.filled == 1000 and sold.filled == 500 and resting.filled == 0, "成交数量不对")
    referee.moved(opening)


def _push_again(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.FILL)
    gone = referee.send(Side.BUY, 500, Fate.REST)
    referee.reaches(order, S.FILLED)
    referee.reaches(gone, S.WORKING)
    referee.cancel(gone)
    referee.reaches(gone, S.CANCELLED)
    for _ in range(3):
        referee.world.push_again()
        referee.settled()
    require(order.state is S.FILLED and order.filled == 1000, "重推之后成交数量变了")
    require(gone.state is S.CANCELLED, "重推之后已撤委托又活了")
    referee.moved(opening)


def _fill_while_down(referee: Referee) -> None:
    opening = referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.REST)
    referee.reaches(order, S.WORKING)
    referee.world.lose_link()
    referee.until(lambda: bool(referee.of(LinkDown)), "断线没有报 LinkDown")
    referee.world.fill_rest()
    referee.settled()
    ups = len(referee.of(LinkUp))
    referee.world.restore_link()
    referee.until(lambda: len(referee.of(LinkUp)) > ups, "恢复后没有报 LinkUp")
    _known_to_be_filled(referee, order)
    if order.state is S.FILLED:
        referee.moved(opening)


def _known_to_be_filled(referee: Referee, order: Order) -> None:
    """By a report that is pushed again, or by the day's list."""
    referee.settled()
    if order.state is not S.FILLED:
        row = referee.row(order, referee.snapshot())
        require(row.filled == order.amount, "断线期间的成交在恢复后既没有补报，也不在当日委托列表中")


def _order_while_down(referee: Referee) -> None:
    opening = referee.connect()
    referee.world.lose_link()
    referee.until(lambda: bool(referee.of(LinkDown)), "断线没有报 LinkDown")
    order = referee.send(Side.BUY, 1000, Fate.FILL)
    referee.until(
        lambda: order.state in (S.REJECTED, S.UNKNOWN),
        "断线时下单没有得到 Rejected 或 NoAnswer",
    )
    refused = order.state is S.REJECTED
    referee.world.restore_link()
    referee.settled()
    now = referee.moved(opening)
    sent = order.filled or now.frozen or referee.of(Accepted)
    require(not (refused and sent), "断线时被拒的委托在恢复后又发了出去")


def _silent_after_close(referee: Referee) -> None:
    referee.connect()
    order = referee.send(Side.BUY, 1000, Fate.REST)
    referee.reaches(order, S.WORKING)
    referee.world.broker.close()
    referee.closed = True
    referee.world.fill_rest()
    referee.settled()


# -- the deck ----------------------------------------------------------------------------------------------------------

_A, _D = Ability, Disturbance

CARDS: tuple[Card, ...] = (
    Card("connect", "连接：先 LinkUp，再账户快照", _connect),
    Card("positions", "持仓与可卖数量，重复查询结果一致", _positions),
    Card("limit_buy", "限价买入全部成交，资金与持仓逐分相符", _limit_buy),
    Card("limit_sell", "限价卖出，资金当日可用", _limit_sell),
    Card("market", "市价买入，不劣于保护价", _market, (_A.MARKET_ORDERS,)),
    Card("part_fill", "部分成交后撤单", _part, (_A.PART_FILLS,)),
    Card("part_then_rest", "部分成交，再全部成交", _part_then_rest, (_A.PART_FILLS,)),
    Card("two_orders", "同一证券两笔委托互不混淆", _two_orders),
    Card("cancel_won", "撤单成功，冻结资金全部释放", _cancel_won),
    Card("sell_again", "撤掉卖单后可立即再卖", _cancelled_sale_can_be_sold_again),
    Card("cancel_lost", "成交抢在撤单之前", _cancel_lost, (_A.FILL_BEFORE_CANCEL,)),
    Card("cancel_unknown", "撤不存在的委托", _cancel_of_nothing),
    Card("cancel_filled", "撤已成交的委托", _cancel_after_fill),
    Card("cancel_thread", "从另一线程撤单", _cancel_from_thread),
    Card("reject", "被拒的委托写明原因，不占资金", _reject),
    Card("unknown_code", "不存在的证券代码", _unknown_code),
    Card("too_much", "超出可卖数量或可用资金", _too_much),
    Card("t_plus_1", "当日买入当日不可卖", _t1),
    Card("next_day", "次日可卖，隔日委托失效", _next_day, (_A.NEXT_DAY,)),
    Card("order_list", "当日委托列表", _order_list, (_A.ORDER_LIST,)),
    Card("trade_list", "当日成交列表与回报一致", _trade_list, (_A.TRADE_LIST,)),
    Card("by_hand", "手工委托只改变账户", _by_hand, (_A.BY_HAND, _A.ORDER_LIST)),
    Card("twice", "回报重复", _disturbed, (_A.TWICE,), _D.TWICE),
    Card("late", "回报迟到", _disturbed, (_A.LATE,), _D.LATE),
    Card("shuffled", "回报乱序", _disturbed, (_A.SHUFFLED,), _D.SHUFFLED),
    Card("push_again", "重推当日全部回报", _push_again, (_A.PUSH_AGAIN,)),
    Card("fill_while_down", "断线期间成交，恢复后得知", _fill_while_down, (_A.LINK,)),
    Card("order_while_down", "断线时下单，不静默，不事后补发", _order_while_down, (_A.LINK,)),
    Card("silent_after_close", "关闭后不再有回报", _silent_after_close),
)


def _row(snapshot: AccountSnapshot, world: World) -> HoldingRow:
    rows = [row for row in snapshot.holdings if row.code == world.code]
    require(len(rows) == 1, f"快照中 {world.code} 的持仓有 {len(rows)} 行，应为 1 行")
    return rows[0]


def _accepted(referee: Referee, order: Order) -> None:
    require(any(report.tag == order.tag for report in referee.of(Accepted)), "成交的委托没有 Accepted 回报")
