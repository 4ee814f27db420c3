"""Messages to the operator: what is told, when, how often, and that nothing of it touches trading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event as Gate

import pytest

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.money import ZERO, Money, Price
from bullet_trade.domain.orders import OrderId, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine import events
from bullet_trade.engine.events import Alarmed, AlarmOver, DayClosed, Event, LinkChanged, OrderFacts, StateNote
from bullet_trade.ops.log_masking import masking
from bullet_trade.ops.notify.channels import DeliveryError, Message
from bullet_trade.ops.notify.heartbeat import Heartbeat
from bullet_trade.ops.notify.note import CLASSES, class_of, note_of
from bullet_trade.ops.notify.notifier import Notifier
from bullet_trade.ops.notify.outbox import OUTBOX_FILE, read_outbox
from bullet_trade.ops.notify.terms import NotifyTerms, Quiet
from bullet_trade.ops.notify.wiring import sending
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

NOON = datetime(2025, 6, 3, 12)
DAY, CODE = date(2025, 6, 3), "600000.XSHG"


class Phone:
    """A channel that does what it is told to."""

    def __init__(self, label: str = "phone") -> None:
        self.label = label
        self.got: list[Message] = []
        self.fault: Exception | None = None

    def send(self, message: Message) -> None:
        if self.fault is not None:
            raise self.fault
        self.got.append(message)

    @property
    def text(self) -> str:
        return "\n".join(message.body for message in self.got)


class Bench:
    """A notifier whose time is set by hand, and whose sends run when the bench says so."""

    def __init__(self, directory: Path, *phones: Phone, hang: bool = False, **terms: object) -> None:
        self.at = NOON
        self.hanging: list[Callable[[], None]] = []
        self.log = Recorder()
        self.phones = phones
        spawn = self.hanging.append if hang else _at_once
        self.notifier = Notifier(
            phones,
            NotifyTerms(**terms),  # type: ignore[arg-type]
            "demo",
            lambda: self.at,
            self.seconds,
            spawn,
        )
        self.notifier.log = self.log
        self.notifier.open(directory / OUTBOX_FILE)

    def seconds(self) -> float:
        return (self.at - NOON).total_seconds()

    def tell(self, *told: Event) -> None:
        for event in told:
            self.notifier.tell(event)

    def go(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass."""
        until = self.at + timedelta(seconds=seconds)
        while self.at < until:
            self.notifier.step()
            self.at += timedelta(seconds=step_s)
        self.notifier.step()

    def logged(self) -> list[str]:
        return [event.text for event in self.log.of(StateNote)]


def _at_once(work: Callable[[], None]) -> None:
    work()


def alarm(text: str, kind: str = "stale_quote") -> Alarmed:
    return Alarmed(NOON, kind, text)


def order(state: OrderState, filled: int = 0) -> OrderFacts:
    return OrderFacts(
        OrderId(7),
        Code(CODE),
        "浦发银行",
        Side.BUY,
        100,
        OrderType.LIMIT,
        Price(100_000),
        Price(100_000),
        state,
        filled,
        Price(100_000),
        Money(50_000),
        "资金不足",
    )


