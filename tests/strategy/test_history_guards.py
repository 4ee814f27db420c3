"""What a strategy must be able to trust of history: zones, unfinished bars, copies, factors, gaps, units."""

from __future__ import annotations

import contextvars
import threading
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from data_probe import ask

from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import OrderPlaced, StrategySaid
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.logbook import formatted
from bullet_trade.ops.narration import narrate
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket, Minute

CODE = "600000.XSHG"
DAYS = [date(2025, 6, day) for day in (3, 4, 5, 6, 9, 10)]
HEAD = "from jqdata import *\nfrom datetime import datetime, timezone, timedelta\nimport pandas as pd\n"


def rising(day: date) -> list[Minute]:
    """Minute n of the day trades at 10 + n / 100 yuan, and a little more on each later day."""
    return [10.0 + DAYS.index(day) + n / 100 for n in range(240)]


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    return FakeMarket().add(CODE, {day: rising(day) for day in DAYS}, prev_close=10.0)


class TestZones:
    """F02: the same window as naive, Shanghai and UTC times."""

    WINDOWS = (
        ("'2025-06-05 13:05:00'", "'2025-06-06 10:00:00'"),
        ("'2025-06-05 13:05:00+08:00'", "'2025-06-06 10:00:00+08:00'"),
        ("'2025-06-05T05:05:00Z'", "'2025-06-06T02:00:00Z'"),
        (
            "pd.Timestamp('2025-06-05 13:05', tz='Asia/Shanghai')",
            "pd.Timestamp('2025-06-06 10:00', tz='Asia/Shanghai')",
        ),
        ("pd.Timestamp('2025-06-05 05:05', tz='UTC')", "pd.Timestamp('2025-06-05 22:00', tz='America/New_York')"),
        (
            "__import__('datetime').datetime(2025, 6, 5, 5, 5, tzinfo=__import__('datetime').timezone.utc)",
            "__import__('datetime').datetime(2025, 6, 6, 2, 0, tzinfo=__import__('datetime').timezone.utc)",
        ),
    )

    @pytest.mark.parametrize("unit", ["1m", "5m"])
    def test_history_has_the_same_rows(self, market: FakeMarket, unit: str) -> None:
        calls = [
            f"get_price('{CODE}', start_date={first}, end_date={last}, frequency='{unit}', fields=['close', 'volume'])"
            for first, last in self.WINDOWS
        ]
        naive, *others = ask(
            market, "2025-06-09 10:30", *(call.replace("pd.", "__import__('pandas').") for call in calls)
        )
        assert naive.index[0] == pd.Timestamp("2025-06-05 13:05" if unit == "1m" else "2025-06-05 13:10")
        assert naive.index[-1] == pd.Timestamp("2025-06-06 10:00")
        for other in others:
            pd.testing.assert_frame_equal(other, naive)

    def test_bars_and_ticks_take_aware_ends_too(self, market: FakeMarket) -> None:
        forms = (
            "'2025-06-06 10:00:00'",
            "'2025-06-06T02:00:00Z'",
            "__import__('pandas').Timestamp('2025-06-06T02:00Z')",
        )
        bars = ask(market, "2025-06-09 10:30", *(f"get_bars('{CODE}', 3, '1m', end_dt={form})" for form in forms))
        assert [list(one["date"]) for one in bars] == [list(bars[0]["date"])] * 3

    def test_a_time_to_come_is_one_in_any_zone(self, market: FakeMarket) -> None:
        call = f"get_price('{CODE}', count=1, end_date='2025-06-09T02:31:00Z', frequency='1m')"
        refused = ask(market, "2025-06-09 10:30", call, setup="set_option('avoid_future_data', True)")
        assert "晚于当前时间" in str(refused)


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("10:30:59", "10:30"),
        ("10:31:00", "10:31"),
        ("10:31:05", "10:31"),
        ("11:30:00", "11:30"),
        ("12:59:59", "11:30"),
        ("13:00:59", "11:30"),
        ("13:01:00", "13:01"),
        ("15:00:00", "15:00"),
    ],
)
def test_the_last_minute_bar_has_ended(market: FakeMarket, now: str, newest: str) -> None:
    """Q03: its end is not after now; replay and live run this very code."""
    source = HEAD + (
        f"def initialize(context): run_daily(look, '{now}')\n"
        "def look(context):\n"
        "    now = context.current_dt\n"
        f"    for call in (lambda: get_price('{CODE}', count=1, end_date=now, frequency='1m').index[-1],\n"
        f"                 lambda: get_bars('{CODE}', 1, '1m', df=True)['date'].iloc[-1],\n"
        f"                 lambda: history(1, '1m', 'close', ['{CODE}']).index[-1],\n"
        f"                 lambda: attribute_history('{CODE}', 1, '1m', ['close']).index[-1]):\n"
        "        log.info(pd.Timestamp(call()).strftime('%H:%M'))\n"
    )
    ran = run_days(source, market, DAYS[1], DAYS[1])
    assert [text for _, text in ran.recorder.said()] == [newest] * 4


