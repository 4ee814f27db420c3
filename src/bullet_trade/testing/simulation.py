"""Seeded simulation: engine, counter, connection and disk in one process on the virtual clock.

A seed draws a strategy, what becomes of its orders, and the faults: reports that are dropped, late, repeated or out of
order, requests that are lost, lists with holes, a line that is cut or dead without notice, an engine that is killed at
any journal, file or broker call and started again, a full disk, a clock that jumps, orders entered by hand. Until
13:58 the faults are on and nothing wrong may happen; then the line comes back for good and all must be right by the
close. The same seed gives the same journal, to the byte.

    python -m bullet_trade.testing.simulation --seeds 1000 [--first 1]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from bullet_trade.domain.errors import InvariantError, StateError
from bullet_trade.domain.money import price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal import SqliteJournal, read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Accept, Counter, End, Fill, Refuse, Step
from bullet_trade.testing.counter_link import FAIR, CounterLink, Weather
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.faults import Fuse
from bullet_trade.testing.lives import World
from bullet_trade.testing.oracle import Oracle, View

DAY = date(2025, 6, 3)
START, FAIR_FROM = datetime.combine(DAY, time(9, 10)), datetime.combine(DAY, time(13, 58, 30))
QUIET = datetime.combine(DAY, time(15, 4))
LOOK_EVERY = timedelta(minutes=5)
PRICES = {"600000.XSHG": 10.0, "000001.XSHE": 12.0, "510300.XSHG": 4.0}
HOLDINGS = {"600000.XSHG": 3000, "510300.XSHG": 20_000}
MOST_LIVES = 12


class Verdict(NamedTuple):
    """What came of one seed. `digest` is that of the whole journal; `breaches` begin with the broken invariant."""

    seed: int
    breaches: list[str]
    kills: int
    orders: int
    digest: str


class JumpingClock(VirtualClock):
    """A virtual clock that somebody sets forward."""

    jumped_s = 0.0

    def jump(self, seconds: float) -> None:
        """The machine's clock is set forward."""
        self._now += timedelta(seconds=seconds)
        self.jumped_s += seconds

    def take_step(self) -> float:
        step, self.jumped_s = self.jumped_s, 0.0
        return step


