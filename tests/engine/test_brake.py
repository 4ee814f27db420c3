"""The brake: who may set it, what it holds, and that nothing leaves once it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from threading import Thread

import pytest

from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.securities import Code
from bullet_trade.engine.brake import Brake, BrakeMode, BrakeState
from bullet_trade.engine.commands import OperatorCommand, Who
from bullet_trade.engine.events import Event, OrderFinished, OrderPlaced, OrderRefused, TaskMissed
from bullet_trade.engine.inbox import StopRequested
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

CODE = "600000.XSHG"
DAY = date(2025, 6, 3)
HEAD = "from jqdata import *\n"
LI = Who("li", 4711, "pts/3")


def a_market(price: float = 10.0) -> FakeMarket:
    return FakeMarket().add(CODE, {DAY: price}, prev_close=price)


def at(clock: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(clock))


def command(name: str, **more: object) -> OperatorCommand:
    return OperatorCommand(name, LI, "2025-06-03T10:00:00", **more)  # type: ignore[arg-type]


def commands(*wanted: tuple[str, str]) -> Callable[[Session], None]:
    """Give commands at times of the day, as the control thread would."""

    def prepare(session: Session) -> None:
        def give(name: str) -> None:
            brake = session.parts.brake
            if name == "halt":
                brake.halt(LI.text, "test", at("10:00").isoformat())
            session.parts.inbox.put(command(name, brake=brake.state.number))

        for clock, name in wanted:
            session.parts.timers.add(at(clock), Rank.DAY, lambda name=name: give(name))  # type: ignore[misc]

    return prepare


def run(
    source: str, prepare: Callable[[Session], None], broker: ScriptedBroker | None = None, **more: object
) -> DaysRun:
    plug = broker.on if broker is not None else None
    return run_days(HEAD + source, a_market(), DAY, DAY, broker=plug, prepare=prepare, **more)  # type: ignore[arg-type]


class TestTheFlag:
    def test_a_halt_is_kept_before_it_returns(self) -> None:
        kept: list[BrakeState] = []
        brake = Brake(keep=kept.append)
        assert brake.halt("li", "异常", "2025-06-03T10:00:00")
        assert (brake.halted, kept) == (True, [BrakeState(BrakeMode.HALTED, "li", "异常", "2025-06-03T10:00:00", 1)])

    def test_a_halt_that_cannot_be_kept_holds_all_the_same(self) -> None:
        def full(_: BrakeState) -> None:
            raise OSError(28, "No space left on device")

        brake = Brake(keep=full)
        with pytest.raises(OSError, match="No space"):
            brake.halt("li", "", "")
        assert brake.halted

    def test_a_pause_does_not_loosen_a_halt(self) -> None:
        brake = Brake()
        brake.halt("li", "", "")
        assert (brake.pause("wang", "", ""), brake.halted) == (False, True)

    def test_a_resume_that_was_given_before_a_halt_does_not_undo_it(self) -> None:
        brake = Brake()
        brake.pause("li", "", "")
        seen = brake.state.number  # the resume waits behind a callback that does not end
        brake.halt("wang", "", "")
        assert (brake.resume("li", "", "", seen), brake.halted) == (False, True)
        assert (brake.resume("li", "", "", brake.state.number), brake.holds) == (True, False)

    def test_a_halt_waits_for_the_order_that_is_just_leaving_and_says_when_it_could_not(self) -> None:
        brake = Brake()
        with brake.leaving:
            quiet: list[bool] = []
            other = Thread(target=lambda: quiet.append(brake.halt("li", "", "")))
            other.start()
            other.join()
        assert (quiet, brake.halted) == ([False], True)

    @pytest.mark.parametrize(
        ("state", "by_operator", "rule"),
        [
            (BrakeMode.RUNNING, False, None),
            (BrakeMode.PAUSED, False, "paused"),
            (BrakeMode.PAUSED, True, None),
            (BrakeMode.HALTED, False, "halted"),
            (BrakeMode.HALTED, True, None),
        ],
    )
    def test_whose_orders_it_holds(self, state: BrakeMode, by_operator: bool, rule: str | None) -> None:
        refusal = Brake(BrakeState(state, "li")).refusal(Code(CODE), by_operator)
        assert (refusal.rule if refusal is not None else None) == rule

    def test_nobodys_order_leaves_a_run_that_is_ending(self) -> None:
        brake = Brake()
        brake.end("收到 SIGTERM")
        refusal = brake.refusal(Code(CODE), by_operator=True)
        assert refusal is not None
        assert refusal.rule == "stopping"


EVERY_MINUTE = (
    "def initialize(context):\n    run_daily(buy, 'every_bar')\ndef buy(context):\n    order('600000.XSHG', 100)\n"
)


class TestHalt:
    def test_orders_are_refused_while_the_strategy_goes_on(self) -> None:
        days = run(EVERY_MINUTE, commands(("10:00:30", "halt"), ("10:10:30", "resume")))
        refused = [event for event in days.recorder.of(OrderRefused) if event.rule == "halted"]
        assert [f"{event.at:%H:%M}" for event in refused] == [f"10:{minute:02d}" for minute in range(1, 11)]
        assert len(days.recorder.of(OrderPlaced)) == 240 - 10

    def test_an_order_that_is_written_down_already_ends_as_never_sent(self) -> None:
        """Three parts of one wish: the halt comes between the second one's record and its leaving."""
        broker = ScriptedBroker(cash=100_000_000.0)

        class Halting(Recorder):
            session: Session | None = None

            def tell(self, event: Event) -> None:
                super().tell(event)
                if isinstance(event, OrderPlaced) and len(self.of(OrderPlaced)) == 2:
                    assert self.session is not None
                    self.session.parts.brake.halt("li", "", "")

        recorder = Halting()

        def prepare(session: Session) -> None:
            recorder.session = session

        source = "def initialize(context): run_daily(buy, '10:00')\ndef buy(context): order('600000.XSHG', 2500000)\n"
        days = run(source, prepare, broker, recorder=recorder)
        assert len(broker.submitted) == 1
        ended = [(event.order.order_id, event.order.state) for event in recorder.of(OrderFinished)]
        assert sorted(ended) == [(1, OrderState.FILLED), (2, OrderState.REJECTED), (3, OrderState.REJECTED)]
        assert days.session.engine.ledger.frozen == 0
        reports = [row.body.decode() for row in days.rows if row.kind == "report"]
        assert sum('"Rejected"' in body and '"halted"' in body for body in reports) == 2

    def test_cancels_still_work(self) -> None:
        broker = ScriptedBroker()
        broker.answers.append([accepted()])
        source = (
            "def initialize(context):\n    run_daily(buy, '10:00')\n    run_daily(away, '10:05')\n"
            "def buy(context): order('600000.XSHG', 100, LimitOrderStyle(9.5), wait_timeout=0)\n"
            "def away(context): log.info(str(cancel_order(1).status))\n"
        )
        days = run(source, commands(("10:01", "halt")), broker)
        assert broker.cancels
        assert [text for _, text in days.recorder.said()] == ["canceled"]

    def test_a_stop_order_goes_on_waiting_and_is_triggered_after_it(self) -> None:
        source = (
            "def initialize(context):\n    run_daily(protect, '10:05')\n"
            "    run_daily(look, '10:30')\n    run_daily(look, '10:40')\n"
            "def protect(context): order('600000.XSHG', 100, StopMarketOrderStyle('stop_loss', 10.0))\n"
            "def look(context): log.info(f'{len(get_open_orders())} {len(get_trades())}')\n"
        )
        days = run(source, commands(("10:04", "halt"), ("10:31", "resume")))
        assert [text for _, text in days.recorder.said()] == ["1 0", "0 1"]


