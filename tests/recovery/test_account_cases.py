"""Failure cases I: cash, shares and what may be sold, where the broker and the engine disagree; and the sync itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from staging import DAY, IDLE, NEXT, A, C, Stage, agrees, at_ten, half, held, only_taken, orders

from bullet_trade.domain.orders import OrderState, Side
from bullet_trade.engine.events import AccountDiffers, OrderRefused
from bullet_trade.store.journal import read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Accept, Fill, Status


@pytest.mark.parametrize("resting", [False, True], ids=["nothing open", "an order rests"])
def test_a_sale_by_somebody_else_is_named_and_taken_over_within_a_period(resting: bool, tmp_path: Path) -> None:
    """I04: 231 of 314 are sold outside; the strategy sees it, whether or not an order of its own is open."""
    source = at_ten("order(B, 100, wait_timeout=0)" if resting else "pass")
    stage = Stage(tmp_path, source, only_taken, holdings={A: 314})
    life = stage.live(meanwhile={"11:00:30": lambda s: stage.by_hand(A, -231)}, look=["11:00:59", "11:03"])
    assert stage.seen["11:00:59"].holdings[A] == (314, 314)
    assert stage.seen["11:03"].holdings[A] == (83, 83)
    assert stage.seen["11:03"].cash == stage.counter.cash
    (told,) = life.recorder.of(AccountDiffers)
    assert [(one.what, one.ours, one.theirs) for one in told.differences][1:] == [(f"{A} 持仓", "314 股", "83 股")]
    assert stage.verdict() == []


def test_a_difference_seen_once_while_orders_are_open_is_not_yet_one(tmp_path: Path) -> None:
    """I04: a fill that the account shows before its report is no difference; the second look decides."""
    stage = Stage(tmp_path, at_ten("order(B, 100, wait_timeout=0)"), only_taken)
    back_and_forth = {
        "11:00:30": lambda s: stage.counter.move(stage.own()[0].code, 100),
        "11:01:30": lambda s: stage.counter.move(stage.own()[0].code, -100),
    }
    life = stage.live(meanwhile=back_and_forth)
    assert life.recorder.of(AccountDiffers) == []


def test_an_order_by_hand_holds_shares_until_it_ends(tmp_path: Path) -> None:
    """I04: shares that another order offers are not offered again, and come back with its end."""
    stage = Stage(tmp_path, IDLE, holdings={A: 1000})

    def rest(_: Session) -> None:
        order = stage.counter.by_hand(A, Side.SELL, 400, 100_000, fills=False)  # type: ignore[arg-type]
        assert order.status is Status.WORKING

    life = stage.live(meanwhile={"10:00": rest}, look=["09:59", "10:01:30", "15:06"])
    assert [stage.seen[when].holdings[A][1] for when in ("09:59", "10:01:30", "15:06")] == [1000, 600, 1000]
    assert life.recorder.of(AccountDiffers) == []


def test_the_day_has_a_statement_a_minute_and_the_night_none(tmp_path: Path) -> None:
    """I04: the period of the sync, from 09:15 to the close."""
    stage = Stage(tmp_path, IDLE, days=(DAY, NEXT))
    asked: list[str] = []
    ask = stage.link.request_snapshot

    def counted() -> None:
        asked.append(f"{stage.link._now():%d %H:%M:%S}")
        ask()

    stage.link.request_snapshot = counted  # type: ignore[method-assign]
    stage.live("09:10")
    second = [when for when in asked if when.startswith("04")]
    assert second[0] == "04 09:15:01"
    assert max(second) <= "04 15:06"
    assert 300 < len(second) < 360


def test_without_the_sync_the_close_finds_what_others_did(tmp_path: Path) -> None:
    """I04: ACCOUNT_SYNC_INTERVAL=0."""
    stage = Stage(tmp_path, IDLE, sync_s=None)
    life = stage.live(meanwhile={"11:00": lambda s: stage.by_hand(A, -300)}, look=["14:59"])
    assert stage.seen["14:59"].holdings[A][0] == 1000
    assert held(life) == {A: 700}
    assert len(life.recorder.of(AccountDiffers)) == 1


def test_the_proceeds_of_a_sale_buy_in_the_same_minute(tmp_path: Path) -> None:
    """I08."""
    stage = Stage(tmp_path, at_ten("order(A, -1000); order(B, 800)"), cash=20.0)
    life = stage.live()
    assert [(order.side, order.filled) for order in stage.own()] == [(Side.SELL, 1000), (Side.BUY, 800)]
    assert agrees(life, stage.counter)


def test_shares_bought_today_are_refused_in_the_evening_and_sold_the_next_morning(tmp_path: Path) -> None:
    """I09: what may be sold is judged when the order is sent."""
    source = (
        at_ten("order(B, 300) if g.x == 0 else order_target(B, 0); g.x += 1").replace(
            "run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(evening, '15:10')"
        )
        + "def evening(context):\n    if g.x == 1: order_target(B, 0)\n"
    )
    stage = Stage(tmp_path, source, days=(DAY, NEXT))
    life = stage.live()
    assert [(order.side, order.amount) for order in stage.own()] == [(Side.BUY, 300), (Side.SELL, 300)]
    assert len(life.recorder.of(OrderRefused)) == 1
    assert stage.verdict() == []


def test_a_cancelled_sale_offers_its_shares_again_at_once(tmp_path: Path) -> None:
    """I10: sell, cancel, sell the whole holding again."""
    source = at_ten("o = order(A, -1000, wait_timeout=0); cancel_order(o); order(A, -1000, wait_timeout=0)")
    stage = Stage(tmp_path, source, only_taken)
    life = stage.live()
    assert [(order.amount, order.cancelled) for order in stage.own()] == [(1000, True), (1000, True)]
    assert life.recorder.of(OrderRefused) == []


def test_after_each_fill_a_kill_and_the_days_sums_are_those_of_all_fills(tmp_path: Path) -> None:
    """I13, V05: positions, cash and the day's counters, twice in a day; refusals are counted on, too."""
    source = at_ten("order(B, 200); order(B, -100000); order(A, -500)").replace(
        "run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(task, '13:30')"
    )
    stage = Stage(tmp_path, source, holdings={A: 1000})
    stage.live(killed="10:00:30")
    stage.live("10:05", killed="13:30:01")
    life = stage.live("13:40")
    book = life.session.engine.book
    buys = [trade for trade in stage.counter.trades if trade.side is Side.BUY]
    sales = [trade for trade in stage.counter.trades if trade.side is Side.SELL]
    assert book.sums.bought == sum(trade.price * trade.amount for trade in buys)
    assert book.sums.sold == sum(trade.price * trade.amount for trade in sales)
    assert book.sums.orders == len(stage.own())
    assert book.sums.refused == sum(row.kind == "refused" for row in read_journal(stage.world.journal))
    assert agrees(life, stage.counter)
    assert stage.verdict() == []


