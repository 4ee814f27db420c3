"""The broker as a process: python counter_process.py ORIGIN JOURNAL. Prints its port, then serves until it is ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from fast_clock import OPENING, PACE, exchange_now

from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.counter import Accept, Counter, End, Fill, Refuse, Step
from bullet_trade.testing.oracle import Oracle
from bullet_trade.testing.socket_counter import CounterServer


def course(ticket: OrderTicket) -> Sequence[Step]:
    """Over within half a minute, in one of several ways."""
    draw = Random(ticket.tag)
    late = draw.uniform(1.0, 25.0)
    return draw.choice(
        [
            (Accept(0.5), Fill(1.0, 0.5), Fill(late + 1.0, 1.0)),
            (Accept(0.5), Fill(late, 1.0)),
            (Fill(0.5, 1.0),),
            (Accept(0.5), Fill(late, 0.5), End(late + 2.0)),
            (Refuse(0.5),),
        ]
    )


def main(origin: float, journal: Path) -> None:
    counter = Counter(OPENING, course, 10_000_000.0, {"600000.XSHG": 50_000, "510300.XSHG": 100_000})
    server = CounterServer(counter, lambda: exchange_now(origin), PACE)
    oracle = Oracle(counter, journal)
    server.complaints = oracle.breaches
    server.received = oracle.sent
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve()


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
