"""Quotes that stop, come late, fail, or are dated another day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta

import pytest

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.events import CallbackFailed, DayClosed, OrderPlaced, OrderRefused, StateNote
from bullet_trade.engine.inbox import Inbox, Message
from bullet_trade.engine.schedule import traded_s
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.market_data import DailyBars, MinuteBars, Ticks
from bullet_trade.ports.quotes import Tick
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import ScriptedBroker
from bullet_trade.testing.fake_market import FakeMarket

A, B, C = "000001.XSHE", "600000.XSHG", "600519.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
STOP = datetime.combine(DAY, time(10, 30))
HEAD = "from jqdata import *\nA, B, C = '000001.XSHE', '600000.XSHG', '600519.XSHG'\n"


class Source(FakeMarket):
    """A market whose source fails for some securities, or has nothing of them, until a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()
        self.blank: set[str] = set()
        for code in (A, B, C):
            self.add(code, {DAY: 10.0, NEXT: 10.0}, prev_close=10.0)

    def _check(self, code: str) -> None:
        if code in self.down:
            raise DataError(f"{code} 的行情读不到", "检查数据源")

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        self._check(code)
        return None if code in self.blank else super().minutes(code, day)

    def ticks(self, code: Code, day: date) -> Ticks | None:
        self._check(code)
        return super().ticks(code, day)

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        self._check(code)
        return super().daily(code, first, min(last, DAY - timedelta(days=1)) if code in self.blank else last)


def during(*events: tuple[str, Callable[[], object]]) -> Callable[[Session], None]:
    """What happens from outside at times of the first day."""

    def prepare(session: Session) -> None:
        for at, action in events:
            session.parts.timers.add(datetime.combine(DAY, time.fromisoformat(at)), Rank.MARKET, action)

    return prepare


def run(source: str, market: FakeMarket, last: date = DAY, **more: object) -> DaysRun:
    return run_days(HEAD + source, market, DAY, last, **more)  # type: ignore[arg-type]


def said(ran: DaysRun) -> list[str]:
    return [f"{at:%H:%M} {text}" for at, text in ran.recorder.said()]


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ("00:00", 0),
        ("09:30", 0),
        ("09:30:30", 30),
        ("11:30", 7200),
        ("12:15", 7200),
        ("13:00:01", 7201),
        ("15:00", 14400),
        ("23:59", 14400),
    ],
)
def test_breaks_are_no_trading_time(at: str, seconds: int) -> None:
    assert traded_s(datetime.combine(DAY, time.fromisoformat(at))) == seconds


class Frozen:
    """Quotes of a source that pushes, whose newest price stays where it was."""

    def __init__(self, session: Session) -> None:
        quotes = session.parts.quotes
        self._age, self._now = quotes.age_s, session.parts.clock.now
        self._stopped: datetime | None = None
        quotes.age_s = self.age_s  # type: ignore[method-assign]

    def stop(self) -> None:
        self._stopped = self._now()

    def go_on(self) -> None:
        self._stopped = None

    def age_s(self, code: Code) -> float | None:
        if self._stopped is None:
            return self._age(code)
        return traded_s(self._now()) - traded_s(self._stopped)


TRADING = (
    "def initialize(context):\n"
    "    for at in ('10:00', '10:04', '11:00', '13:00:30', '14:00'): run_daily(trade, at)\n"
    "def trade(context):\n    order(A, 100, LimitOrderStyle(10.0), wait_timeout=0)\n"
)


def trading(stop: str, go_on: str) -> DaysRun:
    def prepare(session: Session) -> None:
        frozen = Frozen(session)
        during((stop, frozen.stop), (go_on, frozen.go_on))(session)

    return run(TRADING, Source(), broker=ScriptedBroker().on, prepare=prepare)


def test_while_quotes_stand_still_and_the_account_is_well_orders_are_refused() -> None:
    """D03 D08: no disconnect callback at all; the orders come back with the quotes."""
    ran = trading("10:02:30", "13:30")
    assert [f"{event.at:%H:%M}" for event in ran.recorder.of(OrderPlaced)] == ["10:00", "10:04", "14:00"]
    refused = ran.recorder.of(OrderRefused)
    assert [(f"{event.at:%H:%M}", event.rule) for event in refused] == [
        ("11:00", "stale_quote"),
        ("13:00", "stale_quote"),
    ]
    assert "已有 3450 秒没有更新" in refused[0].text


