"""A connected adapter over a stand-in terminal, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from bullet_trade.domain.money import price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, OrderReport, Report
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.install import wheel_is_there
from bullet_trade.testing.fake_qmt.world import PREFIX, QmtWorld

R = TypeVar("R")
CODE = QmtWorld.code
needs_wheel = pytest.mark.skipif(not wheel_is_there(), reason="xtquant is not installed: pip install --no-deps xtquant")


class Station:
    """The world, the broker, and everything that the broker told."""

    def __init__(self, behaviour: Behaviour | None = None, subscribe: bool = True) -> None:
        self.world = QmtWorld(behaviour=behaviour, subscribe=subscribe)
        self.terminal = self.world.terminal
        self.behaviour = self.terminal.behaviour
        self.broker = self.world.qmt
        self.reports: list[Report] = []
        self._numbers = 0

    def connect(self) -> Station:
        self.broker.connect(self.reports.append)
        return self

    def run(self, seconds: float = 0.0) -> None:
        self.world.run(seconds)

    def tag(self) -> str:
        self._numbers += 1
        return f"{PREFIX}{self._numbers:08x}"

    def send(
        self,
        side: Side = Side.BUY,
        amount: int = 1000,
        limit: float = 9.80,
        order_type: OrderType = OrderType.LIMIT,
        code: Code = CODE,
    ) -> str:
        """Send an order, by default one that rests; its tag."""
        tag = self.tag()
        self.broker.submit(OrderTicket(tag, code, side, amount, order_type, price(limit)))
        return tag

    def cancel(self, tag: str) -> None:
        self.broker.cancel(tag)
        self.run()

    def of(self, kind: type[R]) -> list[R]:
        return [report for report in self.reports if isinstance(report, kind)]

    def about(self, tag: str) -> list[OrderReport]:
        return [r for r in self.reports if isinstance(r, OrderReport) and r.tag == tag]

    def kinds(self, tag: str) -> list[str]:
        """What was told about an order, in order."""
        return [type(report).__name__ for report in self.about(tag)]

    def snapshot(self) -> AccountSnapshot:
        before = len(self.of(AccountSnapshot))
        self.broker.request_snapshot()
        self.run(3.0)
        assert len(self.of(AccountSnapshot)) > before
        return self.of(AccountSnapshot)[-1]

    def requests(self, name: str) -> int:
        """How many requests of this name have arrived at the terminal."""
        return self.terminal.requests.count(name)


@contextmanager
def station(behaviour: Behaviour | None = None, connect: bool = True, subscribe: bool = True) -> Iterator[Station]:
    made = Station(behaviour, subscribe)
    try:
        yield made.connect() if connect else made
    finally:
        made.broker.close()
        assert made.terminal.errors == []
        made.world.close()
