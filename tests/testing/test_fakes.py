"""The shipped fakes keep their word."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bullet_trade.domain.money import price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, Filled, Report
from bullet_trade.domain.securities import Board, Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.timers import ClockTimers, TimerQueue
from bullet_trade.ports.broker import Broker, OrderTicket
from bullet_trade.ports.market_data import CorporateAction, MarketData
from bullet_trade.testing.fake_broker import ScriptedBroker, accepted, filled, silence
from bullet_trade.testing.fake_market import MINUTE_VOLUME, FakeMarket

CODE, FUND = Code("600000.XSHG"), Code("510300.XSHG")
MONDAY, TUESDAY, WEDNESDAY = date(2025, 6, 9), date(2025, 6, 10), date(2025, 6, 11)
ACTION = CorporateAction(TUESDAY, 0.5, 0.0)


class TestMarket:
    market: MarketData = (
        FakeMarket()
        .add(CODE, {TUESDAY: [11.0] * 239 + [(11.0, 12.0, 10.5, 11.5, 700)], MONDAY: 10.0, WEDNESDAY: None},
             prev_close=9.5, references={TUESDAY: 9.6}, actions=[ACTION], name="浦发银行")
        .add(FUND, {MONDAY: 4.0}, ticks={MONDAY: [(datetime(2025, 6, 9, 9, 30, 3), 4.0, 100)]}, t0=True)
        .add_index("000300.XSHG", [CODE, FUND])
    )  # fmt: skip

    def test_daily_bars_are_made_of_the_minutes(self) -> None:
        bars = self.market.daily(CODE, MONDAY, WEDNESDAY)
        assert bars.days.astype(object).tolist() == [MONDAY, TUESDAY, WEDNESDAY]
        assert bars.high.tolist() == [10.0, 12.0, 11.5]
        assert bars.close.tolist() == [10.0, 11.5, 11.5]
        assert bars.volume.tolist() == [240 * MINUTE_VOLUME, 239 * MINUTE_VOLUME + 700, 0]
        assert bars.prev_close.tolist() == [9.5, 9.6, 11.5]
        assert bars.paused.tolist() == [False, False, True]
        assert len(self.market.daily(Code("600001.XSHG"), MONDAY, WEDNESDAY)) == 0

    def test_a_suspended_day_has_no_minutes(self) -> None:
        assert self.market.minutes(CODE, WEDNESDAY) is None
        assert self.market.minutes(CODE, date(2025, 6, 12)) is None

    def test_securities_are_what_their_codes_say(self) -> None:
        described = {s.code: s for s in self.market.securities()}
        assert list(described) == sorted(described)
        assert (described[CODE].board, described[CODE].name) == (Board.SSE_MAIN, "浦发银行")
        assert described[FUND].t0
        assert self.market.index_members(Code("000300.XSHG"), MONDAY) == (FUND, CODE)
        assert self.market.corporate_actions(CODE) == (ACTION,)
        assert self.market.coverage() == (MONDAY, WEDNESDAY)

    def test_ticks_are_as_given(self) -> None:
        ticks = self.market.ticks(FUND, MONDAY)
        assert ticks is not None
        assert (ticks.last.tolist(), ticks.volume.tolist(), ticks.ask_price[0, 0]) == ([4.0], [100], 4.0)
        assert self.market.ticks(CODE, MONDAY) is None

    def test_a_day_of_another_length_is_refused(self) -> None:
        with pytest.raises(ValueError, match="240 minutes, got 239"):
            FakeMarket().add(CODE, {MONDAY: [10.0] * 239})


class TestBroker:
    def connected(self, **values: float) -> tuple[ScriptedBroker, list[Report], TimerQueue, VirtualClock]:
        clock, queue, reports = VirtualClock(datetime(2025, 6, 9, 10)), TimerQueue(), []
        broker = ScriptedBroker(**values).on(ClockTimers(clock, queue))  # type: ignore[arg-type]
        as_port: Broker = broker
        as_port.connect(reports.append)
        return broker, reports, queue, clock

    def ticket(self, tag: str = "t1", side: Side = Side.BUY) -> OrderTicket:
        return OrderTicket(tag, CODE, side, 500, OrderType.LIMIT, price("10"))

    def test_the_account_moves_with_each_different_trade(self) -> None:
        broker, reports, _, _ = self.connected(cash=10_000)
        broker.answers.append([filled(200, trade_id="X", fee=5.0)] * 2 + [filled(300, 9.9)])
        broker.submit(self.ticket())
        broker.request_snapshot()
        assert [type(r).__name__ for r in reports[2:5]] == ["Filled"] * 3
        account = reports[-1]
        assert isinstance(account, AccountSnapshot)
        assert account.available == 10_000_0000 - 2_000_0000 - 5_0000 - 2_970_0000
        assert [(row.amount, row.closeable) for row in account.holdings] == [(500, 0)]

    def test_late_answers_come_at_their_time(self) -> None:
        broker, reports, queue, clock = self.connected()
        broker.answers.append([filled(after_s=2), accepted(after_s=1)])
        broker.submit(self.ticket())
        assert len(reports) == 2
        while (due := queue.next_due()) is not None:
            clock._now = due
            timer = queue.pop_due(due)
            assert timer is not None
            assert timer.action is not None
            timer.action()
        assert [type(r).__name__ for r in reports[2:]] == ["Accepted", "Filled"]
        assert isinstance(reports[-1], Filled)
        assert reports[-1].at == datetime(2025, 6, 9, 10, 0, 2)

    def test_scripts_are_taken_in_order_and_then_the_usual_one(self) -> None:
        broker, reports, _, _ = self.connected()
        broker.answers.append(silence)
        broker.submit(self.ticket("t1"))
        broker.submit(self.ticket("t2"))
        assert [type(r).__name__ for r in reports[2:]] == ["Accepted", "Filled"]
        assert len({r.trade_id for r in reports if isinstance(r, Filled)}) == 1

    def test_closed_it_says_nothing(self) -> None:
        broker, reports, _, _ = self.connected()
        broker.close()
        broker.submit(self.ticket())
        assert (len(reports), broker.closed) == (2, True)
