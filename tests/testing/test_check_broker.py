"""The broker contract suite passes the built-in exchange, and catches brokers that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import ClassVar

import msgspec
import pytest

from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.reports import (
    Accepted,
    AccountSnapshot,
    Cancelled,
    CancelRefused,
    Filled,
    HoldingRow,
    LinkUp,
    Rejected,
    Report,
)
from bullet_trade.ports.broker import Broker, OrderTicket, ReportSink
from bullet_trade.testing import check_broker
from bullet_trade.testing.broker_cards import CARDS
from bullet_trade.testing.broker_world import Ability, Disturbance
from bullet_trade.testing.check_broker import BrokerContractError, Outcome
from bullet_trade.testing.simulated_world import SimulatedWorld


def test_the_built_in_exchange_keeps_the_contract() -> None:
    results = check_broker(SimulatedWorld)
    assert [result.name for result in results] == [card.name for card in CARDS]
    assert {result.outcome for result in results} == {Outcome.PASSED}


def test_what_a_world_cannot_do_is_skipped_with_the_reason() -> None:
    class Poor(SimulatedWorld):
        cannot: ClassVar[Mapping[Ability, str]] = {
            Ability.MARKET_ORDERS: "模拟账号不支持市价",
            Ability.LINK: "没有连接可断",
        }

    skipped = [result for result in check_broker(Poor) if result.outcome is Outcome.SKIPPED]
    assert {result.name for result in skipped} == {"market", "fill_while_down", "order_while_down"}
    assert "[跳过] market 市价买入，不劣于保护价：市价委托：模拟账号不支持市价" in {result.line() for result in skipped}


def test_cards_can_be_chosen() -> None:
    assert [result.name for result in check_broker(SimulatedWorld, only=["reject", "connect"])] == ["connect", "reject"]


def test_names_and_titles_are_unique() -> None:
    assert len({card.name for card in CARDS}) == len({card.title for card in CARDS}) == len(CARDS)


# -- brokers that are broken on purpose --------------------------------------------------------------------------------


class Broken:
    """A broker that passes everything through. Subclasses break one thing."""

    def __init__(self, inner: Broker) -> None:
        self.inner = inner
        self.sink: ReportSink = lambda _: None

    @property
    def label(self) -> str:
        return self.inner.label

    def connect(self, sink: ReportSink) -> None:
        self.sink = sink
        self.inner.connect(self.take)

    def take(self, report: Report) -> None:
        self.sink(report)

    def submit(self, ticket: OrderTicket) -> None:
        self.inner.submit(ticket)

    def cancel(self, tag: str) -> None:
        self.inner.cancel(tag)

    def request_snapshot(self) -> None:
        self.inner.request_snapshot()

    def close(self) -> None:
        self.inner.close()


class LosesFills(Broken):
    def take(self, report: Report) -> None:
        if not isinstance(report, Filled):
            self.sink(report)


class LosesRejections(Broken):
    def take(self, report: Report) -> None:
        if not isinstance(report, Rejected):
            self.sink(report)


class CountsFillsTwice(Broken):
    """A repeated trade under a new number."""

    def take(self, report: Report) -> None:
        self.sink(report)
        if isinstance(report, Filled):
            self.sink(msgspec.structs.replace(report, trade_id=report.trade_id + "x"))


class CallsLostCancelsCancelled(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, CancelRefused):
            report = Cancelled(report.tag, "已撤单", report.at)
        self.sink(report)


class IgnoresCancels(Broken):
    def cancel(self, tag: str) -> None:
        """Nothing happens."""


class RaisesOnUnknownCancel(Broken):
    def cancel(self, tag: str) -> None:
        if tag.endswith("1") and not self.submitted:
            raise KeyError(tag)
        self.inner.cancel(tag)

    submitted = False

    def submit(self, ticket: OrderTicket) -> None:
        self.submitted = True
        self.inner.submit(ticket)


class SwallowsUnknownCodes(Broken):
    def submit(self, ticket: OrderTicket) -> None:
        if ticket.code.startswith("6"):
            self.inner.submit(ticket)


class CallsEverythingRejected(Broken):
    """A rejection without a reason."""

    def take(self, report: Report) -> None:
        if isinstance(report, Rejected):
            report = msgspec.structs.replace(report, reason="")
        self.sink(report)


class MixesTags(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, Filled):
            report = msgspec.structs.replace(report, tag="bt:check:00000001")
        self.sink(report)


class LosesTags(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, Accepted | Filled):
            report = msgspec.structs.replace(report, tag="")
        self.sink(report)


class ForgetsTPlusOne(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, AccountSnapshot):
            rows = tuple(HoldingRow(row.code, row.amount, row.amount, row.cost) for row in report.holdings)
            report = msgspec.structs.replace(report, holdings=rows)
        self.sink(report)


class KeepsMoneyFrozen(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, AccountSnapshot) and report.orders:
            report = msgspec.structs.replace(
                report, available=Money(report.available - 100), frozen=Money(report.frozen + 100)
            )
        self.sink(report)


class MakesUpMoney(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, AccountSnapshot) and any(row.filled for row in report.orders):
            report = msgspec.structs.replace(report, available=Money(report.available + 1))
        self.sink(report)


class ReportsBadPrices(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, Filled):
            report = msgspec.structs.replace(report, price=Price(report.price * 2))
        self.sink(report)


class AnswersNoSnapshot(Broken):
    asked = False

    def request_snapshot(self) -> None:
        """Nothing happens."""


class NeverSaysItIsUp(Broken):
    def take(self, report: Report) -> None:
        if not isinstance(report, LinkUp):
            self.sink(report)


class HidesOrders(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, AccountSnapshot):
            report = msgspec.structs.replace(report, orders=())
        self.sink(report)


class ForgetsTrades(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, AccountSnapshot):
            report = msgspec.structs.replace(report, trades=report.trades[:-1])
        self.sink(report)


class TakesHandOrdersForItsOwn(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, AccountSnapshot):
            rows = tuple(msgspec.structs.replace(row, tag=row.tag or "bt:check:00000001") for row in report.orders)
            report = msgspec.structs.replace(report, orders=rows)
            if rows and rows[0].tag == "bt:check:00000001" and rows[0].filled == 500:
                self.sink(Filled(rows[0].tag, "h", 500, Price(100_000), report.at, Money(0)))
        self.sink(report)


class TalksAfterClose(Broken):
    def close(self) -> None:
        """The connection stays open."""


class SendsLaterWhatItRefused(Broken):
    """Orders made while the link is down leave when it is back."""

    def __init__(self, inner: Broker) -> None:
        super().__init__(inner)
        self.queue: list[OrderTicket] = []
        self.last: OrderTicket | None = None

    def submit(self, ticket: OrderTicket) -> None:
        self.last = ticket
        self.inner.submit(ticket)

    def take(self, report: Report) -> None:
        self.sink(report)
        if isinstance(report, Rejected) and report.rule == "link_down" and self.last is not None:
            self.queue.append(self.last)
        if isinstance(report, LinkUp):
            for ticket in self.queue:
                self.inner.submit(ticket)
            self.queue = []


class SpeaksInZones(Broken):
    def take(self, report: Report) -> None:
        if isinstance(report, Accepted):
            report = msgspec.structs.replace(report, at=report.at.replace(tzinfo=UTC))
        self.sink(report)


class LosesTheOrderOfDays(Broken):
    """Sent order numbers are all the same."""

    def take(self, report: Report) -> None:
        if isinstance(report, Accepted):
            report = msgspec.structs.replace(report, broker_id="1")
        self.sink(report)


def world_with(broken: type[Broken]) -> Callable[[Disturbance], SimulatedWorld]:
    def make(disturbance: Disturbance) -> SimulatedWorld:
        world = SimulatedWorld(disturbance)
        world.broker = broken(world.broker)
        return world

    return make


@pytest.mark.parametrize(
    ("broken", "cards"),
    [
        (LosesFills, {"limit_buy", "limit_sell", "market", "part_fill", "cancel_lost"}),
        (LosesRejections, {"reject", "unknown_code", "too_much", "t_plus_1"}),
        (CountsFillsTwice, {"limit_buy", "part_fill"}),
        (CallsLostCancelsCancelled, {"cancel_lost", "cancel_filled", "cancel_unknown"}),
        (IgnoresCancels, {"cancel_won", "cancel_thread", "sell_again", "cancel_unknown"}),
        (RaisesOnUnknownCancel, {"cancel_unknown"}),
        (SwallowsUnknownCodes, {"unknown_code"}),
        (CallsEverythingRejected, {"reject"}),
        (MixesTags, {"two_orders"}),
        (LosesTags, {"limit_buy"}),
        (ForgetsTPlusOne, {"t_plus_1", "sell_again"}),
        (KeepsMoneyFrozen, {"limit_buy", "cancel_won"}),
        (MakesUpMoney, {"limit_buy", "part_fill"}),
        (ReportsBadPrices, {"limit_buy", "market"}),
        (AnswersNoSnapshot, {"positions"}),
        (NeverSaysItIsUp, {"connect", "fill_while_down"}),
        (HidesOrders, {"order_list", "by_hand"}),
        (ForgetsTrades, {"trade_list"}),
        (TakesHandOrdersForItsOwn, {"by_hand"}),
        (TalksAfterClose, {"silent_after_close"}),
        (SendsLaterWhatItRefused, {"order_while_down"}),
        (SpeaksInZones, {"limit_buy"}),
        (LosesTheOrderOfDays, {"two_orders"}),
    ],
)
def test_each_fault_is_caught_by_its_cards(broken: type[Broken], cards: set[str]) -> None:
    with pytest.raises(BrokerContractError) as caught:
        check_broker(world_with(broken))
    failed = {result.name: result.detail for result in caught.value.results if result.outcome is Outcome.FAILED}
    assert cards <= failed.keys()
    assert all(failed.values())


def test_an_unbroken_wrapper_passes() -> None:
    assert {result.outcome for result in check_broker(world_with(Broken))} == {Outcome.PASSED}
