"""A stand-in terminal as a world for the broker contract suite, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.brokers.qmt.wheel import load_wheel
from bullet_trade.domain.money import price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.ports.broker import Broker, OrderTicket
from bullet_trade.testing.broker_world import Ability, Disturbance, Fate
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.install import install, serve, withdraw
from bullet_trade.testing.fake_qmt.stepping import SteppedQmt
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal

ACCOUNT_ID = "8800123456"
PREFIX = "bt:check:"
_START, _NEXT = datetime(2025, 6, 3, 10), date(2025, 6, 4)
_PRICE = 10.0
_DEEP = 1_000_000
_LIMITS: dict[tuple[Fate, Side], float] = {
    (Fate.FILL, Side.BUY): 10.05,
    (Fate.FILL, Side.SELL): 9.95,
    (Fate.PART, Side.BUY): 10.05,
    (Fate.PART, Side.SELL): 9.95,
    (Fate.REST, Side.BUY): 9.80,
    (Fate.REST, Side.SELL): 10.20,
    (Fate.REJECT, Side.BUY): 12.00,
    (Fate.REJECT, Side.SELL): 8.00,
}
_DISTURBED: dict[Disturbance, Callable[[], Behaviour]] = {
    Disturbance.NONE: Behaviour,
    Disturbance.TWICE: lambda: Behaviour(pushes=2),
    Disturbance.LATE: lambda: Behaviour(push_delay_s=7.0),
    Disturbance.SHUFFLED: lambda: Behaviour(shuffle_s=4.0),
}


def terms_for(directory: Path, prefix: str = PREFIX) -> QmtTerms:
    """Terms for a stand-in terminal in `directory`."""
    return QmtTerms(str(directory), ACCOUNT_ID, prefix, first_session=100)


class QmtWorld:
    """Implements `broker_world.World` around the QMT adapter."""

    code = Code("600000.XSHG")
    held = 3000
    cannot: Mapping[Ability, str] = {}

    def __init__(
        self, disturbance: Disturbance = Disturbance.NONE, behaviour: Behaviour | None = None, subscribe: bool = True
    ) -> None:
        install()
        self._directory = TemporaryDirectory(prefix="迅投 qmt-")
        self._clock, self._queue = VirtualClock(_START), TimerQueue()
        self.timers = ClockTimers(self._clock, self._queue)
        path = Path(self._directory.name)
        self.book = Book(self._clock.now, {self.code: price(_PRICE)}, {self.code: self.held})
        self.terminal = FakeTerminal(path, ACCOUNT_ID, self.book, self._clock.now)
        self.terminal.behaviour = behaviour or _DISTURBED[disturbance]()
        serve(self.terminal)
        self.qmt = SteppedQmt(replace(terms_for(path), subscribe=subscribe), load_wheel(), self.terminal, self.timers)
        self.broker: Broker = self.qmt

    def ticket(self, tag: str, side: Side, amount: int, fate: Fate, order_type: OrderType) -> OrderTicket:
        self.book.market[self.code].depth = amount * 2 // 5 if fate is Fate.PART else _DEEP
        return OrderTicket(tag, self.code, side, amount, order_type, price(_LIMITS[fate, side]))

    def fill_rest(self) -> None:
        self.terminal.fill_everything()
        self.qmt.settle()

    def run(self, seconds: float) -> None:
        self._pass(timedelta(seconds=seconds))

    def next_day(self) -> None:
        """The terminal closes the day, ends for the night and is there again in the morning."""
        self._pass(datetime.combine(_START.date(), time(15)) - self._clock.now())
        self.terminal.do(lambda: self.book.open_day(_NEXT))
        self._pass(timedelta(hours=1))
        self.terminal.shut_down()
        self._pass(timedelta(hours=1))
        self.terminal.start_again()
        self._pass(datetime.combine(_NEXT, time(10)) - self._clock.now())

    def lose_link(self) -> None:
        self.terminal.shut_down()
        self.qmt.settle()

    def restore_link(self) -> None:
        self.terminal.start_again()

    def push_again(self) -> None:
        self.terminal.do(self.terminal.push_day_again)
        self.qmt.settle()

    def enter_by_hand(self, side: Side, amount: int) -> None:
        self.terminal.enter_by_hand(self.code, side, amount, _PRICE)
        self.qmt.settle()

    def close(self) -> None:
        withdraw(self.terminal)
        self.terminal.close()
        self._directory.cleanup()

    def _pass(self, span: timedelta) -> None:
        """The clock moves by `span`, and what is due on the way happens."""
        until = self._clock.now() + span
        self.qmt.settle()
        while (due := self._queue.next_due()) is not None and due <= until:
            self._clock.wait(Inbox(), due)
            timer = self._queue.pop_due(self._clock.now())
            if timer is not None and timer.action is not None:
                timer.action()
        self._clock.wait(Inbox(), until)
