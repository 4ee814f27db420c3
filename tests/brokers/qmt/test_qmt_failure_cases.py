"""What terminals were seen doing wrong, each built into the stand-in, and what the engine is told of it. Ids are those
of the list of failure cases."""

from __future__ import annotations

import logging
from datetime import datetime
from threading import Thread

import pytest
from station import CODE, Station, needs_wheel, station

from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    LinkDown,
    LinkUp,
    NoAnswer,
    Rejected,
)
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.world import ACCOUNT_ID, PREFIX

pytestmark = needs_wheel
BUY, SELL = Side.BUY, Side.SELL


def accepted(desk: Station, limit: float = 9.80) -> str:
    tag = desk.send(limit=limit)
    assert desk.kinds(tag) == ["Accepted"]
    return tag


# -- orders ------------------------------------------------------------------------------------------------------------


def test_a_number_without_an_order_is_no_acceptance_and_a_later_list_proves_the_absence():
    """A05."""
    with station() as desk:
        desk.behaviour.no_order = True
        tag = desk.send()
        desk.run(9.0)
        assert desk.kinds(tag) == []
        desk.run(2.0)
        assert desk.kinds(tag) == ["NoAnswer"]
        assert not desk.snapshot().complete  # so soon an absence proves nothing
        desk.run(40.0)
        last = desk.of(AccountSnapshot)[-1]
        assert last.complete
        assert tag not in {row.tag for row in last.orders}


def test_no_order_is_called_absent_while_the_list_fails():
    """A05: cash is freed only after a query that succeeded."""
    with station() as desk:
        desk.behaviour.no_order = True
        desk.behaviour.none_for_empty = True
        desk.send()
        desk.run(100.0)
        assert not any(one.complete for one in desk.of(AccountSnapshot)[1:])


def test_an_order_that_was_not_answered_is_found_in_the_list():
    with station() as desk:
        desk.behaviour.no_answer_to_orders = True
        desk.behaviour.mute = True
        tag = desk.send()
        desk.behaviour.mute = False
        desk.run(12.0)
        assert desk.kinds(tag) == ["NoAnswer", "Accepted"]
        assert len(desk.world.book.orders) == 1


def test_a_foreign_order_under_our_remark_is_not_taken_for_ours():
    """A08: a match needs security, side, amount and number as well."""
    with station() as desk:
        tag = accepted(desk)
        desk.terminal.enter_by_hand(CODE, SELL, 500, 9.90, remark=tag)
        desk.run(60.0)
        assert desk.kinds(tag) == ["Accepted"]
        assert len([row for row in desk.snapshot().orders if row.tag == tag]) == 2


def test_ten_orders_are_bound_to_ten_numbers():
    """A08."""
    with station() as desk:
        tags = [accepted(desk) for _ in range(10)]
        numbers = {one.tag: one.broker_id for one in desk.of(Accepted)}
        assert {tag: order.broker_id for tag, order in zip(tags, desk.world.book.orders, strict=True)} == numbers


@pytest.mark.parametrize("inverted", [False, True])
def test_what_became_of_a_cancel_is_read_from_the_order_and_not_from_the_answer(inverted):
    """A15."""
    with station() as desk:
        desk.behaviour.cancel_results_inverted = inverted
        alive, filled = accepted(desk), accepted(desk)
        desk.terminal.fill(filled, 1000, 9.80)
        desk.run()
        desk.cancel(alive)
        desk.cancel(filled)
        desk.run(10.0)
        assert desk.kinds(alive) == ["Accepted", "Cancelled"]
        assert desk.kinds(filled) == ["Accepted", "Filled", "CancelRefused"]


def test_a_refused_cancel_of_a_living_order_is_told_and_the_order_goes_on():
    """A15: the answer says no, and the order is indeed alive."""
    with station() as desk:
        tag = accepted(desk)
        desk.behaviour.cancel_results_inverted = desk.behaviour.lose_cancels = True
        desk.cancel(tag)
        desk.run(5.0)
        assert desk.kinds(tag) == ["Accepted", "CancelRefused"]
        assert desk.of(CancelRefused)[0].reason == "委托不可撤"