class TestPause:
    def test_scheduled_functions_do_not_run_and_are_told(self) -> None:
        source = (
            "def initialize(context):\n    run_daily(early, '9:40')\n    run_daily(held, '10:05')\n"
            "    run_daily(late, '10:20')\n"
            "def early(context): log.info('early')\ndef held(context): log.info('held')\n"
            "def late(context): log.info('late')\n"
            "def handle_data(context, data): g.bars = getattr(g, 'bars', 0) + 1\n"
            "def on_strategy_end(context): log.info(str(g.bars))\n"
        )
        days = run(source, commands(("10:00:30", "pause"), ("10:10:30", "resume")))
        assert [text for _, text in days.recorder.said()] == ["early", "late", "230"]
        missed = {event.task: event.times for event in days.recorder.of(TaskMissed)}
        assert missed == {"held@10:05": 1, "handle_data": 10}

    def test_a_callback_that_waits_for_an_order_cannot_order_again(self) -> None:
        broker = ScriptedBroker()
        broker.answers.append([accepted(), filled(after_s=10)])
        source = (
            "def initialize(context): run_daily(buy, '10:00')\n"
            "def buy(context):\n    order('600000.XSHG', 100)\n    order('600000.XSHG', 200)\n"
        )
        days = run(source, commands(("10:00:05", "pause")), broker)
        assert [ticket.amount for ticket in broker.submitted] == [100]
        assert [event.rule for event in days.recorder.of(OrderRefused)] == ["paused"]
        assert days.session.engine.ledger.positions[Code(CODE)].amount == 100