class TestWhatIsTold:
    @pytest.mark.parametrize(
        ("event", "kind"),
        [
            (events.OrderFinished(NOON, order(OrderState.FILLED, 100), 1.0, None), "fills"),
            (events.OrderFinished(NOON, order(OrderState.REJECTED), 1.0, None), "refusals"),
            (events.OrderFinished(NOON, order(OrderState.CANCELLED), 1.0, None), "orders"),
            (events.OrderRefused(NOON, Code(CODE), "", Side.BUY, 100, "cash", "x"), "refusals"),
            (events.OrderRefused(NOON, Code(CODE), "", Side.BUY, 10, "lot_size", "x"), None),
            (events.FilledLate(NOON, order(OrderState.CANCELLED, 100), 100, Price(1)), "alarms"),
            (events.TaskMissed(NOON, "f", NOON, 1), "alarms"),
            (LinkChanged(NOON, False, "断线"), "disconnects"),
            (events.Saved(NOON, "定时", ()), None),
            (events.Saved(NOON, "定时", ("x",)), "notes"),
            (events.StrategySaid(NOON, "info", "x"), None),
            (events.StrategySaid(NOON, "error", "x"), "notes"),
            (events.StrategyMessage(NOON, "买"), "messages"),
            (events.Waiting(NOON, "x", NOON), None),
        ],
    )
    def test_each_event_has_its_class(self, event: Event, kind: str | None) -> None:
        assert class_of(event) == kind
        note = note_of(event)
        assert (note.kind if note is not None else None) == kind
        assert kind is None or kind in CLASSES

    def test_only_the_classes_asked_for_are_sent(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone, classes=frozenset({"fills"}))
        bench.tell(alarm("没有行情"), events.OrderFinished(NOON, order(OrderState.FILLED, 100), 1.0, None))
        bench.go(5)
        assert [message.title for message in phone.got] == ["[成交] demo"]
        assert "浦发银行" in phone.text and "没有行情" not in phone.text

    def test_a_close_is_told_in_one_line(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone)
        money = Money(12_345_678)
        bench.tell(DayClosed(NOON, DAY, money, (), ZERO, Money(5), Money(7), Money(8), 3, 1))
        bench.go(5)
        assert "2025-06-03 收盘 总资产 1,234.57" in phone.text
        assert "委托 3 笔 拒单 1 笔" in phone.text
        assert phone.got[0].grave == 0

    def test_a_stack_is_for_the_log(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone)
        bench.tell(events.CallbackFailed(NOON, "f", "s.py:3", "KeyError: 1", "Traceback\n  secret line"))
        bench.go(5)
        assert "s.py:3" in phone.text and "secret line" not in phone.text

    def test_a_doubtful_calendar_reaches_the_operator_without_any_setting(self, tmp_path: Path) -> None:
        """R05: the engine tells it as a note at 09:00."""
        phone = Phone()
        bench = Bench(tmp_path, phone)
        bench.tell(StateNote(NOON, "2025-06-03：交易日历说开市，数据源说休市"))
        bench.go(5)
        assert "交易日历说开市，数据源说休市" in phone.text

    def test_a_task_that_was_not_run_is_told_with_when_it_was_due(self, tmp_path: Path) -> None:
        """S02"""
        phone = Phone()
        bench = Bench(tmp_path, phone)
        bench.tell(events.TaskMissed(NOON, "rebalance@09:35", NOON, 1))
        bench.go(5)
        assert "rebalance@09:35" in phone.text and "未补做" in phone.text


