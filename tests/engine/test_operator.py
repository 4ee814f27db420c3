"""The operator's commands on the engine thread: what they do, and what the journal says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.commands import Answer, OperatorCommand, Who
from bullet_trade.engine.events import CallbackFailed, CancelsOpen, OperatorActed, OrderFinished
from bullet_trade.ports.clock import Rank
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import STRATEGY_FILE, DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, cancelled, silence
from bullet_trade.testing.fake_market import FakeMarket

CODES = [f"6000{number:02d}.XSHG" for number in range(20)]
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
HEAD = "from jqdata import *\n"
LI = Who("li", 4711, "pts/3")
IDLE = "def initialize(context): pass\n"


def a_market() -> FakeMarket:
    market = FakeMarket()
    for code in CODES:
        market.add(code, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0)
    return market


def at(clock: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(clock))


class Desk:
    """Gives commands at times of the day and keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.session: Session | None = None
        self._wanted: list[tuple[datetime, Callable[[Session], None]]] = []

    def give(self, clock: str, name: str, **more: object) -> Desk:
        def put(session: Session) -> None:
            brake = session.parts.brake
            if name == "halt":
                brake.halt(LI.text, "", "")
            given = {"brake": brake.state.number, "answer": self.answers.append, **more}
            session.parts.inbox.put(OperatorCommand(name, LI, "2025-06-03T10:00:01", **given))  # type: ignore[arg-type]

        return self.do(clock, put)

    def do(self, clock: str, act: Callable[[Session], None]) -> Desk:
        self._wanted.append((at(clock), act))
        return self

    def prepare(self, session: Session) -> None:
        self.session = session
        for when, act in self._wanted:
            session.parts.timers.add(when, Rank.DAY, lambda act=act: act(session))  # type: ignore[misc]


def run(source: str, desk: Desk, broker: ScriptedBroker | None = None, **more: object) -> DaysRun:
    plug = broker.on if broker is not None else None
    last = more.pop("last", DAY)
    return run_days(HEAD + source, a_market(), DAY, last, broker=plug, prepare=desk.prepare, **more)  # type: ignore[arg-type]


def journaled(days: DaysRun, kind: str) -> list[dict[str, object]]:
    return [json.loads(row.body) for row in days.rows if row.kind == kind]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pause", "paused"),
        ("resume", "running"),
        ("halt", "halted"),
        ("cancel-all", "nothing_open"),
        ("flatten-plan", "nothing_held"),
        ("flatten", "nothing_sold"),
        ("reload", "unchanged"),
        ("stop", "stopping"),
    ],
)
def test_every_command_is_journaled_with_who_and_when_and_what_came_of_it(name: str, code: str) -> None:
    desk = Desk().give("10:00", name, why="试")
    days = run(IDLE, desk)
    (given,), (done,) = journaled(days, "operator"), journaled(days, "operator_done")
    assert (given["command"], given["who"], given["why"]) == (name, {"user": "li", "pid": 4711, "tty": "pts/3"}, "试")
    assert given["received_at"] == "2025-06-03T10:00:01"
    assert (done["command"], done["code"]) == (name, code)
    assert [answer.code for answer in desk.answers] == [code]
    told = [(event.command, event.who) for event in days.recorder.of(OperatorActed)]
    assert told == ([] if name == "flatten-plan" else [(name, "li（pts/3，进程 4711）")])


def test_a_command_whose_giver_has_gone_does_nothing_and_is_journaled() -> None:
    desk = Desk().give("10:00", "stop", claim=lambda: False)
    days = run(IDLE, desk)
    assert [done["code"] for done in journaled(days, "operator_done")] == ["withdrawn"]
    assert days.reason == "回放结束"


def test_a_stop_names_the_orders_that_stay_at_the_broker() -> None:
    """V02: the acknowledgement lists what is still open."""
    broker = ScriptedBroker()
    broker.usual = (accepted(),)
    desk = Desk().give("10:01", "stop")
    run("def initialize(context): run_daily(b, '10:00')\ndef b(context): order('600001.XSHG', 100)\n", desk, broker)
    assert "#1" in desk.answers[0].text


BUY_ALL = (
    "def initialize(context): run_daily(buy, '10:00')\n"
    "def buy(context):\n"
    "    for n in range(20): order(f'6000{n:02d}.XSHG', 100, LimitOrderStyle(9.5), wait_timeout=0)\n"
)


