"""Whatever the network does, the exchange gets each order once or never, and the client learns which (I1, I3, I5).

Failure cases of the pair: A01, A09, A10, A16, A17, E01, E03, C03, D13.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random
from threading import Event

import pytest
from remote_world import QUICK, RemoteWorld

from bullet_trade.domain.orders import FINAL, Order, OrderState, OrderType, Side
from bullet_trade.domain.reports import LinkDown, LinkUp, NeverSent
from bullet_trade.remote.link import LinkTerms
from bullet_trade.testing.broker_world import Disturbance, Fate
from bullet_trade.testing.fault_proxy import Act, Passage, Rule
from bullet_trade.testing.referee import Referee

STILL = replace(QUICK, beat_s=60.0, silent_s=60.0)
"""No heartbeats: the numbers of messages depend on what the client does alone."""

PLACE = b'"broker.place_order"'


class Day:
    """A client that buys, rests, sells and cancels, on a network with a fault."""

    def __init__(self, rule: Rule, **given: object) -> None:
        self.world = RemoteWorld(link_terms=STILL, **given)
        self.world.proxy.rule = rule
        self.referee = Referee(self.world, Disturbance.LATE)  # what comes twice or late is the network's fault
        self.orders: list[Order] = []

    def play(self) -> None:
        referee = self.referee
        referee.connect()
        self.send(Side.BUY, 1000, Fate.FILL)
        resting = self.send(Side.BUY, 500, Fate.REST)
        self.send(Side.SELL, 1000, Fate.FILL)
        self.world.run(3.0)
        referee.cancel(resting)
        self.world.run(3.0)

    def send(self, side: Side, amount: int, fate: Fate) -> Order:
        ticket = self.world.ticket(self.referee.tag(), side, amount, fate, OrderType.LIMIT)
        self.orders.append(self.referee.submit(ticket))
        return self.orders[-1]

    def settle(self) -> None:
        """Let the client find out what became of everything."""
        listening = self.world.broker.listening
        for _ in range(200):
            self.world.run(1.0)
            if self.world.broker._link.up and all(self.knows(order) for order in self.orders):
                return
            listening.wait(lambda: False, 0.01)

    def knows(self, order: Order) -> bool:
        table = self.world.broker._table
        tracked = table.get(order.tag)
        return order.state in FINAL or self.absent(order) or (tracked is not None and not tracked.open_fate)

    def absent(self, order: Order) -> bool:
        return any(isinstance(r, NeverSent) and r.tag == order.tag for r in self.referee.reports)

    def judge(self) -> None:
        snapshot = self.referee.snapshot()
        sent = self.world.served.sent
        assert set(sent) <= {order.tag for order in self.orders}, f"orders that nobody gave: {dict(sent)}"
        for order in self.orders:
            assert sent[order.tag] <= 1, f"{order.tag} was sent {sent[order.tag]} times"
            if sent[order.tag] == 0:
                assert order.state is OrderState.REJECTED or self.absent(order), f"{order.tag}: {order.state}"
                continue
            assert not self.absent(order), f"{order.tag} exists and was told absent"
            row = self.referee.row(order, snapshot)
            assert order.state is not OrderState.REJECTED or row.status == 57
            assert row.filled == order.filled or self.told_by_list(order, row.filled)
        assert snapshot.complete
        links = [type(r) for r in self.referee.reports if isinstance(r, LinkUp | LinkDown)]
        assert all(one is not other for one, other in pairwise(links)) and links[-1] is LinkUp

    def told_by_list(self, order: Order, filled: int) -> bool:
        """A fill that was not pushed is in the list of trades."""
        trades = {r.trade_id: r.amount for r in self.referee.snapshot().trades if r.tag == order.tag}
        return sum(trades.values()) == filled

    def close(self) -> None:
        self.world.broker.close()
        self.world.close()


class FaultAt:
    """One fault: at message `number` of a direction, the questions of the test itself not counted."""

    def __init__(self, up: bool, number: int, act: Act) -> None:
        self.up, self.number, self.act = up, number, act
        self.counted = 0

    def __call__(self, passage: Passage) -> Act:
        ours = b"admin.health" in passage.body or b"process_alive" in passage.body
        if passage.up is not self.up or ours:
            return Act.PASS
        self.counted += 1
        return self.act if self.counted == self.number else Act.PASS


@pytest.mark.parametrize(
    ("up", "act", "numbers"),
    [
        (True, Act.CUT, range(2, 9)),
        (True, Act.LAST, range(2, 9)),
        (False, Act.CUT, range(2, 15)),
    ],
    ids=["request lost", "answer lost", "push or answer lost"],
)
def test_a_cut_at_any_message_boundary_neither_doubles_nor_loses_an_order(up: bool, act: Act, numbers: range) -> None:
    """A10, A01, D13: the numbers go through the client's whole day of messages."""
    for number in numbers:
        day = Day(FaultAt(up, number, act))
        try:
            day.play()
            day.settle()
            day.judge()
        finally:
            day.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_line_that_keeps_breaking_in_small_pieces_neither_doubles_nor_loses_an_order(seed: int) -> None:
    """A01, C05, N03: cuts before and after messages at random, until the day is over."""
    draw = Random(seed)
    calm = Event()

    def storm(passage: Passage) -> Act:
        return Act.PASS if calm.is_set() else draw.choices((Act.PASS, Act.CUT, Act.LAST), (10, 1, 1))[0]

    day = Day(lambda _: Act.PASS, pieces=True)
    try:
        day.referee.connect()
        day.world.proxy.rule = storm
        for number in range(6):
            side, fate = (Side.BUY, Fate.FILL) if number % 2 else (Side.SELL, Fate.REST)
            day.send(side, 500, fate)
            day.world.run(1.0)
        calm.set()
        day.settle()
        day.judge()
    finally:
        day.close()