def test_orders_of_an_earlier_run_can_be_cancelled_and_their_fills_arrive():
    """B07: resting orders in each non-final status."""
    with station(connect=False) as desk:
        tags = [desk.tag() for _ in range(6)]
        for tag, status in zip(tags, (48, 49, 50, 51, 52, 55), strict=True):
            desk.terminal.enter_by_hand(CODE, BUY, 500, 9.80, remark=tag)
            desk.terminal.change(tag, lambda order, status=status: setattr(order, "status", type(order.status)(status)))
        desk.connect()
        assert {row.status for row in desk.of(AccountSnapshot)[0].orders} == {48, 49, 50, 51, 52, 55}
        assert not desk.of(Accepted)  # the snapshot tells it, nothing is told twice
        for tag in tags[:3]:
            desk.cancel(tag)
        for tag in tags[3:]:
            desk.terminal.fill(tag, 500, 9.80)
        desk.run()
        assert [desk.kinds(tag) for tag in tags] == [["Cancelled"]] * 3 + [["Filled"]] * 3


@pytest.mark.parametrize(("filled", "ends"), [(1000, ["Filled"]), (300, ["Filled", "Cancelled"])])
def test_fills_are_told_before_the_cancellation_that_overtook_them(filled, ends):
    """B12: cancelled with all shares filled, part-cancelled with some."""
    with station() as desk:
        tag = accepted(desk)
        desk.behaviour.drop_every = 1  # the push of the trade never comes
        desk.terminal.fill(tag, filled, 9.80)
        early = desk.terminal.order_record(tag, status=53 if filled < 1000 else 54)
        desk.terminal.push_record("bindOnStockOrderCallback", early)
        desk.run()
        assert desk.kinds(tag) == ["Accepted"]
        if filled < 1000:
            desk.terminal.change(tag, desk.world.book.cancelled)
        desk.run(5.0)
        assert desk.kinds(tag) == ["Accepted", *ends]
        assert sum(one.amount for one in desk.of(Filled)) == filled


def test_lost_pushes_of_trades_are_found_within_half_a_minute():
    """C03: every third push of a trade is dropped."""
    with station() as desk:
        desk.behaviour.drop_every = 3
        tag = accepted(desk)
        for _ in range(9):
            desk.terminal.fill(tag, 100, 9.80)
        desk.run(31.0)
        assert sum(one.amount for one in desk.of(Filled)) == 900
        assert len({one.trade_id for one in desk.of(Filled)}) == len(desk.of(Filled)) == 9


def test_a_day_that_is_pushed_again_after_each_of_ten_reconnects_changes_nothing():
    """C05."""
    with station(Behaviour(push_day_again=True)) as desk:
        filled, gone, part = desk.send(limit=10.05), accepted(desk), accepted(desk)
        desk.cancel(gone)
        desk.terminal.fill(part, 300, 9.80)
        desk.run()
        for _ in range(10):
            desk.world.lose_link()
            desk.run(1.0)
            desk.world.restore_link()
            desk.run(20.0)
        assert len(desk.of(LinkUp)) == 11
        assert len(desk.of(Filled)) == 2
        assert desk.kinds(filled) == ["Accepted", "Filled"]
        assert desk.kinds(gone) == ["Accepted", "Cancelled"]
        assert set(desk.kinds(part)) == {"Accepted", "Filled"}  # that it lives is told after each reconnect


def test_an_old_state_that_comes_late_takes_nothing_back():
    """C08."""
    with station() as desk:
        tag = accepted(desk)
        old = desk.terminal.order_record(tag)
        desk.terminal.fill(tag, 400, 9.80)
        desk.terminal.fill(tag, 600, 9.80)
        desk.terminal.push_record("bindOnStockOrderCallback", old)
        desk.run(60.0)
        assert desk.kinds(tag) == ["Accepted", "Filled", "Filled"]


def test_a_fill_that_crosses_the_cancel_is_booked_when_its_push_is_late():
    """C10, H01."""
    with station() as desk:
        tag = accepted(desk)
        desk.behaviour.push_delay_s = 2.0
        desk.terminal.fill(tag, 1000, 9.80)
        desk.cancel(tag)
        desk.run(5.0)
        assert desk.kinds(tag)[:2] == ["Accepted", "Filled"]
        assert "Cancelled" not in desk.kinds(tag)