QUESTIONS = (
    f"get_price('{CODE}', count=5, end_date=context.current_dt, frequency='1m')",
    f"get_price('{CODE}', count=3, end_date=context.previous_date)",
    f"attribute_history('{CODE}', 3, '1d')",
    f"history(3, '1d', 'close', ['{CODE}'])",
    f"get_bars('{CODE}', 3, '1d', include_now=True)",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_question_has_the_same_answer_whatever_was_done_to_the_last_one(
    market: FakeMarket, question: str
) -> None:
    """Q05: asked three times, spoilt in between, and from two threads of the strategy."""
    actions = {DAYS[2]: CorporateAction(DAYS[2], 0.5, 0.0)}
    split = FakeMarket().add(
        CODE,
        {day: rising(day) for day in DAYS},
        prev_close=10.0,
        references={DAYS[2]: 12.0},
        actions=[actions[DAYS[2]]],
    )
    seen: dict[str, object] = {}
    source = HEAD + (
        "def initialize(context): run_daily(look, '10:30')\n"
        "def look(context):\n"
        f"    ask = lambda: {question}\n"
        "    answers = []\n"
        "    for n in range(3):\n"
        "        one = ask()\n        answers.append(one.copy())\n"
        "        if hasattr(one, 'iloc'): one.iloc[:, :] = -1.0\n"
        "        else: one['close'] = -1.0\n"
        "    g.report(answers, ask)\n"
    )

    def report(answers: list[object], again: object) -> None:
        seen["answers"] = answers
        threads, found = [], []
        for _ in range(2):
            inside = contextvars.copy_context()
            threads.append(threading.Thread(target=lambda run=inside: found.append(run.run(again))))  # type: ignore[misc,arg-type]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen["threads"] = found

    ran = run_days(source, split, DAYS[4], DAYS[4], prepare=lambda session: setattr(session.g, "report", report))
    assert ran.recorder.said() == []
    first, *others = [*seen["answers"], *seen["threads"]]  # type: ignore[misc]
    assert len(others) == 4
    for other in others:
        if isinstance(first, pd.DataFrame):
            pd.testing.assert_frame_equal(other, first)
        else:
            np.testing.assert_array_equal(other, first)


@pytest.fixture(scope="module")
def paying() -> FakeMarket:
    """A share that pays 1.00 yuan on 06-05."""
    closes = dict(zip(DAYS, (20.0, 20.0, 19.0, 19.0, 19.0), strict=False))
    paid = CorporateAction(DAYS[2], 1.0, 0.0)
    return FakeMarket().add(CODE, closes, prev_close=20.0, references={DAYS[2]: 19.0}, actions=[paid])


class TestExDay:
    """Q06: a dividend of 1.00 on 06-05: the close before is 20.00, the exchange's reference price 19.00."""

    @pytest.mark.parametrize(
        ("now", "closes"),
        [
            ("2025-06-04 10:00", [20.0]),  # the day before: nothing has happened yet
            ("2025-06-05 10:00", [19.0, 19.0]),  # 20 x 19/20
            ("2025-06-06 10:00", [19.0, 19.0, 19.0]),
        ],
    )
    def test_history_is_in_units_of_the_day_on_which_it_is_read(
        self, paying: FakeMarket, now: str, closes: list[float]
    ) -> None:
        frame = ask(paying, now, f"attribute_history('{CODE}', {len(closes)}, '1d', ['close'])")
        assert frame["close"].tolist() == closes

    def test_unadjusted_and_by_another_reference_day(self, paying: FakeMarket) -> None:
        raw, earlier = ask(
            paying,
            "2025-06-06 10:00",
            f"get_price('{CODE}', count=3, end_date='2025-06-05', fields=['close'], fq=None)",
            f"get_bars('{CODE}', 3, '1d', ['close'], fq_ref_date='2025-06-04')",
        )
        assert raw["close"].tolist() == [20.0, 20.0, 19.0]
        assert earlier["close"].tolist() == [20.0, 20.0, 20.0]

    def test_orders_are_at_real_prices(self, paying: FakeMarket) -> None:
        source = (
            "from jqdata import *\ndef initialize(context): run_daily(buy, '10:00')\n"
            f"def buy(context): order('{CODE}', 100, LimitOrderStyle(get_current_data()['{CODE}'].last_price))\n"
        )
        for day, price in ((DAYS[1], 20.0), (DAYS[2], 19.0)):
            (placed,) = run_days(source, paying, day, day).recorder.of(OrderPlaced)
            assert (placed.order.limit_price, placed.order.reference_price) == (price * 10_000, price * 10_000)


def test_minutes_without_trade_are_filled_and_count() -> None:
    """Q07: the last price, volume 0; the lunch break has no bars; a halted day before gives the price before it."""
    gaps: list[Minute] = [10.0 + n / 100 for n in range(240)]
    for n in range(100, 130):
        gaps[n] = (10.99, 10.99, 10.99, 10.99, 0)
    halted = FakeMarket().add(CODE, {DAYS[0]: 10.0, DAYS[1]: None, DAYS[2]: gaps}, prev_close=10.0)
    frame = ask(
        halted,
        "2025-06-05 13:30",
        f"get_price('{CODE}', count=60, end_date=context.current_dt, frequency='1m', fields=['close', 'volume'])",
    )
    expected = [*pd.date_range("2025-06-05 11:01", "2025-06-05 11:30", freq="min")]
    expected += [*pd.date_range("2025-06-05 13:01", "2025-06-05 13:30", freq="min")]
    assert list(frame.index) == expected
    quiet = frame["volume"] == 0
    assert quiet.sum() == 30  # 11:11 to 11:30 and 13:01 to 13:10
    assert set(frame["close"][quiet]) == {10.99}
    early = ask(
        halted,
        "2025-06-05 09:32",
        f"get_price('{CODE}', count=60, end_date=context.current_dt, frequency='1m', fields=['close', 'volume'])",
    )
    assert list(early.index[-3:]) == [pd.Timestamp(f"2025-06-{at}") for at in ("04 15:00", "05 09:31", "05 09:32")]
    assert len(early) == 60
    assert set(early["close"][:-2]) == {10.0}
    assert set(early["volume"][:-2]) == {0.0}


SYNTHETIC_DAY = date(2025, 3, 12)


@pytest.fixture(scope="module")
def synthetic() -> SyntheticMarket:
    return SyntheticMarket(1, sessions=exchange_calendar().sessions(date(2024, 1, 2), date(2025, 12, 31)))


@pytest.mark.parametrize("code", ["600519.XSHG", "300750.XSHE", "510300.XSHG", "159915.XSHE", "110125.XSHG"])
def test_the_minutes_of_a_day_add_up_to_its_daily_volume_in_shares(synthetic: SyntheticMarket, code: str) -> None:
    """L04: volumes are shares (units of a fund) in both, money is yuan: their quotient is a price."""
    minute, daily = ask(
        synthetic,
        "2025-03-13 09:31",
        f"get_price('{code}', '2025-03-12 09:31:00', '2025-03-12 15:00:00', '1m', ['volume', 'money'])",
        f"get_price('{code}', count=1, end_date='2025-03-12', fields=['volume', 'money', 'high', 'low'], fq=None)",
    )
    row = daily.iloc[0]
    assert len(minute) == 240
    assert minute["volume"].sum() == row["volume"] > 0
    assert minute["money"].sum() == pytest.approx(row["money"])
    assert row["low"] * 0.999 <= row["money"] / row["volume"] <= row["high"] * 1.001


def test_volume_of_snapshots_grows_over_a_day_and_begins_again_the_next(synthetic: SyntheticMarket) -> None:
    """L05: `tick.volume` is what traded since the open, not the size of the last trade."""
    source = (
        "from jqdata import *\n"
        "def initialize(context): subscribe('600519.XSHG', 'tick'); g.seen = {}\n"
        "def handle_tick(context, tick):\n"
        "    g.seen.setdefault(context.current_dt.date(), []).append((tick.volume, tick.money))\n"
    )
    ran = run_days(source, synthetic, SYNTHETIC_DAY, SYNTHETIC_DAY + timedelta(days=1))
    days: dict[date, list[tuple[int, float]]] = ran.session.g.seen
    assert len(days) == 2
    for day, rows in days.items():
        volumes = [volume for volume, _ in rows]
        assert volumes == sorted(volumes)
        assert [money for _, money in rows] == sorted(money for _, money in rows)
        bars = synthetic.minutes(Code("600519.XSHG"), day)
        assert bars is not None
        assert volumes[-1] == int(bars.volume.sum())
        assert len(rows) > 1000
    first, second = (rows for _, rows in sorted(days.items()))
    assert second[0][0] < first[-1][0]


def test_minute_snapshots_of_a_source_without_ticks_follow_the_same_rule(market: FakeMarket) -> None:
    """L05"""
    source = (
        "from jqdata import *\n"
        f"def initialize(context): subscribe('{CODE}', 'tick')\n"
        "def handle_tick(context, tick): log.info('%d' % tick.volume)\n"
    )
    ran = run_days(source, market, DAYS[0], DAYS[1])
    volumes = [int(text) for _, text in ran.recorder.said()]
    assert volumes == [1_000_000 * n for n in range(1, 241)] * 2


def test_a_line_of_the_strategy_carries_its_own_time_and_the_clock() -> None:
    """The platform's log shows the strategy's own time; an order wait moves the clock and not it."""
    source = (
        "from jqdata import *\ndef initialize(context): run_daily(buy, '10:00')\n"
        "def buy(context):\n    log.info('before')\n"
        f"    order('{CODE}', 100, LimitOrderStyle(9.9))\n    log.info('after')\n"
    )
    calm = FakeMarket().add(CODE, {DAYS[0]: 10.0}, prev_close=10.0)
    told = run_days(source, calm, DAYS[0], DAYS[0]).recorder.of(StrategySaid)
    ten, later = datetime(2025, 6, 3, 10, 0), datetime(2025, 6, 3, 10, 0, 16)
    assert [(line.at, line.logical, line.text) for line in told] == [(ten, ten, "before"), (later, ten, "after")]
    lines = [formatted(line) for line in map(narrate, told) if line is not None]
    assert lines == ["2025-06-03 10:00:00 [信息] before", "2025-06-03 10:00:00 [信息] after（实际 10:00:16）"]
