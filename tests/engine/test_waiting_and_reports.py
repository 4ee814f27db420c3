"""Orders against a broker that answers late, twice, out of order or never: whole days on the virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.errors import InvariantError, StateError, UsageError
from bullet_trade.domain.money import money
from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.reports import Accepted, Filled
from bullet_trade.engine.events import (
    AccountDiffers,
    CallbackFailed,
    DayClosed,
    FilledLate,
    LinkChanged,
    OrderFinished,
    OrderPlaced,
    OrderRefused,
    OrderWaitEnded,
    PartFilled,
    ReportIgnored,
    Stopping,
)
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal import read_journal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import JOURNAL_FILE, DaysRun, run_days
from bullet_trade.testing.fake_broker import (
    Answer,
    Script,
    ScriptedBroker,
    accepted,
    cancel_refused,
    cancelled,
    filled,
    no_answer,
    rejected,
    silence,
)
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

CODE = "600000.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
HEAD = "from jqdata import *\nCODE = '600000.XSHG'\n"
BUY = "def initialize(context): run_daily(task, '10:00')\ndef task(context):\n    o = order(CODE, 1000)\n"
SAY = "    log.info('%s %d %s' % (o.status, o.filled, context.portfolio.available_cash))\n"


def a_market() -> FakeMarket:
    return FakeMarket().add(CODE, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0)


def run(source: str, broker: ScriptedBroker, last: date = DAY, **more: object) -> DaysRun:
    return run_days(HEAD + source, a_market(), DAY, last, broker=broker.on, **more)  # type: ignore[arg-type]


def answering(*answers: Answer, cash: float = 100_000.0) -> ScriptedBroker:
    broker = ScriptedBroker(cash)
    broker.answers.append(answers)
    return broker


def lines(ran: DaysRun) -> list[str]:
    return [f"{at:%H:%M:%S} {text}" for at, text in ran.recorder.said()]


def at(minute: str, action: Callable[[], None]) -> Callable[[Session], None]:
    """Something that happens at a time of the first day, from outside."""

    def prepare(session: Session) -> None:
        session.parts.timers.add(datetime.combine(DAY, time.fromisoformat(minute)), Rank.MARKET, action)

    return prepare


class TestTheWait:
    def test_order_returns_when_the_last_share_is_filled(self) -> None:
        broker = answering(accepted(after_s=0.5), filled(400, 10.0, after_s=1), filled(600, 10.1, after_s=3))
        ran = run(BUY + SAY, broker)
        assert lines(ran) == ["10:00:03 held 1000 89940.0"]
        assert [event.order.filled for event in ran.recorder.of(PartFilled)] == [400]
        (finished,) = ran.recorder.of(OrderFinished)
        assert (finished.elapsed_s, finished.order.filled, finished.profit) == (3.0, 1000, None)
        assert finished.order.average_price == 100_600

    def test_a_silent_broker_makes_it_return_after_sixteen_seconds_with_the_order_alive(self) -> None:
        broker = answering(filled(at=9.9, after_s=60))
        ran = run(
            BUY + SAY + "    g.o = o\ndef handle_data(context, data):\n"
            "    if context.current_dt.minute == 1 and hasattr(g, 'o'):\n"
            "        log.info('%s %d' % (g.o.status, g.o.filled))\n",
            broker,
        )
        # 1,000 shares at the protection price of 10.15 stay set aside, with 5 yuan of commission and 0.10 of transfer.
        assert lines(ran)[:2] == ["10:00:16 open 0 89844.9", "10:01:00 held 1000"]
        (ended,) = ran.recorder.of(OrderWaitEnded)
        assert (ended.waited_s, ended.order.state) == (16.0, OrderState.IN_FLIGHT)
        (finished,) = ran.recorder.of(OrderFinished)
        assert finished.order.reason == ""  # the doubt of the meantime does not stick to a good fill
        (closed,) = ran.recorder.of(DayClosed)
        assert (closed.cash, closed.holdings[0].amount) == (money("90100"), 1000)
        assert ran.recorder.of(AccountDiffers) == []

    @pytest.mark.parametrize(
        ("argument", "returned"), [("wait_timeout=0", "10:00:00"), ("wait_timeout=2.5", "10:00:02")]
    )
    def test_the_wait_may_be_set_for_each_order(self, argument: str, returned: str) -> None:
        source = BUY.replace("1000)", f"1000, {argument})") + SAY
        ran = run(source, answering(filled(at=10.0, after_s=5)))
        assert lines(ran)[0].startswith(f"{returned} open 0")

    def test_the_configured_wait_counts_where_none_is_given(self) -> None:
        ran = run(BUY + SAY, answering(filled(at=10.0, after_s=5)), order_wait_s=3.0)
        assert lines(ran)[0].startswith("10:00:03 open 0")

    def test_waits_of_fractions_of_a_second_come_to_an_end(self) -> None:
        broker = ScriptedBroker()
        broker.usual = silence
        guard = Guard(2_000)
        orders = "".join(f"    order(CODE, 100, 9.9, wait_timeout={wait})\n" for wait in (0.1, 0.1, 0.1, 0.3, 0.7, 3.3))
        source = f"def initialize(context): run_daily(task, '13:31:03')\ndef task(context):\n{orders}"
        run(source, broker, recorder=guard, prepare=guard.watch)

    def test_while_an_order_is_unknown_no_purchase_of_that_security_leaves_and_sales_do(self) -> None:
        broker = ScriptedBroker(100_000, {CODE: 500}, cost=10.0)
        broker.usual = silence
        ran = run(
            "def initialize(context):\n    run_daily(buy, '10:00')\n    run_daily(again, '10:05')\n"
            "def buy(context): order(CODE, 100, 9.9)\n"
            "def again(context):\n    order(CODE, 100, 9.9)\n    order(CODE, -100, 10.0)\n",
            broker,
        )
        assert [ticket.side.name for ticket in broker.submitted] == ["BUY", "SELL"]
        assert [refused.rule for refused in ran.recorder.of(OrderRefused)] == ["unknown_order"]

    def test_fills_of_others_arrive_while_one_order_waits_and_callbacks_keep_their_turn(self) -> None:
        broker = ScriptedBroker(100_000)
        broker.answers.append([filled(at=10.0, after_s=70)])
        broker.answers.append(silence)
        ran = run(
            "def initialize(context):\n    run_daily(first, '10:00')\n    run_daily(second, '10:01')\n"
            "    run_daily(third, '10:01:05')\n"
            "def first(context): g.first = order(CODE, 1000, 10.0, wait_timeout=0)\n"
            "def second(context):\n    log.info(str(g.first.status))\n    order(CODE, 100, 9.9)\n"
            "    log.info(str(g.first.status))\n"
            "def third(context): log.info('third')\n",
            broker,
        )
        assert lines(ran) == ["10:01:00 open", "10:01:16 held", "10:01:16 third"]

    def test_a_stop_during_the_wait_ends_it_and_the_order_stays_alive(self) -> None:
        broker = ScriptedBroker()
        broker.usual = silence

        def stop(session: Session) -> None:
            at("10:00:05", lambda: session.engine.stop("操作员停止"))(session)

        ran = run(BUY + SAY, broker, prepare=stop)
        assert lines(ran)[0].startswith("10:00:05 open 0")
        assert ran.reason == "操作员停止"
        assert broker.cancels == []

    def test_outside_trading_hours_nothing_is_waited_for(self) -> None:
        broker = ScriptedBroker()
        broker.usual = silence
        ran = run((BUY + SAY).replace("'10:00'", "'12:00'"), broker)
        assert lines(ran)[0].startswith("12:00:00 open 0")


class Guard(Recorder):
    """Fails a run that turns in circles: counts how often the engine looks at the time."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def watch(self, session: Session) -> None:
        clock = session.parts.clock
        inner = clock.wait

        def counted(*arguments: object) -> object:
            self.looks -= 1
            assert self.looks > 0, f"the engine turns in circles at {clock.now()}"
            return inner(*arguments)  # type: ignore[arg-type]

        clock.wait = counted  # type: ignore[method-assign, assignment]


