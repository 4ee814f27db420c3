"""Whole trading days over the wire: a server process and an engine process, with a bad network between them.

python tests/server/long_day.py --days 40 --seed 1

Every third day is a storm with a half-open line and a server that is away for a while. The others break the line at
every `STRIDE`-th message, one message later each time, so that in time it has broken at every message of a day.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from day_audit import Findings, Shown, audit
from day_clock import DayClock
from day_server import command, environment

from bullet_trade.testing.fault_proxy import BREAKING, Act, FaultProxy, Passage

HERE = Path(__file__).parent
START_S = 30.0
DAY_S = 120.0
"""A day that takes longer hangs."""
STRIDE = 20
LONGEST = 160
"""Bytes of a message that are kept in the trail."""
MOST_S = 3.0
"""How long trading may take to go on once the line is back."""
BRISK = {Act.PASS: 380, Act.CUT: 3, Act.LAST: 3, Act.TORN: 2, Act.STUTTER: 2, Act.TWICE: 6, Act.LATE: 8}
STORM = {**BRISK, Act.PASS: 190, Act.DROP: 0.25}
"""A message that is swallowed is waited for until its time is over: a cancel for a minute."""
ARRIVING = frozenset({Act.PASS, Act.LAST, Act.TWICE, Act.LATE})
BREAKS = (Act.CUT, Act.LAST, Act.TORN)


@dataclass(frozen=True)
class Faults:
    """What befalls the messages of a day. `acts` are drawn by their weights; every `stride`-th message, from message
    `first` on, meets `how`. After every `answers_lost`-th order the line breaks, so that its answer is lost. `frozen`
    and `away` say at which message, and for how many seconds of ours, nothing is forwarded with all sockets open, or
    the line breaks and connections are turned away."""

    acts: Mapping[Act, float] = field(default_factory=lambda: {Act.PASS: 1})
    stride: int = 0
    first: int = 0
    how: Act = Act.CUT
    answers_lost: int = 0
    frozen: tuple[int, float] | None = None
    away: tuple[int, float] | None = None
    pieces: bool = False


FAIR = Faults()


class Wire:
    """Between client and server: decides what becomes of each message, and keeps what a stranger would note down."""

    def __init__(self, faults: Faults, draw: Random, clock: DayClock) -> None:
        self.messages = 0
        self.done: Counter[Act] = Counter()
        self.cuts = 0
        self.keys: dict[str, str] = {}
        """Remark of each order by its key, as far as it came to the server."""
        self.outages: list[float] = []
        """Seconds of ours from the return of the line to the next order that was accepted, without those in which only
        the time until it was due was skipped."""
        self.trail: list[str] = []
        """What passed, and what became of it."""
        self.proxy: FaultProxy | None = None
        self._faults = faults
        self._draw = draw
        self._clock = clock
        self._asked: dict[str, str] = {}
        self._back_at: float | None = None
        self._timers: list[threading.Timer] = []

    def __call__(self, passage: Passage) -> Act:
        self.messages += 1
        act = self._act()
        if act in ARRIVING:
            act = self._note(passage) or act
        if act in BREAKING or act is Act.STUTTER:
            self._broken()
        elif act is Act.DROP:
            self._back_at = None  # the line stands, and is not a good one
        self.done[act] += 1
        way = "up" if passage.up else "down"
        self._tell(f"{passage.connection} {way} {act.name} {passage.body[:LONGEST].decode(errors='replace')}")
        return act

    def close(self) -> None:
        """Let nothing happen any more."""
        for timer in self._timers:
            timer.cancel()

    def _act(self) -> Act:
        faults, proxy = self._faults, self.proxy
        assert proxy is not None
        if faults.frozen is not None and self.messages == faults.frozen[0]:
            self._broken()
            proxy.freeze()
            self._later(faults.frozen[1], proxy.thaw)
        if faults.away is not None and self.messages == faults.away[0]:
            proxy.turn_away()
            self._later(faults.away[1], lambda: proxy.turn_away(False))
            return Act.CUT
        if faults.stride and self.messages >= faults.first and (self.messages - faults.first) % faults.stride == 0:
            return faults.how
        return self._draw.choices(tuple(faults.acts), tuple(faults.acts.values()))[0]

    def _tell(self, text: str) -> None:
        self.trail.append(f"{time.monotonic():.3f} {self._clock.now():%H:%M:%S.%f} {text}")

    def _broken(self) -> None:
        self.cuts += 1
        self._back_at = self._seconds()

    def _seconds(self) -> float:
        return time.monotonic() - self._clock.took_s

    def _later(self, seconds: float, mend: Callable[[], None]) -> None:
        self._clock.hold()

        def back() -> None:
            mend()
            self._clock.hold(False)
            self._tell("the line is back")
            self._back_at = self._seconds()

        timer = threading.Timer(seconds, back)
        self._timers.append(timer)
        timer.start()

    def _note(self, passage: Passage) -> Act | None:
        """Look at a message that arrives; what becomes of it all the same."""
        message = json.loads(passage.body)
        if passage.up and message.get("action") == "broker.place_order":
            order = message["payload"]
            self._asked[message["id"]] = self.keys[order["idempotency_key"]] = order["order_remark"]
            lost = self._faults.answers_lost
            return Act.LAST if lost and len(self._asked) % lost == 0 else None
        if not passage.up and message.get("id") in self._asked and message["type"] == "response":
            accepted = message["payload"]["status"] != "submit_unknown"
            if accepted and self._back_at is not None:
                self.outages.append(self._seconds() - self._back_at)
                self._tell(f"trading again after {self.outages[-1]:.3f} s")
                self._back_at = None
        return None


@dataclass
class Day:
    """What came of a day. `ended` is how the engine's process ended, '' for well."""

    wire: Wire
    findings: Findings
    shown: Shown
    ended: str

    @property
    def wrong(self) -> list[str]:
        """What must not be."""
        slow = [f"trading again only after {one:.2f} s" for one in self.wire.outages if one >= MOST_S]
        return [*self.findings.all, *slow, *([self.ended] if self.ended else [])]