def test_the_lunch_break_makes_no_quote_old() -> None:
    """D03: quotes that ended with the morning are fresh at 13:00:30."""
    ran = trading("11:29:57", "13:01")
    assert ran.recorder.of(OrderRefused) == []
    assert len(ran.recorder.of(OrderPlaced)) == 5


def test_a_history_in_which_the_clock_moves_is_never_old() -> None:
    seen: list[float | None] = []

    def prepare(session: Session) -> None:
        for at in ("09:31", "09:31:59", "11:30", "12:59", "13:00:30", "13:01", "14:59:59", "15:00"):
            during((at, lambda: seen.append(session.parts.quotes.age_s(Code(A)))))(session)

    run(TRADING, Source(), prepare=prepare)
    assert len(seen) == 8
    assert all(age is not None and 0 <= age < 60 for age in seen)


class TestSubscriptions:
    """D04: one of several fails; the others flow, and it is tried again until it works."""

    TICKS = (
        "def initialize(context): subscribe([A, B, C], 'tick')\n"
        "def handle_tick(context, tick): log.info(tick.code)\n"
    )  # fmt: skip

    def first_ticks(self, ran: DaysRun) -> dict[str, str]:
        first: dict[str, str] = {}
        for at, code in ran.recorder.said():
            first.setdefault(code, f"{at:%H:%M}")
        return first

    def test_a_source_that_fails_for_one(self) -> None:
        market = Source()
        market.down = {B}
        ran = run(self.TICKS, market, prepare=during(("10:15:30", market.down.clear)), autosave_s=60.0, stop_at=STOP)
        assert self.first_ticks(ran) == {A: "09:31", C: "09:31", B: "10:17"}
        notes = [note.text for note in ran.recorder.of(StateNote)]
        assert [B in text and "每分钟重试" in text for text in notes] == [True]

    def test_data_that_land_later(self) -> None:
        """Q08: what was empty is not kept."""
        market = Source()
        market.blank = {B}
        ran = run(self.TICKS, market, prepare=during(("09:45:05", market.blank.clear)), autosave_s=60.0, stop_at=STOP)
        assert self.first_ticks(ran) == {A: "09:31", C: "09:31", B: "09:47"}

    def test_unsubscribed_meanwhile_it_is_not_tried_again(self) -> None:
        market = Source()
        market.down = {B}
        source = self.TICKS.replace("'tick')\n", "'tick'); run_daily(less, '9:40')\n", 1)
        source += "def less(context): unsubscribe([B], 'tick')\n"
        ran = run(source, market, prepare=during(("10:15", market.down.clear)), autosave_s=60.0, stop_at=STOP)
        assert set(self.first_ticks(ran)) == {A, C}


def test_history_that_was_empty_is_asked_for_again() -> None:
    """Q08: asked at once and again five seconds later."""
    market = Source()
    whole = market.daily
    empty = [True]

    def daily(code: Code, first: date, last: date) -> DailyBars:
        return whole(code, first, date(1990, 1, 1) if empty else last)

    market.daily = daily  # type: ignore[method-assign]
    ran = run(
        "def initialize(context): run_daily(ask, '10:00'); run_daily(ask, '10:00:05')\n"
        "def ask(context): log.info(str(attribute_history(A, 1, '1d', ['close'], skip_paused=False).close.tolist()))\n",
        market,
        NEXT,
        start=datetime.combine(NEXT, time(9)),
        prepare=lambda session: session.parts.timers.add(  # type: ignore[arg-type,return-value]
            datetime.combine(NEXT, time(10, 0, 2)), Rank.MARKET, empty.clear
        ),
    )
    assert said(ran)[-1] == "10:00 [10.0]"
    assert said(ran)[0] != "10:00 [10.0]"


class Counting(VirtualClock):
    """Counts the passes of the loop."""

    passes = 0

    def wait(self, inbox: Inbox, until: datetime | None) -> Message | None:
        self.passes += 1
        return super().wait(inbox, until)