OUTCOMES: list[tuple[str, Script, str, str]] = [
    ("accepted, filled at once", [accepted(), filled(at=10.0)], "held 1000", "90000"),
    ("the fill overtakes the acceptance", [filled(at=10.0), accepted()], "held 1000", "90000"),
    ("the rest is cancelled", [accepted(), filled(400, 10.0), cancelled()], "canceled 400", "96000"),
    ("never accepted, cancelled", [cancelled("废单")], "canceled 0", "100000"),
    ("rejected", [rejected("资金不足")], "rejected 0", "100000"),
    ("rejected after acceptance", [accepted(), rejected("超出价格笼子")], "rejected 0", "100000"),
    ("error and status report one rejection", [rejected("废单"), rejected("废单")], "rejected 0", "100000"),
    ("error report before acceptance", [rejected("废单"), accepted()], "rejected 0", "100000"),
    ("accepted twice", [accepted(), accepted(), filled(at=10.0)], "held 1000", "90000"),
    (
        "a trade reported twice",
        [filled(400, 10.0, trade_id="A"), filled(400, 10.0, trade_id="A"), filled(600, 10.0)],
        "held 1000",
        "90000",
    ),
    (
        "all reports again",
        [accepted(), filled(at=10.0, trade_id="A"), accepted(), filled(at=10.0, trade_id="A")],
        "held 1000",
        "90000",
    ),
]


