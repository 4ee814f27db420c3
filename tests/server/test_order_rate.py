"""`MAX_ORDER_RATE` at the server: an order above the rate waits for its turn, and only a few seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from served import TOKEN, Machine, Peer, Served, limit

from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.market.refusal import Refusal
from bullet_trade.ops.settings import Settings
from bullet_trade.remote.errors import RemoteError
from bullet_trade.server.compose import compose
from bullet_trade.server.desk import DeskTerms
from bullet_trade.server.pacing import Pace, TooFastError
from bullet_trade.server.settings import ServerSettings

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

PLACE, CANCEL = "broker.place_order", "broker.cancel_order"
ORDER = {"security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(10), "wait_timeout": 0}


class Hand:
    """The clock and the timers of an account, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.queue = TimerQueue()
        self.clock = self
        self.timers = ClockTimers(self, self.queue)  # type: ignore[arg-type]

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 5, 10) + timedelta(seconds=self.seconds)

    def pass_by(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.seconds += 0.01
            while (timer := self.queue.pop_due(self.now())) is not None:
                if timer.action is not None:
                    timer.action()


class Client:
    """Where an answer goes."""

    peer = "1.2.3.4"
    dead = False

    def __init__(self) -> None:
        self.error: RemoteError | None = None

    def answer(self, payload: bytes) -> None:
        raise AssertionError

    def refuse(self, error: RemoteError) -> None:
        self.error = error


class Counter:
    """An account that takes whatever its pace lets through."""

    def __init__(self, rate: int) -> None:
        self.hand = Hand()
        self.pace = Pace(self.hand, rate)  # type: ignore[arg-type]
        self.left: list[tuple[str, float]] = []
        self.refused: list[tuple[str, Refusal]] = []

    def ask(self, name: str, orders: int = 1, client: Client | None = None) -> None:
        def attempt(waited_s: float) -> None:
            refusal = self.pace.check(orders, waited_s)
            if refusal is not None:
                self.refused.append((name, refusal))
                return
            for _ in range(orders):
                self.pace.sent()
            self.left.append((name, round(self.hand.seconds, 2)))

        self.pace.run(client or Client(), attempt)


@pytest.fixture
def ten() -> Iterator[Counter]:
    """Ten in a second, of which one is left to cancels."""
    return Counter(10)


def test_what_is_above_the_rate_leaves_in_its_turn(ten: Counter) -> None:
    for number in range(20):
        ten.ask(str(number))
    assert [at for _, at in ten.left] == [0.0] * 9
    ten.hand.pass_by(2.5)
    assert [name for name, _ in ten.left] == [str(number) for number in range(20)]
    assert [at for _, at in ten.left[9:]] == [1.01] * 9 + [2.02] * 2


def test_a_later_order_does_not_overtake_one_that_waits(ten: Counter) -> None:
    for number in range(8):
        ten.ask(str(number))
    ten.ask("two pieces", orders=2)
    ten.ask("one more")
    assert [name for name, _ in ten.left][8:] == []
    ten.hand.pass_by(1.1)
    assert [name for name, _ in ten.left][8:] == ["two pieces", "one more"]


def test_nothing_waits_longer_than_a_client_would(ten: Counter) -> None:
    for number in range(100):
        ten.ask(str(number))
    ten.hand.pass_by(3.2)
    assert len(ten.left) == 27
    assert len(ten.refused) == 73
    said = ten.refused[0][1].text()
    assert all(part in said for part in ("max_order_rate", "每秒上限 10 笔", "MAX_ORDER_RATE", "请过几秒再下单"))


def test_what_never_fits_into_a_second_is_refused_at_once(ten: Counter) -> None:
    ten.ask("whale", orders=10)
    assert "请减少数量（这一单要拆成 10 笔）" in ten.refused[0][1].text()


def test_an_order_whose_client_is_gone_leaves_the_line(ten: Counter) -> None:
    gone = Client()
    for number in range(9):
        ten.ask(str(number))
    ten.ask("gone", client=gone)
    ten.ask("there")
    gone.dead = True
    ten.hand.pass_by(1.1)
    assert [name for name, _ in ten.left][9:] == ["there"]


def test_a_defect_in_one_order_does_not_stop_the_line(ten: Counter) -> None:
    for number in range(10):
        ten.ask(str(number))
    client = Client()

    def broken(_: float) -> None:
        raise ZeroDivisionError

    ten.pace.run(client, broken)
    ten.ask("next")
    with pytest.raises(ZeroDivisionError):
        ten.hand.pass_by(1.1)
    ten.hand.pass_by(0.1)
    assert client.error is not None
    assert client.error.code == "REQUEST_FAILED"
    assert [name for name, _ in ten.left][9:] == ["9", "next"]


def test_without_a_rate_nothing_waits() -> None:
    free = Counter(0)
    for number in range(200):
        free.ask(str(number))
    assert len(free.left) == 200


def full_for(served: Served, seconds: float) -> None:
    """No order may leave for so long, however slow the machine."""
    pace = served.desks["main"].pace
    pace._second._sent.extend([served.clock.monotonic() + seconds - 1.0] * 2)


def test_cancels_are_counted_and_never_wait(serve: Serve, clients: Connect) -> None:
    served = serve(desk_terms=DeskTerms(0.2, 0.2, rate=2))
    served.broker.usual = served.broker.usual[:1]
    client = clients(served)
    client.get(PLACE, **ORDER)
    client.get(PLACE, **ORDER)
    full_for(served, 1.7)
    waiting = client.start(PLACE, ORDER)
    assert client.get(CANCEL, order_id="B1")["value"] is True  # type: ignore[index]
    assert len(served.broker.submitted) == 2
    assert client.wait(waiting)["type"] == "response", "in its turn"


def test_the_deadline_of_an_order_counts_while_it_waits(serve: Serve, clients: Connect) -> None:
    served = serve(desk_terms=DeskTerms(0.2, 0.2, rate=1))
    client = clients(served)
    client.get(PLACE, **ORDER)
    full_for(served, 1.0)
    soon = served.clock.now() + timedelta(seconds=0.3)
    error = client.wait(client.start(PLACE, {**ORDER, "deadline": str(soon), "idempotency_key": "k"}))
    assert (error["code"], error["broker_called"]) == ("REQUEST_EXPIRED", False)
    assert len(served.broker.submitted) == 1


def test_the_rate_of_the_settings_is_in_force_with_the_other_limits(tmp_path: Path) -> None:
    mine = ServerSettings.model_validate(
        {
            "qmt_server_type": "simulator", "qmt_server_listen": "127.0.0.1", "qmt_server_token": TOKEN,
            "qmt_server_order_risk_enabled": True,
        }
    )  # fmt: skip
    server, _ = compose(mine, Settings.model_validate({"max_order_rate": 7}), tmp_path, WallClock(Machine().civil))
    (desk,) = server._make_desks(lambda *_: None).values()
    for _ in range(7):
        assert desk.pace.check(1, 0.0) is None
        desk.pace.sent()
    with pytest.raises(TooFastError):
        desk.pace.check(1, 0.0)