@pytest.mark.parametrize("pushes_first", [False, True])
def test_a_thousand_orders_that_fill_at_once_all_end_filled(pushes_first):
    """C11: the pushes, trades included, may come before the number."""
    with station(Behaviour(pushes_first=pushes_first)) as desk:
        desk.world.book.market[CODE].price = price("9.00")
        for _ in range(1000):
            desk.send(amount=100, limit=9.01)
        assert [one.amount for one in desk.of(Filled)] == [100] * 1000
        assert len({one.tag for one in desk.of(Filled)}) == 1000


def test_pushes_without_remark_and_exchange_are_matched_by_number():
    """C17."""
    with station(Behaviour(bare_pushes=True)) as desk:
        tag = desk.send(limit=10.05)
        desk.run()
        assert desk.kinds(tag) == ["Accepted", "Filled"]
        (fill,) = desk.of(Filled)
        assert (fill.amount, fill.price) == (1000, price("10"))


def test_bare_pushes_that_come_before_the_number_wait_for_it():
    """C17, C11."""
    with station(Behaviour(bare_pushes=True, pushes_first=True)) as desk:
        assert desk.kinds(desk.send(limit=10.05)) == ["Accepted", "Filled"]


def test_cancel_pending_is_not_the_end():
    """H05: 51 and 52 for a while, then 56 or 53."""
    with station(Behaviour(hold_cancels=True)) as desk:
        filled, part = accepted(desk), accepted(desk)
        desk.terminal.fill(part, 300, 9.80)
        desk.cancel(filled)
        desk.cancel(part)
        desk.run(40.0)
        assert desk.kinds(filled) == ["Accepted"]
        assert desk.kinds(part) == ["Accepted", "Filled"]
        desk.terminal.fill(filled, 1000, 9.80)
        desk.terminal.change(part, desk.world.book.cancelled)
        desk.run()
        assert desk.kinds(filled) == ["Accepted", "Filled"]
        assert desk.kinds(part) == ["Accepted", "Filled", "Cancelled"]


def test_lost_cancels_are_looked_up_and_told_by_order():
    """H06: 3 of 20."""
    with station() as desk:
        tags = [desk.send(amount=100) for _ in range(20)]
        for number, tag in enumerate(tags):
            desk.behaviour.lose_cancels = number in (4, 9, 14)
            desk.cancel(tag)
        desk.run(10.0)
        assert [tag for tag in tags if "Cancelled" not in desk.kinds(tag)] == [tags[4], tags[9], tags[14]]
        assert {one.tag for one in desk.of(CancelRefused)} == {tags[4], tags[9], tags[14]}
        assert desk.of(CancelRefused)[0].reason == "撤单没有生效，委托仍是已报"


def test_a_cancel_before_the_number_is_known_waits_for_it():
    with station(Behaviour(push_delay_s=3.0, no_answer_to_orders=True)) as desk:
        tag = desk.send()
        desk.cancel(tag)
        assert desk.requests("cancelOrderStock") == 0
        desk.run(12.0)
        assert desk.requests("cancelOrderStock") == 1
        assert desk.kinds(tag)[-1] == "Cancelled"


@pytest.mark.parametrize("error_first", [False, True])
@pytest.mark.parametrize("as_junk", [False, True])
def test_a_refusal_is_told_once_with_the_counters_words(error_first, as_junk):
    """O06: in whichever field and order the words come, and though the wheel delivers old errors again."""
    with station(Behaviour(error_first=error_first, rejects_as_junk=as_junk)) as desk:
        first, second = desk.send(limit=12.0), desk.send(amount=900_000)
        desk.behaviour.error_first = False
        third = desk.send(limit=12.0)
        desk.run(3.0)
        told = [(one.tag, one.reason) for one in desk.of(Rejected)]
        limits, cash = "委托价格超出涨跌停限制", "可用资金不足"
        assert told == [(first, limits), (second, cash), (third, limits)]
        assert len(desk.reports) == len(told) + 2