class TestOutcomes:
    @pytest.mark.parametrize(("name", "script", "words", "cash"), OUTCOMES, ids=[row[0] for row in OUTCOMES])
    def test_what_the_strategy_and_the_book_see(self, name: str, script: Script, words: str, cash: str) -> None:
        ran = run(BUY + "    log.info('%s %d' % (o.status, o.filled))\n", answering(*script))
        assert lines(ran) == [f"10:00:00 {words}"]
        (closed,) = ran.recorder.of(DayClosed)
        assert closed.cash == money(cash)
        assert ran.session.engine.ledger.frozen == 0
        assert ran.recorder.of(AccountDiffers) == []
        assert ran.recorder.of(CallbackFailed) == []
        ran.session.engine.ledger.check(ran.session.engine.book.orders.values())

    def test_the_reason_of_a_rejection_is_the_brokers(self) -> None:
        ran = run(BUY + "    log.info(o.reason)\n", answering(rejected("资金不足[120147]")))
        assert lines(ran) == ["10:00:00 资金不足[120147]"]
        (finished,) = ran.recorder.of(OrderFinished)
        assert (finished.order.state, finished.order.reason) == (OrderState.REJECTED, "资金不足[120147]")

    def test_an_order_without_proof_blocks_its_cash_and_is_not_rejected(self) -> None:
        ran = run(BUY + SAY, answering(no_answer(after_s=8)))
        assert lines(ran) == ["10:00:16 open 0 89844.9"]
        (order,) = ran.session.engine.book.orders.values()
        assert order.state is OrderState.UNKNOWN
        assert ran.session.engine.ledger.frozen > 0

    def test_an_unknown_order_that_turns_out_filled_is_booked(self) -> None:
        ran = run(BUY + SAY, answering(no_answer(after_s=8), filled(at=10.0, after_s=600)))
        (closed,) = ran.recorder.of(DayClosed)
        assert (closed.cash, closed.holdings[0].amount) == (money("90000"), 1000)
        assert ran.session.engine.ledger.frozen == 0

    def test_a_fee_that_the_broker_does_not_report_is_estimated_with_the_minimum_once_per_order(self) -> None:
        ran = run(BUY, answering(filled(400, 10.0, fee=None), filled(600, 10.0, fee=None)))
        (finished,) = ran.recorder.of(OrderFinished)
        assert finished.order.fees == money("5.10")  # 10,000 yuan: 5.00 at least, transfer fee 0.001%

    def test_a_report_about_a_foreign_order_is_told_and_changes_nothing(self) -> None:
        broker = ScriptedBroker(100_000)
        foreign = Filled("手工", "X1", 100, 100_000, datetime.combine(DAY, time(10)))  # type: ignore[arg-type]
        ran = run("def initialize(context): pass\n", broker, prepare=at("10:00", lambda: broker.say(foreign)))
        (ignored,) = ran.recorder.of(ReportIgnored)
        assert "手工" in ignored.text
        assert ran.recorder.of(DayClosed)[0].cash == money("100000")

    def test_a_report_that_the_order_does_not_admit_is_journaled_told_and_survived(self) -> None:
        ran = run(BUY + SAY, answering(accepted(), filled(at=10.0), cancelled()))
        assert lines(ran) == ["10:00:00 held 1000 90000.0"]
        (ignored,) = ran.recorder.of(ReportIgnored)
        assert "filled" in ignored.text
        assert [row.kind for row in ran.rows].count("report_ignored") == 1

    def test_more_shares_than_ordered_stop_trading_loudly(self) -> None:
        recorder = Recorder()
        with pytest.raises(InvariantError, match="委托 1000"):
            run(BUY, answering(filled(400, 10.0), filled(700, 10.0)), recorder=recorder)
        assert recorder.of(DayClosed) == []


