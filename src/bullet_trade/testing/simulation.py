"""Seeded simulation: engine, counter, connection and disk in one process on the virtual clock.

A seed draws one to three trading days, a strategy, what becomes of its orders, and the faults: reports that are
dropped, late, repeated or out of order, requests that are lost, confirmations of orders that nobody has, lists with
holes, a line that is cut or dead without notice, an engine that is killed at any journal, file or broker call and
started again, a disk that is full or fails to flush, a clock that jumps, orders of other people, and an operator who
halts, pauses, resumes, cancels and stops. Until 13:58 of the last day (on most seeds, of each day) the faults are on
and nothing wrong may happen; then the line comes back for good and all must be right by the close. The same seed gives
the same journal, to the byte.

    python -m bullet_trade.testing.simulation --seeds 1000 [--first 1]
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from errno import EIO, ENOSPC
from pathlib import Path
from random import Random
from typing import NamedTuple

from bullet_trade.domain.errors import InvariantError, StateError
from bullet_trade.domain.money import price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.events import Event, Stopping
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal import SqliteJournal, read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter import Counter, Step
from bullet_trade.testing.counter_link import FAIR, CounterLink
from bullet_trade.testing.drawn_day import HOLDINGS, PRICES, course_of, days_of, market, strategy_of, weather_of
from bullet_trade.testing.faults import Fuse
from bullet_trade.testing.lives import World
from bullet_trade.testing.operator_hand import OperatorHand
from bullet_trade.testing.oracle import Oracle, View
from bullet_trade.testing.recorder import Recorder

BEGIN, FAIR_FROM, LAST_RESTART = time(9, 10), time(13, 58, 30), time(14, 50)
SETTLED = time(14)
"""By then everything that went wrong in the morning has been made good."""
CLOSE, QUIET, AFTER_CLOSE, FOUL_AGAIN = time(15), time(15, 4), time(15, 6), time(20)
LOOK_EVERY = timedelta(minutes=5)
LIVES_PER_DAY = 12
NO_MORE_FAULTS = 3
"""So many lives before the last one that is allowed, the faults end."""
STRANGER = "bt:another:00100001"
"""The remark of another program on the same account."""


_WHERE = re.compile(rb'"(path":"[^"]*"|pid":\d+),?')
"""Where a process ran, and as which one, is no part of what happened."""


class Verdict(NamedTuple):
    """What came of one seed. `digest` is that of the whole journal; `breaches` begin with the broken invariant."""

    seed: int
    breaches: list[str]
    kills: int
    orders: int
    days: int
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


class Listening(Recorder):
    """Passes on to the judge what people are told."""

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self._oracle = oracle

    def tell(self, event: Event) -> None:
        super().tell(event)
        at = getattr(event, "at", None)
        if isinstance(at, datetime):
            self._oracle.hear(at, str(event))
        if isinstance(event, Stopping):
            self._oracle.held = f"the engine said that it stops ({event.reason})"


class Simulation:
    """One seed's world and its faults."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.seed = seed
        self.draw = draw = Random(f"simulation:{seed}")
        self.days = days = days_of(draw)
        self.start, self.fair_from = datetime.combine(days[0], BEGIN), datetime.combine(days[-1], FAIR_FROM)
        self.calm_evenings = draw.random() < 0.7
        self.counter = Counter(self.start, self._course, 150_000.0, HOLDINGS)
        self.link = CounterLink(self.counter, draw, weather_of(draw))
        self.foul = self.link.weather
        # The engine looks at the lists only while an order is unknown: what is lost of others has to come again.
        self.link.pushes_again = self.foul.drop > 0 or self.foul.late > 0 or draw.random() < 0.5
        secrets = tuple(f"{draw.getrandbits(64):016x}" for _ in range(2))
        self.link.account, self.link.token = secrets
        self.world = World(
            directory,
            strategy_of(draw),
            market(),
            self.link,
            days[0],
            days[-1],
            autosave_s=draw.choice([1800.0, 7200.0, None]),
            catch_up=timedelta(seconds=draw.choice([0, 600])),
            clock=JumpingClock,
            account_sync_s=draw.choice([None, 60.0, 300.0]),
            recorder=lambda: Listening(self.oracle),
        )
        self.oracle = Oracle(self.counter, self.world.journal, secrets)
        self.oracle.all_lists_read = self.calm_evenings
        self.oracle.false_confirmations = self.link.phantoms
        self.operator = OperatorHand(self.oracle)
        self.link.sent = self.oracle.sent
        self.by_others: set[str] = set()
        """Securities of which a person must be told what others did."""
        self.others_acted = False
        self.kills = self.lives = 0
        self._disk_fails = draw.choice([0.0, 0.0, 0.002])

    def run(self) -> Verdict:
        """Live the days; what is wrong with them."""
        now = self.start
        try:
            for _ in range(LIVES_PER_DAY * len(self.days)):
                ended = self._live(now)
                if ended is None:
                    break
                self.oracle.breaches = self.oracle.safety()
                now = self._return_at(ended)
            else:
                self.oracle.breaches.append("the engine did not come through the days")
            if self.by_others:
                self.oracle.told(sorted(self.by_others))
            if not (self.others_acted or self.foul.drop or self.foul.late or self.foul.short_list):
                self.oracle.nothing_was_lost()
            breaches = list(dict.fromkeys(self.oracle.quiet()))
        finally:
            self.oracle.close()
        return Verdict(self.seed, breaches, self.kills, len(self.counter.orders), len(self.days), self._digest())

    def _return_at(self, ended: datetime) -> datetime:
        """When the engine is started again: soon, or after half a day, but in time for a quiet end."""
        pauses = [1, 40, 900, 900, 8 * 3600] if len(self.days) > 1 else [1, 40, 900]
        latest = datetime.combine(self.days[-1], LAST_RESTART)
        back = ended + timedelta(seconds=self.draw.choice(pauses))
        if self.calm_evenings and ended.time() < FOUL_AGAIN and (back.date() > ended.date() or back.time() > QUIET):
            back = ended + timedelta(seconds=1)  # it is there when the day's lists are read
        return max(ended, min(back, latest))

    def _live(self, start: datetime) -> datetime | None:
        """One life from `start`: when it was killed or stopped, None when it came through the last day."""
        self.lives += 1
        faults = start < self.fair_from and self.lives < LIVES_PER_DAY * len(self.days) - NO_MORE_FAULTS
        self.link.weather = self.foul if faults and not self._calm(start) else FAIR
        draw = self.draw
        blow_at = draw.randrange(1, 400) if faults and draw.random() < 0.7 else None
        within = draw.choice([9000.0, (self.fair_from - start).total_seconds()])
        kill_at = start + timedelta(seconds=draw.uniform(1, within)) if faults and draw.random() < 0.3 else None
        if kill_at and self._calm(kill_at):
            kill_at = datetime.combine(kill_at.date(), FOUL_AGAIN)
        try:
            life = self.world.live(
                start,
                Fuse(blow_at, self._disk_error),
                kill_at if kill_at and kill_at < self.fair_from else None,
                lambda session: self._stage(session, faults),
            )
        except StateError:  # it stopped itself, loudly
            self._first_start_again(start)
            self.kills += 1
            return self.world.ended
        except InvariantError as error:
            self.oracle.breaches.append(f"I4 the engine contradicts itself: {error}")
            self.kills += 1
            return self.world.ended
        self.kills += bool(life.killed)
        through = max(start, life.ended) >= datetime.combine(self.days[-1], CLOSE)
        return life.ended if life.killed or not through else None

    def _calm(self, now: datetime) -> bool:
        return self.calm_evenings and FAIR_FROM <= now.time() < FOUL_AGAIN

    def _disk_error(self) -> int:
        if self.link.weather is FAIR or not self._disk_fails or self.draw.random() >= self._disk_fails:
            return 0
        return self.draw.choice([ENOSPC, EIO])

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

    def _stage(self, session: Session, faults: bool) -> None:
        """Set what is going to happen to this life."""
        timers = session.parts.timers
        now = session.parts.clock.now()
        for day in self.days:
            last = day == self.days[-1]
            if last or self.calm_evenings:
                self._at(session, day, FAIR_FROM, self._clear_up, late=last)
                self._at(session, day, QUIET, lambda: self._quiet(session, after_close=False))
                self._at(session, day, AFTER_CLOSE, lambda: self._quiet(session, after_close=True))
            if not last:
                self._at(session, day, FOUL_AGAIN, self._foul_again)
            self._look_all_day(session, day)
        self.operator.take_over(session)
        if not faults:
            return
        draw = self.draw
        for _ in range(draw.choice([0, 0, 1, 2]) * len(self.days)):
            timers.add(
                self._moment(now), Rank.MARKET, lambda: self.link.cut(draw.choice([0, 30]), draw.choice([5, 300]))
            )
        if draw.random() < 0.4:
            timers.add(self._moment(now), Rank.MARKET, self._others_act)
        for _ in range(draw.choice([0, 0, 0, 1, 3])):
            timers.add(self._moment(now), Rank.MARKET, lambda: self.operator.act(session, draw))
        clock = session.parts.clock
        if draw.random() < 0.2 and isinstance(clock, JumpingClock):
            timers.add(self._moment(now), Rank.MARKET, lambda: clock.jump(draw.choice([5, 600])))

    @staticmethod
    def _at(session: Session, day: date, when: time, action: Callable[[], None], late: bool = False) -> None:
        """Have `action` called then; if that is past, not at all, or (`late`) at once."""
        due, now = datetime.combine(day, when), session.parts.clock.now()
        if due > now or late:
            session.parts.timers.add(max(due, now), Rank.MARKET, action)

    def _look_all_day(self, session: Session, day: date) -> None:
        timers, clock = session.parts.timers, session.parts.clock
        end = datetime.combine(day, AFTER_CLOSE)

        def look() -> None:
            fair = self.link.weather is FAIR and not self.others_acted and clock.now().time() > SETTLED
            (self.oracle.look_when_fair if fair else self.oracle.look)(view(session))
            if clock.now() + LOOK_EVERY < end:
                timers.add(clock.now() + LOOK_EVERY, Rank.MARKET, look)

        first = max(clock.now(), datetime.combine(day, BEGIN)) + LOOK_EVERY
        if first < end:
            timers.add(first, Rank.MARKET, look)

    def _moment(self, now: datetime) -> datetime:
        """Some moment before the faults end, mostly while the market is open."""
        until = self.fair_from - timedelta(minutes=10)
        moment = now + (until - now) * self.draw.random() if now < until else now
        if not BEGIN <= moment.time() <= QUIET and self.draw.random() < 0.8:
            moment = max(now, datetime.combine(moment.date(), time(10)))
        if self._calm(moment):
            moment = datetime.combine(moment.date(), FOUL_AGAIN)
        return min(moment, max(now, until))

    def _clear_up(self) -> None:
        """No faults from now on; the connection is made anew, as after every loss of it."""
        self.link.weather = FAIR
        self.operator.let_go()
        self.link.cut(0.0, 1.0)

    def _foul_again(self) -> None:
        self.link.weather = self.foul

    def _quiet(self, session: Session, after_close: bool) -> None:
        """Just before the day is closed, and after it; what others did may be told by the close itself."""
        seen = view(session)
        self.oracle.look(seen)
        if after_close or not self.others_acted:
            self.oracle.look_when_quiet(seen)

    def _others_act(self) -> None:
        """Somebody else trades on the account, leaves an order there, or shares come without a trade."""
        self.others_acted = True
        draw = self.draw
        code = Code(draw.choice(sorted(PRICES)))
        side, tag = draw.choice([Side.BUY, Side.SELL]), draw.choice(["", "手工", STRANGER])
        match draw.choice(["trade", "trade", "rest", "bonus"]):
            case "trade":
                if self.counter.by_hand(code, side, 100, price(PRICES[code]), tag).filled:
                    self.by_others.add(code)
            case "rest":
                self.counter.by_hand(code, side, 100, price(PRICES[code]), tag, fills=False)
            case "bonus" if self.counter.holdings.get(code):
                self.counter.move(code, 100)
                self.by_others.add(code)

    def _course(self, ticket: OrderTicket) -> Sequence[Step]:
        return course_of(Random(f"{self.seed}:{ticket.tag}"))

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for row in read_journal(self.world.journal):
            digest.update(f"{row.seq} {row.at} {row.kind} ".encode() + _WHERE.sub(b"", row.body))
        return digest.hexdigest()


def view(session: Session) -> View:
    """What the engine shows."""
    book = session.engine.book
    return View(
        book.ledger.cash,
        {str(p.code): (p.amount, book.sellable(p.code)) for p in book.ledger if p.amount},
        {order.tag: (order.is_final, order.filled) for order in book.orders.values()},
    )


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
    kills = orders = days = failed = 0
    for seed in range(asked.first, asked.first + asked.seeds):
        verdict = simulate(seed)
        kills, orders, days = kills + verdict.kills, orders + verdict.orders, days + verdict.days
        if verdict.breaches:
            failed += 1
            sys.stdout.write(f"seed {seed}: {'; '.join(verdict.breaches[:4])}\n")
            sys.stdout.flush()
    sys.stdout.write(f"seeds {asked.seeds}, days {days}, kills {kills}, orders {orders}, failed {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