class TestCancelAll:
    def test_cancels_that_get_lost_are_asked_for_again_and_then_told_by_number(self) -> None:
        """H06: of 20 cancels 3 are lost, of those one again."""
        broker = ScriptedBroker()
        broker.usual = (accepted(),)
        broker.cancel_answers.extend(silence if number in (4, 9, 15) else [cancelled()] for number in range(20))
        broker.cancel_answers.extend([[cancelled()], silence, [cancelled()]])
        days = run(BUY_ALL, Desk().give("10:05", "cancel-all"), broker)
        assert [(event.orders, event.again) for event in days.recorder.of(CancelsOpen)] == [
            ((5, 10, 16), True),
            ((10,), False),
        ]
        assert len(broker.cancels) == 23
        assert [record["orders"] for record in journaled(days, "cancels_open")] == [[5, 10, 16], [10]]

    def test_what_the_control_thread_has_asked_for_is_not_sent_twice(self) -> None:
        broker = ScriptedBroker()
        broker.usual = (accepted(),)
        desk = Desk()

        def put(session: Session) -> None:
            tags = tuple(order.tag for order in session.engine.book.open_orders())[:5]
            for tag in tags:
                broker.cancel(tag)  # the port allows it from any thread
            session.parts.inbox.put(OperatorCommand("cancel-all", LI, "", tags=tags, answer=desk.answers.append))

        days = run(BUY_ALL, desk.do("10:05", put), broker)
        assert len(broker.cancels) == 20
        assert len(days.recorder.of(OrderFinished)) == 20
        assert not days.session.engine.ledger.frozen

    def test_orders_of_others_are_left_alone(self) -> None:
        """T06: the simulated counter has an order that was entered by hand."""
        desk = Desk()
        source = "def initialize(context): run_daily(b, '10:00')\ndef b(context):\n"
        source += "    order('600001.XSHG', 100, LimitOrderStyle(9.5), wait_timeout=0)\n"

        def by_hand(session: Session) -> None:
            session.parts.broker.enter_by_hand(Code(CODES[2]), Side.BUY, 100, Price(95_000))  # type: ignore[attr-defined]

        desk.do("10:01", by_hand).give("10:05", "cancel-all")
        states: list[str] = []

        def look(session: Session) -> None:
            account = session.parts.broker.account  # type: ignore[attr-defined]
            states.extend(f"{order.by_hand} {order.alive}" for order in account.orders.values())

        run(source, desk.do("10:10", look))
        assert sorted(states) == ["False False", "True True"]


class TestFlatten:
    def test_the_plan_names_what_cannot_be_sold_and_the_rest_is_sold(self) -> None:
        broker = ScriptedBroker(holdings={CODES[0]: 1000, CODES[1]: 250, CODES[2]: 500, CODES[4]: 600}, cost=9.0)
        broker.answers.append([accepted()])  # the strategy's own sale rests
        market = a_market()
        market.add(CODES[2], {DAY: None}, prev_close=10.0)
        market.add(CODES[4], {DAY: 9.0}, prev_close=10.0)
        source = (
            "def initialize(context): run_daily(trade, '10:00')\n"
            "def trade(context):\n    order('600000.XSHG', -300, LimitOrderStyle(10.5), wait_timeout=0)\n"
            "    order('600003.XSHG', 400)\n"
        )
        desk = Desk().give("10:05", "flatten-plan").give("10:06", "flatten")
        run_days(HEAD + source, market, DAY, DAY, broker=broker.on, prepare=desk.prepare)
        planned = {line.code: (line.amount, line.sellable, line.obstacle) for line in desk.answers[0].plan}
        assert planned[CODES[0]] == (1000, 700, "300 股被未完成的卖单占用，可先 cancel-all")
        assert planned[CODES[1]] == (250, 250, "")
        assert planned[CODES[2]] == (500, 0, "停牌，不可卖")
        assert planned[CODES[4]] == (600, 0, "跌停，卖不出")
        assert planned["600003.XSHG"] == (400, 0, "400 股今日买入，T+1 不可卖")
        sold = [(ticket.code, ticket.amount) for ticket in broker.submitted[2:]]
        assert sold == [(CODES[0], 700), (CODES[1], 250)]
        assert "可能再次买入" in desk.answers[1].text

    @pytest.mark.parametrize("brake", ["pause", "halt"])
    def test_it_passes_the_brake_for_it_is_the_operators_own(self, brake: str) -> None:
        broker = ScriptedBroker(holdings={CODES[0]: 1000}, cost=9.0)
        desk = Desk().give("10:00", brake).give("10:01", "flatten")
        days = run(IDLE, desk, broker)
        assert [(ticket.code, ticket.amount, int(ticket.side)) for ticket in broker.submitted] == [(CODES[0], 1000, -1)]
        intents = journaled(days, "intent")
        assert intents[0]["asked"] == {"call": "flatten", "where": "li（pts/3，进程 4711）"}


