"""History and reference data of the terminal, as `ports.market_data.MarketData`.

The terminal answers from files on its disk, which hold what was downloaded before. What is missing is downloaded on
demand, for all securities at once that were asked for lately; what is over and complete is kept here. The running day's
minutes come from a subscription that the terminal keeps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from threading import Event
from typing import TypeVar

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.codes import normalize, to_qmt
from bullet_trade.ports.market_data import BARS_PER_DAY, CorporateAction, DailyBars, MinuteBars, Ticks
from bullet_trade.quotes.daily import NO_DAYS, between, with_today
from bullet_trade.quotes.minutes import before_the_first
from bullet_trade.quotes.qmt import bars, describing
from bullet_trade.quotes.qmt.days import sessions
from bullet_trade.quotes.qmt.fetching import Fetched
from bullet_trade.quotes.qmt.moments import day_text
from bullet_trade.quotes.qmt.pushes import QmtTicks
from bullet_trade.quotes.qmt.terminal import Terminal
from bullet_trade.quotes.qmt_remote.bars import Columns, last_minute
from bullet_trade.quotes.reference import reference_price
from bullet_trade.strategy.data.axis import ended_minutes

SECTORS = ("沪深A股", "京市A股", "沪深基金", "沪深指数")
FOLLOWED_MINUTES = 50
"""Securities whose running minutes are subscribed, as the vendor's manual advises; more are downloaded each minute."""
KEPT = 4_000
PATIENCE_S = 1.0
"""A minute bar that is not there yet is not asked for again sooner."""
LOOKS = 3
"""How often bars are looked for after their download has ended."""
PRESENT = timedelta(days=31)
"""Index members change twice a year or so; of a day longer ago the present ones may be wrong."""

K = TypeVar("K")
T = TypeVar("T")


