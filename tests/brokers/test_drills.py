"""Drills: what goes wrong on purpose, and that engine and broker agree in the end."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest

from bullet_trade.brokers.simulator.drills import NAMED, Drill, FlashCrash, LimitLock, Suspend, load_drill, parse_drill
from bullet_trade.brokers.simulator.market_faults import DrilledMarket
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.orders import OrderState, OrderType, Side
from bullet_trade.domain.reports import Accepted, Filled, LinkDown, LinkUp, Report
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import (
    AccountDiffers,
    Alarmed,
    AlarmOver,
    DayClosed,
    LinkChanged,
    OrderFinished,
    ReportIgnored,
)
from bullet_trade.engine.patrol import Patrol, PatrolTerms
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.strategy.session import Session
from bullet_trade.testing.broker_world import Fate
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.simulated_world import SimulatedWorld

CALENDAR = exchange_calendar()
FIRST, LAST = date(2025, 6, 9), date(2025, 6, 11)
BUSY = """
from jqdata import *
CODES = ["000001.XSHE", "600519.XSHG", "300750.XSHE", "510300.XSHG"]

def initialize(context):
    g.turn = 0
    for at in ("09:10", "09:30", "09:45", "09:59", "10:00", "10:05", "11:00", "13:10", "14:30", "14:50"):
        run_daily(trade, at)

def trade(context):
    g.turn += 1
    for place, code in enumerate(CODES):
        kind = (g.turn + place) % 4
        last = get_current_data()[code].last_price
        if kind == 0:
            order_target_value(code, 60000)
        elif kind == 1:
            order(code, -300)
        elif kind == 2:
            order(code, 500, round(last * 0.998, 2), wait_timeout=0)
        else:
            order_target_value(code, 20000)
