"""One strategy, one directory, one counter, and as many lives of the engine as it takes.

world = World(directory, source, market, link, day, day)
life = world.live(start, Fuse(blow_at=17))      # dies at the 17th point
world.live(life.ended + downtime)               # goes on
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.day import LAST_START
from bullet_trade.engine.engine import EngineTerms
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.assembly import Surroundings, Wiring, assemble
from bullet_trade.ops.control.brake_file import kept_brake
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.market_data import MarketData
from bullet_trade.store.state import FileStateStore
from bullet_trade.strategy.context import RunParams
from bullet_trade.strategy.session import Session
from bullet_trade.testing.counter_link import CounterLink
from bullet_trade.testing.days import JOURNAL_FILE, STRATEGY_FILE
from bullet_trade.testing.faults import AtOnce, Fuse, FusedBroker, FusedDisk, FusedJournal, KilledError
from bullet_trade.testing.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Life:
    """One life of the engine. `killed` names the point at which it died, '' after a proper end."""

    session: Session
    recorder: Recorder
    fuse: Fuse
    killed: str
    ended: datetime


@dataclass(slots=True)
class World:
    """What outlives the engine."""

    directory: Path
    source: str
    market: MarketData
    link: CounterLink
    first: date
    last: date
    autosave_s: float | None = 600.0
    order_wait_s: float = 16.0
    catch_up: timedelta = timedelta(0)
    clock: Callable[[datetime], VirtualClock] = VirtualClock
    account_sync_s: float | None = None
    recorder: Callable[[], Recorder] = Recorder
    ended: datetime = datetime(1, 1, 1)
    """When the last life ended, however it did."""

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.directory / JOURNAL_FILE

    def live(
        self,
        start: datetime,
        fuse: Fuse | None = None,
        kill_at: datetime | None = None,
        prepare: Callable[[Session], None] = lambda _: None,
    ) -> Life:
        """Start the engine at `start` and run it to the end of the last day, or until it dies: at a point of `fuse`, or
        at the instant `kill_at`. Started after the last close, it stops after a minute. What else the engine raises
        comes through."""
        fuse = fuse or Fuse()
        file = self.directory / STRATEGY_FILE
        if not file.exists():
            file.write_text(self.source, encoding="utf-8")
        clock, recorder = self.clock(start), self.recorder()
        journal = FusedJournal(self.journal, fuse)

        def plug(around: Surroundings) -> Broker:
            return FusedBroker(self.link.on(around.timers), fuse)

        try:
            session = assemble(
                Wiring(
                    clock=clock,
                    calendar=exchange_calendar(),
                    data=self.market,
                    audience=recorder,
                    journal=journal,
                    store=FileStateStore(self.directory, disk=FusedDisk(fuse), writer=AtOnce()),
                    broker=plug,
                    brake=kept_brake(self.directory),
                    terms=EngineTerms(
                        file.resolve(),
                        self.order_wait_s,
                        self.last,
                        autosave_s=self.autosave_s,
                        catch_up=self.catch_up,
                        account_sync_s=self.account_sync_s,
                    ),
                    run_params=RunParams(self.first, self.last),
                    label=file.stem,
                )
            )
            timers, inbox = session.parts.timers, session.parts.inbox
            if start >= datetime.combine(self.last, LAST_START):
                stop = start + timedelta(minutes=1)
                timers.add(stop, Rank.HOUSEKEEPING, lambda: inbox.put(StopRequested("收盘后")))
            if kill_at is not None:
                timers.add(kill_at, Rank.HOUSEKEEPING, lambda: fuse.blow(f"at {kill_at}"))
            prepare(session)
            killed = ""
            try:
                session.load()
                session.run()
            except KilledError as point:
                killed = str(point)
            return Life(session, recorder, fuse, killed, clock.now())
        finally:
            self.ended = clock.now()
            journal.close()