@contextmanager
def server_process(directory: Path, clock: Path) -> Iterator[int]:
    """The server; its port."""
    said = directory / "server.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(command(directory, clock), stdout=out, stderr=out, cwd=directory, env=environment())
    try:
        yield _port(process, said)
    finally:
        process.terminate()
        process.wait(START_S)


def _port(process: subprocess.Popen[bytes], said: Path) -> int:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        found = re.search(r"监听 127\.0\.0\.1:(\d+)", _text(said))
        if found is not None:
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(f"the server does not listen: {_text(said)[-800:]}")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def play(directory: Path, faults: Faults, draw: Random, plant: str = "") -> Day:
    """One day, and its audit."""
    clock = directory / "clock"
    DayClock.begin(clock)
    engine_said = directory / "engine.txt"
    engine_command = [sys.executable, str(HERE / "day_engine.py"), str(directory), str(clock), plant]
    with engine_said.open("wb") as out:
        engine = subprocess.Popen(engine_command, stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=directory)
    wire = Wire(faults, draw, DayClock(clock))
    ended = ""
    try:
        with server_process(directory, clock) as port:
            proxy = wire.proxy = FaultProxy(port, draw, faults.pieces, wire)
            try:
                engine.communicate(f"{proxy.port}\n".encode(), timeout=DAY_S)
            except subprocess.TimeoutExpired:
                ended = "the day does not end"
            finally:
                wire.close()
                proxy.close()
    finally:
        engine.kill()
        engine.wait()
    if engine.returncode or ended:
        ended = f"{ended} {engine.returncode} {_text(engine_said)[-1500:]}"
    shown_file = directory / "ledger.json"
    shown = json.loads(shown_file.read_text(encoding="utf-8")) if shown_file.exists() else {}
    return Day(wire, audit(directory, wire.keys, shown), shown, ended)


# -- the long form -----------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What the days come to. `orders` shows that something was at stake."""

    days: int = 0
    orders: int = 0
    cuts: int = 0
    doubled: int = 0
    lost: int = 0
    differences: int = 0
    longest_s: float = 0.0

    def add(self, day: Day) -> None:
        """Count a day."""
        self.days += 1
        self.orders += day.findings.orders
        self.cuts += day.wire.cuts
        self.doubled += len(day.findings.doubled)
        self.lost += len(day.findings.lost)
        self.differences += len(day.findings.differences) + bool(day.ended)
        self.longest_s = max(self.longest_s, *day.wire.outages, 0.0)

    def line(self) -> str:
        """The last word."""
        return (
            f"days {self.days}, orders {self.orders}, cuts {self.cuts}, doubled {self.doubled}, lost {self.lost}, "
            f"differences {self.differences}, longest outage {self.longest_s:.2f} s"
        )


def storm(draw: Random, acts: Mapping[Act, float], frozen_s: float) -> Faults:
    """Everything at once."""
    return Faults(
        acts,
        frozen=(draw.randrange(40, 150), frozen_s),
        away=(draw.randrange(160, 280), draw.uniform(0.2, 2.5)),
        pieces=True,
    )


def faults_of(number: int, draw: Random) -> Faults:
    """Of day `number`, from 0."""
    if number % 3 == 0:
        return storm(draw, STORM, draw.uniform(1.0, 8.0))
    turn = number - number // 3 - 1
    return Faults(stride=STRIDE, first=1 + turn % STRIDE, how=BREAKS[(turn // STRIDE) % len(BREAKS)])


def main() -> int:
    parser = argparse.ArgumentParser(description="whole trading days over the wire")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    tally, wrong = Tally(), False
    for number in range(asked.days):
        draw = Random(f"{asked.seed}/{number}")
        directory = Path(tempfile.mkdtemp(prefix="day-"))
        began = time.monotonic()
        day = play(directory, faults_of(number, draw), draw)
        tally.add(day)
        for text in day.wrong:
            sys.stdout.write(f"day {number}: {text}\n")
        if day.wrong:
            wrong = True
            (directory / "trail.txt").write_text("\n".join(day.wire.trail), encoding="utf-8")
            sys.stdout.write(f"day {number} is kept in {directory}\n")
        else:
            shutil.rmtree(directory, ignore_errors=True)
        sys.stdout.write(f"day {number} ({time.monotonic() - began:.1f} s): {tally.line()}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{tally.line()}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