OLD = (
    "class Basket:\n    def __init__(self): self.n = 1\n    def size(self): return self.n\n"
    "def initialize(context):\n    g.kept = [1]\n    g.basket = {'a': Basket()}\n    run_daily(task, '10:10')\n"
    "def task(context): log.info('old')\n"
    "def handle_data(context, data): pass\n"
)
NEW = OLD.replace("'old'", "f'new {g.kept} {g.basket[\"a\"].size()}'").replace("return self.n", "return self.n + 41")
NEW += "def after_code_changed(context): log.info('changed')\n"


def edit(folder: Path, source: str) -> Callable[[Session], None]:
    return lambda _: (folder / STRATEGY_FILE).write_text(HEAD + source, encoding="utf-8") and None


class TestReload:
    def test_the_new_code_runs_with_the_old_g_and_tasks(self, tmp_path: Path) -> None:
        desk = Desk().do("10:00", edit(tmp_path, NEW)).give("10:01", "reload")
        days = run(OLD, desk, directory=tmp_path)
        assert [text for _, text in days.recorder.said()] == ["changed", "new [1] 42"]
        assert desk.answers[0].code == "reloaded"
        (record,) = journaled(days, "reload")
        assert record["new"] == days.session.engine.host.source_hash != record["old"]

    def test_objects_of_the_strategys_classes_can_still_be_saved(self, tmp_path: Path) -> None:
        desk = Desk().do("10:00", edit(tmp_path, NEW)).give("10:01", "reload")
        run(OLD, desk, directory=tmp_path, autosave_s=7200.0)
        again = run_days(HEAD + NEW, a_market(), NEXT, NEXT, directory=tmp_path)
        assert [text for _, text in again.recorder.said()] == ["new [1] 42"]

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("def initialize(context)\n", "语法错误"),
            ("import no_such_module_anywhere\n" + OLD, "加载失败"),
            (OLD.replace("def task", "def another"), "task"),
            ("x = 1\n", "回调函数"),
        ],
    )
    def test_a_broken_file_keeps_the_old_code_and_says_why(self, source: str, why: str, tmp_path: Path) -> None:
        desk = Desk().do("10:00", edit(tmp_path, source)).give("10:01", "reload")
        days = run(OLD, desk, directory=tmp_path)
        assert [text for _, text in days.recorder.said()] == ["old"]
        assert (desk.answers[0].ok, desk.answers[0].code) == (False, "kept_old")
        assert why in desk.answers[0].text
        assert not days.recorder.of(CallbackFailed)

    def test_what_the_check_finds_keeps_the_old_code(self, tmp_path: Path) -> None:
        desk = Desk().do("10:00", edit(tmp_path, NEW)).give("10:01", "reload")

        def check(session: Session) -> None:
            session.engine.reloader.check = lambda _: ["第 3 行的 x 不支持"]

        days = run(OLD, desk.do("09:00", check), directory=tmp_path)
        assert "第 3 行的 x 不支持" in desk.answers[0].text
        assert [text for _, text in days.recorder.said()] == ["old"]

    def test_it_waits_for_the_end_of_the_callback(self, tmp_path: Path) -> None:
        broker = ScriptedBroker()
        broker.usual = (accepted(),)
        slow = "\ndef initialize(context): run_daily(task, '10:00')\ndef task(context):\n"
        slow += "    order('600001.XSHG', 100)\n    log.info('old')\n"
        desk = Desk().do("10:00:02", edit(tmp_path, slow.replace("'old'", "'new'"))).give("10:00:05", "reload")
        days = run(slow, desk, broker, directory=tmp_path, last=NEXT)
        assert [text for _, text in days.recorder.said()] == ["old", "new"]

    def test_tasks_that_the_files_own_lines_register_are_not_doubled(self, tmp_path: Path) -> None:
        top = "def task(context): log.info('old')\nrun_daily(task, '10:10')\n"
        desk = Desk().do("10:00", edit(tmp_path, top.replace("'old'", "'new'"))).give("10:01", "reload")
        days = run(top, desk, directory=tmp_path)
        assert [text for _, text in days.recorder.said()] == ["new"]