class TestStorms:
    def test_a_thousand_different_alarms_become_one_message_that_counts_them(self, tmp_path: Path) -> None:
        """O04"""
        phone = Phone()
        bench = Bench(tmp_path, phone)
        bench.tell(*(alarm(f"{600000 + n}.XSHG 的行情没有更新") for n in range(1000)))
        bench.go(300)
        assert len(phone.got) == 1
        assert phone.got[0].title == "[告警] demo 1000 条"
        assert len((phone.got[0].title + phone.got[0].body).encode()) <= 2_000
        shown = phone.got[0].body.splitlines()
        assert shown[-1] == f"另有 {1000 - (len(shown) - 1)} 条没有列出（告警 {1000 - (len(shown) - 1)}），见日志"

    def test_what_says_the_same_is_counted_and_told_in_intervals(self, tmp_path: Path) -> None:
        """O04 O05: figures change, the warning is the same."""
        phone = Phone()
        bench = Bench(tmp_path, phone, interval_s=20.0, repeat_s=300.0)
        for second in range(600):
            bench.tell(alarm(f"券商 {second} 秒没有返回账户"))
            bench.go(1)
        bench.go(30)
        assert len(phone.got) == 3  # at once, after five minutes, after ten
        assert ["共 300 次" in message.body for message in phone.got] == [False, True, False]
        assert "共 299 次" in phone.got[-1].body

    def test_messages_keep_their_distance(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone, interval_s=20.0)
        for n in range(60):
            bench.tell(alarm(f"委托 #{n} 结果未知"))
            bench.go(1)
        assert 3 <= len(phone.got) <= 5
        bench.go(60)
        assert all(f"#{n} " in phone.text for n in range(60))

    def test_a_line_that_comes_and_goes_is_told_as_it_is_last(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone)
        for _ in range(50):
            bench.tell(LinkChanged(NOON, False, "断线"), LinkChanged(NOON, True, ""))
        bench.tell(LinkChanged(NOON + timedelta(seconds=1), False, "断线"))
        bench.go(60)
        assert len(phone.got) == 1
        assert "断开" in phone.got[0].body.splitlines()[-1] and "共 51 次" in phone.got[0].body

    def test_an_alarm_that_comes_back_after_it_was_over_is_told_again(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone)
        for event in (alarm("没有行情"), AlarmOver(NOON, "stale_quote", "没有行情"), alarm("没有行情")):
            bench.tell(event)
            bench.go(25)
        assert [("解除" in message.body) for message in phone.got] == [False, True, False]

    def test_the_gravest_is_shown_where_there_is_no_room_for_all(self, tmp_path: Path) -> None:
        """O05: an alarm among routine."""
        phone = Phone()
        bench = Bench(tmp_path, phone)
        bench.tell(*(events.StrategyMessage(NOON, f"第{n}条" + "说" * 80) for n in range(50)), alarm("没有行情"))
        bench.go(10)
        assert "没有行情" in phone.got[0].body
        assert (phone.got[0].title, phone.got[0].grave) == ("[告警] demo 51 条", 2)


class TestQuietHours:
    @pytest.mark.parametrize(
        ("hours", "at", "quiet"),
        [
            ("22:00-08:00", "21:59", False),
            ("22:00-08:00", "22:00", True),
            ("22:00-08:00", "07:59", True),
            ("22:00-08:00", "08:00", False),
            ("12:00-13:00", "12:30", True),
            ("12:00-13:00", "13:00", False),
        ],
    )
    def test_hours_may_lead_over_midnight(self, hours: str, at: str, quiet: bool) -> None:
        begin, end = (datetime.strptime(part, "%H:%M").time() for part in hours.split("-"))
        now = datetime.combine(DAY, datetime.strptime(at, "%H:%M").time())
        assert Quiet(begin, end).holds(now) is quiet

    def test_routine_waits_until_the_morning_and_alarms_pass(self, tmp_path: Path) -> None:
        phone = Phone()
        quiet = Quiet(NOON.time(), (NOON + timedelta(hours=1)).time())
        bench = Bench(tmp_path, phone, quiet=quiet)
        bench.tell(LinkChanged(NOON, False, "断线"), alarm("没有行情"))
        bench.go(600, 30)
        assert "没有行情" in phone.text and "断线" not in phone.text
        bench.go(3000, 30)
        assert "断线" in phone.text