@pytest.mark.parametrize("wanted", [350, 250])
def test_an_odd_holding_can_be_sold(wanted: int, tmp_path: Path) -> None:
    """L02: all of 350 in one order; of 250 wanted, whole lots or all, and the rest stays sellable."""
    stage = Stage(tmp_path, at_ten(f"order(A, -{wanted})"), holdings={A: 350})
    life = stage.live()
    (order,) = stage.own()
    assert order.filled == order.amount in ({350} if wanted == 350 else {200, 250})
    assert held(life).get(A, 0) == 350 - order.amount
    assert agrees(life, stage.counter)


@pytest.mark.parametrize("percent", [99, 87, 50, 31, 3])
def test_a_target_below_a_round_holding_leaves_whole_lots(percent: int, tmp_path: Path) -> None:
    """L03."""
    stage = Stage(tmp_path, at_ten(f"order_target_value(A, {4000 * 10.0 * percent / 100})"), holdings={A: 4000})
    life = stage.live()
    assert held(life).get(A, 0) % 100 == 0


@pytest.mark.parametrize(
    ("code", "side", "asked", "sent"),
    [(A, 1, 10.0049, 100_000), (A, -1, 9.9951, 100_000), (C, 1, 4.00049, 40_000), (C, -1, 3.99951, 40_000)],
)
def test_a_limit_off_the_grid_is_rounded_in_the_safe_direction(
    code: str, side: int, asked: float, sent: int, tmp_path: Path
) -> None:
    """L07: a purchase never pays more, a sale never takes less; 0.01 yuan for shares, 0.001 for funds."""
    stage = Stage(
        tmp_path, at_ten(f"order({code!r}, {side * 100}, LimitOrderStyle({asked}))"), holdings={A: 1000, C: 1000}
    )
    stage.live()
    (order,) = stage.own()
    assert order.limit_price == sent


def test_buy_once_buys_once_at_the_open(tmp_path: Path) -> None:
    """Q09: the first minute calls the daily task and handle_data; the order is still on its way."""
    source = at_ten("once(context)").replace("'10:00'", "'9:30'") + (
        "def handle_data(context, data): once(context)\n"
        "def once(context):\n"
        "    if not get_open_orders() and context.portfolio.positions[B].total_amount == 0:\n"
        "        order(B, 100, wait_timeout=0)\n"
    )
    stage = Stage(tmp_path, source, lambda ticket: (Accept(5.0), Fill(200.0, 1.0)))
    stage.live()
    assert len(stage.own()) == 1


def test_a_part_filled_order_counts_its_parts_to_the_whole(tmp_path: Path) -> None:
    """I7 for a day with every kind of end."""
    stage = Stage(tmp_path, at_ten("order(A, 1000, wait_timeout=0); order(B, 300, wait_timeout=0)"), half)
    life = stage.live()
    for order in orders(life):
        assert order.state is OrderState.CANCELLED
        assert order.filled + (order.amount - order.filled) == order.amount
    assert stage.verdict() == []
