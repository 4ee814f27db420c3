"""(b) Idle days: one `run_daily('10:00')` over ten years of sessions; days per second."""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path

from bullet_trade.engine.events import DayClosed, Event
from bullet_trade.ops.compose import compose
from bullet_trade.ops.live import run_session
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings

STRATEGY = """
from jqdata import *

def initialize(context):
    g.runs = 0
    run_daily(once, time='10:00')

def once(context):
    g.runs += 1
"""


class Days:
    """Closed days told."""

    def __init__(self) -> None:
        self.count = 0

    def tell(self, event: Event) -> None:
        self.count += isinstance(event, DayClosed)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        strategy = Path(folder) / "idle.py"
        strategy.write_text(STRATEGY, encoding="utf-8")
        request = RunRequest(
            strategy, "simulator", "2015-01-05:2024-12-31", None, "synthetic", Path(folder) / "rt", False
        )
        days = Days()
        run = compose(request, load_settings(None), days)
        profile = cProfile.Profile() if "--profile" in sys.argv else None
        start = time.perf_counter()
        if profile:
            profile.runcall(run_session, run)
        else:
            run_session(run)
        seconds = time.perf_counter() - start
        run.held.release()
        if profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(20)
        print(
            f"idle days: {days.count} days, {run.session.g.runs} runs, "
            f"{days.count / seconds:,.0f} days/s, {seconds:.3f} s"
        )


if __name__ == "__main__":
    main()