class TestLostChannels:
    @pytest.mark.parametrize("fault", [DeliveryError("45009 api freq out of limit"), ValueError("token=SECRET")])
    def test_a_channel_that_refuses_or_raises_is_logged_once_and_everything_arrives_later(
        self, fault: Exception, tmp_path: Path
    ) -> None:
        """O04"""
        phone = Phone()
        bench = Bench(tmp_path, phone)
        phone.fault = fault
        for n in range(100):
            bench.tell(alarm(f"委托 #{n} 结果未知"))
            bench.go(10, 5)
        assert len(bench.logged()) == 1 and "发送失败" in bench.logged()[0]
        assert "SECRET" not in bench.logged()[0]
        phone.fault = None
        bench.go(700, 5)
        told = Counter(line.split("委托 ")[1] for line in phone.text.splitlines() if "委托" in line)
        assert set(told.values()) == {1}
        assert len(bench.logged()) == 2 and "已恢复" in bench.logged()[1]

    def test_an_alarm_raised_while_the_network_was_down_arrives_after_a_restart_once(self, tmp_path: Path) -> None:
        phone = Phone()
        before = Bench(tmp_path, phone)
        phone.fault = DeliveryError("no network")
        before.tell(alarm("没有行情"), alarm("没有行情"))
        before.go(5)
        assert [row.times for row in read_outbox(tmp_path / OUTBOX_FILE)] == [2]
        phone.fault = None
        Bench(tmp_path, phone).go(5)
        Bench(tmp_path, phone).go(5)
        assert phone.text.count("没有行情") == 1
        assert read_outbox(tmp_path / OUTBOX_FILE) == []

    def test_a_send_that_hangs_counts_as_lost_and_is_not_sent_twice(self, tmp_path: Path) -> None:
        """O04"""
        phone, bench = Phone(), None
        bench = Bench(tmp_path, phone, hang=True)
        bench.tell(alarm("没有行情"))
        bench.go(120)
        assert len(bench.hanging) == 1
        assert len(bench.logged()) == 1 and "30 秒没有答复" in bench.logged()[0]
        bench.hanging.pop()()  # it comes back after all
        bench.go(60)
        assert (bench.hanging, phone.text.count("没有行情")) == ([], 1)
        assert "已恢复" in bench.logged()[1]

    def test_a_send_that_never_returns_is_given_up_and_tried_anew(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, Phone(), hang=True)
        bench.tell(alarm("没有行情"))
        bench.go(1000, 10)
        assert len(bench.hanging) == 2
        assert len(bench.logged()) == 1

    def test_the_other_channels_tell_of_the_lost_one(self, tmp_path: Path) -> None:
        bad, good = Phone("wecombot"), Phone("mailto")
        bad.fault = DeliveryError("no network")
        bench = Bench(tmp_path, bad, good)
        bench.tell(alarm("没有行情"))
        bench.go(60)
        assert "没有行情" in good.text and "wecombot 发送失败" in good.text

    def test_what_waited_for_a_channel_that_is_gone_goes_to_the_first(self, tmp_path: Path) -> None:
        old, new = Phone("wecombot"), Phone("mailto")
        old.fault = DeliveryError("no network")
        bench = Bench(tmp_path, old)
        bench.tell(alarm("没有行情"))
        bench.go(5)
        Bench(tmp_path, new).go(5)
        assert "没有行情" in new.text

    def test_after_three_days_a_message_is_given_up_and_that_is_logged(self, tmp_path: Path) -> None:
        phone = Phone()
        phone.fault = DeliveryError("no network")
        bench = Bench(tmp_path, phone)
        bench.tell(alarm("没有行情"))
        bench.go(5)
        bench.at += timedelta(days=4)
        bench.notifier.step()
        assert "1 条消息超过 3 天" in bench.logged()[-1]

    def test_without_a_usable_file_messages_are_sent_all_the_same(self, tmp_path: Path) -> None:
        (tmp_path / OUTBOX_FILE).write_text("this is no database, and long enough to be seen as none" * 20)
        phone = Phone()
        bench = Bench(tmp_path, phone)
        bench.tell(alarm("没有行情"))
        bench.go(5)
        assert "没有行情" in phone.text
        assert "改存内存" in bench.logged()[0]