def test_an_error_about_a_living_order_rejects_nothing():
    """Only proof makes a rejection: the list shows the order alive."""
    with station() as desk:
        tag = accepted(desk)
        desk.terminal.push_error(tag, "网络抖动")
        desk.run(5.0)
        assert desk.kinds(tag) == ["Accepted"]


def test_an_error_that_no_list_confirms_leaves_the_order_unknown():
    with station() as desk:
        accepted(desk)
        desk.behaviour.failing = {"queryStockOrders"}
        tag = desk.send(limit=12.0)
        desk.run(1.0)
        assert desk.kinds(tag) == []
        desk.behaviour.failing = set()
        desk.run(60.0)
        assert desk.kinds(tag)[-1] == "Rejected"


def test_a_simulation_account_refuses_one_market_order_and_the_next_is_a_limit_order():
    with station(Behaviour(market_types=False)) as desk:
        first = desk.send(limit=10.15, order_type=OrderType.MARKET)
        second = desk.send(limit=10.15, order_type=OrderType.MARKET)
        assert desk.kinds(first) == ["Rejected"]
        assert desk.kinds(second) == ["Accepted", "Filled"]


def test_the_remark_fits_into_what_a_terminal_keeps():
    with station() as desk:
        tag = f"{PREFIX}{'x' * 30}"[:24]
        assert len(tag) == 24
        desk.terminal.enter_by_hand(CODE, BUY, 100, 9.8, remark=tag)
        assert desk.world.book.order(tag).ticket.tag == tag


# -- the connection ----------------------------------------------------------------------------------------------------


def test_down_and_up_are_told_once_each_and_the_account_is_compared_in_between():
    """D13."""
    with station() as desk:
        for _ in range(3):
            desk.world.lose_link()
            desk.run(100.0)
            desk.world.restore_link()
            desk.run(20.0)
        kinds = [type(one).__name__ for one in desk.reports if isinstance(one, LinkUp | LinkDown)]
        assert kinds == ["LinkUp", *["LinkDown", "LinkUp"] * 3]


def test_what_lives_is_told_again_after_a_reconnect_and_a_cancel_on_its_way_came_to_nothing():
    with station() as desk:
        kept, cancelled = accepted(desk), accepted(desk)
        desk.behaviour.lose_cancels = True
        desk.cancel(cancelled)
        desk.world.lose_link()
        desk.world.restore_link()
        desk.run(20.0)
        assert desk.kinds(kept) == ["Accepted", "Accepted"]
        assert desk.kinds(cancelled) == ["Accepted", "CancelRefused", "Accepted"]


def test_a_mute_terminal_is_down_after_three_heartbeats_at_most_and_takes_no_orders():
    """E02: no call says so, only the silence."""
    with station() as desk:
        desk.behaviour.mute = True
        desk.run(45.0)
        assert len(desk.of(LinkDown)) == 1
        tag = desk.send()
        assert [one.rule for one in desk.of(Rejected)] == ["link_down"]
        assert desk.requests("orderStock") == 0
        desk.run(300.0)
        desk.behaviour.mute = False
        desk.run(30.0)
        assert len(desk.of(LinkDown)) == 1
        assert len(desk.of(LinkUp)) == 2
        assert desk.kinds(tag) == ["Rejected"]


def test_each_connection_takes_the_next_of_ten_session_numbers():
    with station() as desk:
        for _ in range(25):
            desk.world.lose_link()
            desk.world.restore_link()
            desk.run(20.0)
        files = sorted(path.name for path in desk.terminal.directory.glob("down_queue_win_*"))
        assert files == [f"down_queue_win_{number}" for number in range(100, 110)]


def test_a_session_number_that_is_taken_is_passed_over():
    """B06."""
    with station(Behaviour(refuse_connections=3), connect=False) as desk:
        desk.connect()
        (down,) = desk.of(LinkDown)
        assert "返回 -1" in down.reason
        assert "up_queue_xtquant" in down.reason
        desk.run(20.0)
        assert len(desk.of(LinkUp)) == 1


def test_an_account_that_is_not_in_the_terminal_is_named_as_the_reason():
    with station(Behaviour(subscribe_result=-1), connect=False) as desk:
        desk.connect()
        assert "QMT_ACCOUNT_ID" in desk.of(LinkDown)[0].reason
        assert not desk.of(AccountSnapshot)