class TestCancelling:
    CANCEL = BUY.replace("1000)", "1000, wait_timeout=0)") + "    c = cancel_order(o)\n"

    def told(self, submit: Script, cancel: Script, source: str = "") -> tuple[DaysRun, list[str]]:
        broker = answering(*submit)
        broker.cancel_answers.append(cancel)
        ran = run(self.CANCEL + "    log.info('%s %d' % (c.status, c.filled))\n" + source, broker)
        return ran, lines(ran)

    def test_the_call_waits_for_the_answer(self) -> None:
        _, said = self.told([accepted()], [cancelled(after_s=2)])
        assert said == ["10:00:02 canceled 0"]

    def test_the_fill_may_be_faster_than_the_cancel(self) -> None:
        ran, said = self.told([accepted()], [filled(at=10.0, after_s=1), cancel_refused(after_s=1.5)])
        assert said == ["10:00:01 held 1000"]
        assert ran.recorder.of(DayClosed)[0].cash == money("90000")
        assert ran.recorder.of(ReportIgnored) == []

    def test_a_refused_cancel_leaves_the_order_working(self) -> None:
        _, said = self.told([accepted()], [cancel_refused(after_s=1)])
        assert said == ["10:00:01 open 0"]

    def test_a_cancel_without_an_answer_returns_after_the_wait_with_the_order_alive(self) -> None:
        ran, said = self.told([accepted()], silence)
        assert said == ["10:00:16 open 0"]
        assert ran.session.engine.ledger.frozen > 0

    def test_a_fill_after_the_cancel_is_real_money_and_is_booked(self) -> None:
        ran, said = self.told([accepted()], [cancelled(after_s=1), filled(300, 10.0, after_s=5)])
        assert said == ["10:00:01 canceled 0"]
        (closed,) = ran.recorder.of(DayClosed)
        assert (closed.cash, closed.holdings[0].amount, closed.bought) == (money("97000"), 300, money("3000"))
        assert ran.session.engine.ledger.frozen == 0

    def test_a_fill_after_the_cancel_is_told(self) -> None:
        ran, _ = self.told([accepted()], [cancelled(after_s=1), filled(300, 10.0, after_s=5)])
        told = [e.order.filled for e in ran.recorder.events if isinstance(e, PartFilled | OrderFinished | FilledLate)]
        assert 300 in told

    def test_cancelling_what_is_over_or_does_not_exist(self) -> None:
        broker = ScriptedBroker(100_000)
        ran = run(BUY + "    log.info('%s %s' % (cancel_order(o).status, cancel_order(4711)))\n", broker)
        assert lines(ran) == ["10:00:00 held None"]
        assert broker.cancels == []

    def test_the_request_is_in_the_journal_before_it_leaves(self) -> None:
        ran, _ = self.told([accepted()], [cancelled()])
        kinds = [row.kind for row in ran.rows]
        # The acceptance was on its way while the strategy asked to cancel: both reports come after the request.
        assert kinds[kinds.index("intent") :][:4] == ["intent", "cancel", "report", "report"]


class TestTargetsOverOpenOrders:
    def test_the_open_order_is_cancelled_before_the_new_one_is_sized(self) -> None:
        broker = ScriptedBroker(100_000)
        broker.answers.append([accepted(), filled(300, 10.0)])
        ran = run(
            "def initialize(context): run_daily(task, '10:00')\n"
            "def task(context):\n    order(CODE, 1000, 10.0, wait_timeout=0)\n    order_target(CODE, 800)\n",
            broker,
        )
        assert [ticket.amount for ticket in broker.submitted] == [1000, 500]
        assert len(broker.cancels) == 1
        assert ran.recorder.of(DayClosed)[0].holdings[0].amount == 800

    @pytest.mark.parametrize("call", ["order_target(CODE, 1000)", "order_target_value(CODE, 10000)"])
    @pytest.mark.parametrize("answer", [silence, [cancel_refused()]], ids=["no answer", "refused"])
    def test_while_the_old_order_may_still_fill_no_second_one_is_sent(self, call: str, answer: Script) -> None:
        # Sent again, both could fill: 2,000 shares where 1,000 were wanted.
        broker = ScriptedBroker(100_000)
        broker.usual = silence
        broker.cancel_answers.extend([answer] * 3)
        ran = run(
            "def initialize(context): run_daily(task, '10:00')\n"
            f"def task(context):\n    {call}\n    log.info(str({call}))\n",
            broker,
        )
        assert [ticket.amount for ticket in broker.submitted] == [1000]
        assert lines(ran)[-1].endswith(" None")
        assert "未下单" in lines(ran)[-2]


