"""The machine's time zone changes nothing: sessions, times of snapshots and of bars."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from quote_room import BANK, DAYS, TODAY, needs_wheel, room

pytestmark = [
    needs_wheel,
    pytest.mark.skipif(sys.platform == "win32", reason="the variable TZ means nothing on Windows"),
]


def observed() -> dict[str, object]:
    """What is read of the terminal, and what the vendor's own calendar says."""
    with room() as here:
        here.desk.push(BANK, 10.1)
        here.follow(BANK)
        here.desk.settle()
        days = here.data.trading_days() or ()
        minutes = here.data.minutes(BANK, DAYS[0])
        assert minutes is not None
        return {
            "tick": str(here.got[0].datetime),
            "days": [str(day) for day in days if day >= DAYS[0]][:8],
            "daily": [str(day) for day in here.data.daily(BANK, DAYS[0], TODAY).days],
            "minutes": [float(minutes.open[0]), float(minutes.close[-1])],
            "theirs": here.xtdata.get_trading_calendar("SH", "20250603", "20250612"),
        }


EXPECTED = {
    "tick": "2025-06-06 10:00:00",
    "days": [f"2025-06-{day:02d}" for day in (3, 4, 5, 6, 9, 10, 11, 12)],
    "daily": [str(day) for day in DAYS],
    "minutes": [10.0, 10.239],
}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_nothing_depends_on_the_machines_zone(zone: str) -> None:
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "TZ": zone, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    theirs = told.pop("theirs")
    assert told == EXPECTED
    right = [day.replace("-", "") for day in EXPECTED["days"]]
    assert theirs != right  # the vendor's own calendar, which is therefore not used


if __name__ == "__main__":
    print(json.dumps(observed()))  # noqa: T201