SPLIT = (
    "def initialize(context): run_daily(buy, '10:00')\n"
    "def buy(context):\n    order('600000.XSHG', 2500000)\n    order('600000.XSHG', 100, wait_timeout=0)\n"
    "    order('600000.XSHG', 200)\n"
)


class Moments(Recorder):
    """Does something at the n-th of the moments at which the engine tells or answers."""

    def __init__(self, moment: int, act: Callable[[], None]) -> None:
        super().__init__()
        self.left = moment
        self._act = act

    def tell(self, event: Event) -> None:
        super().tell(event)
        self.left -= 1
        if self.left == 0:
            self._act()


@pytest.mark.parametrize("way", ["halt", "stop"])
@pytest.mark.parametrize("moment", range(1, 16))
def test_no_order_leaves_after_the_acknowledgement(moment: int, way: str) -> None:
    """V02: at every moment of a day with a split order and waits."""
    broker = ScriptedBroker(cash=100_000_000.0)
    broker.usual = (accepted(), filled(after_s=2))
    acknowledged: list[int] = []
    sessions: list[Session] = []

    def act() -> None:
        inbox, brake = sessions[0].parts.inbox, sessions[0].parts.brake
        if way == "halt":
            brake.halt("li", "", "")
            acknowledged.append(len(broker.submitted))
        else:
            inbox.put(command("stop", answer=lambda _: acknowledged.append(len(broker.submitted))))

    recorder = Moments(moment, act)
    run(SPLIT, sessions.append, broker, recorder=recorder)
    assert acknowledged == [len(broker.submitted)]


def test_an_order_after_a_signal_to_stop_is_refused() -> None:
    """V02: also the polite way out, while the strategy waits for an order."""
    broker = ScriptedBroker()
    broker.answers.append([accepted()])
    source = (
        "def initialize(context): run_daily(buy, '10:00')\n"
        "def buy(context):\n    order('600000.XSHG', 100)\n    order('600000.XSHG', 200)\n"
    )

    def prepare(session: Session) -> None:
        session.parts.timers.add(at("10:00:03"), Rank.DAY, lambda: session.parts.inbox.put(StopRequested("SIGTERM")))

    days = run(source, prepare, broker)
    sent: list[OrderTicket] = broker.submitted
    assert ([ticket.amount for ticket in sent], [e.rule for e in days.recorder.of(OrderRefused)]) == (
        [100],
        ["stopping"],
    )