"""


def busy(drill: Drill | None, *, ticks: bool = False, delay_s: float = 0.0) -> DaysRun:
    market = SyntheticMarket(1, sessions=CALENDAR.sessions(date(2024, 1, 2), CALENDAR.last))
    return run_days(BUSY, market, FIRST, LAST, drill=drill, ticks_everywhere=ticks, report_delay_s=delay_s)


def agreed(ran: DaysRun) -> None:
    """Cash, shares and orders are the same on both sides, and were so at every close."""
    ledger, account = ran.session.engine.ledger, ran.account
    assert ran.recorder.of(AccountDiffers) == []
    assert (ledger.cash, ledger.frozen) == (account.cash + account.frozen, account.frozen)
    assert {p.code: p.amount for p in ledger} == {code: h.amount for code, h in account.holdings.items()}
    assert list(ran.session.engine.book.open_orders()) == []
    ledger.check(ran.session.engine.book.orders.values())
    assert all(closed.cash >= 0 for closed in ran.recorder.of(DayClosed))
    ours = {order.tag: order for order in ran.session.engine.book.orders.values()}
    theirs = {tag: order for tag, order in account.orders.items() if not order.by_hand}
    for tag, kept in theirs.items():
        assert ours[tag].filled == kept.filled
        assert ours[tag].fees == kept.fees


@pytest.mark.parametrize("ticks", [False, True], ids=["minutes", "ticks"])
@pytest.mark.parametrize("name", NAMED)
def test_after_each_named_drill_both_sides_agree(name: str, ticks: bool) -> None:
    ran = busy(NAMED[name], ticks=ticks)
    agreed(ran)
    assert len(ran.recorder.of(OrderFinished)) > 30
    assert ran.recorder.of(ReportIgnored) == []


@pytest.mark.parametrize("name", NAMED)
def test_under_each_drill_an_alarm_comes_once_and_is_over_once(name: str) -> None:
    """The patrol tells what begins and what ends, and nothing in between; what it journals is what it tells."""

    def with_patrol(session: Session) -> None:
        terms = PatrolTerms(every_s=10.0, resting_s=300.0, stop_loss=0.01, concentration=0.05, drawdown=0.001)
        session.engine.patrol = Patrol(session.engine, terms)

    market = SyntheticMarket(1, sessions=CALENDAR.sessions(date(2024, 1, 2), CALENDAR.last))
    ran = run_days(BUSY, market, FIRST, LAST, drill=NAMED[name], prepare=with_patrol)
    standing: set[str] = set()
    told = [one for one in ran.recorder.events if isinstance(one, Alarmed | AlarmOver)]
    for one in told:
        assert (one.text in standing) is isinstance(one, AlarmOver)
        (standing.discard if isinstance(one, AlarmOver) else standing.add)(one.text)
    assert len(told) > 2
    kinds = [row.kind for row in ran.rows if row.kind in ("alarm", "alarm_over")]
    assert kinds == ["alarm" if isinstance(one, Alarmed) else "alarm_over" for one in told]
    left = {alert.text for alert in ran.session.engine.patrol.standing}
    assert left == standing


@pytest.mark.parametrize("name", ["storm", "disconnect", "lost_ack"])
def test_they_agree_with_slow_reports_too(name: str) -> None:
    agreed(busy(NAMED[name], delay_s=0.5))


def test_the_same_seed_gives_the_same_journal() -> None:
    first, second = busy(NAMED["storm"]), busy(NAMED["storm"])
    assert first.rows == second.rows
    other = busy(parse_drill('[[fault]]\nkind = "reject"\nchance = 0.3', "x"))
    assert other.rows != first.rows


CODE, DAY, NEXT = "600000.XSHG", date(2025, 6, 3), date(2025, 6, 4)


def once(body: str, drill: Drill, *, at: str = "10:00", last: date = DAY, wait_s: float = 16.0) -> DaysRun:
    actions = [CorporateAction(NEXT, 1.0, 0.0)]
    market = FakeMarket().add(CODE, {DAY: 10.0, NEXT: 9.0}, prev_close=10.0, actions=actions, references={NEXT: 9.0})
    source = f"from jqdata import *\nCODE = {CODE!r}\n"
    source += f"def initialize(context):\n    set_slippage(FixedSlippage(0)); run_daily(task, {at!r})\n"
    source += "def task(context):\n    if hasattr(g, 'done'): return\n    g.done = 1\n"
    source += "".join(f"    {line}\n" for line in body.splitlines())
    ran = run_days(source, market, DAY, last, drill=drill, order_wait_s=wait_s)
    agreed(ran)
    return ran


def fault(text: str) -> Drill:
    return parse_drill(f"[[fault]]\n{text}", "test")


class TestEachFault:
    def test_reject_gives_the_written_reason(self) -> None:
        ran = once("log.info(str(order(CODE, 1000).status))", fault('kind = "reject"\nreason = "席位已满"'))
        assert [text for _, text in ran.recorder.said()] == ["rejected"]
        assert ran.recorder.of(OrderFinished)[0].order.reason == "席位已满"

    def test_partial_leaves_the_market_with_a_share_of_the_order(self) -> None:
        ran = once(
            "o = order(CODE, 1000)\nlog.info('%s %d' % (o.status, o.filled))", fault('kind = "partial"\nshare = 0.4')
        )
        assert [text for _, text in ran.recorder.said()] == ["canceled 400"]

    def test_a_limit_order_fills_on_after_a_minute(self) -> None:
        ran = once("order(CODE, 1000, 10.05, wait_timeout=0)", fault('kind = "partial"\nshare = 0.4'))
        assert [(e.at.time(), e.order.filled) for e in ran.recorder.of(OrderFinished)] == [(time(10, 2), 1000)]

    def test_delay_is_waited_for(self) -> None:
        ran = once("order(CODE, 1000)\nlog.info('done')", fault('kind = "delay"\nseconds = 5'))
        assert [(at.time(), text) for at, text in ran.recorder.said()] == [(time(10, 0, 5), "done")]

    def test_lost_ack_is_unknown_until_it_is_found(self) -> None:
        drill = fault('kind = "lost_ack"\nanswer_s = 3\nfound_s = 40')
        ran = once("o = order(CODE, 1000)\nlog.info(str(o.status))", drill)
        (finished,) = ran.recorder.of(OrderFinished)
        # Without an answer after 3 s the engine asks for the account, whose lists show what became of the order; a
        # second is waited for, so that several doubts are one question.
        assert (finished.at.time(), finished.order.state) == (time(10, 0, 4), OrderState.FILLED)

    def test_an_order_while_disconnected_is_refused_at_once_and_never_sent(self) -> None:
        drill = fault('kind = "disconnect"\nat = 09:59:00\nseconds = 120')
        ran = once("log.info(str(order(CODE, 1000).status))", drill)
        assert [text for _, text in ran.recorder.said()] == ["rejected"]
        assert "断开" in ran.recorder.of(OrderFinished)[0].order.reason
        assert [e.up for e in ran.recorder.of(LinkChanged)] == [False, True]
        assert ran.account.orders == {}

    def test_a_fill_during_the_break_is_learned_afterwards(self) -> None:
        drill = fault('kind = "disconnect"\nat = "10:00"\nseconds = 90')
        ran = once("order(CODE, 1000, 10.05, wait_timeout=0)", drill, at="09:59")
        assert ran.recorder.of(OrderFinished)[0].order.filled == 1000

    def test_an_entitlement_during_the_break_is_not_lost(self) -> None:
        drill = fault('kind = "disconnect"\nat = "23:59"\nseconds = 300')
        ran = once("order(CODE, 1000)", drill, last=NEXT)
        assert ran.recorder.of(DayClosed)[-1].cash == ran.account.cash

    def test_orders_of_other_codes_and_hours_are_left_alone(self) -> None:
        for text in (
            'kind = "reject"\ncode = "000001.XSHE"',
            'kind = "reject"\nat = "10:01"',
            'kind = "reject"\nuntil = "10:00"',
        ):
            assert once("order(CODE, 1000)", fault(text)).recorder.of(OrderFinished)[0].order.filled == 1000


def test_after_a_break_the_days_reports_come_again() -> None:
    world = SimulatedWorld()
    reports: list[Report] = []
    world.broker.connect(reports.append)
    world.broker.submit(world.ticket("t1", Side.BUY, 1000, Fate.FILL, OrderType.LIMIT))
    world.run(10.0)
    before = [report for report in reports if isinstance(report, Accepted | Filled)]
    world.lose_link()
    world.restore_link()
    world.run(10.0)
    kinds = [type(report) for report in reports]
    again = reports[kinds.index(LinkDown) + 1 :]
    assert type(again[0]) is LinkUp
    assert [report for report in again if isinstance(report, Accepted | Filled)] == before
    assert len(before) == 2


class TestMarketFaults:
    def minutes(self, *faults: LimitLock | FlashCrash | Suspend) -> list[tuple[float, float, float, float, int]]:
        market = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)
        bars = DrilledMarket(market, Drill(fault=faults)).minutes(Code(CODE), DAY)
        assert bars is not None
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        return [tuple(row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def test_a_locked_price_stands_at_the_limit_and_only_then(self) -> None:
        rows = self.minutes(LimitLock(minutes=30))
        assert [i for i, row in enumerate(rows) if row[:4] == (11.0, 11.0, 11.0, 11.0)] == list(range(30, 60))
        assert {row[3] for row in rows[:30] + rows[60:]} == {10.0}

    def test_a_crash_goes_down_and_comes_back(self) -> None:
        rows = self.minutes(FlashCrash(depth=0.08, minutes=6))
        assert [row[3] for row in rows[29:37]] == [10.0, 9.73, 9.47, 9.2, 9.47, 9.73, 10.0, 10.0]
        assert all(row[2] <= min(row[0], row[3]) and row[1] >= max(row[0], row[3]) for row in rows)

    def test_a_crash_stops_at_the_lower_limit(self) -> None:
        assert min(row[2] for row in self.minutes(FlashCrash(depth=0.5))) == 9.0

    def test_nothing_trades_while_suspended(self) -> None:
        rows = self.minutes(Suspend(minutes=10))
        assert [i for i, row in enumerate(rows) if row[4] == 0] == list(range(30, 40))

    def test_a_buy_at_the_locked_limit_is_cancelled_and_a_limit_order_waits(self) -> None:
        market_order = once("log.info(str(order(CODE, 1000).status))", fault('kind = "limit_lock"\nat = "10:00"'))
        assert [text for _, text in market_order.recorder.said()] == ["canceled"]
        body = "order(CODE, 1000, 11.0, wait_timeout=0)"
        waits = once(body, fault('kind = "limit_lock"\nat = "10:00"\nminutes = 30'), at="10:05")
        assert waits.recorder.of(OrderFinished)[0].at == datetime.combine(DAY, time(10, 31))

    def test_random_moments_are_drawn_from_the_seed(self) -> None:
        fault = Suspend(random=True, minutes=5)
        moments = {fault.moment(day, "7:0") for day in CALENDAR.sessions(date(2025, 1, 2), date(2025, 3, 31))}
        assert len(moments) > 40
        assert fault.moment(DAY, "7:0") == fault.moment(DAY, "7:0") != fault.moment(DAY, "8:0")


class TestScenarioFiles:
    def test_a_file_is_loaded_by_its_path(self, tmp_path: Path) -> None:
        path = tmp_path / "周五演练.toml"
        path.write_text(
            'description = "周五"\nseed = 9\n[[fault]]\nkind = "reject"\nat = 10:00:00\nuntil = "10:30"\nchance = 0.5\n'
            '[[fault]]\nkind = "flash_crash"\ncode = "600519.XSHG"\nat = "13:05"\ndepth = 0.05\n',
            encoding="utf-8",
        )
        drill = load_drill(str(path))
        assert (drill.name, drill.description, drill.seed, len(drill.fault)) == ("周五演练", "周五", 9, 2)
        assert (drill.fault[0].at, drill.fault[0].until) == (time(10), time(10, 30))  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("seed = [", "有错"),
            ('[[fault]]\nkind = "earthquake"', "earthquake"),
            ('[[fault]]\nkind = "reject"\nchanse = 0.5', "chanse"),
            ('[[fault]]\nkind = "reject"\nchance = 1.5', "chance"),
            ('[[fault]]\nkind = "delay"\nseconds = -1', "seconds"),
            ('[[fault]]\nkind = "suspend"\nat = "25:00"', "at"),
            ("sed = 1", "sed"),
        ],
    )
    def test_a_wrong_entry_is_named(self, text: str, named: str) -> None:
        with pytest.raises(UsageError, match=named):
            parse_drill(text, "x")

    def test_an_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(UsageError, match=r"reject、partial.*storm"):
            load_drill("nowhere")

    def test_every_named_drill_has_a_chinese_line(self) -> None:
        assert all(drill.description and not drill.description.isascii() for drill in NAMED.values())
