"""Failure cases A and B: an order of which nobody knows whether it left, restarts, two of a kind."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from staging import NEXT, A, B, Stage, agrees, at_ten, half, held, moment, only_taken, orders

from bullet_trade.domain.orders import OrderState, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import OrderRefused, Reconciled, ReportIgnored
from bullet_trade.store.journal import read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Accept, Counter, Fill, Status
from bullet_trade.testing.counter_link import Weather
from bullet_trade.testing.faults import Fuse
from bullet_trade.testing.lives import Life


def kinds(life: Life) -> list[str]:
    return [one.kind for told in life.recorder.of(Reconciled) for one in told.findings]


def test_a_hundred_orders_answered_too_late_are_unknown_then_found_and_none_is_sent_twice(tmp_path: Path) -> None:
    """A01."""
    body = "[order(C, 100, LimitOrderStyle(4.0), wait_timeout=0) for n in range(100)]"
    stage = Stage(
        tmp_path, at_ten(body), lambda ticket: (Accept(30.0), Fill(31.0, 1.0)), weather=Weather(late=1.0, late_s=40.0)
    )
    asked: list[str] = []
    ask = stage.link.request_snapshot

    def counted() -> None:
        asked.append(f"{stage.link._now():%H:%M:%S}")
        ask()

    stage.link.request_snapshot = counted  # type: ignore[method-assign]
    unknown: list[int] = []
    life = stage.live(
        meanwhile={
            "10:00:09": lambda s: asked.clear(),
            "10:00:10.5": lambda s: unknown.append(len(s.engine.book.orders)),
        }
    )
    assert len(stage.own()) == 100
    assert unknown == [100]
    assert asked.count("10:00:11") == 1  # a hundred time-outs are one question
    assert not [when for when in asked if "10:00:11" < when < "10:00:40"]
    assert [order.filled for order in orders(life)] == [100] * 100
    assert stage.verdict() == []


def test_a_success_with_no_order_is_told_and_its_cash_comes_back_after_a_complete_list(tmp_path: Path) -> None:
    """A05."""
    stage = Stage(tmp_path, at_ten("order(A, 500, LimitOrderStyle(10.0))"), weather=Weather(phantom=1.0))
    frozen: dict[str, int] = {}

    def note(session: Session) -> None:
        frozen[f"{session.engine.now():%H:%M}"] = session.engine.ledger.frozen

    life = stage.live(meanwhile={"10:00:20": note, "10:01:30": note, "10:04": note})
    assert stage.own() == []
    assert frozen["10:00"] > 0
    assert frozen["10:04"] == 0
    assert kinds(life) == ["unknown", "never_sent"]
    assert orders(life)[0].state is OrderState.NOT_SENT


def test_ten_orders_with_one_remark_of_the_strategy_have_ten_tags(tmp_path: Path) -> None:
    """A08: the engine's own tag is the key, and a row under it must fit in security, side and amount too."""
    stage = Stage(tmp_path, at_ten("[order(C, 100 * (n + 1), wait_timeout=0) for n in range(10)]"))
    life = stage.live()
    assert {(order.tag, order.amount) for order in orders(life)} == {(one.tag, one.amount) for one in stage.own()}
    assert len({order.broker_id for order in orders(life)}) == 10
    assert stage.verdict() == []


def test_an_order_whose_questions_fail_for_long_is_never_over_and_its_fill_lands_on_it(tmp_path: Path) -> None:
    """A13: no number of the broker's, lists with holes, the fill an hour later."""
    stage = Stage(
        tmp_path,
        at_ten("order(A, 500)"),
        lambda ticket: (Fill(3600.0, 1.0),),
        weather=Weather(short_list=1.0, missing=1.0),
    )
    states: list[OrderState] = []
    life = stage.live(
        meanwhile={
            f"10:{minute}": lambda s: states.extend(o.state for o in orders_of(s)) for minute in range(10, 60, 5)
        }
    )
    assert set(states) == {OrderState.UNKNOWN}
    (order,) = orders(life)
    assert (order.state, order.filled) == (OrderState.FILLED, 500)