class TestTrading:
    def test_a_messenger_that_hangs_delays_nothing_and_the_end_does_not_wait_for_it(self, tmp_path: Path) -> None:
        """O04: a whole day of a strategy that floods a channel which never answers."""
        source = (
            "from jqdata import *\n"
            "def initialize(context): run_daily(task, '10:00')\n"
            "def task(context):\n"
            "    for n in range(1000): send_message(f'第 {n} 条')\n"
            f"    order('{CODE}', 100)\n"
        )
        stuck = Gate()

        class Hanging(Phone):
            def send(self, message: Message) -> None:
                stuck.wait()

        recorder = Recorder()
        notifier = Notifier([Hanging()], NotifyTerms(), "demo", lambda: NOON, lambda: 0.0)
        notifier.start(tmp_path)

        class Both(Recorder):
            def tell(self, event: Event) -> None:
                recorder.tell(event)
                notifier.tell(event)

        try:
            market = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)
            run = run_days(source, market, DAY, DAY, recorder=Both())
            assert [trade.amount for trade in run.session.engine.book.trades] == [100]
            assert len(recorder.of(events.StrategyMessage)) == 1000
        finally:
            stuck.set()
            notifier.close()

    def test_the_last_messages_leave_before_the_process_ends(self, tmp_path: Path) -> None:
        phone = Phone()
        notifier = Notifier([phone], NotifyTerms(interval_s=3600.0), "demo", lambda: NOON, lambda: 0.0)
        notifier.start(tmp_path)
        notifier.tell(alarm("第一"))
        notifier.alarm("引擎因错误停止")
        notifier.close()
        assert "第一" in phone.text and "引擎因错误停止" in phone.text
        assert read_outbox(tmp_path / OUTBOX_FILE) == []

    def test_more_than_the_queue_holds_is_counted(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone)
        bench.tell(*(alarm("没有行情") for _ in range(10_500)))
        bench.go(5)
        assert "500 条没有进入" in phone.text and "共 10000 次" in phone.text


class TestHeartbeat:
    def test_an_engine_that_falls_silent_is_told_once_and_once_when_it_is_back(self, tmp_path: Path) -> None:
        phone = Phone()
        bench = Bench(tmp_path, phone)
        alive = [0.0]
        bench.notifier.heartbeat = Heartbeat(lambda: alive[0], bench.seconds)
        for _ in range(100):
            bench.go(10)
        assert [message.body.count("没有响应") for message in phone.got] == [1]
        alive[0] = bench.seconds() + 1_000_000
        bench.go(60)
        assert len(bench.logged()) == 2
        assert "引擎恢复响应" in phone.text

    def test_a_short_silence_is_none(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, Phone())
        alive = [0.0]
        bench.notifier.heartbeat = Heartbeat(lambda: alive[0], bench.seconds)
        for _ in range(60):
            bench.go(30)
            alive[0] = bench.seconds() - 100
        assert bench.logged() == []


class TestTheEnd:
    @pytest.mark.parametrize("started", [True, False])
    def test_an_end_by_an_error_is_told(self, started: bool, tmp_path: Path) -> None:
        """O05: nobody sits before the screen."""
        phone = Phone()
        notifier = Notifier([phone], NotifyTerms(), "demo", lambda: NOON, lambda: 0.0)
        with pytest.raises(StateError), sending(notifier, Recorder()):
            if started:
                notifier.start(tmp_path)
            raise StateError("流水写不下去", "检查磁盘")
        assert ("引擎因错误停止" if started else "引擎没有启动") in phone.text and "检查磁盘" in phone.text

    def test_secrets_of_the_settings_are_in_no_message(self, tmp_path: Path) -> None:
        """P04"""
        phone = Phone()
        hide = masking(["MARKED-SECRET"])
        notifier = Notifier([phone], NotifyTerms(), "demo", lambda: NOON, lambda: 0.0, mask=hide)
        notifier.start(tmp_path)
        notifier.tell(events.StrategyMessage(NOON, "账户 MARKED-SECRET"))
        notifier.tell(events.CallbackFailed(NOON, "f", "s.py:3", "KeyError: MARKED-SECRET", ""))
        notifier.close()
        assert "KeyError" in phone.text and "MARKED-SECRET" not in phone.text
        assert b"MARKED-SECRET" not in (tmp_path / OUTBOX_FILE).read_bytes()
