"""Seeded days with faults, and proof that the judge notices: each planted defect of the engine is caught."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from weakref import WeakKeyDictionary

import msgspec
import pytest

from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Order, OrderEvent, OrderState, Side
from bullet_trade.domain.reports import (
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    NeverSent,
    NoAnswer,
    OrderReport,
    Rejected,
)
from bullet_trade.domain.securities import Code
from bullet_trade.engine import desk as desk_module
from bullet_trade.engine import recovery
from bullet_trade.engine.brake import Brake
from bullet_trade.engine.broker_link import BrokerLink
from bullet_trade.engine.desk import OrderDesk
from bullet_trade.engine.engine import Engine
from bullet_trade.engine.events import Event
from bullet_trade.engine.order_book import OrderBook, Outcome
from bullet_trade.market.refusal import Refusal
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.store.journal import History, SqliteJournal
from bullet_trade.store.state import FileStateStore
from bullet_trade.testing.simulation import simulate

BLOCKS = 12
PER_BLOCK = 25
PLANTED_WITHIN = 80
"""Seeds within which a planted defect has to be caught; those that few days bring to light begin at a later seed."""
RARE = {
    "fills_that_came_while_away_are_not_asked_for": 590,
    "a_new_day_forgets_orders_of_unknown_fate": 600,
    "orders_of_unknown_fate_hold_nothing_back": 90,
    "late_news_of_trades_in_an_account_taken_over_is_booked_again": 1160,
}

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_days_with_faults_end_with_nothing_lost_and_nothing_doubled(block: int) -> None:
    verdicts = [simulate(seed) for seed in range(block * PER_BLOCK, (block + 1) * PER_BLOCK)]
    assert {verdict.seed: verdict.breaches for verdict in verdicts if verdict.breaches} == {}
    assert sum(verdict.kills for verdict in verdicts) > PER_BLOCK / 2
    assert {verdict.days for verdict in verdicts} >= {1, 2}


FOUND = (1712, 1942, 2104, 2414, 2556, 3383, 6755, 7297)
"""Seeds that once failed, and what they were about is mended."""


@pytest.mark.parametrize("seed", FOUND)
def test_a_seed_that_failed_once_does_not_fail_again(seed: int) -> None:
    assert simulate(seed).breaches == []


@pytest.mark.parametrize("seed", [3, 17, 42])
def test_a_seed_replays_to_the_byte(seed: int, tmp_path: Path) -> None:
    """I12."""
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
    assert simulate(seed, tmp_path / "once") == simulate(seed, tmp_path / "again")


# -- planted defects ---------------------------------------------------------------------------------------------------


def fills_are_booked_twice(patch: pytest.MonkeyPatch) -> None:
    once = Ledger.fill

    def twice(self: Ledger, order: Order, amount: int, price: Price, fee: Money, at: datetime) -> None:
        once(self, order, amount, price, fee, at)
        once(self, order, amount, price, fee, at)

    patch.setattr(Ledger, "fill", twice)


def repeated_fills_are_not_recognised(patch: pytest.MonkeyPatch) -> None:
    apply = OrderBook._fill

    def forgetful(self: OrderBook, order: Order, report: Filled) -> None:
        if order.filled + report.amount <= order.amount:
            order.trade_ids.clear()
        apply(self, order, report)

    patch.setattr(OrderBook, "_fill", forgetful)


def orders_leave_before_they_are_written_down(patch: pytest.MonkeyPatch) -> None:
    create = OrderDesk._create

    def hasty(self: OrderDesk, *arguments: object) -> Order:
        order: Order = create(self, *arguments)  # type: ignore[arg-type]
        self._broker.submit(
            OrderTicket(order.tag, order.code, order.side, order.amount, order.order_type, order.limit_price)
        )
        return order

    patch.setattr(OrderDesk, "_create", hasty)
    patch.setattr(OrderDesk, "_send", lambda self, *rest: None)


def intents_are_not_committed_before_the_order_leaves(patch: pytest.MonkeyPatch) -> None:
    barrier = SqliteJournal.barrier

    def lazy(self: SqliteJournal) -> None:
        if not any(kind == "intent" for _, _, kind, _ in self._pending):
            barrier(self)

    patch.setattr(SqliteJournal, "barrier", lazy)


def no_answer_is_read_as_a_refusal(patch: pytest.MonkeyPatch) -> None:
    apply = OrderBook.apply

    def rash(self: OrderBook, report: OrderReport, now: datetime) -> Outcome:
        if isinstance(report, NoAnswer):
            report = Rejected(report.tag, report.reason, report.at)
        return apply(self, report, now)

    patch.setattr(OrderBook, "apply", rash)


def no_answer_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    apply = OrderDesk.take

    def stubborn(self: OrderDesk, report: OrderReport, now: datetime) -> None:
        apply(self, report, now)
        order = self.book.by_tag(report.tag)
        if isinstance(report, NoAnswer) and order is not None and not order.is_final:
            self._broker.submit(
                OrderTicket(order.tag, order.code, order.side, order.amount, order.order_type, order.limit_price)
            )

    patch.setattr(OrderDesk, "take", stubborn)


def unfinished_orders_are_sent_again_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    take = BrokerLink.take_snapshot

    def eager(self: BrokerLink, snapshot: AccountSnapshot) -> None:
        engine = self._engine
        first = not engine.account.known
        take(self, snapshot)
        for order in engine.book.open_orders() if first else ():
            engine.parts.broker.submit(
                OrderTicket(order.tag, order.code, order.side, order.amount, order.order_type, order.limit_price)
            )

    patch.setattr(BrokerLink, "take_snapshot", eager)


def all_orders_bear_the_same_tag(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk_module, "order_tag", lambda label, run, number: f"bt:{label}:00000000")


def numbers_begin_anew_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqliteJournal, "history", lambda self: History(0, 0, None, {}, fresh=True))
    load = FileStateStore.load

    def forgetful(self: FileStateStore) -> object:
        loaded = load(self)
        if loaded is None:
            return None
        state = msgspec.structs.replace(loaded.state, run_number=0, next_order_number=1)
        return loaded._replace(state=state)

    patch.setattr(FileStateStore, "load", forgetful)


def the_brokers_account_is_taken_over_silently(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "differences", lambda self, snapshot: [])


def a_restart_releases_the_shares_bought_today(patch: pytest.MonkeyPatch) -> None:
    open_day = OrderBook.open_day

    def generous(self: OrderBook, day: object) -> None:
        open_day(self, day)  # type: ignore[arg-type]
        self.ledger.open_day()

    patch.setattr(OrderBook, "open_day", generous)


def fills_after_the_end_are_dropped(patch: pytest.MonkeyPatch) -> None:
    apply = OrderBook.apply

    def strict(self: OrderBook, report: OrderReport, now: datetime) -> Outcome:
        order = self.by_tag(report.tag)
        if isinstance(report, Filled) and order is not None and order.is_final:
            return Outcome(order, 0, False, "已经结束")
        return apply(self, report, now)

    patch.setattr(OrderBook, "apply", strict)


def a_request_to_cancel_counts_as_cancelled(patch: pytest.MonkeyPatch) -> None:
    cancel = OrderDesk.cancel

    def trusting(self: OrderDesk, order: Order, now: datetime, asked_already: bool = False) -> bool:
        asked = cancel(self, order, now, asked_already)
        if asked:
            self.take(Cancelled(order.tag, "已请求", now), now)
        return asked

    patch.setattr(OrderDesk, "cancel", trusting)


def absence_from_a_list_with_holes_counts_as_never_sent(patch: pytest.MonkeyPatch) -> None:
    compare = recovery.reconcile

    def credulous(*arguments: object) -> object:
        ours, snapshot, *rest = arguments
        assert isinstance(snapshot, AccountSnapshot)
        return compare(ours, msgspec.structs.replace(snapshot, complete=True), *rest)  # type: ignore[arg-type]

    patch.setattr("bullet_trade.engine.broker_link.reconcile", credulous)


def fills_that_came_while_away_are_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recovery, "_trades_by_tag", lambda snapshot: {})


def reports_are_not_written_down(patch: pytest.MonkeyPatch) -> None:
    append = SqliteJournal.append

    def sparing(self: SqliteJournal, at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
        return 0 if isinstance(body, Filled) else append(self, at, kind, body)

    patch.setattr(SqliteJournal, "append", sparing)


def orders_that_were_alive_are_forgotten_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    rebuild = recovery.rebuild

    def forgetful(records: object, book: OrderBook) -> int:
        count = rebuild(records, book)  # type: ignore[arg-type]
        for order in book.open_orders():
            book.apply(NeverSent(order.tag, "", order.created_at), order.created_at)
            if order.state is not OrderState.NOT_SENT:
                order.apply(OrderEvent.CANCEL)
        return count

    patch.setattr("bullet_trade.engine.broker_link.rebuild", forgetful)


def late_news_of_trades_in_an_account_taken_over_is_booked_again(patch: pytest.MonkeyPatch) -> None:
    adopt = Ledger.adopt

    def forgetful(self: Ledger, snapshot: AccountSnapshot) -> None:
        adopt(self, snapshot)
        self.stated_at = datetime(1, 1, 1)

    patch.setattr(Ledger, "adopt", forgetful)


def orders_of_others_are_taken_for_ours(patch: pytest.MonkeyPatch) -> None:
    compare = recovery.reconcile

    def greedy(*arguments: object) -> object:
        ours, snapshot, _, number = arguments
        return compare(ours, snapshot, "bt:", number)  # type: ignore[arg-type]

    patch.setattr("bullet_trade.engine.broker_link.reconcile", greedy)


def a_lost_link_counts_as_cancelled(patch: pytest.MonkeyPatch) -> None:
    def hopeless(self: OrderDesk, reason: str, now: datetime) -> None:
        for order in self.book.open_orders():
            self.take(Cancelled(order.tag, reason, now), now)

    patch.setattr(OrderDesk, "lose_sight", hopeless)


def a_refused_cancel_counts_as_cancelled(patch: pytest.MonkeyPatch) -> None:
    take = OrderDesk.take

    def wishful(self: OrderDesk, report: OrderReport, now: datetime) -> None:
        if isinstance(report, CancelRefused):
            report = Cancelled(report.tag, report.reason, report.at)
        take(self, report, now)

    patch.setattr(OrderDesk, "take", wishful)


def a_new_day_forgets_orders_of_unknown_fate(patch: pytest.MonkeyPatch) -> None:
    open_day = OrderBook.open_day

    def forgetful(self: OrderBook, day: date) -> None:
        if day != self.day:
            self.orders = {n: order for n, order in self.orders.items() if order.state is not OrderState.UNKNOWN}
        open_day(self, day)

    patch.setattr(OrderBook, "open_day", forgetful)


def a_new_day_keeps_what_is_over(patch: pytest.MonkeyPatch) -> None:
    open_day = OrderBook.open_day

    def hoarding(self: OrderBook, day: date) -> None:
        kept = dict(self.orders)
        open_day(self, day)
        self.orders = kept

    patch.setattr(OrderBook, "open_day", hoarding)


def a_halt_does_not_reach_the_desk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Brake, "refusal", lambda self, code, by_operator: None)


def what_open_sales_offer_may_be_sold_again(patch: pytest.MonkeyPatch) -> None:
    def generous(self: Position, t0: bool) -> int:
        return max(0, self.amount - (0 if t0 else self.bought_today))

    patch.setattr(Position, "closeable", generous)


def shares_bought_today_may_be_sold_today(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Position, "closeable", lambda self, t0: max(0, self.amount - self.locked))


def trade_numbers_count_without_day_and_exchange(patch: pytest.MonkeyPatch) -> None:
    fill = OrderBook._fill
    seen: WeakKeyDictionary[OrderBook, dict[str, str]] = WeakKeyDictionary()

    def narrow(self: OrderBook, order: Order, report: Filled) -> None:
        first = seen.setdefault(self, {}).setdefault(report.trade_id, order.tag)
        if first == order.tag:
            fill(self, order, report)

    patch.setattr(OrderBook, "_fill", narrow)


def orders_of_unknown_fate_hold_nothing_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderDesk, "_fate_unknown", lambda self, code: False)


def a_lost_link_is_told_with_the_login(patch: pytest.MonkeyPatch) -> None:
    change = BrokerLink.changed

    def talkative(self: BrokerLink, up: bool, reason: str) -> None:
        inner = self._engine.parts.broker._inner  # type: ignore[attr-defined]
        change(self, up, f"{reason} {inner.account}" if reason else "")

    patch.setattr(BrokerLink, "changed", talkative)


def everything_is_told_fifty_times(patch: pytest.MonkeyPatch) -> None:
    tell = Engine.tell

    def shouting(self: Engine, event: Event) -> None:
        for _ in range(50):
            tell(self, event)

    patch.setattr(Engine, "tell", shouting)


def refusals_do_not_name_their_rule(patch: pytest.MonkeyPatch) -> None:
    refuse = OrderDesk._refuse

    def curt(self: OrderDesk, now: datetime, code: Code, side: Side, amount: int, no: Refusal, *more: object) -> None:
        refuse(self, now, code, side, amount, msgspec.structs.replace(no, rule=""), *more)  # type: ignore[arg-type]

    patch.setattr(OrderDesk, "_refuse", curt)


def orders_are_a_lot_larger_than_wanted(patch: pytest.MonkeyPatch) -> None:
    create = OrderDesk._create

    def lavish(self: OrderDesk, *arguments: object) -> Order:
        order: Order = create(self, *arguments)  # type: ignore[arg-type]
        if order.side is Side.BUY:
            order.amount += 100
        return order

    patch.setattr(OrderDesk, "_create", lavish)


def fees_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    fill = Ledger.fill

    def cheap(self: Ledger, order: Order, amount: int, price: Price, fee: Money, at: datetime) -> None:
        fill(self, order, amount, price, Money(0), at)

    patch.setattr(Ledger, "fill", cheap)


def the_journal_skips_a_number(patch: pytest.MonkeyPatch) -> None:
    append = SqliteJournal.append

    def careless(self: SqliteJournal, at: datetime, kind: str, body: msgspec.Struct | dict[str, object]) -> int:
        if kind == "cancel":
            self._next += 1
        return append(self, at, kind, body)

    patch.setattr(SqliteJournal, "append", careless)


def a_new_process_begins_unbraked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("bullet_trade.testing.lives.kept_brake", lambda directory: Brake())


PLANTED: list[tuple[Plant, tuple[str, ...]]] = [
    (fills_are_booked_twice, ("I3", "I4")),
    (repeated_fills_are_not_recognised, ("I3", "I4")),
    (orders_leave_before_they_are_written_down, ("I2",)),
    (intents_are_not_committed_before_the_order_leaves, ("I2",)),
    (no_answer_is_read_as_a_refusal, ("I5",)),
    (no_answer_is_sent_again, ("I1",)),
    (unfinished_orders_are_sent_again_at_a_restart, ("I1",)),
    (all_orders_bear_the_same_tag, ("I1",)),
    (numbers_begin_anew_at_a_restart, ("I1",)),
    (the_brokers_account_is_taken_over_silently, ("I4",)),
    (a_restart_releases_the_shares_bought_today, ("I4",)),
    (fills_after_the_end_are_dropped, ("I3", "I4")),
    (a_request_to_cancel_counts_as_cancelled, ("I5",)),
    (absence_from_a_list_with_holes_counts_as_never_sent, ("I5",)),
    (fills_that_came_while_away_are_not_asked_for, ("I3", "I4")),
    (reports_are_not_written_down, ("I3",)),
    (late_news_of_trades_in_an_account_taken_over_is_booked_again, ("I3", "I4")),
    (orders_that_were_alive_are_forgotten_at_a_restart, ("I3", "I4", "I5")),
    (orders_of_others_are_taken_for_ours, ("I5",)),
    (a_lost_link_counts_as_cancelled, ("I5",)),
    (a_refused_cancel_counts_as_cancelled, ("I5",)),
    (a_new_day_forgets_orders_of_unknown_fate, ("I3", "I4")),
    (a_new_day_keeps_what_is_over, ("I8",)),
    (a_halt_does_not_reach_the_desk, ("I10",)),
    (a_new_process_begins_unbraked, ("I10",)),
    (what_open_sales_offer_may_be_sold_again, ("I4",)),
    (shares_bought_today_may_be_sold_today, ("I4",)),
    (trade_numbers_count_without_day_and_exchange, ("I3", "I4")),
    (orders_of_unknown_fate_hold_nothing_back, ("I6",)),
    (orders_are_a_lot_larger_than_wanted, ("I7",)),
    (everything_is_told_fifty_times, ("I8",)),
    (a_lost_link_is_told_with_the_login, ("I9",)),
    (refusals_do_not_name_their_rule, ("I11",)),
    (the_journal_skips_a_number, ("I12",)),
    (fees_are_forgotten, ("I4",)),
]


@pytest.mark.parametrize(("plant", "invariants"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_defect_is_caught(plant: Plant, invariants: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    first = RARE.get(plant.__name__, 0)
    for seed in range(first, first + PLANTED_WITHIN):
        if any(breach.startswith(invariants) for breach in simulate(seed).breaches):
            return
    pytest.fail(f"nothing of {invariants} in {PLANTED_WITHIN} seeds")