class TestTheLink:
    def test_losing_and_regaining_it_are_both_told(self) -> None:
        broker = ScriptedBroker()

        def prepare(session: Session) -> None:
            at("10:00", broker.lose_link)(session)
            at("10:05", broker.restore_link)(session)

        recorder = run("def initialize(context): pass\n", broker, prepare=prepare).recorder
        assert [(event.at.time(), event.up) for event in recorder.of(LinkChanged)] == [
            (time(10, 0), False),
            (time(10, 5), True),
        ]

    def test_the_first_connection_is_nothing_to_tell(self) -> None:
        assert run("def initialize(context): pass\n", ScriptedBroker()).recorder.of(LinkChanged) == []

    def test_a_broker_that_never_states_the_account_ends_the_start_with_a_sentence(self) -> None:
        broker = ScriptedBroker()
        broker.states_account = False
        with pytest.raises(UsageError, match="脚本券商 在 30 秒内没有返回账户信息"):
            run("def initialize(context): pass\n", broker)
        assert broker.closed

    def test_the_account_is_there_for_a_start_up_hook(self) -> None:
        ran = run("def initialize(context): log.info(str(context.portfolio.available_cash))\n", ScriptedBroker(4711))
        assert lines(ran) == ["00:00:00 4711.0"]

    def test_holdings_that_were_there_before_count_in_the_starting_capital(self) -> None:
        broker = ScriptedBroker(100_000, {CODE: 1000}, cost=9.0)
        ran = run(
            "def handle_data(context, data):\n    if context.current_dt.minute == 31:\n"
            "        p = context.portfolio\n        log.info('%.2f %.4f' % (p.starting_cash, p.returns)); exit()\n",
            broker,
        )
        assert lines(ran) == ["09:31:00 110000.00 0.0000"]


class TestTheBrokersAccount:
    def test_a_difference_at_the_close_is_told_by_name_and_amount_and_taken_over(self) -> None:
        broker = ScriptedBroker(100_000)

        def by_hand() -> None:
            broker.cash = money("98000")
            broker.holdings[CODE] = 200  # type: ignore[index]

        ran = run("def initialize(context): pass\n", broker, prepare=at("14:00", by_hand))
        (told,) = ran.recorder.of(AccountDiffers)
        assert [(d.what, d.ours, d.theirs) for d in told.differences] == [
            ("现金", "100,000.00", "98,000.00"),
            (f"{CODE} 持仓", "0 股", "200 股"),
        ]
        (closed,) = ran.recorder.of(DayClosed)
        assert (closed.cash, closed.holdings[0].amount) == (money("98000"), 200)
        assert "difference" in [row.kind for row in ran.rows]


class TestWriteDownThenAct:
    def test_the_intent_is_readable_by_others_before_the_broker_hears_of_the_order(self, tmp_path: Path) -> None:
        broker, seen = ScriptedBroker(), []

        def look(ticket: OrderTicket) -> None:
            last = list(read_journal(tmp_path / JOURNAL_FILE))[-1]
            seen.append((last.kind, ticket.tag.encode() in last.body))

        broker.before_submit = look
        run(BUY + "    order(CODE, 200)\n", broker, directory=tmp_path)
        assert seen == [("intent", True), ("intent", True)]

    def test_each_report_is_readable_by_others_before_the_strategy_sees_it(self, tmp_path: Path) -> None:
        path = str(tmp_path / JOURNAL_FILE)
        ran = run(
            BUY + "    import pathlib\n    from bullet_trade.store.journal import read_journal\n"
            f"    rows = list(read_journal(pathlib.Path({path!r})))\n"
            "    log.info(' '.join(r.kind for r in rows[-3:]))\n    log.info(str(b'Filled' in rows[-1].body))\n",
            ScriptedBroker(),
            directory=tmp_path,
        )
        assert [text for _, text in ran.recorder.said()] == ["intent report report", "True"]

    def test_without_a_journal_no_order_leaves_and_the_engine_stops(self, tmp_path: Path) -> None:
        broker = ScriptedBroker()

        class Full:
            """A disk that is full from ten o'clock on."""

            def __init__(self, session: Session) -> None:
                self.inner = session.parts.journal
                self.full = False

            def append(self, *arguments: object) -> int:
                return self.inner.append(*arguments)  # type: ignore[arg-type]

            def barrier(self) -> None:
                raise StateError("无法写入流水文件", "检查磁盘空间")

            def close(self) -> None:
                self.inner.close()

        def break_disk(session: Session) -> None:
            session.engine.desk._journal = Full(session)

        with pytest.raises(StateError, match="无法写入流水文件"):
            run(BUY, broker, directory=tmp_path, prepare=break_disk)
        assert broker.submitted == []

    def test_tags_are_unique_short_and_ascii(self) -> None:
        broker = ScriptedBroker()
        run(
            "def initialize(context): run_daily(task, '10:00')\ndef task(context):\n" + "    order(CODE, 100)\n" * 5,
            broker,
        )
        tags = [ticket.tag for ticket in broker.submitted]
        assert len(set(tags)) == 5
        assert all(tag.startswith("bt:") and len(tag) <= 24 and tag.isascii() for tag in tags)