def orders_of(session: Session) -> list[object]:
    return list(session.engine.book.orders.values())


@pytest.mark.parametrize("sent", range(5))
def test_of_a_split_order_cut_off_in_the_middle_nothing_is_sent_again(sent: int, tmp_path: Path) -> None:
    """B04: four parts, killed after some; the others are proved never sent, and only a new wish may buy the rest."""
    whole = Stage(
        tmp_path / "whole", at_ten("order(C, 3_500_000, LimitOrderStyle(4.0), wait_timeout=0)"), only_taken, cash=1e9
    )
    fuse = Fuse()
    whole.live(fuse=fuse)
    parts = len(whole.own())
    assert parts == 4
    points = [number for number, name in enumerate(fuse.points, 1) if name == "before submit"]
    stage = Stage(tmp_path / "cut", whole.world.source, only_taken, cash=1e9)
    killed = stage.live(fuse=Fuse(points[sent])) if sent < parts else stage.live(killed="10:00:01")
    assert killed.killed
    life = stage.live(killed.ended + timedelta(seconds=5))
    assert len(stage.own()) == sent
    assert kinds(life).count("never_sent") == parts - sent
    assert stage.verdict() == []


def test_fifty_restarts_and_two_programs_on_one_account_never_repeat_a_tag(tmp_path: Path) -> None:
    """B06."""
    source = (
        at_ten("pass")
        .replace("run_daily(task, '10:00')", "run_daily(task, 'every_bar')")
        .replace("    pass", "    order(C, 100, wait_timeout=0)")
    )
    stage = Stage(tmp_path, source, cash=1e7)
    now = moment("09:30")
    for _ in range(50):
        now = stage.live(now, killed=f"{now + timedelta(seconds=70):%H:%M:%S}").ended
    assert len(stage.own()) >= 50
    assert stage.verdict() == []


def test_after_the_journal_is_lost_no_number_is_used_again(tmp_path: Path) -> None:
    """B06: another directory, the same strategy, the same account and day."""
    first = Stage(tmp_path / "one", at_ten("[order(C, 100, wait_timeout=0) for _ in range(3)]"), only_taken)
    first.live(killed="10:30")
    again = Stage(
        tmp_path / "two", at_ten("pass").replace("10:00", "11:00").replace("pass", "order(C, 100)"), only_taken
    )
    again.counter.orders, again.counter.now = first.counter.orders, first.counter.now
    again.live("10:40")
    tags = [order.tag for order in again.own()]
    assert len(tags) == len(set(tags)) == 4


RESTING = [
    Status.UNREPORTED,
    Status.WAITING,
    Status.WORKING,
    Status.CANCEL_ASKED,
    Status.PART_CANCEL_ASKED,
    Status.PART_FILLED,
]


@pytest.mark.parametrize("status", RESTING, ids=[f"{status.value}" for status in RESTING])
def test_a_resting_order_in_each_status_comes_back_can_be_cancelled_and_its_fill_is_delivered(
    status: Status, tmp_path: Path
) -> None:
    """B07."""
    source = at_ten("order(A, 500, wait_timeout=0)") + (
        "def handle_data(context, data):\n    if context.current_dt.strftime('%H:%M') == '11:00': cancel_order(1)\n"
    )
    stage = Stage(tmp_path, source, lambda ticket: (Accept(0.2), Fill(2400.0, 0.4)))
    stage.live(killed="10:20")
    (booked,) = stage.own()
    booked.status = status
    life = stage.live("10:21")
    (order,) = orders(life)
    assert (order.filled, order.state) == (200, OrderState.CANCELLED)
    assert stage.verdict() == []


def test_a_position_older_than_every_list_is_taken_over_from_the_broker(tmp_path: Path) -> None:
    """B08: an empty journal, no trade of today, shares in the account: who buys when flat does not buy."""
    stage = Stage(
        tmp_path, at_ten("if context.portfolio.positions[A].total_amount == 0: order(A, 100)"), holdings={A: 5000}
    )
    life = stage.live()
    assert stage.own() == []
    assert held(life) == {A: 5000}


