"""The example strategies over whole days: on the recorded market against a golden file, and on the synthetic market.

Golden orders of 2025-12-01 and 2025-12-08 were checked by hand against the bars: momentum ranking from bars_1d, fill
price = open of the 09:36 bar moved by 0.123 % and cut at the bar's high or low, fees 0.03 % (at least 5.00) + 0.001 %
transfer + 0.05 % duty on sales.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bullet_trade.domain.money import text
from bullet_trade.engine.events import CallbackFailed, DayClosed, Event, OrderFinished
from bullet_trade.ops.compose import compose
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import load_settings
from bullet_trade.store.journal import read_journal

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT.parent / "shared" / "data"
GOLDEN = Path(__file__).with_name("demo_recorded_2025-12-01_2026-01-30.csv")
EXAMPLES = sorted(path.name for path in (ROOT / "strategies").glob("*.py"))


class Recorder:
    """Keeps all events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


def replay(strategy: str, days: str, data: str, directory: Path) -> list[Event]:
    """Run one example and return what was told; its files stay below `directory`."""
    request = RunRequest(ROOT / "strategies" / strategy, "simulator", days, None, data, directory, False)
    recorder = Recorder()
    run = compose(request, load_settings(None), recorder)
    try:
        run.session.run()
    finally:
        run.held.release()
    return recorder.events


def order_rows(events: list[Event]) -> list[list[str]]:
    """Finished orders as rows of text."""
    return [
        [
            f"{e.at:%Y-%m-%d %H:%M:%S}",
            e.order.code,
            e.order.side.name,
            str(e.order.amount),
            str(e.order.filled),
            text(e.order.average_price, 4),
            text(e.order.fees),
            e.order.state.value,
        ]
        for e in events
        if isinstance(e, OrderFinished)
    ]


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"recorded market not found at {RECORDED}")
def test_demo_strategy_places_the_golden_orders_on_the_recorded_market(tmp_path: Path) -> None:
    events = replay("demo_strategy.py", "2025-12-01:2026-01-30", str(RECORDED), tmp_path)
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        expected = list(csv.reader(file))[1:]
    assert order_rows(events) == expected


@pytest.mark.parametrize("strategy", EXAMPLES)
def test_each_example_trades_through_a_month_of_the_synthetic_market_without_an_error(
    strategy: str, tmp_path: Path
) -> None:
    events = replay(strategy, "2025-12-01:2025-12-31", "synthetic", tmp_path)
    assert [e for e in events if isinstance(e, CallbackFailed)] == []
    assert sum(isinstance(e, DayClosed) for e in events) == 23
    assert any(isinstance(e, OrderFinished) and e.order.filled for e in events)


def test_two_replays_write_the_same_journal_and_state_to_the_byte(tmp_path: Path) -> None:
    files = ("journal.db", "live_state.json", "g.pkl")
    outcomes = []
    for name in ("first", "second"):
        replay("demo_strategy.py", "2025-12-01:2025-12-19", "synthetic", tmp_path / name)
        directory = tmp_path / name / "replays" / "demo_strategy"
        outcomes.append([(directory / file).read_bytes() for file in files])
        assert next(read_journal(directory / "journal.db")).seq == 1
    assert outcomes[0] == outcomes[1]
