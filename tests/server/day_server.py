"""The server as a process: python day_server.py CLOCK ARGUMENTS

It is `bullet-trade server` with these arguments, on the clock of that file.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from pathlib import Path

from day_clock import LOOK_S, PATIENCE_S, DayClock

from bullet_trade.cli.main import main
from bullet_trade.server import run
from bullet_trade.server.owner import Owner

TOKEN = "s3cr3t-7f1c-long-enough"
BEAT = 10
"""Between two calls an owner naps in seconds of ours, so every so many looks it is called."""


def command(directory: Path, clock: Path) -> list[str]:
    """How to start it, in `environment()`; its files are in the directory ``server``."""
    return [
        sys.executable, __file__, str(clock), "--server-type", "simulator", "--listen", "127.0.0.1", "--port", "0",
        "--accounts", "main=123456:stock", "--runtime-dir", str(directory),
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """The machine's, and what the account begins with."""
    return os.environ | {
        "QMT_SERVER_TOKEN": TOKEN,
        "SIMULATOR_INITIAL_CASH": "10000000",
        "SIMULATOR_INITIAL_POSITIONS": "600000.XSHG:20000@10",
        "PYTHONIOENCODING": "utf-8",
    }


def noted_owners() -> list[Owner]:
    """Those that will be started."""
    owners: list[Owner] = []
    start = Owner.start

    def noted(self: Owner) -> None:
        owners.append(self)
        start(self)

    Owner.start = noted  # type: ignore[method-assign]
    return owners


def follow(clock: DayClock, owners: list[Owner]) -> None:
    """Have the owners see the time: their timers run after any call."""
    looks = 0
    pause = threading.Event()

    def everybody() -> None:
        for owner in owners:
            seen = threading.Event()
            owner.post(lambda: None)
            owner.post(seen.set)
            assert seen.wait(PATIENCE_S)

    while not pause.wait(LOOK_S):
        looks += 1
        if clock.unseen:
            clock.see(everybody)
        elif looks % BEAT == 0:
            for owner in owners:
                owner.post(lambda: None)


if __name__ == "__main__":
    told = DayClock(Path(sys.argv[1]))
    run.run_server = partial(run.run_server, clock=told)
    threading.Thread(target=follow, args=(told, noted_owners()), daemon=True).start()
    sys.argv[:2] = ["bullet-trade", "server"]
    main()