def test_the_terminals_restart_at_night_is_no_alarm():
    with station() as desk:
        desk.run((datetime(2025, 6, 3, 23) - desk.world.timers.now()).total_seconds())
        told = len(desk.reports)
        desk.world.lose_link()
        desk.run(1800.0)
        desk.world.restore_link()
        desk.run(600.0)
        assert [type(one) for one in desk.reports[told:]] == [AccountSnapshot]


def test_a_terminal_that_is_not_there_in_the_morning_is_told_once_before_the_auction():
    """U04."""
    with station() as desk:
        desk.run((datetime(2025, 6, 3, 23) - desk.world.timers.now()).total_seconds())
        desk.world.lose_link()
        desk.run(10 * 3600.0 + 900.0)  # until 9:15
        (down,) = desk.of(LinkDown)
        assert datetime(2025, 6, 4, 9) <= down.at < datetime(2025, 6, 4, 9, 15)


def test_an_order_at_night_over_a_lost_connection_is_refused_and_the_loss_is_told():
    with station() as desk:
        desk.run(13 * 3600.0)
        desk.world.lose_link()
        tag = desk.send()
        assert desk.kinds(tag) == ["Rejected"]
        assert len(desk.of(LinkDown)) == 1


def test_the_state_of_the_account_stops_orders_and_is_told():
    with station() as desk:
        desk.terminal.tell_status(3)
        desk.run()
        assert desk.of(LinkDown)[0].reason == "资金账号状态：登录失败"
        assert desk.kinds(desk.send()) == ["Rejected"]
        desk.terminal.tell_status(0)
        desk.run(1.0)
        assert len(desk.of(LinkUp)) == 2
        assert desk.kinds(desk.send()) == ["Accepted"]


# -- the account -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["queryStockOrders", "queryStockTrades", "queryStockPositions", "queryStockAsset"])
def test_a_failed_query_never_looks_like_an_empty_list(query):
    """I02, I6."""
    with station() as desk:
        desk.send(limit=10.05)
        desk.send()
        desk.run()
        told = len(desk.of(AccountSnapshot))
        desk.behaviour.failing = {query}
        desk.broker.request_snapshot()
        desk.run(120.0)
        assert len(desk.of(AccountSnapshot)) == told
        assert len(desk.of(LinkDown)) == 1
        desk.behaviour.failing = set()
        desk.run(20.0)
        assert len(desk.of(AccountSnapshot)) > told


def test_an_account_without_orders_may_answer_none():
    with station(Behaviour(none_for_empty=True)) as desk:
        (opening,) = desk.of(AccountSnapshot)
        assert (opening.orders, opening.trades, opening.complete) == ((), (), False)
        assert opening.holdings[0].amount == desk.world.held


def test_an_account_that_is_all_zero_is_not_taken_for_true():
    """K01, T02."""
    with station(connect=False) as desk:
        desk.world.book.account.cash = money(0)
        desk.world.book.account.holdings.clear()
        desk.connect()
        desk.run(60.0)
        assert "全部为零" in desk.of(LinkDown)[0].reason
        assert not desk.of(AccountSnapshot)


def test_a_sale_from_elsewhere_shows_in_the_next_statement():
    """I04."""
    with station() as desk:
        desk.terminal.enter_by_hand(CODE, SELL, 300, 10.0)
        now = desk.snapshot()
        assert now.holdings[0].amount == desk.world.held - 300
        assert now.available == desk.world.book.account.cash
        assert not desk.of(Filled)


def test_two_statements_in_a_row_are_two_equal_ones():
    """I05."""
    with station() as desk:
        first, second = desk.snapshot(), desk.snapshot()
        assert first.holdings == second.holdings


def test_queries_that_are_passed_over_when_they_follow_too_soon_are_paced():
    """M02."""
    with station(Behaviour(query_gap_s=1.0), connect=False) as desk:
        desk.connect()
        desk.run(30.0)
        assert len(desk.of(AccountSnapshot)) == 1
        desk.broker.request_snapshot()
        desk.run(8.0)
        assert len(desk.of(AccountSnapshot)) == 2
        assert not desk.of(LinkDown)


