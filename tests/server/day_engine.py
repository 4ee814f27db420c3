"""The engine as a process: python day_engine.py DIRECTORY CLOCK PLANT

It trades one day, over `qmt-remote`, through the server at the port that it reads from its input. PLANT ``new-key`` has
the client send an order again, under a new key, when the answer was lost, and ends the day early. At a proper end it
shows its ledger and what was told.
"""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime, time
from pathlib import Path
from typing import cast
from uuid import uuid4

import msgspec
from day_clock import OPENING, DayClock
from day_server import TOKEN

from bullet_trade.brokers.qmt_remote.broker import RemoteBroker
from bullet_trade.brokers.qmt_remote.orders import Tracked
from bullet_trade.brokers.qmt_remote.writes import Writes
from bullet_trade.domain.orders import OrderState
from bullet_trade.engine.events import Audiences
from bullet_trade.ops.compose import Run, composed
from bullet_trade.ops.control import client
from bullet_trade.ops.control.hand import OperatorsHand
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.clock import Rank
from bullet_trade.remote.link import NoReply, Outcome
from bullet_trade.remote.submissions import PLACE
from bullet_trade.testing.recorder import Recorder

ORDER_WAIT_S = 0.9
"""In seconds of ours, as the engine counts it: exchange time must not leap meanwhile, or the day passes in one wait."""
OPEN_FATE = frozenset({OrderState.IN_FLIGHT, OrderState.UNKNOWN, OrderState.CANCELLING})
OPERATOR_AT = time(10, 40)
"""Then the operator cancels everything that works."""
AGAIN_S = 0.3
PLANTED_UNTIL = time(10, 5)
"""A planted defect has shown by then."""
STATUS_S = 1800.0
"""Seconds of exchange time from one status to the next: each is a stop on the way of a leap."""


def send_again_under_a_new_key() -> None:
    """The planted defect: an order whose answer was lost is sent once more."""
    placed = Writes._placed

    def hasty(self: Writes, order: Tracked, outcome: Outcome) -> None:
        placed(self, order, outcome)
        if isinstance(outcome, NoReply) and order.request is not None:
            again = msgspec.structs.replace(order.request, idempotency_key=uuid4().hex, deadline=None)
            self._agenda.after(AGAIN_S, lambda: self.requests.request(PLACE, again, lambda _: None, 5.0))

    Writes._placed = hasty  # type: ignore[method-assign]


class OperatorAt:
    """An operator who gives one command over the control socket. Time must not leap on before it was answered."""

    def __init__(self, run: Run, at: time, command: str) -> None:
        self.busy = False
        self.answer = ""
        self._directory = run.directory
        self._command = command
        run.session.engine.timers.add(datetime.combine(OPENING.date(), at), Rank.DAY, self._begin)

    def _begin(self) -> None:
        self.busy = True
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        try:
            self.answer = client.ask(self._directory, self._command).code
        finally:
            self.busy = False


def main(directory: Path, clock: DayClock, port: int, plant: str) -> None:
    if plant == "new-key":
        send_again_under_a_new_key()
    settings = Settings.model_validate(
        {
            "qmt_server_host": "127.0.0.1", "qmt_server_port": port, "qmt_server_token": TOKEN,
            "qmt_server_account_key": "main", "bullet_trade_home": directory, "trade_max_wait_time": ORDER_WAIT_S,
            "g_autosave_interval": 900, "account_sync_interval": 300, "strategy_reload": "off",
            "max_order_value": 0, "max_daily_trade_value": 0, "max_position_ratio": 0,
        }
    )  # fmt: skip
    request = RunRequest(
        Path(__file__).with_name("day_strategy.py"), broker="qmt-remote", replay=None, speed=STATUS_S,
        data="synthetic:1", runtime_dir=directory, stop_after_close=True,
    )  # fmt: skip
    heard = Recorder()
    hand = OperatorsHand(heard, settings)
    with composed(request, settings, Audiences(heard, hand.status), wall=clock) as run, hand.on(run, request):
        engine = run.session.engine
        broker = cast("RemoteBroker", run.session.parts.broker)
        operator = OperatorAt(run, PLANTED_UNTIL, "stop") if plant else OperatorAt(run, OPERATOR_AT, "cancel-all")

        def may_leap() -> bool:
            idle = all(one.state not in OPEN_FATE for one in engine.book.orders.values())
            return idle and broker._told_up is True and not operator.busy

        clock.may_leap = may_leap
        run.session.run()
        shown = {
            "cash": engine.ledger.cash,
            "shares": {str(one.code): one.amount for one in engine.ledger if one.amount},
            "g": vars(run.session.g),
            "operator": operator.answer,
            "told": [type(event).__name__ for event in heard.events],
        }
    (directory / "ledger.json").write_text(json.dumps(shown), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), DayClock(Path(sys.argv[2])), int(sys.stdin.readline()), sys.argv[3])
