"""Kills a real engine process again and again, at random moments and at its own writes, and audits it after each round.

python tests/crash/suite.py --kills 1000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fast_clock import OPENING

from bullet_trade.testing.counter import Counter
from bullet_trade.testing.oracle import Oracle
from bullet_trade.testing.socket_counter import Books, ask_books

HERE = Path(__file__).parent
START_S = 20.0
"""Seconds that a process may need to start."""
PER_ROUND = 25
"""Kills of one trading day."""
SETTLE_S = 2.5
"""Seconds of the last life of a round, in which nothing is ordered any more."""


@dataclass(slots=True)
class Tally:
    """What the suite counts. `orders` shows that something was at stake."""

    kills: int = 0
    doubled: int = 0
    lost: int = 0
    differences: int = 0
    orders: int = 0
    findings: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The suite's last word."""
        return f"kills {self.kills}, doubled {self.doubled}, lost {self.lost}, differences {self.differences}"


@contextmanager
def counter_process(directory: Path, origin: float) -> Iterator[int]:
    """The broker; its port."""
    command = [sys.executable, str(HERE / "counter_process.py"), str(origin), str(directory / "journal.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def engine(directory: Path, origin: float, port: int, point: int, plant: str) -> subprocess.Popen[bytes]:
    """Start the engine, and wait until it runs or is dead."""
    started = directory / "started"
    started.unlink(missing_ok=True)
    script = str(HERE / "engine_process.py")
    arguments = [str(directory), str(origin), str(port), str(point), plant]
    errors = (directory / "errors.txt").open("ab")
    with errors:
        process = subprocess.Popen([sys.executable, script, *arguments], stderr=errors, cwd=HERE)
    until = time.monotonic() + START_S
    while not started.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    return process


def round_of(kills: int, draw: Random, tally: Tally, plant: str = "") -> None:
    """One trading day with `kills` kills, then a quiet life, then the audit."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        directory, origin = Path(name), time.time()
        with counter_process(directory, origin) as port:
            for number in range(kills):
                point = draw.randrange(1, 120) if draw.random() < 0.5 else 0
                process = engine(directory, origin, port, point, plant)
                if point:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(draw.uniform(1.0, 3.0))
                else:
                    time.sleep(draw.uniform(0.0, 1.5))
                if process.poll() not in (None, -9):
                    tally.findings.append(f"life {number} ended by itself ({process.poll()})")
                process.kill()
                process.wait()
                tally.kills += 1
            (directory / "quiet").touch()
            last = engine(directory, origin, port, 0, plant)
            time.sleep(SETTLE_S)
            last.terminate()
            last.wait(START_S)
            audit(directory, ask_books(port), tally)


def audit(directory: Path, books: Books, tally: Tally) -> None:
    """Compare the journal, the engine's ledger and `g` with the broker's books."""
    counter = Counter(OPENING, lambda _: ())
    counter.orders, counter.trades = books.orders, books.trades
    counter.cash, counter.holdings = books.cash, books.holdings
    oracle = Oracle(counter, directory / "journal.db")
    found = [*books.complaints, *oracle.quiet()]
    oracle.close()
    tally.orders += len(books.orders)
    tally.doubled += sum(text.startswith("I1") for text in found)
    tally.lost += sum(text.startswith(("I2", "I3", "I5", "I7")) for text in found)
    ledger_file = directory / "ledger.json"
    if not ledger_file.exists():
        tally.differences += 1
        tally.findings.append("the last life did not end properly: " + _tail(directory / "errors.txt"))
    else:
        ledger = json.loads(ledger_file.read_text(encoding="utf-8"))
        theirs = {code: amount for code, amount in books.holdings.items() if amount}
        if ledger["cash"] != books.cash or ledger["shares"] != theirs:
            tally.differences += 1
            found.append(f"{ledger} here, {books.cash} {theirs} there")
    saved = set((directory / "saved.jsonl").read_text(encoding="utf-8").splitlines())
    for line in (directory / "loaded.jsonl").read_text(encoding="utf-8").splitlines():
        if line not in saved and line != "{}":
            tally.differences += 1
            found.append(f"g was {line}, which was never saved")
    tally.findings += found


def _tail(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")[-600:]


def run(kills: int, seed: int, plant: str = "", after_round: Callable[[Tally], None] = lambda tally: None) -> Tally:
    """Kill the engine `kills` times, in as many trading days as that takes; `after_round` sees the count so far."""
    tally, draw = Tally(), Random(seed)
    while tally.kills < kills:
        round_of(min(PER_ROUND, kills - tally.kills), draw, tally, plant)
        after_round(tally)
    return tally


def say(tally: Tally) -> None:
    """Print the count so far: a long run that is broken off has still said what it saw."""
    sys.stdout.write(f"orders {tally.orders}, {tally.line()}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="crash suite")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    tally = run(asked.kills, asked.seed, after_round=say)
    for text in tally.findings:
        sys.stdout.write(f"{text}\n")
    sys.stdout.write(f"orders {tally.orders}\n{tally.line()}\n")
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