class Simulation:
    """One seed's world and its faults."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.seed = seed
        self.draw = draw = Random(f"simulation:{seed}")
        market = FakeMarket()
        for code, level in PRICES.items():
            market.add(code, {DAY: level}, prev_close=level)
        self.counter = Counter(START, self._course, 150_000.0, HOLDINGS)
        self.link = CounterLink(self.counter, draw, weather_of(draw))
        weather = self.link.weather
        # The engine looks at the lists only while an order is unknown: what is lost of others has to come again.
        self.link.pushes_again = weather.drop > 0 or weather.late > 0 or draw.random() < 0.5
        self.world = World(
            directory,
            strategy_of(draw),
            market,
            self.link,
            DAY,
            DAY,
            autosave_s=draw.choice([300.0, 1800.0, None]),
            catch_up=timedelta(seconds=draw.choice([0, 600])),
            clock=JumpingClock,
        )
        self.oracle = Oracle(self.counter, self.world.journal)
        self.link.sent = self.oracle.sent
        self.by_hand: set[str] = set()
        self.kills = 0
        self._disk_full = draw.choice([0.0, 0.0, 0.002])

    def run(self) -> Verdict:
        """Live the day; what is wrong with it."""
        now = START
        try:
            for _ in range(MOST_LIVES):
                ended = self._live(now)
                if ended is None:
                    break
                self.kills += 1
                self.oracle.breaches = self.oracle.safety()
                now = ended + timedelta(seconds=self.draw.choice([1, 40, 900]))
            else:
                self.oracle.breaches.append("the engine did not come through the day")
            if self.by_hand:
                self.oracle.told(sorted(self.by_hand))
            breaches = list(dict.fromkeys(self.oracle.quiet()))
        finally:
            self.oracle.close()
        return Verdict(self.seed, breaches, self.kills, len(self.counter.orders), self._digest())

    def _live(self, start: datetime) -> datetime | None:
        """One life from `start`; when it was killed or stopped itself, None when it came to a proper end."""
        faults = start < FAIR_FROM and self.kills < MOST_LIVES - 3
        if not faults:
            self.link.weather = FAIR
        draw = self.draw
        blow_at = draw.randrange(1, 400) if faults and draw.random() < 0.7 else None
        full = self._disk_full
        fuse = Fuse(blow_at, lambda: full > 0 and self.link.weather is not FAIR and draw.random() < full)
        kill_at = start + timedelta(seconds=draw.uniform(1, 9000)) if faults and draw.random() < 0.3 else None
        try:
            life = self.world.live(start, fuse, kill_at if kill_at and kill_at < FAIR_FROM else None, self._stage)
        except StateError:  # it stopped itself, loudly
            self._first_start_again(start)
            return max(start, self.counter.now)
        except InvariantError as error:
            self.oracle.breaches.append(f"I4 the engine contradicts itself: {error}")
            return max(start, self.counter.now)
        return life.ended if life.killed else None

    def _first_start_again(self, now: datetime) -> None:
        """A first start that was cut off before anything was saved is refused; the operator says --fresh."""
        if any((self.world.directory / "generations").glob("*/live_state.json")):
            return
        if (self.world.directory / "live_state.json").exists():
            return
        journal = SqliteJournal(self.world.journal)
        journal.append(now, "fresh", {"archived": ""})
        journal.close()

    # -- what happens during a life --------------------------------------------------------------------------------

    def _stage(self, session: Session) -> None:
        """Set what is going to happen to this life."""
        timers, draw = session.parts.timers, self.draw
        now = session.parts.clock.now()

        def look() -> None:
            self.oracle.look(view(session))
            timers.add(session.parts.clock.now() + LOOK_EVERY, Rank.MARKET, look)

        timers.add(now + LOOK_EVERY, Rank.MARKET, look)
        timers.add(max(now, FAIR_FROM), Rank.MARKET, self._clear_up)
        if now < QUIET:
            timers.add(QUIET, Rank.MARKET, lambda: self._quiet(session))
        if now >= FAIR_FROM:
            return
        for _ in range(draw.choice([0, 0, 1, 2])):
            timers.add(
                self._moment(now), Rank.MARKET, lambda: self.link.cut(draw.choice([0, 30]), draw.choice([5, 300]))
            )
        if draw.random() < 0.3:
            timers.add(self._moment(now), Rank.MARKET, self._trade_by_hand)
        clock = session.parts.clock
        if draw.random() < 0.2 and isinstance(clock, JumpingClock):
            timers.add(self._moment(now), Rank.MARKET, lambda: clock.jump(draw.choice([5, 600])))

    def _moment(self, now: datetime) -> datetime:
        until = FAIR_FROM - timedelta(minutes=10)
        return now + (until - now) * self.draw.random() if now < until else now

    def _clear_up(self) -> None:
        """No faults from now on; the connection is made anew, as after every loss of it."""
        self.link.weather = FAIR
        self.link.cut(0.0, 1.0)

    def _quiet(self, session: Session) -> None:
        """Just before the day is closed; what was traded by hand is told by the close itself."""
        seen = view(session)
        self.oracle.look(seen)
        if not self.by_hand:
            self.oracle.look_when_quiet(seen)

    def _trade_by_hand(self) -> None:
        code = self.draw.choice(sorted(PRICES))
        before = len(self.counter.trades)
        side = self.draw.choice([Side.BUY, Side.SELL])
        self.counter.by_hand(Code(code), side, 100, price(PRICES[code]))
        if len(self.counter.trades) > before:
            self.by_hand.add(code)

    def _course(self, ticket: OrderTicket) -> Sequence[Step]:
        return course_of(Random(f"{self.seed}:{ticket.tag}"))

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for row in read_journal(self.world.journal):
            digest.update(f"{row.seq} {row.at} {row.kind} ".encode() + row.body)
        return digest.hexdigest()


def view(session: Session) -> View:
    """What the engine shows."""
    book = session.engine.book
    return View(
        book.ledger.cash,
        {str(p.code): (p.amount, book.sellable(p.code)) for p in book.ledger if p.amount},
        {order.tag: (order.is_final, order.filled) for order in book.orders.values()},
    )


def weather_of(draw: Random) -> Weather:
    """How bad the connection is today."""
    chance = (0.0, 0.0, 0.1, 0.4)
    return Weather(
        drop=draw.choice(chance),
        late=draw.choice(chance),
        late_s=draw.choice([2.0, 20.0]),
        again=draw.choice(chance),
        lose_request=draw.choice([0.0, 0.1]),
        short_list=draw.choice(chance),
    )


def course_of(draw: Random) -> Sequence[Step]:
    """What becomes of an order."""
    soon, later = draw.uniform(0.1, 3.0), draw.uniform(5.0, 2400.0)
    courses: list[Sequence[Step]] = [
        (Accept(0.1), Fill(soon, 0.4), Fill(soon + 0.5, 1.0)),
        (Accept(0.1), Fill(soon, 1.0)),
        (Fill(soon, 0.3), Accept(soon + 1.0), Fill(later, 1.0)),
        (Accept(0.1), Fill(later, 0.5), End(later + 1.0)),
        (Accept(0.1), Fill(later, 0.5)),
        (Accept(0.2),),
        (Accept(0.2), Refuse(soon)),
        (Refuse(soon),),
        (End(soon),),
    ]
    return draw.choice(courses)


def strategy_of(draw: Random) -> str:
    """A strategy with a handful of moments at which it trades."""
    lines = ["from jqdata import *", "def initialize(context):", "    g.done = []"]
    bodies: list[str] = []
    for number in range(draw.randint(3, 8)):
        minute = draw.choice([*range(570, 690), *range(780, 890)])
        lines.append(f"    run_daily(at_{number}, '{minute // 60}:{minute % 60:02d}')")
        code = draw.choice(sorted(PRICES))
        amount = draw.choice([100, 500, 1000]) * draw.choice([1, 1, -1])
        limit = round(PRICES[code] * draw.choice([0.99, 1.0, 1.01]), 2)
        wait = draw.choice(["0", "None", "None"])
        action = draw.choice(
            [
                f"order('{code}', {amount})",
                f"order('{code}', {amount}, wait_timeout={wait})",
                f"order('{code}', {amount}, LimitOrderStyle({limit}), wait_timeout={wait})",
                f"order_target('{code}', {abs(amount)})",
                f"order_target('{code}', 0)",
                "[cancel_order(one) for one in get_open_orders().values()]",
            ]
        )
        bodies += [f"def at_{number}(context):", f"    {action}", f"    g.done.append({number})"]
    return "\n".join([*lines, *bodies, ""])


def simulate(seed: int, directory: Path | None = None) -> Verdict:
    """Run one seed, in `directory` or a temporary one."""
    if directory is not None:
        return Simulation(seed, directory).run()
    with tempfile.TemporaryDirectory(prefix="simulation-") as name:
        return Simulation(seed, Path(name)).run()


def main() -> int:
    """Run many seeds and print those that fail; the exit status is 1 then."""
    parser = argparse.ArgumentParser(description="seeded simulation")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1)
    asked = parser.parse_args()
    kills = orders = failed = 0
    for seed in range(asked.first, asked.first + asked.seeds):
        verdict = simulate(seed)
        kills, orders = kills + verdict.kills, orders + verdict.orders
        if verdict.breaches:
            failed += 1
            sys.stdout.write(f"seed {seed}: {'; '.join(verdict.breaches[:4])}\n")
            sys.stdout.flush()
    sys.stdout.write(f"seeds {asked.seeds}, kills {kills}, orders {orders}, failed {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