def test_a_push_that_is_lost_is_found_in_the_lists() -> None:
    """C03: the fill's push is swallowed while heartbeats go on; the next push shows the gap."""
    lost: list[bytes] = []

    def swallow(passage: Passage) -> Act:
        if b'"Filled"' in passage.body and not lost:
            lost.append(passage.body)
            return Act.DROP
        return Act.PASS

    day = Day(swallow)
    try:
        day.referee.connect()
        first = day.send(Side.BUY, 1000, Fate.FILL)
        for _ in range(5):
            day.world.run(3.0)
        assert lost
        asked = len(day.referee.reports)
        day.send(Side.BUY, 500, Fate.REST)
        for _ in range(5):
            day.world.run(3.0)
        snapshots = [r for r in day.referee.reports[asked:] if type(r).__name__ == "AccountSnapshot"]
        assert any(trade.tag == first.tag and trade.amount == 1000 for one in snapshots for trade in one.trades)
    finally:
        day.close()


@pytest.mark.parametrize(("up", "down"), [(True, True), (True, False), (False, True)], ids=["both", "up", "down"])
def test_a_half_open_line_is_noticed_and_its_order_is_settled_afterwards(up: bool, down: bool) -> None:
    """E01, E02, E03: bytes stop in one direction or both, the sockets stay open."""
    world = RemoteWorld()
    referee = Referee(world, Disturbance.LATE)
    try:
        referee.connect()
        listening = world.broker.listening
        world.proxy.freeze(up, down)
        order = referee.submit(world.ticket(referee.tag(), Side.BUY, 1000, Fate.FILL, OrderType.LIMIT))
        assert listening.wait(lambda: listening.downs > 0)
        assert order.state is OrderState.UNKNOWN
        refused = referee.submit(world.ticket(referee.tag(), Side.BUY, 1000, Fate.FILL, OrderType.LIMIT))
        assert refused.state is OrderState.REJECTED
        world.proxy.thaw()
        for _ in range(200):
            world.run(0.5)
            tracked = world.broker._table.get(order.tag)
            if listening.ups > 1 and (tracked.over or not tracked.open_fate):
                break
        sent = world.served.sent
        assert sent[order.tag] == (0 if any(isinstance(r, NeverSent) for r in referee.reports) else 1)
        assert set(sent) <= {order.tag}
    finally:
        world.broker.close()
        world.close()


def test_trading_goes_on_within_three_seconds_of_the_links_return() -> None:
    """With the times that users get; N03: one attempt after the other, never two at a time."""
    world = RemoteWorld(link_terms=LinkTerms())
    referee = Referee(world, Disturbance.LATE)
    try:
        referee.connect()
        world.lose_link()
        began = world.served.clock.monotonic()
        world.restore_link()
        assert world.served.clock.monotonic() - began < 3.0
        order = referee.submit(world.ticket(referee.tag(), Side.BUY, 1000, Fate.FILL, OrderType.LIMIT))
        referee.reaches(order, OrderState.FILLED)
        assert not referee.breaches
    finally:
        world.broker.close()
        world.close()