def test_a_cancelled_order_with_fills_is_booked_before_it_ends_and_the_target_knows_of_it(tmp_path: Path) -> None:
    """B12: part-cancelled (53) while the engine was away."""
    source = (
        at_ten("order(B, 1000, wait_timeout=0)").replace(
            "run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(target, '11:00')"
        )
        + "def target(context): order_target(B, 400)\n"
    )
    stage = Stage(tmp_path, source, half)
    stage.live(killed="10:00:00.5")
    stage.counter.advance(moment("10:05"))
    stage.counter.withdraw(stage.own()[0].tag)
    life = stage.live("10:20")
    assert stage.own()[0].status is Status.PART_CANCELLED
    assert len(stage.own()) == 1  # 400 are there: the target is met
    assert held(life)[B] == 400
    assert stage.verdict() == []


def test_several_orders_under_one_remark_are_named_and_none_is_touched(tmp_path: Path) -> None:
    """A08, seen from the broker's side: somebody copies our remark."""
    stage = Stage(tmp_path, at_ten("order(A, 500, wait_timeout=0)"), only_taken)
    stage.live(killed="10:20")
    stage.counter.by_hand(Code(A), Side.BUY, 500, 100_000, stage.own()[0].tag, fills=False)  # type: ignore[arg-type]
    life = stage.live("10:21", look=["14:00"])
    assert "doubled" in kinds(life)
    assert stage.seen["14:00"].orders == {stage.own()[0].tag: (False, 0)}


def test_an_unresolved_order_blocks_its_own_security_only(tmp_path: Path) -> None:
    """J06: and sales stay possible."""
    body = "order(A, 100, wait_timeout=0)"
    source = at_ten(body).replace("run_daily(task, '10:00')", "run_daily(task, '10:00'); run_daily(more, '10:30')") + (
        "def more(context):\n    order(A, 100); order(B, 100); order(A, -100)\n"
    )
    stage = Stage(tmp_path, source, lambda ticket: (), weather=Weather(short_list=1.0, missing=1.0))
    life = stage.live()
    assert [(refused.code, refused.rule) for refused in life.recorder.of(OrderRefused)] == [(A, "unknown_order")]
    assert [(order.code, order.side) for order in stage.own()] == [(A, Side.BUY), (B, Side.BUY), (A, Side.SELL)]


def test_an_order_that_goes_out_at_the_open_while_the_line_comes_back_is_one_order(tmp_path: Path) -> None:
    """B10."""
    stage = Stage(
        tmp_path,
        at_ten("order(A, 500, wait_timeout=0)").replace("10:00", "09:20"),
        lambda ticket: (Accept(0.2), Fill(600.0, 1.0)),
    )
    stage.live(meanwhile={"09:29:58": lambda s: stage.link.cut(0.0, 2.0)})
    assert [(order.filled, order.status) for order in stage.own()] == [(500, Status.FILLED)]
    assert stage.verdict() == []


def test_a_target_asked_for_each_minute_over_a_resting_order_never_adds_up(tmp_path: Path) -> None:
    """B13: the open order is cancelled before the new one is sized, so that never two rest."""
    source = (
        at_ten("pass")
        .replace("run_daily(task, '10:00')", "run_daily(task, 'every_bar')")
        .replace("    pass", "    order_target(B, 1000)")
    )
    stage = Stage(tmp_path, source, only_taken)
    most = 0

    def count(_: Session) -> None:
        nonlocal most
        most = max(most, sum(order.alive for order in stage.own()))

    stage.live(meanwhile={f"{hour}:{minute:02d}:30": count for hour in (10, 11, 13) for minute in range(0, 60, 7)})
    assert most == 1


def test_what_a_strategy_calls_out_of_an_order_never_reaches_a_stranger(tmp_path: Path) -> None:
    """T06: orders of others are shown, and neither cancelled nor taken over."""
    stage = Stage(tmp_path, at_ten("[cancel_order(one) for one in get_open_orders().values()]"), only_taken)
    strangers = [
        stage.counter.by_hand(Code(A), Side.SELL, 100, 100_000, tag, fills=False)  # type: ignore[arg-type]
        for tag in ("", "手工", "bt:another:00100001")
    ]
    life = stage.live(look=["14:00"])
    assert kinds(life).count("external") >= 1
    assert stage.seen["14:00"].orders == {}
    assert not any(order.alive for order in strangers)  # the close ended them
    assert {order.status for order in strangers} == {Status.CANCELLED}
    assert life.recorder.of(ReportIgnored)
    assert not any(row.kind in ("cancel", "adopted") for row in read_journal(stage.world.journal))


