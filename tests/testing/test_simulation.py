"""Seeded days with faults, and proof that the judge notices: each planted defect of the engine is caught."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Order, OrderEvent, OrderState
from bullet_trade.domain.reports import AccountSnapshot, Cancelled, Filled, NeverSent, NoAnswer, OrderReport, Rejected
from bullet_trade.engine import desk as desk_module
from bullet_trade.engine import recovery
from bullet_trade.engine.desk import OrderDesk
from bullet_trade.engine.engine import Engine
from bullet_trade.engine.order_book import OrderBook, Outcome
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.store.journal import History, SqliteJournal
from bullet_trade.store.state import FileStateStore
from bullet_trade.testing.simulation import simulate

BLOCKS = 6
PER_BLOCK = 25
PLANTED_WITHIN = 80
"""Seeds within which a planted defect has to be caught; those that few days bring to light begin at a later seed."""
RARE = {
    "absence_from_a_list_with_holes_counts_as_never_sent": 40,
    "fills_after_the_end_are_dropped": 70,
    "fills_that_came_while_away_are_not_asked_for": 520,
    "late_news_of_trades_in_an_account_taken_over_is_booked_again": 40,
}

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_days_with_faults_end_with_nothing_lost_and_nothing_doubled(block: int) -> None:
    verdicts = [simulate(seed) for seed in range(block * PER_BLOCK, (block + 1) * PER_BLOCK)]
    assert {verdict.seed: verdict.breaches for verdict in verdicts if verdict.breaches} == {}
    assert sum(verdict.kills for verdict in verdicts) > PER_BLOCK / 2


@pytest.mark.parametrize("seed", [3, 17, 42])
def test_a_seed_replays_to_the_byte(seed: int, tmp_path: Path) -> None:
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
    patch.setattr(OrderDesk, "_send", lambda self, order, adjustments, now: None)


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
    take = Engine._take_snapshot

    def eager(self: Engine, snapshot: AccountSnapshot) -> None:
        first = not self.account.known
        take(self, snapshot)
        for order in self.book.open_orders() if first else ():
            self.parts.broker.submit(
                OrderTicket(order.tag, order.code, order.side, order.amount, order.order_type, order.limit_price)
            )

    patch.setattr(Engine, "_take_snapshot", eager)


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

    def trusting(self: OrderDesk, order: Order, now: datetime) -> bool:
        asked = cancel(self, order, now)
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

    patch.setattr("bullet_trade.engine.engine.reconcile", credulous)


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

    patch.setattr("bullet_trade.engine.engine.rebuild", forgetful)


def late_news_of_trades_in_an_account_taken_over_is_booked_again(patch: pytest.MonkeyPatch) -> None:
    adopt = Ledger.adopt

    def forgetful(self: Ledger, snapshot: AccountSnapshot) -> None:
        adopt(self, snapshot)
        self.stated_at = datetime(1, 1, 1)

    patch.setattr(Ledger, "adopt", forgetful)


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
]


@pytest.mark.parametrize(("plant", "invariants"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_defect_is_caught(plant: Plant, invariants: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    first = RARE.get(plant.__name__, 0)
    for seed in range(first, first + PLANTED_WITHIN):
        if any(breach.startswith(invariants) for breach in simulate(seed).breaches):
            return
    pytest.fail(f"nothing of {invariants} in {PLANTED_WITHIN} seeds")
