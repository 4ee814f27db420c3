"""One strategy, one counter, any number of lives: the stage on which the failure cases are played."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from random import Random

from bullet_trade.domain.money import price
from bullet_trade.domain.orders import Order, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Accept, Booked, Counter, Fill, Step, at_once
from bullet_trade.testing.counter_link import FAIR, CounterLink, Weather
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.faults import Fuse
from bullet_trade.testing.lives import Life, World
from bullet_trade.testing.oracle import Oracle, View
from bullet_trade.testing.simulation import view

DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
A, B, C = "600000.XSHG", "000001.XSHE", "510300.XSHG"
PRICES = {A: 10.0, B: 12.0, C: 4.0}
HEAD = f"from jqdata import *\nA, B, C = {A!r}, {B!r}, {C!r}\n"
IDLE = HEAD + "def initialize(context): pass\n"

Action = Callable[[Session], object]


def at_ten(body: str, initialise: str = "") -> str:
    """A strategy that does `body` at ten o'clock."""
    return f"{HEAD}def initialize(context):\n    {initialise or 'g.x = 0'}\n    run_daily(task, '10:00')\n" + (
        f"def task(context):\n    {body}\n"
    )


def only_taken(_: OrderTicket) -> Sequence[Step]:
    """The exchange takes the order, and nothing more happens."""
    return (Accept(0.2),)


def half(_: OrderTicket) -> Sequence[Step]:
    """A part trades, the rest stays."""
    return (Accept(0.2), Fill(1.0, 0.4))


def moment(text: str, day: date = DAY) -> datetime:
    """A time of day as an instant."""
    return datetime.combine(day, time.fromisoformat(text))


class Stage:
    """A world, its counter and its judge."""

    def __init__(
        self,
        directory: Path,
        source: str,
        course: Callable[[OrderTicket], Sequence[Step]] = at_once,
        *,
        cash: float = 200_000.0,
        holdings: Mapping[str, int] | None = None,
        weather: Weather = FAIR,
        days: Sequence[date] = (DAY,),
        sync_s: float | None = 60.0,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.counter = Counter(moment("09:10"), course, cash, {A: 1000} if holdings is None else holdings)
        self.link = CounterLink(self.counter, Random(1), weather)
        market = FakeMarket()
        for code, level in PRICES.items():
            market.add(code, dict.fromkeys((DAY, NEXT), level), prev_close=level)
        self.world = World(
            directory, source, market, self.link, days[0], days[-1], autosave_s=3600.0, account_sync_s=sync_s
        )
        self.oracle = Oracle(self.counter, self.world.journal)
        self.link.sent = self.oracle.sent
        self.seen: dict[str, View] = {}

    def live(
        self,
        start: str | datetime = "09:10",
        *,
        fuse: Fuse | None = None,
        killed: str = "",
        stopped: str = "",
        meanwhile: Mapping[str, Action] | None = None,
        look: Sequence[str] = (),
        day: date = DAY,
    ) -> Life:
        """A life from `start`, with things that happen `meanwhile` and looks at what the engine shows (`seen`)."""
        begin = start if isinstance(start, datetime) else moment(start, day)

        def prepare(session: Session) -> None:
            timers = session.parts.timers
            for when, action in (meanwhile or {}).items():
                timers.add(moment(when, day), Rank.MARKET, lambda do=action: do(session))  # type: ignore[misc]
            for when in look:
                timers.add(moment(when, day), Rank.MARKET, lambda w=when: self.seen.update({w: view(session)}))  # type: ignore[misc]
            if stopped:
                timers.add(moment(stopped, day), Rank.MARKET, lambda: session.parts.inbox.put(StopRequested("测试")))

        return self.world.live(begin, fuse, moment(killed, day) if killed else None, prepare)

    def give_up_state(self, now: datetime) -> None:
        """The operator's answer to a first start that was cut off before anything was saved: --fresh."""
        journal = SqliteJournal(self.world.journal)
        journal.append(now, "fresh", {"archived": ""})
        journal.close()

    def own(self) -> list[Booked]:
        """The engine's orders at the counter."""
        return [order for order in self.counter.orders if not order.by_hand]

    def by_hand(self, code: str, shares: int) -> None:
        """Somebody else trades."""
        side = Side.BUY if shares > 0 else Side.SELL
        order = self.counter.by_hand(Code(code), side, abs(shares), price(PRICES[code]))
        assert order.filled == abs(shares)

    def verdict(self) -> list[str]:
        """What the judge says when all is over."""
        found = self.oracle.quiet()
        self.oracle.close()
        return found


def held(life: Life) -> dict[str, int]:
    """What the engine holds."""
    return {str(position.code): position.amount for position in life.session.engine.ledger if position.amount}


def agrees(life: Life, counter: Counter) -> bool:
    """Whether the engine's cash, shares and sellable shares are the counter's."""
    mine = view(life.session)
    theirs = {str(code): (amount, counter.sellable(code)) for code, amount in counter.holdings.items() if amount}
    return mine.cash == counter.cash and mine.holdings == theirs


def orders(life: Life) -> list[Order]:
    """The engine's orders, oldest first."""
    return list(life.session.engine.book.orders.values())