def test_a_source_that_is_down_is_told_and_the_day_is_closed_all_the_same() -> None:
    """N06: the source is down from 10:00 to 10:10 and again at the close; the loop does not run hot."""
    market, clocks = Source(), []

    def clock(start: datetime) -> Counting:
        clocks.append(Counting(start))
        return clocks[0]

    source = (
        "def initialize(context):\n    subscribe([B], 'tick')\n"
        "    run_daily(buy, '9:40')\n    run_daily(minute, 'every_minute')\n"
        "def buy(context):\n    order(A, 100)\n    order(C, 100, StopMarketOrderStyle('stop_loss', 50.0))\n"
        "def minute(context): attribute_history(A, 5, '1m', ['close'])\n"
        "def handle_tick(context, tick): pass\n"
    )
    seen: list[int] = []

    def fail(session: Session) -> None:
        feed = session.parts.quotes
        answer = feed.last_price

        def last_price(code: Code) -> float:
            market._check(code)
            return answer(code)

        feed.last_price = last_price  # type: ignore[method-assign]
        feed_events = (
            ("10:00:30", lambda: (market.down.update({A, C}), seen.append(clocks[0].passes))),
            ("10:10:30", lambda: (market.down.clear(), seen.append(clocks[0].passes))),
            ("14:59:30", lambda: market.down.update({A, B, C})),
        )
        during(*feed_events)(session)

    ran = run(source, market, broker=ScriptedBroker().on, prepare=fail, clock=clock)
    assert seen[1] - seen[0] < 600  # ten minutes: stop orders look every 3 s, the minute tasks and ticks once a minute
    assert [event.day for event in ran.recorder.of(DayClosed)] == [DAY]
    assert ran.recorder.of(DayClosed)[0].holdings[0].amount == 100
    told = [text for _, text in ran.recorder.said() if "看不到价格" in text]
    assert len(told) == 2  # once for each outage
    assert all("读不到" in failed.error for failed in ran.recorder.of(CallbackFailed))


class TestDates:
    """F08: quotes dated tomorrow or yesterday."""

    def snapshots(self, *dates: date) -> list[tuple[datetime, float, int]]:
        rows = [(datetime.combine(day, time(9, 30 + n)), 20.0 + day.day, 100 * n) for day in dates for n in range(1, 4)]
        return sorted(rows)

    @pytest.mark.parametrize("wrong", [date(2025, 6, 2), NEXT])
    def test_snapshots_of_another_day_are_counted_and_not_used(self, wrong: date) -> None:
        market = Source().add(A, {DAY: 23.0}, prev_close=23.0, ticks={DAY: self.snapshots(DAY, wrong)})
        ran = run(
            "def initialize(context): subscribe([A], 'tick'); run_daily(buy, '9:35')\n"
            "def handle_tick(context, tick): log.info('%.2f' % tick.current)\n"
            "def buy(context): log.info('%.2f' % get_current_tick(A).current)\n",
            market,
            ticks_everywhere=True,
        )
        assert [text for _, text in ran.recorder.said()] == ["23.00"] * 4
        assert ran.session.parts.quotes.misdated == 3  # type: ignore[attr-defined]
        (note,) = ran.recorder.of(StateNote)
        assert "3 个快照的日期不是 2025-06-03" in note.text

    def test_pushed_snapshots_of_another_day_do_not_reach_the_strategy(self) -> None:
        def prepare(session: Session) -> None:
            def push(days: Iterable[date]) -> None:
                for day in days:
                    session.parts.inbox.put_tick(
                        Tick(code=Code(A), datetime=datetime.combine(day, time(10)), current=9.9)
                    )

            during(("10:00", lambda: push([NEXT, DAY, date(2025, 6, 2), NEXT])))(session)

        ran = run("def handle_tick(context, tick): log.info('tick')\n", Source(), prepare=prepare)
        assert [text for _, text in ran.recorder.said()] == ["tick"]
        assert ran.session.engine.misdated_ticks == 3
        assert len(ran.recorder.of(StateNote)) == 1


def test_a_burst_at_the_open_gives_a_buy_once_strategy_one_order() -> None:
    """Q09: the auction and the first snapshots of several seconds at once, with a counter that answers late."""
    burst = [(datetime.combine(DAY, time(9, 25)), 10.0, 1000)]
    burst += [(datetime.combine(DAY, time(9, 30, n // 4)), 10.0 + n / 100, 2000 + n) for n in range(40)]
    market = Source().add(A, {DAY: 10.0}, prev_close=10.0, ticks={DAY: burst})
    broker = ScriptedBroker(100_000)
    broker.usual = []
    ran = run(
        "def initialize(context): subscribe([A], 'tick')\n"
        "def handle_tick(context, tick):\n"
        "    if A not in context.portfolio.positions and not get_open_orders():\n        order(A, 100)\n",
        market,
        broker=broker.on,
        ticks_everywhere=True,
    )
    assert len(broker.submitted) == 1
    assert len(ran.recorder.of(OrderPlaced)) == 1