def test_two_accounts_with_the_same_security_are_kept_apart(tmp_path: Path) -> None:
    """T05: an account is a process with a directory of its own."""
    lives = []
    for name, amount in (("one", 100), ("two", 300), ("three", 500)):
        stage = Stage(tmp_path / name, at_ten(f"order(A, {amount})"))
        lives.append((stage.live(), stage.counter))
        intents = [json.loads(row.body) for row in read_journal(stage.world.journal) if row.kind == "intent"]
        assert [body["amount"] for body in intents] == [amount]
    assert [held(life)[A] for life, _ in lives] == [1100, 1300, 1500]
    assert all(agrees(life, counter) for life, counter in lives)


def test_orders_of_one_tick_of_a_coarse_clock_keep_their_order_and_their_tags(tmp_path: Path) -> None:
    """U06: everything in one instant."""
    stage = Stage(tmp_path, at_ten("[order(C, 100, wait_timeout=0) for _ in range(300)]"), cash=1e7)
    stage.live()
    rows = [row for row in read_journal(stage.world.journal) if row.kind == "intent"]
    assert len({row.at for row in rows}) == 1
    tags = [json.loads(row.body)["tag"] for row in rows]
    assert tags == sorted(set(tags))
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)
    assert stage.verdict() == []


def test_a_position_bought_yesterday_is_known_today(tmp_path: Path) -> None:
    """H02: 400 of 1,000 were bought before the rest was cancelled; the next day they are sold."""
    source = (
        at_ten("order(B, 1000, LimitOrderStyle(12.0)) if g.x == 0 else order_target(B, 0); g.x += 1").replace(
            "run_daily(task, '10:00')",
            "run_daily(task, '10:00'); run_daily(give_up, '10:10')",
        )
        + "def give_up(context): [cancel_order(one) for one in get_open_orders().values()]\n"
    )
    stage = Stage(tmp_path, source, half, days=(DAY_ONE, NEXT))
    life = stage.live()
    assert [(order.side, order.amount) for order in stage.own()] == [(Side.BUY, 1000), (Side.SELL, 400)]
    assert agrees(life, stage.counter)
    assert stage.verdict() == []


DAY_ONE = moment("09:00").date()


def test_a_counter_is_not_asked_by_each_of_many_time_outs(tmp_path: Path) -> None:
    """M02: a terminal that answers one question a second and drops the others still settles everything."""
    stage = Stage(
        tmp_path, at_ten("[order(C, 100, wait_timeout=0) for _ in range(4)]"), weather=Weather(lose_request=1.0)
    )
    answered: list[object] = []
    ask = stage.link.request_snapshot

    def paced() -> None:
        now = stage.link._now()
        if not answered or now - answered[-1] >= timedelta(seconds=1):  # type: ignore[operator]
            answered.append(now)
            ask()

    stage.link.request_snapshot = paced  # type: ignore[method-assign]
    life = stage.live(look=["10:02"])
    assert set(stage.seen["10:02"].orders.values()) == {(True, 0)}
    assert {order.state for order in orders(life)} == {OrderState.NOT_SENT}


def test_the_counter_of_the_cases_keeps_its_own_rules() -> None:
    """The stand-in lists part fills, cancels on their way and part cancels under their own numbers."""
    counter = Counter(moment("10:00"), half, holdings={A: 1000})
    order = counter.by_hand(Code(A), Side.SELL, 400, 100_000, fills=False)  # type: ignore[arg-type]
    assert counter.sellable(Code(A)) == 600
    counter.advance(moment("15:00"))
    assert (order.status, counter.sellable(Code(A))) == (Status.CANCELLED, 1000)