def test_without_pushes_the_lists_are_asked_every_few_seconds():
    """QMT_AUTO_SUBSCRIBE=false."""
    with station(subscribe=False) as desk:
        tag = desk.send()
        desk.run(4.0)
        desk.terminal.fill(tag, 1000, 9.80)
        desk.run(4.0)
        assert desk.kinds(tag) == ["Accepted", "Filled"]


def test_a_fill_after_the_statement_is_not_dated_before_it():
    """Terminals count in whole seconds; dated back, the fill would pass for one that the statement holds."""
    with station() as desk:
        tag = accepted(desk)
        desk.run(0.7)
        desk.broker.request_snapshot()
        stated = desk.of(AccountSnapshot)[-1]
        desk.terminal.fill(tag, 1000, 9.80)
        desk.run()
        (fill,) = desk.of(Filled)
        assert stated.at <= fill.at <= desk.world.timers.now()


def test_answers_from_before_and_after_a_trade_are_not_put_together():
    """The pushes of the trade are late, so only the sums show it."""
    with station() as desk:
        tag = accepted(desk)
        desk.behaviour.query_delay_s, desk.behaviour.push_delay_s = 0.5, 60.0
        desk.broker.request_snapshot()
        desk.run(0.7)  # the fills are answered, money and orders are not
        desk.terminal.fill(tag, 1000, 9.80)
        desk.run(5.0)
        last = desk.of(AccountSnapshot)[-1]
        assert sum(row.amount for row in last.trades) == 1000
        assert last.available == desk.world.book.account.cash
        assert last.complete


def test_slow_queries_are_waited_for():
    with station(Behaviour(query_delay_s=4.0), connect=False) as desk:
        desk.connect()
        desk.run(20.0)
        assert len(desk.of(AccountSnapshot)) == 1
        assert not desk.of(LinkDown)


def test_a_days_calls_stay_below_their_budget():
    """M05: 50 orders, one statement a minute: under 16 calls a minute, heartbeats and looks at open orders included."""
    with station() as desk:
        for number in range(50):
            tag = desk.send(amount=100, limit=10.05)
            if number % 5 == 0:
                desk.send(amount=100)
            for _ in range(2):
                desk.broker.request_snapshot()
                desk.run(60.0)
            assert desk.kinds(tag) == ["Accepted", "Filled"]
        assert len(desk.terminal.requests) < 1600


def test_a_push_that_cannot_be_read_is_named_once_and_the_next_one_counts(caplog):
    """G08."""
    with station() as desk, caplog.at_level(logging.WARNING):
        tag = accepted(desk)
        for _ in range(3):
            broken = desk.terminal.order_record(tag)
            broken.spoil("order_volume", f"很多 {ACCOUNT_ID}")
            desk.terminal.push_record("bindOnStockOrderCallback", broken)
        desk.terminal.fill(tag, 1000, 9.80)
        desk.run()
        assert desk.kinds(tag) == ["Accepted", "Filled"]
        (line,) = [one.getMessage() for one in caplog.records]
        assert "order_volume" in line
        assert ACCOUNT_ID not in line


def test_handlers_that_call_every_method_again_do_not_lock_up():
    """G04, G05: from the sink and from another thread."""
    with station(connect=False) as desk:
        again = iter(range(30))

        def sink(report):
            desk.reports.append(report)
            if next(again, None) is not None:
                desk.broker.cancel("bt:check:nothing")
                desk.broker.cancel(report.tag if isinstance(report, Accepted) else "")

        desk.broker.connect(sink)
        thread = Thread(target=desk.broker.cancel, args=(desk.send(),))
        thread.start()
        thread.join(5.0)
        desk.run(1.0)
        assert not thread.is_alive()
        assert desk.of(Cancelled)


def test_unanswered_is_not_told_of_an_order_that_a_push_has_shown():
    with station(Behaviour(no_answer_to_orders=True)) as desk:
        tag = desk.send()
        desk.run(60.0)
        assert desk.kinds(tag) == ["Accepted"]
        assert not desk.of(NoAnswer)