class QmtMarketData:
    """Implements `ports.market_data.MarketData` over a `Terminal`. One thread."""

    synthetic = False
    label = "QMT 行情"

    def __init__(self, terminal: Terminal, ticks: QmtTicks) -> None:
        self.source = ticks
        self._terminal = terminal
        self._terms = terminal.terms
        self._now = terminal.clock.now
        self._fetched = Fetched(terminal)
        self._daily: OrderedDict[tuple[Code, date, date], DailyBars] = OrderedDict()
        self._minutes: OrderedDict[tuple[Code, date], MinuteBars] = OrderedDict()
        self._running: dict[Code, tuple[datetime, float, int, MinuteBars | None]] = {}
        """The running day: the minute in which it was read, when that was, minutes in it, and the bars."""
        self._followed: dict[Code, tuple[int, date, int]] = {}
        """Subscribed minutes: on which connection, on which day, and the subscription's number."""
        self._securities: dict[Code, tuple[date, Security]] = {}
        self._actions: dict[Code, tuple[date, Sequence[CorporateAction]]] = {}
        self._days: tuple[date, list[date]] | None = None
        self._weights_on = date.min
        self._told: set[str] = set()

    @property
    def tell(self) -> Callable[[str], None]:
        """Told, in Chinese, what takes long or is missing."""
        return self._terminal.tell

    @tell.setter
    def tell(self, tell: Callable[[str], None]) -> None:
        self._terminal.tell = tell

    def close(self) -> None:
        """End the subscriptions and the connection."""
        self.source.close()

    # -- reference data --------------------------------------------------------------------------------------------

    def trading_days(self) -> Sequence[date] | None:
        today = self._now().date()
        if self._days is None or self._days[0] != today:
            self._days = (today, sessions(self._terminal.trading_dates(), self._terminal.holidays()))
        return self._days[1] or None

    def coverage(self) -> tuple[date, date] | None:
        return None

    def security(self, code: Code) -> Security | None:
        today = self._now().date()
        known = self._securities.get(code)
        if known is None or known[0] != today:
            row = self._terminal.detail(code)
            if row is None:  # not remembered: a terminal that is still waking up does not know its securities yet
                return None
            known = self._securities[code] = (today, describing.security_of(code, row))
        return known[1]

    def securities(self) -> Sequence[Security]:
        self._terminal.fetch_sectors()
        codes = {code for title in SECTORS for code in _codes(self._terminal.sector(title))}
        found = (self.security(code) for code in sorted(codes))
        return [security for security in found if security is not None]

    def corporate_actions(self, code: Code) -> Sequence[CorporateAction]:
        today = self._now().date()
        known = self._actions.get(code)
        if known is None or known[0] != today:
            dated = ((bars.ex_date_of(row), row) for row in self._terminal.factors(to_qmt(code)))
            actions = [bars.action_of(row, day) for day, row in dated if day is not None]
            known = self._actions[code] = (today, sorted(actions, key=lambda action: action.ex_date))
        return known[1]

    def index_members(self, index: Code, day: date) -> Sequence[Code]:
        """The present members, whatever the day: the terminal has no others. A day long ago is told."""
        today = self._now().date()
        if self._weights_on != today:
            self._weights_on = today
            self._terminal.fetch_weights()
        if today - day > PRESENT:
            self._tell_once(f"{index} {day} 的成分股：QMT 只有当前的，按当前的给出")
        return sorted(_codes(list(self._terminal.weights(to_qmt(index)))))

    # -- daily bars ------------------------------------------------------------------------------------------------

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        """Daily bars; the running day has a row that says what it is measured against."""
        security = self.security(code)
        if security is None:
            return NO_DAYS
        today = self._now().date()
        yesterday = min(last, today - timedelta(days=1))
        key = (code, first, yesterday)
        found = self._daily.get(key)
        if found is None:
            found = self._read_daily(security, first, yesterday)
            if len(found) and self._whole(security, found, yesterday):
                _keep(self._daily, key, found)
        if first <= today <= last and self._is_session(today) and security.listed_on(today):
            found = self._with_today(security, found, today)
        return found

    def _read_daily(self, security: Security, first: date, last: date) -> DailyBars:
        code = security.code
        if last < first or last < security.list_date:
            return NO_DAYS
        found = self._daily_rows(security, first, last)
        if self._whole(security, found, last) and self._reaches_back(security, found, first):
            return found
        trouble: DataError | None = None
        try:
            new = self._fetched.fetch("1d", code, first.replace(month=1, day=1), last)
        except DataError as error:
            new, trouble = False, error
        for look in range(LOOKS if new else 1):
            if look:
                Event().wait(self._terms.settle_s)
            found = self._daily_rows(security, first, last)
            if self._whole(security, found, last):
                break
        if not self._whole(security, found, last):
            if trouble is not None:
                raise trouble
            newest = found.days[-1] if len(found) else "没有"
            self._tell_once(f"{code} 到 {last} 的日线不全（QMT 最新：{newest}），可能停牌，也可能还没下载完")
        return found

    def _daily_rows(self, security: Security, first: date, last: date) -> DailyBars:
        table = self._terminal.table(to_qmt(security.code), "1d", day_text(first), day_text(last))
        if table is None or not len(table):
            return NO_DAYS
        found = between(bars.daily_bars(security, bars.columns(table)), first, last)
        return bars.with_references(security, found, self.corporate_actions(security.code))

    def _whole(self, security: Security, found: DailyBars, last: date) -> bool:
        """Whether the newest bar is that of the last session that there can be one of."""
        days = self.trading_days() or ()
        place = bisect_right(days, min(last, security.end_date)) - 1
        if place < 0 or days[place] < security.list_date:
            return True
        return len(found) > 0 and bool(found.days[-1].item() >= days[place])

    def _reaches_back(self, security: Security, found: DailyBars, first: date) -> bool:
        days = self.trading_days() or ()
        place = bisect_left(days, max(first, security.list_date))
        return place == len(days) or (len(found) > 0 and bool(found.days[0].item() <= days[place]))

    def _is_session(self, day: date) -> bool:
        days = self.trading_days() or ()
        place = bisect_left(days, day)
        return place < len(days) and days[place] == day

    def _with_today(self, security: Security, found: DailyBars, today: date) -> DailyBars:
        details = self.source.details(security.code)
        at = details.prev_close or 0.0
        if not at and len(found):
            actions = self.corporate_actions(security.code)
            at = reference_price(security, float(found.close[-1]), found.days[-1].item(), today, actions)
        return with_today(found, today, at, bool(details.paused)) if at > 0 else found

    # -- minutes ---------------------------------------------------------------------------------------------------

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        security, now = self.security(code), self._now()
        if security is None or not security.listed_on(day) or day > now.date():
            return None
        if day == now.date():
            return self._today(security, now)
        found = self._minutes.get((code, day))
        if found is None:
            found = self._past_minutes(security, day)
            if found is not None:  # nothing may only mean that a download is on its way
                _keep(self._minutes, (code, day), found)
        return found

    def _past_minutes(self, security: Security, day: date) -> MinuteBars | None:
        found = self._minute_rows(security, day)
        if found is None or last_minute(found, day) < BARS_PER_DAY:
            month_end = min(_month_end(day), self._now().date() - timedelta(days=1))
            self._fetched.fetch("1m", security.code, day.replace(day=1), month_end)
            found = self._minute_rows(security, day)
        return bars.minute_bars(security, found, day) if found is not None else None

    def _minute_rows(self, security: Security, day: date) -> Columns | None:
        start, end = f"{day:%Y%m%d}093000", f"{day:%Y%m%d}150000"
        table = self._terminal.table(to_qmt(security.code), "1m", start, end)
        return bars.columns(table) if table is not None and len(table) else None

    def _today(self, security: Security, now: datetime) -> MinuteBars | None:
        """The running day's bars, read once a minute, and again while the newest one has not come."""
        code, ended = security.code, ended_minutes(now)
        minute, clock_s = now.replace(second=0, microsecond=0), self._terminal.clock.monotonic()
        held = self._running.get(code)
        complete = held is not None and held[0] == minute and held[2] >= ended
        if held is None or not (complete or (held[0] == minute and clock_s - held[1] < PATIENCE_S)):
            found = self._running_rows(security, now, ended)
            made = bars.minute_bars(security, found, now.date()) if found is not None else None
            newest = last_minute(found, now.date()) if found is not None else 0
            held = self._running[code] = (minute, clock_s, newest, made)
        return held[3] if held[3] is not None else before_the_first(self.source, code, now.date())

    def _running_rows(self, security: Security, now: datetime, ended: int) -> Columns | None:
        """From the subscription; where that is behind by more than the newest minute, from a download. A subscription
        that was behind what the download brought is dead, and made anew."""
        code, day = security.code, now.date()
        followed = self._follow(code, day)
        found = self._minute_rows(security, day)
        newest = last_minute(found, day) if found is not None else 0
        if newest >= ended - (1 if followed else 0) or not ended:
            return found
        self._fetched.fetch("1m", code, day, day, until=now)
        found = self._minute_rows(security, day)
        if followed and found is not None and last_minute(found, day) > newest:
            self._terminal.unsubscribe(self._followed.pop(code)[2])
        return found

    def _follow(self, code: Code, day: date) -> bool:
        """Whether the running minutes were subscribed before; subscribes them."""
        connection = self._terminal.connection()
        for one, (made_on, subscribed_on, subscription) in list(self._followed.items()):
            if made_on != connection or subscribed_on != day:
                del self._followed[one]
                if made_on == connection:
                    self._terminal.unsubscribe(subscription)
        if code in self._followed:
            return True
        if len(self._followed) < FOLLOWED_MINUTES:
            made = self._terminal.subscribe_minutes(to_qmt(code), day_text(day))
            if made > 0:
                self._followed[code] = (connection, day, made)
        return False

    # -- snapshots -------------------------------------------------------------------------------------------------

    def ticks(self, code: Code, day: date) -> Ticks | None:
        security, now = self.security(code), self._now()
        if security is None or day > now.date() or not security.listed_on(day):
            return None
        today = day == now.date()
        self._fetched.fetch("tick", code, day, day, until=now if today else None)
        table = self._terminal.table(
            to_qmt(code), "tick", day_text(day) + "000000", f"{datetime.combine(day, time(23, 59, 59)):%Y%m%d%H%M%S}"
        )
        return bars.ticks(security, table, day) if table is not None and len(table) else None

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._terminal.tell(text)


def _codes(names: Sequence[str]) -> list[Code]:
    """Our codes of the terminal's; securities of other markets are left out."""
    found = []
    for name in names:
        try:
            found.append(normalize(name))
        except UsageError:
            continue
    return found


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _keep(held: OrderedDict[K, T], key: K, value: T) -> None:
    held[key] = value
    while len(held) > KEPT:
        held.popitem(last=False)