@st.composite
def lives(draw: st.DrawFn) -> list[Answer]:
    """The reports of one order of 1,000 shares, at random times and partly repeated."""

    def when() -> float:
        return draw(st.sampled_from((0.0, 0.5, 3.0, 15.9, 16.1, 40.0)))

    parts = draw(st.lists(st.integers(1, 5).map(lambda n: n * 100), max_size=4))
    answers, left = [accepted(when())], 1000
    for number, wanted in enumerate(parts):
        part = min(wanted, left)
        left -= part
        if part:
            fill = filled(part, 9.95, trade_id=f"X{number}", fee=1.0, after_s=when())
            answers += [fill] * draw(st.integers(1, 2))
    if left and draw(st.booleans()):
        answers.append(cancelled(after_s=when()))
    return draw(st.permutations(answers))


@settings(max_examples=40, deadline=None)
@given(st.lists(lives(), min_size=1, max_size=3))
def test_whatever_the_broker_does_both_accounts_agree_at_the_close(scripts: list[list[Answer]]) -> None:
    broker = ScriptedBroker(100_000)
    broker.answers.extend(scripts)
    calls = "".join(f"    order(CODE, 1000, 9.95, wait_timeout={n % 2 * 16})\n" for n in range(len(scripts)))
    ran = run("def initialize(context): run_daily(task, '10:00')\ndef task(context):\n" + calls, broker)
    book, ledger = ran.session.engine.book, ran.session.engine.ledger
    assert ran.recorder.of(AccountDiffers) == []
    assert ledger.cash == broker.cash
    assert sum(p.amount for p in ledger) == sum(broker.holdings.values())
    ledger.check(book.orders.values())
    assert ledger.available >= 0
    placed, refused = ran.recorder.of(OrderPlaced), ran.recorder.of(OrderRefused)
    assert len(broker.submitted) == len(placed) == len(scripts) - len(refused)
    assert {one.rule for one in refused} <= {"unknown_order"}


def test_an_order_that_lives_past_midnight_still_takes_its_fill() -> None:
    broker = answering(accepted(), filled(at=10.0, after_s=timedelta(hours=24).total_seconds()))
    ran = run(BUY, broker, NEXT)  # the next day's own order fills at its protection price, 10.15
    assert [closed.cash for closed in ran.recorder.of(DayClosed)] == [money("100000"), money("79850")]


def test_a_refused_wish_never_reaches_the_broker() -> None:
    broker = ScriptedBroker(100)
    ran = run(BUY + "    log.info(str(o))\n", broker)
    assert broker.submitted == []
    (refused,) = ran.recorder.of(OrderRefused)
    assert refused.rule == "available_cash"
    assert lines(ran)[-1] == "10:00:00 None"
    assert ran.recorder.of(Stopping)[0].reason == "回放结束"


def test_an_acceptance_gives_the_brokers_number() -> None:
    ran = run(BUY, answering(accepted(broker_id="88001"), filled()))
    (order,) = ran.session.engine.book.orders.values()
    assert order.broker_id == "88001"
    assert isinstance(ran.session.parts.broker, ScriptedBroker)
    assert Accepted(order.tag, "88001", datetime.combine(DAY, time(10))).broker_id == order.broker_id
