"""History and reference data of a terminal, through the vendor's real layer."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import count

import numpy as np
import pytest
from quote_room import BANK, DAYS, HURRIED, PAB, TODAY, needs_wheel, room

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import WallClock
from bullet_trade.quotes.qmt.data import FOLLOWED_MINUTES
from bullet_trade.quotes.qmt.moments import stamp
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.fake_qmt.market import snapshot_row

pytestmark = needs_wheel
FIRST = date(2025, 6, 1)


def _running_clock(step_s: float = 0.0):
    """A monotonic clock that runs by itself, or moves on by `step_s` whenever somebody looks at it."""
    if not step_s:
        return WallClock().monotonic
    ticking = count()
    return lambda: next(ticking) * step_s


def calls(here, name: str) -> int:
    return here.desk.calls.count(name)


def test_daily_bars_are_in_shares_and_equal_what_was_traded() -> None:
    with room() as here:
        got, true = here.data.daily(BANK, FIRST, DAYS[2]), here.market.daily(BANK, FIRST, DAYS[2])
        assert got.days.tolist() == true.days.tolist()
        for name in ("open", "high", "low", "close", "volume", "money"):
            assert getattr(got, name).tolist() == getattr(true, name).tolist()


def test_an_ex_days_reference_is_adjusted_though_the_terminal_repeats_the_close() -> None:
    """Q06: 10.239 less 0.5 a share, to the cent."""
    with room() as here:
        assert here.data.daily(BANK, FIRST, DAYS[2]).prev_close.tolist() == [10.0, 10.239, 9.74]


def test_a_suspended_day_has_no_row_and_no_minutes() -> None:
    with room() as here:
        assert here.data.daily(PAB, FIRST, DAYS[2]).days.tolist() == [DAYS[0], DAYS[2]]
        assert here.data.minutes(PAB, DAYS[1]) is None


def test_the_running_day_has_a_row_that_says_what_it_is_measured_against() -> None:
    with room() as here:
        got = here.data.daily(BANK, FIRST, TODAY)
        assert got.days[-1].item() == TODAY
        assert (got.prev_close[-1], got.close[-1], got.volume[-1], got.paused[-1]) == (10.239, 10.239, 0, False)


def test_what_is_on_the_disk_is_not_downloaded_and_what_is_missing_once() -> None:
    with room() as here:
        for _ in range(3):
            here.data.daily(BANK, FIRST, DAYS[2])
        assert calls(here, "supply_history_data2") == 1
        here.desk.calls.clear()
        here.data.daily(BANK, DAYS[1], DAYS[2])
        assert calls(here, "supply_history_data2") == 0


def test_securities_asked_for_lately_are_downloaded_together_the_next_day() -> None:
    with room(at=datetime(2025, 6, 5, 10)) as here:
        for code in (BANK, PAB):
            here.data.daily(code, FIRST, DAYS[2])
        here.pass_s(86_400)
        here.desk.calls.clear()
        for code in (BANK, PAB):
            assert here.data.daily(code, FIRST, TODAY).days[-2].item() == DAYS[2]
        assert calls(here, "supply_history_data2") == 1


def test_an_answer_before_its_data_is_told_and_not_kept() -> None:
    """Q08: the download returns, and the rows come later."""
    with room() as here:
        here.desk.trouble.download = "late"
        assert len(here.data.daily(BANK, FIRST, DAYS[2])) == 0
        assert ["日线不全" in note for note in here.notes] == [True]
        assert here.data.minutes(BANK, DAYS[0]) is None
        here.desk.land()
        assert len(here.data.daily(BANK, FIRST, DAYS[2])) == 3
        assert here.data.minutes(BANK, DAYS[0]) is not None


def test_a_refused_download_is_an_error_where_bars_are_missing() -> None:
    with room() as here:
        here.desk.trouble.download = "refused"
        with pytest.raises(DataError, match=r"download_history_data2 失败：下载数据失败：没有权限"):
            here.data.daily(BANK, FIRST, DAYS[2])


def test_a_download_without_progress_ends_at_its_deadline_and_the_next_question_is_answered() -> None:
    with room() as here:
        here.desk.trouble.download = "silent"
        here.terminal.terms = HURRIED
        here.clock.monotonic = _running_clock()
        with pytest.raises(DataError, match="download_history_data2 在时限内没有返回"):
            here.data.daily(BANK, FIRST, DAYS[2])
        assert here.data.security(BANK) is not None


def test_a_slow_download_is_told_with_its_progress() -> None:
    with room() as here:
        here.desk.trouble.download = "slow"
        here.clock.monotonic = _running_clock(step_s=1.0)
        here.terminal.tell = lambda text: (here.notes.append(text), here.desk.release())
        assert len(here.data.daily(BANK, FIRST, DAYS[2])) == 3
        assert here.notes == ["正在从 QMT 下载 600000.SH 的日线 0/1"]


def test_a_hung_question_ends_at_its_deadline_and_later_ones_are_not_waited_for() -> None:
    with room(HURRIED) as here:
        here.data.security(BANK)
        here.desk.trouble.hang.add("get_market_data3")
        with pytest.raises(DataError, match="get_market_data_ex 在时限内没有返回"):
            here.data.minutes(BANK, DAYS[0])
        asked = len(here.desk.calls)
        for _ in range(50):
            with pytest.raises(DataError, match="5 秒内不再询问"):
                here.data.minutes(BANK, DAYS[0])
        assert len(here.desk.calls) == asked
        here.desk.release()
        here.pass_s(6)
        assert here.data.minutes(BANK, DAYS[0]) is not None


def test_minutes_of_a_past_day_add_up_to_its_daily_bar() -> None:
    """L04."""
    with room() as here:
        minutes, day = here.data.minutes(BANK, DAYS[0]), here.data.daily(BANK, DAYS[0], DAYS[0])
        assert minutes is not None
        assert minutes.volume.sum() == day.volume[0] == 240_000_000
        assert minutes.money.sum() == pytest.approx(day.money[0])
        assert len(minutes.close) == 240


def test_the_opening_auctions_own_bar_belongs_to_the_first_minute() -> None:
    with room() as here:
        at = stamp(datetime(2025, 6, 3, 9, 30))
        row = {"time": at, "open": 9.9, "high": 9.9, "low": 9.9, "close": 9.9, "volume": 500, "amount": 495_000.0}
        row.update(settelementPrice=0.0, openInterest=0, preClose=0.0, suspendFlag=0)
        here.desk.serve("600000.SH", "1m", [row])
        minutes = here.data.minutes(BANK, DAYS[0])
        assert minutes is not None
        assert (minutes.open[0], minutes.low[0], minutes.close[0]) == (9.9, 9.9, 10.0)
        assert minutes.volume[0] == 1_050_000
        assert minutes.money[0] == 10_000_000 + 495_000


def test_the_running_days_minutes_grow_as_they_end() -> None:
    """Q03: at 10:00:05 the bar that ended at 10:00 is the newest."""
    with room(at=datetime(2025, 6, 6, 10, 0, 5)) as here:
        first = here.data.minutes(BANK, TODAY)
        here.pass_s(60)
        here.desk.calls.clear()
        second = here.data.minutes(BANK, TODAY)
        assert first is not None and second is not None
        assert (int((first.volume > 0).sum()), int((second.volume > 0).sum())) == (30, 31)
        assert first.close[29:31].tolist() == [10.029, 10.029]  # a minute yet to come shows the price before it
        assert second.close[30] == pytest.approx(10.030)
        assert calls(here, "supply_history_data2") == 0  # the subscription brings it


def test_within_one_minute_the_running_bars_are_read_once() -> None:
    with room(at=datetime(2025, 6, 6, 10, 0, 5)) as here:
        for _ in range(20):
            here.data.minutes(BANK, TODAY)
        assert calls(here, "get_market_data3") == 1


@pytest.mark.parametrize("how", ["drop_connections", "forget_subscriptions"])
def test_running_minutes_go_on_after_the_subscription_was_lost(how: str) -> None:
    with room(at=datetime(2025, 6, 6, 10, 0, 5)) as here:
        here.data.minutes(BANK, TODAY)
        getattr(here.desk, how)()
        for _ in range(5):
            here.pass_s(60)
            bars = here.data.minutes(BANK, TODAY)
            assert bars is not None
        assert int((bars.volume > 0).sum()) >= 34
        assert (("600000.SH",), "1m") in here.client().subscribed()


def test_before_the_first_minute_has_ended_the_price_is_the_opening_one() -> None:
    with room(at=datetime(2025, 6, 6, 9, 30, 20)) as here:
        assert here.data.minutes(BANK, TODAY) is None
        here.desk.push(BANK, 10.3, 5_000)
        here.pass_s(2)
        bars = here.data.minutes(BANK, TODAY)
        assert bars is not None
        assert set(bars.close.tolist()) == {10.3}


def test_single_subscriptions_stay_within_what_the_vendor_advises() -> None:
    with room(at=datetime(2025, 6, 6, 10, 0, 5)) as here:
        codes = [Code(f"60{number:04d}.XSHG") for number in range(1, FOLLOWED_MINUTES + 4)]
        many = FakeMarket()
        for code in codes:
            many.add(code, {TODAY: 10.0}, prev_close=10.0)
        here.desk.feed(many, codes, [TODAY])
        for code in codes:
            assert here.data.minutes(code, TODAY) is not None
        assert calls(here, "subscribe_quote") == FOLLOWED_MINUTES
        assert calls(here, "supply_history_data2") <= 4


def test_asking_twice_gives_the_same_bars() -> None:
    """Q05."""
    with room() as here:
        first, second = (here.data.daily(BANK, FIRST, DAYS[2]) for _ in range(2))
        assert first.close.tolist() == second.close.tolist()
        assert np.all(first.prev_close == second.prev_close)


def test_an_unknown_code_has_nothing_and_is_asked_for_again() -> None:
    unknown = Code("605999.XSHG")
    with room() as here:
        assert here.data.security(unknown) is None
        assert len(here.data.daily(unknown, FIRST, TODAY)) == 0
        assert here.data.minutes(unknown, TODAY) is None
        assert here.data.ticks(unknown, TODAY) is None
        here.desk.details["605999.SH"] = {**here.desk.details["600000.SH"], "InstrumentID": "605999"}
        assert here.data.security(unknown) is not None


def test_snapshots_of_a_past_day_are_in_shares() -> None:
    with room() as here:
        begin = datetime(2025, 6, 4, 9, 30)
        rows = [snapshot_row(begin + timedelta(seconds=3 * n), 10.0 + n / 100, 150_000 * (n + 1)) for n in range(5)]
        for row, more in zip(rows, range(5), strict=True):
            row.update(low=10.0, high=10.0 + more / 100, amount=10.0 * 150_000 * (more + 1))
        here.desk.serve("600000.SH", "tick", rows)
        ticks = here.data.ticks(BANK, DAYS[1])
        assert ticks is not None
        assert ticks.times[0].item() == begin
        assert ticks.volume.tolist() == [150_000, 300_000, 450_000, 600_000, 750_000]
        assert ticks.ask_volume[0].tolist() == [1000] * 5
        assert ticks.bid_price[2].tolist() == pytest.approx([10.02, 10.01, 10.0, 9.99, 9.98])


def test_dividends_are_per_share_and_a_bare_factor_is_a_split() -> None:
    with room() as here:
        here.desk.factors["600000.SH"]["20250701"] = {
            "time": stamp(datetime(2025, 7, 1)), "interest": 0.0, "stockBonus": 0.0, "stockGift": 0.0,
            "allotNum": 0.0, "allotPrice": 0.0, "gugai": 0.0, "dr": 2.0,
        }  # fmt: skip
        told = [(one.ex_date, one.cash_per_share, one.share_ratio) for one in here.data.corporate_actions(BANK)]
        assert told == [(DAYS[2], 0.5, 0.0), (date(2025, 7, 1), 0.0, 1.0)]
        assert here.data.corporate_actions(PAB) == []


def test_index_members_and_the_catalogue() -> None:
    with room() as here:
        here.desk.weights["000300.SH"] = {"600000.SH": 0.6, "000001.SZ": 0.4, "T2509.IF": 0.1}
        here.desk.sectors["沪深A股"] = ["600000.SH", "000001.SZ"]
        assert here.data.index_members(Code("000300.XSHG"), TODAY) == [PAB, BANK]
        assert not here.notes
        here.data.index_members(Code("000300.XSHG"), date(2020, 1, 2))
        assert "只有当前的" in here.notes[0]
        assert [one.code for one in here.data.securities()] == [PAB, BANK]
